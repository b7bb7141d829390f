//! Where in a model's response its final answer stands, and which option a multiple-choice response settles on.
//!
//! A grammar of how people and models state answers, a file for each way: boxes ([`boxed`]), `<answer>` tags,
//! statements (`The answer is x`), a response that is nothing else, and, in passing, the last formula, run of plain
//! mathematics, or number, or what the last sentence says. The first way that finds something decides, and of its
//! finds the last; the text after the last `</think>` comes before the reasoning. Choices are found the same way
//! ([`choice`](choice())).
//!
//! In: a response. Out: ranges of its bytes, on character boundaries. Left out on purpose: what an answer means,
//! and any copy of the text. All work is linear in the response, without recursion, and a search begins at the
//! end, where answers stand.

mod bare;
mod boxes;
mod choice;
mod ending;
mod formula;
mod joint;
mod mention;
mod number;
mod run;
mod sentence;
mod statement;
mod thinking;
mod token;
mod words;

use std::ops::Range;

pub use boxes::boxed;
pub use choice::{Choice, choice};
pub use thinking::{after_reasoning, last_line};

/// The answer's place in a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The places that hold the answer, first to last: one, or several that stand side by side (`\boxed{1}` and
    /// `\boxed{2}`). Ranges of bytes, on character boundaries; never an empty list.
    pub places: Vec<Range<usize>>,
    /// By what the answer was found.
    pub how: How,
}

/// A way of giving an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Inside `\boxed{…}` or `\fbox{…}`.
    Boxed,
    /// Inside `<answer>…</answer>`.
    Tagged,
    /// After `the answer is`, `####` and their like, or as the whole response.
    Stated,
    /// As the last formula or run of plain mathematics, in passing.
    Formula,
    /// As the last number, in passing.
    Number,
    /// As what the last sentence says that something is, in passing, where there is no mathematics.
    Prose,
}

/// The place of the final answer, if the response has one.
///
/// Reasoning that is opened with `<think>` and never closed has no answer in passing.
pub fn answer(response: &str) -> Option<Found> {
    let start = thinking::end(response);
    let tail = &response[start..];
    let is_open = thinking::is_open(tail);
    let after_thinking = || outright(tail).or_else(|| if is_open { None } else { bare::answer(tail) });
    let in_thinking = || if start > 0 { outright(response) } else { None };
    let last_resort = || {
        boxes::unfinished(tail)
            .map(|place| Found::one(place, How::Boxed))
            .or_else(|| if is_open { None } else { in_passing(tail) })
    };
    (after_thinking().map(|found| found.shifted(start)))
        .or_else(in_thinking)
        .or_else(|| last_resort().map(|found| found.shifted(start)))
}

impl Found {
    fn one(place: Range<usize>, how: How) -> Self {
        Found { places: vec![place], how }
    }

    /// The same places in a text that has `by` more bytes in front.
    fn shifted(mut self, by: usize) -> Self {
        for place in &mut self.places {
            *place = words::shifted(place.clone(), by);
        }
        self
    }
}

/// An answer that is marked as one.
fn outright(text: &str) -> Option<Found> {
    let found = |how| move |places| Found { places, how };
    (boxes::last_run(text).map(found(How::Boxed)))
        .or_else(|| thinking::tagged(text).map(|place| Found::one(place, How::Tagged)))
        .or_else(|| statement::last(text).map(found(How::Stated)))
}

/// The last formula, run of plain mathematics, or number; or else what the last sentence says. A formula comes before
/// the others, unless it is a name only, or they come in a later sentence or are what the formula is said to be.
fn in_passing(text: &str) -> Option<Found> {
    let plain = (run::last(text).map(|place| (place, How::Formula)))
        .or_else(|| number::last(text).map(|place| (place, How::Number)));
    match (formula::last(text), plain) {
        (Some(formula), Some((place, how)))
            if formula.is_name(text)
                || place.start >= formula.outer.end
                    && sentence::moves_on(&text[formula.outer.end..place.start]) =>
        {
            Some(Found::one(place, how))
        }
        (Some(formula), _) => {
            let places = formula::list(text, formula).into_iter().map(|formula| formula.inner).collect();
            Some(Found { places, how: How::Formula })
        }
        (None, Some((place, how))) => Some(Found::one(place, how)),
        (None, None) => (bare::word(text).map(|place| Found::one(place, How::Stated)))
            .or_else(|| sentence::said(text).map(|place| Found::one(place, How::Prose))),
    }
}
