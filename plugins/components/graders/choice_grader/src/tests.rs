//! Verdicts by the form of the reference, of the response, and of the data set.

use super::*;

const LETTERS: ChoiceGrader = ChoiceGrader { count: 10, reference: Reference::Letter, by_text: true };
/// Two fields of the kinds that data sets have.
const LIST: (&str, &str) = ("choices", r#"["Paris", "London", "Rome", "42"]"#);
const ARC: (&str, &str) = ("choices", r#"{"text": ["Paris", "London", "Rome"], "label": ["1", "2", "3"]}"#);

fn grade(grader: &ChoiceGrader, field: Option<(&str, &str)>, reference: &str, response: &str) -> Graded {
    let metadata = field.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let problem =
        Problem { id: "p".to_owned(), prompt: String::new(), reference: reference.to_owned(), metadata };
    grader.grade(&problem, response).unwrap()
}

fn verdict(field: Option<(&str, &str)>, reference: &str, response: &str) -> Verdict {
    grade(&LETTERS, field, reference, response).verdict
}

#[test]
fn references_in_any_dress() {
    for reference in ["B", "b", "(B)", "B)", "B.", "\\text{(B)}", "$\\textbf{B}$", "\\boxed{B}", " **B** "] {
        assert_eq!(verdict(None, reference, "The answer is (B)."), Verdict::Correct, "{reference}");
        assert_eq!(verdict(None, reference, "The answer is (C)."), Verdict::Incorrect, "{reference}");
    }
}

#[test]
fn references_by_index() {
    let from = |first| ChoiceGrader { reference: Reference::Index(first), ..LETTERS };
    assert_eq!(grade(&from(0), None, "1", "Answer: B").verdict, Verdict::Correct);
    assert_eq!(grade(&from(1), None, "1", "Answer: A").verdict, Verdict::Correct);
    assert_eq!(grade(&from(0), Some(LIST), "2", "It must be Rome.").verdict, Verdict::Correct);
    for (grader, reference) in [(from(1), "0"), (from(0), "10"), (from(0), "B")] {
        assert!(matches!(grade(&grader, None, reference, "Answer: A").verdict, Verdict::BadReference(_)));
    }
}

#[test]
fn references_by_label_and_text() {
    assert_eq!(verdict(Some(LIST), "Rome", "Answer: C"), Verdict::Correct);
    assert_eq!(verdict(Some(ARC), "2", "Answer: B"), Verdict::Correct);
    assert_eq!(verdict(Some(ARC), "2", "Answer: 2"), Verdict::Correct);
    assert_eq!(verdict(Some(ARC), "2", "Answer: 3"), Verdict::Incorrect);
}

#[test]
fn references_that_name_no_option() {
    for (field, reference) in
        [(None, ""), (None, "K"), (None, "1"), (None, "AB"), (Some(LIST), "E"), (Some(LIST), "Oslo")]
    {
        let Verdict::BadReference(reason) = verdict(field, reference, "Answer: A") else {
            panic!("{reference} is not an option");
        };
        assert!(reason.contains(reference));
    }
}

#[test]
fn responses_by_letter() {
    for response in [
        "\\boxed{\\text{(B)}}",
        "<answer>B</answer>",
        "B",
        "b)",
        "B. London",
        "<think>A?</think> So it is B, not A.",
    ] {
        assert_eq!(verdict(Some(LIST), "B", response), Verdict::Correct, "{response}");
    }
}

#[test]
fn responses_by_text() {
    for response in [
        "\\boxed{London}",
        "The answer is London.",
        "Answer: the city of London",
        "<think>A</think>\nHence London",
    ] {
        assert_eq!(verdict(Some(LIST), "B", response), Verdict::Correct, "{response}");
        assert_eq!(verdict(Some(LIST), "A", response), Verdict::Incorrect, "{response}");
        assert_eq!(verdict(None, "B", response), Verdict::NoAnswer, "{response}");
    }
    assert_eq!(verdict(Some(LIST), "D", "Plan A fails, so $\\boxed{42}$."), Verdict::Correct);
    assert_eq!(verdict(Some(LIST), "B", "Paris or London"), Verdict::NoAnswer);
    assert_eq!(verdict(Some(LIST), "B", "The right option is B, as 42 is too large."), Verdict::Correct);
    let letters_only = ChoiceGrader { by_text: false, ..LETTERS };
    assert_eq!(grade(&letters_only, Some(LIST), "B", "The answer is London.").verdict, Verdict::NoAnswer);
}

#[test]
fn a_letter_comes_before_a_text_and_the_options_bound_it() {
    assert_eq!(verdict(Some(LIST), "B", "The answer is B. Paris"), Verdict::Correct);
    assert_eq!(verdict(Some(LIST), "B", "Answer: E"), Verdict::NoAnswer);
    assert_eq!(verdict(None, "B", "Answer: E"), Verdict::Incorrect);
}

#[test]
fn no_answer() {
    for response in ["", "I do not know.", "<think>B it is", "<think>A</think>"] {
        assert_eq!(verdict(Some(LIST), "B", response), Verdict::NoAnswer, "{response}");
    }
}

#[test]
fn the_place_and_the_note() {
    let response = "<think>A?</think> The answer is **C**.";
    let graded = grade(&LETTERS, Some(LIST), "B", response);
    let place = graded.answer.unwrap();
    assert_eq!(&response[place.start as usize..place.end as usize], "C");
    assert_eq!(graded.note, "option C by its letter, the reference is B");
}

#[test]
fn settings() {
    let with = |name: &str, value: Value| {
        let mut settings = ChoiceGrader::describe().settings;
        settings.retain(|spec| spec.name != name);
        let defaults =
            settings.into_iter().map(|spec| ts_plugin_sdk::Setting { name: spec.name, value: spec.default });
        let given = ts_plugin_sdk::Setting { name: name.to_owned(), value };
        ChoiceGrader::configure(&Settings::new(defaults.chain([given]).collect())).map(|grader| grader.count)
    };
    assert_eq!(with("options", Value::Integer(4)), Ok(4));
    assert!(with("options", Value::Integer(1)).unwrap_err().starts_with("options "));
    assert!(with("reference", Value::Text("number".to_owned())).unwrap_err().starts_with("reference "));
}
