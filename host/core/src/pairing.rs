//! Preference pairs of one problem, and the cap on them. Section 3.1, appendix A.1.
//!
//! In go the pairs that a policy chose, the best first; out come as many as the cap lets through.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// A preference between two responses to one problem.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Index of the preferred response.
    pub chosen: usize,
    /// Index of the other one.
    pub rejected: usize,
    /// Its weight in the preference term; finite, not negative; 1 is usual.
    pub weight: f64,
}

/// What the cap on pairs counts over.
///
/// The paper's appendix says at most 64 pairs per problem; its summary says per positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairScope {
    /// At most `max_pairs` for the whole problem: the paper's.
    #[default]
    Problem,
    /// At most `max_pairs` for each chosen response.
    Positive,
}

/// The first pairs, in their order, as many as the cap lets through; all of them if there are fewer.
pub fn cap_pairs(pairs: &[Pair], scope: PairScope, max_pairs: usize) -> Vec<Pair> {
    let mut kept_of_positive = HashMap::new();
    let mut kept = Vec::new();
    for pair in pairs {
        let n_kept = match scope {
            PairScope::Problem => kept.len(),
            PairScope::Positive => *kept_of_positive.entry(pair.chosen).or_insert(0),
        };
        if n_kept < max_pairs {
            kept.push(*pair);
            kept_of_positive.insert(pair.chosen, n_kept + 1);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair(chosen: usize, rejected: usize) -> Pair {
        Pair { chosen, rejected, weight: 1.0 }
    }

    #[test]
    fn the_cap_counts_over_its_scope() {
        let pairs = [pair(0, 5), pair(0, 6), pair(1, 5), pair(0, 7), pair(1, 6), pair(1, 7)];
        assert_eq!(cap_pairs(&pairs, PairScope::Problem, 3), [pair(0, 5), pair(0, 6), pair(1, 5)]);
        assert_eq!(
            cap_pairs(&pairs, PairScope::Positive, 2),
            [pair(0, 5), pair(0, 6), pair(1, 5), pair(1, 6)]
        );
        assert!(cap_pairs(&pairs, PairScope::Problem, 0).is_empty());
    }

    proptest! {
        #[test]
        fn a_cap_keeps_a_subsequence_within_its_bounds(
            indices in prop::collection::vec((0_usize..5, 0_usize..9), 0..80),
            max_pairs in 0_usize..20,
        ) {
            let pairs: Vec<Pair> = indices.into_iter().map(|(c, r)| pair(c, r)).collect();
            let of_problem = cap_pairs(&pairs, PairScope::Problem, max_pairs);
            prop_assert_eq!(&of_problem[..], &pairs[..pairs.len().min(max_pairs)]);

            let of_positive = cap_pairs(&pairs, PairScope::Positive, max_pairs);
            for chosen in 0..5 {
                let all: Vec<_> = pairs.iter().filter(|p| p.chosen == chosen).collect();
                let kept: Vec<_> = of_positive.iter().filter(|p| p.chosen == chosen).collect();
                prop_assert_eq!(&kept[..], &all[..all.len().min(max_pairs)]);
            }
        }
    }
}
