//! Selection policy `o1_pruner`: the length-harmonising reward of O1-Pruner (arXiv 2501.12570), as weights of either sign:
//!
//! ```text
//! R(x, y) = L̄(x) / L(y) − 1 + alpha · (A(x, y) − Ā(x))
//! ```
//!
//! L and A are a response's length and whether it is correct, L̄ and Ā their means over the reference's responses to the
//! problem: here the group. As in the authors' published script that makes the data, it is cut off at `least` and `most`; alpha
//! is the 5 of their example.
//!
//! In: a graded group. Out: a weight for each graded response. The script then normalises over all problems, and the trainer
//! clips the ratio to the reference: in the recipe `objective.normalise` and `objective.sequence`. (It keeps two responses of each
//! group; here all are kept.)

use ts_plugin_sdk::selection_policy::{Group, Selection};
use ts_plugin_sdk::{
    Description, Plugin, SelectionPolicy, Settings, Value, description, export_selection_policy, setting,
};
use ts_policy_sdk::{Responses, mean, weighted};

/// Shorter than the mean, and more often right than it.
struct O1Pruner {
    /// What correctness is worth beside length.
    alpha: f64,
    /// The least that a weight can be.
    least: f64,
    /// The most that a weight can be.
    most: f64,
}

impl Plugin for O1Pruner {
    fn describe() -> Description {
        let alpha = "What being correct is worth beside being short; from 0 to 1000.";
        let least = "The least weight before normalisation; from -1000 to 0.";
        let most = "The largest weight before normalisation; from 0 to 1000.";
        let settings = vec![
            setting("alpha", Value::Number(5.0), alpha),
            setting("least", Value::Number(-2.0), least),
            setting("most", Value::Number(4.0), most),
        ];
        let summary =
            "Weighs responses by how much shorter and how much more right than their mean they are.";
        description("o1_pruner", env!("CARGO_PKG_VERSION"), summary, settings)
    }

    fn configure(settings: &Settings) -> Result<Self, String> {
        Ok(O1Pruner {
            alpha: settings.number_within("alpha", 0.0..=1000.0)?,
            least: settings.number_within("least", -1000.0..=0.0)?,
            most: settings.number_within("most", 0.0..=1000.0)?,
        })
    }
}

impl SelectionPolicy for O1Pruner {
    fn select(&self, group: &Group) -> Result<Selection, String> {
        let responses = Responses::of(group);
        let accuracy = |is_correct| if is_correct { 1.0 } else { 0.0 };
        let mean_length = mean(responses.graded().map(|(.., candidate)| candidate.length));
        let mean_accuracy = mean(responses.graded().map(|(_, is_correct, _)| accuracy(is_correct)));
        Ok(weighted(responses.graded().map(|(index, is_correct, candidate)| {
            let of_length = (mean_length - candidate.length) / candidate.length;
            let weight = of_length + self.alpha * (accuracy(is_correct) - mean_accuracy);
            (index, weight.clamp(self.least, self.most))
        })))
    }
}

export_selection_policy!(O1Pruner);

#[cfg(test)]
mod tests {
    use super::*;
    use ts_policy_sdk::example::{group, weights};

    /// A mean of 20 and an accuracy of ½: 20/10 − 1 + 2 · ½ = 2, 20/40 − 1 + 1 = 0.5, 1 − 1 = 0, 20/20 − 1 − 1 = −1.
    #[test]
    fn hand_worked_rewards() {
        let policy = O1Pruner { alpha: 2.0, least: -2.0, most: 4.0 };
        let chosen = policy.select(&group("C10 C40 U1000 W10 N20")).unwrap();
        assert_eq!(weights(&chosen), [(0, 2.0), (1, 0.5), (3, 0.0), (4, -1.0)]);
        // 20/10 − 1 + 5 · ½ = 3.5; 20/40 − 1 + 2.5 = 2; 1 − 2.5 = −1.5; 0 − 2.5 is cut off.
        let chosen = O1Pruner { alpha: 5.0, ..policy }.select(&group("C10 C40 W10 N20")).unwrap();
        assert_eq!(weights(&chosen), [(0, 3.5), (1, 2.0), (2, -1.5), (3, -2.0)]);
    }
}
