//! Selection policy `dast`: the budget preferences of DAST, difficulty-adaptive slow thinking (arXiv 2503.04472):
//! among correct responses the shorter is preferred, among wrong ones that which comes nearer to a budget of tokens.
//!
//! ```text
//! budget = p · L_r + (1 − p) · L_max                section 3.1: p is the pass rate, L_r the mean length of the correct
//! λ = (L − budget) / budget                         responses, L_max the token limit
//! reward = max(−0.5 λ + 0.5, 0.1)   if correct      section 3.2
//!          min(0.9 λ − 0.1, −0.1)   if not
//! ```
//!
//! In: a graded group. Out: at most two pairs (section 3.3), the correct pair first: of each kind the one with the largest
//! difference of rewards; of equal rewards the shorter is chosen and the longer rejected. No positives: the objective is
//! SimPO, in the recipe. The paper then drops, over all problems, a share of the pairs with the smallest differences; a
//! policy sees one problem, so `min_margin` is the least difference of a pair that is kept.

use ts_plugin_sdk::selection_policy::{Group, Pair, Selection};
use ts_plugin_sdk::{
    Description, Plugin, SelectionPolicy, Settings, Value, description, export_selection_policy, setting,
};
use ts_policy_sdk::{Responses, mean};

/// Pairs of one kind, whose rewards differ by their length.
struct Dast {
    /// The least difference of rewards in a pair.
    min_margin: f64,
}

/// The budget of a problem, in tokens: the nearer to the token limit, the harder it is.
fn budget(pass_rate: f64, mean_correct_tokens: f64, token_limit: f64) -> f64 {
    pass_rate * mean_correct_tokens + (1.0 - pass_rate) * token_limit
}

fn reward(is_correct: bool, tokens: f64, budget: f64) -> f64 {
    let lambda = (tokens - budget) / budget;
    if is_correct { (-0.5 * lambda + 0.5).max(0.1) } else { (0.9 * lambda - 0.1).min(-0.1) }
}

impl Plugin for Dast {
    fn describe() -> Description {
        let doc = "Pairs whose rewards differ by less than this are left out; from 0 to 2.";
        let settings = vec![setting("min_margin", Value::Number(0.0), doc)];
        let summary = "Prefers short among correct responses, and thinking up to a budget among wrong ones.";
        description("dast", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        Ok(Dast { min_margin: settings.number_within("min_margin", 0.0..=2.0)? })
    }
}

impl SelectionPolicy for Dast {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let responses = Responses::of(group);
        let tokens = |tokens: u32| f64::from(tokens);
        let of_correct = responses.graded().filter(|(_, is_correct, _)| *is_correct);
        let mean_correct = mean(of_correct.map(|(.., candidate)| tokens(candidate.tokens)));
        let budget = budget(responses.pass_rate(), mean_correct, tokens(group.token_limit));
        let mut pairs = Vec::new();
        for kind in [true, false] {
            let mut ranked: Vec<(f64, u32, usize)> = responses
                .graded()
                .filter(|(_, is_correct, _)| *is_correct == kind)
                .map(|(index, _, c)| (reward(kind, tokens(c.tokens), budget), c.tokens, index))
                .collect();
            // Best first: the larger reward, the fewer tokens, the earlier draw.
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
            if let [first, .., last] = ranked.as_slice()
                && first.0 > last.0
                && first.0 - last.0 >= self.min_margin
            {
                pairs.push(Pair { chosen: first.2 as u32, rejected: last.2 as u32, weight: 1.0 });
            }
        }
        Ok(Selection { positives: vec![], pairs, sequences: vec![] })
    }
}

export_selection_policy!(Dast);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, pairs};

    /// Half right with a mean of 300 and a limit of 700: a budget of 500.
    #[test]
    fn hand_worked_rewards() {
        assert_eq!(budget(0.5, 300.0, 700.0), 500.0);
        assert_eq!(budget(0.0, 0.0, 700.0), 700.0);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        // λ of −0.6, 0.2, 1.
        assert!(close(reward(true, 200.0, 500.0), 0.8) && close(reward(true, 600.0, 500.0), 0.4));
        assert!(close(reward(true, 1000.0, 500.0), 0.1));
        assert!(close(reward(false, 200.0, 500.0), -0.64) && close(reward(false, 1000.0, 500.0), -0.1));
    }

    #[test]
    fn short_among_correct_and_thorough_among_wrong() {
        let mut one = group("C400 W100 C200 W600 U5 W900");
        one.token_limit = 1000; // 2 of 5 with a mean of 300: a budget of 720
        let chosen = Dast { min_margin: 0.0 }.select(&one).unwrap();
        // Wrong: 900 reaches the budget, 600 does not, 100 least.
        assert_eq!(pairs(&chosen), [(2, 0), (5, 1)]);
        assert!(chosen.positives.is_empty() && chosen.sequences.is_empty());
        // −0.1 against 0.9 · (100 − 720) / 720 − 0.1: 0.775; 200 against 400: 0.139.
        assert_eq!(pairs(&Dast { min_margin: 0.5 }.select(&one).unwrap()), [(5, 1)]);
    }

    #[test]
    fn what_reaches_the_budget_is_equally_good() {
        let mut one = group("W900 W800 W100");
        one.token_limit = 700;
        assert_eq!(pairs(&Dast { min_margin: 0.0 }.select(&one).unwrap()), [(1, 2)]);
        assert!(pairs(&Dast { min_margin: 0.0 }.select(&group("C10 W10")).unwrap()).is_empty());
    }
}
