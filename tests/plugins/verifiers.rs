//! Verifiers: references and responses, the verdict, and the text that was judged.

use std::fmt::Write;

use serde_json::{Map, Value, json};
use ts_plugin::Problem;

use crate::{plugin, settings, snapshot};

fn verdicts(name: &str, settings: &Map<String, Value>, cases: &[(&str, &str)]) -> String {
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
fn math_grader() {
    let table = verdicts(
        "math_grader",
        &Map::new(),
        &[
            ("1/2", "<think>\\boxed{3}</think> It is \\boxed{\\frac{1}{2}}."),
            ("0.5", "<think>Half.</think><answer>1/2</answer>"),
            ("18", "She makes 9 * 2 = $<<9*2=18>>18 every day.\nA: 18"),
            ("1080", "#### 1,080"),
            ("70000", "The answer is $70,000."),
            ("5", "**Final Answer:** x = 5"),
            ("5", "**Final Answer:** 6"),
            ("(3,-2)", "\\boxed{\\left(3,\\ -2\\right)}"),
            ("28\\%", "about 28%"),
            ("0.28", "about 28%"),
            ("\\text{Thursday}", "\\boxed{thursday}"),
            ("x^2+1", "\\boxed{x^{2} + 1}"),
            ("7", "<think>so 7 and then"),
            ("7", "I cannot say."),
            ("$$", "\\boxed{7}"),
        ],
    );
    snapshot("math_grader__verdicts", &table);
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
