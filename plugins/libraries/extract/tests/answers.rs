//! Tables of responses and where their answers stand, a table for each way of giving one.
//!
//! In: responses. Out: the texts at the places that are found.

use ts_extract::How::{self, Boxed, Formula, Number, Prose, Stated, Tagged};
use ts_extract::{Relation, answer, boxed};

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
            ("\\boxed{4} \\boxed{}", "4"),
            ("The answer is 5, that is \\boxed{6}. The answer is 7.", "6"),
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
            ("Answer: **42** units", "42 | units"),
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
            ("she pays $3*4=$<<3*4=12>>12 now", "12"),
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
    check(Number, &[("<think>7</think> It is 8, not 9", "8")]);
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
        assert_eq!(boxed(reference).map(|found| texts(reference, &found.places)).as_deref(), Some(expected));
    }
    assert_eq!(boxed("the answer is 5"), None);
}

#[test]
fn formulas_side_by_side_are_one_answer() {
    check(
        Formula,
        &[
            ("The solutions are $x = 3$ and $x = 4$.", "x = 3 | x = 4"),
            ("The solutions are \\(x = 3\\) or \\(x = 4\\).", "x = 3 | x = 4"),
            ("We have $a=2$, $b=3$ and $c=5$.", "a=2 | b=3 | c=5"),
            ("We have $a=2$, $b=3$, and $c=5$.", "a=2 | b=3 | c=5"),
            ("Die Lösungen sind $3$ und $4$.", "3 | 4"),
            ("The solutions are $x=1$, $y=2$.", "x=1 | y=2"),
            ("These are $3,$ $4,$ and $5.$", "3 | 4 | 5"),
            ("\\(1\\) 和 \\(2\\) 都是", "1 | 2"),
            ("Solutions: $1$, $2$, $3$.", "1 | 2 | 3"),
        ],
    );
}

#[test]
fn formulas_with_prose_between_are_not() {
    check(
        Formula,
        &[
            ("If $x=3$ then $y=4$.", "y=4"),
            ("If $x=3$, then $y=4$.", "y=4"),
            ("Since $x=3$, $y=4$.", "y=4"),
            ("For $a=1$ and $b=2$, $c=3$.", "c=3"),
            ("It is $x=3$. And $y=4$.", "y=4"),
            ("$$x = 1$$\n$$y = 2$$", "y = 2"),
            ("Now \\[x + 1 = 2.\\]Therefore, $x = 1.$", "x = 1"),
            ("So \\begin{align}a&=1\\end{align}, $b = 2$", "b = 2"),
            ("Because $x$ cannot be $0$, $x = 5$.", "x = 5"),
        ],
    );
}

#[test]
fn plain_mathematics_that_ends_the_last_sentence() {
    check(
        Formula,
        &[
            ("The point is (1, 2).", "(1, 2)"),
            ("The domain is [2, 5).", "[2, 5)"),
            ("**Domain:** [2, 5]", "[2, 5]"),
            ("The set is {1, 2, 3}.", "{1, 2, 3}"),
            ("It is **(1, 2)**.<|im_end|>", "(1, 2)"),
            ("The length is 2√3.", "2√3"),
            ("The length is 2*sqrt(3).", "2*sqrt(3)"),
            ("The length is 2\\sqrt{3}.", "2\\sqrt{3}"),
            ("The period is 2π!", "2π"),
            ("The period is 2pi.", "2pi"),
            ("The sum is 1 + 2 + ... + n.", "1 + 2 + ... + n"),
            ("The sum is 1 + x + ...5x.", "1 + x + ...5x"),
            ("So x > .5.", "x > .5"),
            ("So x > 1,200.50.", "x > 1,200.50"),
            ("It tends to infinity.", "infinity"),
            ("So x > 3.", "x > 3"),
            ("So 0 <= x < 1.", "0 <= x < 1"),
            ("So |x - 1| < 3.", "|x - 1| < 3"),
            ("So it is {x | x > 3}.", "{x | x > 3}"),
            ("It simplifies to x^2 - 1.", "x^2 - 1"),
            ("It simplifies to x² - 1.", "x² - 1"),
            ("It is a 5 + x.", "5 + x"),
            ("The area is A = b*h/2.", "A = b*h/2"),
            ("That makes 2^10.", "2^10"),
            ("So f'(x) = 3x^2.", "f'(x) = 3x^2"),
            ("The derivative is cos x.", "cos x"),
            ("It's (1, 2).", "(1, 2)"),
            ("Let $k$ be it. So x > 3.", "x > 3"),
            ("x + 1 > 4 => x > 3, that is to say: x > 3.", "x > 3"),
            ("The odds are x:y.", "x:y"),
            ("The ratio is 2 : 3.", "2 : 3"),
        ],
    );
    check(Number, &[("The height is 2^4 = 16.", "16")]);
}

