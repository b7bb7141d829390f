//! How accurate the two models are: at every budget, at their lengths, by difficulty.

use std::collections::BTreeMap;

use maud::{Markup, html};
use ts_core::bootstrap::{Interval, bootstrap_intervals};
use ts_core::metrics::{Metric, Scored};
use ts_plot::{Axis, Layout, Place, Plot, Series, Shape};

use super::{Given, When, figure};
use crate::Error;
use crate::past_run::PastRun;
use crate::report::compare::{Method, MethodPoint, Rivals, compare, stopped};
use crate::report::{Side, bootstrap_seed, scored_in, show};
use crate::rounds::round_folder;
use crate::stage::Stage;

/// Budgets at which the curves are computed, evenly spaced from nothing to the largest.
const N_BUDGETS: u32 = 32;

/// How far beside a difficulty the model before and the model after are drawn.
const ASIDE: f64 = 0.09;

/// Accuracy against token budget, the Pareto plane, the metrics and the accuracy at budgets.
pub(super) fn section(given: &Given<'_>) -> Result<Markup, Error> {
    let report = given.report;
    let (budgets, plane) = (budget_plot(given)?, plane(given)?);
    Ok(html! {
        (report.metrics().to_html("The metrics before and after"))
        div.plots {
            (figure(&budgets, "A response counts at a budget if it is correct and no longer. Bands: 95 %, bootstrap over problems."))
            @if let Some(plane) = plane {
                (figure(&plane, "Up is more accurate, left is shorter. Bars: 95 % intervals of the change from the model before."))
            }
        }
        (report.budgets().to_html("Accuracy at budgets, %"))
    })
}

/// Accuracy against token budget, with bands and areas.
fn budget_plot(given: &Given<'_>) -> Result<Plot, Error> {
    let report = given.report;
    let largest = given.section.budget_tokens as u32;
    let mut series = Vec::new();
    for (when, responses, side) in
        [(When::Before, given.before, &report.baseline), (When::After, given.after, &report.result)]
    {
        let curve = curve(responses, largest, given)?;
        let at = |of: fn(&Interval) -> f64| -> Vec<Place> {
            curve.iter().map(|(budget, interval)| [f64::from(*budget), 100.0 * of(interval)]).collect()
        };
        let line = at(|interval| interval.estimate);
        let area = show(Metric::Auc, side.summary.auc, false);
        let shapes = vec![
            Shape::Area(line.clone()),
            Shape::Band { low: at(|interval| interval.low), high: at(|interval| interval.high) },
            Shape::Line(line),
        ];
        series.push(when.series(format!("{}, area {area} %", when.name()), shapes));
    }
    Ok(Plot {
        id: "budget",
        title: "Accuracy against token budget".to_owned(),
        description: format!(
            "{} {}",
            told(When::Before, &report.baseline),
            told(When::After, &report.result)
        ),
        x: Axis::over("budget, tokens", [0.0, f64::from(largest)]),
        y: Axis::over("Acc, %", [0.0, 100.0]),
        series,
        layout: Layout::Column,
    })
}

/// Accuracy at each budget, a share, with its interval.
fn curve(responses: &[Scored], largest: u32, given: &Given<'_>) -> Result<Vec<(u32, Interval)>, Error> {
    let budgets = (0..=N_BUDGETS).map(|i| (u64::from(largest) * u64::from(i) / u64::from(N_BUDGETS)) as u32);
    let mut curve = Vec::new();
    for budget in budgets {
        let intervals = intervals(&stopped(responses, budget), given)?;
        curve.extend(intervals.get(&Metric::Accuracy).map(|interval| (budget, *interval)));
    }
    Ok(curve)
}

fn intervals(responses: &[Scored], given: &Given<'_>) -> Result<BTreeMap<Metric, Interval>, Error> {
    let (section, seed) = (given.section, given.report.seed);
    let resamples = section.bootstrap_resamples as usize;
    Ok(bootstrap_intervals(responses, section.budget_tokens as u32, resamples, bootstrap_seed(seed))?)
}

/// A curve in words.
fn told(when: When, side: &Side) -> String {
    let n = side.curve.len();
    let points = [n / 4, n / 2, n].into_iter().filter_map(|at| side.curve.get(at.checked_sub(1)?));
    let points: Vec<String> = points
        .map(|(budget, accuracy)| {
            format!("{} % at {budget} tokens", show(Metric::Accuracy, *accuracy, false))
        })
        .collect();
    let area = show(Metric::Auc, side.summary.auc, false);
    format!("Accuracy {}: {}; area under the curve {area} %.", when.name(), points.join(", "))
}

