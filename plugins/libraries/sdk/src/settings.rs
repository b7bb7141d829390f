//! Settings: how a plugin declares them and how it reads them.
//!
//! In: the host's list of names and values. Out: typed values, or a sentence that begins with the name of
//! the setting at fault, as `wit/plugin.wit` asks for. Defaults are not given at the place of reading; the
//! host fills in the declared ones.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::{Description, Setting, SettingSpec, Value, ValueKind};

/// Declares one setting. Its kind is that of its default.
pub fn setting(name: &str, default: Value, doc: &str) -> SettingSpec {
    let kind = match default {
        Value::Boolean(_) => ValueKind::Boolean,
        Value::Integer(_) => ValueKind::Integer,
        Value::Number(_) => ValueKind::Number,
        Value::Text(_) => ValueKind::Text,
    };
    SettingSpec { name: name.to_owned(), kind, default, doc: doc.to_owned() }
}

/// The settings of one plugin.
pub struct Settings(Vec<Setting>);

impl Settings {
    /// The settings as the host gave them.
    pub fn new(settings: Vec<Setting>) -> Self {
        Settings(settings)
    }

    /// Every setting of a description at its default.
    pub fn defaults(description: &Description) -> Self {
        let settings = description.settings.iter();
        Settings(
            settings.map(|spec| Setting { name: spec.name.clone(), value: spec.default.clone() }).collect(),
        )
    }

    /// A setting that is `true` or `false`.
    pub fn boolean(&self, name: &str) -> Result<bool, String> {
        match self.value(name)? {
            Value::Boolean(value) => Ok(*value),
            _ => Err(format!("{name} must be true or false")),
        }
    }

    /// A whole number within a range.
    pub fn integer_within(&self, name: &str, range: RangeInclusive<i64>) -> Result<i64, String> {
        match self.value(name)? {
            Value::Integer(value) => within(name, *value, &range),
            _ => Err(format!("{name} must be a whole number")),
        }
    }

    /// A number within a range.
    pub fn number_within(&self, name: &str, range: RangeInclusive<f64>) -> Result<f64, String> {
        match self.value(name)? {
            Value::Number(value) => within(name, *value, &range),
            _ => Err(format!("{name} must be a number")),
        }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<&str, String> {
        match self.value(name)? {
            Value::Text(value) => Ok(value),
            _ => Err(format!("{name} must be a text")),
        }
    }

    fn value(&self, name: &str) -> Result<&Value, String> {
        let found = self.0.iter().find(|setting| setting.name == name);
        found.map(|setting| &setting.value).ok_or_else(|| format!("{name} is missing"))
    }
}

fn within<T: PartialOrd + Display>(name: &str, value: T, range: &RangeInclusive<T>) -> Result<T, String> {
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(format!("{name} must be between {} and {}, and is {value}", range.start(), range.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new(vec![
            Setting { name: "share".to_owned(), value: Value::Number(0.25) },
            Setting { name: "trim".to_owned(), value: Value::Boolean(true) },
        ])
    }

    #[test]
    fn values_are_read_by_kind() {
        assert_eq!(settings().number_within("share", 0.0..=1.0), Ok(0.25));
        assert_eq!(settings().boolean("trim"), Ok(true));
    }

    #[test]
    fn complaints_begin_with_the_setting() {
        let complaints = [
            settings().number_within("share", 0.5..=1.0).unwrap_err(),
            settings().integer_within("share", 0..=1).unwrap_err(),
            settings().text("share").unwrap_err(),
        ];
        assert!(complaints.iter().all(|complaint| complaint.starts_with("share must be ")));
        assert_eq!(settings().boolean("absent").unwrap_err(), "absent is missing");
    }
}
