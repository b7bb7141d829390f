//! Phrases around values: `at least 5`, `5 more than x`, `12 remainder 5`, `an increase of 5\%`,
//! `5th of March`.
//!
//! | phrase | tree |
//! |---|---|
//! | a bound: `at least 5`, `5 or more`, `> 5`, `x is at most 5` | an interval, or a relation if a name is said |
//! | numbers with a bound: `all integers greater than 5` | the set, cut off |
//! | arithmetic: `5 less than x`, `twice x`, `7 out of 10`, `3 times 4`, `two thirds` | the expression |
//! | a quotient with a remainder: `12 R 5` | the quotient, with the remainder in words |
//! | a change: `5\% increase`, `increases by 5\%` | the value, with the kind of change in words |
//! | a value and its rounded one: `\pi, about 3.14` | a relation of near equality |
//! | a day: `March 5`, `5th of March 2024` | its month, day and year in words |
//!
//! In: the tokens of a whole answer. Out: its tree; none if it is no such phrase, or if what it is about is
//! not a plain value.

use super::super::names::Command;
use super::super::node::{Node, Number, Relation, SetOperator};
use super::super::token::{Placed, Token, tokens};
use super::super::unit::Unit;
use super::worded::PARTS_OF_ONE;
use super::{plain, readings_of, spelled, worded};

/// No phrase has more tokens.
const MAX_TOKENS: usize = 40;

/// The tree of a phrase.
pub(super) fn meaning(tokens: &[Placed], depth: usize) -> Option<Node> {
    let is_word = |placed: &Placed| matches!(placed.token, Token::Word(_) | Token::Text(_));
    let is_remainder = |placed: &Placed| matches!(placed.token, Token::Letter('R' | 'r'));
    let is_sign = matches!(tokens.first()?.token, Token::Command(Command::Relation(_)));
    if tokens.len() > MAX_TOKENS || !(is_sign || tokens.iter().any(|t| is_word(t) || is_remainder(t))) {
        return None;
    }
    let phrase = Phrase::new(tokens, depth);
    if phrase.words.is_empty() {
        return None;
    }
    (phrase.day())
        .or_else(|| phrase.quotient())
        .or_else(|| phrase.change())
        .or_else(|| phrase.bound())
        .or_else(|| phrase.bounded_numbers())
        .or_else(|| phrase.approximated())
        .or_else(|| phrase.arithmetic())
}

/// Which side of a value a bound leaves, and whether with the value.
type Bound = Relation;

/// Words before a value that make a bound of it.
const BOUNDS_BEFORE: [(&str, Bound); 20] = [
    ("at least", Relation::GreaterOrEqual),
    ("no less than", Relation::GreaterOrEqual),
    ("not less than", Relation::GreaterOrEqual),
    ("no fewer than", Relation::GreaterOrEqual),
    ("no smaller than", Relation::GreaterOrEqual),
    ("greater than and equal to", Relation::GreaterOrEqual), // `or` reads as `and`
    ("more than and equal to", Relation::GreaterOrEqual),
    ("at most", Relation::LessOrEqual),
    ("no more than", Relation::LessOrEqual),
    ("not more than", Relation::LessOrEqual),
    ("no greater than", Relation::LessOrEqual),
    ("not greater than", Relation::LessOrEqual),
    ("less than and equal to", Relation::LessOrEqual),
    ("more than", Relation::Greater),
    ("greater than", Relation::Greater),
    ("larger than", Relation::Greater),
    ("less than", Relation::Less),
    ("fewer than", Relation::Less),
    ("smaller than", Relation::Less),
    ("lower than", Relation::Less),
];
/// Words behind a value that do so; `or` reads as `and`.
const BOUNDS_BEHIND: [(&str, Bound); 8] = [
    ("and more", Relation::GreaterOrEqual),
    ("and greater", Relation::GreaterOrEqual),
    ("and larger", Relation::GreaterOrEqual),
    ("and above", Relation::GreaterOrEqual),
    ("and less", Relation::LessOrEqual),
    ("and fewer", Relation::LessOrEqual),
    ("and smaller", Relation::LessOrEqual),
    ("and below", Relation::LessOrEqual),
];
/// Changes, by each word for one.
const CHANGES: [(&str, &str); 21] = [
    ("increase", "increase"),
    ("increases", "increase"),
    ("increased", "increase"),
    ("decrease", "decrease"),
    ("decreases", "decrease"),
    ("decreased", "decrease"),
    ("rise", "rise"),
    ("rises", "rise"),
    ("fall", "fall"),
    ("falls", "fall"),
    ("drop", "drop"),
    ("drops", "drop"),
    ("gain", "gain"),
    ("gains", "gain"),
    ("loss", "loss"),
    ("profit", "profit"),
    ("discount", "discount"),
    ("reduction", "reduction"),
    ("decline", "decline"),
    ("growth", "growth"),
    ("markup", "markup"),
];
/// What two values come to.
type Combine = fn(Node, Node) -> Node;

