//! Conditions beside an answer: `where …`, `for …`, `if …`, `with …`, in brackets or not, and items that only
//! say of what kind a name is (`k \in \mathbb{Z}`).
//!
//! In: the tokens of an answer. Out: those of what is answered and those of each condition, and a condition
//! as a tree: relations, or words. The comparison decides whether a condition matters.

use super::super::names::Command;
use super::super::node::{Node, Relation, SetOperator, Symbol};
use super::super::token::{Placed, Token, tokens};
use super::worded;
use super::{Commas, Parsed, flattened, spelled, whole};

/// Words that begin a condition.
const MARKERS: &[&str] = &[
    "where",
    "for",
    "with",
    "when",
    "whenever",
    "if",
    "such",
    "given",
    "provided",
    "as",
    "iff",
    "unless",
    "except",
    "excluding",
];

/// Markers that say what is not meant: they stay with their condition.
const EXCEPTIONS: &[&str] = &["unless", "except", "excluding"];

/// Words before a condition that add nothing to it.
const QUANTIFIERS: &[&str] =
    &["that", "all", "any", "some", "every", "each", "a", "an", "the", "arbitrary", "is", "and", "exactly"];

/// An answer's tokens, and those of each condition beside it.
pub(super) fn split(tokens: &[Placed]) -> Option<(Vec<Placed>, Vec<Vec<Placed>>)> {
    let tokens = &opened(tokens)[..];
    if !tokens.iter().any(|placed| marked(&placed.token).is_some()) {
        return None;
    }
    let mut parts: Vec<Vec<Placed>> = vec![vec![]];
    let mut depth = 0_i32;
    for (at, placed) in tokens.iter().enumerate() {
        let current = parts.last_mut()?;
        if let Some(rest) = (depth == 0).then(|| marked(&placed.token)).flatten()
            && at > 0
            && !is_division(tokens, at)
        {
            if current.last().is_some_and(|last| last.token == Token::Sign('(')) {
                current.pop();
                depth -= 1;
            }
            parts.push(rest);
            continue;
        }
        match &placed.token {
            Token::Sign('(') if tokens.get(at + 1).is_some_and(|next| marked(&next.token).is_some()) => {
                // `(for all primes p)`: its brackets go.
                continue;
            }
            Token::Sign('(' | '[' | '{') | Token::Begin(_) | Token::Command(Command::SetOpen) => depth += 1,
            Token::Sign(')' | ']' | '}') | Token::End | Token::Command(Command::SetClose) => {
                if depth == 0 && parts.len() > 1 && placed.token == Token::Sign(')') {
                    continue;
                }
                depth -= 1;
            }
            _ => {}
        }
        parts.last_mut()?.push(placed.clone());
    }
    let mut parts = parts.into_iter().map(bare);
    let main = parts.next()?;
    let conditions: Vec<Vec<Placed>> = parts.filter(|part| !part.is_empty()).collect();
    (!main.is_empty() && !conditions.is_empty()).then_some((main, conditions))
}

/// Tokens with every text opened that has a marker behind its first word: `\text{ is even and }`.
pub(super) fn opened(tokens: &[Placed]) -> std::borrow::Cow<'_, [Placed]> {
    let is_long = |placed: &Placed| {
        let Token::Text(text) = &placed.token else { return false };
        let mut words = text.trim().split(' ').skip(1);
        words.any(|word| MARKERS.contains(&word) || matches!(word, "and" | "otherwise"))
    };
    if !tokens.iter().any(is_long) {
        return tokens.into();
    }
    let open =
        |placed: &Placed| if is_long(placed) { unwrapped(placed.clone()) } else { vec![placed.clone()] };
    tokens.iter().flat_map(open).collect()
}

/// `12 with remainder 5` is not a condition.
fn is_division(tokens: &[Placed], at: usize) -> bool {
    let next = tokens[at..].iter().take(3);
    next.map(|placed| spelled(&placed.token)).any(|word| word.contains("remainder"))
}

/// What a token says after the marker that it begins with; none if it begins with none.
fn marked(token: &Token) -> Option<Vec<Placed>> {
    let (Token::Word(text) | Token::Text(text)) = token else { return None };
    let text = text.trim_start_matches([',', ';', ' ', '(']);
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let (first, rest) = text.split_at(end);
    let marker = MARKERS.iter().find(|marker| first.eq_ignore_ascii_case(marker))?;
    Some(tokens(if EXCEPTIONS.contains(marker) { text } else { rest }))
}

/// Tokens without what only separates them.
fn bare(mut tokens: Vec<Placed>) -> Vec<Placed> {
    let separates = |placed: &Placed| {
        matches!(placed.token, Token::Sign(',' | ';' | '.' | ':') | Token::Command(Command::And))
    };
    while tokens.last().is_some_and(separates) {
        tokens.pop();
    }
    let start = tokens.iter().take_while(|placed| separates(placed)).count();
    tokens.drain(..start);
    tokens
}

