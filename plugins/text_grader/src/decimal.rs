//! Numbers as they are written: exact decimals of any size.
//!
//! In: the digits of a number. Out: a [`Decimal`], equal to another exactly if the numbers are: `1.0` and `1`, `1e2`
//! and `100`. Left out on purpose: arithmetic; [`Decimal::to_ratio`] hands over to those who know it.

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

/// The most digits, of the number and of its exponent's power of ten, that arithmetic takes on.
const MAX_DIGITS: usize = 4096;

/// A number: `digits` × 10^`exponent`. The digits neither begin nor end with a zero; zero has none, no sign, and
/// exponent 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads `digits`, `digits.digits` or `.digits`, with a sign and an exponent if need be. `None` if the text is
    /// nothing of the kind, or its exponent does not fit 64 bits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
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
    pub(crate) fn hundredth(&self) -> Option<Self> {
        let exponent = if self.digits.is_empty() { 0 } else { self.exponent.checked_sub(2)? };
        Some(Decimal { exponent, ..self.clone() })
    }

    /// The number as a fraction, if it is of a size to compute with.
    pub(crate) fn to_ratio(&self) -> Option<RBig> {
        let power = usize::try_from(self.exponent.unsigned_abs()).ok()?;
        if self.digits.len() > MAX_DIGITS || power > MAX_DIGITS {
            return None;
        }
        if self.digits.is_empty() {
            return Some(RBig::ZERO);
        }
        let digits = IBig::from(UBig::from_str_radix(&self.digits, 10).ok()?);
        let digits = if self.is_negative { -digits } else { digits };
        let power = UBig::from(10_u8).pow(power);
        Some(match self.exponent >= 0 {
            true => RBig::from(digits * IBig::from(power)),
            false => RBig::from_parts(digits, power),
        })
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

    #[test]
    fn ratios_are_exact_and_limited() {
        let ratio = |text| Decimal::parse(text).unwrap().to_ratio();
        assert_eq!(ratio("-0.125"), Some(RBig::from_parts((-1).into(), 8_u8.into())));
        assert_eq!(ratio("25e2"), Some(RBig::from(2500)));
        assert!(ratio("0") == Some(RBig::ZERO) && ratio("1e4096").is_some() && ratio("1e-4097").is_none());
    }

    proptest! {
        #[test]
        fn whole_numbers_are_themselves(one: i64, other: i64) {
            let decimal = |n: i64| Decimal::parse(&n.to_string()).unwrap();
            prop_assert_eq!(decimal(one).to_ratio(), Some(RBig::from(one)));
            prop_assert_eq!(decimal(one) == decimal(other), one == other);
        }
    }
}
