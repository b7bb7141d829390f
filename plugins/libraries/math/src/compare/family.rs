//! Families: answers with a name that may be chosen freely. The constant of integration (`+C`, `+c`), and the
//! whole number of a family of angles or numbers (`\frac{\pi}{4} + k\pi`, `n = 4k + 3`).
//!
//! In: two answers that differ as they stand. Out: one with the other's names in place of its own, or whether
//! the two families are one. Names that the problem gives stay; only what is free by its place is renamed.

use std::collections::BTreeSet;

use dashu_ratio::RBig;

use super::{all, direct};
use crate::algebra::function::inverse;
use crate::algebra::{Atom, Monomial, Outcome, Shared, Sum, Trouble, Work, normal};
use crate::decide::is_zero;
use crate::syntax::unit::Base;
use crate::syntax::{Node, Relation, Symbol};

/// Letters of whole numbers that a family runs through.
pub(super) const PARAMETERS: &str = "kKnmMljt";

/// Letters of constants of integration.
const CONSTANTS: &str = "CcKk";

/// Whether two answers are the same family, written with other names or from another member on.
pub(super) fn same(a: &Node, b: &Node, work: &Work) -> Outcome<bool> {
    if let (Node::List(items), Node::List(others)) = (a, b)
        && items.len() == others.len()
        && items.len() <= 4
    {
        return all(items.iter().zip(others).map(|(a, b)| Ok(direct(a, b, work)? || same(a, b, work)?)));
    }
    let may_be = |node: &Node| {
        node.any(&|node| match node {
            Node::Symbol(Symbol::Name(name)) => {
                name.starts_with(|letter: char| CONSTANTS.contains(letter) || PARAMETERS.contains(letter))
            }
            _ => false,
        })
    };
    if !may_be(a) || !may_be(b) {
        return Ok(false);
    }
    let (names, others) = (names(a), names(b));
    let only: Vec<&String> = names.difference(&others).collect();
    let other_only: Vec<&String> = others.difference(&names).collect();
    if only.len() != other_only.len() {
        return Ok(false);
    }
    let constants = !only.is_empty()
        && only.iter().zip(&other_only).all(|(name, other)| are_constants(name, other))
        && only.iter().all(|name| is_free(a, name))
        && other_only.iter().all(|name| is_free(b, name));
    let parameters =
        || only.len() == 1 && is_parameter(only[0]) && is_parameter(other_only[0]) && runs(a) && runs(b);
    if constants || parameters() {
        let renamed = renamed(a, &only, &other_only);
        return Ok(direct(&renamed, b, work)? || shifted(&renamed, b, work)?);
    }
    if only.is_empty() { shifted(a, b, work) } else { Ok(false) }
}

/// Every name in what an answer says, the one that it gives to its value aside.
fn names(node: &Node) -> BTreeSet<String> {
    fn collect(node: &Node, found: &mut BTreeSet<String>) {
        match node {
            Node::Symbol(Symbol::Name(name)) => {
                found.insert(name.clone());
            }
            Node::Relation(sides, signs)
                if *signs == [Relation::Equal] && matches!(sides[0], Node::Symbol(_) | Node::Apply(..)) =>
            {
                collect(&sides[1], found);
            }
            node => node.children().into_iter().for_each(|child| collect(child, found)),
        }
    }
    let mut found = BTreeSet::new();
    collect(node, &mut found);
    found
}

fn is_parameter(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|letter| PARAMETERS.contains(letter)) && letters.next().is_none()
}

/// `C` and `c`, `C_1` and `c_1`.
fn are_constants(name: &str, other: &str) -> bool {
    let parts = |name: &str| {
        let mut letters = name.chars();
        let first = letters.next().unwrap_or_default();
        (first, letters.collect::<String>())
    };
    let ((first, rest), (other_first, other_rest)) = (parts(name), parts(other));
    CONSTANTS.contains(first)
        && CONSTANTS.contains(other_first)
        && rest == other_rest
        && (rest.is_empty() || rest.starts_with('_'))
}

/// Whether a name is a constant by its place: a term of its own, or one with a number as its subscript.
fn is_free(node: &Node, name: &str) -> bool {
    let is = |node: &Node| matches!(node, Node::Symbol(Symbol::Name(other)) if other == name);
    let signed = |node: &Node| is(node) || matches!(node, Node::Neg(inner) if is(inner));
    name.contains('_') || node.any(&|node| matches!(node, Node::Add(terms) if terms.iter().any(signed)))
}

