//! Mode `exact`: the same text, byte for byte, white space around it aside.
//!
//! In: a reference and an answer. Out: right or wrong. Mode `normalised` is the lenient one.

use crate::{Judged, Reference};

/// A text to be repeated as it stands.
pub(crate) struct Exact(String);

impl Exact {
    pub(crate) fn read(reference: &str) -> Self {
        Exact(reference.trim().to_owned())
    }
}

impl Reference for Exact {
    fn judge(&self, answer: &str) -> Judged {
        Judged::of(answer == self.0, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ts_plugin_sdk::verifier::Verdict;

    #[test]
    fn every_letter_counts_and_white_space_around_does_not() {
        let reference = Exact::read(" Eiffel Tower\n");
        assert_eq!(reference.judge("Eiffel Tower").verdict, Verdict::Correct);
        for other in ["eiffel Tower", "Eiffel  Tower", "Eiffel Tower."] {
            assert_eq!(reference.judge(other).verdict, Verdict::Incorrect, "{other}");
        }
    }
}
