//! How long the responses are before and after, how many were cut off, and how many have no grade.

use maud::{Markup, html};
use ts_core::metrics::Scored;
use ts_plot::{Axis, Layout, Plot, Shape, steps};

use super::{Given, When, figure};
use crate::report::percent;
use crate::report::table::Table;
use crate::responses::ungraded::Ungraded;

/// Bins of a histogram, at most.
pub(super) const N_BINS: u32 = 40;

/// The distribution of lengths, and the shares.
pub(super) fn section(given: &Given<'_>) -> Markup {
    let plot = distribution(given.before, given.after);
    html! {
        div.plots { (figure(&plot, "Share of the held-out responses by their length in tokens, the end of text included.")) }
        (shares(given).to_html("Responses cut off at the token limit, and responses without a grade"))
    }
}

fn distribution(before: &[Scored], after: &[Scored]) -> Plot {
    let longest = before.iter().chain(after).map(|response| response.tokens).max().unwrap_or(0);
    let width = longest / N_BINS + 1;
    let edges: Vec<f64> = (0..=longest / width + 1).map(|bin| f64::from(bin * width)).collect();
    let shares = |responses: &[Scored]| -> Vec<f64> {
        let mut counts = vec![0_u32; edges.len() - 1];
        responses.iter().for_each(|response| counts[(response.tokens / width) as usize] += 1);
        counts.iter().map(|count| 100.0 * f64::from(*count) / responses.len().max(1) as f64).collect()
    };
    let sides = [(When::Before, before), (When::After, after)];
    let heights = sides.map(|(_, responses)| shares(responses));
    let highest = heights.iter().flatten().copied().fold(0.0, f64::max);
    let series = sides.iter().zip(&heights).map(|((when, _), heights)| {
        let outline = steps(&edges, heights);
        when.series(when.name().to_owned(), vec![Shape::Area(outline.clone()), Shape::Line(outline)])
    });
    let told = sides.map(|(when, responses)| {
        let [low, middle, high] = quartiles(responses);
        format!(
            "{}, a quarter have up to {low} tokens, half up to {middle}, three quarters up to {high}",
            when.name()
        )
    });
    Plot {
        id: "lengths",
        title: "Distribution of lengths".to_owned(),
        description: format!("Of the responses {}.", told.join("; ")),
        x: Axis::over("tokens of a response", [0.0, f64::from(longest / width + 1) * f64::from(width)]),
        y: Axis::over("share of responses, %", [0.0, 1.06 * highest]),
        series: series.collect(),
        layout: Layout::Column,
    }
}

/// The lengths below which a quarter, half and three quarters of the responses are, or as long.
fn quartiles(responses: &[Scored]) -> [u32; 3] {
    let mut lengths: Vec<u32> = responses.iter().map(|response| response.tokens).collect();
    lengths.sort_unstable();
    [1, 2, 3].map(|quarter| {
        let at = (lengths.len() * quarter).div_ceil(4).saturating_sub(1);
        lengths.get(at).copied().unwrap_or(0)
    })
}

fn shares(given: &Given<'_>) -> Table {
    let report = given.report;
    let mut table = Table::new(&[
        "responses",
        "number",
        "cut off",
        "no grade",
        "grader failed",
        "bad reference",
        "undecided",
    ]);
    let mut row = |name: &str, n: usize, cut_off: f64, ungraded: &Ungraded| {
        let share = |count: usize| percent(count as f64 / n.max(1) as f64);
        table.row([
            name.to_owned(),
            n.to_string(),
            percent(cut_off),
            share(ungraded.total()),
            share(ungraded.n_grader_failed),
            share(ungraded.n_bad_reference),
            share(ungraded.n_undecided),
        ]);
    };
    let stages = &report.stages;
    row("samples", stages.n_samples, stages.sample_cut_off, &stages.ungraded);
    for (name, side) in [("held-out, before", &report.baseline), ("held-out, after", &report.result)] {
        row(name, side.summary.n_responses + side.ungraded.total(), side.cut_off, &side.ungraded);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(tokens: u32) -> Scored {
        Scored { problem: 0, run: 0, difficulty: None, correct: true, tokens, n_steps: 1, step_tokens: 1 }
    }

    #[test]
    fn quartiles_by_hand() {
        assert_eq!(quartiles(&[4, 1, 3, 2].map(scored)), [1, 2, 3]);
        assert_eq!(quartiles(&[5].map(scored)), [5, 5, 5]);
        assert_eq!(quartiles(&[]), [0, 0, 0]);
    }

    /// The longest has 80 tokens: bins of 3, the last from 78 to 81.
    #[test]
    fn a_distribution_by_hand() {
        let plot = distribution(&[0, 2, 3, 80].map(scored), &[0, 0].map(scored));
        let Shape::Line(before) = &plot.series[0].shapes[1] else { panic!() };
        assert_eq!(before[..5], [[0.0, 0.0], [0.0, 50.0], [3.0, 50.0], [3.0, 25.0], [6.0, 25.0]]);
        assert_eq!(before[before.len() - 3..], [[78.0, 25.0], [81.0, 25.0], [81.0, 0.0]]);
        let Shape::Line(after) = &plot.series[1].shapes[1] else { panic!() };
        assert_eq!(after[1], [0.0, 100.0]);
        assert!(
            plot.description
                .contains("before, a quarter have up to 0 tokens, half up to 2, three quarters up to 3")
        );
    }
}
