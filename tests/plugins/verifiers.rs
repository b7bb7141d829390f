//! Verifiers: references and responses, the verdict, and the text that was judged.

use std::fmt::Write;

use serde_json::{Map, Value, json};
use ts_plugin::Problem;

use crate::{plugin, settings, snapshot};

pub(crate) fn verdicts(name: &str, settings: &Map<String, Value>, cases: &[(&str, &str)]) -> String {
    let verifier = plugin(name).verifier(settings).unwrap();
    let mut table = String::new();
    for (reference, response) in cases {
        let problem = Problem { id: "p".into(), reference: (*reference).into(), ..Problem::default() };
        let grade = verifier.grade(&problem, response).unwrap().value;
        let judged = grade.answer.map(|place| &response[place]);
        writeln!(table, "{reference:?} <- {response:?}\n    {:?}, judged {judged:?}", grade.verdict).unwrap();
    }
    table
}

#[test]
fn choice_grader() {
    let mut table = verdicts(
        "choice_grader",
        &Map::new(),
        &[
            ("C", "<think>A?</think> The correct option is **C**."),
            ("(B)", "It is not A, therefore I think it's B"),
            ("\\text{(D)}", "Answer: A"),
            ("J", "\\boxed{\\text{J}}"),
            ("A", "I cannot say."),
            ("Paris", "Answer: A"),
        ],
    );
    let verifier = plugin("choice_grader").verifier(&Map::new()).unwrap();
    let options = ("choices".to_owned(), "[\"Berlin\", \"Paris\", \"Rome\"]".to_owned());
    for (reference, response) in
        [("B", "The capital is Paris."), ("Paris", "Answer: (B)"), ("Rome", "\\boxed{B}"), ("D", "Answer: A")]
    {
        let metadata = vec![options.clone()];
        let problem = Problem { id: "p".into(), reference: reference.into(), metadata, ..Problem::default() };
        let grade = verifier.grade(&problem, response).unwrap().value;
        let judged = grade.answer.map(|place| &response[place]);
        writeln!(table, "{} | {reference:?} <- {response:?}", options.1).unwrap();
        writeln!(table, "    {:?}, judged {judged:?}: {}", grade.verdict, grade.note).unwrap();
    }
    snapshot("choice_grader__verdicts", &table);
}

#[test]
fn exact_grader() {
    let cases = [
        ("Blue", "<think>red?</think> Blue\n"),
        ("blue", "<answer>Blue</answer>"),
        ("a", "b"),
        ("a", ""),
        ("", "a"),
    ];
    let mut table = verdicts("exact_grader", &Map::new(), &cases);
    table.push_str("\nignore_case = true, trim = false\n");
    table += &verdicts("exact_grader", &settings(json!({"ignore_case": true, "trim": false})), &cases);
    snapshot("exact_grader__verdicts", &table);
}

#[test]
fn text_grader() {
    let mut text = String::new();
    let mut add = |settings: Value, cases: &[(&str, &str)]| {
        writeln!(text, "{settings}").unwrap();
        text += &verdicts("text_grader", settings.as_object().unwrap(), cases);
        text.push('\n');
    };
    add(
        json!({}),
        &[
            ("eiffel tower", "<think>Big Ben?</think> The answer is **the Eiffel Tower**."),
            ("[\"NYC\", \"New York City\"]", "\\boxed{\\text{New York City}}"),
            ("straße", "<answer>STRASSE</answer>"),
            ("3.5", "\\boxed{35}"),
            ("Paris", "I went there in 1990 with 2 friends, and we liked it."),
            ("", "\\boxed{Paris}"),
        ],
    );
    add(
        json!({"mode": "exact", "answer_from": "last_line"}),
        &[("Paris", "Let me see.\n Paris \n"), ("Paris", "paris"), ("Paris", "<think>Paris")],
    );
    add(
        json!({"mode": "regex", "answer_from": "whole"}),
        &[("(?i)ja|yes", "<think>No.</think>\nYes"), ("ja|yes", "yes, sir"), ("(", "yes"), ("ja", "")],
    );
    add(
        json!({"mode": "json"}),
        &[
            ("{\"a\": 1, \"b\": [2]}", "So:\n```json\n{\"b\": [2.0], \"a\": 1e0}\n```\n"),
            ("[0.1]", "[0.10000000000000001]"),
            ("{\"a\": 1}", "\\boxed{{\"a\": 1, \"a\": 1}}"),
            ("{\"a\": 1, \"a\": 1}", "{\"a\": 1}"),
        ],
    );
    add(
        json!({"mode": "numeric", "relative_tolerance": 0.01}),
        &[
            ("1200", "It costs $1,210.00."),
            ("1200", "\\boxed{1\\,213}"),
            ("28%", "The answer is 0.28."),
            ("28", "The answer is twenty-eight."),
            ("2", "1e9999"),
            ("1/2", "0.5"),
        ],
    );
    snapshot("text_grader__verdicts", &text);
}
