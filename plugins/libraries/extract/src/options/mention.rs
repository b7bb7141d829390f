//! Letters of options in running text, and whether the text is for or against them.
//!
//! A mention is an upper-case letter that stands alone, or any in parentheses. The words before it in its
//! clause say what the text makes of it: `it is B`, `not A`, `it can't be A or B`; a judgement may also
//! follow: `B is wrong`. The article `A` and the pronoun `I` are none.
//!
//! In: a text and the last letter that is an option. Out: the mentions, last to first. A text that says only
//! why every other option fails settles on none here.

use std::ops::Range;

use crate::words::{is_in, split_word};

/// What a text says of an option, from the weakest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stance {
    /// It is not this one.
    Against,
    /// It is mentioned.
    Neutral,
    /// It is called the answer.
    For,
}

/// One mention of an option.
pub(crate) struct Mention {
    /// In upper case.
    pub(crate) letter: char,
    pub(crate) place: Range<usize>,
    pub(crate) stance: Stance,
}

/// Words that turn against what follows.
const NEGATIONS: &str = "not non no nor neither never cannot instead than unlike except eliminate eliminated exclude excluded \
    eliminating nicht pas out";
/// The same, as ends of words.
const SUFFIX_NEGATIONS: [&str; 6] = ["n't", "n’t", "不是", "不选", "非", "排除"];
/// Words that call what follows the answer.
const CUES: &str = "is it's it’s be are answer option choice choose chose choosing pick select selected chosen est ist \
    es therefore so";
/// The same, as ends of words.
const SUFFIX_CUES: [&str; 5] = ["选", "选择", "选项", "是", "为"];
/// Words that separate clauses.
const BREAKS: &str = "but because since so therefore thus hence whereas while";
/// Words after `A` that show it is not an article.
const NO_NOUNS: &str = "because since as and or is which for due non not but was would";
/// Words behind a mention, and what they make of it.
const JUDGEMENTS: [(&str, Stance); 26] = [
    (" is not", Stance::Against),
    (" isn't", Stance::Against),
    (" isn’t", Stance::Against),
    (" is wrong", Stance::Against),
    (" are not", Stance::Against),
    (" are wrong", Stance::Against),
    (" is incorrect", Stance::Against),
    (" is false", Stance::Against),
    (" is out", Stance::Against),
    (" can't", Stance::Against),
    (" can’t", Stance::Against),
    (" cannot", Stance::Against),
    (" can be ruled out", Stance::Against),
    (" can be eliminated", Stance::Against),
    (" does not", Stance::Against),
    (" doesn't", Stance::Against),
    (" doesn’t", Stance::Against),
    (" fails", Stance::Against),
    ("错", Stance::Against),
    ("不", Stance::Against),
    (" is correct", Stance::For),
    (" is right", Stance::For),
    (" is the ", Stance::For),
    (" is true", Stance::For),
    ("正确", Stance::For),
    ("是正确", Stance::For),
];
/// How many words before a mention are looked at.
const WORDS: usize = 8;
/// Of these, how near a cue stands.
const CUE_WORDS: usize = 3;
/// How many bytes before a mention are looked at.
const WINDOW: usize = 96;

/// The mentions of options up to `last`, last to first.
pub(crate) fn mentions(text: &str, last: char) -> impl Iterator<Item = Mention> {
    (0..text.len()).rev().filter_map(move |at| {
        let letter = letter(text, at, last)?;
        Some(Mention { letter, place: at..at + 1, stance: stance(text, at, last) })
    })
}

/// The option whose letter stands alone at `at`.
pub(crate) fn letter(text: &str, at: usize, last: char) -> Option<char> {
    let letter = char::from(text.as_bytes()[at]);
    if !('A'..=last).contains(&letter.to_ascii_uppercase()) {
        return None;
    }
    let (before, after) = (&text[..at], &text[at + 1..]);
    let is_enclosed = before.ends_with(['(', '（', '[']) && after.starts_with([')', '）', ']']);
    let is_bound =
        |c: char| c.is_alphanumeric() && c < '\u{2E80}' || matches!(c, '_' | '^' | '\'' | '’' | '-' | '\\');
    let is_free =
        !before.ends_with(is_bound) && !after.starts_with(is_bound) && !after.starts_with(['+', '#', '&']);
    let is_choice = is_enclosed || letter.is_ascii_uppercase() && is_free && !is_word(before, letter, after);
    is_choice.then(|| letter.to_ascii_uppercase())
}

/// Whether a letter that stands alone is an article or a pronoun.
fn is_word(before: &str, letter: char, after: &str) -> bool {
    let Some(next) =
        after.strip_prefix(' ').filter(|next| next.starts_with(|c: char| c.is_ascii_lowercase()))
    else {
        return false;
    };
    let (word, _) = split_word(next);
    let begins_sentence = before.trim_end_matches([' ', '*', '"', '“']).chars().next_back();
    match letter {
        'A' => {
            !is_in(NO_NOUNS, word)
                && begins_sentence.is_none_or(|c| matches!(c, '.' | '!' | '?' | ':' | '\n' | ';'))
        }
        'I' => !matches!(word, "because" | "since" | "is"),
        _ => false,
    }
}

/// What a text makes of the option at `at`.
fn stance(text: &str, at: usize, last: char) -> Stance {
    let after = text[at + 1..].trim_start_matches([')', '）', '*', '$', '}', ']', '"']);
    let judgement = JUDGEMENTS.iter().find(|(words, _)| after.starts_with(words));
    judgement.map_or_else(|| bearing(&text[..at], last), |(_, stance)| *stance)
}

/// What a text makes of the option that follows it: the words of its clause, backwards.
fn bearing(before: &str, last: char) -> Stance {
    let window = &before[before.ceil_char_boundary(before.len().saturating_sub(WINDOW))..];
    let (mut is_in_list, mut is_joined, mut is_cued) = (true, false, false);
    for (distance, chunk) in window.split_inclusive(char::is_whitespace).rev().take(WORDS).enumerate() {
        let word = chunk.trim_matches(|c: char| !c.is_alphanumeric());
        let end = chunk.trim_end_matches([' ', '*', '"', '(', '$']);
        if is_option(word, last) {
            // `A, B or C`: what is said of the first is said of all.
            if is_in_list && (is_joined || end.ends_with([',', '/', '、'])) {
                is_joined = false;
                continue;
            }
            break;
        }
        if is_in_list && matches!(word, "or" | "and") {
            is_joined = true;
            continue;
        }
        is_in_list = false;
        let is_cue = is_in(CUES, word) || SUFFIX_CUES.iter().any(|cue| word.ends_with(cue));
        let ends_clause = end.ends_with(['.', ',', ';', '!', '?', '\n', '。', '，']);
        if ends_clause && !(distance == 0 && is_cue) {
            break;
        }
        if is_in(NEGATIONS, word) || SUFFIX_NEGATIONS.iter().any(|negation| word.ends_with(negation)) {
            return Stance::Against;
        }
        is_cued |= distance < CUE_WORDS && is_cue;
        if is_in(BREAKS, word) {
            break;
        }
    }
    if is_cued { Stance::For } else { Stance::Neutral }
}

fn is_option(word: &str, last: char) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(|letter| ('A'..=last).contains(&letter)) && letters.next().is_none()
}
