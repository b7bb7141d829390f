//! Tables of responses and where their answers stand, a table for each way of giving one.
//!
//! In: responses. Out: the texts at the places that are found. Left out on purpose: what the answers are worth.

use ts_extract::How::{self, Boxed, Formula, Number, Stated, Tagged};
use ts_extract::{answer, boxed};

/// The places' texts, joined by ` | `, and the way.
fn found(response: &str) -> Option<(String, How)> {
    answer(response).map(|found| (texts(response, &found.places), found.how))
}

fn texts(text: &str, places: &[std::ops::Range<usize>]) -> String {
    let texts: Vec<&str> = places.iter().map(|place| &text[place.clone()]).collect();
    texts.join(" | ")
}

#[track_caller]
fn check(how: How, table: &[(&str, &str)]) {
    for (response, expected) in table {
        assert_eq!(found(response), Some(((*expected).to_owned(), how)), "{response:?}");
    }
}

#[test]
fn boxes() {
    check(
        Boxed,
        &[
            ("So $\\boxed{7}$.", "7"),
            ("\\fbox{7}", "7"),
            ("\\boxed {7}", "7"),
            ("$\\boxed 5$", "5"),
            ("\\boxed 42.", "42"),
            ("is \\\\boxed{\\\\frac{1}{2}}.", "\\\\frac{1}{2}"),
            ("\\\\boxed{\\\\{1, 2\\\\}}", "\\\\{1, 2\\\\}"),
            ("\\boxed{\\left\\{ 1, 2 \\right.}", "\\left\\{ 1, 2 \\right."),
            (
                "\\boxed{\n\\begin{pmatrix} 0 \\\\ 1 \\end{pmatrix}\n}",
                "\\begin{pmatrix} 0 \\\\ 1 \\end{pmatrix}",
            ),
            ("\\boxed{5}? No. $\\boxed{7}$.", "7"),
            ("\\boxed{\\boxed{17}}", "17"),
            ("\\boxed{4}}}} and then \\boxed{{{5", "4"),
            ("\\boxed{4} \\boxed{}", "4"),
            ("The answer is 5, that is \\boxed{6}. The answer is 7.", "6"),
            ("x = \\boxed{\\frac{1}{2", "\\frac{1}{2"),
        ],
    );
}

#[test]
fn boxes_side_by_side_are_one_answer() {
    check(
        Boxed,
        &[
            ("$\\boxed{3}\\boxed{4}\\boxed{5}$", "3 | 4 | 5"),
            ("\\boxed{1} and \\boxed{2} and \\boxed{3}", "1 | 2 | 3"),
            ("$$\\boxed{2}, \\boxed{3}, \\boxed{5}$$", "2 | 3 | 5"),
            ("\\boxed{1} papers and \\boxed{2} bins", "1 | 2"),
            ("$\\boxed{a} \\quad \\text{and} \\quad \\boxed{b}$", "a | b"),
            ("\\(\\boxed{1}\\) 和 \\(\\boxed{2}\\)", "1 | 2"),
            ("\\boxed{0}. Then \\boxed{1}, \\boxed{2}", "1 | 2"),
            ("\\boxed{1} no, finally \\boxed{7}", "7"),
            ("\\boxed{1} no, \\boxed{7}", "7"),
            ("\\boxed{840}.\n\n**Final Answer**\n\\boxed{840}", "840"),
            ("$$\\boxed{5}$$\n\n$$\\boxed{5}$$", "5"),
            ("\\frac{\\boxed{1}}{\\boxed{2}}", "2"),
        ],
    );
}

#[test]
fn tags() {
    check(
        Tagged,
        &[
            ("<answer>7</answer>", "7"),
            ("<answer>1</answer> or <answer>\n2\n</answer><answer> </answer>", "2"),
            ("<think>3</think><answer>x = 4</answer> The answer is 5.", "x = 4"),
        ],
    );
}

