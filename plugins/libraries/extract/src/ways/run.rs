//! Mathematics without delimiters that ends a text: `The point is (1, 2).`, `So x > 3.`, `x = 3 and x = 4`.
//!
//! A run is the longest end of the last sentence that is made of the signs of mathematics ([`token`]), from
//! the first that begins a term, with its brackets balanced. A clause before it that a comma sets off
//! (`if n = 3, x > 5`) is no part of it. It counts if it holds what a number alone has not: a tuple, a root
//! or a constant, a power, a ratio, a function of something, a variable in a relation or a sum.
//!
//! In: a text. Out: the run's place. Not a run is arithmetic that comes to a number or a quantity
//! (`3 * 4 = 12`, `v = 5 m/s`), since the number is the answer, nor a letter at a number (`2x`, `5m`), which
//! may be a unit.

use std::ops::Range;

use super::token::{self, Kind, Token};
use crate::around::ending::{self, introduces};
use crate::words::is_in;

/// A run is not longer than this many bytes.
const MAX_BYTES: usize = 300;
/// What follows these words is not an answer, but a reason or a condition for one, or denied.
const REASONS: &str = "because since where not";

/// The run that a text ends with.
pub(crate) fn last(text: &str) -> Option<Range<usize>> {
    let tokens = tokens(text, ending::of_words(text))?;
    let tokens = conclusion(text, terms(text, &tokens));
    let (first, last) = (tokens.first()?, tokens.last()?);
    let before = &text[..first.place.start];
    let word = before.trim_end().rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let is_apart = !before.ends_with(char::is_alphanumeric) && !is_in(REASONS, word);
    (is_apart && ends_term(last.kind) && is_balanced(tokens) && says_more(tokens))
        .then_some(first.place.start..last.place.end)
}

/// The signs of mathematics before `end`, first to last; none if there are too many.
fn tokens(text: &str, end: usize) -> Option<Vec<Token>> {
    let (mut tokens, mut at, mut depth) = (vec![], end, 0usize);
    while let Some(token) = token::ending(text, at, depth) {
        match token.kind {
            Kind::Close => depth += 1,
            Kind::Open if depth == 0 => break,
            Kind::Open => depth -= 1,
            _ => {}
        }
        at = text[..token.place.start].trim_end_matches([' ', '\t']).len();
        tokens.push(token);
        if end - at > MAX_BYTES {
            return None;
        }
    }
    tokens.reverse();
    Some(tokens)
}

/// The tokens from the first that begins a term.
fn terms<'a>(text: &str, tokens: &'a [Token]) -> &'a [Token] {
    let begins = |at: usize| {
        let next = tokens.get(at + 1);
        let is_tight = || next.is_some_and(|next| next.place.start == tokens[at].place.end);
        match tokens[at].kind {
            Kind::Letter => {
                let is_article = matches!(&text[tokens[at].place.clone()], "a" | "A" | "I");
                !is_article || is_tight() || next.is_none_or(|next| !begins_term(next.kind))
            }
            Kind::Sign => is_tight(),
            kind => begins_term(kind),
        }
    };
    let start = (0..tokens.len()).find(|at| begins(*at)).unwrap_or(tokens.len());
    &tokens[start..]
}

/// What follows the last comma that is not part of a list: a list is introduced, or has a connective behind
/// it.
fn conclusion<'a>(text: &str, tokens: &'a [Token]) -> &'a [Token] {
    let mut outside: Vec<usize> = outside(tokens).collect();
    while let Some(at) = outside.pop() {
        match tokens[at].kind {
            Kind::Connective => break,
            Kind::Comma if introduces(&text[..tokens[0].place.start]) => break,
            Kind::Comma => return terms(text, &tokens[at + 1..]),
            _ => {}
        }
    }
    tokens
}

/// The indices of the tokens outside brackets.
fn outside(tokens: &[Token]) -> impl Iterator<Item = usize> {
    let mut depth = 0usize;
    tokens.iter().enumerate().filter_map(move |(at, token)| {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ if depth == 0 => return Some(at),
            _ => {}
        }
        None
    })
}

