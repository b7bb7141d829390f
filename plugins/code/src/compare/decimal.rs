//! Tokens as decimals: `1.0`, `1` and `10e-1` are the same.
//!
//! In: a token. Out: a form that two tokens share if and only if they are the same decimal. Left out on purpose: `inf`,
//! `nan`, hexadecimal and digits grouped by `_`, which are compared as texts.

/// A decimal: its sign, its digits without zeros around them, and the power of ten of the last one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    is_negative: bool,
    digits: String,
    power: i64,
}

impl Decimal {
    /// Reads a token, if it is a decimal.
    pub(super) fn read(token: &str) -> Option<Self> {
        let (is_negative, rest) = match token.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, token.strip_prefix('+').unwrap_or(token)),
        };
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let exponent: i64 = exponent.parse().ok()?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let significant = digits.trim_end_matches('0');
        let power = exponent.checked_sub(fraction.len() as i64)?;
        let power = power.checked_add((digits.len() - significant.len()) as i64)?;
        match significant.trim_start_matches('0') {
            "" => Some(Decimal { is_negative: false, digits: String::new(), power: 0 }),
            significant => Some(Decimal { is_negative, digits: significant.to_owned(), power }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_decimal_has_the_same_form() {
        for (a, b) in
            [("1", "1.0"), ("10e-1", "+1."), (".5", "0.50"), ("-0.0", "0"), ("1e3", "1000"), ("007", "7")]
        {
            assert_eq!(Decimal::read(a).unwrap(), Decimal::read(b).unwrap(), "{a} {b}");
        }
        for (a, b) in [("1", "-1"), ("0.1", "0.10000000000000001"), ("1e3", "1e4"), ("100", "1")] {
            assert_ne!(Decimal::read(a).unwrap(), Decimal::read(b).unwrap(), "{a} {b}");
        }
    }

    #[test]
    fn other_tokens_are_none() {
        for token in [
            "",
            ".",
            "-",
            "1e",
            "e5",
            "1.2.3",
            "inf",
            "nan",
            "0x1",
            "1_000",
            "1,5",
            "--1",
            "1e99999999999999999999",
        ] {
            assert_eq!(Decimal::read(token), None, "{token}");
        }
    }
}
