//! Adaptive depth: how many of the shortest correct responses to a problem to imitate. Section 3.1.
//!
//! In go the graded responses to one problem; out come counts, and indices into those responses:
//!
//! ```text
//! pass rate p = c / N      quantile q = depth_alpha · (1 − p)      positives k = ⌈q · c⌉
//! ```
//!
//! The harder the problem, the more of its longer correct responses are kept. The policies themselves are
//! plugins; these are the parts that they share.

use crate::outcome::Outcome;

/// How far, relative to itself, `quantile · n_correct` may miss a whole number and still be taken for it.
///
/// With the paper's numbers, 40 correct of 64, the product 0.2 · (1 − 40/64) · 40 is 3 on paper and 3 + 2⁻⁵¹
/// in binary, and a bare ceiling would keep 4. For up to ten thousand responses and a `depth_alpha` of at
/// most 1 and three decimals, rounding errors stay below 2e-12, and a product that truly is not a whole
/// number misses it by at least 1 / (1000 N) in N / 4, or 4e-11.
const COUNT_FUZZ: f64 = 1e-11;

/// One graded response to a problem.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// What the grader made of it.
    pub outcome: Outcome,
    /// The grader's score, between 0 and 1.
    pub score: f64,
    /// Its length as the length function measures it; finite and above 0.
    pub length: f64,
    /// Its length in tokens, the end-of-text token included.
    pub tokens: u32,
    /// Whether the model ended it; otherwise it was cut off.
    pub finished: bool,
}

/// How many responses of a group were graded, and how many of those are correct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupCounts {
    /// c: responses graded correct.
    pub n_correct: usize,
    /// N: responses that could be graded at all.
    pub n_graded: usize,
}

impl GroupCounts {
    /// Counts a group. A response whose grader failed is in neither count.
    pub fn of(candidates: &[Candidate]) -> Self {
        let count = |test: fn(Outcome) -> bool| candidates.iter().filter(|c| test(c.outcome)).count();
        Self { n_correct: count(Outcome::is_correct), n_graded: count(Outcome::is_gradable) }
    }
}

/// p = c / N, the share of correct responses; 0 if there are no responses.
pub fn pass_rate(n_correct: usize, n: usize) -> f64 {
    if n == 0 { 0.0 } else { n_correct as f64 / n as f64 }
}

/// q = depth_alpha · (1 − pass_rate): the share of the correct responses to keep. 0 for a problem always
/// solved.
pub fn depth_quantile(depth_alpha: f64, pass_rate: f64) -> f64 {
    depth_alpha * (1.0 - pass_rate)
}

/// k = ⌈quantile · n_correct⌉, the number of positives, and never more than `n_correct`.
///
/// A quantile of 0, below 0 or not a number gives 0; any other gives at least 1 where `n_correct` does. A
/// product that misses a whole number by rounding error alone counts as that number (see the source for the
/// bound).
pub fn n_positives(quantile: f64, n_correct: usize) -> usize {
    let exact = quantile * n_correct as f64;
    let nearest = exact.round();
    let is_whole = (exact - nearest).abs() <= COUNT_FUZZ * nearest.abs();
    let k = if is_whole { nearest } else { exact.ceil() };
    (k as usize).min(n_correct) // a negative number, or none, casts to 0
}

/// The correct responses, shortest first; of equal lengths the one drawn first comes first.
pub fn correct_by_length(candidates: &[Candidate]) -> Vec<usize> {
    let mut correct = indices_where(candidates, |c| c.outcome.is_correct());
    correct.sort_by(|&a, &b| candidates[a].length.total_cmp(&candidates[b].length)); // stable
    correct
}

/// The negatives of a positive of this length: responses graded wrong and strictly longer, in the order
/// drawn.
pub fn incorrect_longer_than(candidates: &[Candidate], length: f64) -> Vec<usize> {
    indices_where(candidates, |c| c.outcome.is_wrong() && c.length > length)
}

fn indices_where(candidates: &[Candidate], keep: impl Fn(&Candidate) -> bool) -> Vec<usize> {
    (0..candidates.len()).filter(|&i| keep(&candidates[i])).collect()
}

