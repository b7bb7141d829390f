//! Selection policy `sky_t1`: the shortest correct response, cut where it first had the answer, as in the
//! preference data of Sky-T1-32B-Flash (NovaSky, 2025).
//!
//! Of a problem with at least two correct responses, the shortest is the positive. It keeps the steps up to
//! its first correct solution and `extra_steps` more; the host counts them where the recipe sets
//! `select.first_correct_steps`, and without that the response stays whole. Two pairs: the positive is
//! preferred to the longest correct response, and the next longer correct response to the shortest wrong one,
//! so that length alone is not what is learned.
//!
//! In: a graded group. Out: indices. The objective is SimPO there and the recipe's here.

use ts_plugin_sdk::selection_policy::{Group, Pair, Positive, Selection};
use ts_plugin_sdk::{
    Description, Plugin, SelectionPolicy, Settings, Value, description, export_selection_policy, setting,
};
use ts_policy_sdk::Responses;

/// The shortest correct response, cut at its first correct solution.
struct SkyT1 {
    /// Steps kept after the first correct solution.
    extra_steps: u32,
}

impl Plugin for SkyT1 {
    fn describe() -> Description {
        let doc = "Reasoning steps kept after the one that first has the answer; from 0 to 1000.";
        let settings = vec![setting("extra_steps", Value::Integer(0), doc)];
        let summary =
            "Prefers the shortest correct response, cut at its first correct solution, to the longest.";
        description("sky_t1", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        Ok(SkyT1 { extra_steps: settings.integer_within("extra_steps", 0..=1000)? as u32 })
    }
}

impl SelectionPolicy for SkyT1 {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let responses = Responses::of(group);
        let correct = responses.shortest_correct(usize::MAX);
        let &[shortest, next, ..] = correct.as_slice() else {
            return Ok(Selection { positives: vec![], pairs: vec![], sequences: vec![] });
        };
        let response = &group.responses[shortest];
        let n_steps = response.step_tokens.len() as u32;
        let cut = |first: u32| (first + self.extra_steps).min(n_steps);
        let positive = Positive {
            response: shortest as u32,
            weight: 1.0,
            keep_steps: response.first_correct_steps.map(cut),
        };
        let pair = |chosen: usize, rejected: usize| Pair {
            chosen: chosen as u32,
            rejected: rejected as u32,
            weight: 1.0,
        };
        let mut pairs = vec![pair(shortest, correct[correct.len() - 1])];
        pairs.extend(responses.shortest_wrong().map(|wrong| pair(next, wrong)));
        Ok(Selection { positives: vec![positive], pairs, sequences: vec![] })
    }
}

export_selection_policy!(SkyT1);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, pairs, positives};

    #[test]
    fn short_over_long_and_right_over_wrong() {
        let chosen = SkyT1 { extra_steps: 0 }.select(&group("C30 W50 C10 C20 W5 U1")).unwrap();
        assert_eq!((positives(&chosen), pairs(&chosen)), (vec![2], vec![(2, 0), (3, 4)]));
        assert_eq!(chosen.positives[0].keep_steps, None);
    }

    #[test]
    fn one_correct_response_is_not_enough() {
        assert!(SkyT1 { extra_steps: 0 }.select(&group("C30 W50 W10")).unwrap().pairs.is_empty());
    }

    #[test]
    fn the_positive_ends_at_its_first_solution_and_a_few_steps() {
        let mut group = group("C40 C20");
        group.responses[1].step_tokens = vec![5; 4];
        group.responses[1].first_correct_steps = Some(2);
        let kept = |extra_steps| SkyT1 { extra_steps }.select(&group).unwrap().positives[0].keep_steps;
        assert_eq!([0, 1, 9].map(kept), [Some(2), Some(3), Some(4)]);
    }
}
