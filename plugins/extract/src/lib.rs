//! Where in a model's response its final answer stands, and which option a multiple-choice response settles on.
//!
//! A grammar of how people and models state answers, a file for each way: boxes ([`boxed`]), `<answer>` tags,
//! statements (`The answer is x`), a response that is nothing else, and, in passing, the last
//! formula or number. The first way that finds something decides, and of its finds the last; the text after the
//! last `</think>` comes before the reasoning. Choices are found the same way ([`choice`](choice())).
//!
//! In: a response. Out: ranges of its bytes, on character boundaries. Left out on purpose: what an answer means,
//! and any copy of the text. All work is linear in the response, without recursion, and a search begins at the
//! end, where answers stand.

mod bare;
mod boxes;
mod choice;
mod formula;
mod joint;
mod mention;
mod number;
mod run;
mod sentence;
mod statement;
mod thinking;
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
    /// As the last formula, in passing.
    Formula,
    /// As the last number, in passing.
    Number,
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

/// The last formula or number; of both the formula, unless it is a name only, or the number comes in a later
/// sentence or is what the formula is said to be.
fn in_passing(text: &str) -> Option<Found> {
    let formula = formula::last(text);
    let number = number::last(text);
    if formula.is_none()
        && let Some(run) = run::last(text)
    {
        return Some(Found::one(run, How::Formula));
    }
    match (formula, number) {
        (Some(formula), Some(number))
            if formula.is_name(text)
                || number.start >= formula.outer.end
                    && sentence::moves_on(&text[formula.outer.end..number.start]) =>
        {
            Some(Found::one(number, How::Number))
        }
        (Some(formula), _) => {
            let run = formula::last_run(text, formula);
            let places = run.into_iter().map(|formula| formula.inner).collect();
            Some(Found { places, how: How::Formula })
        }
        (None, Some(number)) => Some(Found::one(number, How::Number)),
        (None, None) => {
            let place = bare::word(text).or_else(|| sentence::said(text));
            place.map(|place| Found::one(place, How::Stated))
        }
    }
}
