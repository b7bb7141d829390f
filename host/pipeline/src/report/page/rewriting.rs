//! What the stages did, stage 2 above all: steps, divergences, tokens.

use maud::{Markup, html};
use ts_plot::{Axis, Colour, Layout, Plot, Series, Shape, Stroke, steps};
use ts_recipe::RefineSection;
use ts_run::records::{RefinedRecord, StepRecord};

use super::lengths::N_BINS;
use super::{Given, When, figure};
use crate::Error;
use crate::report::percent;
use crate::report::table::Table;
use crate::stage::Stage;

/// The sentences of the report, and stage 2.
pub(super) fn section(given: &Given<'_>) -> Result<Markup, Error> {
    let refine = &given.run.recipe.refine;
    let stage_2 = if refine.enabled {
        let mut counted = Counted::new(refine.max_kl_nats);
        for row in given.run.records::<RefinedRecord>(Stage::Refine)? {
            counted.count(&row?.record);
        }
        counted.to_html(refine)
    } else {
        html! { p { "The recipe has stage 2 off: the positives stayed as they were sampled." } }
    };
    Ok(html! {
        ul { @for line in given.report.stage_lines() { li { (ts_text::line(line)) } } }
        h3 { "Stage 2, step by step" }
        (stage_2)
    })
}

/// What became of the steps of all positives.
#[derive(Debug)]
struct Counted {
    /// What a divergence must be below, nats.
    max_kl_nats: f64,
    positives: usize,
    /// Positives that the verifier refused afterwards.
    dropped: usize,
    /// All steps.
    steps: usize,
    /// Those of which there was a shorter rewrite.
    with_candidates: usize,
    rewritten: usize,
    /// Rewrites whose divergence was measured.
    scored: u64,
    /// Tokens that were sampled for rewrites.
    drawn: u64,
    /// Tokens of the steps that were rewritten, before and after.
    tokens: [u64; 2],
    sum_of_divergences: f64,
    /// Divergences of the rewrites that were taken, in bins of equal width up to the bound.
    divergences: Vec<u32>,
    /// Of steps before and after, how many have so many tokens.
    lengths: [Vec<u32>; 2],
}

impl Counted {
    fn new(max_kl_nats: f64) -> Self {
        Self {
            max_kl_nats,
            positives: 0,
            dropped: 0,
            steps: 0,
            with_candidates: 0,
            rewritten: 0,
            scored: 0,
            drawn: 0,
            tokens: [0, 0],
            sum_of_divergences: 0.0,
            divergences: vec![0; N_BINS as usize],
            lengths: [Vec::new(), Vec::new()],
        }
    }

    fn count(&mut self, refined: &RefinedRecord) {
        self.positives += 1;
        self.dropped += usize::from(!refined.kept);
        refined.steps.iter().for_each(|step| self.step(step));
    }

    fn step(&mut self, step: &StepRecord) {
        self.steps += 1;
        self.with_candidates += usize::from(step.n_candidates > 0);
        self.scored += u64::from(step.n_scored);
        self.drawn += step.n_tokens;
        for (lengths, tokens) in self.lengths.iter_mut().zip([step.tokens_before, step.tokens_after]) {
            // A step of more tokens counts in the last bin: a record is no reason to take any amount of memory.
            let at = (tokens as usize).min(MOST_STEP_TOKENS);
            if lengths.len() <= at {
                lengths.resize(at + 1, 0);
            }
            lengths[at] += 1;
        }
        if let Some(divergence) = step.kl_nats {
            self.rewritten += 1;
            self.tokens[0] += u64::from(step.tokens_before);
            self.tokens[1] += u64::from(step.tokens_after);
            self.sum_of_divergences += divergence;
            let bin = (divergence / self.max_kl_nats * f64::from(N_BINS)) as usize;
            self.divergences[bin.min(N_BINS as usize - 1)] += 1;
        }
    }

    fn to_html(&self, refine: &RefineSection) -> Markup {
        html! {
            (self.table(refine).to_html("Steps of the positives in stage 2"))
            div.plots {
                (figure(&self.divergence_plot(), "Divergences of the rewrites that were taken; each must be below the bound."))
                (figure(&self.length_plot(), "Share of the steps by their length, before and after stage 2."))
            }
        }
    }

    fn table(&self, refine: &RefineSection) -> Table {
        let share = |n: usize| percent(n as f64 / self.steps.max(1) as f64);
        let mean = self.sum_of_divergences / self.rewritten.max(1) as f64;
        let mut table = Table::new(&["", "number", "share of the steps"]);
        let nothing = String::new;
        for (what, number, share) in [
            ("positives", self.positives.to_string(), nothing()),
            ("dropped, no longer correct", self.dropped.to_string(), nothing()),
            ("steps", self.steps.to_string(), share(self.steps)),
            ("with a shorter rewrite", self.with_candidates.to_string(), share(self.with_candidates)),
            ("rewritten", self.rewritten.to_string(), share(self.rewritten)),
            ("tokens of the rewritten steps before", self.tokens[0].to_string(), nothing()),
            ("tokens of the rewritten steps after", self.tokens[1].to_string(), nothing()),
            ("rewrites asked for each step", refine.n_rewrites.to_string(), nothing()),
            ("rewrites scored", self.scored.to_string(), nothing()),
            ("tokens sampled for rewrites", self.drawn.to_string(), nothing()),
            ("mean divergence of those taken, nats", format!("{mean:.5}"), nothing()),
            ("bound on it, nats", refine.max_kl_nats.to_string(), nothing()),
        ] {
            table.row([what.to_owned(), number, share]);
        }
        table
    }