#[test]
fn plain_mathematics_in_lists() {
    check(
        Formula,
        &[
            ("The solutions are x = 3 and x = 4.", "x = 3 and x = 4"),
            ("The solutions are x = 3 or -3.", "x = 3 or -3"),
            ("We get a=2, b=3 and c=5.", "a=2, b=3 and c=5"),
            ("The solutions are x = 1, y = 2.", "x = 1, y = 2"),
            ("If n = 3, x > 5.", "x > 5"),
            ("In 2020, x > 3.", "x > 3"),
            ("With x = 2 and y = 3, (x, y) = (2, 3).", "(x, y) = (2, 3)"),
        ],
    );
}

#[test]
fn plain_mathematics_that_is_no_more_than_a_number() {
    check(
        Number,
        &[
            ("She has 3 * 4 = 12.", "12"),
            ("It is 5 x 3^2 = 45", "45"),
            ("So it is 5 x 3.", "3"),
            ("So 5 x 3 = 15 and 2 x 7 = 14.", "14"),
            ("So x = 12.", "12"),
            ("So 2x + 3 = 15.", "15"),
            ("So P(A) = 3/8.", "3/8"),
            ("So x = -1,200.", "-1,200"),
            ("That is 3*4 = <<3*4=12>>12", "12"),
            ("So x + y = <<3*4=12>>12", "12"),
            ("There are eight (8).", "8"),
            ("There are eight thousand (8,000).", "8,000"),
            ("The speed is 5 m/s.", "5"),
            ("An area of 50 cm^2", "50"),
            ("An area of 5 m^2.", "5"),
            ("The time is 5 min.", "5"),
            ("It took 10 min (600 sec).", "600"),
            ("He arrives between 7:30 a.m. and 8:30 p.m.", "8:30"),
            ("It was a class of 30, type-A.", "30"),
            ("I ate a 5.", "5"),
            ("The ratio of 2 to 3 is f(x) = 5 because x > 3.", "3"),
            ("It is (at least 5)", "5"),
            ("The ratio is 2:3.", "2:3"),
        ],
    );
}

#[test]
fn labels_are_no_answers() {
    check(
        Number,
        &[
            ("Step 1: 3*5 = 15\nStep 2: Done.", "15"),
            ("We get 7, as shown in Figure 3.", "7"),
            ("Part 1 gives 4. **Part 2:** nothing.", "4"),
            ("He has 7 of them, see chapter 12.", "7"),
            ("It takes 12 steps.", "12"),
            ("This is in step 2.", "2"),
            ("One of them costs $3 and each case $24.", "$24"),
        ],
    );
}

#[test]
fn what_the_last_sentence_says() {
    check(
        Prose,
        &[
            ("The function is even.", "even"),
            ("So. The day is Monday.", "Monday"),
            ("We look at it.\n\nThe winner was **Evelyn Smith**.", "Evelyn Smith"),
            ("There is no solution.", "no solution"),
            ("The function is even because of its symmetry.", "even"),
        ],
    );
    check(Stated, &[("**Yes**", "Yes")]);
    for response in [
        "It is so.",
        "No, it is not.",
        "What is your name?",
        "The reason is one that nobody of us has thought of.",
        "<think>The day is Monday.",
    ] {
        assert_eq!(found(response), None, "{response:?}");
    }
}

