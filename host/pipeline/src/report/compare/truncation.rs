//! What costs no training: the model before, stopped at a budget.
//!
//! In: its responses. Out: the same as if each had ended at the budget: one that is longer is wrong, and has as many tokens as the budget. Nothing
//! is sampled again. This is a bound from below for stopping: a model that is told to answer when its tokens run out may still be right.

use ts_core::metrics::Scored;

use super::BySeed;

/// Budgets between nothing and the largest, which are spaced evenly.
const N_BUDGETS: u32 = 16;

/// The budgets, tokens, the largest first: those that cut any response off.
pub(super) fn budgets(responses: &BySeed, largest: u32) -> impl Iterator<Item = u32> + use<> {
    let longest = responses.values().flatten().map(|response| response.tokens).max().unwrap_or(0);
    let budget = move |i: u32| (u64::from(largest) * u64::from(i) / u64::from(N_BUDGETS)) as u32;
    (1..=N_BUDGETS).rev().map(budget).filter(move |budget| (1..longest).contains(budget))
}

/// The responses, stopped at a budget of tokens.
pub(super) fn at_budget(responses: &BySeed, budget: u32) -> BySeed {
    responses.iter().map(|(seed, responses)| (*seed, stopped(responses, budget))).collect()
}

/// The same of one seed's.
pub(in crate::report) fn stopped(responses: &[Scored], budget: u32) -> Vec<Scored> {
    let stop = |response: &Scored| Scored {
        correct: response.correct && response.tokens <= budget,
        tokens: response.tokens.min(budget),
        ..*response
    };
    responses.iter().map(stop).collect()
}

#[cfg(test)]
mod tests {
    use super::super::summary;
    use super::super::tests::example;
    use super::*;

    /// Before: correct at 40, 60 and 80 tokens, wrong at 100.
    #[test]
    fn truncation_by_hand() {
        let before = example().baseline;
        let at = |budget| {
            let summary = summary(&at_budget(&before, budget), 100).unwrap();
            (summary.accuracy, summary.len_all)
        };
        assert_eq!(at(100), (0.75, 70.0));
        assert_eq!(at(80), (0.75, 65.0)); // (40 + 60 + 80 + 80) / 4
        assert_eq!(at(79), (0.5, 64.5)); // (40 + 60 + 79 + 79) / 4
        assert_eq!(at(40), (0.25, 40.0));
        assert_eq!(at(1), (0.0, 1.0));
        // Sixteenths of 160 that are below the longest response, 100.
        assert_eq!(budgets(&before, 160).collect::<Vec<_>>(), [90, 80, 70, 60, 50, 40, 30, 20, 10]);
        assert_eq!(budgets(&before, 3).collect::<Vec<_>>().last(), Some(&1), "no budget of nothing");
    }
}