/// A candidate with this outcome and length, for the tests of this crate.
#[cfg(test)]
pub(crate) fn candidate(outcome: Outcome, length: u32) -> Candidate {
    Candidate {
        outcome,
        score: if outcome.is_correct() { 1.0 } else { 0.0 },
        length: f64::from(length),
        tokens: length,
        finished: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Correct, GraderFailed, Incorrect, NoAnswer};
    use proptest::prelude::*;

    #[test]
    fn the_papers_numbers() {
        // 64 responses, half of them correct: q = 0.2 · 0.5 = 0.1, k = ⌈3.2⌉ = 4.
        let quantile = depth_quantile(0.2, pass_rate(32, 64));
        assert!((quantile - 0.1).abs() < 1e-15);
        assert_eq!(n_positives(quantile, 32), 4);
        // One correct in 64: q · c = 0.196…, k = 1.
        assert_eq!(n_positives(depth_quantile(0.2, pass_rate(1, 64)), 1), 1);
        // 63 in 64: q · c = 0.2 / 64 · 63 = 0.197, k = 1.
        assert_eq!(n_positives(depth_quantile(0.2, pass_rate(63, 64)), 63), 1);
    }

    #[test]
    fn rounding_error_makes_no_extra_positive() {
        assert_eq!(n_positives(0.2 * 0.5, 10), 1);
        assert_eq!(n_positives(depth_quantile(0.2, pass_rate(40, 64)), 40), 3); // 3.0000000000000004
        assert_eq!(n_positives(0.1 + 0.2, 10), 3); // 3.0000000000000004
        assert_eq!(n_positives(depth_quantile(0.2, pass_rate(90, 100)), 50), 1); // 0.9999999999999999
        assert_eq!(n_positives(1e-300, 10), 1); // small is not zero
        assert_eq!(n_positives(0.1 + 1e-6, 10), 2); // nor is it rounding error
    }

    #[test]
    fn the_ceiling_is_exact_in_rational_arithmetic() {
        // depth_alpha = 1/5, so k = ⌈(N − c) · c / 5N⌉ in whole numbers.
        for n in 1..=200_usize {
            for c in 0..=n {
                let k = n_positives(depth_quantile(0.2, pass_rate(c, n)), c);
                assert_eq!(k, ((n - c) * c).div_ceil(5 * n), "{c} of {n}");
            }
        }
    }

    #[test]
    fn degenerate_quantiles_select_nothing() {
        for quantile in [0.0, -1.0, f64::NAN] {
            assert_eq!(n_positives(quantile, 10), 0);
        }
        assert_eq!(n_positives(0.5, 0), 0);
        assert_eq!(n_positives(f64::INFINITY, 10), 10);
        assert_eq!(pass_rate(0, 0), 0.0);
    }

    #[test]
    fn shortest_first_and_the_earlier_draw_on_a_tie() {
        let group = [
            candidate(Correct, 30),
            candidate(Incorrect, 5),
            candidate(Correct, 10),
            candidate(GraderFailed, 1),
            candidate(Correct, 10),
        ];
        assert_eq!(correct_by_length(&group), [2, 4, 0]);
        assert_eq!(GroupCounts::of(&group), GroupCounts { n_correct: 3, n_graded: 4 });
    }

    #[test]
    fn negatives_are_wrong_and_strictly_longer() {
        let group = [
            candidate(Incorrect, 20),
            candidate(NoAnswer, 21),
            candidate(GraderFailed, 99),
            candidate(Correct, 30),
            candidate(Correct, 31),
            candidate(Incorrect, 22),
        ];
        assert_eq!(incorrect_longer_than(&group, 20.0), [1, 5]);
    }

    proptest! {
        #[test]
        fn the_ceiling_is_exact_for_any_alpha_of_three_decimals(
            thousandths in 0_usize..=1000, n in 1_usize..=10_000, share in 0.0..=1.0_f64,
        ) {
            let c = (share * n as f64) as usize;
            let k = n_positives(depth_quantile(thousandths as f64 / 1000.0, pass_rate(c, n)), c);
            prop_assert_eq!(k, (thousandths * (n - c) * c).div_ceil(1000 * n));
        }

        #[test]
        fn more_alpha_never_keeps_fewer(
            a in 0.0..2.0_f64, b in 0.0..2.0_f64, n in 1_usize..300, share in 0.0..=1.0_f64,
        ) {
            let c = (share * n as f64) as usize;
            let k = |alpha| n_positives(depth_quantile(alpha, pass_rate(c, n)), c);
            prop_assert!(k(a.min(b)) <= k(a.max(b)));
            prop_assert!(k(a) <= c);
        }

        #[test]
        fn always_solved_and_never_solved_select_nothing(alpha in 0.0..2.0_f64, n in 1_usize..300) {
            prop_assert_eq!(n_positives(depth_quantile(alpha, pass_rate(n, n)), n), 0);
            prop_assert_eq!(n_positives(depth_quantile(alpha, pass_rate(0, n)), 0), 0);
        }

        #[test]
        fn sometimes_solved_selects_something(
            alpha in 1e-6..1.0_f64, n in 2_usize..300, share in 0.0..1.0_f64,
        ) {
            let c = 1 + (share * (n - 1) as f64) as usize;
            prop_assume!(c < n);
            prop_assert!(n_positives(depth_quantile(alpha, pass_rate(c, n)), c) >= 1);
        }
    }
}