/// Words between two values, and what they come to.
const BETWEEN: [(&str, Combine); 8] = [
    ("more than", |a, b| Node::Add(vec![b, a])),
    ("greater than", |a, b| Node::Add(vec![b, a])),
    ("less than", |a, b| Node::Add(vec![b, a.negated()])),
    ("fewer than", |a, b| Node::Add(vec![b, a.negated()])),
    ("times", |a, b| Node::Mul(vec![a, b])),
    ("multiplied by", |a, b| Node::Mul(vec![a, b])),
    ("divided by", |a, b| Node::Div(Box::new(a), Box::new(b))),
    ("out of", |a, b| Node::Div(Box::new(a), Box::new(b))),
];
/// Words before a value that multiply it: above, below.
const MULTIPLES: [(&str, i64, i64); 9] = [
    ("twice", 2, 1),
    ("double", 2, 1),
    ("thrice", 3, 1),
    ("triple", 3, 1),
    ("half of", 1, 2),
    ("one half of", 1, 2),
    ("half", 1, 2),
    ("one third of", 1, 3),
    ("one quarter of", 1, 4),
];
/// The months, by name and by abbreviation.
const MONTHS: [(&str, &str); 12] = [
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may", "may"),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sep"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
];

/// Tokens and their words.
struct Phrase {
    /// Texts among them are opened.
    tokens: Vec<Placed>,
    /// Each token in lower case.
    words: Vec<String>,
    depth: usize,
}

impl Phrase {
    fn new(from: &[Placed], depth: usize) -> Self {
        let mut opened = Vec::with_capacity(from.len());
        for placed in from {
            match &placed.token {
                Token::Text(text) if !text.contains(['\\', '$']) => opened.extend(tokens(text)),
                _ => opened.push(placed.clone()),
            }
        }
        let words = opened.iter().map(|placed| spelled(&placed.token).to_lowercase()).collect();
        Phrase { tokens: opened, words, depth }
    }

    /// How many tokens from `at` say the words of a phrase, if they do.
    fn says(&self, at: usize, phrase: &str) -> Option<usize> {
        let length = phrase.split(' ').count();
        let said = self.words.get(at..at + length)?;
        phrase.split(' ').eq(said.iter().map(String::as_str)).then_some(length)
    }

