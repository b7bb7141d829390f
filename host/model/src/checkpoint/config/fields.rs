//! Single fields of a `config.json`: a number, a flag, token ids, each checked for its kind and range.
//!
//! In: the fields and a name. Out: the value, or an error that names the field.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::error::{ModelError, Result};

/// Most tokens that end a response.
const MAX_EOS_TOKENS: usize = 1 << 10;

/// An error about a field.
pub(super) fn bad<T>(field: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Result<T> {
    Err(ModelError::Config { field: field.into(), reason: reason.into() })
}

/// A field; null counts as absent.
fn given<'a>(fields: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    fields.get(field).filter(|value| !value.is_null())
}

/// An optional number.
pub(super) fn number(fields: &Map<String, Value>, field: &'static str) -> Result<Option<f64>> {
    match given(fields, field) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => bad(field, format!("{} is not a number", shown(value))),
        },
    }
}

/// An optional number that is finite and above 0.
pub(super) fn positive(fields: &Map<String, Value>, field: &'static str) -> Result<Option<f64>> {
    match number(fields, field)? {
        Some(number) if !(number.is_finite() && number > 0.0) => {
            bad(field, format!("{number} is not above 0"))
        }
        number => Ok(number),
    }
}

/// True or false; false if it is missing.
pub(super) fn flag(fields: &Map<String, Value>, field: &'static str) -> Result<bool> {
    match given(fields, field) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(value) => bad(field, format!("{} is not true or false", shown(value))),
    }
}

/// A whole number from 1 to `most`.
pub(super) fn size(fields: &Map<String, Value>, field: &'static str, most: u64) -> Result<usize> {
    match optional_size(fields, field, most)? {
        Some(size) => Ok(size),
        None => bad(field, "is missing"),
    }
}

/// The same if the field is there.
pub(super) fn optional_size(
    fields: &Map<String, Value>,
    field: &'static str,
    most: u64,
) -> Result<Option<usize>> {
    match given(fields, field) {
        None => Ok(None),
        Some(value) => match value.as_u64() {
            Some(size @ 1..) if size <= most => Ok(Some(size as usize)),
            _ => bad(field, format!("{} is not a whole number from 1 to {most}", shown(value))),
        },
    }
}

/// One id, a list of ids, or none.
pub(super) fn token_ids(value: Option<&Value>) -> Result<Vec<u32>> {
    const FIELD: &str = "eos_token_id";
    let one = |value: &Value| match value.as_u64().and_then(|id| u32::try_from(id).ok()) {
        Some(id) => Ok(id),
        None => bad(FIELD, format!("{} is not a token id", shown(value))),
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(ids)) if ids.len() > MAX_EOS_TOKENS => {
            bad(FIELD, format!("has {} ids, {MAX_EOS_TOKENS} at most are read", ids.len()))
        }
        Some(Value::Array(ids)) => ids.iter().map(one).collect(),
        Some(id) => Ok(vec![one(id)?]),
    }
}

/// A value as a message shows it: no longer than a line.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        value => value.to_string().chars().take(80).collect(),
    }
}
