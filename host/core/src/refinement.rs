//! The choice among the rewrites of one step: the shortest that leaves what follows as it was. Section 3.2.
//!
//! In go the length of each rewrite and a way to measure its divergence; out comes the rewrite to use, if
//! any: the shortest whose divergence is below `max_kl_nats`, of equal lengths the one drawn first, and only
//! if it is strictly shorter than the original. The paper leaves open what happens otherwise; here the
//! original stays.
//!
//! A divergence costs a pass of the model, so it is measured on demand: [`choose_early`] goes from the
//! shortest rewrite up and stops at the first that passes. [`choose_scoring_all`] states the rule; both
//! choose the same.

use serde::{Deserialize, Serialize};

/// How the divergences at the positions of a window become one number.
///
/// Deviation: the default is the mean. The paper writes a sum over up to 512 positions, yet compares it to
/// 0.005 nats, which only a divergence per position can plausibly be below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlReduction {
    /// Nats per position.
    #[default]
    Mean,
    /// Nats over the whole window: the paper's equation.
    Sum,
    /// Nats per position over the twentieth of the positions that diverge most: [`tail_mean`]. A window of 512 positions whose mean is
    /// below 0.005 may have one of 2.5 nats; its tail is then 0.098. Not in the paper.
    Tail,
}

/// Positions of a window of which one counts in [`tail_mean`].
const TAIL_OF: usize = 20;

/// One number from the divergence at each position of the window, in nats; none for an empty window.
///
/// An empty window, a step that nothing follows, measures nothing. It is not a divergence of 0: a rewrite
/// without a measurement does not pass.
pub fn reduce_kl(reduction: KlReduction, kl_nats: &[f64]) -> Option<f64> {
    if kl_nats.is_empty() {
        return None;
    }
    let sum: f64 = kl_nats.iter().sum();
    Some(match reduction {
        KlReduction::Mean => sum / kl_nats.len() as f64,
        KlReduction::Sum => sum,
        KlReduction::Tail => return tail_mean(kl_nats),
    })
}

/// The mean of the largest twentieth of some values, rounded up, so of at least one; none of none. It is not below the mean of all, and
/// not a number if one of them is not.
pub fn tail_mean(values: &[f64]) -> Option<f64> {
    if values.iter().any(|value| value.is_nan()) {
        return Some(f64::NAN);
    }
    let n = values.len().div_ceil(TAIL_OF);
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    (n > 0).then(|| sorted[..n].iter().sum::<f64>() / n as f64)
}

/// What became of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The rewrite to use; none keeps the original.
    pub chosen: Option<ChosenRewrite>,
    /// How many divergences were measured.
    pub n_scored: usize,
}

/// The rewrite that takes a step's place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChosenRewrite {
    /// Its draw: an index into the lengths.
    pub index: usize,
    /// Its divergence in nats, below the threshold.
    pub kl_nats: f64,
}

/// Chooses a rewrite, measuring no more divergences than the choice takes.
///
/// `original` and `rewrites` are lengths in tokens; `kl_nats(i)` measures rewrite `i`, and none means that it
/// cannot be measured. Calls it for each rewrite at most once, the shortest first, and never for one that is
/// not shorter than the original.
///
/// # Errors
///
/// The first error of `kl_nats`, as it is.
pub fn choose_early<E>(
    original: u32,
    rewrites: &[u32],
    max_kl_nats: f64,
    mut kl_nats: impl FnMut(usize) -> Result<Option<f64>, E>,
) -> Result<Choice, E> {
    let mut shorter: Vec<usize> = (0..rewrites.len()).filter(|&i| rewrites[i] < original).collect();
    shorter.sort_by_key(|&i| rewrites[i]); // stable: equal lengths stay in the order of their draws
    for (n_before, &index) in shorter.iter().enumerate() {
        let divergence = kl_nats(index)?;
        if let Some(kl_nats) = passing(divergence, max_kl_nats) {
            return Ok(Choice { chosen: Some(ChosenRewrite { index, kl_nats }), n_scored: n_before + 1 });
        }
    }
    Ok(Choice { chosen: None, n_scored: shorter.len() })
}

/// Chooses a rewrite after measuring the divergence of every one: the rule itself, for tests and for runs
/// that want every divergence on record. Arguments, choice and errors are those of [`choose_early`].
///
/// # Errors
///
/// The first error of `kl_nats`, as it is.
pub fn choose_scoring_all<E>(
    original: u32,
    rewrites: &[u32],
    max_kl_nats: f64,
    mut kl_nats: impl FnMut(usize) -> Result<Option<f64>, E>,
) -> Result<Choice, E> {
    let mut chosen: Option<ChosenRewrite> = None;
    for (index, &tokens) in rewrites.iter().enumerate() {
        let divergence = kl_nats(index)?;
        let bound = chosen.map_or(original, |best| rewrites[best.index]);
        if let Some(kl_nats) = passing(divergence, max_kl_nats)
            && tokens < bound
        {
            chosen = Some(ChosenRewrite { index, kl_nats });
        }
    }
    Ok(Choice { chosen, n_scored: rewrites.len() })
}

