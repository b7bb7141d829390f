//! Conformal risk control: the largest threshold of which the expected loss on a new unit is at most delta, whatever the distribution.
//! Angelopoulos, Bates, Fisch, Lei and Schuster, "Conformal Risk Control", 2022 (arXiv 2208.02814), equation 4.
//!
//! In: of each of n calibration units the loss at every threshold of a grid, 0 to 1, thresholds from the strictest up. Out: a bound at
//! every threshold,
//!
//! ```text
//! n / (n + 1) · R(λ) + B / (n + 1)          R the mean loss of the units, B = 1 the largest loss there is
//! ```
//!
//! and the largest threshold whose bound is at most delta. If the units and a new one are exchangeable, the new one's expected loss there is
//! at most delta. The paper asks for losses that are monotone in the threshold; those that are not are made so as it does: a unit's loss
//! at a threshold is the largest of its losses at this threshold and at stricter ones. (In the paper a larger λ is stricter, here it allows
//! more.)

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// What is known of one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// R: the units' mean loss, after it was made monotone; 0 to 1.
    pub mean_loss: f64,
    /// The bound above; 0 to 1.
    pub bound: f64,
}

/// The risk at each of `n_thresholds` thresholds, given each unit's losses there. Without units every bound is 1.
///
/// What is missing, not a number, or not between 0 and 1 counts as 1, the largest loss: nothing is allowed for want of a number.
pub fn risks<'a>(units: impl IntoIterator<Item = &'a [f64]>, n_thresholds: usize) -> Vec<Risk> {
    let mut sums = vec![0.0; n_thresholds];
    let mut n = 0.0;
    for losses in units {
        n += 1.0;
        let mut so_far: f64 = 0.0;
        for (index, sum) in sums.iter_mut().enumerate() {
            let loss = losses.get(index).copied().filter(|loss| (0.0..=1.0).contains(loss));
            so_far = so_far.max(loss.unwrap_or(1.0));
            *sum += so_far;
        }
    }
    let risk =
        |sum: f64| Risk { mean_loss: if n > 0.0 { sum / n } else { 0.0 }, bound: (sum + 1.0) / (n + 1.0) };
    sums.into_iter().map(risk).collect()
}

/// The largest threshold whose bound is at most `delta`: its place in the grid. None if that holds for none.
pub fn largest_controlled(risks: &[Risk], delta: f64) -> Option<usize> {
    risks.iter().take_while(|risk| risk.bound <= delta).count().checked_sub(1)
}

/// The fewest units with which any threshold can be allowed: the least n of 1 / (n + 1) ≤ `delta`. `delta` is above 0.
pub fn fewest_units(delta: f64) -> usize {
    let about = (1.0 / delta).floor() as usize;
    (about.saturating_sub(2)..).find(|&n| 1.0 / (n as f64 + 1.0) <= delta).unwrap_or(usize::MAX)
}

