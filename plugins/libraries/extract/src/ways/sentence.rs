//! What a sentence that states an answer states.
//!
//! In: what follows the words that announce an answer. Out: the answer in it: the formula or the emphasised
//! piece that it begins with, with a unit that follows or with what changes its value; a run of formulas that
//! are joined; else the rest of the sentence up to a remark; and of a sentence in prose what follows its last
//! `is`, or the first formula or number. Also, what a sentence says in passing, and how it leads on.

use std::ops::Range;

use super::{formula, number};
use crate::around::joint::joins;
use crate::around::{company, ending, markup, remark};
use crate::words::{count, is_in, leads_with_word, shifted, split_word, trimmed};
use crate::{Found, How, Relation};

/// Words after which a sentence says what something is.
const COPULAS: [&str; 8] = [" is ", " are ", " was ", " equals ", " be ", " equal to ", " est ", " es "];
/// Words that make no answer, alone or with one another.
const IDLE: &str = "as follows below above correct incorrect wrong right clear helpful given by the following that this \
    it is not so in found obtained unclear to be here shown ready now";
/// Words that may stand before an answer.
const FILLERS: &str = "for sure definitely clearly simply therefore thus then hence just exactly approximately about \
    roughly indeed certainly probably obviously now still of course equal to given by option choice \
    the letter la el le actually really either";
/// Words that do not make a unit.
const NO_UNITS: &str = "as is are was since because so and or which where when for if by in on from the that with at then \
    but of to I we";

/// What numbers a name may stand for.
const KINDS: &str =
    "even odd prime positive negative integer integers real rational natural whole all every any";
/// How a conclusion begins.
const CONCLUSIONS: [&str; 7] =
    ["therefore", "thus", "so", "hence", "consequently", "we conclude", "in conclusion"];
/// How it says that nothing solves the problem.
const NOTHING: [&str; 6] = [
    "no solution",
    "no solutions",
    "no real solution",
    "no real solutions",
    "no such number",
    "no real roots",
];
/// What a sentence says in passing has at most so many words.
const MAX_SAID: usize = 6;
/// A sentence in prose is read up to this many bytes, and for formulas at this many signs that may begin one.
const MAX_PROSE: usize = 2000;
const MAX_FORMULA_SIGNS: usize = 8;

/// What is stated.
pub(crate) fn stated(text: &str) -> Option<Found> {
    if let Some(found) = formulas(text) {
        return Some(found);
    }
    let sentence = within_sentence(text);
    let filled = filler(sentence);
    if !leads_with_word(&sentence[filled..]) {
        return if sentence.is_empty() { None } else { value(text, filled..sentence.len()) };
    }
    let sentence = &sentence[..sentence.floor_char_boundary(MAX_PROSE)];
    let predicate = predicate(sentence);
    for start in [predicate, 0] {
        let part = &sentence[start..];
        if let Some(found) = formulas(part) {
            return Some(found.shifted(start));
        }
        if start > 0 && !leads_with_word(part) && !part.is_empty() {
            return value(sentence, start..sentence.len());
        }
        if let Some(place) = first_formula(part).or_else(|| number::first(part)) {
            let place = shifted(company::around(part, &place).unwrap_or(place), start);
            let before = &sentence[predicate.min(place.start)..place.start];
            let is_name = place.len() == 1 && sentence[place.clone()].starts_with(char::is_alphabetic);
            let is_changed = remark::changes_what_follows(before)
                || is_name && before.split(' ').any(|word| is_in(KINDS, word));
            return one(if is_changed { predicate.min(place.start)..sentence.len() } else { place });
        }
    }
    if is_idle(sentence) { None } else { one(predicate..sentence.len()) }
}

