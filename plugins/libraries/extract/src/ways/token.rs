//! The signs of mathematics in plain text, read backwards.
//!
//! In: a text and where a sign ends. Out: the sign. None where mathematics ends: at a word, a sentence's end,
//! an arrow (`=>`, what follows it being the conclusion), a colon behind a word, a sign of money, a delimiter
//! of formulas, or a calculator's mark (`<<3*4=12>>`).

use std::ops::Range;

use crate::words::{FUNCTIONS, is_in};

/// What a sign is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    /// A single letter: a variable, a unit, or an article.
    Letter,
    /// What stands in no prose: a root, a constant, a Greek letter, a command of LaTeX.
    Symbol,
    /// `sin`, `ln`, `max`.
    Function,
    /// `+` and `-`, which may also be signs of what follows them.
    Sign,
    /// Any other sign between two terms.
    Operator,
    Slash,
    Power,
    /// A colon between two terms.
    Ratio,
    /// `=` or `≈`.
    Equal,
    /// Any other relation.
    Relation,
    Open,
    Close,
    /// A sign of an absolute value, or one inside a set.
    Bar,
    Comma,
    /// `and`, `or`.
    Connective,
    /// What is written behind a term: `!`, `%`, `°`, a prime, an index.
    Mark,
}

/// A sign and its place.
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) place: Range<usize>,
}

/// Constants and roots that are written as words.
const SYMBOLS: &str = "sqrt pi infinity";
/// Commands that hold or lay out, and are not mathematics themselves.
const HOLDERS: &str = "boxed fbox begin end";

/// The sign that ends at `end`, if it belongs to mathematics. `depth`: how many brackets are closed behind
/// it.
pub(crate) fn ending(text: &str, end: usize, depth: usize) -> Option<Token> {
    let (before, after) = (&text[..end], &text[end..]);
    let sign = before.chars().next_back()?;
    let start = end - sign.len_utf8();
    let found = |kind, start: usize| Some(Token { kind, place: start..end });
    if sign.is_ascii_digit() {
        return found(Kind::Number, number_start(before.as_bytes()));
    }
    if sign.is_ascii_alphabetic() {
        return word(before, after);
    }
    let previous = &before[..start];
    if let Some(unescaped) = previous.strip_suffix('\\') {
        let kind = match sign {
            '{' => Kind::Open,
            '}' => Kind::Close,
            ',' | ';' | '!' | '%' => Kind::Mark,
            _ => return None,
        };
        return found(kind, unescaped.len());
    }
    let is_lettered = |c: char| c.is_ascii_alphabetic() || c == '\'';
    let is_before = |signs: &[char]| previous.ends_with(signs);
    let kind = match sign {
        '+' | '-' | '−' | '–' => Kind::Sign,
        '*' if is_before(&['*']) => return found(Kind::Power, start - 1),
        '*' | '·' | '×' | '÷' | '∪' | '∩' | '∘' | '⋅' => Kind::Operator,
        '/' => Kind::Slash,
        '^' | '⁰' | '¹' | '²' | '³' | '⁴'..='⁹' | '⁻' | 'ⁿ' => Kind::Power,
        ':' if is_before(&[' ']) == after.starts_with(' ') => Kind::Ratio,
        '=' if is_before(&['<', '>', '!']) => return found(Kind::Relation, start - 1),
        '=' | '≈' => Kind::Equal,
        '<' if is_before(&['<']) => return None,
        '>' if is_before(&['>', '-', '=']) => return None,
        '<' | '>' | '≤' | '≥' | '≠' | '≡' | '∈' | '∝' => Kind::Relation,
        '(' | '[' | '{' => Kind::Open,
        ')' | ']' | '}' => Kind::Close,
        '|' if depth > 0
            || !(previous.ends_with(' ') || previous.is_empty())
            || after.starts_with(is_term) =>
        {
            Kind::Bar
        }
        ',' | ';' => Kind::Comma,
        '\'' | '’' | '′' if previous.ends_with(is_lettered) && !after.starts_with(char::is_alphabetic) => {
            Kind::Mark
        }
        '.' if previous.ends_with("..") => return found(Kind::Mark, start - 2),
        '…' | '⋯' | '!' | '%' | '°' | '_' | '₀'..='₉' => Kind::Mark,
        '½' | '¼' | '¾' | '⅓' | '⅔' => Kind::Number,
        '√' | '∛' | '±' | '∞' | '∅' | 'ℝ' | 'ℤ' | 'ℚ' | 'ℕ' | 'ℂ' => Kind::Symbol,
        _ if is_greek(sign) && !previous.ends_with(is_greek) && !after.starts_with(is_greek) => Kind::Symbol,
        _ => return None,
    };
    found(kind, start)
}

/// Where the number starts that a text ends with: digits, a decimal point or colons (`7:30`), and thousands
/// set off by commas.
fn number_start(bytes: &[u8]) -> usize {
    let digits = |end: usize| bytes[..end].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let mut start = bytes.len() - digits(bytes.len());
    while start > 1 && matches!(bytes[start - 1], b'.' | b':') && digits(start - 1) > 0 {
        start -= 1 + digits(start - 1);
    }
    if bytes[..start].ends_with(b".") && !bytes[..start].ends_with(b"..") {
        start -= 1;
    }
    while start > 1
        && bytes[start - 1] == b','
        && bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count() == 3
        && (1..=3).contains(&digits(start - 1))
    {
        start -= 1 + digits(start - 1);
    }
    start
}

/// The letters that `before` ends with, unless they are an ordinary word.
fn word(before: &str, after: &str) -> Option<Token> {
    let is_part = |c: char| c.is_ascii_alphabetic() || matches!(c, '\'' | '’');
    let start = before.trim_end_matches(is_part).len();
    let (previous, word) = before.split_at(start);
    let place = start..before.len();
    let command = previous.trim_end_matches('\\');
    if command.len() < start {
        let is_mathematics = word.chars().all(|c| c.is_ascii_alphabetic()) && !is_in(HOLDERS, word);
        return is_mathematics.then_some(Token { kind: Kind::Symbol, place: command.len()..before.len() });
    }
    let is_times =
        || matches!(word, "x" | "X") && after.trim_start().starts_with(|c: char| c.is_ascii_digit());
    let kind = match word {
        "and" | "or" => Kind::Connective,
        _ if is_times() => Kind::Operator,
        _ if word.len() == 1 => Kind::Letter,
        _ if is_in(SYMBOLS, word) => Kind::Symbol,
        _ if is_in(FUNCTIONS, word) => Kind::Function,
        _ => return None,
    };
    Some(Token { kind, place })
}

/// Whether a sign begins a term.
fn is_term(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '(' | '-' | '−' | '√' | '\\')
}

fn is_greek(c: char) -> bool {
    ('\u{370}'..='\u{3FF}').contains(&c)
}
