//! What became of one response when it was graded. Section 3.1.
//!
//! A verifier distinguishes five outcomes; the host adds the sixth, for a verifier that failed. The paper
//! knows only correct and incorrect, and so has no name for "nobody can say".

use serde::{Deserialize, Serialize};

/// The grade of one response, as far as the method is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The response's answer is the reference answer.
    Correct,
    /// The response has an answer, and it is another one.
    Incorrect,
    /// The response has no answer, for instance because it was cut off.
    NoAnswer,
    /// The reference could not be understood; nothing can be said of the response.
    BadReference,
    /// The grader could neither prove the answer right nor tell it from the reference; nothing can be said of
    /// the response.
    Undecided,
    /// The grader refused, trapped or exceeded a limit; nothing can be said of the response.
    GraderFailed,
}

impl Outcome {
    /// Every outcome, in the order in which reports list them.
    pub const ALL: [Self; 6] = [
        Self::Correct,
        Self::Incorrect,
        Self::NoAnswer,
        Self::BadReference,
        Self::Undecided,
        Self::GraderFailed,
    ];

    /// Whether the response may become a positive.
    pub fn is_correct(self) -> bool {
        self == Self::Correct
    }

    /// Whether the response was graded and is not correct: it may become a negative.
    ///
    /// A response without an answer is one of these. The paper grades with two outcomes, so what was cut off
    /// at the token limit is incorrect there.
    pub fn is_wrong(self) -> bool {
        matches!(self, Self::Incorrect | Self::NoAnswer)
    }

    /// Whether the grade says anything about the response. Only these count in a pass rate or an accuracy.
    pub fn is_gradable(self) -> bool {
        self.is_correct() || self.is_wrong()
    }

    /// The name in records and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Incorrect => "incorrect",
            Self::NoAnswer => "no_answer",
            Self::BadReference => "bad_reference",
            Self::Undecided => "undecided",
            Self::GraderFailed => "grader_failed",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_can_be_said_nothing_is_wrong() {
        for outcome in [Outcome::GraderFailed, Outcome::BadReference, Outcome::Undecided] {
            assert!(!outcome.is_wrong() && !outcome.is_correct() && !outcome.is_gradable(), "{outcome}");
        }
    }

    #[test]
    fn gradable_is_correct_or_wrong_and_never_both() {
        for outcome in Outcome::ALL {
            assert!(!(outcome.is_correct() && outcome.is_wrong()));
        }
        assert_eq!(Outcome::ALL.iter().filter(|o| o.is_gradable()).count(), 3);
    }
}
