//! Training, step by step: losses, what became of chosen and rejected responses, margins.

use maud::{Markup, html};
use ts_core::objective::PairObjective;
use ts_plot::{Axis, Colour, Layout, Plot, Series, Shape, Stroke};
use ts_run::records::TrainRecord;

use super::{Given, figure};
use crate::Error;
use crate::stage::Stage;

/// Points of a curve, at most: of more optimiser steps, one is the mean of several.
const MAX_POINTS: usize = 240;

/// A quantity of an optimiser step: the name of its curve, and its value.
type Quantity = (&'static str, fn(&TrainRecord) -> Option<f64>);

/// The curves.
pub(super) fn section(given: &Given<'_>) -> Result<Markup, Error> {
    let mut records = Vec::new();
    for row in given.run.records::<TrainRecord>(Stage::Train)? {
        records.push(row?.record);
    }
    if records.is_empty() {
        return Ok(html! { p { "There was no training here." } });
    }
    let objective = given.run.recipe.objective.pair;
    let (of_pairs, reward) = match objective {
        PairObjective::Dpo => ("DPO-L, of pairs", "β × log-ratio, nats"),
        PairObjective::Simpo => ("SimPO, of pairs", "reward, nats"),
        PairObjective::Lcpo => ("LCPO, of pairs", "reward, nats"),
    };
    let losses: [Quantity; 4] = [
        ("whole", |step| Some(step.loss)),
        (of_pairs, |step| step.dpo_loss),
        ("SFT", |step| step.sft_loss),
        ("responses with weights", |step| step.sequence_loss),
    ];
    let rewards: [Quantity; 2] =
        [("chosen", |step| step.reward_chosen), ("rejected", |step| step.reward_rejected)];
    let margins: [Quantity; 1] = [("chosen − rejected", |step| step.reward_margin)];
    let losses = curves(&records, "losses", "Losses", "loss, nats", &losses);
    let rewards = curves(&records, "rewards", "Chosen and rejected responses", reward, &rewards);
    let margins = curves(&records, "margins", "Margins", reward, &margins);
    let n = records.len();
    let block = block(n);
    let each =
        if block == 1 { "a point each".to_owned() } else { format!("a point for every {block}, their mean") };
    let of_reward = match objective {
        PairObjective::Dpo => {
            "Mean over the pairs of a step: β times the logarithm of how much likelier a response became than it was under the model before."
        }
        _ => "Mean reward over the pairs of a step, as the loss defines it.",
    };
    Ok(html! {
        p { (n) " optimiser steps, " (each) "." }
        div.plots {
            @if let Some(plot) = losses { (figure(&plot, "The loss of each step, and its terms.")) }
            @if let Some(plot) = rewards { (figure(&plot, of_reward)) }
            @if let Some(plot) = margins { (figure(&plot, "By how much the chosen response is ahead of the rejected one.")) }
        }
    })
}

/// A plot of some quantities over the steps; none if no step has any of them.
fn curves(
    records: &[TrainRecord],
    id: &'static str,
    title: &str,
    label: &str,
    quantities: &[Quantity],
) -> Option<Plot> {
    let mut series = Vec::new();
    let (mut values, mut told) = (Vec::new(), Vec::new());
    for (index, (name, of)) in quantities.iter().enumerate() {
        let points = means(records, *of);
        let (Some(first), Some(last)) = (points.first(), points.last()) else { continue };
        told.push(format!("{name} goes from {:.4} to {:.4}", first[1], last[1]));
        values.extend(points.iter().map(|point| point[1]));
        series.push(Series {
            name: (*name).to_owned(),
            colour: if index == 0 { Colour::Ink } else { Colour::Of(index - 1) },
            stroke: [Stroke::Solid, Stroke::Dashed, Stroke::Dotted][index % 3],
            mark: None,
            shapes: vec![Shape::Line(points)],
        });
    }
    if series.is_empty() {
        return None;
    }
    let n = records.len() as f64;
    Some(Plot {
        id,
        title: title.to_owned(),
        description: format!("Over {} optimiser steps, {}.", records.len(), told.join("; ")),
        x: Axis::over("optimiser step", [0.0, n]),
        y: Axis::around(label, values, [f64::NEG_INFINITY, f64::INFINITY]),
        series,
        layout: Layout::Column,
    })
}

/// How many steps are one point.
fn block(n: usize) -> usize {
    n.div_ceil(MAX_POINTS).max(1)
}

/// A quantity's points: the mean step and value of each block, of the steps that have it.
fn means(records: &[TrainRecord], of: fn(&TrainRecord) -> Option<f64>) -> Vec<[f64; 2]> {
    let mean = |steps: &[TrainRecord]| {
        let known: Vec<[f64; 2]> =
            steps.iter().filter_map(|step| Some([step.step as f64, of(step)?])).collect();
        let sum = known.iter().fold([0.0, 0.0], |sum, point| [sum[0] + point[0], sum[1] + point[1]]);
        let n = known.len() as f64;
        (!known.is_empty()).then(|| sum.map(|it| it / n))
    };
    records.chunks(block(records.len())).filter_map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: u64) -> TrainRecord {
        TrainRecord {
            step,
            epoch: 0,
            loss: step as f64,
            dpo_loss: step.is_multiple_of(2).then_some(1.0),
            sft_loss: None,
            sequence_loss: None,
            reward_margin: None,
            reward_accuracy: None,
            grad_norm: 1.0,
            learning_rate: 0.1,
            tokens: 1,
            reward_chosen: None,
            reward_rejected: None,
        }
    }

    #[test]
    fn curves_have_a_bound_and_the_steps_that_know_a_quantity() {
        let few: Vec<TrainRecord> = (1..=3).map(record).collect();
        assert_eq!(means(&few, |step| Some(step.loss)), [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]);
        assert_eq!(means(&few, |step| step.dpo_loss), [[2.0, 1.0]]);
        assert_eq!(curves(&few, "a", "", "", &[("sft", |step| step.sft_loss)]), None);
        let many: Vec<TrainRecord> = (1..=481).map(record).collect();
        let points = means(&many, |step| Some(step.loss));
        assert_eq!((points.len(), points[0], points[160]), (161, [2.0, 2.0], [481.0, 481.0]));
    }
}