/// The divergence, if it is below the threshold. What is missing or not a number is not.
fn passing(divergence: Option<f64>, max_kl_nats: f64) -> Option<f64> {
    divergence.filter(|&kl_nats| kl_nats < max_kl_nats)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn early(original: u32, rewrites: &[(u32, f64)]) -> Choice {
        let lengths: Vec<u32> = rewrites.iter().map(|r| r.0).collect();
        let Ok(choice) =
            choose_early(original, &lengths, 0.005, |i| Ok::<_, Infallible>(Some(rewrites[i].1)));
        choice
    }

    #[test]
    fn the_shortest_that_passes() {
        let choice = early(10, &[(9, 0.001), (4, 0.1), (6, 0.004), (6, 0.0), (12, 0.0)]);
        assert_eq!(
            choice,
            Choice {
                chosen: Some(ChosenRewrite { index: 2, kl_nats: 0.004 }),
                n_scored: 2, // lengths 4 and 6; neither 9 nor 12, and not the second 6
            }
        );
    }

    #[test]
    fn the_original_stays_when_nothing_shorter_passes() {
        // Equal length, exactly the threshold, not a number: none is a reason to rewrite.
        let choice = early(10, &[(10, 0.0), (5, 0.005), (6, f64::NAN)]);
        assert_eq!(choice, Choice { chosen: None, n_scored: 2 });
        assert_eq!(early(10, &[]), Choice { chosen: None, n_scored: 0 });
    }

    #[test]
    fn what_cannot_be_measured_does_not_pass() {
        let choice = choose_early(10, &[3], f64::INFINITY, |_| Ok::<_, Infallible>(None));
        assert_eq!(choice.map(|c| c.chosen), Ok(None));
    }

    #[test]
    fn an_error_ends_the_choice() {
        assert_eq!(choose_early(10, &[3], 1.0, |_| Err("no memory")), Err("no memory"));
    }

    #[test]
    fn windows_reduce_to_one_number() {
        let window = [0.5, 0.25, 0.75, 0.5];
        assert_eq!(reduce_kl(KlReduction::Sum, &window), Some(2.0));
        assert_eq!(reduce_kl(KlReduction::Mean, &window), Some(0.5));
        assert_eq!(reduce_kl(KlReduction::Sum, &[]), None);
        // One of four is the largest twentieth, rounded up.
        assert_eq!(reduce_kl(KlReduction::Tail, &window), Some(0.75));
        assert_eq!(reduce_kl(KlReduction::Tail, &[]), None);
        // Of 40 positions two: (1 + 0.5) / 2.
        let mut long = [0.0; 40];
        (long[7], long[30], long[31]) = (0.5, 1.0, 0.25);
        assert_eq!(tail_mean(&long), Some(0.75));
        long[3] = -f64::NAN;
        assert!(tail_mean(&long).is_some_and(f64::is_nan));
    }

    proptest! {
        #[test]
        fn a_tail_is_between_the_mean_and_the_largest(values in prop::collection::vec(0.0..10.0_f64, 1..100)) {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let largest = values.iter().copied().fold(0.0, f64::max);
            let tail = tail_mean(&values).unwrap_or(f64::NAN);
            prop_assert!(mean <= tail + 1e-12 && tail <= largest + 1e-12, "{} {} {}", mean, tail, largest);
        }

        #[test]
        fn early_and_exhaustive_choose_the_same(
            original in 0_u32..12,
            rewrites in prop::collection::vec((0_u32..15, prop::option::of(0.0..0.01_f64)), 0..40),
        ) {
            let lengths: Vec<u32> = rewrites.iter().map(|r| r.0).collect();
            let mut measured = vec![0; rewrites.len()];
            let Ok(early) = choose_early(original, &lengths, 0.005, |i| {
                measured[i] += 1;
                Ok::<_, Infallible>(rewrites[i].1)
            });
            let Ok(all) =
                choose_scoring_all(original, &lengths, 0.005, |i| Ok::<_, Infallible>(rewrites[i].1));

            prop_assert_eq!(early.chosen, all.chosen);
            prop_assert_eq!(all.n_scored, rewrites.len());
            prop_assert_eq!(early.n_scored, measured.iter().sum::<usize>());
            prop_assert!(measured.iter().all(|&n| n <= 1));
            // Nothing longer than the choice was measured.
            if let Some(chosen) = early.chosen {
                let longest = lengths[chosen.index];
                prop_assert!((0..lengths.len()).all(|i| measured[i] == 0 || lengths[i] <= longest));
            }
        }
    }
}
