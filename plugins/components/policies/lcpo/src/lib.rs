//! Selection policy `lcpo`: the preferences of length-controlled preference optimization (Hong et al. 2025, arXiv
//! 2508.10164): the shortest response is preferred to the longest, of problems that are easy, which there means that every
//! response is correct.
//!
//! In: a graded group. Out: one pair, or none where the pass rate is below `min_pass_rate` or all are of one length. Of
//! problems that are not always solved both sides are taken among the correct responses (there among all). No positives:
//! the objective is LCPO's, in the recipe.

use ts_plugin_sdk::selection_policy::{Group, Pair, Selection};
use ts_plugin_sdk::{
    Description, Plugin, SelectionPolicy, Settings, Value, description, export_selection_policy, setting,
};
use ts_policy_sdk::Responses;

/// The shortest against the longest.
struct Lcpo {
    /// Problems that are solved less often are left out.
    min_pass_rate: f64,
}

impl Plugin for Lcpo {
    fn describe() -> Description {
        let doc = "Problems of which a smaller share of the responses is correct are left out; from 0 to 1.";
        let settings = vec![setting("min_pass_rate", Value::Number(1.0), doc)];
        let summary = "Prefers the shortest to the longest correct response, of problems that are mastered.";
        description("lcpo", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        Ok(Lcpo { min_pass_rate: settings.number_within("min_pass_rate", 0.0..=1.0)? })
    }
}

impl SelectionPolicy for Lcpo {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let responses = Responses::of(group);
        let correct = responses.shortest_correct(usize::MAX);
        let length = |index: usize| group.responses[index].length;
        let pairs = match correct.as_slice() {
            &[chosen, .., rejected]
                if responses.pass_rate() >= self.min_pass_rate && length(chosen) < length(rejected) =>
            {
                vec![Pair { chosen: chosen as u32, rejected: rejected as u32, weight: 1.0 }]
            }
            _ => vec![],
        };
        Ok(Selection { positives: vec![], pairs, sequences: vec![] })
    }
}

export_selection_policy!(Lcpo);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, pairs};

    #[test]
    fn the_shortest_over_the_longest_of_easy_problems() {
        let chosen = |min_pass_rate, line| pairs(&Lcpo { min_pass_rate }.select(&group(line)).unwrap());
        assert_eq!(chosen(1.0, "C20 C10 U1 C30 C15"), [(1, 3)]);
        assert_eq!(chosen(1.0, "C20 C10 W99"), []);
        assert_eq!(chosen(0.5, "C20 C10 W99"), [(1, 0)]);
        assert_eq!(chosen(1.0, "C10 C10"), []);
        assert_eq!(chosen(0.0, "W10 W20"), []);
    }
}
