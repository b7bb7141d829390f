//! Words: without regard to case, spaces and punctuation. A letter equals the choice that begins with it: `C`
//! is `(C) Cecile`.

use crate::algebra::{Outcome, Work};
use crate::syntax::{Node, Symbol};

pub(super) fn same(a: &Node, b: &Node, _: &Work) -> Outcome<Option<bool>> {
    Ok(match (a, b) {
        (Node::Text(a), Node::Text(b)) if plain(a) == plain(b) || canonical(a) == canonical(b) => Some(true),
        (Node::Text(a), Node::Text(b)) if !(is_short_word(a) && is_short_word(b)) => Some(false),
        (Node::Text(text), Node::Set(items)) | (Node::Set(items), Node::Text(text)) => {
            Some(items.is_empty() && plain(text) == "none")
        }
        (Node::Symbol(Symbol::Name(letter)), Node::Text(text))
        | (Node::Text(text), Node::Symbol(Symbol::Name(letter))) => {
            if plain(letter) == plain(text) {
                return Ok(Some(true));
            }
            Some(choice(text).is_some_and(|choice| letter.chars().eq([choice])))
        }
        (Node::Text(text), _) | (_, Node::Text(text)) if !is_short_word(text) => Some(false),
        _ => None,
    })
}

/// Whether a word may be letters to multiply.
fn is_short_word(text: &str) -> bool {
    text.chars().count() <= 3 && text.chars().all(char::is_alphabetic)
}

/// Words without articles and `is`, the one letter among them first: `n is prime`, `prime n`.
fn canonical(text: &str) -> String {
    let plain = plain(text);
    let filler = ["is", "are", "the", "an", "all", "any", "every", "each", "some", "be", "number", "numbers"];
    let words =
        plain.split(' ').enumerate().filter(|(at, word)| !(filler.contains(word) || *word == "a" && *at > 0));
    let singular = |word: &'_ str| match word {
        "primes" => "prime",
        "squares" => "square",
        "cubes" => "cube",
        "composites" => "composite",
        _ => "",
    };
    let words = words.map(|(_, word)| word);
    let words: Vec<&str> =
        words.map(|word| if singular(word).is_empty() { word } else { singular(word) }).collect();
    let is_letter = |word: &&str| word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    match (words.iter().position(is_letter), words.iter().filter(|word| is_letter(word)).count()) {
        (Some(at), 1) if at == 0 || at + 1 == words.len() => {
            let mut moved = words;
            let letter = moved.remove(at);
            moved.insert(0, letter);
            moved.join(" ")
        }
        _ => words.join(" "),
    }
}

/// Letters and digits in lower case, with single spaces.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, '+' | '-' | '=' | '<' | '>' | '%') {
            if gap && !plain.is_empty() {
                plain.push(' ');
            }
            gap = false;
            plain.extend(c.to_lowercase());
        } else {
            gap = true;
        }
    }
    plain
}

/// The letter of a choice that is written out: `(C) Cecile`, `C. Cecile`, `Option C`.
pub(crate) fn choice(text: &str) -> Option<char> {
    let text = text.trim_start();
    if let Some((label, letter)) = text.split_once(' ')
        && ["option", "choice", "answer"].contains(&&*label.to_lowercase())
    {
        let letter = letter.trim_matches(|c: char| !c.is_alphanumeric());
        return letter.chars().next().filter(|c| c.is_ascii_uppercase() && letter.len() == 1);
    }
    let (bracketed, rest) = match text.strip_prefix('(') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut letters = rest.chars();
    let letter = letters.next().filter(char::is_ascii_uppercase)?;
    let Some(after) = letters.next() else { return (!bracketed).then_some(letter) };
    (after == ')' || (!bracketed && matches!(after, '.' | ':'))).then_some(letter)
}
