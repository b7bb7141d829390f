//! What an item is answered with.
//!
//! In: what the grader gave. Out: JSON:
//! `{"id", "verdict", "score", "answer", "note", "tests", "fuel", "ms"}`, or
//! `{"id", "verdict": null, "error": {"kind", "message", "hint"}}`.
//!
//! A grader that failed gives no verdict.

use serde::Serialize;
use ts_plugin::{Call, CallError, Grade, TestOutcome};

/// The answer to one item.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// The grader gave a grade.
    Graded {
        /// `correct`, `incorrect`, `no_answer`, `bad_reference` or `undecided`.
        verdict: &'static str,
        /// Between 0 and 1; nothing to go by for a bad reference and for undecided.
        score: f64,
        /// Bytes of the response where the judged answer stands: first, and one after the last.
        answer: Option<[usize; 2]>,
        /// How the verdict came about; may be empty.
        note: String,
        /// What came of each test, for graders that run some.
        tests: Vec<TestOutcome>,
        /// Fuel used.
        fuel: u64,
        /// Milliseconds in the grader, to the microsecond.
        ms: f64,
    },
    /// There is no grade.
    Failed {
        /// Always null.
        verdict: (),
        /// Why.
        error: Failure,
    },
}

/// Why there is no grade, or why a request was refused.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// The cause as one word.
    pub kind: &'static str,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Answer {
    /// What the grader gave.
    pub(crate) fn new(graded: Result<Call<Grade>, CallError>) -> Self {
        let Call { value: grade, fuel, elapsed, .. } = match graded {
            Ok(call) => call,
            Err(error) => {
                let (kind, hint) = (error.kind.name(), error.kind.hint());
                return Self::failed(Failure { kind, message: error.to_string(), hint });
            }
        };
        let verdict = grade.verdict.name();
        let note = match (grade.verdict.reason().unwrap_or_default(), grade.note.is_empty()) {
            ("", _) => grade.note,
            (reason, true) => reason.to_owned(),
            (reason, false) => format!("{reason}; {}", grade.note),
        };
        Self::Graded {
            verdict,
            score: grade.score,
            answer: grade.answer.map(|span| [span.start, span.end]),
            note,
            tests: grade.tests,
            fuel,
            ms: (elapsed.as_secs_f64() * 1e6).round() / 1e3,
        }
    }

    /// No grade.
    pub(crate) fn failed(error: Failure) -> Self {
        Self::Failed { verdict: (), error }
    }

    /// The request's time was up.
    pub(crate) fn deadline() -> Self {
        let message = "the request's time was up before this item had its grade".to_owned();
        let hint = Some("send fewer items at once, or give --workers or --deadline more".to_owned());
        Self::failed(Failure { kind: "deadline", message, hint })
    }

    /// The grading broke off, which is a fault of the host's.
    pub(crate) fn lost() -> Self {
        let message = "the host failed at this item".to_owned();
        let hint = Some("this is a fault in ts-host; tell its authors".to_owned());
        Self::failed(Failure { kind: "internal", message, hint })
    }

    /// As JSON, with the item's `id` as it is written, but for what is invisible.
    pub(crate) fn to_json(&self, id: &str) -> String {
        // Texts, numbers and lists of them can be written, and make an object with a member at least.
        let rest = serde_json::to_string(self).unwrap_or_default();
        let rest = rest.strip_prefix('{').unwrap_or("\"verdict\":null}");
        ts_text::json(&format!("{{\"id\":{id},{rest}")).into_owned()
    }

    /// The verdict, or the kind of the error.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Graded { verdict, .. } => verdict,
            Self::Failed { error, .. } => error.kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use ts_plugin::CallErrorKind;
    use ts_plugin::Verdict;

    fn graded(verdict: Verdict, note: &str) -> Answer {
        let (answer, tests) = (Some(1..3), vec![TestOutcome::Passed]);
        let value = Grade { verdict, score: 0.5, answer, note: note.into(), tests };
        Answer::new(Ok(Call { value, fuel: 5, elapsed: Duration::from_micros(1500), memory: 0 }))
    }

    #[test]
    fn what_is_invisible_is_escaped() {
        let answer = graded(Verdict::Correct, "").to_json("\"\u{9b}2J\u{202e}\"");
        assert!(answer.starts_with(r#"{"id":"\u009b2J\u202e","verdict""#), "{answer}");
    }

    #[test]
    fn a_grade_is_written_whole() {
        assert_eq!(
            graded(Verdict::Correct, "equal").to_json("\"a\""),
            r#"{"id":"a","verdict":"correct","score":0.5,"answer":[1,3],"note":"equal","tests":["passed"],"fuel":5,"ms":1.5}"#
        );
    }

    #[test]
    fn the_reason_for_no_verdict_stands_in_the_note() {
        for (given, expected) in [("", "degree 9"), ("x", "degree 9; x")] {
            let answer = graded(Verdict::Undecided("degree 9".into()), given);
            assert!(matches!(&answer, Answer::Graded { note, .. } if note == expected), "{answer:?}");
            assert_eq!(answer.outcome(), "undecided");
        }
    }

    #[test]
    fn a_failure_has_no_verdict() {
        let error = CallError {
            plugin: "p".into(),
            function: "grade",
            problem: None,
            kind: CallErrorKind::Refused("no tests".into()),
            fuel: None,
        };
        assert_eq!(
            Answer::new(Err(error)).to_json("null"),
            r#"{"id":null,"verdict":null,"error":{"kind":"refused","message":"plugin `p`, `grade`: refused: no tests","hint":null}}"#
        );
    }
}
