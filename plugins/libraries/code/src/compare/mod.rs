//! When a result is the expected one.
//!
//! | `comparison` | output | value of a function |
//! |---|---|---|
//! | `tokens` (default) | line by line, blank ones left out: as many tokens, each the same text or the same decimal | equal as in Python |
//! | `lines` | the same lines, white space around each and blank ones at both ends left out | equal as in Python |
//! | `exact` | the same text, but for a line's end at the end | equal as in Python |
//! | `numeric` | as `tokens`, and numbers may be apart by the tolerance | equal, and numbers may be apart |
//!
//! `tokens` passes all that the harness of LiveCodeBench passes, and besides it white space within a line and
//! blank lines. In all of them, order and number of tokens count.
//!
//! In: what a program gave, and what was expected. Out: whether they agree. Case counts: `YES` is not `Yes`.

mod text;
mod value;

use crate::value::Value;
use ts_json::Decimal;

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Token by token within lines.
    Tokens,
    /// Line by line.
    Lines,
    /// Letter by letter.
    Exact,
    /// Token by token, numbers within a tolerance.
    Numeric,
}

impl Comparison {
    /// The rule of a name, or a sentence that begins with `comparison`.
    pub fn named(name: &str) -> Result<Self, String> {
        match name {
            "tokens" => Ok(Comparison::Tokens),
            "lines" => Ok(Comparison::Lines),
            "exact" => Ok(Comparison::Exact),
            "numeric" => Ok(Comparison::Numeric),
            other => Err(format!("comparison must be tokens, lines, exact or numeric, and is {other}")),
        }
    }
}

/// A rule with its tolerance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rule {
    pub(crate) comparison: Comparison,
    /// How far numbers may be apart, absolutely or as a share of the expected one.
    pub(crate) tolerance: f64,
}

impl Rule {
    pub(crate) fn texts_agree(&self, given: &str, expected: &str) -> bool {
        match self.comparison {
            Comparison::Exact => text::exact(given, expected),
            Comparison::Lines => text::lines(given, expected),
            Comparison::Tokens => text::tokens(given, expected, None),
            Comparison::Numeric => text::tokens(given, expected, Some(self.tolerance)),
        }
    }

    pub(crate) fn values_agree(&self, given: &Value, expected: &Value) -> bool {
        let tolerance = (self.comparison == Comparison::Numeric).then_some(self.tolerance);
        value::equal(given, expected, tolerance)
    }
}

/// Whether two numbers that no float holds are near each other. Both are taken as shares of the power of ten
/// above the expected one.
fn are_near(given: &Decimal, expected: &Decimal, tolerance: f64) -> bool {
    const DIGITS: usize = 20;
    let share = |number: &Decimal| {
        let (is_negative, digits, exponent) = number.parts();
        let share: f64 = format!("0.{}", &digits[..digits.len().min(DIGITS)]).parse().unwrap_or(f64::NAN);
        (if is_negative { -share } else { share }, exponent.saturating_add(digits.len() as i64))
    };
    let ((given, above), (expected, power)) = (share(given), share(expected));
    let apart = above.saturating_sub(power);
    let given = if apart.abs() <= 1 { given * 10_f64.powi(apart as i32) } else { return false };
    (given - expected).abs() <= tolerance * expected.abs()
}

/// Whether two floats are at most so far apart, absolutely or as a share of the expected one.
fn is_near(given: f64, expected: f64, tolerance: f64) -> bool {
    (given == expected && given.is_finite())
        || (given - expected).abs() <= tolerance * expected.abs().max(1.0)
}
