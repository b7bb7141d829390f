//! One item: a problem and a response to grade, as JSON.
//!
//! | field | value |
//! |---|---|
//! | `id` | text or number; may be missing; given back as it came |
//! | `prompt` | text; may be missing |
//! | `reference` | text or number |
//! | `response` | text |
//!
//! Every further field is metadata for the grader, as in a problem set: a text as it stands, anything else as JSON.
//!
//! In: JSON. Out: [`Item`]s, or one sentence that says which field of which item is wrong. Left out on purpose: other names
//! for the fields. Problem sets have several; a client can choose.

use serde_json::{Map, Value};
use ts_plugin::Problem;

/// What is graded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    /// As it came; null if it did not.
    pub(crate) id: Value,
    pub(crate) problem: Problem,
    pub(crate) response: String,
}

/// A request's items.
#[derive(Debug, PartialEq)]
pub(crate) enum Items {
    /// An item alone; its answer comes alone.
    One(Box<Item>),
    /// `{"items": […]}`; so come the answers.
    Batch(Vec<Item>),
}

/// Reads a request's body.
pub(crate) fn parse_items(body: &[u8]) -> Result<Items, String> {
    let mut fields = object(body)?;
    let Some(items) = fields.remove("items") else {
        return item(fields, "item 0").map(Box::new).map(Items::One);
    };
    if let Some(name) = fields.keys().next() {
        return Err(format!("field `{name}` stands beside `items`; metadata belongs into each item"));
    }
    let Value::Array(items) = items else {
        return Err(format!("field `items` must be a list, not {}", kind(&items)));
    };
    let read = |(index, value): (usize, Value)| match value {
        Value::Object(fields) => item(fields, &format!("item {index}")),
        other => Err(format!("item {index} must be an object, not {}", kind(&other))),
    };
    items.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Items::Batch)
}

/// Reads a line as an item. `place` is what an error calls it.
pub(crate) fn parse_item(line: &[u8], place: &str) -> Result<Item, String> {
    object(line).map_err(|why| format!("{place}: {why}")).and_then(|fields| item(fields, place))
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(format!("must be an object, not {}", kind(&other))),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

fn item(mut fields: Map<String, Value>, place: &str) -> Result<Item, String> {
    let wrong = |name: &str, expected: &str, found: &Value| {
        Err(format!("{place}: field `{name}` must be {expected}, not {}", kind(found)))
    };
    let missing = |name: &str| Err(format!("{place}: field `{name}` is missing"));
    let id = match fields.remove("id") {
        None => Value::Null,
        Some(id @ (Value::String(_) | Value::Number(_) | Value::Null)) => id,
        Some(other) => return wrong("id", "a text or a number", &other),
    };
    let prompt = match fields.remove("prompt") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => return wrong("prompt", "a text", &other),
    };
    let reference = match fields.remove("reference") {
        None => return missing("reference"),
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => number.to_string(),
        Some(other) => return wrong("reference", "a text or a number", &other),
    };
    let response = match fields.remove("response") {
        None => return missing("response"),
        Some(Value::String(text)) => text,
        Some(other) => return wrong("response", "a text", &other),
    };
    let metadata = fields.into_iter().map(|(name, value)| (name, Problem::text_of(&value))).collect();
    let name = match &id {
        Value::Null => place.replace(' ', "-"),
        id => Problem::text_of(id),
    };
    Ok(Item { id, problem: Problem { id: name, prompt, reference, metadata }, response })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_keeps_its_id_and_its_metadata() {
        let line = br#"{"id": 7, "reference": 0.50, "response": "x", "tests": [1, "a"], "level": "5"}"#;
        let item = parse_item(line, "line 1").unwrap();
        assert_eq!((item.id, item.problem.id.as_str()), (7.into(), "7"));
        assert_eq!((item.problem.reference.as_str(), item.problem.prompt.as_str()), ("0.5", ""));
        let metadata = [("level", "5"), ("tests", r#"[1,"a"]"#)].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(item.problem.metadata, metadata);
    }

    #[test]
    fn one_item_or_a_batch() {
        let one = parse_items(br#"{"reference": "2", "response": "2"}"#).unwrap();
        assert!(
            matches!(&one, Items::One(item) if item.id.is_null() && item.problem.id == "item-0"),
            "{one:?}"
        );
        let Items::Batch(batch) = parse_items(br#"{"items": []}"#).unwrap() else { panic!() };
        assert!(batch.is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (body, says) in [
            ("", "not JSON: EOF while parsing a value at line 1 column 0"),
            ("[]", "must be an object, not a list"),
            (r#"{"items": 3}"#, "field `items` must be a list, not a number"),
            (r#"{"items": [], "x": 1}"#, "field `x` stands beside `items`"),
            (r#"{"items": [null]}"#, "item 0 must be an object, not null"),
            (r#"{"response": ""}"#, "item 0: field `reference` is missing"),
            (
                r#"{"items": [{"reference":"","response":""},{"reference":"","response":3}]}"#,
                "item 1: field `response` must be a text, not a number",
            ),
            (r#"{"id": [], "reference":"","response":""}"#, "item 0: field `id` must be a text or a number"),
        ] {
            let error = parse_items(body.as_bytes()).unwrap_err();
            assert!(error.contains(says), "{body}: {error}");
        }
    }
}
