//! Length function `tokens`: the number of tokens, the length that the paper reports. TokenSqueeze, section
//! 3.3.
//!
//! In: a text and its number of tokens. Out: that number. The host counts.

use ts_plugin_sdk::{Description, LengthFunction, Plugin, Settings, description, export_length_function};

/// The number of tokens.
struct Tokens;

impl Plugin for Tokens {
    fn describe() -> Description {
        let summary = "Length is the number of tokens, the end-of-text token included.";
        description("tokens", env!("CARGO_PKG_VERSION"), summary, vec![])
    }

    fn configure(_: &Settings) -> Result<Self, String> {
        Ok(Tokens)
    }
}

impl LengthFunction for Tokens {
    fn measure(&self, _text: &str, tokens: u32) -> Result<f64, String> {
        Ok(f64::from(tokens))
    }
}

export_length_function!(Tokens);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_does_not_matter() {
        assert_eq!(Tokens.measure("", 7), Ok(7.0));
        assert_eq!(Tokens.measure("a long text", 7), Ok(7.0));
    }
}
