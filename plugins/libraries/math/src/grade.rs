//! The grade of one response.
//!
//! The reference is an answer, or a whole solution whose answer stands in a box. A reference that cannot be
//! read is reported and never scored. An answer that cannot be read is wrong, unless it is the reference
//! letter by letter.
//!
//! In: a reference and a response. Out: a [`Grade`]. There is no partial credit.

use std::ops::Range;

use ts_extract::{Found, How, Relation};

use crate::algebra::{Trouble, Work};
use crate::compare::{same, text};
use crate::syntax::{Node, Symbol, parse, same_tokens, says_something};
use crate::{MAX_BYTES, WORK, plain};

/// What a response is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its answer is the reference.
    Correct,
    /// Its answer is another.
    Incorrect,
    /// It has no answer.
    NoAnswer,
    /// The reference cannot be read: why.
    BadReference(String),
    /// Whether its answer is the reference could not be told within the work allowed.
    Undecided(String),
}

/// A verdict and what it was based on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grade {
    /// The verdict.
    pub verdict: Verdict,
    /// Where in the response the answer stands: a range of bytes on character boundaries.
    pub place: Option<Range<usize>>,
    /// How the verdict came about, where that is not plain to see; a sentence without its full stop.
    pub note: String,
}

/// Grades a response by a reference.
pub fn grade(reference: &str, response: &str) -> Grade {
    let found = ts_extract::answer(response);
    // Most references and answers are plain numbers.
    if let Some(Found { places, .. }) = &found
        && let [place] = &places[..]
        && let Some(same) = plain::same(reference, &response[place.clone()])
    {
        let verdict = if same { Verdict::Correct } else { Verdict::Incorrect };
        return Grade { verdict, place: Some(place.clone()), note: String::new() };
    }
    let reference = match read_reference(reference) {
        Ok(reference) => reference,
        Err((text, why)) => {
            // A text that cannot be read still is itself.
            return match &found {
                Some(found) if same_text(&text, &found.text(response)) => {
                    Grade { verdict: Verdict::Correct, place: Some(found.whole()), note: String::new() }
                }
                _ if same_text(&text, response) => {
                    Grade { verdict: Verdict::Correct, place: Some(0..response.len()), note: String::new() }
                }
                _ => Grade { verdict: Verdict::BadReference(why), place: None, note: String::new() },
            };
        }
    };
    let chosen = reference.choice().and_then(|letter| {
        let stated = found.as_ref().is_some_and(|found| matches!(found.how, How::Boxed | How::Tagged));
        if stated { None } else { ts_extract::choice(response, letter.max('J')) }
    });
    let (answer, place) = match (chosen, &found) {
        (Some(choice), _) => (choice.letter.to_string().into(), choice.place),
        (None, Some(found)) => (found.text(response), found.whole()),
        (None, None) => {
            return Grade { verdict: Verdict::NoAnswer, place: None, note: "no answer is stated".to_owned() };
        }
    };
    let (verdict, note) = match found.filter(|found| found.relation == Relation::Same) {
        Some(found) => restated(&reference, &found, response),
        None => compared(&reference, &answer),
    };
    let is_near = response.len() <= 2 * reference.text.len() + 16;
    if verdict != Verdict::Correct && is_near && same_text(&reference.text, response) {
        // The response is the reference, and states no part of itself.
        return Grade { verdict: Verdict::Correct, place: Some(0..response.len()), note: String::new() };
    }
    Grade { verdict, place: Some(place), note }
}

/// An answer that is given more than once, as the same value: each must be the reference.
/// `\boxed{x} = \boxed{5}` is given once.
fn restated(reference: &Reference<'_>, found: &Found, response: &str) -> (Verdict, String) {
    let is_name = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count() == text.chars().count();
    let texts = || found.places.iter().map(|place| &response[place.clone()]);
    if texts().next().is_some_and(is_name) {
        return compared(reference, &found.text(response));
    }
    let mut verdicts = texts().map(|text| compared(reference, text));
    let other = verdicts.find(|(verdict, _)| *verdict != Verdict::Correct);
    other.unwrap_or((Verdict::Correct, String::new()))
}

/// A reference, read.
struct Reference<'a> {
    text: std::borrow::Cow<'a, str>,
    /// None if it is too long to be read.
    node: Option<Node>,
}

impl Reference<'_> {
    /// The letter, if the reference is a choice's.
    fn choice(&self) -> Option<char> {
        match &self.node {
            Some(Node::Symbol(Symbol::Name(name))) => {
                let mut letters = name.chars();
                letters.next().filter(|letter| letter.is_ascii_uppercase() && letters.next().is_none())
            }
            _ => None,
        }
    }
}

/// The reference, or its text and why it cannot be read.
fn read_reference(reference: &str) -> Result<Reference<'_>, (std::borrow::Cow<'_, str>, String)> {
    let text = match ts_extract::boxed(reference) {
        Some(found) => found.text(reference),
        None => std::borrow::Cow::from(reference),
    };
    if text.len() > MAX_BYTES {
        return Ok(Reference { text, node: None });
    }
    match parse(&text) {
        Ok(node) => Ok(Reference { text, node: Some(node) }),
        Err(error) => {
            let why = format!("the reference cannot be read: {}", error.0);
            Err((text, why))
        }
    }
}

fn compared(reference: &Reference<'_>, answer: &str) -> (Verdict, String) {
    let verdict = |same: bool| if same { Verdict::Correct } else { Verdict::Incorrect };
    if same_text(&reference.text, answer) {
        return (Verdict::Correct, String::new());
    }
    let Some(node) = &reference.node else {
        return match answer.len() > MAX_BYTES {
            true => (
                Verdict::Undecided(format!(
                    "answer and reference are longer than {MAX_BYTES} bytes, and differ"
                )),
                String::new(),
            ),
            false => (
                Verdict::Incorrect,
                format!("the reference is longer than {MAX_BYTES} bytes, and the answer is not"),
            ),
        };
    };
    if answer.len() > MAX_BYTES {
        return (
            Verdict::Incorrect,
            format!("the answer is longer than {MAX_BYTES} bytes, and not the reference"),
        );
    }
    match parse(answer) {
        Ok(other) => match same(node, &other, &Work::new(WORK)) {
            Ok(same) => (verdict(same), String::new()),
            Err(Trouble::Undefined(why)) => (Verdict::Incorrect, why.to_owned()),
            Err(Trouble::TooExpensive) => (
                Verdict::Undecided(
                    "whether the answer is the reference is too expensive to decide".to_owned(),
                ),
                String::new(),
            ),
        },
        Err(error) => {
            let words = matches!(node, Node::Text(_)) && text::plain(&reference.text) == text::plain(answer);
            let letter = reference.choice();
            let same = words || (letter.is_some() && text::choice(answer) == letter);
            (verdict(same), format!("the answer cannot be read: {}", error.0))
        }
    }
}

/// Whether two texts are one: letter by letter, but for white space, the dollars around formulas, a full
/// stop, and commands that only set type. A text that says nothing is none, not even itself.
fn same_text(a: &str, b: &str) -> bool {
    let letters = |text| str::chars(text).filter(|c| !c.is_whitespace());
    let same = letters(a).eq(letters(b)) && letters(a).next().is_some();
    if a.len().max(b.len()) > MAX_BYTES { same } else { same && says_something(a) || same_tokens(a, b) }
}
