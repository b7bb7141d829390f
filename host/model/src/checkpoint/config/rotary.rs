//! The rotary embedding as a `config.json` describes it, and back.
//!
//! In: `rope_theta` and `rope_scaling`, as transformers 4 writes them, or `rope_parameters`, as transformers 5 does; the kind
//! of scaling stands in `rope_type` or, in older files, in `type`. Out: theta and a [`RotaryScaling`]. Where several fields say
//! the same, the one counts that counts in transformers.

use serde_json::{Map, Value, json};

use super::MAX_POSITIONS;
use super::fields::{bad, number, optional_size, positive, shown};
use super::implemented::is_off;
use crate::error::Result;
use crate::ops::RotaryScaling;

const FIELDS: [&str; 2] = ["rope_scaling", "rope_parameters"];

/// Keys that some kind of scaling reads. A key that its own kind does not read changes nothing.
const KNOWN: &[&str] = &[
    "rope_type",
    "type",
    "rope_theta",
    "factor",
    "original_max_position_embeddings",
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "truncate",
    "low_freq_factor",
    "high_freq_factor",
    "partial_rotary_factor",
];

/// Theta and the scaling. `max_positions` is the field `max_position_embeddings`, or its default.
pub(super) fn read(
    fields: &Map<String, Value>,
    default_theta: f64,
    max_positions: usize,
) -> Result<(f64, RotaryScaling)> {
    let empty = Map::new();
    let (name, rope) = match described(fields)? {
        Some(found) => found,
        None => (FIELDS[0], &empty),
    };
    let theta = match positive(rope, "rope_theta")? {
        Some(theta) => theta,
        None => positive(fields, "rope_theta")?.unwrap_or(default_theta),
    };
    for (key, value) in rope {
        if !KNOWN.contains(&key.as_str()) && !is_off(key, value) {
            return bad(format!("{name}.{key}"), "is not implemented");
        }
    }
    for part in [fields, rope] {
        let share = number(part, "partial_rotary_factor")?;
        if let Some(share) = share.filter(|&share| share != 1.0) {
            return bad("partial_rotary_factor", format!("{share} is not implemented, only 1 is"));
        }
    }
    Ok((theta, scaling(fields, name, rope, max_positions)?))
}

/// The first of the two fields that holds anything.
fn described(fields: &Map<String, Value>) -> Result<Option<(&'static str, &Map<String, Value>)>> {
    for name in FIELDS {
        match fields.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Object(rope)) if rope.is_empty() => {}
            Some(Value::Object(rope)) => return Ok(Some((name, rope))),
            Some(value) => return bad(name, format!("{} is not an object", shown(value))),
        }
    }
    Ok(None)
}

fn scaling(
    fields: &Map<String, Value>,
    name: &'static str,
    rope: &Map<String, Value>,
    max_positions: usize,
) -> Result<RotaryScaling> {
    let kind = match rope.get("rope_type").or_else(|| rope.get("type")) {
        None => "default",
        Some(Value::String(kind)) => kind,
        Some(value) => return bad(name, format!("rope_type is {}", shown(value))),
    };
    let given = |key: &'static str| match positive(rope, key)? {
        Some(number) => Ok(number),
        None => bad(name, format!("rotary embeddings of type {kind:?} need {key}")),
    };
    let original = || -> Result<usize> {
        const KEY: &str = "original_max_position_embeddings";
        let beside = optional_size(fields, KEY, MAX_POSITIONS)?;
        Ok(beside.or(optional_size(rope, KEY, MAX_POSITIONS)?).unwrap_or(max_positions))
    };
    match kind {
        "default" => Ok(RotaryScaling::Default),
        "linear" => Ok(RotaryScaling::Linear { factor: given("factor")? }),
        "dynamic" => {
            Ok(RotaryScaling::Dynamic { factor: given("factor")?, original_positions: max_positions })
        }
        "yarn" => yarn(rope, given("factor")?, original()?),
        "llama3" => {
            let (low_freq_factor, high_freq_factor) = (given("low_freq_factor")?, given("high_freq_factor")?);
            if low_freq_factor >= high_freq_factor {
                return bad(name, "low_freq_factor is not below high_freq_factor");
            }
            let (factor, original_positions) = (given("factor")?, original()?);
            Ok(RotaryScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_positions })
        }
        _ => bad(name, format!("rotary embeddings of type {:?} are not implemented", shortened(kind))),
    }
}

