//! `math_grader` on the reference answers of MATH: each is read, and equals itself.

use serde_json::Map;
use ts_plugin::{Problem, Verdict};

use crate::plugin;

#[test]
fn every_reference_of_math_equals_itself() {
    let lines = std::fs::read_to_string(crate::repository().join("tests/data/math_answers.jsonl")).unwrap();
    let verifier = plugin("math_grader").verifier(&Map::new()).unwrap();
    for line in lines.lines() {
        let answer: String = serde_json::from_str(line).unwrap();
        let problem = Problem { id: "p".into(), reference: answer.clone(), ..Problem::default() };
        let grade = verifier.grade(&problem, &format!("So it is $\\boxed{{{answer}}}$.")).unwrap().value;
        assert_eq!(grade.verdict, Verdict::Correct, "{answer}: {}", grade.note);
    }
}
