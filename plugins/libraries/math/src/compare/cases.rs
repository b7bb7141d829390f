//! Functions by cases: wherever a branch of one and a branch of the other both hold, their values agree, and
//! both are said of the same places.
//!
//! Conditions are regions of the line, classes of whole numbers, or else words and relations that must be the
//! same. `otherwise` is what the other branches leave over.

use std::collections::BTreeSet;

use super::region::{Region, places};
use super::{all, direct as same_answer};
use crate::algebra::substitute::substituted;
use crate::algebra::{Atom, Outcome, Sum, WHOLE, Work, normal};
use crate::decide::equal;
use crate::syntax::{Node, Relation, SetOperator, Symbol};

pub(super) fn same(a: &Node, b: &Node, work: &Work) -> Outcome<Option<bool>> {
    let (a, b) = match (a, b) {
        (Node::Cases(a), Node::Cases(b)) => (a, b),
        (Node::Cases(branches), other) | (other, Node::Cases(branches)) => {
            return match other {
                Node::Relation(..) | Node::With(..) => Ok(None),
                other => same_expression(branches, other, work).map(Some),
            };
        }
        _ => return Ok(None),
    };
    if let (Some(x), Some(y)) = (placed(a, work)?, placed(b, work)?) {
        return same_placed(&x, &y, work).map(Some);
    }
    same_branches(a, b, work).map(Some)
}

/// Whether one expression says what all branches say: wherever on the line, or for whole numbers of every
/// class.
fn same_expression(branches: &[Node], other: &Node, work: &Work) -> Outcome<bool> {
    if let Some(placed) = placed(branches, work)? {
        return all(placed.iter().map(|(value, region)| region.agree_within(value, other, work)));
    }
    let mut modulus = None;
    let mut seen = BTreeSet::new();
    for branch in branches {
        let (value, [Node::Relation(sides, signs)]) = parts(branch) else { return Ok(false) };
        let ([Node::Symbol(Symbol::Name(name)), Node::Residue(residue, of)], [Relation::Congruent]) =
            (&sides[..], &signs[..])
        else {
            return Ok(false);
        };
        let (residue, of) = (normal(residue, work)?.whole_number(), normal(of, work)?.whole_number());
        let (Some(residue), Some(of)) = (residue, of.filter(|of| *of > 0)) else { return Ok(false) };
        if *modulus.get_or_insert(of) != of {
            return Ok(false);
        }
        seen.insert(residue.rem_euclid(of));
        let whole = Sum::atom(Atom::Name(format!("{WHOLE}{name}").as_str().into()));
        let class = whole.scaled(&of.into()).plus(&Sum::integer(residue), work)?;
        let by = |atom: &Atom| matches!(atom, Atom::Name(found) if **found == **name).then(|| class.clone());
        let at = |node: &Node| substituted(&normal(node, work)?, &by, work);
        if !equal(&at(value)?, &at(other)?, work)? {
            return Ok(false);
        }
    }
    Ok(modulus.is_some_and(|modulus| seen.len() as i64 == modulus))
}

/// A branch's value and where it holds.
type Branch<'a> = (&'a Node, Region);

/// Branches as values on parts of the line; none if a condition has no such reading.
fn placed<'a>(branches: &'a [Node], work: &Work) -> Outcome<Option<Vec<Branch<'a>>>> {
    let mut found: Vec<Branch<'a>> = Vec::new();
    for branch in branches {
        let (value, conditions) = parts(branch);
        let region = if is_rest(conditions) {
            let Some((_, first)) = found.first() else { return Ok(None) };
            let mut rest = first.complement();
            for (_, region) in &found[1..] {
                rest = rest.joined(SetOperator::Difference, region, work)?;
            }
            rest
        } else {
            let mut region: Option<Region> = None;
            for condition in conditions {
                let Some(next) = places(condition, work)? else { return Ok(None) };
                region = Some(match region {
                    Some(region) if region.same_name(&next) => {
                        region.joined(SetOperator::Intersection, &next, work)?
                    }
                    Some(_) => return Ok(None),
                    None => next,
                });
            }
            let Some(region) = region else { return Ok(None) };
            if found.first().is_some_and(|(_, first)| !first.same_name(&region)) {
                return Ok(None);
            }
            region
        };
        found.push((value, region));
    }
    Ok(Some(found))
}

fn same_placed(a: &[Branch<'_>], b: &[Branch<'_>], work: &Work) -> Outcome<bool> {
    let whole = |branches: &[Branch<'_>]| -> Outcome<Option<Region>> {
        let mut all: Option<Region> = None;
        for (_, region) in branches {
            all = Some(match all {
                Some(all) => all.joined(SetOperator::Union, region, work)?,
                None => region.clone(),
            });
        }
        Ok(all)
    };
    match (whole(a)?, whole(b)?) {
        (Some(x), Some(y)) if x.same_name(&y) && x.same(&y, work)? => {}
        _ => return Ok(false),
    }
    for (value, region) in a {
        for (other, other_region) in b {
            let shared = region.joined(SetOperator::Intersection, other_region, work)?;
            // At single points the values count, and not the expressions.
            if !shared.is_empty() && !shared.agree(value, other, work)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Whether two functions have the same branches, condition by condition. The last condition that is left over
/// may be `otherwise` on one side where the others are a number's classes to one modulus, all but one.
fn same_branches(a: &[Node], b: &[Node], work: &Work) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    let mut left: Vec<&Node> = b.iter().collect();
    let mut unmatched = Vec::new();
    for branch in a {
        let (value, conditions) = parts(branch);
        let mut found = None;
        for (at, other) in left.iter().enumerate() {
            if same_conditions(conditions, parts(other).1, work)? {
                found = Some(at);
                break;
            }
        }
        match found {
            Some(at) if same_answer(value, parts(left.remove(at)).0, work)? => {}
            Some(_) => return Ok(false),
            None => unmatched.push(branch),
        }
    }
    match (&unmatched[..], &left[..]) {
        ([], []) => Ok(true),
        ([one], [other]) => {
            let (x, y) = (parts(one), parts(other));
            let rest_of = |rest: &[Node], said: &[Node], all: &[Node]| is_rest(rest) && completes(said, all);
            Ok((rest_of(x.1, y.1, b) || rest_of(y.1, x.1, a)) && same_answer(x.0, y.0, work)?)
        }
        _ => Ok(false),
    }
}

/// Whether a condition is what the other branches leave over: n is even where they say that it is odd.
fn completes(conditions: &[Node], branches: &[Node]) -> bool {
    let residue = |conditions: &[Node]| match conditions {
        [Node::Relation(sides, signs)] if *signs == [Relation::Congruent] => match &sides[1] {
            Node::Residue(_, modulus) => Some((**modulus).clone()),
            _ => None,
        },
        _ => None,
    };
    let Some(modulus) = residue(conditions) else { return false };
    let count = branches.iter().filter(|branch| residue(parts(branch).1).as_ref() == Some(&modulus)).count();
    modulus == Node::integer(count as i64)
}

fn same_conditions(a: &[Node], b: &[Node], work: &Work) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    all(a.iter().zip(b).map(|(a, b)| same_answer(a, b, work)))
}

fn parts(branch: &Node) -> (&Node, &[Node]) {
    match branch {
        Node::With(value, conditions) => (value, conditions),
        value => (value, &[]),
    }
}

fn is_rest(conditions: &[Node]) -> bool {
    matches!(conditions, [Node::Text(words)] if words == "otherwise")
}
