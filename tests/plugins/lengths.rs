//! Length functions: a few texts, each with a number of tokens.

use std::fmt::Write;

use serde_json::Map;

use crate::{plugin, snapshot};

#[test]
fn lengths() {
    for name in ["characters", "tokens"] {
        let length = plugin(name).length_function(&Map::new()).unwrap();
        let mut table = String::new();
        for (text, tokens) in [("", 1), ("4", 2), ("π ≈ 3.14", 6), ("So 2 + 2 = 4.\n", 9)] {
            let measured = length.measure("p", text, tokens).unwrap().value;
            writeln!(table, "{text:?}, {tokens} tokens: {measured}").unwrap();
        }
        snapshot(&format!("{name}__lengths"), &table);
    }
}
