//! A recipe's settings for a plugin, checked against what the plugin takes.
//!
//! In: the recipe's table as JSON values, and the plugin's description. Out: every setting that the plugin
//! lists, in its order, with the recipe's value or the default. A whole number stands for a number where a
//! number is taken; nothing else is converted.
//!
//! Ranges are the plugin's to judge, in `configure`.

use serde_json::{Map, Value};

use crate::contract::bindings::ts_host::plugin::types as wit;
use crate::load::description::{Description, SettingSpec, SettingValue};
use crate::load::load_error::LoadError;

/// Every setting of one plugin, in the plugin's order.
pub type Settings = Vec<(String, SettingValue)>;

/// Completes and checks a recipe's settings.
///
/// # Errors
///
/// [`LoadError::UnknownSetting`] for a key that the plugin does not list, [`LoadError::WrongSetting`] for a
/// value of another kind.
pub fn resolve(description: &Description, given: &Map<String, Value>) -> Result<Settings, LoadError> {
    let plugin = &description.name;
    if let Some(setting) = given.keys().find(|key| description.settings.iter().all(|spec| spec.name != **key))
    {
        return Err(LoadError::UnknownSetting {
            plugin: plugin.clone(),
            setting: setting.clone(),
            known: description.settings.iter().map(|spec| spec.name.clone()).collect(),
        });
    }
    let resolve_one = |spec: &SettingSpec| {
        let value = match given.get(&spec.name) {
            None => spec.default.clone(),
            Some(value) => convert(&spec.default, value).ok_or_else(|| LoadError::WrongSetting {
                plugin: plugin.clone(),
                setting: spec.name.clone(),
                expected: spec.default.kind(),
                found: name(value),
            })?,
        };
        Ok((spec.name.clone(), value))
    };
    description.settings.iter().map(resolve_one).collect()
}

/// The value as one of the default's kind.
fn convert(default: &SettingValue, value: &Value) -> Option<SettingValue> {
    match (default, value) {
        (SettingValue::Boolean(_), Value::Bool(value)) => Some(SettingValue::Boolean(*value)),
        (SettingValue::Integer(_), Value::Number(value)) => value.as_i64().map(SettingValue::Integer),
        (SettingValue::Number(_), Value::Number(value)) => {
            value.as_f64().filter(|value| value.is_finite()).map(SettingValue::Number)
        }
        (SettingValue::Text(_), Value::String(value)) => Some(SettingValue::Text(value.clone())),
        _ => None,
    }
}

/// What a value is called in an error.
fn name(value: &Value) -> String {
    match value {
        // JSON has no NaN and no infinity: a recipe's end up here.
        Value::Null => "nothing (or a number that is not finite)".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(value) => format!("the text {value:?}"),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a table".into(),
    }
}

/// The settings as the generated code wants them; borrows all text.
pub(crate) fn lower(settings: &Settings) -> Vec<wit::Setting<'_>> {
    settings
        .iter()
        .map(|(name, value)| wit::Setting {
            name,
            value: match value {
                SettingValue::Boolean(value) => wit::ValueParam::Boolean(*value),
                SettingValue::Integer(value) => wit::ValueParam::Integer(*value),
                SettingValue::Number(value) => wit::ValueParam::Number(*value),
                SettingValue::Text(value) => wit::ValueParam::Text(value),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn description() -> Description {
        let spec = |name: &str, default| SettingSpec { name: name.into(), default, doc: "Says what.".into() };
        Description {
            name: "q_dyn".into(),
            version: "0.1.0".into(),
            summary: "Selects.".into(),
            settings: vec![
                spec("depth_alpha", SettingValue::Number(0.2)),
                spec("max_pairs", SettingValue::Integer(64)),
                spec("unit", SettingValue::Text("tokens".into())),
                spec("strict", SettingValue::Boolean(true)),
            ],
        }
    }

    fn resolved(given: Value) -> Result<Settings, String> {
        let Value::Object(given) = given else { panic!("settings are a table") };
        resolve(&description(), &given).map_err(|error| error.to_string())
    }

    #[test]
    fn the_list_is_complete_and_in_the_plugin_s_order() {
        let settings = resolved(json!({"unit": "steps", "depth_alpha": 1})).unwrap();
        let expected = [
            ("depth_alpha".to_string(), SettingValue::Number(1.0)),
            ("max_pairs".to_string(), SettingValue::Integer(64)),
            ("unit".to_string(), SettingValue::Text("steps".into())),
            ("strict".to_string(), SettingValue::Boolean(true)),
        ];
        assert_eq!(settings, expected);
    }

    #[test]
    fn an_unknown_key_lists_the_known_ones() {
        let Value::Object(given) = json!({"alpha": 1}) else { unreachable!() };
        let error = resolve(&description(), &given).unwrap_err();
        assert_eq!(error.to_string(), "plugin `q_dyn` takes no setting `alpha`");
        assert_eq!(error.hint().unwrap(), "it takes depth_alpha, max_pairs, unit, strict");
    }

    #[test]
    fn values_of_another_kind_are_refused() {
        let refused = |given| resolved(given).unwrap_err();
        assert_eq!(
            refused(json!({"max_pairs": 64.0})),
            "setting `max_pairs` of plugin `q_dyn` takes a whole number, not 64.0"
        );
        assert!(refused(json!({"max_pairs": u64::MAX})).contains("a whole number"));
        assert!(refused(json!({"depth_alpha": f64::NAN})).contains("not finite"));
        assert!(refused(json!({"depth_alpha": "0.2"})).contains("the text \"0.2\""));
        assert!(refused(json!({"unit": true})).contains("a text, not true"));
        assert!(refused(json!({"strict": [true]})).contains("not a list"));
    }
}
