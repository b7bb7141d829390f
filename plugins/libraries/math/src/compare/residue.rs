//! Classes of whole numbers: congruences, and families `12k + 7` over all whole k, as sets.
//!
//! `x \equiv 7 \pmod{12}` is `x \equiv 19 \pmod{12}`, and `x = 12k + 7`. A class is not a number: `x = 7` is
//! but one of its members. Where nothing is named on the left (`7 \pmod{12}`, `2^{10} \equiv 4 \pmod{12}`),
//! the number that was written and the least one count as well.

use std::collections::BTreeSet;

use dashu_int::IBig;
use dashu_int::ops::{Gcd, UnsignedAbs};
use dashu_ratio::RBig;

use super::direct as same_answer;
use super::family::{PARAMETERS, linear};
use crate::algebra::{Outcome, Trouble, Work, normal};
use crate::syntax::{Function, Node, Relation, Symbol};

/// A common modulus larger than this is not gone through.
const MAX_MODULUS: u32 = 20_000;

pub(super) fn same(a: &Node, b: &Node, work: &Work) -> Outcome<Option<bool>> {
    let congruent = [is_congruence(a), is_congruence(b)];
    let ranges = |node: &Node| matches!(node, Node::With(..)) && ranges_over_integers(node);
    if !(congruent[0] || congruent[1] || ranges(a) || ranges(b)) {
        return Ok(None);
    }
    match (classes(a, work)?, classes(b, work)?) {
        (Some(x), Some(y)) => {
            if let (Some(name), Some(other)) = (&x.name, &y.name)
                && !same_answer(name, other, work)?
            {
                return Ok(Some(false));
            }
            same_classes(&x.classes, &y.classes).map(Some)
        }
        _ if congruent == [true, false] => number(a, b, work).map(Some),
        _ if congruent == [false, true] => number(b, a, work).map(Some),
        _ => Ok(None),
    }
}

/// Classes of whole numbers, each a residue and a modulus, and what they are classes of.
struct Classes {
    name: Option<Node>,
    classes: Vec<(IBig, IBig)>,
}

/// Whether a node, or each item of a list, is a congruence.
fn is_congruence(node: &Node) -> bool {
    match node {
        Node::Residue(..) => true,
        Node::Relation(sides, signs) => {
            signs.contains(&Relation::Congruent) && matches!(sides.last(), Some(Node::Residue(..)))
        }
        Node::List(items) => items.iter().all(is_congruence),
        Node::With(inner, _) => is_congruence(inner),
        _ => false,
    }
}

/// Whether the conditions of an answer say that one name is a whole number, and nothing else.
fn ranges_over_integers(node: &Node) -> bool {
    match node {
        Node::With(_, conditions) => conditions.iter().all(|condition| match condition {
            Node::Relation(sides, signs) => {
                *signs == [Relation::In]
                    && sides[1] == Node::NumberSet('Z')
                    && matches!(sides[0], Node::Symbol(_))
            }
            _ => false,
        }),
        _ => true,
    }
}

fn classes(node: &Node, work: &Work) -> Outcome<Option<Classes>> {
    if !ranges_over_integers(node) {
        return Ok(None);
    }
    let whole = |node: &Node| -> Outcome<Option<IBig>> {
        match normal(node, work) {
            Ok(value) => Ok(value.rational().filter(RBig::is_int).map(|value| value.numerator().clone())),
            Err(Trouble::TooExpensive) => Err(Trouble::TooExpensive),
            Err(_) => Ok(None),
        }
    };
    Ok(match node {
        Node::With(inner, _) => classes(inner, work)?,
        Node::Set(items) if items.len() == 1 => classes(&items[0], work)?,
        Node::Residue(value, modulus) => match (whole(value)?, whole(modulus)?) {
            (Some(value), Some(modulus)) => reduced(value, modulus),
            _ => None,
        },
        Node::Relation(sides, signs) if *signs == [Relation::Congruent] && is_congruence(node) => {
            classes(&sides[1], work)?.map(|found| Classes { name: Some(sides[0].clone()), ..found })
        }
        Node::Relation(sides, signs) if *signs == [Relation::Equal] => match &sides[0] {
            name @ Node::Symbol(Symbol::Name(_)) => {
                classes(&sides[1], work)?.map(|found| Classes { name: Some(name.clone()), ..found })
            }
            _ => None,
        },
        Node::Relation(sides, signs) if *signs == [Relation::In] && matches!(sides[1], Node::Set(_)) => {
            classes(&sides[1], work)?.map(|found| Classes { name: Some(sides[0].clone()), ..found })
        }
        Node::List(items) => {
            let mut all = Classes { name: None, classes: vec![] };
            for item in items {
                let Some(found) = classes(item, work)? else { return Ok(None) };
                if all.name.is_some() && found.name.is_some() && all.name != found.name {
                    return Ok(None);
                }
                all.name = all.name.or(found.name);
                all.classes.extend(found.classes);
            }
            Some(all)
        }
        Node::Add(_) | Node::Mul(_) => match linear(node, PARAMETERS, work)? {
            Some((_, slope, offset)) => match (slope.rational(), offset.rational()) {
                (Some(slope), Some(offset)) if slope.is_int() && offset.is_int() => {
                    reduced(offset.numerator().clone(), slope.numerator().clone())
                }
                _ => None,
            },
            None => None,
        },
        _ => None,
    })
}

fn reduced(value: IBig, modulus: IBig) -> Option<Classes> {
    let modulus = IBig::from(modulus.unsigned_abs());
    if modulus == IBig::ZERO {
        return None;
    }
    let residue = ((value % &modulus) + &modulus) % &modulus;
    Some(Classes { name: None, classes: vec![(residue, modulus)] })
}

/// Whether two unions of classes hold the same numbers.
fn same_classes(a: &[(IBig, IBig)], b: &[(IBig, IBig)]) -> Outcome<bool> {
    let sorted = |classes: &[(IBig, IBig)]| classes.iter().cloned().collect::<BTreeSet<_>>();
    if sorted(a) == sorted(b) {
        return Ok(true);
    }
    if let ([one], [other]) = (a, b) {
        return Ok(one == other);
    }
    let mut common = IBig::ONE;
    for (_, modulus) in a.iter().chain(b) {
        let shared = IBig::from((&common).unsigned_abs().gcd(modulus.unsigned_abs()));
        common = common / shared * modulus;
        if common > IBig::from(MAX_MODULUS) {
            return Err(Trouble::TooExpensive);
        }
    }
    let members = |classes: &[(IBig, IBig)]| {
        let mut members = BTreeSet::new();
        for (residue, modulus) in classes {
            let mut member = residue.clone();
            while member < common {
                members.insert(member.clone());
                member += modulus;
            }
        }
        members
    };
    Ok(members(a) == members(b))
}

/// Whether a class was written with just this number, and is not that of an unknown.
fn number(class: &Node, number: &Node, work: &Work) -> Outcome<bool> {
    match class {
        Node::Residue(value, modulus) => {
            if same_answer(value, number, work)? {
                return Ok(true);
            }
            // `17 mod 5` is 2.
            let rest = Node::Call(Function::Mod, vec![(**value).clone(), (**modulus).clone()]);
            same_answer(&rest, number, work)
        }
        Node::Relation(sides, _) if !matches!(sides[0], Node::Symbol(Symbol::Name(_))) => {
            self::number(&sides[sides.len() - 1], number, work)
        }
        _ => Ok(false),
    }
}
