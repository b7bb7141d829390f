//! Where in a model's response its final answer stands, and which option a multiple-choice response settles
//! on.
//!
//! A grammar of how people and models state answers, a file for each way: boxes ([`boxed`]), `<answer>` tags,
//! statements (`The answer is x`), a response that is nothing else, and, in passing, the last formula, run of
//! plain mathematics, or number, or what the last sentence says. The first way that finds something decides,
//! and of its finds the last that the text neither denies nor takes back ([`refusal`]); what a response says
//! comes before its reasoning ([`thinking`]). Choices are found the same way ([`choice`](choice())).
//!
//! Four folders, each of which uses only those before it: `around` (what stands around a value), `ways` (a file for each
//! way), `parts` (of a response), `options` (of multiple choice).
//!
//! In: a response. Out: ranges of its bytes, on character boundaries. Left out on purpose: what an answer means. All
//! work is linear in the response, without recursion, and a search begins at the end, where answers stand.

mod around;
mod options;
mod parts;
mod ways;
mod window;
mod words;

use std::borrow::Cow;
use std::ops::Range;

use around::{company, refusal};
use parts::thinking::{self, Said};
use ways::{bare, boxes, formula, number, run, sentence, statement};

pub use options::{Choice, choice};
pub use parts::thinking::{after_reasoning, last_line};
pub use ways::boxes::boxed;

/// The answer's place in a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The places that hold the answer, first to last: one, or several that stand side by side (`\boxed{1}`
    /// and `\boxed{2}`). Ranges of bytes, on character boundaries; never an empty list.
    pub places: Vec<Range<usize>>,
    /// How several places make one answer.
    pub relation: Relation,
    /// By what the answer was found.
    pub how: How,
}

/// How several places make one answer, and by what their texts are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// Each is a part of it, or one of several values: a comma.
    Parts,
    /// They are one text with marks between that say nothing: a space.
    Pieces,
    /// Each says the same: an equals sign.
    Same,
    /// The last is a rounded value of what stands before it: a sign of near equality.
    Nearly,
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

/// There is no answer, wherever else one seems to stand: the text ends within it, or takes it back.
#[derive(Debug, PartialEq, Eq)]
struct Withheld;

/// The place of the final answer, if the response has one.
///
/// Reasoning that is opened and never closed has no answer in passing.
pub fn answer(response: &str) -> Option<Found> {
    search(response).ok().flatten()
}

fn search(response: &str) -> Result<Option<Found>, Withheld> {
    let said = thinking::said(response);
    for part in said.parts.iter().rev() {
        if let Some(found) = outright_in(response, part, &said)? {
            return Ok(Some(found));
        }
    }
    if said.open.is_none() {
        for part in said.parts.iter().rev() {
            let near = window::near(response, part);
            let text = &response[near.clone()];
            if let Some(found) = bare::answer(text).or_else(|| in_passing(text)) {
                return Ok(Some(found.shifted(near.start)));
            }
        }
    }
    if said.has_reasoning {
        let start = said.open.unwrap_or(0);
        if let Some(found) = outright_in(response, &(start..response.len()), &said)? {
            return Ok(Some(found));
        }
        if start > 0
            && let Some(found) = outright_in(response, &(0..start), &said)?
        {
            return Ok(Some(found));
        }
    }
    let word = || {
        let last = if said.open.is_none() { said.parts.last() } else { None }?;
        let near = window::near(response, last);
        Some(Found::one(bare::word(&response[near.clone()])?, How::Stated).shifted(near.start))
    };
    Ok(word())
}

/// An answer that is marked as one in a part of a response.
fn outright_in(response: &str, part: &Range<usize>, said: &Said) -> Result<Option<Found>, Withheld> {
    let near = window::near(response, part);
    if let Some(found) = outright(&response[near.clone()], part.end == response.len(), said.has_answers)? {
        return Ok(Some(found.shifted(near.start)));
    }
    let Some(far) = window::far(response, part) else { return Ok(None) };
    let text = &response[far.clone()];
    let boxed = boxes::last_run(text, true)?.map(boxes::Run::found);
    let found = boxed.map(|(found, end)| settled(text, found, end)).transpose()?;
    Ok(found.map(|found| found.shifted(far.start)))
}

impl Found {
    fn one(place: Range<usize>, how: How) -> Self {
        Found { places: vec![place], relation: Relation::Parts, how }
    }

