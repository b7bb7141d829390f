//! Which layers see a window of the last tokens, as a `config.json` says it, and back.
//!
//! In: the fields and the family. Out: the window of each layer, or an empty list where every layer sees all tokens. Qwen2 and
//! Qwen3 turn windows on with `use_sliding_window`, for the layers that `layer_types` names or else for those from
//! `max_window_layers` on. Every layer of a Mistral has one, unless `sliding_window` is null.

use serde_json::{Map, Value, json};

use super::family::{MAX_WINDOW_LAYERS, SLIDING_WINDOW, Windows};
use super::fields::{bad, flag, optional_size, shown};
use super::{Family, MAX_POSITIONS};
use crate::error::Result;

const FULL: &str = "full_attention";
const SLIDING: &str = "sliding_attention";

/// The window of each of `n_layers` layers; empty if none has one.
pub(super) fn read(
    fields: &Map<String, Value>,
    family: Family,
    n_layers: usize,
) -> Result<Vec<Option<usize>>> {
    let kinds = family.row().windows;
    let size = match fields.get("sliding_window") {
        None => Some(SLIDING_WINDOW),
        Some(_) => optional_size(fields, "sliding_window", MAX_POSITIONS)?,
    };
    let window = match kinds {
        Windows::Never => None,
        Windows::All => size,
        Windows::Asked if flag(fields, "use_sliding_window")? => size,
        Windows::Asked => None,
    };
    let named = layer_types(fields, n_layers)?;
    let windows: Vec<Option<usize>> = match (&named, kinds) {
        (None, Windows::Asked) => {
            let first = match fields.get("max_window_layers") {
                None | Some(Value::Null) => MAX_WINDOW_LAYERS,
                Some(value) => match value.as_u64() {
                    Some(first) => usize::try_from(first).unwrap_or(usize::MAX),
                    None => return bad("max_window_layers", format!("{} is not a count", shown(value))),
                },
            };
            (0..n_layers).map(|layer| window.filter(|_| layer >= first)).collect()
        }
        (Some(named), Windows::Asked) => named.iter().map(|slides| window.filter(|_| *slides)).collect(),
        _ => vec![window; n_layers],
    };
    if let Some(named) = named
        && named.iter().zip(&windows).any(|(slides, window)| *slides != window.is_some())
    {
        return bad("layer_types", "does not agree with the other fields on which layers have a window");
    }
    Ok(if windows.iter().all(Option::is_none) { Vec::new() } else { windows })
}

/// Whether each layer has a window, where the field says so.
fn layer_types(fields: &Map<String, Value>, n_layers: usize) -> Result<Option<Vec<bool>>> {
    const FIELD: &str = "layer_types";
    let types = match fields.get(FIELD) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(types)) => types,
        Some(value) => return bad(FIELD, format!("{} is not a list", shown(value))),
    };
    if types.len() != n_layers {
        return bad(FIELD, format!("has {} entries for {n_layers} layers", types.len()));
    }
    let slides = |kind: &Value| match kind.as_str() {
        Some(FULL) => Ok(false),
        Some(SLIDING) => Ok(true),
        _ => bad(FIELD, format!("{} is not implemented", shown(kind))),
    };
    types.iter().map(slides).collect::<Result<_>>().map(Some)
}

/// The fields of a configuration that was made in code. `None` where the family cannot say it.
pub(super) fn write(
    windows: &[Option<usize>],
    family: Family,
    n_layers: usize,
) -> Option<Vec<(&'static str, Value)>> {
    let of = |layer: usize| windows.get(layer).copied().flatten();
    let size = (0..n_layers).find_map(of);
    let all_same = |mut layers: std::ops::Range<usize>| layers.all(|layer| of(layer) == size);
    match family.row().windows {
        Windows::Never => size.is_none().then(Vec::new),
        Windows::All => all_same(0..n_layers).then(|| vec![("sliding_window", json!(size))]),
        Windows::Asked => {
            let types: Vec<&str> =
                (0..n_layers).map(|layer| if of(layer).is_some() { SLIDING } else { FULL }).collect();
            let of_one_size = (0..n_layers).all(|layer| of(layer).is_none() || of(layer) == size);
            let use_window = vec![("use_sliding_window", json!(size.is_some()))];
            let details = size.map(|size| [("sliding_window", json!(size)), ("layer_types", json!(types))]);
            of_one_size.then(|| use_window.into_iter().chain(details.into_iter().flatten()).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(family: Family, fields: Value) -> Result<Vec<Option<usize>>> {
        read(fields.as_object().unwrap(), family, 3)
    }

    #[test]
    fn qwen_asks_for_windows() {
        for family in [Family::Qwen2, Family::Qwen3] {
            let read = |fields| windows(family, fields).unwrap();
            assert!(read(json!({"sliding_window": 64, "max_window_layers": 0})).is_empty());
            assert!(read(json!({"use_sliding_window": true})).is_empty(), "28 layers come before");
            let upper = json!({"use_sliding_window": true, "sliding_window": 64, "max_window_layers": 1});
            assert_eq!(read(upper.clone()), [None, Some(64), Some(64)]);
            let mut named = upper;
            named["layer_types"] = json!([SLIDING, FULL, SLIDING]);
            assert_eq!(read(named), [Some(64), None, Some(64)]);
            assert!(
                read(json!({"use_sliding_window": true, "sliding_window": null, "max_window_layers": 0}))
                    .is_empty()
            );
            let full = json!({"use_sliding_window": false, "sliding_window": null, "layer_types": [FULL, FULL, FULL]});
            assert!(read(full).is_empty());
            for written in [vec![], vec![Some(64), None, Some(64)]] {
                let fields = write(&written, family, 3).unwrap().into_iter();
                let fields = fields.map(|(name, value)| (name.to_owned(), value)).collect();
                assert_eq!(super::read(&fields, family, 3).unwrap(), written);
            }
        }
    }

    #[test]
    fn mistral_has_a_window_unless_it_is_null_and_llama_has_none() {
        assert_eq!(windows(Family::Mistral, json!({})).unwrap(), [Some(4096); 3]);
        assert_eq!(windows(Family::Mistral, json!({"sliding_window": 8})).unwrap(), [Some(8); 3]);
        assert!(windows(Family::Mistral, json!({"sliding_window": null})).unwrap().is_empty());
        assert!(windows(Family::Llama, json!({})).unwrap().is_empty());
        assert_eq!(write(&[], Family::Mistral, 3), Some(vec![("sliding_window", json!(null))]));
        assert_eq!(write(&[Some(8), None, None], Family::Mistral, 3), None);
        assert_eq!(write(&[Some(8); 3], Family::Llama, 3), None);
    }

    #[test]
    fn contradictions_are_named() {
        for (fields, field) in [
            (json!({"layer_types": [SLIDING, FULL, FULL]}), "layer_types"),
            (json!({"layer_types": [FULL, FULL]}), "layer_types"),
            (json!({"layer_types": [FULL, FULL, "chunked_attention"]}), "layer_types"),
            (json!({"layer_types": FULL}), "layer_types"),
            (json!({"use_sliding_window": 1}), "use_sliding_window"),
            (json!({"use_sliding_window": true, "sliding_window": 0}), "sliding_window"),
            (json!({"use_sliding_window": true, "max_window_layers": -1}), "max_window_layers"),
        ] {
            let error = windows(Family::Qwen2, fields).unwrap_err().to_string();
            assert!(error.starts_with(&format!("config.json: {field}: ")), "{error}");
        }
        assert!(windows(Family::Mistral, json!({"layer_types": [FULL, FULL, FULL]})).is_err());
    }
}
