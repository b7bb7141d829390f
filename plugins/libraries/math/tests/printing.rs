//! What is printed of an answer reads as the same answer, whatever stands inside what.

use ts_math::algebra::Work;
use ts_math::compare::same;
use ts_math::syntax::parse;

#[test]
fn every_notation_is_read_back() {
    for text in [
        "x^*",
        "x^{*}",
        "1;2,4",
        "{1,2},3",
        "\\log_X(0,y)",
        "\\sqrt[n+1]{x}",
        "|\\prod_{k=1}^{16} n|",
        "\\left|\\sin x\\right| + |y|",
        "\\lvert\\sum_{k=1}^{3} k\\rvert",
        "(0,1)\\cup((2,3)\\setminus\\{5/2\\})",
        "\\mathbb{R}\\setminus(\\{1\\}\\cup\\{2\\})",
        "(1+x):3:\\frac12",
        "\\{1:2, 3:4\\}",
        "\\{3:5\\}",
        "\\$5, \\$\\frac12",
        "5\\text{ in}",
        "5\\text{ in}^2",
        "x\\text{ apples}",
        "\\overline{ab}\\cdot 2",
        "\\frac{BC}{AC}",
        "2^{AB!}",
        "\\det\\begin{pmatrix}1&2\\\\3&x\\end{pmatrix}",
        "\\gcd(4,x)",
        "x=1,y=2;x=2,y=1",
        "12:30\\text{ PM}",
        "1011_2",
        "in",
    ] {
        let node = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let printed = node.to_string();
        let read = parse(&printed).unwrap_or_else(|error| panic!("{text} prints {printed}: {error:?}"));
        let work = Work::new(ts_math::WORK);
        assert_eq!(same(&node, &read, &work), Ok(true), "{text} prints {printed}");
    }
}