#[test]
fn statements() {
    check(
        Stated,
        &[
            ("3*360 = 1080.\n#### 1,080", "1,080"),
            ("2 + 1 = 3. The answer is 3.", "3"),
            ("We get $8$. Final answer is B", "B"),
            ("**Final Answer:** 540 meters", "540 meters"),
            ("**Final Answer**\n\n$x = 5$", "x = 5"),
            ("## Answer\r\n\r\n\\[\r\n7\r\n\\]\r\n", "7"),
            ("**Answer**: 5\nthanks", "5"),
            ("Step 2.\nA: 26", "26"),
            ("Ans: 4", "4"),
            ("So.\nAnswer 9", "9"),
            ("Answer $ 9 $", "9"),
            ("Answer \\( (9+1) \\)", "(9+1)"),
            ("The answers are 3 and 4.", "3 and 4"),
            ("The answer to the question is 42.", "42"),
            ("The answer, then, is `42`!", "42"),
            ("The answer should be 12.5.", "12.5"),
            ("The answer is $10.", "$10"),
            ("The answer is x^2 + 1.", "x^2 + 1"),
            ("The answer is sin x.", "sin x"),
            ("The answer is > 5.", "> 5"),
            ("The answer is\r\n7\r\n", "7"),
            ("So.\n<answer>7", "7"),
            ("The answer is 5 because 2 + 3 = 5.", "5"),
            ("The answer is\n\n**blue**.", "blue"),
            ("First answer: 4. Second answer: 5.", "5"),
        ],
    );
}

#[test]
fn statements_in_other_languages() {
    check(
        Stated,
        &[
            ("因此，答案是 $11$。", "11"),
            ("所以答案为12。", "12"),
            ("答案：3", "3"),
            ("La réponse est 5.", "5"),
            ("La respuesta correcta es 6.", "6"),
            ("Die Antwort lautet 7.", "7"),
            ("Ответ: 8", "8"),
        ],
    );
}

#[test]
fn what_a_statement_states() {
    check(
        Stated,
        &[
            ("The final answer is $-\\frac{5}{3}$. I hope it is correct.", "-\\frac{5}{3}"),
            ("Answer:\n$\\frac{1}{2}$ as said", "\\frac{1}{2}"),
            ("The answer is $28$ %.", "$28$ %"),
            ("The answer is $125$ miles.", "$125$ miles"),
            ("The answer is $1$, $2$ and $3$.", "1 | 2 | 3"),
            ("The answer is therefore 5 apples.", "5 apples"),
            ("The answer is for sure 5", "5"),
            ("Answer: **42** units", "42"),
            ("The answer is the letter D.", "D"),
            ("The answer is for sure D, it can't be A or B", "D"),
            ("Final Answer: The volume of $ABCDEFGH$ is 120. I hope it is correct.", "120"),
            ("Final Answer: Jane started growing Sphere 3 hours ago. <|im_start|>user", "3"),
            ("Answer: The interval where it holds is $[0, 1)$.", "[0, 1)"),
            ("Answer: the colour is blue.", "blue"),
        ],
    );
}

#[test]
fn statements_that_hold_nothing_are_passed_over() {
    check(
        Stated,
        &[
            ("The answer is 5. I hope this answer is correct.", "5"),
            ("#### 5\n\nThe answer is", "5"),
            ("#### 5\nThe answer is not 6.", "5"),
            ("Answer: 5\n#### Remarks\nNone.", "5"),
            ("The answer is 5.\nThis question was answered.", "5"),
        ],
    );
    check(Number, &[("The answer is as follows. We get 5 of them.", "5")]);
}

#[test]
fn a_response_that_is_nothing_else() {
    check(
        Stated,
        &[
            ("28 pct", "28 pct"),
            ("-10/9", "-10/9"),
            ("[0,1)", "[0,1)"),
            ("1,22", "1,22"),
            ("\\frac{4}{23}", "\\frac{4}{23}"),
            ("$28$ %", "$28$ %"),
            ("12 square meters.", "12 square meters"),
            ("x = 1 or x = 2<|im_end|>", "x = 1 or x = 2"),
            ("<think>\\boxed{3}</think>\n\n**42**", "42"),
            ("f'", "f'"),
            ("½", "½"),
            ("Evelyn", "Evelyn"),
        ],
    );
    check(
        Formula,
        &[
            ("$$\n(1, +\\infty)\n$$", "(1, +\\infty)"),
            ("$odd$", "odd"),
            ("$all real numbers$", "all real numbers"),
        ],
    );
}