/// Whether an answer is a family by its shape: a multiple of π, an equation, or whole by its condition.
fn runs(node: &Node) -> bool {
    let is_turn = |node: &Node| {
        matches!(node, Node::Mul(factors) if factors.iter().any(turns)
            && factors.iter().any(|factor| matches!(factor, Node::Symbol(Symbol::Name(name)) if is_parameter(name))))
    };
    match node {
        Node::With(inner, conditions) => {
            let whole = |condition: &Node| {
                matches!(condition, Node::Relation(sides, signs)
                    if *signs == [Relation::In] && sides[1] == Node::NumberSet('Z'))
            };
            conditions.iter().all(whole) || runs(inner)
        }
        Node::Relation(sides, signs) => {
            let named = |name: &str| {
                let is_variable = matches!(name.as_bytes(), [letter] if letter.is_ascii_lowercase());
                is_variable && name != "y"
            };
            *signs == [Relation::Equal]
                && matches!(&sides[0], Node::Symbol(Symbol::Name(name)) if named(name))
        }
        node => node.any(&is_turn),
    }
}

/// Whether an expression is an angle by its shape: it has π or degrees.
fn turns(node: &Node) -> bool {
    node.any(&|node| match node {
        Node::Symbol(symbol) => *symbol == Symbol::Pi,
        Node::Quantity(_, unit) => unit.is(Base::Angle),
        _ => false,
    })
}

fn renamed(node: &Node, from: &[&String], to: &[&String]) -> Node {
    match node {
        Node::Symbol(Symbol::Name(name)) => match from.iter().position(|other| *other == name) {
            Some(at) => Node::name(to[at]),
            None => node.clone(),
        },
        node => node.map(&mut |child| renamed(child, from, to)),
    }
}

/// Whether two families of one period begin a whole number of periods apart: `\frac{\pi}{4} + k\pi` is
/// `\frac{5\pi}{4} + k\pi`.
fn shifted(a: &Node, b: &Node, work: &Work) -> Outcome<bool> {
    fn value(node: &Node) -> Option<&Node> {
        match node {
            Node::With(inner, _) => value(inner),
            Node::Relation(sides, signs) if *signs == [Relation::Equal] => sides.last(),
            Node::Add(_) | Node::Mul(_) => Some(node),
            _ => None,
        }
    }
    let (Some(x), Some(y)) = (value(a), value(b)) else { return Ok(false) };
    if !(turns(x) && turns(y)) {
        return Ok(false);
    }
    let named = |node: &Node| match node {
        Node::Relation(sides, _) => Some(sides[0].clone()),
        _ => None,
    };
    if matches!((named(a), named(b)), (Some(name), Some(other)) if name != other) {
        return Ok(false);
    }
    let (Some((_, slope, offset)), Some((_, other_slope, other_offset))) =
        (linear(x, PARAMETERS, work)?, linear(y, PARAMETERS, work)?)
    else {
        return Ok(false);
    };
    let same_period =
        is_zero(&slope.minus(&other_slope, work)?, work)? || is_zero(&slope.plus(&other_slope, work)?, work)?;
    let periods = offset.minus(&other_offset, work)?.times(&inverse(&slope, work)?, work)?;
    Ok(same_period && periods.rational().is_some_and(|periods| periods.is_int()))
}

/// An expression as `slope · name + offset` in its one name among `letters`; none if it is not linear, or has
/// other names.
pub(super) fn linear(node: &Node, letters: &str, work: &Work) -> Outcome<Option<(String, Sum, Sum)>> {
    let value = match normal(node, work) {
        Ok(value) => value,
        Err(Trouble::TooExpensive) => return Err(Trouble::TooExpensive),
        Err(_) => return Ok(None),
    };
    let mut name: Option<Shared<str>> = None;
    let mut others = false;
    for atom in value.atoms() {
        match atom {
            Atom::Name(found) => {
                others |= name.as_ref().is_some_and(|name| *name != *found);
                name = Some(found.clone());
            }
            atom => others |= atom.any(&|atom| matches!(atom, Atom::Name(_) | Atom::Opaque(..))),
        }
    }
    let Some(name) = name.filter(|name| !others && name.chars().count() == 1 && letters.contains(&**name))
    else {
        return Ok(None);
    };
    let atom = Atom::Name(name.clone());
    let part = |exponent: i64| {
        let exponent = RBig::from(exponent);
        Sum(value.0.iter().filter(|term| term.monomial.exponent(&atom) == exponent).cloned().collect())
    };
    let (slope, offset) = (part(1), part(0));
    if slope.is_zero() || slope.0.len() + offset.0.len() != value.0.len() {
        return Ok(None);
    }
    let slope = slope.over(&Monomial::of(atom, RBig::ONE));
    Ok(Some((name.to_string(), slope, offset)))
}
