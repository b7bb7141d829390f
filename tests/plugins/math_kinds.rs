//! `math_grader`, kind by kind: whole responses, the verdict, and the text that was judged.

use serde_json::Map;

use crate::snapshot;
use crate::verifiers::verdicts;

fn kind(name: &str, cases: &[(&str, &str)]) {
    snapshot(&format!("math_grader__{name}"), &verdicts("math_grader", &Map::new(), cases));
}

#[test]
fn where_the_answer_stands() {
    kind(
        "extraction",
        &[
            ("1/2", "<think>\\boxed{3}</think> It is \\boxed{\\frac{1}{2}}."),
            ("0.5", "<think>Half.</think><answer>1/2</answer>"),
            ("18", "She makes 9 * 2 = $<<9*2=18>>18 every day.\nA: 18"),
            ("1080", "#### 1,080"),
            ("70000", "The answer is $70,000."),
            ("5", "**Final Answer:** x = 5"),
            ("120", "Final Answer: The volume of $ABCDEFGH$ is 120. I hope it is correct."),
            ("7", "We first guess $\\boxed{5}$, which fails. Redoing the count gives $\\boxed{7}$."),
            ("1,2", "so \\boxed{1} and \\boxed{2}"),
            ("3", "$\\boxed{3}\\boxed{4}\\boxed{5}$"),
            ("x \\le 2", "Thus $x <= 2$ is our answer."),
            ("13/28", "计划的比例为13/28"),
            ("858", "因此，一共有**858颗**糖果。"),
            ("20", "Solving yields $x=1/5$, or $\\boxed{20}$ percent."),
            ("7", "<think>so 7 and then"),
            ("7", "I cannot say."),
            ("7", ""),
        ],
    );
}

#[test]
fn numbers() {
    kind(
        "numbers",
        &[
            ("\\frac{63}{8}", "\\boxed{7.875}"),
            ("1000000", "\\boxed{1\\times 10^{6}}"),
            ("1", "\\boxed{1e999999999}"),
            ("\\frac{1}{3}", "\\boxed{0.3333333333}"),
            ("\\frac{1}{3}", "\\boxed{0.33}"),
            ("-2\\frac12", "\\boxed{-2.5}"),
            ("10", "\\boxed{4 10/3}"),
            ("42", "\\boxed{４２}"),
            ("0", "\\boxed{\\frac{1}{0}}"),
            ("2^{100}", "\\boxed{1267650600228229401496703205376}"),
            ("999999!", "\\boxed{1000000!}"),
            ("1", "\\boxed{(10^9)!}"),
            ("1", "\\boxed{\\cos(10^{10^{10}})}"),
        ],
    );
}

#[test]
fn expressions() {
    kind(
        "expressions",
        &[
            ("x^2+2x+1", "\\boxed{(x+1)^2}"),
            ("\\sqrt{1/n}", "\\boxed{\\frac{1}{\\sqrt{n}}}"),
            ("\\tan^2(y)+1", "\\boxed{\\sec^2(y)}"),
            ("\\frac{\\pi r}{h+r}", "\\boxed{\\pi r/(r+h)}"),
            ("(a+b+c+d+e)^{50}", "\\boxed{(a+b+c+d+e)^{50}+1}"),
            ("\\sqrt{x^2}", "\\boxed{x}"),
            ("3+4i", "\\boxed{4i+3}"),
            ("\\frac{BC}{AC}", "\\boxed{BC/AC}"),
            ("6", "\\boxed{\\left|\\prod_{k=1}^{3} k\\right|}"),
            ("0.301030", "\\boxed{\\sqrt[3]{2+\\sqrt5}+\\sqrt[3]{2-\\sqrt5}}"),
            ("0", "\\boxed{\\tan(\\log(550m))}"),
            ("F_n = \\sum_{k=0}^{n-1} F_k F_{n-k-1}", "$F_n = \\sum_{k=0}^{n-1} F_{n-k-1} F_k$"),
            ("5", "\\boxed{x}"),
            ("1", "\\boxed{\\int_0^1 1\\,dx}"),
        ],
    );
}

