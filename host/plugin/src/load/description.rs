//! What a plugin says of itself, checked.
//!
//! In: the answer of `describe`. Out: a [`Description`] whose names are well formed and unique, whose version
//! has three numbers, which has no more settings and no longer texts than people read, and whose defaults are
//! of the kinds that they stand for. Everything later (settings, reports, error messages) relies on that.
//!
//! The name is the plugin's claim; its hash is its identity.

use std::collections::HashSet;

use serde::Serialize;

use crate::contract::bindings::ts_host::plugin::types as wit;
use crate::text;

/// Most settings of a plugin.
const MAX_SETTINGS: usize = 256;
/// Longest default that is a text, bytes.
const MAX_TEXT: usize = 4096;
/// Longest version, bytes.
const MAX_VERSION: usize = 32;

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// Its name: lower case, words joined by `_`.
    pub name: String,
    /// Its own version, `major.minor.patch`.
    pub version: String,
    /// One sentence for the people who choose it.
    pub summary: String,
    /// The settings it takes, in its own order.
    pub settings: Vec<SettingSpec>,
}

/// One setting that a plugin takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettingSpec {
    /// The key in a recipe.
    pub name: String,
    /// Its value where a recipe does not name it; it also says which kind of value the setting takes.
    pub default: SettingValue,
    /// One sentence: what it does, with its unit and its range.
    pub doc: String,
}

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(String),
}

impl SettingValue {
    /// What values of this kind are called.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Number(_) => "a finite number",
            Self::Text(_) => "a text",
        }
    }
}

/// Checks a guest's description; the error says what is wrong with it.
pub(crate) fn check(description: wit::Description) -> Result<Description, String> {
    let wit::Description { name, version, summary, settings } = description;
    if settings.len() > MAX_SETTINGS {
        return Err(format!("it has {} settings, more than {MAX_SETTINGS}", settings.len()));
    }
    if !is_key(&name) {
        return Err(format!("its name `{}` is not lower case with `_` between words", text::sentence(&name)));
    }
    if !is_version(&version) {
        return Err(format!("its version `{}` is not `major.minor.patch`", text::sentence(&version)));
    }
    if summary.trim().is_empty() {
        return Err("its summary is empty".into());
    }
    let mut checked: Vec<SettingSpec> = Vec::with_capacity(settings.len());
    let mut names = HashSet::with_capacity(settings.len());
    for spec in settings {
        let spec = check_setting(spec)?;
        if !names.insert(spec.name.clone()) {
            return Err(format!("setting `{}` is listed twice", spec.name));
        }
        checked.push(spec);
    }
    Ok(Description { name, version, summary: text::sentence(&summary), settings: checked })
}

fn check_setting(spec: wit::SettingSpec) -> Result<SettingSpec, String> {
    let wit::SettingSpec { name, kind, default, doc } = spec;
    if !is_key(&name) {
        return Err(format!("setting `{}` is not lower case with `_` between words", text::sentence(&name)));
    }
    let default = match (kind, default) {
        (wit::ValueKind::Boolean, wit::ValueResult::Boolean(value)) => SettingValue::Boolean(value),
        (wit::ValueKind::Integer, wit::ValueResult::Integer(value)) => SettingValue::Integer(value),
        (wit::ValueKind::Number, wit::ValueResult::Number(value)) if value.is_finite() => {
            SettingValue::Number(value)
        }
        (wit::ValueKind::Text, wit::ValueResult::Text(value)) if value.len() > MAX_TEXT => {
            return Err(format!(
                "the default of setting `{name}` has {} bytes, more than {MAX_TEXT}",
                value.len()
            ));
        }
        (wit::ValueKind::Text, wit::ValueResult::Text(value)) => SettingValue::Text(value),
        _ => return Err(format!("the default of setting `{name}` is not a value of the setting's kind")),
    };
    if doc.trim().is_empty() {
        return Err(format!("setting `{name}` is not documented"));
    }
    Ok(SettingSpec { name, default, doc: text::sentence(&doc) })
}

/// Lower-case letters, digits and `_`, with a letter first; at most 64 bytes.
fn is_key(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Three numbers with points between them.
fn is_version(version: &str) -> bool {
    let parts: Vec<_> = version.split('.').take(4).collect();
    version.len() <= MAX_VERSION
        && parts.len() == 3
        && parts.iter().all(|part| part.parse::<u32>().is_ok() && !part.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(settings: Vec<wit::SettingSpec>) -> wit::Description {
        wit::Description {
            name: "q_dyn".into(),
            version: "0.1.0".into(),
            summary: "Selects.".into(),
            settings,
        }
    }

    fn spec(name: &str, kind: wit::ValueKind, default: wit::ValueResult) -> wit::SettingSpec {
        wit::SettingSpec { name: name.into(), kind, default, doc: "Says what.".into() }
    }

    #[test]
    fn a_good_description_passes_unchanged() {
        let checked = check(described(vec![spec(
            "depth_alpha",
            wit::ValueKind::Number,
            wit::ValueResult::Number(0.2),
        )]))
        .unwrap();
        assert_eq!(checked.settings[0].default, SettingValue::Number(0.2));
    }

    #[test]
    fn what_breaks_the_contract_is_named() {
        let integer = |name: &str| spec(name, wit::ValueKind::Integer, wit::ValueResult::Integer(1));
        let fails = |settings| check(described(settings)).unwrap_err();
        assert_eq!(fails(vec![integer("k"), integer("k")]), "setting `k` is listed twice");
        assert!(fails(vec![integer("K")]).starts_with("setting `K` is not lower case"));
        assert!(
            fails(vec![spec("k", wit::ValueKind::Number, wit::ValueResult::Integer(1))])
                .contains("default of")
        );
        assert!(
            fails(vec![spec("k", wit::ValueKind::Number, wit::ValueResult::Number(f64::NAN))])
                .contains("default of")
        );
        for version in ["1.0", "1.0.x", "1.0.0.0", "1.+0.0", ""] {
            let error = check(wit::Description { version: version.into(), ..described(vec![]) }).unwrap_err();
            assert!(error.contains("major.minor.patch"), "{version}");
        }
    }
}
