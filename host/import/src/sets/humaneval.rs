//! HumanEval: the beginning of a function, to be completed, and a function `check` about it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::object;

#[derive(Deserialize)]
pub(super) struct Item {
    task_id: String,
    prompt: String,
    entry_point: String,
    canonical_solution: String,
    test: String,
}

/// The problem of one line.
pub(super) fn problem(item: Item) -> Result<Value, String> {
    let Item { task_id, prompt, entry_point, canonical_solution, test } = item;
    let question = format!(
        "Complete this Python function. Answer with the whole function in one block of code.\n\n```python\n{}\n```",
        prompt.trim_end()
    );
    let check = format!("{test}\ncheck({entry_point})\n");
    Ok(object(vec![
        ("id", json!(task_id)),
        ("prompt", json!(question)),
        ("reference", json!(canonical_solution)),
        ("language", json!("python")),
        ("entry_point", json!(entry_point)),
        ("preamble", json!(prompt)),
        ("tests", json!([{ "check": check }])),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_a_check() {
        let item = json!({"task_id": "HumanEval/x", "prompt": "def f(x):\n    \"\"\"Twice.\"\"\"\n", "entry_point": "f",
                          "canonical_solution": "    return 2 * x\n", "test": "def check(candidate):\n    assert candidate(1) == 2\n"});
        let problem = problem(serde_json::from_value(item).unwrap()).unwrap();
        assert_eq!(
            problem["tests"][0]["check"],
            "def check(candidate):\n    assert candidate(1) == 2\n\ncheck(f)\n"
        );
        assert_eq!(problem["preamble"], "def f(x):\n    \"\"\"Twice.\"\"\"\n");
        assert_eq!(problem["reference"], "    return 2 * x\n");
    }
}
