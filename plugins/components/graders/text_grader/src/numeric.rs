//! Mode `numeric`: the same number, within tolerances. The rule is that of Python's `math.isclose`:
//! |a − b| ≤ max(relative × max(|a|, |b|), absolute), here computed exactly, so that `1.1` is within 0.1 of `1`.
//!
//! A number is digits with a decimal point and an exponent if need be (`1.5e3`), with a sign, a currency sign
//! (which says nothing), and separators between groups of three digits (`1,234.5`, `1 234`, `1'234`, `1_234`;
//! LaTeX's `\$`, `\%`, `{,}`, `\,` too). It may follow words on its line: `Total: 5`, `x = 5`,
//! `The total is 5.`
//!
//! A per cent sign is a unit where both have one; where one has it, `28%` is 28 or 0.28, as the other side
//! will have it.
//!
//! In: a reference and an answer. Out: right, wrong, or undecided: arithmetic on thousands of digits is not
//! taken on. Fractions, formulas, units and words of number are not read (`5 million` is not a number here);
//! a grader of mathematics reads the first two.

use dashu_int::ops::Abs;
use dashu_ratio::RBig;
use ts_json::Decimal;
use ts_plugin_sdk::verifier::Verdict;

use crate::ratio::ratio;
use crate::{Judged, Reference};

/// Signs that say what the number counts.
const CURRENCIES: [char; 8] = ['$', '€', '£', '¥', '₹', '₩', '₽', '₺'];

/// What may stand between groups of three digits.
const SEPARATORS: [char; 8] = [',', ' ', '\u{a0}', '\u{2009}', '\u{202f}', '_', '\'', '’'];

/// What may stand before a number and after words.
const LEADS: [&str; 7] = [": ", "=", "≈", " is ", " are ", " was ", " equals "];

/// How LaTeX writes some of what stands in a number.
const LATEX: [(&str, &str); 5] = [("{,}", ","), ("\\,", ""), ("\\!", ""), ("\\$", "$"), ("\\%", "%")];

/// How far an answer may be from the reference.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tolerance {
    absolute: RBig,
    relative: RBig,
}

/// The number to be met.
pub(crate) struct Numeric {
    reference: Number,
    tolerance: Tolerance,
}

/// A number as it was written.
#[derive(Debug, Clone, PartialEq)]
struct Number {
    value: Decimal,
    is_percent: bool,
    /// The text that was read, without what says nothing.
    figure: String,
}

impl Tolerance {
    /// Tolerances as the decimals that the settings show. `None` if one of them is not finite.
    pub(crate) fn new(absolute: f64, relative: f64) -> Option<Self> {
        let exact = |tolerance: f64| ratio(&Decimal::parse(&tolerance.to_string())?);
        Some(Tolerance { absolute: exact(absolute)?, relative: exact(relative)? })
    }

    /// Whether two numbers are close; `None` if they are too long to compute with.
    fn is_met(&self, one: &Decimal, other: &Decimal) -> Option<bool> {
        if one == other {
            return Some(true);
        }
        if self.absolute == RBig::ZERO && self.relative == RBig::ZERO {
            return Some(false);
        }
        let (one, other) = (ratio(one)?, ratio(other)?);
        let distance = (&one - &other).abs();
        let share = &self.relative * one.abs().max(other.abs());
        Some(distance <= share.max(self.absolute.clone()))
    }
}

impl Numeric {
    pub(crate) fn read(reference: &str, tolerance: Tolerance) -> Result<Self, String> {
        let reference = Number::read(reference).ok_or("the reference is not a number")?;
        Ok(Numeric { reference, tolerance })
    }

    /// Whether an answer is close in one of its readings.
    fn is_met_by(&self, answer: &Number) -> Option<bool> {
        let (reference, answer) = (&self.reference, answer);
        let is_met = |one: &Decimal, other: &Decimal| self.tolerance.is_met(one, other);
        if is_met(&reference.value, &answer.value)? {
            return Some(true);
        }
        match (reference.is_percent, answer.is_percent) {
            (true, false) => is_met(&reference.value.hundredth()?, &answer.value),
            (false, true) => is_met(&reference.value, &answer.value.hundredth()?),
            _ => Some(false),
        }
    }
}

