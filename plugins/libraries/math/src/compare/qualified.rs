//! Answers with conditions and definitions beside them: `\lfloor\varphi n\rfloor` where `\varphi = …`, `8p`
//! for odd primes p, `n = 3k` with `k \in \mathbb{Z}`.
//!
//! A definition is put in where its name stands. Any other condition must be there on both sides, unless it
//! only says that a name is real, or whole, or a constant.

use super::{any, direct as same_answer};
use crate::algebra::{Outcome, Work};
use crate::syntax::{Node, Relation, Symbol};

pub(super) fn same(a: &Node, b: &Node, work: &Work) -> Outcome<Option<bool>> {
    if !matches!(a, Node::With(..)) && !matches!(b, Node::With(..)) {
        return Ok(None);
    }
    let (main, conditions) = parts(a);
    let (other, others) = parts(b);
    if !agree(&conditions, &others, work)? || !agree(&others, &conditions, work)? {
        return Ok(Some(false));
    }
    if same_answer(&main, &other, work)? {
        return Ok(Some(true));
    }
    // Where both leave their names as they are, definitions need not be put in.
    match (a, b) {
        (Node::With(x, _), Node::With(y, _)) if (**x != main || **y != other) => {
            let defined = |node: &Node| definitions(node).len();
            Ok(Some(defined(a) == 0 && defined(b) == 0 && same_answer(x, y, work)?))
        }
        _ => Ok(Some(false)),
    }
}

/// What is answered, its definitions put in, and the conditions that are left.
fn parts(node: &Node) -> (Node, Vec<Node>) {
    let Node::With(main, conditions) = node else { return (node.clone(), vec![]) };
    let definitions = definitions(node);
    let put_in = |node: &Node| {
        definitions.iter().fold(node.clone(), |node, (name, value)| replaced(&node, name, value))
    };
    let left = conditions.iter().filter(|condition| definition(condition, main).is_none());
    (put_in(main), left.map(put_in).collect())
}

fn definitions(node: &Node) -> Vec<(&str, &Node)> {
    let Node::With(main, conditions) = node else { return vec![] };
    conditions.iter().filter_map(|condition| definition(condition, main)).collect()
}

/// The name that a condition defines, and its value, if the answer has the name.
fn definition<'a>(condition: &'a Node, main: &Node) -> Option<(&'a str, &'a Node)> {
    let Node::Relation(sides, signs) = condition else { return None };
    let ([Node::Symbol(Symbol::Name(name)), value], [Relation::Equal]) = (&sides[..], &signs[..]) else {
        return None;
    };
    let is_name = |node: &Node| matches!(node, Node::Symbol(Symbol::Name(other)) if other == name);
    (main.any(&is_name) && !value.any(&is_name)).then_some((name, value))
}

fn replaced(node: &Node, name: &str, value: &Node) -> Node {
    match node {
        Node::Symbol(Symbol::Name(other)) if other == name => value.clone(),
        node => node.map(&mut |child| replaced(child, name, value)),
    }
}

/// Whether each condition stands among the others, or only says of what kind a name is.
fn agree(conditions: &[Node], others: &[Node], work: &Work) -> Outcome<bool> {
    for condition in conditions {
        let said_of_same = others.iter().any(|other| match (condition, other) {
            (Node::Relation(sides, _), Node::Relation(others, _)) => sides[0] == others[0],
            _ => false,
        });
        let found = any(others.iter().map(|other| same_answer(condition, other, work)))?;
        if !found && (said_of_same || !says_kind(condition)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn says_kind(condition: &Node) -> bool {
    match condition {
        Node::Relation(sides, signs) => {
            // That x is whole says more than that n is.
            let is_real = |node: &Node| matches!(node, Node::Symbol(Symbol::Name(name)) if "xyzuvwrs".contains(&**name));
            *signs == [Relation::In]
                && match sides[1] {
                    Node::NumberSet('R' | 'C') => true,
                    Node::NumberSet('Z') => !is_real(&sides[0]),
                    _ => false,
                }
        }
        Node::Text(words) => {
            let known = [
                "constant",
                "constants",
                "real",
                "arbitrary",
                "of",
                "integration",
                "integer",
                "integers",
                "is",
                "are",
                "an",
                "and",
                "number",
                "numbers",
            ];
            let words = words.to_lowercase();
            let mut words = words.split([' ', ',']).filter(|word| !word.is_empty());
            words.all(|word| word.len() == 1 || known.contains(&word) || word.contains('_'))
        }
        _ => false,
    }
}