/// A condition's tokens as conditions.
pub(super) fn read(tokens: Vec<Placed>, depth: usize) -> Parsed<Vec<Node>> {
    let mut tokens = bare(tokens);
    // A condition in type (`\text{if } n \text{ is even}`) is one run of words.
    if tokens.iter().any(|placed| matches!(placed.token, Token::Text(_))) {
        tokens = tokens.into_iter().flat_map(unwrapped).collect();
    }
    if let Some(rest) = tokens.first().and_then(|first| marked(&first.token))
        && !is_exception(&tokens)
    {
        tokens.splice(..1, rest);
    }
    while let Some(first) = tokens.first()
        && tokens.len() > 1
        && QUANTIFIERS.contains(&&*spelled(&first.token).to_lowercase())
        && !matches!(tokens.get(1).map(|next| &next.token), Some(Token::Command(_) | Token::Sign(_)))
    {
        tokens.remove(0);
    }
    let tokens = bare(tokens);
    let said = worded::said(&tokens);
    if let Some(meaning) = worded::condition(&said) {
        return Ok(vec![meaning]);
    }
    let is_stated = |node: &Node| matches!(node, Node::Relation(..));
    match whole(tokens, Commas::Separate, depth) {
        Ok(Node::List(items)) if items.iter().all(is_stated) => Ok(items),
        // `a, b > 0` says it of both.
        Ok(Node::List(items)) => Ok(distributed(items).unwrap_or_else(|| vec![Node::Text(said.clone())])),
        Ok(node @ (Node::Relation(..) | Node::Text(_))) => Ok(vec![node]),
        _ => Ok(vec![Node::Text(said)]),
    }
}

fn is_exception(tokens: &[Placed]) -> bool {
    tokens.first().is_some_and(|first| EXCEPTIONS.contains(&&*spelled(&first.token).to_lowercase()))
}

/// The tokens of a text, or the token.
fn unwrapped(placed: Placed) -> Vec<Placed> {
    match placed.token {
        Token::Text(text) => {
            tokens(&text).into_iter().map(|inner| Placed { spaced: true, ..inner }).collect()
        }
        _ => vec![placed],
    }
}

/// `p, q \ge 0` as `p \ge 0` and `q \ge 0`.
pub(super) fn distributed(items: Vec<Node>) -> Option<Vec<Node>> {
    let (Node::Relation(sides, signs), names) = items.split_last()? else { return None };
    let is_name = |node: &Node| matches!(node, Node::Symbol(Symbol::Name(_)));
    if !names.iter().all(is_name) || sides.len() != 2 || !is_name(&sides[0]) {
        return None;
    }
    let of = |name: &Node| Node::Relation(vec![name.clone(), sides[1].clone()], signs.clone());
    Some(names.iter().chain([&sides[0]]).map(of).collect())
}

/// A list whose last items are conditions on the names of the ones before, as an answer with conditions.
pub(super) fn trailing(mut items: Vec<Node>) -> Node {
    let mut conditions = Vec::new();
    while items.len() > 1 {
        let (last, before) = items.split_last().expect("it has items");
        if !is_condition(last, before) {
            break;
        }
        conditions.extend(items.pop());
    }
    // `p, q \in \mathbb{Z}`
    while !conditions.is_empty()
        && items.len() > 1
        && let Some(name @ Node::Symbol(Symbol::Name(_))) = items.last()
        && let Some(Node::Relation(sides, signs)) = conditions.last()
        && items[..items.len() - 1].iter().any(|item| mentions(value_of(item), name))
    {
        let condition = Node::Relation(vec![name.clone(), sides[1].clone()], signs.clone());
        conditions.push(condition);
        items.pop();
    }
    conditions.reverse();
    let main = if items.len() == 1 { items.remove(0) } else { Node::List(items) };
    if conditions.is_empty() { main } else { Node::With(Box::new(main), conditions) }
}

/// Whether an item only says something of a name in the values before it.
fn is_condition(item: &Node, before: &[Node]) -> bool {
    let Node::Relation(sides, signs) = item else { return false };
    let [name @ Node::Symbol(Symbol::Name(_)), _] = &sides[..] else { return false };
    let says_kind = matches!(signs[..], [Relation::In]);
    let compares = matches!(
        signs[..],
        [Relation::Greater
            | Relation::GreaterOrEqual
            | Relation::Less
            | Relation::LessOrEqual
            | Relation::NotEqual]
    );
    let is_inequality =
        |node: &Node| matches!(node, Node::Relation(_, signs) if !signs.contains(&Relation::Equal));
    (says_kind || compares)
        && before.iter().any(|item| mentions(value_of(item), name))
        && !before.iter().any(is_inequality)
}

/// What an item gives a value to is not mentioned by it.
fn value_of(item: &Node) -> &Node {
    match item {
        Node::Relation(sides, signs) if signs.iter().all(|sign| *sign == Relation::Equal) => {
            match (&sides[0], sides.last()) {
                (Node::Symbol(_) | Node::Bracket(..), Some(last)) => last,
                _ => item,
            }
        }
        Node::Symbol(_) => &Node::Dots,
        item => item,
    }
}

fn mentions(node: &Node, name: &Node) -> bool {
    node.any(&|inner| inner == name)
}

/// An answer with conditions, exceptions from a set taken out of it.
pub(super) fn with(main: Node, conditions: Vec<Node>) -> Node {
    if let (Node::NumberSet(_), [Node::Text(words)]) = (&main, &conditions[..])
        && let Some(out) = EXCEPTIONS.iter().find_map(|marker| words.strip_prefix(marker))
        && let Ok(excluded) = super::parse(out.trim_start_matches(" for"))
    {
        let value = |node: Node| match node {
            Node::Relation(mut sides, signs) if signs == [Relation::Equal] => sides.remove(1),
            node => node,
        };
        let excluded = flattened(excluded).into_iter().map(value).collect();
        return Node::SetOperation(SetOperator::Difference, vec![main, Node::Set(excluded)]);
    }
    Node::With(Box::new(main), conditions)
}