/// The value at a place, which may have marks of emphasis in it. What follows the first piece counts if it is
/// a unit or changes the value.
fn value(text: &str, place: Range<usize>) -> Option<Found> {
    let pieces: Vec<Range<usize>> =
        markup::pieces(&text[place.clone()]).into_iter().map(|piece| shifted(piece, place.start)).collect();
    let [first, rest @ ..] = &pieces[..] else { return None };
    let Some(second) = rest.first() else { return one(first.clone()) };
    let behind = &text[second.start..place.end];
    if unit(behind) > 0 || remark::changes(behind) || !text[first.clone()].contains(char::is_alphanumeric) {
        return Some(Found { places: pieces, relation: Relation::Pieces, how: How::Stated });
    }
    one(first.clone())
}

/// What the last sentence of a text says that something is, if it is a few words: `The function is even.`
pub(crate) fn said(text: &str) -> Option<Range<usize>> {
    let place = ending::sentence(text, MAX_PROSE)?;
    let sentence = &text[place.clone()];
    if sentence.len() > MAX_PROSE || sentence.ends_with(['?', '？']) {
        return None;
    }
    let predicate = predicate(sentence);
    let start = predicate + filler(&sentence[predicate..]);
    let said = within_sentence(&sentence[start..]);
    let words = said.split_whitespace().count();
    let is_denial = || said.starts_with("not ") && said.contains(|c: char| c.is_ascii_digit() || c == '\\');
    let says = predicate > 0
        && said.starts_with(char::is_alphabetic)
        && words <= MAX_SAID
        && !is_idle(said)
        && !is_denial();
    says.then(|| shifted(start..start + said.len(), place.start))
}

/// What the last sentence says if it concludes that nothing solves the problem:
/// `Thus the equation has no solution.`
pub(crate) fn nothing(text: &str) -> Option<Range<usize>> {
    let end = ending::of_words(text);
    let words = NOTHING.iter().find(|words| text[..end].ends_with(**words))?;
    let place = ending::sentence(text, MAX_PROSE)?;
    let sentence = &text[place.clone()];
    let is_whole = place.start == 0;
    let begins = |lead: &str| {
        sentence.get(..lead.len()).is_some_and(|start| start.eq_ignore_ascii_case(lead))
            && !sentence[lead.len()..].starts_with(char::is_alphabetic)
    };
    (is_whole || CONCLUSIONS.iter().any(|lead| begins(lead))).then(|| end - words.len()..end)
}

/// Whether the text between a formula and a number leaves the formula behind: a sentence ends in it, or says
/// what the formula is.
pub(crate) fn moves_on(text: &str) -> bool {
    let is_end = |(at, c): (usize, char)| match c {
        '\n' | '。' | '！' | '？' => true,
        '.' | '!' | '?' => text[at + 1..].starts_with(char::is_whitespace),
        _ => false,
    };
    text.char_indices().any(is_end) || COPULAS.iter().any(|copula| text.contains(copula.trim_end()))
}

/// The formula that a text begins with and those joined to it. A unit behind a single one belongs to it, and
/// so do its delimiters then; so does what changes the value of the last.
fn formulas(text: &str) -> Option<Found> {
    let first = formula::leading(text)?;
    let (start, mut end) = (first.outer.start, first.outer.end);
    let marks = markup::leading(&text[end..]);
    let unit = unit(&text[end + marks..]);
    if unit > 0 && marks == 0 {
        return one(start..end + unit);
    }
    if unit > 0 {
        let places = vec![first.inner, trimmed(text, end + marks..end + marks + unit)];
        return Some(Found { places, relation: Relation::Pieces, how: How::Stated });
    }
    let mut places = vec![first.inner];
    while let Some(gap) = text[end..].find(['$', '\\', '\n']).filter(|gap| joins(&text[end..end + gap]))
        && let Some(next) = formula::leading(&text[end + gap..])
    {
        let start = end + gap;
        places.push(shifted(next.inner, start));
        end = start + next.outer.end;
    }
    let behind = within_sentence(&text[end..]);
    let is_name = || places.len() == 1 && places[0].len() == 1;
    let says_what =
        || COPULAS.iter().any(|copula| behind.starts_with(copula)) || behind.starts_with(" must be ");
    if remark::changes(behind)
        || is_name() && text[places[0].clone()].starts_with(char::is_alphabetic) && says_what()
    {
        return one(start..end + behind.len());
    }
    Some(Found { places, relation: Relation::Parts, how: How::Stated })
}

