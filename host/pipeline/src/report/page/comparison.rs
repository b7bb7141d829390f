//! Several runs as one page: the Pareto plane, the tables of the comparison, accuracy against budget, what made each run.

use maud::html;
use ts_core::auc::accuracy_curve;
use ts_core::metrics::Scored;
use ts_plot::{Axis, Colour, Layout, Mark, Place, Plot, Series, Shape, Stroke};

use super::document::{Document, Section};
use super::{figure, origin};
use crate::Error;
use crate::report::compare::{BySeed, Compared, Rivals};

/// Curves of methods that the plot of budgets has, at most.
const MAX_CURVES: usize = 7;

/// Budgets at which a curve is computed.
const N_BUDGETS: u32 = 64;

/// A comparison's page.
///
/// # Errors
/// Those of the curves.
pub(in crate::report) fn comparison(rivals: &Rivals, compared: &Compared) -> Result<String, Error> {
    let names: Vec<&str> = compared.methods.iter().map(|method| method.name.as_str()).collect();
    let plane = compared.plot(Layout::Column);
    let (budgets, left_out) = budget_plot(rivals)?;
    let matched = compared.at_lengths();
    let runs: Vec<_> = rivals.sources.iter().map(|source| &source.run).collect();
    let methods = html! {
        div.plots {
            (figure(&plane, "Up is more accurate, left is shorter. Bars: 95 % intervals of the change from the model before."))
            (figure(&budgets, "A response counts at a budget if it is correct and no longer."))
        }
        @if left_out > 0 { p { (left_out) " more points of methods are in the table and not in the second plot." } }
        (compared.points_table().to_html("Every method at every strength"))
        @if let Some(table) = matched {
            p { "Accuracy minus that of the first method at the same mean length, in points: on the straight lines between a method's points and the model before." }
            (table.to_html("Accuracy at the lengths of the first method"))
        }
    };
    let document = Document {
        title: format!("Comparison of {}", names.join(", ")),
        lead: html! { p { (ts_text::line(compared.conditions())) } },
        sections: vec![Section { id: "methods", heading: "Accuracy and length", body: methods }],
        foot: origin::section(&runs),
    };
    Ok(document.to_html())
}

/// Accuracy against budget of the model before and of the first points of the methods, and how many points are left out.
fn budget_plot(rivals: &Rivals) -> Result<(Plot, usize), Error> {
    let largest = rivals.budget_tokens;
    let points = rivals.methods.iter().flat_map(|method| {
        let is_one = method.points.len() == 1;
        method.points.iter().map(move |point| {
            let name =
                if is_one { method.name.clone() } else { format!("{}, {}", method.name, point.strength) };
            (name, &point.responses)
        })
    });
    let n_points = rivals.methods.iter().map(|method| method.points.len()).sum::<usize>();
    let before = ("model before".to_owned(), &rivals.baseline);
    let (mut series, mut told) = (Vec::new(), Vec::new());
    for (index, (name, responses)) in std::iter::once(before).chain(points.take(MAX_CURVES)).enumerate() {
        let line = curve(responses, largest)?;
        told.push(format!("{name} {:.1} %", line.last().map_or(0.0, |place| place[1])));
        // The mark stands on the line, where it tells lines of like colours apart.
        let marked = line.get(line.len() / 8 * (index + 1)).copied();
        let mut shapes = vec![Shape::Line(line)];
        shapes.extend(marked.filter(|_| index > 0).map(|at| Shape::Point { at, told: name.clone() }));
        series.push(Series {
            name,
            colour: if index == 0 { Colour::Ink } else { Colour::Of(index - 1) },
            stroke: if index == 0 { Stroke::Dashed } else { Stroke::Solid },
            mark: (index > 0).then(|| Mark::of(index - 1)),
            shapes,
        });
    }
    let plot = Plot {
        id: "budget",
        title: "Accuracy against token budget".to_owned(),
        description: format!("Accuracy within the whole budget of {largest} tokens: {}.", told.join(", ")),
        x: Axis::over("budget, tokens", [0.0, f64::from(largest)]),
        y: Axis::over("Acc, %", [0.0, 100.0]),
        series,
        layout: Layout::Column,
    };
    Ok((plot, n_points.saturating_sub(MAX_CURVES)))
}

fn curve(responses: &BySeed, largest: u32) -> Result<Vec<Place>, Error> {
    let all: Vec<Scored> = responses.values().flatten().copied().collect();
    let budgets: Vec<u32> =
        (0..=N_BUDGETS).map(|i| (u64::from(largest) * u64::from(i) / u64::from(N_BUDGETS)) as u32).collect();
    let shares = accuracy_curve(&all, &budgets)?;
    Ok(budgets.iter().zip(shares).map(|(budget, share)| [f64::from(*budget), 100.0 * share]).collect())
}
