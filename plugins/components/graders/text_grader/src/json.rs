//! Mode `json`: the same value (RFC 8259). The order of an object's members does not matter, a list's order
//! does, and numbers are compared as the decimals that they are, of any size: `1.0` is `1`, and `0.1` is not
//! `0.10000000000000001`.
//!
//! In: a reference and an answer. Out: right or wrong. There are no schemas, and no tolerances inside a
//! document.

use std::collections::BTreeMap;

use ts_json::{Decimal, Json};

use crate::{Judged, Reference};

/// The value to be given.
pub(crate) struct Document(Json);

impl Document {
    pub(crate) fn read(reference: &str) -> Result<Self, String> {
        Json::parse(reference).map(Document).map_err(|fault| format!("the reference is not JSON: {fault}"))
    }
}

impl Reference for Document {
    fn judge(&self, answer: &str) -> Judged {
        match Json::parse(answer) {
            Ok(answer) => Judged::of(is_same(&answer, &self.0), ""),
            Err(fault) => Judged::of(false, format!("the answer is not JSON: {fault}")),
        }
    }
}

/// Whether two values are the same, whatever their notation.
fn is_same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => {
            let (exact, other_exact) = (Decimal::parse(one), Decimal::parse(other));
            one == other || exact.is_some() && exact == other_exact
        }
        (Json::List(one), Json::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            let by_name: BTreeMap<&str, &Json> =
                other.iter().map(|(name, value)| (name.as_str(), value)).collect();
            let has = |(name, value): &(String, Json)| {
                by_name.get(name.as_str()).is_some_and(|other| is_same(value, other))
            };
            one.len() == other.len() && one.iter().all(has)
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(one: &str, other: &str) -> bool {
        is_same(&Json::parse(one).unwrap(), &Json::parse(other).unwrap())
    }

    #[test]
    fn values_are_equal_whatever_their_notation() {
        for (one, other) in [
            (r#"{"a": 1, "b": [true, null]}"#, "{\"b\":[true,null],\n\t\"a\":1.0}"),
            (r#""\u00e9\ud83d\ude00\n""#, "\"é😀\\n\""),
            ("100", "1e2"),
            ("-0", "0.0"),
            ("[ ]", "[]"),
            ("{ }", "{}"),
            ("123456789012345678901234567890.0", "123456789012345678901234567890"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn values_differ() {
        for (one, other) in [
            ("[1, 2]", "[2, 1]"),
            ("0.1", "0.10000000000000001"),
            ("9007199254740993", "9007199254740992"),
            ("1", "\"1\""),
            ("null", "false"),
            (r#"{"a": 1}"#, r#"{"a": 1, "b": null}"#),
            ("{}", "[]"),
            ("1e400", "1e401"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn an_answer_that_is_no_json_is_wrong_and_a_reference_is_bad() {
        let judged = Document::read("[1]").unwrap().judge("[1");
        assert_eq!(judged, Judged::of(false, "the answer is not JSON: it ends too early"));
        assert!(Document::read("[1").is_err());
    }

    fn documents() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_a_writer_writes_is_read_alike_dense_or_spaced(value in documents()) {
            prop_assert!(same(&value.to_string(), &serde_json::to_string_pretty(&value).unwrap()));
        }

        #[test]
        fn equality_is_that_of_the_values(one in documents(), other in documents()) {
            prop_assert_eq!(same(&one.to_string(), &other.to_string()), one == other);
        }
    }
}