/// The length of the unit that a text begins with, spaces before it included: a percent sign, or one or two
/// words up to the end of the sentence.
fn unit(text: &str) -> usize {
    let spaces = text.len() - text.trim_start_matches(' ').len();
    let rest = &text[spaces..];
    if let Some(percent) = ["%", "\\%", "°"].iter().find(|sign| rest.starts_with(**sign)) {
        return spaces + percent.len();
    }
    let sentence = within_sentence(rest);
    let is_unit = sentence.starts_with(|c: char| c.is_alphabetic())
        && sentence
            .chars()
            .all(|c| c.is_alphabetic() || matches!(c, ' ' | '/' | '^' | '2' | '3' | '²' | '³'))
        && sentence.split(' ').count() <= 2
        && !sentence.split(' ').any(|word| is_in(NO_UNITS, word));
    if is_unit { spaces + sentence.len() } else { 0 }
}

/// The text up to the end of its first sentence or line, to a remark, or to a token that ends a turn.
fn within_sentence(text: &str) -> &str {
    let bytes = text.as_bytes();
    let ends = |at: &usize| match bytes[*at] {
        b'\n' | b'\r' => true,
        b'.' | b'!' | b'?' => bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace),
        b'<' => bytes.get(at + 1).is_some_and(|byte| {
            *byte == b'|' || *byte == 0xEF || *byte == b'/' && markup::leading(&text[*at..]) == 0
        }),
        b' ' | b',' | b';' | 0xE2 if *at < remark::WINDOW => remark::begins(text, *at),
        0xE3 => bytes[*at..].starts_with("。".as_bytes()),
        0xEF => {
            let rest = &text[*at..];
            rest.starts_with(['！', '？', '．']) || *at < remark::WINDOW && remark::begins(text, *at)
        }
        _ => false,
    };
    let end = (0..bytes.len()).find(ends).unwrap_or(bytes.len());
    let is_trail =
        |c: char| c.is_whitespace() || matches!(c, '.' | ',' | ';' | '*' | '_' | '`' | '"' | '”' | '，');
    text[..end].trim_end_matches(is_trail)
}

/// The length of the fillers that a sentence begins with; 0 if it is nothing else.
fn filler(sentence: &str) -> usize {
    let mut rest = sentence;
    loop {
        let (word, after) = split_word(rest);
        if word.is_empty() || !is_in(FILLERS, word) {
            break;
        }
        rest = after.trim_start_matches([' ', ',', '*']);
    }
    if rest.is_empty() { 0 } else { sentence.len() - rest.len() }
}

/// Where the part begins that follows the last copula that is not negated; 0 without one.
fn predicate(sentence: &str) -> usize {
    let spaces = sentence.bytes().enumerate().rev().filter(|(_, byte)| *byte == b' ');
    let mut ends = spaces.filter_map(|(at, _)| {
        let copula = COPULAS.iter().find(|copula| sentence[at..].starts_with(**copula))?;
        let is_negated = ["n't", "n’t", "not"].iter().any(|negation| sentence[..at].ends_with(negation));
        (!is_negated).then_some(at + copula.len())
    });
    let start = ends.next().unwrap_or(0);
    let rest = sentence[start..].trim_start_matches([' ', '*', ':']);
    if rest.is_empty() { 0 } else { sentence.len() - rest.len() }
}

fn first_formula(text: &str) -> Option<Range<usize>> {
    let signs = text.match_indices(['$', '\\']).take(MAX_FORMULA_SIGNS);
    let mut formulas =
        signs.filter_map(|(start, _)| Some(shifted(formula::leading(&text[start..])?.inner, start)));
    formulas.next()
}

fn one(place: Range<usize>) -> Option<Found> {
    Some(Found::one(place, How::Stated))
}

/// Whether words announce an answer that comes elsewhere, or judge one.
fn is_idle(sentence: &str) -> bool {
    let mut words = sentence.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    count(sentence) > 0 && words.all(|word| is_in(IDLE, word))
}
