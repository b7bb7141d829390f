//! Where a remark begins behind an answer, and what behind a value belongs to it.
//!
//! A remark says nothing of the value: a reason (`, since …`), a place (` (see above)`), a clause of its own
//! (`; the farmer earns that much`), `in total`. It begins with one of few words. What begins otherwise may
//! change the value (`, remainder 5`, `or more`, `, or 1/2`), and stays; who reads the answer decides.
//!
//! In: a text. Out: lengths of its beginning.

use crate::words::{is_in, split_word};

/// Words that begin a reason or an explanation, whatever it goes on with, behind any separator.
const REASONS: &str = "because since so as which hence thus therefore but by given assuming using from after see namely not \
    while whereas obviously when it this";
/// The same, behind a space alone.
const PLAIN_REASONS: &str = "because since which";
/// Words that begin a clause that is a remark if it has no number.
const CLAUSES: &str = "the a an that these those they he she we i you his her their its our my there rounded meaning making \
    all both where total";
/// Words behind `and` that begin a remark: `, and we are done`.
const ENDS: &str = "we this that it i so";
/// What follows a value and says only that it is the whole of it, or ends an answer otherwise.
const TAILS: [&str; 17] = [
    "in total",
    "in all",
    "altogether",
    "overall",
    "instead of ",
    "rather than ",
    "I hope ",
    "as required",
    "as desired",
    "as claimed",
    "as shown",
    "as above",
    "as computed",
    "as calculated",
    "as stated",
    "as expected",
    "as found",
];
/// What begins a remark in Chinese.
const FOREIGN: [&str; 22] = [
    "因为",
    "由于",
    "所以",
    "因此",
    "故",
    "这",
    "那",
    "此",
    "他",
    "她",
    "它",
    "我",
    "即",
    "也就是",
    "其中",
    "符合",
    "满足",
    "见",
    "如",
    "希望",
    "是",
    "共",
];
/// Words that change the value before them.
const CHANGES: &str = "or and plus minus more less fewer half halves third quarter remainder r rem out of times hundred \
    thousand million billion dozen percent pct than mod modulo if unless except excluding up down at most least \
    over under above below negative maybe perhaps to squared cubed factorial";
/// Words that change the value behind them.
const CHANGES_BEFORE: &str = "least most more less fewer greater smaller larger than twice thrice double triple half square cube \
    root close near between neither nor anything negative minus over under above below not except";
/// They stand in so many bytes before it.
const LEAD: usize = 28;
/// Words of doubt, which make of a clause another answer.
const DOUBTS: &str = "might may could maybe perhaps possibly should would actually really or";
/// A remark is looked for in this many bytes behind the beginning of an answer.
pub(crate) const WINDOW: usize = 400;
/// So many words behind a value may change it, and so many may stand before a further number.
const CHANGING_WORDS: usize = 5;
const NUMBER_WORDS: usize = 3;

/// Whether a remark begins at `at`, with its separator.
pub(crate) fn begins(text: &str, at: usize) -> bool {
    let rest = &text[at..];
    let window = &rest[..rest.floor_char_boundary(WINDOW)];
    match window.as_bytes()[0] {
        b' ' => {
            let after = &window[1..];
            let dashes = ["— ", "– ", "- ", "—", "("];
            match dashes.iter().find_map(|dash| after.strip_prefix(dash)) {
                Some(clause) => is_remark(clause),
                None => {
                    let (word, behind) = split_word(after);
                    is_in(PLAIN_REASONS, word) && behind.starts_with(' ')
                        || TAILS.iter().any(|tail| after.starts_with(tail))
                }
            }
        }
        b',' | b';' => window[1..].strip_prefix(' ').is_some_and(is_remark),
        0xE2 => window.strip_prefix("—").is_some_and(is_remark),
        0xEF => ["，", "；", "（"]
            .iter()
            .find_map(|mark| window.strip_prefix(mark))
            .is_some_and(|clause| is_remark(clause) || FOREIGN.iter().any(|word| clause.starts_with(word))),
        _ => false,
    }
}

/// Whether a clause is a remark.
fn is_remark(clause: &str) -> bool {
    let (word, behind) = split_word(clause);
    if word.is_empty() || !behind.starts_with([' ', ',', '\'', '’', '.', ')', ':']) && !behind.is_empty() {
        return false;
    }
    let end = clause.find(['\n', ';', '.', '?', '!']).unwrap_or(clause.len());
    let clause = &clause[..end];
    let has_word = |list: &str| clause.split(|c: char| !c.is_alphabetic()).any(|word| is_in(list, word));
    if word.eq_ignore_ascii_case("but") {
        return !has_word(DOUBTS);
    }
    let is_end = || {
        let (next, _) = split_word(behind.trim_start());
        word.eq_ignore_ascii_case("and")
            && is_in(ENDS, next)
            && !clause.contains(|c: char| c.is_ascii_digit())
    };
    is_end()
        || TAILS.iter().any(|tail| clause.starts_with(tail))
        || is_in(REASONS, word)
        || is_in(CLAUSES, word) && !clause.contains(|c: char| c.is_ascii_digit() || matches!(c, '=' | '$'))
}

/// Whether the text before a value changes it: `at least`, `twice`.
pub(crate) fn changes_what_follows(before: &str) -> bool {
    let before = &before[before.ceil_char_boundary(before.len().saturating_sub(LEAD))..];
    before.split(|c: char| !c.is_alphabetic()).any(|word| is_in(CHANGES_BEFORE, word))
}

/// Whether the text behind a value changes it: by one of few words, or by a further number near it.
pub(crate) fn changes(behind: &str) -> bool {
    let words = behind.split_whitespace().map(|word| word.trim_matches(['*', '_', ',', '(', ')', '`', '$']));
    words.take(CHANGING_WORDS).enumerate().any(|(at, word)| {
        is_in(CHANGES, word)
            || at < NUMBER_WORDS && word.starts_with(|c: char| c.is_ascii_digit() || c == '\\')
    })
}