    /// Where the words of one of several phrases stand first, from `from` on: their place, their length, and
    /// which.
    fn find<T: Copy>(
        &self,
        from: usize,
        phrases: impl Iterator<Item = (&'static str, T)> + Clone,
    ) -> Option<(usize, usize, T)> {
        (from..self.words.len()).find_map(|at| {
            let mut phrases = phrases.clone();
            phrases.find_map(|(phrase, what)| Some((at, self.says(at, phrase)?, what)))
        })
    }

    /// The value that the tokens at a place are, if they are one.
    fn value(&self, place: std::ops::Range<usize>) -> Option<Node> {
        let tokens = self.tokens.get(place).filter(|tokens| !tokens.is_empty())?;
        let value = plain(tokens.to_vec(), *readings_of(tokens).first()?, self.depth + 1).ok()?;
        let is_value = match &value {
            Node::Number(_) | Node::Symbol(_) | Node::Add(_) | Node::Neg(_) | Node::Mul(_) => true,
            Node::Div(..) | Node::Pow(..) | Node::Call(..) | Node::Infinity => true,
            Node::Quantity(_, unit) => matches!(unit, Unit::Known { .. }),
            _ => false,
        };
        is_value.then_some(value)
    }

    /// The same, without a unit.
    fn number(&self, place: std::ops::Range<usize>) -> Option<Node> {
        self.value(place)
            .filter(|value| !value.any(&|node| matches!(node, Node::Quantity(..) | Node::Text(_))))
    }

    /// `March 5`, `the 5th of March, 2024`.
    fn day(&self) -> Option<Node> {
        let (mut month, mut numbers) = (None, vec![]);
        for (at, (word, placed)) in self.words.iter().zip(&self.tokens).enumerate() {
            let known = || MONTHS.iter().position(|(name, short)| word == name || word == short);
            match &placed.token {
                Token::Number(digits) => numbers.push(digits.parse::<u32>().ok()?),
                Token::Word(_) if known().is_some() => {
                    if month.replace(known()?).is_some() {
                        return None;
                    }
                }
                Token::Word(_) if at > 0 && matches!(self.tokens[at - 1].token, Token::Number(_)) => {
                    if !matches!(word.as_str(), "st" | "nd" | "rd" | "th" | "of") {
                        return None;
                    }
                }
                Token::Word(_) if matches!(word.as_str(), "the" | "of") => {}
                Token::Sign(',' | '.') => {}
                _ => return None,
            }
        }
        let (name, _) = MONTHS[month?];
        match numbers[..] {
            [day @ 1..=31] => Some(Node::Text(format!("{name} {day}"))),
            [day @ 1..=31, year] if year > 31 => Some(Node::Text(format!("{name} {day} {year}"))),
            _ => None,
        }
    }

    /// `12 R 5`, `quotient 12, remainder 5`.
    fn quotient(&self) -> Option<Node> {
        let is_remainder = |word: &String| matches!(word.as_str(), "r" | "rem" | "remainder" | "remainders");
        let at = self.words.iter().position(is_remainder)?;
        let mut numbers = vec![];
        for (place, (word, placed)) in self.words.iter().zip(&self.tokens).enumerate() {
            match &placed.token {
                Token::Number(digits) => numbers.push((place, digits)),
                Token::Sign(',' | ';' | ':') | Token::Command(Command::And) => {}
                Token::Command(Command::Relation(Relation::Equal)) => {}
                _ if place == at => {}
                Token::Word(_) | Token::Letter('a') => {
                    if !matches!(word.as_str(), "a" | "the" | "with" | "of" | "is" | "quotient") {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        let [(first, _), (last, remainder)] = numbers[..] else { return None };
        let value = if first < at && at < last { self.number(first..first + 1)? } else { return None };
        Some(Node::Quantity(Box::new(value), Unit::Words(format!("remainder {remainder}"))))
    }

    /// `5\% increase`, `an increase of 5\%`, `increases by 5\%`.
    fn change(&self) -> Option<Node> {
        let from = usize::from(matches!(self.words[0].as_str(), "a" | "an"));
        let kind = |at: usize| {
            let word = self.words.get(at)?;
            CHANGES.iter().find(|(change, _)| change == word).map(|(_, kind)| *kind)
        };
        let end = self.words.len();
        let (value, kind) = match kind(from) {
            Some(kind) if matches!(self.words.get(from + 1)?.as_str(), "of" | "by") => {
                (self.value(from + 2..end)?, kind)
            }
            Some(_) => return None,
            None => (self.value(from..end - 1)?, kind(end - 1)?),
        };
        Some(Node::Quantity(Box::new(value), Unit::Words(kind.to_owned())))
    }

    /// `at least 5`, `5 or more`, `x is at least 5`.
    fn bound(&self) -> Option<Node> {
        let end = self.words.len();
        let named = match (&self.tokens[0].token, self.words.get(1).map(String::as_str)) {
            (Token::Letter(_) | Token::Command(Command::Name(_)), Some("is")) => 2,
            (Token::Letter(_) | Token::Command(Command::Name(_)), Some("must"))
                if self.says(2, "be").is_some() =>
            {
                3
            }
            _ => 0,
        };
        let sign = match &self.tokens[named.min(end - 1)].token {
            Token::Command(Command::Relation(sign)) if named == 0 && is_bound(*sign) => Some((1, *sign)),
            _ => None,
        };
        let before =
            || BOUNDS_BEFORE.iter().find_map(|(phrase, bound)| Some((self.says(named, phrase)?, *bound)));
        let (place, bound) = match sign.or_else(before) {
            Some((length, bound)) => (named + length..end, bound),
            None => {
                let start = end.checked_sub(2).filter(|start| *start > named)?;
                let behind = |(phrase, bound): &(&str, Bound)| self.says(start, phrase).map(|_| *bound);
                (named..start, BOUNDS_BEHIND.iter().find_map(behind)?)
            }
        };
        let value = self.value(place)?;
        if named > 0 {
            return Some(Node::Relation(vec![self.value(0..1)?, value], vec![bound]));
        }
        Some(match value {
            Node::Quantity(..) => Node::Quantity(Box::new(value), Unit::Words(format!("{bound:?}"))),
            value => ray(value, bound),
        })
    }

    /// `all integers greater than 5`.
    fn bounded_numbers(&self) -> Option<Node> {
        let (at, length, bound) = self.find(1, BOUNDS_BEFORE.into_iter())?;
        let mut names: Vec<&str> = self.words[..at].iter().map(String::as_str).collect();
        while let Some(("that" | "which" | "are" | "is", before)) =
            names.split_last().map(|(last, before)| (*last, before))
        {
            names.truncate(before.len());
        }
        let Node::NumberSet(letter) = worded::set(&names)? else { return None };
        let value = self.number(at + length..self.words.len())?;
        let (value, bound) = match (&value, bound) {
            (Node::Number(Number { value: number, .. }), Relation::Greater | Relation::Less)
                if letter == 'Z' && number.is_int() =>
            {
                let (step, closed) = if bound == Relation::Greater {
                    (1, Relation::GreaterOrEqual)
                } else {
                    (-1, Relation::LessOrEqual)
                };
                (Node::integer(i64::try_from(number.numerator().clone()).ok()?.checked_add(step)?), closed)
            }
            _ => (value, bound),
        };
        let part = ray(value, bound);
        Some(match letter {
            'R' => part,
            _ => Node::SetOperation(SetOperator::Intersection, vec![Node::NumberSet(letter), part]),
        })
    }

    /// `\pi, or about 3.14`, `\pi (approximately 3.14)`.
    fn approximated(&self) -> Option<Node> {
        let about = |word: &String| {
            matches!(word.as_str(), "about" | "approximately" | "approx" | "roughly" | "nearly")
        };
        let at = self.words.iter().position(about).filter(|at| *at > 0)?;
        let between =
            |word: &String| matches!(word.as_str(), "," | "(" | "and" | "or" | "which" | "is" | "that");
        let first = at - self.words[..at].iter().rev().take_while(|word| between(word)).count();
        let behind = self.words[at + 1..]
            .iter()
            .take_while(|word| matches!(word.as_str(), "." | "equal" | "to"))
            .count();
        let end = self.words.len() - usize::from(self.words.last().is_some_and(|word| word == ")"));
        if first == at {
            return None;
        }
        let sides = vec![self.value(0..first)?, self.value(at + 1 + behind..end)?];
        Some(Node::Relation(sides, vec![Relation::Approximately]))
    }

    /// `5 more than x`, `twice x`, `half of 10`, `two thirds`, `5 squared`.
    fn arithmetic(&self) -> Option<Node> {
        let end = self.words.len();
        let times = |at: usize| {
            MULTIPLES.iter().find_map(|(phrase, above, below)| {
                let value = self.number(at + self.says(at, phrase)?..end)?;
                let factor = Node::Div(Box::new(Node::integer(*above)), Box::new(Node::integer(*below)));
                Some(Node::Mul(vec![factor, value]))
            })
        };
        if let Some(value) = times(0) {
            return Some(value);
        }
        if let Some(power) = ["squared", "cubed"].iter().position(|word| *word == self.words[end - 1]) {
            let power = Node::integer(power as i64 + 2);
            return Some(Node::Pow(Box::new(self.number(0..end - 1)?), Box::new(power)));
        }
        if let Some(part) = self.part() {
            return Some(part);
        }
        let (at, length, combined) = self.find(1, BETWEEN.into_iter())?;
        // `3 \times 4` is not a phrase.
        if !self.tokens[at..].iter().any(|placed| matches!(placed.token, Token::Word(_))) && length > 1 {
            return None;
        }
        let right = times(at + length).or_else(|| self.number(at + length..end))?;
        Some(combined(self.number(0..at)?, right))
    }

    /// `two thirds`, `three-quarters`, `a half`.
    fn part(&self) -> Option<Node> {
        let mut words: Vec<&str> =
            self.words.iter().map(String::as_str).filter(|word| *word != "-").collect();
        let part = words.pop()?;
        let (singular, is_plural) = match part {
            "halves" => ("half", true),
            part => (part.strip_suffix('s').unwrap_or(part), part.ends_with('s')),
        };
        let below = PARTS_OF_ONE.iter().find(|(name, _)| *name == singular)?.1;
        let count = match words[..] {
            [] if singular == "half" && !is_plural => 1,
            ["a" | "one"] if !is_plural => 1,
            _ => worded::number(&words).or_else(|| words.concat().parse().ok()).filter(|_| is_plural)?,
        };
        Some(Node::Div(Box::new(Node::integer(count)), Box::new(Node::integer(below))))
    }
}

fn is_bound(sign: Relation) -> bool {
    matches!(sign, Relation::Greater | Relation::GreaterOrEqual | Relation::Less | Relation::LessOrEqual)
}

/// The numbers on one side of a value.
fn ray(value: Node, bound: Bound) -> Node {
    match bound {
        Relation::GreaterOrEqual => Node::Bracket('[', vec![value, Node::Infinity], ')'),
        Relation::Greater => Node::Bracket('(', vec![value, Node::Infinity], ')'),
        Relation::LessOrEqual => Node::Bracket('(', vec![Node::Infinity.negated(), value], ']'),
        _ => Node::Bracket('(', vec![Node::Infinity.negated(), value], ')'),
    }
}
