//! Formulas in a text: `$…$`, `$$…$$`, `\(…\)`, `\[…\]`, and environments.
//!
//! In: a text. Out: the formula that it begins with, its last one, or the list that this one ends.
//! Dollar signs are not paired from the start of the text, where one price would turn every formula after it
//! inside out. A pair of single signs is a formula if it looks like one from both sides: nothing alphanumeric
//! before, no digit behind, no prose, no paragraph's end, and no equation without its right side inside. Any
//! other sign is money.

use std::ops::Range;

use crate::around::ending::introduces;
use crate::around::joint::{self, Joint};
use crate::around::refusal::{MAX_DENIED, is_denied};
use crate::words::{is_prose, trimmed};

/// A list of formulas has at most so many.
const MAX_LIST: usize = 64;

/// A formula, with and without its delimiters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Formula {
    pub(crate) outer: Range<usize>,
    /// Not empty. An environment is its own inside.
    pub(crate) inner: Range<usize>,
}

/// The formula that a text begins with.
pub(crate) fn leading(text: &str) -> Option<Formula> {
    let bytes = text.as_bytes();
    match *bytes.first()? {
        b'$' if bytes.get(1) == Some(&b'$') => display(text, 0, text[2..].find("$$")? + 2),
        b'$' => inline(text, 0, next_dollar(bytes, 1)?),
        b'\\' => {
            let open = text.bytes().take_while(|byte| *byte == b'\\').count() - 1;
            let name = &text[open + 1..];
            let closing = match name.as_bytes().first()? {
                b'(' => "\\)",
                b'[' => "\\]",
                b'b' => {
                    let end = format!("\\end{{{}}}", name.strip_prefix("begin{")?.split_once('}')?.0);
                    return Some(environment(0..text.find(&end)? + end.len()));
                }
                _ => return None,
            };
            let formula = bracketed(text, open, open + 2 + name[1..].find(closing)?)?;
            Some(Formula { outer: 0..formula.outer.end, ..formula })
        }
        _ => None,
    }
}

/// The last formula of a text that is more than a name (`there are $5$ values of $k$`), or else its last.
pub(crate) fn last(text: &str) -> Option<Formula> {
    let (mut name, mut denied) = (None, 0);
    for formula in (Backwards { text, end: text.len(), has_environments: true }) {
        let is_name = formula.is_name(text);
        if is_name && name.is_some() {
            continue;
        }
        if is_denied(text, &formula.outer) {
            denied += 1;
            if denied == MAX_DENIED {
                break;
            }
        } else if is_name {
            name = Some(formula);
        } else {
            return Some(formula);
        }
    }
    name
}

/// A formula and those before it that are joined to it as a list, first to last: `$x = 3$ and $x = 4$`. A
/// list has a connective, or it is introduced; else a comma ends a clause: `since $x = 3$, $y = 4$`. Commas
/// and full stops may stand inside the delimiters: `$1,$ $2,$ and $3.$`
pub(crate) fn list(text: &str, last: Formula) -> Vec<Formula> {
    let mut formulas = Backwards { text, end: last.outer.start, has_environments: true };
    let mut start = last.inner.start;
    let mut list = vec![last];
    let mut certain = 1; // so many, from the last, are a list even if nothing introduces it
    while list.len() < MAX_LIST
        && text.as_bytes()[start.saturating_sub(joint::MAX_BYTES)..start].iter().any(is_delimiter)
        && let Some(before) = formulas.next()
        && before.inner.end < before.outer.end // no environment, which holds a derivation
        && !before.is_name(text)
        && let Some(joint @ (Joint::Comma | Joint::Word)) = joint::joint(&text[before.inner.end..start])
    {
        start = before.inner.start;
        certain += usize::from(certain == list.len() && (joint == Joint::Word || certain > 1));
        list.push(before);
    }
    if !introduces(&text[..list[list.len() - 1].outer.start]) {
        list.truncate(certain);
    }
    list.reverse();
    list
}

impl Formula {
    /// Whether the formula is a single letter.
    pub(crate) fn is_name(&self, text: &str) -> bool {
        self.inner.len() == 1 && text[self.inner.clone()].starts_with(char::is_alphabetic)
    }
}

/// The formulas of a text, last to first.
struct Backwards<'a> {
    text: &'a str,
    /// Where the search goes on.
    end: usize,
    /// Whether `\begin` and `\end` were balanced up to here.
    has_environments: bool,
}

impl Iterator for Backwards<'_> {
    type Item = Formula;

    fn next(&mut self) -> Option<Formula> {
        let bytes = self.text.as_bytes();
        while let Some(at) = bytes[..self.end].iter().rposition(is_delimiter) {
            let end = std::mem::replace(&mut self.end, at);
            if let Some(formula) = self.ending(at, end) {
                self.end = formula.outer.start;
                return Some(formula);
            }
        }
        None
    }
}

