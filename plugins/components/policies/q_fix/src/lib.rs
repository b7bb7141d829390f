//! Selection policy `q_fix`: the same share of the correct responses whatever the problem. TokenSqueeze,
//! section 4.3.1 and table 2, "Q-FIX".
//!
//! Positives are the first ⌈quantile · c⌉ of the c correct responses, shortest first; negatives of a positive
//! are the wrong responses longer than it. The paper gives no value: the default 0.1 is what `q_dyn` with
//! depth_alpha = 0.2 has where half of the responses are correct.
//!
//! In: a graded group. Out: indices. The pass rate does not count; that is the ablation. A problem that is
//! always solved therefore has positives here, and no pairs.

use ts_plugin_sdk::selection_policy::{Group, Selection};
use ts_plugin_sdk::{
    Description, Plugin, SelectionPolicy, Settings, Value, description, export_selection_policy, setting,
};
use ts_policy_sdk::{Responses, selection};

/// A fixed share.
struct QFix {
    /// The share of the correct responses to keep.
    quantile: f64,
}

impl Plugin for QFix {
    fn describe() -> Description {
        let doc = "Share of the correct responses to keep, shortest first; from 0 to 1.";
        let settings = vec![setting("quantile", Value::Number(0.1), doc)];
        let summary = "Keeps the same share of the correct responses of every problem.";
        description("q_fix", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        Ok(QFix { quantile: settings.number_within("quantile", 0.0..=1.0)? })
    }
}

impl SelectionPolicy for QFix {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let responses = Responses::of(group);
        let positives = responses.within_quantile(self.quantile);
        Ok(selection(&positives, |chosen| responses.longer_wrong(chosen)))
    }
}

export_selection_policy!(QFix);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, pairs, positives};

    #[test]
    fn the_share_does_not_depend_on_the_wrong_responses() {
        let policy = QFix { quantile: 0.5 };
        for line in ["C30 C10 C20", "C30 C10 C20 W1 W2 W3 W4 W5 W6"] {
            let chosen = policy.select(&group(line)).unwrap();
            assert_eq!((positives(&chosen), pairs(&chosen)), (vec![1, 2], vec![]));
        }
    }
}
