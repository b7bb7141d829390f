//! Rows that verl trains on with RL: `data_source`, `prompt` as messages, `ability`, `reward_model` with `style` and `ground_truth`,
//! `extra_info` with `split` and `index`.
//!
//! The ground truth is a text or a number; of programs it is `{"inputs": […], "outputs": […]}`, as an object or as JSON in a text.
//! Columns that hold an object may hold it as JSON in a text too. Rows with images, and ground truths of other kinds (search, games), are
//! named and refused.

use serde_json::{Value, json};
use ts_rows::Fields;

use super::fields::{kept, missing, text_of};
use super::{CODE_GRADER, MATH_GRADER, object};

/// The problem of a row, which is the `number`-th, and its verifier.
pub(super) fn problem(row: Fields, number: usize) -> Result<(Value, Option<&'static str>), String> {
    for name in ["images", "videos"] {
        if row.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
            return Err(format!("column `{name}`: only text is read"));
        }
    }
    let prompt =
        row.get("prompt").filter(|prompt| !prompt.is_null()).ok_or_else(|| missing(&row, &["prompt"]))?;
    if !matches!(prompt, Value::String(_) | Value::Array(_)) {
        return Err("column `prompt` must be messages, or a text".to_owned());
    }
    let reward_model = structure(&row, "reward_model")?.ok_or_else(|| missing(&row, &["reward_model"]))?;
    let truth = reward_model.get("ground_truth").filter(|truth| !truth.is_null());
    let truth = truth.ok_or("column `reward_model` has no `ground_truth`")?;
    let (reference, tests) = reference(truth)?;
    let mut fields =
        vec![("id", json!(id(&row, number)?)), ("prompt", prompt.clone()), ("reference", json!(reference))];
    let verifier = match tests {
        Some(tests) => {
            fields.extend([("language", json!("python")), ("tests", tests)]);
            CODE_GRADER
        }
        None => MATH_GRADER,
    };
    fields.extend(kept(&row, &["data_source", "ability"]));
    Ok((object(fields), verifier))
}

/// `extra_info.index`, which counts within a source and a split.
pub(crate) fn id(row: &Fields, number: usize) -> Result<String, String> {
    let info = structure(row, "extra_info")?.unwrap_or_default();
    let Some(index) = info.get("index").and_then(text_of) else { return Ok(format!("verl-{number}")) };
    let parts = [row.get("data_source"), info.get("split")];
    let parts = parts.into_iter().flatten().filter_map(text_of).chain([index]);
    Ok(parts.collect::<Vec<_>>().join("/"))
}

/// The reference, and the tests of a program.
fn reference(truth: &Value) -> Result<(String, Option<Value>), String> {
    if let Some(tests) = tests(truth)? {
        return Ok(("its tests".to_owned(), Some(tests)));
    }
    let only = match truth {
        Value::Array(items) if items.len() == 1 => &items[0],
        other => other,
    };
    match text_of(only) {
        Some(text) => Ok((text, None)),
        None => Err(
            "`reward_model.ground_truth` must be a text, a number, or `inputs` and `outputs` of a program"
                .to_owned(),
        ),
    }
}

fn tests(truth: &Value) -> Result<Option<Value>, String> {
    let object = match truth {
        Value::Object(object) => object.clone(),
        Value::String(text) if text.trim_start().starts_with('{') => match serde_json::from_str(text) {
            Ok(object) => object,
            Err(_) => return Ok(None),
        },
        _ => return Ok(None),
    };
    let list = |name: &str| object.get(name).and_then(Value::as_array);
    let (Some(inputs), Some(outputs)) = (list("inputs"), list("outputs")) else { return Ok(None) };
    if object.get("fn_name").is_some_and(|name| !name.is_null()) {
        return Err("`reward_model.ground_truth` calls a function by `fn_name`: only programs that read and write are imported".to_owned());
    }
    if inputs.len() != outputs.len() || inputs.is_empty() {
        let (inputs, outputs) = (inputs.len(), outputs.len());
        return Err(format!("`reward_model.ground_truth` has {inputs} inputs and {outputs} outputs"));
    }
    if inputs.iter().chain(outputs).any(|text| !text.is_string()) {
        return Err("`reward_model.ground_truth`: inputs and outputs must be texts".to_owned());
    }
    let tests = inputs.iter().zip(outputs).map(|(input, output)| json!({"input": input, "output": output}));
    Ok(Some(tests.collect()))
}

/// A column that holds an object.
fn structure(row: &Fields, name: &str) -> Result<Option<Fields>, String> {
    let wrong = || format!("column `{name}` must be an object");
    match row.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object.clone())),
        Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| wrong()),
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(truth: Value) -> Fields {
        let row = json!({"data_source": "openai/gsm8k", "prompt": [{"role": "user", "content": "Q"}], "ability": "math",
                         "reward_model": {"style": "rule", "ground_truth": truth},
                         "extra_info": {"split": "train", "index": 7, "answer": "so 72", "question": "Q"}});
        row.as_object().unwrap().clone()
    }

    #[test]
    fn messages_stay_messages_and_the_ground_truth_is_the_reference() {
        let expected = json!({"id": "openai/gsm8k/train/7", "prompt": [{"role": "user", "content": "Q"}], "reference": "72",
                              "data_source": "openai/gsm8k", "ability": "math"});
        for truth in [json!("72"), json!(72), json!(["72"])] {
            assert_eq!(super::problem(row(truth), 1).unwrap(), (expected.clone(), Some("math_grader")));
        }
        let mut as_text = row(json!("72"));
        as_text.insert("reward_model".into(), json!("{\"ground_truth\": \"72\"}"));
        assert_eq!(super::problem(as_text, 1).unwrap().0, expected);
        let mut without = row(json!("72"));
        without.remove("extra_info");
        assert_eq!(super::problem(without, 9).unwrap().0["id"], "verl-9");
    }

    #[test]
    fn programs_have_tests() {
        let truth = json!({"inputs": ["1\n"], "outputs": ["2\n"]});
        for truth in [truth.clone(), json!(truth.to_string())] {
            let (line, verifier) = super::problem(row(truth), 1).unwrap();
            assert_eq!(line["tests"], json!([{"input": "1\n", "output": "2\n"}]));
            assert_eq!(verifier, Some("code_grader"));
        }
    }

    #[test]
    fn what_a_row_lacks_is_named() {
        let without = |name: &str| {
            let mut row = row(json!("72"));
            row.remove(name);
            row
        };
        let with = |name: &str, value: Value| {
            let mut row = row(json!("72"));
            row.insert(name.to_owned(), value);
            row
        };
        for (row, reason) in [
            (without("prompt"), "no column `prompt`"),
            (without("reward_model"), "no column `reward_model`"),
            (with("reward_model", json!({"style": "rule"})), "has no `ground_truth`"),
            (with("reward_model", json!("{")), "column `reward_model` must be an object"),
            (with("images", json!([{}])), "only text is read"),
            (row(json!({"target": ["a"]})), "must be a text, a number, or"),
            (row(json!({"inputs": ["1"], "outputs": []})), "has 1 inputs and 0 outputs"),
            (row(json!({"inputs": [[1]], "outputs": [2], "fn_name": "f"})), "by `fn_name`"),
        ] {
            let error = super::problem(row.clone(), 1).unwrap_err();
            assert!(error.contains(reason), "{row:?}: {error}");
        }
    }
}
