//! JSON that a stranger wrote, read into memory that is bounded by a count of its values.
//!
//! In: a JSON text. Out: a [`Value`] of at most so many values. A text that holds many small values takes
//! fifty times its own size in memory, so a bound on its bytes is not enough. `serde_json` bounds how deep it
//! goes. Of two entries of one name the last one counts, as everywhere.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

/// A value that holds at most `MOST` values, itself and the names of entries included.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bounded<const MOST: usize>(pub(crate) Value);

impl<'de, const MOST: usize> Deserialize<'de> for Bounded<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Seed { left: &Cell::new(MOST), most: MOST }.deserialize(deserializer).map(Self)
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    left: &'a Cell<usize>,
    most: usize,
}

impl Seed<'_> {
    fn count<E: Error>(&self) -> Result<(), E> {
        let too_many = || E::custom(format_args!("more than {} values", self.most));
        self.left.set(self.left.get().checked_sub(1).ok_or_else(too_many)?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            self.count()?;
            values.insert(name, entries.next_value_seed(self)?);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_serde_json_reads_it_and_bounded() {
        let text = r#"{"a": [1, -2, 3.5, true, null, "x"], "b": {}, "a": [18446744073709551615]}"#;
        let read: Bounded<20> = serde_json::from_str(text).unwrap();
        assert_eq!(read.0, serde_json::from_str::<Value>(text).unwrap());
        assert!(serde_json::from_str::<Bounded<4>>("[1,2,3]").is_ok());
        let error = serde_json::from_str::<Bounded<3>>("[1,2,3]").unwrap_err();
        assert!(error.to_string().starts_with("more than 3 values at line 1"), "{error}");
        assert!(serde_json::from_str::<Bounded<9>>(&"[".repeat(200)).is_err());
    }
}
