//! Selection policy `q_dyn_extra`: adaptive depth with extra pairs against long correct responses.
//! TokenSqueeze, section 4.3.1 and table 2, "Q-DYN w/ extra pos".
//!
//! Positives are those of `q_dyn`. Negatives of a positive are the wrong responses longer than it and the
//! correct ones longer than `factor` times it (the paper's 1.5), in the order drawn, so that a cut keeps
//! their proportions. The order of the pairs is that of [`ts_policy_sdk::selection`].
//!
//! In: a graded group. Out: indices. Problems that are always solved have no positives, as in the paper (k =
//! 0), although long correct responses would give pairs there.

use ts_plugin_sdk::selection_policy::{Group, Selection};
use ts_plugin_sdk::{
    Description, Plugin, SelectionPolicy, Settings, Value, description, export_selection_policy, setting,
};
use ts_policy_sdk::{Responses, selection};

/// Adaptive depth, with correct responses among the negatives.
struct QDynExtra {
    /// The share of correct responses that a problem that is never solved would keep.
    depth_alpha: f64,
    /// How many times as long as the positive a correct negative is at least.
    factor: f64,
}

impl Plugin for QDynExtra {
    fn describe() -> Description {
        let settings = vec![
            setting(
                "depth_alpha",
                Value::Number(0.2),
                "Share of the correct responses to keep, times the failure rate; from 0 to 1.",
            ),
            setting(
                "factor",
                Value::Number(1.5),
                "Correct responses longer than this many times the positive are negatives; from 1 to 1000.",
            ),
        ];
        let summary = "As q_dyn, and long correct responses are negatives too.";
        description("q_dyn_extra", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        let depth_alpha = settings.number_within("depth_alpha", 0.0..=1.0)?;
        let factor = settings.number_within("factor", 1.0..=1000.0)?;
        Ok(QDynExtra { depth_alpha, factor })
    }
}

impl SelectionPolicy for QDynExtra {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let responses = Responses::of(group);
        let is_much_longer = |length, chosen| length > self.factor * chosen;
        let positives = responses.within_depth(self.depth_alpha);
        Ok(selection(&positives, |chosen| responses.longer_wrong_or_much_longer(chosen, is_much_longer)))
    }
}

export_selection_policy!(QDynExtra);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, pairs};

    #[test]
    fn long_correct_responses_are_rejected_too() {
        let policy = QDynExtra { depth_alpha: 0.2, factor: 1.5 };
        let chosen = policy.select(&group("C15 C10 W11 C16 W9")).unwrap();
        assert_eq!(pairs(&chosen), [(1, 2), (1, 3)]);
        assert!(policy.select(&group("C10 C99")).unwrap().pairs.is_empty());
    }
}