impl Backwards<'_> {
    /// The formula before `end` that the delimiter at `at` ends.
    fn ending(&mut self, at: usize, end: usize) -> Option<Formula> {
        let (text, bytes) = (self.text, self.text.as_bytes());
        match (bytes[at], bytes.get(at + 1)) {
            (b'$', _) if is_escaped(bytes, at) => None,
            (b'$', _) if at > 0 && bytes[at - 1] == b'$' => {
                self.end = at - 1;
                let open = bytes[..self.end].windows(2).rposition(|pair| pair == b"$$")?;
                display(text, open, self.end)
            }
            (b'$', _) => inline(text, previous_dollar(bytes, at)?, at),
            (_, Some(b')')) => bracketed(text, opening(bytes, at, b'(', b')')?, at),
            (_, Some(b']')) => bracketed(text, opening(bytes, at, b'[', b']')?, at),
            _ if self.has_environments && text[at..].starts_with("\\end{") => {
                let begin = begin(text, at);
                self.has_environments = begin.is_some();
                let close = at + text[at..end].find('}')? + 1;
                begin.map(|begin| environment(begin..close))
            }
            _ => None,
        }
    }
}

/// `$…$` between two single signs, if they enclose a formula.
fn inline(text: &str, open: usize, close: usize) -> Option<Formula> {
    let (bytes, inner) = (text.as_bytes(), &text[open + 1..close]);
    let is_bound_before = open > 0 && bytes[open - 1].is_ascii_alphanumeric();
    let is_bound_behind = bytes.get(close + 1).is_some_and(u8::is_ascii_digit);
    let ends_loose = inner.ends_with(char::is_whitespace);
    let is_price = inner.starts_with(|c: char| c.is_ascii_digit()) && ends_loose;
    let has_content = inner.bytes().any(|byte| byte.is_ascii_alphanumeric() || byte == b'\\' || byte >= 0x80);
    let is_one_paragraph = !inner.contains("\n\n") && !inner.contains(". ");
    let is_half = inner.trim_end().ends_with('='); // `$3*4=$<<3*4=12>>12`
    let is_formula = has_content && !is_price && !is_half && is_one_paragraph && !is_prose(inner);
    let formula = || Formula { outer: open..close + 1, inner: inside(text, open + 1..close) };
    (!is_bound_before && !is_bound_behind && is_formula).then(formula)
}

/// `$$…$$` between the first signs of two pairs.
fn display(text: &str, open: usize, close: usize) -> Option<Formula> {
    let inner = inside(text, open + 2..close.max(open + 2));
    (!inner.is_empty()).then_some(Formula { outer: open..close + 2, inner })
}

/// `\(…\)` or `\[…\]`, the backslashes doubled or not, between the last backslash of each.
fn bracketed(text: &str, open: usize, close: usize) -> Option<Formula> {
    let length = text[open + 2..close].trim_end_matches('\\').len();
    let inner = inside(text, open + 2..open + 2 + length);
    (!inner.is_empty()).then_some(Formula { outer: open..close + 2, inner })
}

fn environment(place: Range<usize>) -> Formula {
    Formula { outer: place.clone(), inner: place }
}

/// The inside of delimiters without white space and without the punctuation of the sentence around them.
fn inside(text: &str, place: Range<usize>) -> Range<usize> {
    let place = trimmed(text, place);
    let inner = &text[place.clone()];
    let bare = inner.trim_end_matches(['.', ',', ';']);
    let is_punctuated = bare.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '}' | ')' | ']' | '!'));
    if is_punctuated && !bare.ends_with("right") { place.start..place.start + bare.len() } else { place }
}

/// The next dollar sign that is neither escaped nor behind the end of the paragraph.
fn next_dollar(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'$' => return Some(at),
            b'\n' if bytes.get(at + 1) == Some(&b'\n') => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The dollar sign before `end` that is not escaped.
fn previous_dollar(bytes: &[u8], end: usize) -> Option<usize> {
    (0..end).rev().find(|at| bytes[*at] == b'$' && !is_escaped(bytes, *at))
}

/// The `\(` or `\[` before a closing one, unless another closing one lies between. Both have their
/// backslashes doubled or neither: `\\[2pt]` ends a line in a display.
fn opening(bytes: &[u8], end: usize, opening: u8, closing: u8) -> Option<usize> {
    let is_doubled = is_escaped(bytes, end);
    let is_pair = |at: &usize| {
        bytes[*at] == b'\\'
            && (bytes[at + 1] == opening || bytes[at + 1] == closing)
            && is_escaped(bytes, *at) == is_doubled
    };
    let at = (0..end.saturating_sub(1)).rev().find(is_pair)?;
    (bytes[at + 1] == opening).then_some(at)
}

/// The `\begin` that belongs to the `\end` at `end`.
fn begin(text: &str, end: usize) -> Option<usize> {
    let (mut at, mut depth) = (end, 1usize);
    while depth > 0 {
        at = text[..at].rfind('\\')?;
        if text[at..].starts_with("\\end{") {
            depth += 1;
        } else if text[at..].starts_with("\\begin{") {
            depth -= 1;
        }
    }
    Some(at)
}

/// Whether a byte may begin or end a formula.
fn is_delimiter(byte: &u8) -> bool {
    matches!(byte, b'$' | b'\\')
}

fn is_escaped(bytes: &[u8], at: usize) -> bool {
    at > 0 && bytes[at - 1] == b'\\'
}
