//! Numbers as they are written: exact decimals of any size.
//!
//! In: the digits of a number. Out: a [`Decimal`], equal to another exactly if the numbers are: `1.0` and
//! `1`, `1e2` and `100`. There is no arithmetic; [`Decimal::parts`] hands over to those who know it.

/// A number: `digits` × 10^`exponent`. The digits neither begin nor end with a zero; zero has none, no sign,
/// and exponent 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads `digits`, `digits.digits` or `.digits`, with a sign and an exponent if need be. `None` if the
    /// text is nothing of the kind, or its exponent does not fit 64 bits.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let significant = all.trim_end_matches('0');
        let digits = significant.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Decimal { is_negative: false, digits: String::new(), exponent: 0 });
        }
        let dropped = i64::try_from(all.len() - significant.len()).ok()?;
        let behind_point = i64::try_from(fraction.len()).ok()?;
        let exponent = exponent.checked_add(dropped)?.checked_sub(behind_point)?;
        Some(Decimal { is_negative, digits: digits.to_owned(), exponent })
    }

    /// The number divided by 100. `None` if its exponent does not fit 64 bits then.
    pub fn hundredth(&self) -> Option<Self> {
        let exponent = if self.digits.is_empty() { 0 } else { self.exponent.checked_sub(2)? };
        Some(Decimal { exponent, ..self.clone() })
    }

    /// Its sign, its digits, and the power of ten of the last one.
    pub fn parts(&self) -> (bool, &str, i64) {
        (self.is_negative, &self.digits, self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_has_one_form_however_it_is_written() {
        for (one, other) in [
            ("1.0", "1"),
            ("1e2", "100"),
            ("-0.0", "0"),
            ("0e99", "0"),
            ("007", "7"),
            (".5", "0.50"),
            ("5.", "+5"),
            ("12e-1", "1.2"),
            ("1e400", "10E+399"),
        ] {
            assert_eq!(Decimal::parse(one).unwrap(), Decimal::parse(other).unwrap(), "{one} {other}");
        }
        assert_ne!(Decimal::parse("1e400"), Decimal::parse("1e401"));
        assert_ne!(Decimal::parse("0.1"), Decimal::parse("0.1000000000000000000001"));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "",
            ".",
            "-",
            "e5",
            "1e",
            "1e1.5",
            "1.2.3",
            "--1",
            "0x10",
            "inf",
            "NaN",
            "1e99999999999999999999",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_are_themselves(one: i64, other: i64) {
            let decimal = |n: i64| Decimal::parse(&n.to_string()).unwrap();
            let written = decimal(one);
            let (is_negative, digits, exponent) = written.parts();
            let value: i128 = format!("{}0", digits).parse::<i128>().unwrap() / 10 * 10_i128.pow(exponent as u32);
            prop_assert_eq!(if is_negative { -value } else { value }, i128::from(one));
            prop_assert_eq!(decimal(one) == decimal(other), one == other);
        }
    }
}
