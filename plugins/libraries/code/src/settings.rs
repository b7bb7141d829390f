//! What a recipe sets for all problems; a problem's own fields come first.
//!
//! In: values. Out: the same, with defaults. The plugin checks ranges.

use crate::compare::Comparison;

/// Settings of the grader.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The language of programs.
    pub language: String,
    /// How results are compared.
    pub comparison: Comparison,
    /// For [`Comparison::Numeric`]: how far numbers may be apart, absolutely or as a share of the expected
    /// one.
    pub tolerance: f64,
    /// Milliseconds for a test.
    pub time_limit_ms: u32,
    /// Milliseconds for all tests of a response together.
    pub total_time_ms: u32,
    /// Mebibytes for a test.
    pub memory_limit_mb: u32,
    /// Kibibytes of output that are kept; more where a test expects more.
    pub output_kib: u32,
    /// Whether the tests after the first that is not passed are left out.
    pub stop_at_first_failure: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            language: "python".to_owned(),
            comparison: Comparison::Tokens,
            tolerance: 1e-6,
            time_limit_ms: 6000,
            total_time_ms: 60_000,
            memory_limit_mb: 512,
            output_kib: 1024,
            stop_at_first_failure: false,
        }
    }
}