    /// The answer, of the response that it was found in.
    ///
    /// # Panics
    ///
    /// If the places are none of this text.
    pub fn text<'a>(&self, response: &'a str) -> Cow<'a, str> {
        if let [place] = &self.places[..] {
            return Cow::from(&response[place.clone()]);
        }
        let joint = match self.relation {
            Relation::Parts => ", ",
            Relation::Pieces => " ",
            Relation::Same => " = ",
            Relation::Nearly => " \\approx ",
        };
        let texts: Vec<&str> = self.places.iter().map(|place| &response[place.clone()]).collect();
        Cow::from(texts.join(joint))
    }

    /// From the first place to the last.
    pub fn whole(&self) -> Range<usize> {
        self.places.first().map_or(0, |place| place.start)..self.places.last().map_or(0, |place| place.end)
    }

    /// The same places in a text that has `by` more bytes in front.
    fn shifted(mut self, by: usize) -> Self {
        for place in &mut self.places {
            *place = words::shifted(place.clone(), by);
        }
        self
    }
}

/// An answer that is marked as one, if the text does not take it back; then the one that it is corrected to.
fn outright(text: &str, may_be_cut: bool, has_tags: bool) -> Result<Option<Found>, Withheld> {
    marked(text, may_be_cut, has_tags)?.map(|(found, end)| settled(text, found, end)).transpose()
}

/// An answer, if the text behind its end does not take it back; else the one that it is corrected to.
fn settled(text: &str, found: Found, end: usize) -> Result<Found, Withheld> {
    let Some(retraction) = refusal::retraction(&text[end..]) else { return Ok(found) };
    let start = end + retraction.at;
    let behind = &text[start..];
    match statement::last(behind).or_else(|| in_passing(behind)) {
        Some(corrected) => Ok(corrected.shifted(start)),
        None if retraction.is_certain => Err(Withheld),
        None => Ok(found),
    }
}

/// The last box, or tag of an answer if there may be one, or else statement, and where it ends.
fn marked(text: &str, may_be_cut: bool, has_tags: bool) -> Result<Option<(Found, usize)>, Withheld> {
    let run = boxes::last_run(text, may_be_cut)?;
    let tagged = if has_tags { thinking::tagged(text)? } else { None };
    Ok(match (run, tagged) {
        (Some(run), tagged) if tagged.as_ref().is_none_or(|tagged| tagged.start < run.outer.end) => {
            Some(run.found())
        }
        (_, Some(tagged)) => {
            let inside = &text[tagged.clone()];
            let found = statement::last(inside).map_or_else(
                || Found::one(tagged.clone(), How::Tagged),
                |found| Found { how: How::Tagged, ..found.shifted(tagged.start) },
            );
            Some((found, tagged.end))
        }
        _ => statement::last(text).map(|found| {
            let end = found.whole().end;
            (found, end)
        }),
    })
}

/// The last formula, run of plain mathematics, or number; or else what the last sentence says. A formula
/// comes before the others, unless it is a name only, or they come in a later sentence or are what the
/// formula is said to be. A conclusion that nothing solves the problem comes before all.
fn in_passing(text: &str) -> Option<Found> {
    let plain = (run::last(text).map(|place| (place, How::Formula)))
        .or_else(|| number::last(text).map(|place| (place, How::Number)));
    if let Some(place) = sentence::nothing(text) {
        return Some(Found::one(place, How::Prose));
    }
    let whole = |place: Range<usize>, how| Found::one(company::around(text, &place).unwrap_or(place), how);
    match (formula::last(text), plain) {
        (Some(formula), Some((place, how)))
            if formula.is_name(text)
                || place.start >= formula.outer.end
                    && sentence::moves_on(&text[formula.outer.end..place.start]) =>
        {
            Some(whole(place, how))
        }
        (Some(formula), _) => {
            if let Some(whole) = company::around(text, &formula.outer) {
                return Some(Found::one(whole, How::Formula));
            }
            let places = formula::list(text, formula).into_iter().map(|formula| formula.inner).collect();
            Some(Found { places, relation: Relation::Parts, how: How::Formula })
        }
        (None, Some((place, how))) => Some(whole(place, how)),
        // A word alone says less than reasoning does.
        (None, None) if bare::word(text).is_some() => None,
        (None, None) => sentence::said(text).map(|place| Found::one(place, How::Prose)),
    }
}
