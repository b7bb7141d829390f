//! Tables of responses to multiple-choice questions and the option that each settles on.
//!
//! In: responses to questions with the options A to E. Out: letters.

use ts_extract::choice;

#[track_caller]
fn check(table: &[(&str, char)]) {
    for (response, expected) in table {
        let choice = choice(response, 'E');
        assert_eq!(choice.as_ref().map(|choice| choice.letter), Some(*expected), "{response:?}");
        let at_place = choice.map(|choice| response[choice.place].to_ascii_uppercase());
        assert_eq!(at_place, Some(expected.to_string()), "{response:?}");
    }
}

#[test]
fn stated_outright() {
    check(&[
        ("\\boxed{A}", 'A'),
        ("$\\boxed{\\text{(B)}}$", 'B'),
        ("\\boxed{\\textbf{(C)}\\ 42}", 'C'),
        ("\\boxed{d}", 'D'),
        ("\\boxed{\\text{B: Paris}} and not A", 'B'),
        ("<answer>C. Rome</answer>", 'C'),
        ("#### E", 'E'),
        ("The answer is (C) Cecile", 'C'),
        ("The answer is A because B is too small.", 'A'),
        ("The answer is $\\text{B}$.", 'B'),
        ("Answer: b", 'B'),
        ("**Answer:** D) 42", 'D'),
        ("**Final Answer**\n\n(E)", 'E'),
        ("The answer is for sure D, it can't be A or B", 'D'),
        ("Answer: it is B, not A.", 'B'),
        ("It can't be B; the right choice is C.\n\nAnswer: C", 'C'),
        ("答案是B", 'B'),
        ("réponse est C non A", 'C'),
    ]);
}

#[test]
fn a_response_that_is_a_label() {
    check(&[
        ("C", 'C'),
        ("**C**", 'C'),
        ("(d)", 'D'),
        ("b)", 'B'),
        ("D) 42", 'D'),
        ("Option D", 'D'),
        ("A. Because B is not valid", 'A'),
        ("A. Because B is too small.", 'A'),
        ("C: Cecile", 'C'),
        ("$E$", 'E'),
    ]);
}

#[test]
fn called_the_answer_in_passing() {
    check(&[
        ("<think>maybe A? no.</think>\nThe correct option is **C**.", 'C'),
        ("thinking about it I think the correct answer is C", 'C'),
        ("the right choice is C", 'C'),
        ("I think it's B", 'B'),
        ("It's not A because it doesn't make sense, therefore I think it's B", 'B'),
        ("I choose D over A.", 'D'),
        ("Option D is correct, A is too large.", 'D'),
        ("B is correct. A and C are not.", 'B'),
        ("所以选B", 'B'),
        ("Comparing A with B, I would say (B).", 'B'),
    ]);
}

#[test]
fn what_the_text_is_against_does_not_count() {
    check(&[
        ("B。 不是 A", 'B'),
        ("C, not D", 'C'),
        ("It isn't A, it's B", 'B'),
        ("It's not A, so B", 'B'),
        ("B, as it can't be A, C, or D", 'B'),
        ("It is B rather than C.", 'B'),
        ("It is E. It is not A, B or C.", 'E'),
        ("Surely B. C is wrong, D isn't it.", 'B'),
    ]);
    assert_eq!(choice("It cannot be A, nor B.", 'D'), None);
}

#[test]
fn what_is_taken_back_does_not_count() {
    check(&[
        ("The answer is B. Wait, that's wrong. It's C.", 'C'),
        ("\\boxed{B}. No, I made a mistake. The answer is D.", 'D'),
        ("<thinking>\\boxed{B}</thinking> The answer is C.", 'C'),
        ("The answer is B. Wait, let me check. Yes, B is correct.", 'B'),
    ]);
    for response in ["\\boxed{B}? That is wrong.", "A is out. So \\boxed{\\text{B"] {
        assert_eq!(choice(response, 'D'), None, "{response:?}");
    }
}

#[test]
fn articles_pronouns_and_names_are_no_options() {
    check(&[("A train is slow. So (C).", 'C'), ("D. A dog barks.", 'D')]);
    for response in
        ["A dog barks.", "I think so.", "The vitamin-C, Plan B-2, A's", "no idea", "", "<think> B it is"]
    {
        assert_eq!(choice(response, 'J'), None, "{response:?}");
    }
    assert_eq!(choice("It is E.", 'D'), None);
    assert_eq!(choice("Answer: I", 'J').map(|choice| choice.letter), Some('I'));
}
