//! Everything that can go wrong in `ts-core`: numbers of which no metric can be made.
//!
//! The laws of selection, refinement and training are total functions; each documents what it answers at the
//! edge of its range.

use crate::metrics::Metric;

/// Why a metric or an interval could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is nothing to take the mean of.
    #[error("cannot compute metrics: there is no graded response")]
    NoResponses,

    /// A token budget of 0 leaves no area to divide by.
    #[error("cannot compute the area under accuracy: the token budget is 0")]
    ZeroBudget,

    /// A bootstrap without resamples.
    #[error("cannot compute an interval: the number of resamples is 0")]
    NoResamples,

    /// A difference is taken problem by problem, and one side lacks a problem.
    #[error("cannot compare: problem {problem} has responses on the {present} side only")]
    Unpaired {
        /// The problem's index.
        problem: usize,
        /// The side that has it: `baseline` or `result`.
        present: &'static str,
    },

    /// An interval over fewer than two values.
    #[error("cannot compute an interval over {n} values")]
    TooFewValues {
        /// How many values there were.
        n: usize,
    },

    /// Two sides that are not of the same seeds.
    #[error("cannot compare: one side has {n} seeds, and the other {n_other}")]
    OtherSeeds {
        /// Seeds of the one.
        n: usize,
        /// Seeds of the other.
        n_other: usize,
    },

    /// A value that is infinite or not a number.
    #[error("cannot compute an interval: value {index} is {value}")]
    NotFinite {
        /// The position of the value, from 0.
        index: usize,
        /// The value.
        value: f64,
    },

    /// A name that is not a metric's.
    #[error("unknown metric `{name}`")]
    UnknownMetric {
        /// The name as given.
        name: String,
    },
}

impl Error {
    /// What to do about it, as one sentence.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoResponses => {
                "look at the grades: a grader that fails on every response leaves none to count".to_owned()
            }
            Self::ZeroBudget => "set the budget to the evaluation's token limit".to_owned(),
            Self::NoResamples => "use 1000 resamples or more".to_owned(),
            Self::Unpaired { .. } => {
                "evaluate both models on the same problems, or drop the ones that only one of them has grades for"
                    .to_owned()
            }
            Self::TooFewValues { .. } => "run at least two seeds".to_owned(),
            Self::OtherSeeds { .. } => "run the same seeds of both".to_owned(),
            Self::NotFinite { .. } => "leave out the runs that have no value".to_owned(),
            Self::UnknownMetric { .. } => {
                let names: Vec<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
                format!("the metrics are {}", names.join(", "))
            }
        };
        Some(hint)
    }
}
