//! Values that functions give, as data: what a driver writes of them (`drivers/data.py`) and what a problem
//! expects.
//!
//! In: JSON of either. Out: a [`Value`]. Of objects of a program's own classes nothing but the class's name
//! is kept: [`Value::Other`] equals nothing.

use std::fmt::{self, Display, Formatter};

use ts_json::{Decimal, Json};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    None,
    Bool(bool),
    /// Its digits, without leading zeros.
    Int(String),
    Float(f64),
    Complex(f64, f64),
    Text(String),
    /// In hexadecimal.
    Bytes(String),
    /// A list or a tuple.
    List(Vec<Value>),
    Set(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// Anything else; the name of its kind.
    Other(String),
}

impl Value {
    /// What a problem's line writes: plain JSON, whose objects are dicts.
    pub(crate) fn of_problem(json: &Json) -> Self {
        Value::of_driver(&for_driver(json))
    }

    /// What a driver writes. What it cannot have written is [`Value::Other`].
    pub(crate) fn of_driver(json: &Json) -> Self {
        let members = match json {
            Json::Null => return Value::None,
            Json::Bool(value) => return Value::Bool(*value),
            Json::Number(digits) => return number(digits),
            Json::Text(text) => return Value::Text(text.clone()),
            Json::List(items) => return Value::List(items.iter().map(Value::of_driver).collect()),
            Json::Object(members) => members,
        };
        if let Some(held) = json.get("held") {
            return Value::of_driver(held); // of a class that derives from a kind of data
        }
        let Some((kind, held)) = members.first() else { return Value::Other("object".to_owned()) };
        let items = || held.as_list().unwrap_or_default().iter().map(Value::of_driver);
        match (&**kind, held) {
            ("tuple", _) => Value::List(items().collect()),
            ("set" | "frozenset", _) => Value::Set(items().collect()),
            ("dict", _) => Value::Dict(items().filter_map(pair).collect()),
            ("bytes" | "bytearray", Json::Text(hexadecimal)) => Value::Bytes(hexadecimal.clone()),
            ("int" | "float", Json::Text(digits)) => number(digits),
            ("complex", _) => {
                match items().map(|part| part.as_float()).collect::<Option<Vec<_>>>().as_deref() {
                    Some([re, im]) => Value::Complex(*re, *im),
                    _ => Value::Other("complex".to_owned()),
                }
            }
            ("object", Json::Text(name)) => Value::Other(name.clone()),
            _ => Value::Other(kind.clone()),
        }
    }

    /// An int or a float that is finite, exactly.
    pub(crate) fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Value::Int(digits) => Decimal::parse(digits),
            Value::Float(value) => Decimal::parse(&format!("{value:e}")),
            _ => None,
        }
    }

    /// The nearest float to a number.
    pub(crate) fn as_float(&self) -> Option<f64> {
        match self {
            Value::Bool(value) => Some(f64::from(u8::from(*value))),
            Value::Int(digits) => digits.parse().ok(),
            Value::Float(value) => Some(*value),
            _ => None,
        }
    }
}

/// A problem's plain JSON as a driver reads it.
pub(crate) fn for_driver(json: &Json) -> Json {
    match json {
        Json::List(items) => Json::List(items.iter().map(for_driver).collect()),
        Json::Object(members) => {
            let pair = |(name, value): &(String, Json)| Json::List(vec![Json::text(name), for_driver(value)]);
            Json::object([("dict", Json::List(members.iter().map(pair).collect()))])
        }
        plain => plain.clone(),
    }
}

fn pair(pair: Value) -> Option<(Value, Value)> {
    let Value::List(pair) = pair else { return None };
    <[Value; 2]>::try_from(pair).ok().map(|[key, value]| (key, value))
}

fn number(text: &str) -> Value {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_or_else(|_| Value::Other("number".to_owned()), Value::Float);
    }
    match digits.trim_start_matches('0') {
        "" => Value::Int("0".to_owned()),
        digits => Value::Int(format!("{sign}{digits}")),
    }
}

/// As Python would print it, more or less.
impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let series = |f: &mut Formatter<'_>, open: &str, items: &[Value], close: &str| {
            f.write_str(open)?;
            for (at, item) in items.iter().enumerate() {
                write!(f, "{}{item}", if at > 0 { ", " } else { "" })?;
            }
            f.write_str(close)
        };
        match self {
            Value::None => f.write_str("None"),
            Value::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            Value::Int(digits) => f.write_str(digits),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Complex(re, im) => write!(f, "({re:?}{im:+?}j)"),
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Bytes(hexadecimal) => write!(f, "bytes {hexadecimal}"),
            Value::List(items) => series(f, "[", items, "]"),
            Value::Set(items) => series(f, "{", items, "}"),
            Value::Dict(pairs) => {
                f.write_str("{")?;
                for (at, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
            Value::Other(kind) => write!(f, "an object of type {kind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_s_values_print_as_python_does() {
        for (json, printed) in [
            ("{\"tuple\": [1, {\"set\": [2.0]}]}", "[1, {2.0}]"),
            ("{\"dict\": [[1, \"a\"], [null, true]]}", "{1: \"a\", None: True}"),
            ("{\"object\": \"Pair\", \"id\": 0}", "an object of type Pair"),
            ("{\"complex\": [1.0, -2.0]}", "(1.0-2.0j)"),
            ("{\"int\": \"-00012\"}", "-12"),
            ("-0", "0"),
            ("1e3", "1000.0"),
            ("-Infinity", "-inf"),
            ("{\"deque\": [1]}", "an object of type deque"),
            ("{}", "an object of type object"),
        ] {
            assert_eq!(Value::of_driver(&Json::parse_python(json).unwrap()).to_string(), printed, "{json}");
        }
    }

    #[test]
    fn a_problem_s_objects_are_dicts() {
        let json = Json::parse_python("[{\"set\": [1]}]").unwrap();
        assert_eq!(Value::of_problem(&json).to_string(), "[{\"set\": [1]}]");
        assert_eq!(for_driver(&json).to_string(), "[{\"dict\": [[\"set\", [1]]]}]");
    }
}