impl Reference for Numeric {
    fn judge(&self, answer: &str) -> Judged {
        let Some(answer) = Number::read(answer) else {
            return Judged::of(false, "the answer is not a number");
        };
        let note = format!("`{}` against `{}`", answer.figure, self.reference.figure);
        match self.is_met_by(&answer) {
            Some(is_met) => Judged::of(is_met, note),
            None => {
                let tried = "the numbers are not the same, and too long to compute with".to_owned();
                Judged { verdict: Verdict::Undecided(tried), note }
            }
        }
    }
}

impl Number {
    /// Reads a text that is a number, or words and a number.
    fn read(text: &str) -> Option<Self> {
        let text = LATEX.iter().fold(text.to_owned(), |text, (latex, plain)| text.replace(latex, plain));
        let is_frame = |c: char| c.is_whitespace() || matches!(c, '*' | '`');
        let line = text.trim_matches(is_frame);
        let line = line.strip_suffix('.').unwrap_or(line).trim_end_matches(is_frame);
        if line.contains('\n') {
            return None;
        }
        let start = LEADS.iter().filter_map(|lead| line.rfind(lead).map(|at| at + lead.len())).max();
        let figure = line[start.unwrap_or(0)..].trim_start_matches(is_frame);

        let (is_percent, figure) = match figure.strip_suffix('%') {
            Some(rest) => (true, rest.trim_end()),
            None => (false, figure),
        };
        let currency = |c: char| c.is_whitespace() || CURRENCIES.contains(&c);
        let (sign, figure) = signed(figure);
        let figure = figure.trim_matches(currency);
        let (sign, figure) = if sign.is_empty() { signed(figure) } else { (sign, figure) };
        // What is left begins with a digit or a point: one sign is enough.
        if !figure.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return None;
        }
        let mut figure = format!("{sign}{}", without_separators(figure)?);
        let value = Decimal::parse(&figure)?;
        if is_percent {
            figure.push('%');
        }
        Some(Number { value, is_percent, figure })
    }
}

/// A sign, as ASCII writes it, and what follows it.
fn signed(text: &str) -> (&'static str, &str) {
    match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => ("-", rest.trim_start()),
        None => ("", text.strip_prefix('+').unwrap_or(text).trim_start()),
    }
}

