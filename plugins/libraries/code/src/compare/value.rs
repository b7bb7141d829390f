//! Values of functions: equal as Python has it, save that a list equals a tuple of the same items.
//!
//! `True` is 1 and 1 is 1.0; an int and a float are compared exactly; NaN equals nothing; a set has no order,
//! a list has one. The keys of what a problem expects are texts, as it is JSON: the key 1 is found as `"1"`,
//! the way JSON writes it. An object of a class of the program's own equals nothing, whatever its class says.
//!
//! In: what a function gave, and what was expected. Out: whether they are equal.

use std::collections::BTreeMap;

use super::{are_near, is_near};
use crate::value::Value;

pub(super) fn equal(given: &Value, expected: &Value, tolerance: Option<f64>) -> bool {
    match (given, expected) {
        (Value::None, Value::None) => true,
        (Value::Text(given), Value::Text(expected)) => given == expected,
        (Value::Bytes(given), Value::Bytes(expected)) => given == expected,
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::List(given), Value::List(expected)) => {
            let mut pairs = given.iter().zip(expected);
            given.len() == expected.len() && pairs.all(|(given, expected)| equal(given, expected, tolerance))
        }
        (Value::Set(given), Value::Set(expected)) => {
            keys(given) == keys(expected) && !keys(given).contains(&None)
        }
        (Value::Dict(given), Value::Dict(expected)) => dicts(given, expected, tolerance),
        _ => numbers(given, expected, tolerance),
    }
}

fn numbers(given: &Value, expected: &Value, tolerance: Option<f64>) -> bool {
    let is_equal = key(given).is_some_and(|given| given.starts_with('#') && key(expected) == Some(given));
    is_equal
        || match (tolerance, given.as_float(), expected.as_float()) {
            (Some(tolerance), Some(near), Some(to)) if near.is_finite() && to.is_finite() => {
                is_near(near, to, tolerance)
            }
            (Some(tolerance), ..) => match (given.as_decimal(), expected.as_decimal()) {
                (Some(given), Some(expected)) => are_near(&given, &expected, tolerance),
                _ => false,
            },
            _ => false,
        }
}

fn dicts(given: &[(Value, Value)], expected: &[(Value, Value)], tolerance: Option<f64>) -> bool {
    let mut open: BTreeMap<_, _> = expected.iter().map(|(name, value)| (key(name), value)).collect();
    let mut takes = |(name, value): &(Value, Value)| {
        let Some(by_key) = key(name) else { return false };
        let found =
            open.remove(&Some(by_key)).or_else(|| open.remove(&spelled(name).and_then(|name| key(&name))));
        found.is_some_and(|expected| equal(value, expected, tolerance))
    };
    given.len() == expected.len() && given.iter().all(&mut takes)
}

/// The keys of a set, sorted.
fn keys(items: &[Value]) -> Vec<Option<String>> {
    let mut keys: Vec<_> = items.iter().map(key).collect();
    keys.sort();
    keys
}

/// A text that equal values share: how a value is found in a set or among a dict's keys. None for one that
/// equals nothing.
fn key(value: &Value) -> Option<String> {
    Some(match value {
        Value::None => "none".to_owned(),
        Value::Bool(value) => format!("#{}", u8::from(*value)),
        Value::Int(digits) => format!("#{digits}"),
        Value::Float(value) if value.is_nan() => return None,
        Value::Float(0.0) => "#0".to_owned(),
        // All its digits, so that it is the int of that size.
        Value::Float(value) if value.fract() == 0.0 => format!("#{value:.0}"),
        Value::Float(value) => format!("#{value:e}"),
        Value::Complex(re, im) => format!("({re:e} {im:e})"),
        Value::Text(text) => format!("{text:?}"),
        Value::Bytes(hexadecimal) => format!("b{hexadecimal}"),
        Value::List(items) => format!("[{}]", items.iter().map(key).collect::<Option<Vec<_>>>()?.join(",")),
        Value::Set(items) => {
            let mut keys = items.iter().map(key).collect::<Option<Vec<_>>>()?;
            keys.sort();
            format!("{{{}}}", keys.join(","))
        }
        Value::Dict(_) | Value::Other(_) => return None,
    })
}

