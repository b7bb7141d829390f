//! `docs/math-grader.md`: every example on the page, graded by the component as it ships.

use serde_json::Map;
use ts_plugin::{Problem, Verdict};

use crate::plugin;

/// The lines of the blocks marked `answers`, each with its number on the page.
fn examples(page: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (at, line) in page.lines().enumerate() {
        match line {
            "```answers" => inside = true,
            "```" => inside = false,
            line if inside => lines.push((at + 1, line)),
            _ => {}
        }
    }
    lines
}

#[test]
fn every_example_on_the_page_holds() {
    let page = std::fs::read_to_string(crate::repository().join("docs/math-grader.md")).unwrap();
    let verifier = plugin("math_grader").verifier(&Map::new()).unwrap();
    let verdict = |reference: &str, answer: &str| {
        let problem = Problem { id: "p".into(), reference: reference.into(), ..Problem::default() };
        verifier.grade(&problem, &format!("\\boxed{{{answer}}}")).unwrap().value.verdict
    };
    let examples = examples(&page);
    assert!(examples.len() > 100, "only {} examples were found", examples.len());
    let mut wrong = Vec::new();
    for (number, line) in examples {
        let mark = ['✓', '✗', '?'].into_iter().find(|mark| line.contains(&format!("  {mark}  ")));
        let mark = mark.unwrap_or_else(|| panic!("line {number} has no mark: {line}"));
        let (reference, answer) = line.split_once(&format!("  {mark}  ")).unwrap();
        let holds = |verdict: &Verdict| match mark {
            '✓' => *verdict == Verdict::Correct,
            '✗' => *verdict == Verdict::Incorrect,
            _ => matches!(verdict, Verdict::Undecided(_)),
        };
        let one = verdict(reference, answer);
        let other = if mark == '?' { one.clone() } else { verdict(answer, reference) };
        if !(holds(&one) && holds(&other)) {
            wrong.push(format!("line {number}: {line}\n    {one:?}, the other way round {other:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
