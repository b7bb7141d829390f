//! The length-function role: ℓ, by which selection sorts and which stands in the margin of DPO-L.
//! TokenSqueeze, section 3.3: λ·log(ℓ(rejected)/ℓ(chosen)).
//!
//! In: a response's text and its number of tokens. Out: its length, finite and above 0, so that the logarithm
//! of a ratio of two always exists.
//!
//! The unit (tokens, characters, steps) is in the plugin's documentation.

use crate::call::call_error::CallError;
use crate::call::pool::{Call, Pool};
use crate::contract::versions::LengthFunctionExports;
use crate::load::settings::Settings;
use crate::plugin::Plugin;

/// A configured length function, usable from many threads.
#[derive(Debug)]
pub struct LengthFunction {
    pool: Pool<LengthFunctionExports>,
}

impl LengthFunction {
    pub(crate) fn new(pool: Pool<LengthFunctionExports>) -> Self {
        Self { pool }
    }

    /// The plugin behind it.
    pub fn plugin(&self) -> &Plugin {
        self.pool.plugin()
    }

    /// Every setting that it was configured with, in the plugin's order.
    pub fn settings(&self) -> &Settings {
        self.pool.settings()
    }

    /// The length of one response of `tokens` tokens, its end-of-text token included. The problem's
    /// identifier is for errors and isolation; the plugin does not see it.
    ///
    /// # Errors
    ///
    /// A [`CallError`]; one of kind [`crate::CallErrorKind::BadOutput`] if the length is not finite and above 0.
    pub fn measure(&self, problem_id: &str, text: &str, tokens: u32) -> Result<Call<f64>, CallError> {
        self.pool.call("measure", problem_id, None, |guest, store| guest.measure(store, text, tokens), check)
    }
}

fn check(length: f64) -> Result<f64, String> {
    if length.is_finite() && length > 0.0 {
        Ok(length)
    } else {
        Err(format!("length {length} is not finite and above 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_a_logarithm() {
        assert_eq!(check(0.5), Ok(0.5));
        for length in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(check(length).is_err(), "{length}");
        }
    }
}