#[test]
fn quantities() {
    kind(
        "quantities",
        &[
            ("\\$18", "It costs 18 dollars."),
            ("125 miles", "The distance is $\\boxed{125\\textnormal{ miles}}.$"),
            ("28\\%", "about 28%"),
            ("0.28", "about 28%"),
            ("1000.99", "it's 1,000.99m²"),
            ("45^\\circ", "\\boxed{45°}"),
            ("\\cos 60^\\circ", "\\boxed{1/2}"),
            ("2 hours", "\\boxed{120\\text{ minutes}}"),
            ("2 hours", "\\boxed{120\\text{ hours}}"),
            ("12\\text{ in}", "\\boxed{1\\text{ ft}}"),
            ("12\\text{ in}", "\\boxed{12}"),
        ],
    );
}

#[test]
fn relations_and_regions() {
    kind(
        "relations",
        &[
            ("y=2x+3", "\\boxed{2x-y+3=0}"),
            ("\\sin(x)=\\frac{42}{59}", "\\boxed{\\cos(x)=\\frac{42}{59}}"),
            ("f(2) < f(1) < f(4)", "\\boxed{f(2) < f(1) < f(4)}"),
            ("-793 < a < 10", "\\boxed{(-793, 10)}"),
            ("x \\neq 5", "The solution is $x != 5$"),
            ("[-1, -\\frac12) \\cup (0, 1)", "\\boxed{(0,1)\\cup[-1,-\\tfrac12)}"),
            ("5", "\\boxed{x \\geq 0}"),
            ("(-a,0)", "\\boxed{(-a,\\ 0)}"),
        ],
    );
}

#[test]
fn collections() {
    kind(
        "collections",
        &[
            ("-12;-11;-10", "$\\boxed{\\{-12, -11, -10\\}}$"),
            ("3 \\pm 2 \\sqrt{2}", "\\boxed{3-2\\sqrt2, 3+2\\sqrt2}"),
            ("(3,-2)", "\\boxed{\\left(3,\\ -2\\right)}"),
            ("a=4,\\,-8,\\,-10", "$\\boxed{-10,-8,4}$"),
            ("n=2, 3, 4", "$n=1, 2, 3$"),
            (
                "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
                "$\\left[\\begin{array}{cc}1&2\\\\3&4\\end{array}\\right]$",
            ),
            ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\boxed{\\begin{pmatrix}1\\\\2\\\\3\\end{pmatrix}}"),
            ("3", "\\boxed{3 \\text{ or } 4}"),
            ("5, 5, 5\\text{ cm}", "\\boxed{5, 5\\text{ kg}, 5}"),
            ("5, 5\\text{ kg}, 5", "\\boxed{5, 5, 5\\text{ cm}}"),
            ("\\{3:5\\}", "\\boxed{\\{4:5\\}}"),
            ("\\{3:5\\}", "\\boxed{\\{6:10\\}}"),
            ("\\{12:30\\}", "\\boxed{30}"),
            ("\\{x : x>3\\}", "\\boxed{(3,\\infty)}"),
        ],
    );
}

#[test]
fn words_and_choices() {
    kind(
        "words",
        &[
            ("\\text{Thursday}", "\\boxed{thursday}"),
            ("odd", "\\boxed{\\text{oddd}}"),
            ("C", "<think>maybe A? no.</think>\nThe correct option is **C**."),
            ("D", "The answer is for sure D, it can't be A or B"),
            ("B", "It can't be B; the right choice is C.\n\nAnswer: C"),
            ("B", "\\boxed{\\text{(B)}}"),
            ("\\text{4:30 p.m.}", "\\boxed{4:30 PM}"),
            ("3:5", "\\boxed{5:3}"),
            ("1011_2", "\\boxed{1011_{2}}"),
        ],
    );
}

#[test]
fn references_that_cannot_be_read() {
    let cases = [
        "$$",
        "\\frac{1}{",
        "(1, 2",
        "\\begin{pmatrix}1&2\\\\3\\end{pmatrix}",
        "1 +",
        "x = \\foo",
        "\\sum k",
    ];
    kind("bad_references", &cases.map(|reference| (reference, "\\boxed{7}")));
}
