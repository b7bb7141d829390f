//! Outputs: whether two texts agree, by each of the rules.
//!
//! In: the output and the expected one. Out: whether they agree. Only decimals are compared by their value.

use super::{are_near, is_near};
use ts_json::Decimal;

/// The same text, but for a line's end at the end of either.
pub(super) fn exact(given: &str, expected: &str) -> bool {
    without_end(given) == without_end(expected)
}

fn without_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// The same lines, white space around each and blank ones at both ends left out.
pub(super) fn lines(given: &str, expected: &str) -> bool {
    given.trim().split('\n').map(str::trim).eq(expected.trim().split('\n').map(str::trim))
}

/// As many lines that are not blank, each with as many tokens, and these the same.
pub(super) fn tokens(given: &str, expected: &str, tolerance: Option<f64>) -> bool {
    fn filled(text: &str) -> impl Iterator<Item = &str> {
        text.lines().filter(|line| !line.trim().is_empty())
    }
    all_agree(filled(given), filled(expected), |given, expected| {
        all_agree(given.split_whitespace(), expected.split_whitespace(), |given, expected| {
            token(given, expected, tolerance)
        })
    })
}

fn all_agree<'a>(
    mut given: impl Iterator<Item = &'a str>,
    mut expected: impl Iterator<Item = &'a str>,
    agree: impl Fn(&str, &str) -> bool,
) -> bool {
    loop {
        match (given.next(), expected.next()) {
            (None, None) => return true,
            (Some(given), Some(expected)) if agree(given, expected) => {}
            _ => return false,
        }
    }
}

/// The same text, the same decimal, or near enough.
fn token(given: &str, expected: &str, tolerance: Option<f64>) -> bool {
    if given == expected {
        return true;
    }
    let (Some(given_as), Some(expected_as)) = (Decimal::parse(given), Decimal::parse(expected)) else {
        return false;
    };
    let near = |tolerance| match (given.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(given), Ok(expected)) if given.is_finite() && expected.is_finite() => {
            is_near(given, expected, tolerance)
        }
        _ => are_near(&given_as, &expected_as, tolerance),
    };
    given_as == expected_as || tolerance.is_some_and(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_within_lines() {
        for (given, expected, agree) in [
            ("1 2 3 \n\n", "1 2 3\n", true),
            ("1", "1\n2", false),
            ("1\n2\n3", "1\n2", false),
            ("2 1", "1 2", false),
            ("1 1 2", "1 2", false),
            ("1 2", "1\n2", false),
            ("1\n\n2\r\n", "1\n2", true),
            ("a  b", "a b", true),
            ("1.0", "1", true),
            ("0.3333333333", "0.33333333333333", false),
            ("YES", "Yes", false),
            ("", "\n", true),
            ("", "0", false),
            ("nan", "nan", true),
        ] {
            assert_eq!(tokens(given, expected, None), agree, "{given:?} {expected:?}");
        }
    }

    fn one_and_zeros(zeros: usize) -> String {
        format!("1{}", "0".repeat(zeros))
    }

    #[test]
    fn a_tolerance_is_absolute_or_relative() {
        for (given, expected, agree) in [
            ("0.3333333333", "0.33333333333333", true),
            ("1000000.5", "1000000", true),
            ("1.1", "1", false),
            ("0.0000005", "0", true),
            ("x 2", "x 2.0000001", true),
            ("y 2", "x 2", false),
            ("nan", "1", false),
            ("inf", "1", false),
            (&one_and_zeros(400), &one_and_zeros(400), true),
            (&one_and_zeros(400), &one_and_zeros(401), false),
            (&format!("{}1", one_and_zeros(399)), &one_and_zeros(400), true),
            (&format!("11{}", "0".repeat(399)), &one_and_zeros(400), false),
            (&format!("-{}", one_and_zeros(400)), &one_and_zeros(400), false),
            (&"9".repeat(400), &one_and_zeros(400), true),
            ("1e400", &one_and_zeros(400), true),
        ] {
            assert_eq!(tokens(given, expected, Some(1e-6)), agree, "{given:?} {expected:?}");
        }
    }

    #[test]
    fn lines_and_letters() {
        assert!(lines(" 1 \n2\n\n", "1\n2") && !lines("1\n\n2", "1\n2") && !lines("1.0", "1"));
        assert!(exact("1 \n", "1 ") && exact("a\r\n", "a") && !exact("1 ", "1") && !exact("1\n\n", "1"));
    }
}