/// YaRN, with the attention factor of the paper where none is given.
fn yarn(rope: &Map<String, Value>, factor: f64, original_positions: usize) -> Result<RotaryScaling> {
    let mscale = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
    // Zero is as good as none, in transformers too.
    let nonzero = |key: &'static str| -> Result<_> { Ok(number(rope, key)?.filter(|&number| number != 0.0)) };
    let attention_factor = match number(rope, "attention_factor")? {
        Some(factor) => factor,
        None => match (nonzero("mscale")?, nonzero("mscale_all_dim")?) {
            (Some(scale), Some(all)) => mscale(scale) / mscale(all),
            _ => mscale(1.0),
        },
    };
    if !(attention_factor.is_finite() && attention_factor > 0.0) {
        return bad("attention_factor", format!("{attention_factor} is not above 0"));
    }
    let truncate = match rope.get("truncate") {
        None => true,
        Some(Value::Bool(truncate)) => *truncate,
        Some(value) => return bad("truncate", format!("{} is not true or false", shown(value))),
    };
    Ok(RotaryScaling::Yarn {
        factor,
        attention_factor,
        beta_fast: positive(rope, "beta_fast")?.unwrap_or(32.0),
        beta_slow: positive(rope, "beta_slow")?.unwrap_or(1.0),
        original_positions,
        truncate,
    })
}

