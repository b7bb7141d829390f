//! MBPP: a sentence, and three asserts. The sanitised set has its text and set-up under other names.

use serde::Deserialize;
use serde_json::{Value, json};

use super::object;

#[derive(Deserialize)]
pub(super) struct Item {
    task_id: u64,
    #[serde(alias = "prompt")]
    text: String,
    code: String,
    test_list: Vec<String>,
    #[serde(default)]
    test_setup_code: String,
    #[serde(default)]
    test_imports: Vec<String>,
}

/// The problem of one line or item. The asserts are part of the question, as the set's authors have it.
pub(super) fn problem(item: Item) -> Result<Value, String> {
    let Item { task_id, text, code, test_list, test_setup_code, test_imports } = item;
    if test_list.is_empty() {
        return Err("`test_list` is empty".to_owned());
    }
    let question = format!(
        "{}\nAnswer with Python code in one block. It must pass these tests:\n\n{}",
        text.trim(),
        test_list.join("\n")
    );
    let setup = [test_setup_code, test_imports.join("\n")].join("\n");
    let tests: Vec<Value> = test_list.iter().map(|assert| json!({ "check": assert })).collect();
    Ok(object(vec![
        ("id", json!(format!("MBPP/{task_id}"))),
        ("prompt", json!(question)),
        ("reference", json!(code)),
        ("language", json!("python")),
        ("setup", json!(setup.trim())),
        ("tests", json!(tests)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        for item in [
            json!({"task_id": 3, "text": "Add.", "code": "def f(a, b): return a + b", "test_list": ["assert f(1, 2) == 3"],
                   "test_setup_code": "import math", "challenge_test_list": ["assert f(0, 0) == 0"]}),
            json!({"task_id": 3, "prompt": "Add.", "code": "def f(a, b): return a + b", "test_list": ["assert f(1, 2) == 3"],
                   "test_imports": ["import math"], "source_file": "x"}),
        ] {
            let problem = problem(serde_json::from_value(item).unwrap()).unwrap();
            assert_eq!((&problem["id"], &problem["setup"]), (&json!("MBPP/3"), &json!("import math")));
            assert_eq!(problem["tests"], json!([{"check": "assert f(1, 2) == 3"}]));
            assert!(problem["prompt"].as_str().unwrap().ends_with("tests:\n\nassert f(1, 2) == 3"));
        }
    }
}