fn begins_term(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Letter | Kind::Symbol | Kind::Function | Kind::Open | Kind::Bar)
}

fn ends_term(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Number | Kind::Letter | Kind::Symbol | Kind::Close | Kind::Bar | Kind::Mark | Kind::Power
    )
}

/// Whether every bracket and bar has a partner; `[2, 5)` has. Tokens never close more than they opened.
fn is_balanced(tokens: &[Token]) -> bool {
    let count = |kind| tokens.iter().filter(|token| token.kind == kind).count();
    let is_set = || tokens.iter().any(|token| token.kind == Kind::Open);
    count(Kind::Open) == count(Kind::Close) && (count(Kind::Bar) % 2 == 0 || is_set())
}

/// Whether a run is more than a number, a quantity, or arithmetic that comes to one.
fn says_more(tokens: &[Token]) -> bool {
    if comes_to_quantity(tokens) {
        return false;
    }
    let pairs = || tokens.windows(2).map(|pair| (&pair[0], &pair[1]));
    let is_special = |token: &Token| matches!(token.kind, Kind::Symbol | Kind::Power | Kind::Ratio);
    let is_between = |token: &Token| {
        matches!(token.kind, Kind::Sign | Kind::Operator | Kind::Slash | Kind::Equal | Kind::Relation)
    };
    let is_applied = || {
        let is_argument = |function: &Token, next: &Token| match next.kind {
            Kind::Letter | Kind::Symbol => true,
            Kind::Open => function.place.end == next.place.start,
            Kind::Number => tokens.len() == 2,
            _ => false,
        };
        pairs().any(|(one, next)| one.kind == Kind::Function && is_argument(one, next))
    };
    let has_variable = || {
        let is_letter = |at: usize| tokens[at].kind == Kind::Letter;
        (0..tokens.len()).any(|at| is_letter(at) && !is_spaced(&tokens[..at], &tokens[at]))
    };
    tokens.iter().any(is_special)
        || has_tuple(tokens)
        || is_applied()
        || tokens.iter().any(is_between) && has_variable()
}

/// Whether there is a comma inside brackets.
fn has_tuple(tokens: &[Token]) -> bool {
    let outer = outside(tokens).filter(|at| tokens[*at].kind == Kind::Comma).count();
    tokens.iter().filter(|token| token.kind == Kind::Comma).count() > outer
}

/// Whether a letter follows a number and a space, as a unit does.
fn is_spaced(before: &[Token], letter: &Token) -> bool {
    before.last().is_some_and(|last| last.kind == Kind::Number && last.place.end < letter.place.start)
}

/// Whether the only statement of a run, or what its last equals sign says, is a number with or without a
/// unit.
fn comes_to_quantity(tokens: &[Token]) -> bool {
    let mut start = 0;
    for at in outside(tokens) {
        match tokens[at].kind {
            Kind::Comma | Kind::Connective => return false,
            Kind::Relation => start = tokens.len(),
            Kind::Equal => start = at + 1,
            _ => {}
        }
    }
    let mut side = &tokens[start..];
    if let [sign, rest @ ..] = side
        && sign.kind == Kind::Sign
    {
        side = rest;
    }
    let is_number_like = |token: &&Token| matches!(token.kind, Kind::Number | Kind::Slash | Kind::Mark);
    let (number, unit) = side.split_at(side.iter().take_while(is_number_like).count());
    let is_of_unit =
        |token: &Token| matches!(token.kind, Kind::Letter | Kind::Slash | Kind::Power | Kind::Number);
    let is_set_off = |letter: &Token| letter.kind == Kind::Letter && is_spaced(number, letter);
    number.first().is_some_and(|token| token.kind == Kind::Number)
        && unit.first().is_none_or(is_set_off)
        && unit.iter().all(is_of_unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_do_not_belong_together_make_no_run() {
        for text in ["(see above", "x > 3)", "x +", "|x + 1", "= 3", "<b>x</b>", "", ".", "a = b => 3"] {
            assert_eq!(last(text), None, "{text}");
        }
    }
}
