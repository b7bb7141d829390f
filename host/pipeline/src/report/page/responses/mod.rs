//! Responses side by side: some before and after training, and some before and after stage 2, with their steps aligned and what changed marked.
//!
//! | part | file |
//! |---|---|
//! | which held-out responses | `heldout.rs` |
//! | which rewritten positives | `rewritten.rs` |
//! | steps that belong together, and the words that changed | `align.rs` |
//! | how much of a long text is shown | `excerpt.rs` |
//! | two texts side by side | `show.rs` |

mod align;
mod excerpt;
mod heldout;
mod rewritten;
mod show;

use maud::{Markup, html};

use super::Given;
use crate::Error;

/// Pairs of each kind that are shown, at most.
const SHOWN: usize = 3;

/// A pair of texts to be shown.
struct Pair {
    /// The line that is seen before it is opened.
    summary: String,
    /// The problem's text.
    prompt: String,
    /// Its reference answer.
    reference: String,
    /// The texts, row by row.
    rows: Vec<show::Row>,
}

/// Pairs of one kind.
struct Kind {
    heading: &'static str,
    /// How many there are, and how those that are shown were chosen.
    told: String,
    pairs: Vec<Pair>,
}

/// The chosen responses.
pub(super) fn section(given: &Given<'_>) -> Result<Markup, Error> {
    let mut kinds = heldout::kinds(given)?;
    kinds.extend(rewritten::kinds(given)?);
    Ok(html! {
        p { "Steps that belong together stand in one row, and words that are on one side alone are marked. A few responses of each kind are shown, a long one by its ends." }
        @for kind in &kinds {
            h3 { (kind.heading) }
            p { (kind.told) }
            @for (index, pair) in kind.pairs.iter().enumerate() { (show::pair(pair, index == 0)) }
        }
    })
}
