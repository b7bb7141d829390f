//! Selection policy `shortest`: the single shortest correct response. TokenSqueeze, section 4.3.1 and table
//! 2, "Shortest"; also the limit of `q_dyn` for depth_alpha → 0.
//!
//! The positive is the shortest correct response (of equally short ones, the one drawn first); its negatives
//! are the wrong responses longer than it, in the order drawn.
//!
//! In: a graded group. Out: indices. There are no settings. A problem that is always solved has a positive
//! here, and no pairs.

use ts_plugin_sdk::selection_policy::{Group, Selection};
use ts_plugin_sdk::{Description, Plugin, SelectionPolicy, Settings, description, export_selection_policy};
use ts_policy_sdk::{Responses, selection};

/// The shortest correct response.
struct Shortest;

impl Plugin for Shortest {
    fn describe() -> Description {
        let summary = "Keeps the single shortest correct response of every problem.";
        description("shortest", env!("CARGO_PKG_VERSION"), summary, vec![])
    }

    fn configure(_: &Settings) -> Result<Self, String> {
        Ok(Shortest)
    }
}

impl SelectionPolicy for Shortest {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let responses = Responses::of(group);
        Ok(selection(&responses.shortest_correct(1), |chosen| responses.longer_wrong(chosen)))
    }
}

export_selection_policy!(Shortest);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, pairs, positives};

    #[test]
    fn the_first_of_the_shortest() {
        let chosen = Shortest.select(&group("W30 C20 C10 C10 N11 W10")).unwrap();
        assert_eq!((positives(&chosen), pairs(&chosen)), (vec![2], vec![(2, 0), (2, 4)]));
        assert_eq!(positives(&Shortest.select(&group("C5 C4")).unwrap()), [1]);
        assert_eq!(positives(&Shortest.select(&group("W5")).unwrap()), []);
    }
}
