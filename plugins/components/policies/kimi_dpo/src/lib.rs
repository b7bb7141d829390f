//! Selection policy `kimi_dpo`: the shortest correct response against longer ones, as in Kimi k1.5's
//! long-to-short preference training, the baseline of TokenSqueeze's table 1.
//!
//! The positive is the shortest correct response. Its negatives are the wrong responses longer than it, and
//! the correct ones at least `factor` times as long (1.5 there), in the order drawn.
//!
//! In: a graded group. Out: indices. Problems that are always solved are treated like others; their long
//! correct responses give pairs here, which is where this baseline differs most from `shortest`.

use ts_plugin_sdk::selection_policy::{Group, Selection};
use ts_plugin_sdk::{
    Description, Plugin, SelectionPolicy, Settings, Value, description, export_selection_policy, setting,
};
use ts_policy_sdk::{Responses, selection};

/// The shortest correct response against longer ones.
struct KimiDpo {
    /// How many times as long as the positive a correct negative is at least.
    factor: f64,
}

impl Plugin for KimiDpo {
    fn describe() -> Description {
        let doc = "Correct responses at least this many times as long as the positive are negatives; \
                   from 1.001 to 1000.";
        let settings = vec![setting("factor", Value::Number(1.5), doc)];
        let summary = "Prefers the shortest correct response to longer wrong and much longer correct ones.";
        description("kimi_dpo", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        // At a factor of 1 a response would be preferred to itself.
        Ok(KimiDpo { factor: settings.number_within("factor", 1.001..=1000.0)? })
    }
}

impl SelectionPolicy for KimiDpo {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let responses = Responses::of(group);
        let is_much_longer = |length, chosen| length >= self.factor * chosen;
        let positives = responses.shortest_correct(1);
        Ok(selection(&positives, |chosen| responses.longer_wrong_or_much_longer(chosen, is_much_longer)))
    }
}

export_selection_policy!(KimiDpo);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, pairs, positives};

    #[test]
    fn long_correct_and_longer_wrong_are_rejected() {
        let chosen = KimiDpo { factor: 1.5 }.select(&group("C15 C10 C14 W11 W9 U99")).unwrap();
        assert_eq!((positives(&chosen), pairs(&chosen)), (vec![1], vec![(1, 0), (1, 3)]));
    }
}
