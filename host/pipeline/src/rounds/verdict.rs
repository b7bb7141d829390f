//! Whether a round is accepted: what the tuning problems say of the model after it, beside the model before it.
//!
//! In: the responses of both to the same problems, with the same seeds. Out: a [`Verdict`]. The interval is the one of ablations' tables
//! ([`ts_core::crossed`]), with one training: over problems, paired, without resampling, so that the same responses always decide the same way.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use ts_core::crossed::{Difference, Measured};
use ts_core::metrics::{Metric, Scored};
use ts_recipe::RoundsSection;
use ts_run::Artefact;

use super::{round_folder, tuning_folder};
use crate::Error;
use crate::past_run::PastRun;
use crate::report::scored_in;
use crate::stage::Stage;

/// What is thought of a round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The tuning problems.
    pub n_problems: usize,
    /// Accuracy on them, after the round − before it: a share.
    pub change: Difference,
    /// Whether the lower end of its 95 % interval is above −`max_loss`.
    pub accepted: bool,
}

/// Whether the models before and after a round have answered the tuning problems.
pub(crate) fn is_measured(folder: &Path, round: u32) -> Result<bool, Error> {
    for round in [round - 1, round] {
        let folder = tuning_folder(folder, round)?;
        if !Artefact::Manifest.path_in(&folder).exists()
            || !PastRun::open(&folder)?.is_done(Stage::EvalBaseline)
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the tuning problems say of a round, from 1; both measurements are done.
pub(crate) fn verdict(folder: &Path, round: u32, section: &RoundsSection) -> Result<Verdict, Error> {
    let before = PastRun::open(&tuning_folder(folder, round - 1)?)?;
    if before.manifest.model != PastRun::open(&round_folder(folder, round)?)?.manifest.model {
        let message =
            format!("rounds/tuning/{} measured another model than round {round} began with", round - 1);
        return Err(Error::Inconsistent { file: Artefact::Manifest.file_name(), message });
    }
    let responses = |round| -> Result<Vec<Scored>, Error> {
        let run = PastRun::open(&tuning_folder(folder, round)?)?;
        run.verify(Stage::EvalBaseline, None)?;
        scored_in(&run, Stage::EvalBaseline)
    };
    judge(&responses(round - 1)?, &responses(round)?, section.max_loss)
}

/// Whether a round that changed the responses to the tuning problems so is accepted. `max_loss` is a share.
fn judge(before: &[Scored], after: &[Scored], max_loss: f64) -> Result<Verdict, Error> {
    // The budget is that of the area, which is not asked for.
    let measured = |responses| Measured::new([responses], 1);
    let change = measured(after)?.minus(&measured(before)?)?.remove(&Metric::Accuracy);
    let change = change.ok_or(ts_core::Error::NoResponses)?;
    let problems: BTreeSet<usize> = before.iter().map(|response| response.problem).collect();
    let n_problems = problems.len();
    Ok(Verdict { n_problems, change, accepted: change.interval().low > -max_loss })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn responses(correct: &[bool]) -> Vec<Scored> {
        let one = |(problem, &correct)| Scored {
            problem,
            run: 0,
            difficulty: None,
            correct,
            tokens: 10,
            n_steps: 1,
            step_tokens: 5,
        };
        correct.iter().enumerate().map(one).collect()
    }

    /// Four problems, one of which is lost: changes −1, 0, 0, 0 with mean −0.25 and standard error 0.5 / √4 = 0.25; with 3 degrees of freedom the
    /// lower end is −0.25 − 3.182 · 0.25 = −1.0456.
    #[test]
    fn the_lower_bound_decides_and_not_the_estimate() {
        let (before, after) = (responses(&[true; 4]), responses(&[false, true, true, true]));
        let verdict = judge(&before, &after, 0.5).unwrap();
        assert_eq!((verdict.n_problems, verdict.change.estimate), (4, -0.25));
        let low = verdict.change.interval().low;
        assert!((low + 1.0456).abs() < 1e-3, "{low}");
        assert!(!verdict.accepted);
        let bounds = [(-low - 1e-9, false), (-low + 1e-9, true)];
        assert!(
            bounds.iter().all(|&(max_loss, it)| judge(&before, &after, max_loss).unwrap().accepted == it)
        );
    }

    #[test]
    fn no_change_is_no_loss_and_no_gain() {
        let same = responses(&[true, false, true]);
        assert!(judge(&same, &same, 0.01).unwrap().accepted);
        assert!(!judge(&same, &same, 0.0).unwrap().accepted, "with no loss allowed a gain must be shown");
        assert!(judge(&same, &responses(&[true, true]), 0.0).is_err(), "other problems");
    }
}
