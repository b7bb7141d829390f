//! Length function `characters`: the number of Unicode characters. TokenSqueeze, section 3.3, with ℓ the
//! length of the text, so that models with different tokenizers can be compared.
//!
//! In: a text and its number of tokens. Out: its characters plus one. The one stands for the end-of-text
//! token, which has no text, and keeps the length of an empty response above 0, as DPO-L needs. A letter and
//! its combining accent count as two.

use ts_plugin_sdk::{Description, LengthFunction, Plugin, Settings, description, export_length_function};

/// The number of characters.
struct Characters;

impl Plugin for Characters {
    fn describe() -> Description {
        let summary = "Length is the number of Unicode characters, plus one for the end of the text.";
        description("characters", env!("CARGO_PKG_VERSION"), summary, vec![])
    }

    fn configure(_: &Settings) -> Result<Self, String> {
        Ok(Characters)
    }
}

impl LengthFunction for Characters {
    fn measure(&self, text: &str, _tokens: u32) -> Result<f64, String> {
        Ok(text.chars().count() as f64 + 1.0)
    }
}

export_length_function!(Characters);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert_eq!(Characters.measure("π ≈ 3", 9), Ok(6.0));
        assert_eq!(Characters.measure("", 1), Ok(1.0));
    }
}