/// The fields of a configuration that was made in code, in the spelling of transformers 4, which 5 reads too.
pub(super) fn write(theta: f64, scaling: RotaryScaling) -> Vec<(&'static str, Value)> {
    let described = match scaling {
        RotaryScaling::Default => None,
        RotaryScaling::Linear { factor } => Some(json!({"rope_type": "linear", "factor": factor})),
        // Its original length is `max_position_embeddings`.
        RotaryScaling::Dynamic { factor, .. } => Some(json!({"rope_type": "dynamic", "factor": factor})),
        RotaryScaling::Yarn {
            factor,
            attention_factor,
            beta_fast,
            beta_slow,
            original_positions,
            truncate,
        } => Some(json!({
            "rope_type": "yarn", "factor": factor, "attention_factor": attention_factor, "beta_fast": beta_fast,
            "beta_slow": beta_slow, "original_max_position_embeddings": original_positions, "truncate": truncate,
        })),
        RotaryScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_positions } => {
            Some(json!({
                "rope_type": "llama3", "factor": factor, "low_freq_factor": low_freq_factor,
                "high_freq_factor": high_freq_factor, "original_max_position_embeddings": original_positions,
            }))
        }
    };
    let scaling = described.map(|described| ("rope_scaling", described));
    [("rope_theta", json!(theta))].into_iter().chain(scaling).collect()
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_json(fields: Value) -> Result<(f64, RotaryScaling)> {
        let Value::Object(fields) = fields else { panic!("not an object") };
        read(&fields, 10_000.0, 4096)
    }

    fn scaling_of(rope: Value) -> RotaryScaling {
        let four = read_json(json!({"rope_theta": 5e5, "rope_scaling": rope})).unwrap();
        let mut parameters = rope;
        parameters["rope_theta"] = json!(5e5);
        let five = read_json(json!({"rope_parameters": parameters})).unwrap();
        assert_eq!(four, five);
        assert_eq!(four.0, 5e5);
        four.1
    }

    #[test]
    fn each_kind_is_read_in_both_spellings() {
        assert_eq!(read_json(json!({})).unwrap(), (10_000.0, RotaryScaling::Default));
        assert_eq!(read_json(json!({"rope_scaling": null, "rope_theta": 1e6})).unwrap().0, 1e6);
        let linear = RotaryScaling::Linear { factor: 4.0 };
        assert_eq!(scaling_of(json!({"type": "linear", "factor": 4.0})), linear);
        assert_eq!(scaling_of(json!({"rope_type": "linear", "type": "yarn", "factor": 4})), linear);
        let dynamic = RotaryScaling::Dynamic { factor: 2.0, original_positions: 4096 };
        assert_eq!(scaling_of(json!({"type": "dynamic", "factor": 2.0})), dynamic);
        // Llama 3.2's.
        let llama3 = RotaryScaling::Llama3 {
            factor: 32.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_positions: 8192,
        };
        let fields = json!({"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192, "rope_type": "llama3"});
        assert_eq!(scaling_of(fields), llama3);
        for (theta, scaling) in [(1e6, linear), (1e6, dynamic), (1e6, llama3)] {
            let fields = write(theta, scaling).into_iter().map(|(name, value)| (name.to_owned(), value));
            assert_eq!(read(&fields.collect(), 10_000.0, 4096).unwrap(), (theta, scaling));
        }
    }

    #[test]
    fn the_attention_factor_of_yarn_is_given_or_follows() {
        let attention_factor = |more: Value| {
            let mut fields =
                json!({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32_768});
            fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            match scaling_of(fields) {
                RotaryScaling::Yarn { attention_factor, original_positions: 32_768, .. } => attention_factor,
                other => panic!("{other:?}"),
            }
        };
        // 0.1·ln 4 + 1
        assert!((attention_factor(json!({})) - 1.138_629).abs() < 1e-6);
        assert_eq!(attention_factor(json!({"attention_factor": 1.5})), 1.5);
        assert_eq!(attention_factor(json!({"mscale": 1.0, "mscale_all_dim": 1.0})), 1.0);
        // (0.1·0.5·ln 4 + 1)/(0.1·ln 4 + 1)
        let factor = attention_factor(json!({"mscale": 0.5, "mscale_all_dim": 1.0}));
        assert!((factor - 1.069_315 / 1.138_629).abs() < 1e-6);
        let yarn = scaling_of(json!({"type": "yarn", "factor": 4.0, "beta_fast": 16, "truncate": false}));
        let fields = write(1e6, yarn).into_iter().map(|(name, value)| (name.to_owned(), value));
        assert_eq!(read(&fields.collect(), 10_000.0, 4096).unwrap(), (1e6, yarn));
        assert!(matches!(
            yarn,
            RotaryScaling::Yarn {
                beta_fast: 16.0,
                beta_slow: 1.0,
                original_positions: 4096,
                truncate: false,
                ..
            }
        ));
    }

    #[test]
    fn what_is_not_implemented_or_makes_no_sense_is_named() {
        for (rope, named) in [
            (json!({"type": "longrope"}), "rope_scaling: rotary embeddings of type \"longrope\""),
            (json!({"type": "mrope", "mrope_section": [1, 2]}), "rope_scaling.mrope_section: "),
            (json!({"full_attention": {"rope_type": "default"}}), "rope_scaling.full_attention: "),
            (json!({"type": "default", "partial_rotary_factor": 0.5}), "partial_rotary_factor: 0.5"),
            (json!({"type": "linear"}), "rope_scaling: rotary embeddings of type \"linear\" need factor"),
            (json!({"type": "linear", "factor": -1}), "factor: "),
            (json!({"type": "linear", "factor": "4"}), "factor: "),
            (json!({"type": 3}), "rope_scaling: rope_type is 3"),
            (json!("yarn"), "rope_scaling: "),
            (json!({"type": "yarn", "factor": 4, "attention_factor": 0}), "attention_factor: "),
            (
                json!({"type": "yarn", "factor": 4, "original_max_position_embeddings": 0}),
                "original_max_position_embeddings: ",
            ),
            (
                json!({"type": "llama3", "factor": 4, "low_freq_factor": 4, "high_freq_factor": 4}),
                "rope_scaling: low_freq",
            ),
        ] {
            let error = read_json(json!({"rope_scaling": rope})).unwrap_err().to_string();
            assert!(error.starts_with(&format!("config.json: {named}")), "{error}");
        }
        for fields in
            [json!({"partial_rotary_factor": 0.25}), json!({"rope_theta": 0}), json!({"rope_theta": "x"})]
        {
            assert!(read_json(fields).is_err());
        }
    }
}