/// Accuracy against length: the model before, the one after, or one a round, and the model before stopped at budgets. None where there are too few problems
/// for an interval.
fn plane(given: &Given<'_>) -> Result<Option<Plot>, Error> {
    let (report, seed) = (given.report, given.report.seed);
    let mut points = vec![MethodPoint { strength: 1.0, responses: [(seed, given.after.to_vec())].into() }];
    let n_rounds = report.rounds.as_ref().map_or(1, |rounds| rounds.rounds.len());
    for round in 2..=n_rounds as u32 {
        let of_round = PastRun::open(&round_folder(&given.run.folder, round)?)?;
        let responses = [(seed, scored_in(&of_round, Stage::EvalResult)?)].into();
        points.push(MethodPoint { strength: f64::from(round), responses });
    }
    let rivals = Rivals {
        budget_tokens: given.section.budget_tokens as u32,
        strength_is: "round".to_owned(),
        baseline: [(seed, given.before.to_vec())].into(),
        methods: vec![Method { name: report.name.clone(), points }],
        sources: Vec::new(),
    };
    match compare(&rivals) {
        Ok(compared) => Ok(Some(compared.plot(Layout::Column))),
        Err(Error::Metrics(ts_core::Error::TooFewValues { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Accuracy and length by difficulty: two plots and a table.
pub(super) fn by_difficulty(given: &Given<'_>) -> Result<Markup, Error> {
    let report = given.report;
    let named: Vec<u32> =
        report.baseline.by_difficulty.iter().filter_map(|(difficulty, _)| *difficulty).collect();
    let table = report.difficulties().to_html("Accuracy in per cent and length in tokens, by difficulty");
    if named.len() < 2 {
        return Ok(html! { p { "The problems have no two difficulties." } (table) });
    }
    let mut of_each = Vec::new();
    for responses in [given.before, given.after] {
        let mut values = Vec::new();
        for difficulty in &named {
            let own = responses.iter().filter(|response| response.difficulty == Some(*difficulty));
            let own: Vec<Scored> = own.copied().collect();
            values.push(if own.is_empty() { BTreeMap::new() } else { intervals(&own, given)? });
        }
        of_each.push(values);
    }
    let plot = |id, title: &str, metric: Metric, label: &str, factor: f64| {
        let of = |values: &[BTreeMap<Metric, Interval>]| -> Vec<Option<Interval>> {
            let scaled = |it: &Interval| Interval {
                estimate: factor * it.estimate,
                low: factor * it.low,
                high: factor * it.high,
            };
            values.iter().map(|value| value.get(&metric).map(scaled)).collect()
        };
        let sides = [of(&of_each[0]), of(&of_each[1])];
        let highest = sides.iter().flatten().flatten().map(|interval| interval.high).fold(0.0, f64::max);
        let range = if factor == 100.0 { [0.0, 104.0] } else { [0.0, 1.06 * highest] };
        Plot {
            id,
            title: title.to_owned(),
            description: format!(
                "{} {} {}",
                in_words(When::Before, &named, &sides[0]),
                in_words(When::After, &named, &sides[1]),
                "Bars: 95 %, bootstrap over problems."
            ),
            x: Axis::named("difficulty", named.iter().map(u32::to_string)),
            y: Axis::over(label, range),
            series: vec![
                points(When::Before, -ASIDE, &sides[0], label),
                points(When::After, ASIDE, &sides[1], label),
            ],
            layout: Layout::Column,
        }
    };
    let accuracy = plot("difficulty-accuracy", "Accuracy by difficulty", Metric::Accuracy, "Acc, %", 100.0);
    let length = plot("difficulty-length", "Length by difficulty", Metric::LenAll, "Len-A, tokens", 1.0);
    Ok(html! {
        div.plots {
            (figure(&accuracy, "Accuracy by difficulty, on the problem set's own scale. Bars: 95 %, bootstrap over problems."))
            (figure(&length, "Mean tokens of a response by difficulty. Bars: 95 %, bootstrap over problems."))
        }
        (table)
    })
}

/// One side's points with their bars, joined.
fn points(when: When, aside: f64, values: &[Option<Interval>], unit: &str) -> Series {
    let known = values.iter().enumerate().filter_map(|(at, value)| Some((at as f64 + aside, (*value)?)));
    let known: Vec<(f64, Interval)> = known.collect();
    let mut shapes = vec![Shape::Line(known.iter().map(|(x, value)| [*x, value.estimate]).collect())];
    for (x, value) in &known {
        let at = [*x, value.estimate];
        shapes.push(Shape::Bars { at, x: [*x, *x], y: [value.low, value.high] });
        shapes.push(Shape::Point { at, told: format!("{}: {unit} {:.1}", when.name(), value.estimate) });
    }
    when.points(when.name().to_owned(), shapes)
}

fn in_words(when: When, difficulties: &[u32], values: &[Option<Interval>]) -> String {
    let each = difficulties.iter().zip(values).map(|(difficulty, value)| match value {
        Some(value) => format!("{difficulty}: {:.1}", value.estimate),
        None => format!("{difficulty}: none"),
    });
    let name = match when {
        When::Before => "Before",
        When::After => "After",
    };
    format!("{name}, {}.", each.collect::<Vec<_>>().join(", "))
}
