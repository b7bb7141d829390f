//! Two texts side by side, as a part of a page.

use maud::{Markup, html};
use ts_text::{line, page};

use super::Pair;
use super::align::{Stretch, marked};

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    Same,
    /// It is another.
    Changed,
    /// The other side has none.
    One,
}

/// A row: what became of a step in words, and the step on both sides.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) change: Change,
    /// Words of our own.
    pub(super) told: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// A pair of texts, which is opened by whoever wants to see it.
pub(super) fn pair(pair: &Pair, is_open: bool) -> Markup {
    html! {
        details open[is_open] {
            summary { (line(&pair.summary)) }
            p.problem dir="auto" { (page(&pair.prompt)) }
            p { "Reference answer: " span dir="auto" { (line(&pair.reference)) } }
            table.pair {
                caption { "Before and after, step by step: " (line(&pair.summary)) }
                colgroup { col class="what"; col; col; }
                thead { tr { th scope="col" { "step" } th scope="col" { "before" } th scope="col" { "after" } } }
                tbody { @for row in &pair.rows { (show(row)) } }
            }
        }
    }
}

fn show(row: &Row) -> Markup {
    let (before, after) = (row.before.as_deref(), row.after.as_deref());
    let [left, right] = match (row.change, before, after) {
        (Change::Changed, Some(before), Some(after)) => marked(before, after),
        _ => [before, after].map(|side| side.map(|text| (text, false)).into_iter().collect()),
    };
    let class = match row.change {
        Change::Same => "same",
        Change::Changed => "changed",
        Change::One => "one",
    };
    html! {
        tr class=(class) {
            th.what scope="row" { (row.told) }
            (cell(&left, "before", before.is_some()))
            (cell(&right, "after", after.is_some()))
        }
    }
}

fn cell(stretches: &[Stretch<'_>], side: &str, is_there: bool) -> Markup {
    if !is_there {
        return html! { td {} };
    }
    html! {
        td.text dir="auto" data-side=(side) {
            @for (text, is_marked) in stretches {
                @if *is_marked { mark { (page(text)) } } @else { (page(text)) }
            }
        }
    }
}
