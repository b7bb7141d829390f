//! Exact fractions, and the notations that numbers are written in.
//!
//! In: a text such as `-1,250.5`, `3/4`, `\frac{3}{4}`, `2\frac{1}{6}`, `2 1/6`, `6.02*10^{5}`. Out: a
//! fraction in lowest terms. Left out on purpose: numbers beyond 127 bits, for which the answer is `None` and
//! texts are compared.

/// A fraction in lowest terms, its denominator above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rational {
    numerator: i128,
    denominator: i128,
}

impl Rational {
    /// The fraction of two whole numbers; `None` for a denominator of 0 or beyond the range.
    pub(crate) fn new(numerator: i128, denominator: i128) -> Option<Self> {
        if denominator == 0 || numerator == i128::MIN || denominator == i128::MIN {
            return None;
        }
        let divisor = greatest_common_divisor(numerator.unsigned_abs(), denominator.unsigned_abs());
        let divisor = i128::try_from(divisor).ok()? * denominator.signum();
        Some(Rational { numerator: numerator / divisor, denominator: denominator / divisor })
    }

    /// Reads a whole text as a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix('-') {
            return Self::parse_unsigned(rest.trim_start())?.negated();
        }
        Self::parse_unsigned(text.strip_prefix('+').unwrap_or(text).trim_start())
    }

    fn parse_unsigned(text: &str) -> Option<Self> {
        if let Some((whole, fraction)) = text.split_once("\\frac") {
            let fraction = Self::parse_frac(fraction)?;
            return if whole.is_empty() { Some(fraction) } else { integer(whole.trim_end())?.plus(fraction) };
        }
        if let Some((above, below)) = text.split_once('/') {
            let (whole, above) = match above.trim_end().rsplit_once(' ') {
                Some((whole, above)) => (integer(whole.trim_end())?, above),
                None => (integer("0")?, above),
            };
            return whole.plus(decimal(above.trim())?.over(decimal(below.trim())?)?);
        }
        if let Some((factor, power)) = text.split_once('*') {
            return decimal(factor.trim_end())?.times(power_of_ten(power.trim_start().strip_prefix("10^")?)?);
        }
        if let Some(power) = text.strip_prefix("10^") {
            return power_of_ten(power);
        }
        match text.split_once(['e', 'E']) {
            Some((factor, power)) => decimal(factor)?.times(power_of_ten(power)?),
            None => decimal(text),
        }
    }

    /// What follows `\frac`: two groups in braces, each a signed decimal.
    fn parse_frac(text: &str) -> Option<Self> {
        let (above, below) = text.strip_prefix('{')?.split_once("}{")?;
        let signed = |text: &str| match text.trim().strip_prefix('-') {
            Some(rest) => decimal(rest.trim_start())?.negated(),
            None => decimal(text.trim()),
        };
        signed(above)?.over(signed(below.strip_suffix('}')?)?)
    }

    fn negated(self) -> Option<Self> {
        Self::new(-self.numerator, self.denominator)
    }

    fn plus(self, other: Self) -> Option<Self> {
        let left = self.numerator.checked_mul(other.denominator)?;
        let right = other.numerator.checked_mul(self.denominator)?;
        Self::new(left.checked_add(right)?, self.denominator.checked_mul(other.denominator)?)
    }

    fn times(self, other: Self) -> Option<Self> {
        Self::new(
            self.numerator.checked_mul(other.numerator)?,
            self.denominator.checked_mul(other.denominator)?,
        )
    }

    fn over(self, other: Self) -> Option<Self> {
        self.times(Self::new(other.denominator, other.numerator)?)
    }
}

fn greatest_common_divisor(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Digits alone.
fn integer(text: &str) -> Option<Rational> {
    let is_integer = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_integer { decimal(text) } else { None }
}

/// Digits, thousands separators in their places, and a decimal point.
fn decimal(text: &str) -> Option<Rational> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = without_separators(whole)?;
    let fraction = fraction.trim_end_matches('0');
    let all_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    let has_digits = text.bytes().any(|byte| byte.is_ascii_digit());
    if !all_digits || !has_digits {
        return None;
    }
    let numerator = format!("0{whole}{fraction}").parse().ok()?;
    Rational::new(numerator, 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?)
}

/// Removes `,` between groups of three digits; `None` where one stands elsewhere.
fn without_separators(whole: &str) -> Option<String> {
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let mut digits = first.to_owned();
    for group in groups {
        if group.len() != 3 || first.is_empty() || first.len() > 3 {
            return None;
        }
        digits.push_str(group);
    }
    Some(digits)
}

/// Ten to a whole power, written with or without braces.
fn power_of_ten(power: &str) -> Option<Rational> {
    let power = power.strip_prefix('{').and_then(|power| power.strip_suffix('}')).unwrap_or(power);
    let power: i32 = power.trim().parse().ok()?;
    let size = 10_i128.checked_pow(power.unsigned_abs())?;
    if power < 0 { Rational::new(1, size) } else { Rational::new(size, 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fraction(numerator: i128, denominator: i128) -> Option<Rational> {
        Rational::new(numerator, denominator)
    }

    #[test]
    fn notations_of_numbers() {
        for (text, numerator, denominator) in [
            ("42", 42, 1),
            ("-1,250.50", -2501, 2),
            (".5", 1, 2),
            ("5.", 5, 1),
            ("025", 25, 1),
            ("6/8", 3, 4),
            ("-3/4", -3, 4),
            ("\\frac{-3}{4}", -3, 4),
            ("\\frac{3}{-4}", -3, 4),
            ("-2\\frac{1}{6}", -13, 6),
            ("2 1/6", 13, 6),
            ("6.02*10^{5}", 602_000, 1),
            ("3.2 * 10^-4", 1, 3125),
            ("10^{3}", 1000, 1),
            ("1e3", 1000, 1),
        ] {
            assert_eq!(Rational::parse(text), fraction(numerator, denominator), "{text}");
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in
            ["", "-", ".", "1,2", "12,34", "1,2345", "\\frac{1}{0}", "1/0", "x", "--1", "1e999999999", "1 2"]
        {
            assert_eq!(Rational::parse(text), None, "{text}");
        }
        assert_eq!(Rational::parse(&"7".repeat(60)), None);
    }

    proptest! {
        #[test]
        fn a_fraction_is_read_however_it_is_written(a in -9999_i128..9999, b in 1_i128..9999) {
            let expected = fraction(a, b);
            prop_assert_eq!(Rational::parse(&format!("{a}/{b}")), expected);
            prop_assert_eq!(Rational::parse(&format!("\\frac{{{a}}}{{{b}}}")), expected);
            prop_assert_eq!(fraction(7 * a, 7 * b), expected);
        }
    }
}