/// A key as JSON writes it.
fn spelled(key: &Value) -> Option<Value> {
    Some(Value::Text(match key {
        Value::None => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(digits) => digits.clone(),
        Value::Float(value) => format!("{value:?}"),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ts_json::Json;

    fn agree(given: &str, expected: &str, tolerance: Option<f64>) -> bool {
        let given = Value::of_driver(&Json::parse_python(given).unwrap());
        let expected = Value::of_problem(&Json::parse_python(expected).unwrap());
        equal(&given, &expected, tolerance)
    }

    #[test]
    fn equal_as_in_python() {
        for (given, expected) in [
            ("3", "3"),
            ("3.0", "3"),
            ("true", "1"),
            ("1", "true"),
            ("0.0", "-0.0"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("9223372036854775808", "9.223372036854775808e18"),
            ("Infinity", "Infinity"),
            ("null", "null"),
            ("[[1, {\"tuple\": [1, 1]}]]", "[[1, [1, 1]]]"),
            ("{\"dict\": [[\"b\", 1], [\"a\", [2]]]}", "{\"a\": [2], \"b\": 1.0}"),
            ("{\"dict\": [[1, \"x\"], [true, 2]]}", "{\"1\": \"x\", \"true\": 2}"),
        ] {
            assert!(agree(given, expected, None), "{given} {expected}");
        }
    }

    #[test]
    fn not_equal_as_in_python() {
        for (given, expected) in [
            ("NaN", "NaN"),
            ("9007199254740993", "9007199254740992.0"),
            (&"7".repeat(5000), &format!("{}8", "7".repeat(4999))),
            (&"7".repeat(5000), &format!("\"{}\"", "7".repeat(5000))),
            ("\"1\"", "1"),
            ("0", "null"),
            ("false", "null"),
            ("\"\"", "[]"),
            ("[7]", "7"),
            ("7", "[7, 8]"),
            ("[1, 2]", "[2, 1]"),
            ("[1, 1, 2]", "[1, 2]"),
            ("{\"set\": [1]}", "[1]"),
            ("{\"object\": \"A\", \"id\": 0}", "7"),
            ("{\"dict\": [[1, 5], [\"1\", 5]]}", "{\"1\": 5, \"2\": 5}"),
            ("{\"dict\": [[\"a\", 1]]}", "{\"a\": 1, \"b\": 2}"),
            ("{\"deque\": [1]}", "[1]"),
            ("{\"bytes\": \"61\"}", "\"a\""),
        ] {
            assert!(!agree(given, expected, None), "{given} {expected}");
        }
        let other = Value::Other("A".to_owned());
        assert!(!equal(&other, &other, None));
    }

    #[test]
    fn sets_have_no_order() {
        let set = |text: &str| Value::of_driver(&Json::parse_python(text).unwrap());
        let (a, b) = (
            set("{\"set\": [1, {\"tuple\": [2, \"x\"]}]}"),
            set("{\"set\": [{\"tuple\": [2, \"x\"]}, 1.0]}"),
        );
        assert!(equal(&a, &b, None) && !equal(&a, &set("{\"set\": [1]}"), None));
        let odd = set("{\"set\": [{\"object\": \"A\", \"id\": 0}]}");
        assert!(!equal(&odd, &odd, None));
    }

    #[test]
    fn a_tolerance_holds_at_every_depth() {
        assert!(agree("[{\"dict\": [[\"a\", 0.3333333]]}]", "[{\"a\": 0.33333333}]", Some(1e-6)));
        assert!(!agree("[0.333]", "[0.33333333]", Some(1e-6)));
        let [large, larger] = [400, 401].map(|digits| "7".repeat(digits));
        assert!(
            agree(&large, &large, Some(1e-6)) && agree(&large, &format!("{}8", "7".repeat(399)), Some(1e-6))
        );
        assert!(
            !agree(&large, &larger, Some(1e-6))
                && !agree(&large, &format!("8{}", "7".repeat(399)), Some(1e-6))
        );
        assert!(!agree("Infinity", &large, Some(1e-6)) && agree("Infinity", "Infinity", Some(1e-6)));
        assert!(!agree("NaN", "0.5", Some(1.0)) && !agree("\"0.5\"", "0.5", Some(1.0)));
    }
}