#[test]
fn a_box_that_the_text_ends_within_leaves_no_answer() {
    for response in [
        "I get \\boxed{4}? No, that fails. So it is \\boxed{1",
        "Thus the answer is $\\boxed{12",
        "The answer is 4. But checking again we get \\boxed{\\frac{1}{",
        "Maybe $\\boxed{4}$.\n\nHence $$\\boxed{",
        "<think>\\boxed{4}? no</think> Hence \\boxed{\\frac{3}{",
        "\\boxed{4}}}} and then \\boxed{{{5",
    ] {
        assert_eq!(found(response), None, "{response:?}");
    }
    check(
        Boxed,
        &[
            ("So $\\boxed{5$.", "5"),
            ("First \\boxed{4}. Then the result is $\\boxed{5$ as said.", "5"),
            ("So \\boxed{5<|im_end|>", "5"),
            ("It is \\boxed{5\nas said.", "5"),
        ],
    );
}

#[test]
fn boxes_that_say_the_same_are_one_answer() {
    let relation = |response: &str| answer(response).map(|found| found.relation);
    for (response, expected) in [
        ("\\boxed{\\sqrt2} \\approx \\boxed{1.414}", "\\sqrt2 \\approx 1.414"),
        ("Exact: \\boxed{\\sqrt{2}}, numerically \\boxed{\\approx 1.41}", "\\sqrt{2} \\approx 1.41"),
        ("\\(\\boxed{\\frac13}\\) (\\(\\approx \\boxed{0.333}\\))", "\\frac13 \\approx 0.333"),
        ("\\boxed{\\pi}, which is about $\\boxed{3.14}$.", "\\pi \\approx 3.14"),
        ("\\boxed{\\frac12}, or equivalently, \\boxed{0.5}.", "\\frac12 = 0.5"),
        ("$\\boxed{x} = \\boxed{5}$", "x = 5"),
        ("\\boxed{1/2} (i.e. \\boxed{0.5})", "1/2 = 0.5"),
        ("$\\boxed{5}$ or maybe $\\boxed{6}$", "5, 6"),
        ("$\\boxed{5}$ cm", "5 cm"),
        ("$\\boxed{50}\\%$", "50 \\%"),
        ("$\\boxed{5}\\text{ cm}$ long", "5 \\text{ cm}"),
        ("\\boxed{3} million people", "3 million"),
        ("\\boxed{5} apples", "5"),
        ("\\boxed{5} is the answer", "5"),
    ] {
        let text = answer(response).map(|found| found.text(response).into_owned());
        assert_eq!(text.as_deref(), Some(expected), "{response:?}");
    }
    assert_eq!(relation("\\boxed{1/2} = \\boxed{0.5}"), Some(Relation::Same));
    assert_eq!(relation("\\boxed{1/3} ≈ \\boxed{0.3}"), Some(Relation::Nearly));
    assert_eq!(relation("\\boxed{1}, \\boxed{2}"), Some(Relation::Parts));
}

#[test]
fn boxes_of_a_question_in_parts_are_one_answer() {
    check(
        Boxed,
        &[
            ("(a) \\boxed{3}\n(b) \\boxed{4}", "3 | 4"),
            ("**Part (a):** $\\boxed{3}$\n\n**Part (b):** $\\boxed{4}$", "3 | 4"),
            ("1. \\boxed{2}\n2. \\boxed{3}", "2 | 3"),
            ("$x = \\boxed{2}, y = \\boxed{3}$", "2 | 3"),
            ("x = \\boxed{2} and y_1 = \\boxed{3}", "2 | 3"),
            ("(\\boxed{2}, \\boxed{3})", "2 | 3"),
            ("x = \\boxed{3}, so y = \\boxed{7}", "7"),
            ("\\boxed{2}. So the total is \\boxed{3}", "3"),
        ],
    );
}

