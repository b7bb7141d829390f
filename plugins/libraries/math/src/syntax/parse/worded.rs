//! Answers in words that have a notation too: `all positive integers`, `n is even`, `no solutions`, `twelve`.
//!
//! In: words. Out: the tree that the notation would give; none for any other words. The only language is
//! English.

use super::super::names::Command;
use super::super::node::{Node, Relation, SetOperator};
use super::super::token::{Placed, Token, tokens};
use super::spelled;

/// Parts of one, by name: how many make one.
pub(super) const PARTS_OF_ONE: [(&str, i64); 10] = [
    ("half", 2),
    ("third", 3),
    ("quarter", 4),
    ("fourth", 4),
    ("fifth", 5),
    ("sixth", 6),
    ("seventh", 7),
    ("eighth", 8),
    ("ninth", 9),
    ("tenth", 10),
];

/// What tokens say, as words in lower case.
pub(super) fn said(tokens: &[Placed]) -> String {
    let mut said = String::new();
    for (at, placed) in tokens.iter().enumerate() {
        let joins = matches!(placed.token, Token::Sign('-' | '\''))
            || at > 0 && tokens[at - 1].token == Token::Sign('-');
        if !said.is_empty() && !joins {
            said.push(' ');
        }
        said.push_str(spelled(&placed.token).trim());
    }
    said
}

/// The notation of a whole answer in words.
pub(super) fn meaning(said: &str) -> Option<Node> {
    let lower = said.to_lowercase();
    let words: Vec<&str> = lower.split([' ', ',', '.']).filter(|word| !word.is_empty()).collect();
    if words.len() > 12 {
        return None;
    }
    if is_nothing(&words) {
        return Some(Node::Set(vec![]));
    }
    number(&words).map(Node::integer).or_else(|| condition(said)).or_else(|| {
        // `all integers n`
        let (last, before) = words.split_last()?;
        let words = if is_letter(last) && before.len() > 1 { before } else { &words };
        set(words)
    })
}

/// What words say of a name: `n is even`, `even n`, `nonnegative integer a`, `k an integer`.
pub(super) fn condition(said: &str) -> Option<Node> {
    let words: Vec<&str> = said.split([' ', ',', '.']).filter(|word| !word.is_empty()).collect();
    if matches!(words[..], ["otherwise" | "else" | "Otherwise" | "elsewhere"]) {
        return Some(Node::Text("otherwise".to_owned()));
    }
    // The name stands first or last; `a` in between is an article.
    let at = match (words.first()?, words.last()?) {
        (_, last) if is_letter(last) => words.len() - 1,
        (first, _) if is_letter(first) => 0,
        _ => return None,
    };
    let name = words[at];
    let others = || words.iter().enumerate().filter(|(place, _)| *place != at).map(|(_, word)| word);
    if others().any(|word| is_letter(word) && *word != "a") {
        return None;
    }
    let filler = ["is", "are", "be", "an", "a", "the", "any", "some", "all", "every", "each", "arbitrary"];
    let rest: Vec<String> = others().map(|word| word.to_lowercase()).collect();
    let rest: Vec<&str> = rest.iter().map(String::as_str).filter(|word| !filler.contains(word)).collect();
    let of = |sign, set| Node::Relation(vec![Node::name(name), set], vec![sign]);
    match rest[..] {
        ["even"] => Some(of(Relation::Congruent, residue(0, 2))),
        ["odd"] => Some(of(Relation::Congruent, residue(1, 2))),
        ["multiple", "of", number] | ["divisible", "by", number] => {
            let modulus = number.parse().ok().filter(|modulus| *modulus > 0)?;
            Some(of(Relation::Congruent, residue(0, modulus)))
        }
        ["constant"] | ["real", "constant"] => Some(of(Relation::In, Node::NumberSet('R'))),
        _ => match set(&rest)? {
            class @ Node::Residue(..) => Some(of(Relation::Congruent, class)),
            set => Some(of(Relation::In, set)),
        },
    }
}

