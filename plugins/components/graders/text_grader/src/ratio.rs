//! Decimals as fractions, to compute with.
//!
//! In: a [`Decimal`]. Out: the same number.

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;
use ts_json::Decimal;

/// The most digits, of the number and of its exponent's power of ten, that arithmetic takes on.
const MAX_DIGITS: usize = 4096;

/// The number as a fraction, if it is of a size to compute with.
pub(crate) fn ratio(decimal: &Decimal) -> Option<RBig> {
    let (is_negative, digits, exponent) = decimal.parts();
    let power = usize::try_from(exponent.unsigned_abs()).ok()?;
    if digits.len() > MAX_DIGITS || power > MAX_DIGITS {
        return None;
    }
    if digits.is_empty() {
        return Some(RBig::ZERO);
    }
    let digits = IBig::from(UBig::from_str_radix(digits, 10).ok()?);
    let digits = if is_negative { -digits } else { digits };
    let power = UBig::from(10_u8).pow(power);
    Some(match exponent >= 0 {
        true => RBig::from(digits * IBig::from(power)),
        false => RBig::from_parts(digits, power),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<RBig> {
        ratio(&Decimal::parse(text).unwrap())
    }

    #[test]
    fn ratios_are_exact_and_limited() {
        assert_eq!(read("-0.125"), Some(RBig::from_parts((-1).into(), 8_u8.into())));
        assert_eq!(read("25e2"), Some(RBig::from(2500)));
        assert!(read("0") == Some(RBig::ZERO) && read("1e4096").is_some() && read("1e-4097").is_none());
    }

    proptest! {
        #[test]
        fn whole_numbers_are_themselves(number: i64) {
            prop_assert_eq!(read(&number.to_string()), Some(RBig::from(number)));
        }
    }
}
