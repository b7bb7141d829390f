//! Selection policy `q_dyn`: adaptive depth, the method itself. TokenSqueeze, section 3.1.
//!
//! Positives are the first k = ⌈depth_alpha · (1 − p) · c⌉ of the c correct responses, shortest first, with p
//! the pass rate: the harder the problem, the deeper into its longer responses. Negatives of a positive are
//! the wrong responses longer than it. The order of the pairs is that of [`ts_policy_sdk::selection`].
//!
//! In: a graded group. Out: indices. For depth_alpha = 0 the formula selects nothing, and the paper plots
//! something; that is the policy `shortest`.
//!
//! The paper leaves open whether a problem that is always solved (p = 1, hence k = 0) still gives examples to
//! imitate. `all_correct` says how many of its shortest responses do; they have no pairs, since nothing is
//! wrong.

use ts_plugin_sdk::selection_policy::{Group, Selection};
use ts_plugin_sdk::{
    Description, Plugin, SelectionPolicy, Settings, Value, description, export_selection_policy, setting,
};
use ts_policy_sdk::{Responses, selection};

/// Adaptive depth.
struct QDyn {
    /// The share of correct responses that a problem that is never solved would keep.
    depth_alpha: f64,
    /// Positives of a problem that is always solved.
    all_correct: usize,
}

impl Plugin for QDyn {
    fn describe() -> Description {
        let settings = vec![
            setting(
                "depth_alpha",
                Value::Number(0.2),
                "Share of the correct responses to keep, times the failure rate; above 0 and at most 1.",
            ),
            setting(
                "all_correct",
                Value::Integer(0),
                "How many of the shortest responses to imitate where all are correct; 0 or more.",
            ),
        ];
        let summary = "Keeps more of the correct responses the harder the problem is (TokenSqueeze).";
        description("q_dyn", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        let depth_alpha = settings.number_within("depth_alpha", 0.0..=1.0)?;
        if depth_alpha == 0.0 {
            return Err("depth_alpha must be above 0; for its limit use the policy `shortest`".to_owned());
        }
        let all_correct = settings.integer_within("all_correct", 0..=i64::from(u32::MAX))?;
        Ok(QDyn { depth_alpha, all_correct: all_correct as usize })
    }
}

impl SelectionPolicy for QDyn {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let responses = Responses::of(group);
        let positives = responses.shortest_correct(responses.n_at_depth(self.depth_alpha, self.all_correct));
        Ok(selection(&positives, |chosen| responses.longer_wrong(chosen)))
    }
}

export_selection_policy!(QDyn);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, pairs, positives};

    fn select(all_correct: usize, line: &str) -> Selection {
        QDyn { depth_alpha: 0.2, all_correct }.select(&group(line)).unwrap()
    }

    #[test]
    fn harder_problems_keep_more() {
        // 6 correct of 12: k = ⌈0.2 · 0.5 · 6⌉ = 1; 6 correct of 60 (here 54 wrong): k = ⌈0.2 · 0.9 · 6⌉ = 2.
        let correct = "C60 C50 C40 C30 C20 C10 ";
        assert_eq!(positives(&select(0, &format!("{correct}{}", "W99 ".repeat(6)))), [5]);
        assert_eq!(positives(&select(0, &format!("{correct}{}", "W99 ".repeat(54)))), [5, 4]);
    }

    #[test]
    fn only_longer_wrong_responses_are_rejected() {
        assert_eq!(pairs(&select(0, "C10 W10 W11 N20 U30 C40")), [(0, 2), (0, 3)]);
    }

    #[test]
    fn always_and_never_solved() {
        assert_eq!(positives(&select(0, "C20 C10")), []);
        assert_eq!(positives(&select(1, "C20 C10 U5")), [1]);
        assert_eq!(positives(&select(3, "W20 W10")), []);
        assert_eq!(positives(&select(3, "U20")), []);
    }
}