#[test]
fn a_remark_ends_a_statement_and_nothing_else_does() {
    check(
        Stated,
        &[
            ("The answer is 72, in total, so she can buy it.", "72"),
            ("The answer is 72; the farmer earns that much.", "72"),
            ("The answer is 72 (see above).", "72"),
            ("The answer is 72 — the total cost.", "72"),
            ("The answer is 72, which is 8 times 9.", "72"),
            ("The answer is 72 in total.", "72"),
            ("The answer is $72$; the farmer earns that much.", "72"),
            ("The answer is 5, not 6.", "5"),
            ("#### 72 (total)", "72"),
            ("The answer is 12, remainder 5.", "12, remainder 5"),
            ("The answer is $12$ remainder $5$.", "$12$ remainder $5$"),
            ("The answer is $5$ or more.", "$5$ or more"),
            ("The answer is 2, and a half.", "2, and a half"),
            ("The answer is $3$ hours $20$ minutes.", "$3$ hours $20$ minutes"),
            ("The answer is 1; 2.", "1; 2"),
            ("The answer is 5; or 6 if it rains.", "5; or 6 if it rains"),
            ("The answer is 5, but it could be 6.", "5, but it could be 6"),
            ("The answer is either 5 or 6.", "5 or 6"),
            ("Answer: he has 5 or 6 of them", "5 or 6"),
        ],
    );
}

#[test]
fn marks_and_cells_in_a_statement() {
    check(
        Stated,
        &[
            ("The answer is **25** dollars.", "25 | dollars"),
            ("The answer is **25**, which is odd.", "25"),
            ("The answer is <b>25</b>.", "25"),
            ("<p>The answer is <strong>25</strong></p>", "25"),
            ("The answer is **$25$**.", "25"),
            ("The answer is **5** or **6**.", "5 | or | 6"),
            ("The answer is **5** million.", "5 | million"),
            ("The answer is 2**3.", "2**3"),
            ("> **Answer:** 25", "25"),
            ("| Answer | -5 |", "-5"),
            ("| Cost | 5 |\n| **Answer** | **-25** |\n", "-25"),
            ("Answer\n======\n25", "25"),
            ("Answer: 42<｜end▁of▁sentence｜>", "42"),
        ],
    );
}

#[test]
fn statements_in_chinese() {
    check(
        Stated,
        &[
            ("答案是25元。", "25元"),
            ("最终答案：25", "25"),
            ("答案是**25**元。", "25 | 元"),
            ("**答案：25**", "25"),
            ("所以答案是 **25**，因为 5×5=25。", "25"),
            ("答案是25，因为每人5个。", "25"),
            ("答案为25（见上文）。", "25"),
            ("答案是：$25$。", "25"),
            ("正确答案应该是25。", "25"),
            ("答案是5或6。", "5或6"),
            ("### 答案\n25", "25"),
            ("【答案】25", "25"),
            ("答案是12，余5。", "12，余5"),
        ],
    );
    check(Number, &[("答案不是5，是7。", "7"), ("因此，这个数为**25**。", "25")]);
}

#[test]
fn an_answer_that_is_denied_or_taken_back_is_none() {
    for (response, expected) in [
        ("The answer is not \\boxed{5}.", None),
        ("It cannot be \\boxed{5}.", None),
        ("The answer is not 5.", None),
        ("The answer isn't 5.", None),
        ("Is the answer 5? No.", None),
        ("\\boxed{4}. Hmm, that is wrong.", None),
        ("It is \\boxed{4}, not \\boxed{5}.", Some("4")),
        ("We get \\boxed{5} rather than \\boxed{6}.", Some("5")),
        ("\\boxed{5} is wrong; the right value is 7.", Some("7")),
        ("The answer is 4. Wait, the answer is actually 5.", Some("5")),
        ("The answer is 4. Wait, that's wrong. It should be 5.", Some("5")),
        ("\\boxed{4}. Wait, I made a mistake. The answer is 5.", Some("5")),
        ("One may think it is \\boxed{4}. However, this is incorrect. The answer is 5.", Some("5")),
        ("<answer>4</answer> But no, that is incorrect: it must be 5.", Some("5")),
        ("The answer is 5? No, 6.", Some("6")),
        ("答案是24？不对，应该是25。", Some("25")),
        ("\\boxed{12}. Wait, let me check: 3*5 = 15, minus 3. Yes, that is correct.", Some("12")),
        ("\\boxed{5}. Sorry for the length.", Some("5")),
        ("So it is 5 or 6.", Some("5 or 6")),
    ] {
        assert_eq!(found(response).map(|found| found.0).as_deref(), expected, "{response:?}");
    }
}