    fn divergence_plot(&self) -> Plot {
        let width = self.max_kl_nats / f64::from(N_BINS);
        let edges: Vec<f64> = (0..=N_BINS).map(|bin| f64::from(bin) * width).collect();
        let heights: Vec<f64> = self.divergences.iter().map(|count| f64::from(*count)).collect();
        let highest = heights.iter().copied().fold(1.0, f64::max);
        let outline = steps(&edges, &heights);
        let below_half: u32 = self.divergences[..N_BINS as usize / 2].iter().sum();
        let bound = format!("bound, {} nats", self.max_kl_nats);
        let series = |name: &str, colour, stroke, shapes| Series {
            name: name.to_owned(),
            colour,
            stroke,
            mark: None,
            shapes,
        };
        Plot {
            id: "divergences",
            title: "Divergences of the rewrites".to_owned(),
            description: format!(
                "{} of {} steps were rewritten; {below_half} of the rewrites have a divergence below half of the bound of {} nats.",
                self.rewritten, self.steps, self.max_kl_nats
            ),
            x: Axis::over("divergence, nats", [0.0, 1.03 * self.max_kl_nats]),
            y: Axis::over("steps", [0.0, 1.06 * highest]),
            series: vec![
                series(
                    "rewrites that were taken",
                    Colour::Of(2),
                    Stroke::Solid,
                    vec![Shape::Area(outline.clone()), Shape::Line(outline)],
                ),
                series(&bound, Colour::Ink, Stroke::Dotted, vec![Shape::Rule(self.max_kl_nats)]),
            ],
            layout: Layout::Column,
        }
    }

    fn length_plot(&self) -> Plot {
        let longest = self.lengths.iter().map(Vec::len).max().unwrap_or(0).max(1) as u32 - 1;
        let width = longest / N_BINS + 1;
        let edges: Vec<f64> = (0..=longest / width + 1).map(|bin| f64::from(bin * width)).collect();
        let shares = |lengths: &[u32]| -> Vec<f64> {
            let mut heights = vec![0.0; edges.len() - 1];
            for (tokens, count) in lengths.iter().enumerate() {
                heights[tokens / width as usize] += 100.0 * f64::from(*count) / self.steps.max(1) as f64;
            }
            heights
        };
        let heights = [shares(&self.lengths[0]), shares(&self.lengths[1])];
        let highest = heights.iter().flatten().copied().fold(1.0, f64::max);
        let series = [When::Before, When::After].into_iter().zip(&heights).map(|(when, heights)| {
            let outline = steps(&edges, heights);
            when.series(when.name().to_owned(), vec![Shape::Area(outline.clone()), Shape::Line(outline)])
        });
        let means = [0, 1].map(|side| {
            let sum: f64 =
                self.lengths[side].iter().enumerate().map(|(tokens, n)| tokens as f64 * f64::from(*n)).sum();
            sum / self.steps.max(1) as f64
        });
        Plot {
            id: "step-lengths",
            title: "Length of the steps of the positives".to_owned(),
            description: format!(
                "A step has {:.1} tokens before stage 2 and {:.1} after it, in the mean.",
                means[0], means[1]
            ),
            x: Axis::over("tokens of a step", [0.0, edges.last().copied().unwrap_or(1.0)]),
            y: Axis::over("share of steps, %", [0.0, 1.06 * highest]),
            series: series.collect(),
            layout: Layout::Column,
        }
    }
}

/// Steps of more tokens than this are counted as having as many.
const MOST_STEP_TOKENS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn step(before: u32, after: u32, kl_nats: Option<f64>) -> StepRecord {
        StepRecord {
            tokens_before: before,
            tokens_after: after,
            n_candidates: 1,
            n_scored: 2,
            n_tokens: 10,
            kl_nats,
            n_refused: 0,
            estimate: None,
        }
    }

    #[test]
    fn steps_by_hand() {
        let mut counted = Counted::new(0.004);
        for it in [
            step(10, 4, Some(0.001)),
            step(8, 8, None),
            step(6, 5, Some(0.003)),
            step(u32::MAX, 1, Some(9.0)),
        ] {
            counted.step(&it);
        }
        assert_eq!((counted.steps, counted.rewritten, counted.scored, counted.drawn), (4, 3, 8, 40));
        assert_eq!((counted.divergences[10], counted.divergences[30], counted.divergences[39]), (1, 1, 1));
        assert_eq!(
            (counted.lengths[0][10], counted.lengths[1][8], counted.lengths[0].len()),
            (1, 1, MOST_STEP_TOKENS + 1)
        );
        assert!(counted.divergence_plot().description.starts_with("3 of 4 steps were rewritten; 1 of the"));
    }
}