/// The number without what separates its groups of three digits. `None` if something is separated otherwise.
fn without_separators(figure: &str) -> Option<String> {
    let end = figure.find(['.', 'e', 'E']).unwrap_or(figure.len());
    let (whole, rest) = figure.split_at(end);
    let Some(separator) = whole.chars().find(|c| SEPARATORS.contains(c)) else {
        return Some(figure.to_owned());
    };
    let groups: Vec<&str> = whole.split(separator).collect();
    let (first, others) = groups.split_first()?;
    ((1..=3).contains(&first.len()) && others.iter().all(|group| group.len() == 3))
        .then(|| groups.concat() + rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdict(reference: &str, answer: &str, absolute: f64, relative: f64) -> Verdict {
        let tolerance = Tolerance::new(absolute, relative).unwrap();
        Numeric::read(reference, tolerance).unwrap().judge(answer).verdict
    }

    fn is_equal(reference: &str, answer: &str) -> bool {
        verdict(reference, answer, 0.0, 0.0) == Verdict::Correct
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (reference, answers) in [
            ("1234.5", ["1,234.50", "$1 234.5", "€\u{a0}1'234.5", "1_234.5", "1.2345e3", "\\$1{,}234.5"]),
            ("-5", ["\u{2212}5", "-$5.00", "$-5", "- 5", "**-5**", "x = -5."]),
            (
                "1000000",
                [
                    "1,000,000",
                    "1e6",
                    "+1 000 000",
                    "1\\,000\\,000",
                    "Total: 1000000",
                    "The sum is `1000000`.",
                ],
            ),
        ] {
            for answer in answers {
                assert!(is_equal(reference, answer), "{answer}");
            }
        }
    }

    #[test]
    fn what_is_no_number_is_wrong_and_no_reference() {
        for text in [
            "1,2345",
            "1,23,456.0",
            "1.234.567",
            "1/2",
            "\\sqrt{2}",
            "2x",
            "2\\pi",
            "5 million",
            "12-15",
            "1, 2",
            "--5",
            "five",
            "$",
            "%",
            "-",
            "1,000 000",
            ",100",
            "nan",
            "inf",
            "0x10",
            "5 kg",
            "line\n5",
        ] {
            assert!(!is_equal("2", text), "{text}");
            assert_eq!(Number::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_per_cent_sign_is_a_unit_or_a_hundredth() {
        assert!(is_equal("28%", "28 %") && is_equal("28", "28\\%") && is_equal("0.28", "28%"));
        assert!(is_equal("28%", "0.28") && !is_equal("28%", "0.28%") && !is_equal("2800", "28%"));
        assert_eq!(verdict("28%", "28.4%", 0.5, 0.0), Verdict::Correct);
    }

    /// By hand: |1.1 - 1| = 0.1; |102 - 100| = 2 and 2 % of 102 is 2.04, but 1.9 % of it 1.938.
    #[test]
    fn tolerances_are_those_of_isclose_computed_exactly() {
        assert_eq!(verdict("1", "1.1", 0.1, 0.0), Verdict::Correct);
        assert_eq!(verdict("1", "1.1000000000000000000001", 0.1, 0.0), Verdict::Incorrect);
        assert_eq!(verdict("100", "102", 0.0, 0.02), Verdict::Correct);
        assert_eq!(verdict("100", "102", 0.0, 0.019), Verdict::Incorrect);
        assert_eq!(verdict("100", "102", 2.0, 0.019), Verdict::Correct);
        assert_eq!(verdict("1", "-1", 0.0, 1.0), Verdict::Incorrect);
        assert!(!is_equal("0.1", "0.1000000000000000055511151231257827"));
        assert_eq!(Tolerance::new(f64::INFINITY, 0.0), None);
    }

    #[test]
    fn endless_numbers_are_compared_but_not_computed_with() {
        assert!(is_equal("1e99999", "10e99998") && !is_equal("1", "1e99999"));
        assert!(matches!(verdict("1", "1e99999", 0.1, 0.0), Verdict::Undecided(_)));
    }

    proptest! {
        #[test]
        fn closeness_is_reflexive_symmetric_and_that_of_floats(
            one in -1000.0..1000.0_f64,
            other in -1000.0..1000.0_f64,
            absolute in 0.0..100.0_f64,
            relative in 0.0..1.0_f64,
        ) {
            let (a, b) = (one.to_string(), other.to_string());
            prop_assert!(is_equal(&a, &a));
            prop_assert_eq!(is_equal(&a, &b), one == other);
            let close = verdict(&a, &b, absolute, relative);
            prop_assert_eq!(&close, &verdict(&b, &a, absolute, relative));
            // Where rounding cannot matter.
            let slack = (one - other).abs() - (relative * one.abs().max(other.abs())).max(absolute);
            if slack.abs() > 1e-9 {
                prop_assert_eq!(close == Verdict::Correct, slack < 0.0);
            }
        }

        #[test]
        fn separators_change_nothing(n in 1_000_i64..1_000_000_000) {
            let digits = n.to_string();
            let groups = digits.as_bytes().rchunks(3).rev();
            let grouped: Vec<&str> = groups.map(|group| std::str::from_utf8(group).unwrap()).collect();
            for separator in [",", " ", "{,}", "\\,", "'"] {
                prop_assert!(is_equal(&digits, &grouped.join(separator)));
            }
        }

        #[test]
        fn what_was_read_reads_the_same(text in "[-+$%€., 0-9eE:=\u{2212}]{0,12}|.*") {
            if let Some(number) = Number::read(&text) {
                let again = Number::read(&number.figure).map(|again| (again.value, again.is_percent));
                prop_assert_eq!(again, Some((number.value, number.is_percent)));
            }
        }
    }
}