fn is_letter(word: &str) -> bool {
    word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// A set of numbers by its name.
pub(super) fn set(words: &[&str]) -> Option<Node> {
    let filler = ["the", "set", "of", "all", "any", "every", "numbers", "number"];
    let kept: Vec<&str> = words.iter().copied().filter(|word| !filler.contains(word)).collect();
    if let ["multiple" | "multiples" | "divisible", number] | ["integers", "divisible", "by", number] =
        kept[..]
    {
        return number.parse().ok().filter(|modulus| *modulus > 0).map(|modulus| residue(0, modulus));
    }
    let (kind, which) = kept.split_last()?;
    let letter = match kind.strip_suffix('s').unwrap_or(kind) {
        "integer" => 'Z',
        "real" => 'R',
        "rational" => 'Q',
        "complex" => 'C',
        "natural" => 'N',
        _ => return None,
    };
    match which {
        [] => Some(Node::NumberSet(letter)),
        ["even"] if letter == 'Z' => Some(residue(0, 2)),
        ["odd"] if letter == 'Z' => Some(residue(1, 2)),
        [which] => signed(letter, which),
        ["non", "negative"] => signed(letter, "nonnegative"),
        ["non", "positive"] => signed(letter, "nonpositive"),
        _ => None,
    }
}

/// The numbers of a set that are positive, and so on.
pub(super) fn signed(letter: char, which: &str) -> Option<Node> {
    let ray = |low: Node, open, high: Node, close| Node::Bracket(open, vec![low, high], close);
    let zero = || Node::integer(0);
    let infinity = || Node::Infinity;
    let whole = letter == 'Z';
    let part = match which {
        "positive" if whole => ray(Node::integer(1), '[', infinity(), ')'),
        "negative" if whole => ray(infinity().negated(), '(', Node::integer(-1), ']'),
        "positive" => ray(zero(), '(', infinity(), ')'),
        "negative" => ray(infinity().negated(), '(', zero(), ')'),
        "nonnegative" | "non-negative" => ray(zero(), '[', infinity(), ')'),
        "nonpositive" | "non-positive" => ray(infinity().negated(), '(', zero(), ']'),
        "nonzero" | "non-zero" => {
            let all = Node::NumberSet(letter);
            return Some(Node::SetOperation(SetOperator::Difference, vec![all, Node::Set(vec![zero()])]));
        }
        _ => return None,
    };
    if letter == 'R' {
        return Some(part);
    }
    Some(Node::SetOperation(SetOperator::Intersection, vec![Node::NumberSet(letter), part]))
}

fn residue(value: i64, modulus: i64) -> Node {
    Node::Residue(Box::new(Node::integer(value)), Box::new(Node::integer(modulus)))
}

/// Whether words say that nothing solves the problem.
fn is_nothing(words: &[&str]) -> bool {
    let filler = [
        "there", "is", "are", "exist", "exists", "real", "the", "it", "has", "have", "a", "equation",
        "system",
    ];
    let kept: Vec<&str> = words.iter().copied().filter(|word| !filler.contains(word)).collect();
    let is_solution = |word: &str| matches!(word, "solution" | "solutions" | "root" | "roots");
    match kept[..] {
        ["none"] | ["empty", "set"] | ["set", "empty"] => true,
        ["no" | "none", what] => is_solution(what),
        ["no", what, "x"] => is_solution(what),
        _ => false,
    }
}

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const GROUPS: [(&str, i64); 3] = [("thousand", 1000), ("million", 1_000_000), ("billion", 1_000_000_000)];

/// A whole number below a trillion in words: `twenty-one`, `two thousand and five`.
pub(super) fn number(words: &[&str]) -> Option<i64> {
    let words: Vec<&str> = words.iter().flat_map(|word| word.split('-')).collect();
    let (mut total, mut rest, mut largest) = (0, &words[..], i64::MAX);
    while let Some(at) = rest.iter().position(|word| GROUPS.iter().any(|(name, _)| name == word)) {
        let (_, times) = GROUPS.iter().find(|(name, _)| *name == rest[at])?;
        total += below_thousand(&rest[..at]).filter(|count| *count > 0 && *times < largest)? * times;
        largest = *times;
        rest = &rest[at + 1..];
        rest = rest.strip_prefix(&["and"]).filter(|rest| !rest.is_empty()).unwrap_or(rest);
        if rest.is_empty() {
            return Some(total);
        }
    }
    Some(total + below_thousand(rest)?)
}

fn below_thousand(words: &[&str]) -> Option<i64> {
    let one = |word: &str| ONES.iter().position(|known| *known == word).map(|at| at as i64);
    let ten = |word: &str| TENS.iter().position(|known| *known == word).map(|at| at as i64 * 10 + 20);
    let digit = |word: &str| one(word).filter(|ones| (1..10).contains(ones));
    match words {
        [hundreds, "hundred"] => Some(digit(hundreds)? * 100),
        [hundreds, "hundred", "and", rest @ ..] | [hundreds, "hundred", rest @ ..] => {
            let rest = below_thousand(rest).filter(|rest| (1..100).contains(rest))?;
            Some(digit(hundreds)? * 100 + rest)
        }
        [word] => one(word).or_else(|| ten(word)),
        [tens, ones] => Some(ten(tens)? + digit(ones)?),
        _ => None,
    }
}

/// Tokens with the number in words that they begin with as digits: `seven apples`. Words joined to what
/// follows (`one-to-one`) stay.
pub(super) fn numbered(from: Vec<Placed>) -> Vec<Placed> {
    const MAX_WORDS: usize = 12;
    let first = match from.first().map(|placed| &placed.token) {
        Some(Token::Word(word)) => word.as_str(),
        Some(Token::Text(text)) => text.trim_start(),
        _ => return from,
    };
    let first = first[..first.find(|c: char| !c.is_alphabetic()).unwrap_or(first.len())].to_lowercase();
    if !ONES.iter().chain(&TENS).any(|known| *known == first) {
        return from;
    }
    let mut opened = Vec::with_capacity(from.len());
    for placed in from {
        match &placed.token {
            Token::Text(text) if !text.contains(['\\', '$']) => opened.extend(tokens(text)),
            _ => opened.push(placed),
        }
    }
    let is_part = |placed: &Placed| {
        matches!(placed.token, Token::Word(_) | Token::Sign('-') | Token::Command(Command::And))
    };
    let most = opened.iter().take(MAX_WORDS).take_while(|placed| is_part(placed)).count();
    let read = (1..=most).rev().find_map(|length| {
        let said: Vec<String> =
            opened[..length].iter().map(|placed| spelled(&placed.token).to_lowercase()).collect();
        let words: Vec<&str> = said.iter().map(String::as_str).filter(|word| *word != "-").collect();
        Some((length, number(&words)?))
    });
    let Some((length, number)) = read else { return opened };
    let next = opened.get(length).map(|placed| &placed.token);
    if matches!(next, Some(Token::Sign('-'))) || is_part_of_one(next) {
        return opened;
    }
    let token = Token::Number(number.to_string());
    opened.splice(..length, [Placed { token, spaced: true }]);
    opened
}

/// `third` in `one third` is not a unit.
fn is_part_of_one(token: Option<&Token>) -> bool {
    let Some(Token::Word(word)) = token else { return false };
    let singular = word.trim_end_matches('s').to_lowercase();
    singular == "halve" || PARTS_OF_ONE.iter().any(|(name, _)| *name == singular)
}

/// A base by its name: `eight` in `52_{\text{eight}}`.
pub(super) fn base(word: &str) -> Option<u32> {
    number(&[&*word.trim().to_lowercase()]).and_then(|base| u32::try_from(base).ok())
}
