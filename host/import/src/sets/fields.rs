//! Columns of a row under the names that publishers give them.

use serde_json::Value;
use ts_rows::Fields;

/// The first of these columns that has a value. Publishers write names in lower case or with a capital.
pub(super) fn column<'a>(row: &'a Fields, names: &[&str]) -> Option<(&'a str, &'a Value)> {
    let is_said = |value: &Value| !value.is_null() && value != "";
    names.iter().find_map(|name| {
        let found = row.iter().find(|(key, value)| key.eq_ignore_ascii_case(name) && is_said(value));
        found.map(|(key, value)| (key.as_str(), value))
    })
}

/// The text of the first of these columns that has a value; a number counts as its text.
pub(super) fn text(row: &Fields, names: &[&str]) -> Result<String, String> {
    let Some((name, value)) = column(row, names) else { return Err(missing(row, names)) };
    text_of(value).ok_or_else(|| format!("column `{name}` must be a text or a number"))
}

/// The same, for what a row need not have.
pub(super) fn optional_text(row: &Fields, names: &[&str]) -> Result<Option<String>, String> {
    column(row, names).map(|_| text(row, names)).transpose()
}

/// A text that is not blank, or a number as text.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// These columns as they are, for the verifier and for whoever reads the problems.
pub(super) fn kept<'a>(row: &Fields, names: &[&'a str]) -> Vec<(&'a str, Value)> {
    let of_row = |&name: &&'a str| column(row, &[name]).map(|(_, value)| (name, value.clone()));
    names.iter().filter_map(of_row).collect()
}

/// That a row lacks a column, and which it has.
pub(super) fn missing(row: &Fields, names: &[&str]) -> String {
    let others: Vec<_> = names[1..].iter().map(|name| format!("`{name}`")).collect();
    let others = if others.is_empty() { String::new() } else { format!(" (nor {})", others.join(", ")) };
    format!("no column `{}`{others}, or it is empty; there are {}", names[0], columns(row))
}

/// The names of a row's columns; of very many the first.
pub(super) fn columns(row: &Fields) -> String {
    let mut names: Vec<_> = row.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.truncate(20);
    names.join(", ")
}
