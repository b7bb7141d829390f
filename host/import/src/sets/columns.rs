//! Any table, with the columns that matter named.

use serde_json::{Value, json};
use ts_rows::Fields;

use super::fields::{columns, text_of};
use super::object;

/// Names of columns. `reward_model.ground_truth` is a field within a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// What is asked, a text or messages.
    pub prompt: String,
    /// The reference answer, a text or a number.
    pub reference: String,
    /// The identifier, a text or a number; rows are numbered where none is named.
    pub id: Option<String>,
    /// The difficulty, a whole number or a text that ends in one.
    pub difficulty: Option<String>,
    /// What else is kept for the verifier.
    pub kept: Vec<String>,
}

impl Columns {
    /// The problem of a row; `id` is its identifier where no column is named for it.
    pub(super) fn problem(&self, row: Fields, id: String) -> Result<Value, String> {
        let prompt = at(&row, &self.prompt)?;
        if !matches!(prompt, Value::String(_) | Value::Array(_)) {
            return Err(format!("column `{}` must be a text or messages", self.prompt));
        }
        let text = |name: &String| {
            text_of(at(&row, name)?)
                .ok_or_else(|| format!("column `{name}` must be a text that is not empty, or a number"))
        };
        let id = self.id.as_ref().map_or(Ok(id), text)?;
        let mut fields =
            vec![("id", json!(id)), ("prompt", prompt.clone()), ("reference", json!(text(&self.reference)?))];
        if let Some(name) = &self.difficulty {
            fields.push(("difficulty", at(&row, name)?.clone()));
        }
        for name in &self.kept {
            fields.push((name.rsplit('.').next().unwrap_or(name), at(&row, name)?.clone()));
        }
        Ok(object(fields))
    }
}

/// The value of a column, or of a field within one. A column whose own name has a dot comes first.
fn at<'a>(row: &'a Fields, name: &str) -> Result<&'a Value, String> {
    let within = || {
        let mut parts = name.split('.');
        let first = row.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    };
    let found = row.get(name).or_else(within).filter(|value| !value.is_null());
    found.ok_or_else(|| format!("no column `{name}`, or it is empty; there are {}", columns(row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
        let name = |name: &str| name.to_owned();
        Columns {
            prompt: name("q"),
            reference: name("truth.value"),
            id: Some(name("key")),
            difficulty: Some(name("level")),
            kept: vec![name("truth.unit")],
        }
    }

    #[test]
    fn named_columns_and_fields_within_them() {
        let row =
            json!({"q": "Q", "truth": {"value": 3, "unit": "m"}, "key": 8, "level": "Level 2", "rest": 1});
        let expected =
            json!({"id": "8", "prompt": "Q", "reference": "3", "difficulty": "Level 2", "unit": "m"});
        assert_eq!(columns().problem(row.as_object().unwrap().clone(), "row-1".into()).unwrap(), expected);
        let row = json!({"q": "Q", "truth": {"unit": "m"}, "key": 8, "level": 1});
        let error = columns().problem(row.as_object().unwrap().clone(), "row-1".into()).unwrap_err();
        assert_eq!(error, "no column `truth.value`, or it is empty; there are key, level, q, truth");
    }
}
