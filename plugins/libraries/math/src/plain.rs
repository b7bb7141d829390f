//! Plain numbers, told equal without parsing them: most answers are one.
//!
//! In: two texts. Out: yes or no where both are a whole number or a decimal with nothing but `$`, commas
//! between thousands and white space around; none for anything else, which then takes the long way.

/// Whether two plain numbers are equal; none if one is not plain.
pub(crate) fn same(a: &str, b: &str) -> Option<bool> {
    let (a, b) = (number(a)?, number(b)?);
    if a.rounded || b.rounded {
        // A long decimal may be a rounded value.
        return (a == b).then_some(true);
    }
    Some(a == b)
}

/// Longer texts are not plain numbers.
const MAX_LENGTH: usize = 40;

struct Plain {
    negative: bool,
    /// Digits before the point, without leading zeros.
    whole: [u8; MAX_LENGTH],
    whole_length: usize,
    /// Digits after the point, without trailing zeros.
    fraction: [u8; MAX_LENGTH],
    fraction_length: usize,
    /// Whether it has six decimals or more.
    rounded: bool,
}

impl PartialEq for Plain {
    fn eq(&self, other: &Self) -> bool {
        let digits = |plain: &Self| (plain.whole, plain.whole_length, plain.fraction, plain.fraction_length);
        let is_zero = self.whole_length == 0 && self.fraction_length == 0;
        digits(self) == digits(other) && (is_zero || self.negative == other.negative)
    }
}

fn number(text: &str) -> Option<Plain> {
    let mut bytes = text.trim().as_bytes();
    if bytes.len() > MAX_LENGTH {
        return None;
    }
    let mut plain = Plain {
        negative: false,
        whole: [0; MAX_LENGTH],
        whole_length: 0,
        fraction: [0; MAX_LENGTH],
        fraction_length: 0,
        rounded: false,
    };
    if let [b'-', rest @ ..] = bytes {
        (plain.negative, bytes) = (true, rest);
    }
    if let [b'$', rest @ ..] = bytes {
        bytes = rest;
    }
    let point = bytes.iter().position(|byte| *byte == b'.').unwrap_or(bytes.len());
    let (whole, fraction) = (&bytes[..point], bytes.get(point + 1..).unwrap_or_default());
    if whole.is_empty() || (point < bytes.len() && fraction.is_empty()) {
        return None;
    }
    let commas = whole.iter().filter(|byte| **byte == b',').count();
    for (at, byte) in whole.iter().enumerate() {
        let left = whole.len() - at;
        match byte {
            // `1,234`: three digits after each comma, up to three before the first. `70,110` may be two
            // answers.
            b',' if commas == 1 && left == 4 && at == 1 => {}
            b'0' if plain.whole_length == 0 => {}
            b'0'..=b'9' => {
                plain.whole[plain.whole_length] = *byte;
                plain.whole_length += 1;
            }
            _ => return None,
        }
    }
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    plain.rounded = fraction.len() + plain.whole_length >= 6 && !fraction.is_empty();
    let kept = fraction.len() - fraction.iter().rev().take_while(|byte| **byte == b'0').count();
    plain.fraction[..kept].copy_from_slice(&fraction[..kept]);
    plain.fraction_length = kept;
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers_are_told_apart() {
        for (a, b, expected) in [
            ("18", "18", Some(true)),
            ("18", "$18.00", Some(true)),
            ("1,234", "1234", Some(true)),
            ("-0", "0", Some(true)),
            ("025", "25", Some(true)),
            ("-5", "5", Some(false)),
            ("0.5", ".5", None),
            ("70,110", "70110", None),
            ("3.141593", "3.14159265", None),
            ("1/2", "0.5", None),
            ("5.", "5", None),
            ("", "5", None),
        ] {
            assert_eq!(same(a, b), expected, "{a} and {b}");
            assert_eq!(same(b, a), expected, "{b} and {a}");
        }
    }
}
