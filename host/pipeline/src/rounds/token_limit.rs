//! The token limit of a round's samples: a quantile of the lengths of the correct samples of the round before.
//!
//! In: a run that is graded. Out: tokens. A response that is cut off has no answer, so with such a limit the longest of the correct responses of
//! before are no positives any more, and stand among the negatives.

use ts_run::Record;
use ts_run::records::{GradeRecord, SampleRecord};

use crate::Error;
use crate::past_run::PastRun;
use crate::stage::Stage;

/// The limit, tokens, after a round: never above that of the round itself.
pub(super) fn token_limit(before: &PastRun, quantile: f64) -> Result<usize, Error> {
    let mut samples = before.records::<SampleRecord>(Stage::Sample)?;
    let mut lengths = Vec::new();
    for grade in before.records::<GradeRecord>(Stage::Grade)? {
        let grade = grade?.record;
        let sample = samples.expect(&grade.key())?.record;
        if grade.outcome.is_correct() {
            lengths.push(sample.tokens.len());
        }
    }
    let limit = before.recipe.sample.max_new_tokens;
    Ok(nearest_rank(&mut lengths, quantile).map_or(limit, |length| length.clamp(1, limit)))
}

/// The smallest value that is not below this share of them, above 0 and at most 1; none of none.
fn nearest_rank(values: &mut [usize], share: f64) -> Option<usize> {
    values.sort_unstable();
    // A product such as 0.07 · 100 is a little above what it is meant to be.
    let rank = (share * values.len() as f64 - 1e-9).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        let of = |share| nearest_rank(&mut [40, 10, 30, 20], share);
        assert_eq!([0.01, 0.25, 0.26, 0.5, 0.75, 0.76, 1.0].map(of), [10, 10, 20, 20, 30, 40, 40].map(Some));
        assert_eq!(nearest_rank(&mut (1..=100).collect::<Vec<_>>(), 0.07), Some(7));
        assert_eq!(nearest_rank(&mut [], 0.5), None);
        assert_eq!(nearest_rank(&mut [7], 0.01), Some(7));
    }
}