/// Joins neighbours into groups of at least `least` units each, from the first on; what is left over at the end joins the last group.
/// `counts` are units. All together are one group if there are too few of them for two.
pub fn join_neighbours(counts: &[usize], least: usize) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let (mut start, mut n) = (0, 0);
    for (index, count) in counts.iter().enumerate() {
        n += count;
        if n >= least {
            groups.push(start..index + 1);
            (start, n) = (index + 1, 0);
        }
    }
    if start < counts.len() {
        match groups.last_mut() {
            Some(last) => last.end = counts.len(),
            None => groups.push(start..counts.len()),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seed::SplitMix64;

    #[test]
    fn by_hand() {
        // Four units, three thresholds: sums 0, 0.5 and 1.5, so bounds 1/5, 1.5/5 and 2.5/5.
        let units: [&[f64]; 4] = [&[0.0, 0.0, 1.0], &[0.0, 0.5, 0.0], &[0.0, 0.0, 0.0], &[0.0, 0.0, 0.0]];
        let risks = risks(units, 3);
        assert_eq!(risks[0], Risk { mean_loss: 0.0, bound: 0.2 });
        assert_eq!(risks[1], Risk { mean_loss: 0.125, bound: 0.3 });
        // The second unit loses half at a stricter threshold already, so here too.
        assert_eq!(risks[2], Risk { mean_loss: 0.375, bound: 0.5 });
        let chosen = [0.1, 0.2, 0.29, 0.3, 0.6].map(|delta| largest_controlled(&risks, delta));
        assert_eq!(chosen, [None, Some(0), Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn nothing_is_allowed_for_want_of_units_or_of_numbers() {
        assert_eq!(risks([], 2), [Risk { mean_loss: 0.0, bound: 1.0 }; 2]);
        for bad in [&[f64::NAN, 0.0][..], &[-0.5, 0.0], &[7.0, 0.0], &[]] {
            assert_eq!(risks([bad], 2), [Risk { mean_loss: 1.0, bound: 1.0 }; 2]);
        }
        assert_eq!(largest_controlled(&[], 1.0), None);
    }

    #[test]
    fn how_many_units_it_takes() {
        assert_eq!([1.0, 0.5, 0.1, 0.05, 0.02, 0.01].map(fewest_units), [0, 1, 9, 19, 49, 99]);
        for delta in [0.3, 0.07, 0.013] {
            let n = fewest_units(delta) as f64;
            assert!(1.0 / (n + 1.0) <= delta && 1.0 / n > delta);
        }
    }

    #[test]
    fn small_groups_are_joined() {
        let ends = |counts: &[usize], least| -> Vec<usize> {
            join_neighbours(counts, least).into_iter().map(|group| group.end).collect()
        };
        assert_eq!(ends(&[28; 7], 49), [2, 4, 7]);
        assert_eq!(ends(&[60, 10, 60, 10], 49), [1, 4]);
        assert_eq!(ends(&[10, 10], 49), [2]);
        assert_eq!(ends(&[0, 0, 50], 49), [3]);
        assert!(ends(&[], 49).is_empty());
        assert_eq!(ends(&[1, 1], 0), [1, 2]);
    }

    /// The theorem, simulated: units whose loss begins at a threshold of their own, so that the expected loss at threshold j of 50 is j / 100.
    #[test]
    fn the_expected_loss_of_a_new_unit_is_at_most_delta() {
        let mut random = SplitMix64::new(7);
        let mut unit = || {
            let from = (random.next_f64() * 100.0) as usize;
            (0..50).map(|threshold| f64::from(u8::from(threshold > from))).collect::<Vec<f64>>()
        };
        for (n, delta) in [(20, 0.1), (49, 0.05), (200, 0.05)] {
            let (mut lost, mut n_chosen, trials) = (0.0, 0_u32, 4000);
            for _ in 0..trials {
                let units: Vec<Vec<f64>> = (0..n).map(|_| unit()).collect();
                let chosen = largest_controlled(&risks(units.iter().map(Vec::as_slice), 50), delta);
                if let Some(chosen) = chosen {
                    n_chosen += 1;
                    lost += unit()[chosen];
                }
            }
            let mean = lost / f64::from(trials);
            // Two standard errors of a mean of 4000 of them.
            assert!(mean <= delta + 2.0 * (delta / f64::from(trials)).sqrt(), "{n} units: {mean}");
            assert!(mean >= 0.3 * delta && n_chosen > 3000, "{n} units: {mean}, chosen {n_chosen} times");
        }
    }

    proptest! {
        #[test]
        fn risks_grow_with_the_threshold_and_groups_tile(
            units in prop::collection::vec(prop::collection::vec(0.0..=1.0_f64, 6), 0..30),
            counts in prop::collection::vec(0_usize..80, 0..12),
        ) {
            let risks = risks(units.iter().map(Vec::as_slice), 6);
            prop_assert!(risks.windows(2).all(|pair| pair[0].bound <= pair[1].bound));
            prop_assert!(risks.iter().all(|risk| (0.0..=1.0).contains(&risk.bound) && risk.mean_loss <= risk.bound));
            let groups = join_neighbours(&counts, 49);
            let tiled: Vec<usize> = groups.iter().cloned().flatten().collect();
            prop_assert_eq!(tiled, (0..counts.len()).collect::<Vec<_>>());
            let of_group = |group: &Range<usize>| counts[group.clone()].iter().sum::<usize>();
            prop_assert!(groups.len() < 2 || groups.iter().all(|group| of_group(group) >= 49));
        }
    }
}
