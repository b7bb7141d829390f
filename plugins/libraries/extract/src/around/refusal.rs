//! What a text takes back: values that it denies, and answers that it corrects.
//!
//! A value is denied by the words right before it (`it is not 5`, `it cannot be 5`) or right behind it
//! (`5 is too small`). An answer is taken back where a sentence behind it begins as corrections do
//! (`Wait, that is wrong`), unless what follows comes to the same after all (`… so it is correct`).
//!
//! In: a text and a place. Out: whether it is denied or where it is taken back. Irony and reasons are not
//! understood.

use std::ops::Range;

use crate::words::is_in;

/// Words that deny what follows them.
const NEGATIONS: &str = "not never cannot isn't isn’t can't can’t couldn't couldn’t shouldn't shouldn’t wasn't wasn’t \
    aren't aren’t won't won’t nicht neither nor wrong incorrect reject rejects discard exclude excludes eliminate \
    eliminates tempting";
/// Pairs of words that do so.
const DENYING_PAIRS: [(&str, &str); 4] =
    [("rather", "than"), ("instead", "of"), ("ruled", "out"), ("anything", "but")];
/// Words that may stand between a negation and the value.
const PASSED: &str =
    "be equal to exactly simply just the a value answer result candidate actually really is was say guess";
/// The same without spaces, as ends of the text before.
const ENDINGS: [&str; 5] = ["不是", "并非", "不等于", "不为", "而非"];
/// Words behind a value that deny it.
const JUDGEMENTS: [&str; 35] = [
    "? No",
    "? no",
    "is wrong",
    "is incorrect",
    "is false",
    "is not correct",
    "is not right",
    "is not the ",
    "is not possible",
    "is not valid",
    "is not a solution",
    "is impossible",
    "is invalid",
    "is too ",
    "is rejected",
    "is extraneous",
    "is ruled out",
    "is excluded",
    "is eliminated",
    "isn't correct",
    "isn't right",
    "isn't the ",
    "isn't possible",
    "was wrong",
    "was incorrect",
    "was a mistake",
    "can't be",
    "cannot be",
    "does not work",
    "doesn't work",
    "fails",
    ", but the correct",
    ", but the right",
    "不对",
    "错",
];
/// So many bytes before and behind a value are looked at.
const WINDOW: usize = 48;
/// How a sentence begins that takes back what stands before it, in lower case.
const RETRACTIONS: [&str; 62] = [
    "wait",
    "actually",
    "oops",
    "hold on",
    "hmm",
    "correction",
    "sorry",
    "apologies",
    "scratch that",
    "my mistake",
    "my bad",
    "no,",
    "no.",
    "no!",
    "no wait",
    "no -",
    "not quite",
    "on second thought",
    "on reflection",
    "that's wrong",
    "that is wrong",
    "that's not",
    "that is not",
    "that's incorrect",
    "that is incorrect",
    "that was wrong",
    "that can't be",
    "that cannot be",
    "that isn't",
    "this is wrong",
    "this is incorrect",
    "this is not",
    "this isn't",
    "this can't be",
    "this cannot be",
    "i made a",
    "i was wrong",
    "i mis",
    "there's a mistake",
    "there is a mistake",
    "there's an error",
    "there is an error",
    "edit:",
    "update:",
    "i forgot",
    "let me re",
    "but i get",
    "but i got",
    "but i find",
    "but i found",
    "but i think",
    "but i believe",
    "but we get",
    "but my answer",
    "but actually",
    "but the correct",
    "but the right",
    "but the real",
    "but the true",
    "等等",
    "不对",
    "更正",
];
/// For each byte, the retractions that begin with it in either case: a bit for each.
const RETRACTIONS_AT: [u64; 256] = retractions_at();
/// Words before a retraction.
const LEADS: [&str; 6] = ["but ", "oh ", "oh, ", "ah, ", "however, ", "oh no, "];
/// Words that say that an answer is wrong.
const FAULTS: [&str; 7] = ["wrong", "incorrect", "mistake", "error", "not right", "scratch", "不对"];
/// Words that say that an answer stands after all.
const CONFIRMATIONS: [&str; 16] = [
    "is correct",
    "'s correct",
    "’s correct",
    "is indeed correct",
    "are correct",
    "seems correct",
    "is right",
    "'s right",
    "’s right",
    "confirm",
    "✓",
    "✔",
    "checks out",
    "verified",
    "matches",
    "stands",
];
/// If a text denies so many values in a row, it has none that it does not.
pub(crate) const MAX_DENIED: usize = 64;
/// For a confirmation so many bytes are looked at behind a retraction, and as many at the end.
const CONFIRMED_WITHIN: usize = 800;

