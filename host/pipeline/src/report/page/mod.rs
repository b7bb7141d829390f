//! The report as a page: one file of HTML that needs no network and no scripts, in the reader's light or dark colours, and can be printed.
//!
//! In: a run, its [`Report`] and its responses, or a comparison. Out: `report.html`, or `compare.html`. The page is made of what the run's folder
//! holds and of nothing else, so the same folder makes the same bytes. What is in it from outside, such as problems, responses, names and
//! paths, is shown as what it is (`ts_text`) and escaped as it is written (`maud`); the page's policy forbids scripts and anything from a network, should
//! one of the two ever fail. Of the responses it has a few, and of a long one its ends, so that its size has a bound.
//!
//! | part | file |
//! |---|---|
//! | the frame: head, navigation, style | `document.rs`, `style.css` |
//! | accuracy against budget, the Pareto plane, difficulty | `accuracy.rs` |
//! | distribution of lengths, cut-off and ungraded shares | `lengths.rs` |
//! | what stage 2 did | `rewriting.rs` |
//! | training curves | `training.rs` |
//! | responses side by side: which, how they are aligned, what is shown | `responses/` |
//! | what made the run | `origin.rs` |
//! | several runs | `comparison.rs` |

mod accuracy;
mod comparison;
mod document;
mod lengths;
mod origin;
mod responses;
mod rewriting;
#[cfg(test)]
mod tests;
mod training;

use maud::{Markup, html};
use ts_core::metrics::Scored;
use ts_plot::{Colour, Mark, Plot, Series, Shape, Stroke};
use ts_recipe::ReportSection;

pub(super) use self::comparison::comparison;
use self::document::{Document, Section};
use super::Report;
use crate::Error;
use crate::past_run::PastRun;

/// What a run's page is made of.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) run: &'a PastRun,
    pub(super) section: &'a ReportSection,
    pub(super) report: &'a Report,
    /// The held-out responses before, those that have a grade.
    pub(super) before: &'a [Scored],
    /// The same after.
    pub(super) after: &'a [Scored],
}

/// A run's page.
///
/// # Errors
/// Those of its records.
pub(super) fn page(given: &Given<'_>) -> Result<String, Error> {
    let report = given.report;
    let mut sections = Vec::new();
    let rounds = report.rounds.as_ref().map(|rounds| rounds.to_html(&report.baseline));
    sections.extend(rounds.map(|body| Section { id: "rounds", heading: "Rounds", body }));
    sections.extend([
        Section { id: "accuracy", heading: "Accuracy and length", body: accuracy::section(given)? },
        Section { id: "lengths", heading: "How long responses are", body: lengths::section(given) },
        Section { id: "difficulty", heading: "By difficulty", body: accuracy::by_difficulty(given)? },
        Section { id: "stages", heading: "What the stages did", body: rewriting::section(given)? },
        Section { id: "training", heading: "Training", body: training::section(given)? },
        Section { id: "responses", heading: "Responses side by side", body: responses::section(given)? },
    ]);
    let document = Document {
        title: format!("{}, seed {}", report.name, report.seed),
        lead: html! { p { (report.conditions()) } },
        sections,
        foot: origin::section(&[given.run]),
    };
    Ok(document.to_html())
}

/// A plot with a sentence below it.
fn figure(plot: &Plot, caption: &str) -> Markup {
    html! { figure { (plot.inline()) figcaption { (caption) } } }
}

/// The model before, or after.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    After,
}

impl When {
    fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }

    /// Its series: blue and dashed, or orange and whole; circles, or squares.
    fn series(self, name: String, shapes: Vec<Shape>) -> Series {
        let (colour, stroke) = match self {
            Self::Before => (Colour::Of(0), Stroke::Dashed),
            Self::After => (Colour::Of(1), Stroke::Solid),
        };
        Series { name, colour, stroke, mark: None, shapes }
    }

    /// The same with marks.
    fn points(self, name: String, shapes: Vec<Shape>) -> Series {
        let mark = match self {
            Self::Before => Mark::Circle,
            Self::After => Mark::Square,
        };
        Series { mark: Some(mark), ..self.series(name, shapes) }
    }
}
