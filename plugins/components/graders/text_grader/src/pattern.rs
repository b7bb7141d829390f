//! Mode `regex`: the answer matches a pattern, as a whole or, with `anchored` off, somewhere.
//!
//! Patterns are those of the crate `regex-lite`: the usual syntax without look-around, back-references and
//! classes of Unicode; `\d`, `\w`, `\b` and `(?i)` know ASCII. A match takes time linear in the answer,
//! whatever the pattern, and a pattern that would need more than [`MAX_BYTES`] does not compile. One that
//! does not compile is a bad reference.
//!
//! In: a pattern and an answer. Out: right or wrong. Groups do not count; what matched beside the answer is
//! of no concern to a verdict.

use regex_lite::{Regex, RegexBuilder};

use crate::{Judged, Reference};

/// The most memory of a compiled pattern.
const MAX_BYTES: usize = 1 << 18;

/// A pattern to match.
pub(crate) struct Pattern(Regex);

impl Pattern {
    pub(crate) fn read(reference: &str, anchored: bool) -> Result<Self, String> {
        // On its own first: `a)(b` is not a pattern, and would be one between parentheses.
        let pattern =
            compiled(reference).map_err(|error| format!("the pattern does not compile: {error}"))?;
        if !anchored {
            return Ok(Pattern(pattern));
        }
        // A comment of the `(?x)` syntax would go on to the end of the line.
        compiled(&format!(r"\A(?:{reference})\z"))
            .or_else(|_| compiled(&format!("\\A(?:{reference}\n)\\z")))
            .map(Pattern)
            .map_err(|error| format!("the pattern cannot be anchored: {error}"))
    }
}

impl Reference for Pattern {
    fn judge(&self, answer: &str) -> Judged {
        Judged::of(self.0.is_match(answer), "")
    }
}

fn compiled(pattern: &str) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_BYTES).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ts_plugin_sdk::verifier::Verdict;

    fn matches(pattern: &str, anchored: bool, answer: &str) -> bool {
        Pattern::read(pattern, anchored).unwrap().judge(answer).verdict == Verdict::Correct
    }

    #[test]
    fn the_whole_answer_matches_or_a_part() {
        assert!(matches("a|ab", true, "ab"));
        assert!(!matches("[0-9]+", true, "7 or so") && matches("[0-9]+", false, "7 or so"));
        assert!(matches("(?i)paris|city of light", true, "City of Light"));
        assert!(!matches("^a$", true, "a\n"));
    }

    #[test]
    fn a_pattern_with_comments_is_anchored_too() {
        assert!(matches("(?x) a b # two letters", true, "ab"));
        assert!(!matches("(?x) a b # two letters", true, "abc"));
    }

    #[test]
    fn what_does_not_compile_is_a_bad_reference() {
        for pattern in ["(", "a)(b", r"(a)\1", "(?=a)", "(((a{100}){100}){100}){100}"] {
            assert!(Pattern::read(pattern, true).is_err(), "{pattern}");
            assert!(Pattern::read(pattern, false).is_err(), "{pattern}");
        }
    }

    #[test]
    fn no_pattern_is_slow() {
        assert!(!matches("(a*)*b", true, &"a".repeat(2000)));
    }
}