#[test]
fn formulas_in_passing() {
    check(
        Formula,
        &[
            ("Thus $x <= 2$ is our answer.", "x <= 2"),
            ("From $a = 1$ the sum is $A + B$", "A + B"),
            ("It is \\(x\\) or \\[ y^2 \\]", "y^2"),
            ("So \\[ x = 1 \\\\[2pt] y = 2. \\]", "x = 1 \\\\[2pt] y = 2"),
            ("It is \\\\(x^2\\\\).", "x^2"),
            ("There are $5$ values of $k$.", "5"),
            ("So \\begin{align} x &= 5 \\end{align}", "\\begin{align} x &= 5 \\end{align}"),
            ("There are 12 of them. So $n = 12$.", "n = 12"),
            ("It costs $5 and then \\$3, hence $x = 2$.", "x = 2"),
        ],
    );
}

#[test]
fn numbers_in_passing() {
    check(
        Number,
        &[
            ("Let $x$ be it. So it costs 12 dollars.", "12"),
            ("We see that $x$ is 12.", "12"),
            ("how many $? just about 1$", "1"),
            ("she pays $5 in and $7 out", "$7"),
            ("16 - 3 = <<16-3=13>>13", "13"),
            ("about -$1,250.50.", "-$1,250.50"),
            ("a third, 1/3, is 33.3\\%", "33.3\\%"),
            ("it is about 28 percent", "28 percent"),
            ("it took 2 1/2 hours", "2 1/2"),
            ("Soucis : 2,74 $ a..", "2,74"),
            ("it is 1{,}000 or so", "1{,}000"),
            ("it costs .5", ".5"),
            ("so x=-4", "-4"),
            ("an area of 50 cm^2 or m2", "50"),
            ("1. Take 7.\n2. Done.", "7"),
            ("计划的比例为13/28", "13/28"),
            ("因此，弗兰克一共有**858颗**糖果。", "858"),
            ("Therefore, **James writes 624 pages a year.**", "624"),
        ],
    );
}

#[test]
fn after_the_reasoning_comes_first() {
    check(Stated, &[("<think>\\boxed{3}</think>\nThe answer is 4.", "4")]);
    check(Boxed, &[("<think>\\boxed{3}</think>\nDone.", "3"), ("a </think> \\boxed{1}", "1")]);
    check(Boxed, &[("<think> so \\boxed{3}, then 4", "3")]);
    check(Number, &[("<think>7</think> It is 8, not 9", "9")]);
    for response in
        ["", "no idea", "I do not know.", "<think>so 12 and then", "</think> x <think> $y$", "\\boxed{}"]
    {
        assert_eq!(found(response), None, "{response:?}");
    }
}

#[test]
fn a_solution_serves_as_a_reference() {
    for (reference, expected) in [
        ("We see that 2 of 3 are left, so $\\boxed{\\frac{2}{3}}$ it is.", "\\frac{2}{3}"),
        ("$\\boxed{1}$ or $\\boxed{2}$", "1 | 2"),
        ("\\boxed{W(n) = 1", "W(n) = 1"),
    ] {
        assert_eq!(boxed(reference).map(|places| texts(reference, &places)).as_deref(), Some(expected));
    }
    assert_eq!(boxed("the answer is 5"), None);
}

#[test]
fn what_the_last_sentence_says() {
    check(
        Formula,
        &[
            ("The solutions are $x = 3$ and $x = 4$.", "x = 3 | x = 4"),
            ("We have $a=2$, $b=3$ and $c=5$.", "a=2 | b=3 | c=5"),
            ("If $x=3$, then $y=4$.", "y=4"),
            ("Since $x=3$, $y=4$.", "y=4"),
            ("The point is (1, 2).", "(1, 2)"),
            ("The solutions are x = 3 and x = 4.", "x = 3 and x = 4"),
        ],
    );
    check(Stated, &[("The function is even.", "even"), ("So. The day is Monday.", "Monday")]);
    check(Number, &[("Step 1: 3*5 = 15\nStep 2: Done.", "15")]);
    assert_eq!(found("It is so."), None);
}
