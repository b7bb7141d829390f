//! Values worked out by hand: what the normal form makes of powers, roots, functions and sums.

use ts_math::algebra::{Sum, Trouble, Work, normal};
use ts_math::syntax::parse;

fn value(text: &str) -> Result<Sum, Trouble> {
    normal(&parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}")), &Work::new(ts_math::WORK))
}

/// Both sides have one normal form, as data.
fn one_form(pairs: &[(&str, &str)]) {
    for (a, b) in pairs {
        assert_eq!(value(a), value(b), "{a} and {b}");
    }
}

#[test]
fn numbers() {
    one_form(&[
        ("\\frac{6}{8}", "0.75"),
        ("2\\frac13", "7/3"),
        ("-2\\frac13", "-7/3"),
        ("0.1\\overline{6}", "1/6"),
        ("0.\\overline{142857}", "1/7"),
        ("1e-3", "0.001"),
        ("1011_2", "11"),
        ("150\\%", "1.5"),
        ("2/3/4", "1/6"),
        ("1/2\\pi", "\\pi/2"),
        ("-3^2", "-9"),
        ("2^3^2", "512"),
        ("5!", "120"),
        ("7!!", "105"),
        ("3!!", "3"),
    ]);
}

#[test]
fn powers_and_roots() {
    one_form(&[
        ("8^{2/3}", "4"),
        ("\\sqrt{12}", "2\\sqrt3"),
        ("\\sqrt6", "\\sqrt2\\sqrt3"),
        ("\\frac{1}{\\sqrt2}", "\\frac{\\sqrt2}{2}"),
        ("\\sqrt[3]{-8}", "-2"),
        ("\\sqrt{-4}", "2i"),
        ("\\sqrt[3]{4}", "2^{2/3}"),
        ("\\frac{1}{1+\\sqrt2}", "\\sqrt2-1"),
        ("\\frac{1}{\\sqrt2+\\sqrt3}", "\\sqrt3-\\sqrt2"),
        ("\\frac{1}{1-i}", "\\frac{1+i}{2}"),
        ("i^{7}", "-i"),
        ("(1+i)^{2}", "2i"),
        ("4^{n}", "2^{2n}"),
        ("6^{n}", "2^n3^n"),
        ("2\\cdot2^{n}", "2^{n+1}"),
        ("(e^{x})^{2}", "e^{2x}"),
        ("e^{\\ln x}", "x"),
        ("x^{n+1}", "x\\cdot x^n"),
        ("\\sqrt{x^{2}}", "|x|"),
        ("|x|^{2}", "x^2"),
        ("(2x+2)^{-1}", "\\frac{1}{2(x+1)}"),
        ("(1-x)^{-1}", "-\\frac{1}{x-1}"),
    ]);
    for undefined in ["\\frac{1}{0}", "0^0", "0^{-1}", "\\frac{1}{x-x}", "\\ln0", "\\ln(-1)", "(-1)!"] {
        assert!(matches!(value(undefined), Err(Trouble::Undefined(_))), "{undefined}");
    }
}

#[test]
fn functions() {
    one_form(&[
        ("\\sin30^\\circ", "\\frac12"),
        ("\\cos\\frac{\\pi}{12}", "\\frac{\\sqrt6+\\sqrt2}{4}"),
        ("\\cos\\frac{7\\pi}{5}", "\\frac{1-\\sqrt5}{4}"),
        ("\\tan\\frac{\\pi}{3}", "\\sqrt3"),
        ("\\sin(x+\\pi)", "-\\sin x"),
        ("\\cos(-x)", "\\cos x"),
        ("\\sin(\\frac{\\pi}{2}-x)", "\\cos x"),
        ("\\sin77^\\circ", "\\cos13^\\circ"),
        ("\\sin^2x", "1-\\cos^2x"),
        ("\\sec x", "\\frac{1}{\\cos x}"),
        ("\\sinh x", "\\frac{e^x-e^{-x}}{2}"),
        ("\\arcsin\\frac12", "\\frac{\\pi}{6}"),
        ("\\arccos(-1)", "\\pi"),
        ("\\arctan\\sqrt3", "\\frac{\\pi}{3}"),
        ("\\ln8", "3\\ln2"),
        ("\\ln\\frac23", "\\ln2-\\ln3"),
        ("\\ln(e^3x)", "3+\\ln x"),
        ("\\log_28", "3"),
        ("\\log_42", "\\frac12"),
        ("|{-3}|", "3"),
        ("|1-\\sqrt2|", "\\sqrt2-1"),
        ("|3+4i|", "5"),
        ("\\lfloor-\\pi\\rfloor", "-4"),
        ("\\lceil\\sqrt{15}\\rceil", "4"),
        ("-7\\bmod3", "-1"),
        ("(-7)\\bmod3", "2"),
        ("\\gcd(3.6,2.4)", "\\frac65"),
        ("\\operatorname{lcm}(\\frac12,3)", "3"),
        ("\\max(\\pi,\\sqrt{10},3)", "\\sqrt{10}"),
        ("\\binom{n}{2}", "\\frac{n(n-1)}{2}"),
        ("\\binom{3}{5}", "0"),
        ("\\Re(3+4i)", "3"),
        ("\\overline{3+4i}", "3-4i"),
        ("e^{i\\pi/3}", "\\frac12+\\frac{\\sqrt3}{2}i"),
    ]);
}

#[test]
fn sums_products_and_determinants() {
    one_form(&[
        ("\\sum_{k=1}^{10}k^2", "385"),
        ("\\prod_{k=1}^{5}k", "120"),
        ("\\sum_{k=0}^{3}x^k", "1+x+x^2+x^3"),
        ("\\sum_{i=1}^{3}i", "6"),
        ("\\sum_{k=1}^{n}xk^2", "\\sum_{j=1}^{n}j^2x"),
        ("\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}", "-2"),
        ("\\begin{vmatrix}a&b&c\\\\0&d&e\\\\0&0&f\\end{vmatrix}", "adf"),
        ("(x+y)^3", "x^3+3x^2y+3xy^2+y^3"),
        ("(a+5)(b+2)", "ab+2a+5b+10"),
    ]);
}