/// Where a text takes back what stands before it.
pub(crate) struct Retraction {
    /// Where it begins.
    pub(crate) at: usize,
    /// Whether it says that something was wrong.
    pub(crate) is_certain: bool,
}

/// Whether the words around a value deny it.
pub(crate) fn is_denied<'a>(text: &'a str, value: &Range<usize>) -> bool {
    let before = &text[text.ceil_char_boundary(value.start.saturating_sub(WINDOW))..value.start];
    let unmarked =
        |text: &'a str| text.trim_end_matches([' ', '$', '*', '_', '(', '[', '{', '\\', '"', '`', '“']);
    let before = unmarked(before);
    let before =
        ["\\boxed", "\\fbox"].iter().find_map(|name| before.strip_suffix(name)).map_or(before, unmarked);
    let behind =
        text[value.end..].trim_start_matches([' ', '$', '*', '_', ')', ']', '}', '\\', '"', '`', '”', '.']);
    let may_be_judged =
        !behind.starts_with(|c: char| c.is_ascii() && !matches!(c, 'i' | 'w' | 'c' | 'd' | 'f' | '?' | ','));
    may_be_judged && JUDGEMENTS.iter().any(|judgement| behind.starts_with(judgement))
        || ENDINGS.iter().any(|ending| before.ends_with(ending))
        || is_negated(before)
}

/// Whether a text ends with a negation and words that may stand behind it.
fn is_negated(before: &str) -> bool {
    let mut words = before.rsplit(' ').map(|word| word.trim_start_matches(['*', '_', '"', '(', '“']));
    while let Some(word) = words.next() {
        if is_in(NEGATIONS, word) {
            return true;
        }
        if let Some((first, _)) = DENYING_PAIRS.iter().find(|(_, last)| last.eq_ignore_ascii_case(word)) {
            return words.next().is_some_and(|word| word.eq_ignore_ascii_case(first));
        }
        if !is_in(PASSED, word) {
            return false;
        }
    }
    false
}

/// Where a text takes back the answer that stands right before it.
pub(crate) fn retraction(behind: &str) -> Option<Retraction> {
    let question = behind.starts_with(['?', '？']).then(|| behind.chars().next().map_or(0, char::len_utf8));
    let at = question.or_else(|| begins_retraction(behind))?;
    let rest = &behind[at..];
    let near = &rest[..rest.floor_char_boundary(CONFIRMED_WITHIN)];
    let end = &rest[rest.ceil_char_boundary(rest.len().saturating_sub(CONFIRMED_WITHIN))..];
    let has = |words: &[&str]| words.iter().any(|words| near.contains(words) || end.contains(words));
    (!has(&CONFIRMATIONS)).then(|| Retraction { at, is_certain: has(&FAULTS) })
}

/// Where a sentence or clause begins as retractions do.
fn begins_retraction(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut is_start) = (0, true);
    while at < bytes.len() {
        match bytes[at] {
            b' ' | b'\r' | b'*' | b'_' | b'$' | b'}' | b')' | b'`' => {}
            b'\n' | b',' | b';' | b'(' => is_start = true,
            b'.' | b'!' | b'?' => is_start |= bytes.get(at + 1).is_some_and(u8::is_ascii_whitespace),
            0xE2 | 0xE3 | 0xEF if text[at..].starts_with(['—', '。', '，', '；', '？', '！']) => {
                is_start = true;
                at += 2;
            }
            _ if is_start => {
                if opens_retraction(&bytes[at..]) {
                    return Some(at);
                }
                let has = |lead: &&&str| {
                    bytes[at..].get(..lead.len()).is_some_and(|l| l.eq_ignore_ascii_case(lead.as_bytes()))
                };
                let lead = LEADS.iter().find(has).map_or(0, |lead| lead.len());
                is_start = lead > 0;
                at += lead.saturating_sub(1);
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn opens_retraction(text: &[u8]) -> bool {
    let mut candidates = text.first().map_or(0, |byte| RETRACTIONS_AT[usize::from(*byte)]);
    while candidates != 0 {
        let words = RETRACTIONS[candidates.trailing_zeros() as usize].as_bytes();
        candidates &= candidates - 1;
        if text.get(..words.len()).is_some_and(|found| found.eq_ignore_ascii_case(words)) {
            return true;
        }
    }
    false
}

const fn retractions_at() -> [u64; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < RETRACTIONS.len() {
        let byte = RETRACTIONS[index].as_bytes()[0];
        table[byte as usize] |= 1 << index;
        table[byte.to_ascii_uppercase() as usize] |= 1 << index;
        index += 1;
    }
    table
}
