//! Collections: lists and sets in any order, tuples in theirs.
//!
//! A list without brackets is what a problem with several answers has; it equals the set of the same
//! elements, and a tuple that gives them in the same order. Assignments to different names are a tuple in the
//! order of the names; to one name, a list. `±` stands for two elements.

use std::collections::BTreeMap;

use super::pairing::paired;
use crate::algebra::{Outcome, Sum, Trouble, Work, normal};
use crate::compare::relation::labelled;
use crate::compare::{all, any, direct as same_answer};
use crate::decide::equal;
use crate::syntax::{Node, SetOperator, Symbol};

/// Collections longer than this are compared in order.
const MAX_UNORDERED: usize = 64;

pub(in crate::compare) fn same(a: &Node, b: &Node, work: &Work) -> Outcome<Option<bool>> {
    if let (Some(items), Some(others)) = (items(a), items(b))
        && (items.contains(&Node::Dots) || others.contains(&Node::Dots))
    {
        return same_progression(items, others, work).map(Some);
    }
    match (a, b) {
        (Node::Set(a), Node::Set(b)) => same_set(a, b, work).map(Some),
        (Node::List(a), Node::List(b)) => match (assignments(a), assignments(b)) {
            (Some(x), Some(y)) => same_assignments(&x, &y, work).map(Some),
            _ => same_list(&values(a), &values(b), work).map(Some),
        },
        (Node::List(list), Node::Set(set)) | (Node::Set(set), Node::List(list)) => {
            same_set(&values(list), set, work).map(Some)
        }
        (Node::Bracket(open, a, close), Node::Bracket(other_open, b, other_close)) => {
            if (open, close) != (other_open, other_close) {
                return Ok(Some(false));
            }
            same_tuple(a, b, work).map(Some)
        }
        (Node::List(list), Node::Bracket(open, tuple, close))
        | (Node::Bracket(open, tuple, close), Node::List(list)) => {
            let ordered = match assignments(list) {
                Some(named) => named.into_values().cloned().collect(),
                None => values(list),
            };
            if (*open, *close) == ('(', ')') && same_tuple(&ordered, tuple, work)? {
                return Ok(Some(true));
            }
            // A list of inequalities is a region, and a bracket may be one.
            if list.iter().any(|item| matches!(item, Node::Relation(..))) {
                Ok(None)
            } else {
                Ok(Some(false))
            }
        }
        // A set of one element is that element.
        (Node::Set(items), single) | (single, Node::Set(items))
            if !is_region(single) && !matches!(single, Node::Text(_)) =>
        {
            match &items[..] {
                [item] => same_answer(item, single, work).map(Some),
                _ => Ok(Some(false)),
            }
        }
        (Node::List(_), other) | (other, Node::List(_)) if !is_region(other) => Ok(Some(false)),
        _ => Ok(None),
    }
}

/// The items of a list, a set or a tuple.
fn items(node: &Node) -> Option<&[Node]> {
    match node {
        Node::List(items) | Node::Set(items) | Node::Bracket('(', items, ')') => Some(items),
        _ => None,
    }
}

/// Whether two collections, one with an ellipsis, go from the same first item in the same steps to the same
/// last. Where the steps are not even, item by item.
fn same_progression(a: &[Node], b: &[Node], work: &Work) -> Outcome<bool> {
    let (Some(x), Some(y)) = (progression(a, work)?, progression(b, work)?) else {
        return Ok(a.contains(&Node::Dots) && b.contains(&Node::Dots) && same_tuple(a, b, work)?);
    };
    let same_end = match (&x.last, &y.last) {
        (Some(x), Some(y)) => equal(x, y, work)?,
        (None, None) => true,
        _ => false,
    };
    Ok(same_end && equal(&x.first, &y.first, work)? && equal(&x.step, &y.step, work)?)
}

/// Items in even steps.
struct Progression {
    first: Sum,
    step: Sum,
    /// None if it never ends.
    last: Option<Sum>,
}

fn progression(items: &[Node], work: &Work) -> Outcome<Option<Progression>> {
    let dots = items.iter().position(|item| *item == Node::Dots);
    let (before, after) = match dots {
        Some(dots) => (&items[..dots], &items[dots + 1..]),
        None => (items, &items[..0]),
    };
    let values = |items: &[Node]| -> Outcome<Option<Vec<Sum>>> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match normal(item, work) {
                Ok(value) => values.push(value),
                Err(Trouble::TooExpensive) => return Err(Trouble::TooExpensive),
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(values))
    };
    let (Some(before), Some(mut after)) = (values(before)?, values(after)?) else { return Ok(None) };
    let Some(first) = before.first().cloned() else { return Ok(None) };
    let step = match &before[..] {
        [one, two, ..] => two.minus(one, work)?,
        // `x_1, …, x_n`
        _ => match next_name(&items[0]) {
            Some(next) => normal(&next, work)?.minus(&first, work)?,
            None => Sum::one(),
        },
    };
    for run in [&before, &after] {
        for pair in run.windows(2) {
            if !equal(&pair[1].minus(&pair[0], work)?, &step, work)? {
                return Ok(None);
            }
        }
    }
    let last = match dots {
        Some(_) => after.pop(),
        None => before.last().cloned(),
    };
    Ok(Some(Progression { first, step, last }))
}

/// The name after a numbered one: `x_2` after `x_1`.
fn next_name(node: &Node) -> Option<Node> {
    let Node::Symbol(Symbol::Name(name)) = node else { return None };
    let (stem, number) = name.split_once('_')?;
    let next = number.parse::<u32>().ok()?.checked_add(1)?;
    Some(Node::name(&format!("{stem}_{next}")))
}

fn is_region(node: &Node) -> bool {
    matches!(node, Node::SetOperation(..) | Node::NumberSet(_) | Node::Bracket(..) | Node::Relation(..))
}

/// A node with ± as the list of its two values; none if it has no ±.
pub(in crate::compare) fn both_signs(node: &Node) -> Option<Node> {
    if !node.any(&|node| matches!(node, Node::PlusMinus(..))) {
        return None;
    }
    let spliced = |items: &[Node]| -> Vec<Node> {
        let both = |item: &Node| match both_signs(item) {
            Some(Node::List(items)) => items,
            Some(other) => vec![other],
            None => vec![item.clone()],
        };
        items.iter().flat_map(both).collect()
    };
    Some(match node {
        Node::List(items) => Node::List(spliced(items)),
        Node::Set(items) => Node::Set(spliced(items)),
        node => Node::List(vec![with_sign(node, false), with_sign(node, true)]),
    })
}

/// The upper or the lower sign of every ±.
fn with_sign(node: &Node, lower: bool) -> Node {
    match node {
        Node::PlusMinus(left, right, flipped) => {
            let (left, right) = (with_sign(left, lower), with_sign(right, lower));
            Node::Add(vec![left, if lower != *flipped { right.negated() } else { right }])
        }
        node => node.map(&mut |child| with_sign(child, lower)),
    }
}

/// What the items of a list say, without the name that may stand before each or before the first alone.
pub(in crate::compare) fn values(items: &[Node]) -> Vec<Node> {
    let grouped = |item: &Node| match item {
        Node::List(inner) => match assignments(inner) {
            Some(named) => Node::Bracket('(', named.into_values().cloned().collect(), ')'),
            None => item.clone(),
        },
        item => item.clone(),
    };
    let labels: Vec<_> = items.iter().map(labelled).collect();
    let one_name = labels.iter().all(|(label, _)| label.is_some_and(|label| Some(label) == labels[0].0));
    let first_alone = labels[0].0.is_some() && labels[1..].iter().all(|(label, _)| label.is_none());
    let subscripts = assignments(items).is_some_and(|named| are_subscripts(named.keys()));
    if one_name || first_alone || subscripts {
        return labels.iter().map(|(_, value)| grouped(value)).collect();
    }
    items.iter().map(grouped).collect()
}

/// Whether names differ in their subscripts alone: `x_1`, `x_2`.
fn are_subscripts<'a>(names: impl Iterator<Item = &'a String>) -> bool {
    let mut stems: Vec<&str> = names.map(|name| name.split_once('_').map_or("", |(stem, _)| stem)).collect();
    stems.dedup();
    stems.len() == 1 && !stems[0].is_empty()
}

/// Assignments to different names, by name.
pub(in crate::compare) fn assignments(items: &[Node]) -> Option<BTreeMap<String, &Node>> {
    let mut named = BTreeMap::new();
    for item in items {
        let (label, value) = labelled(item);
        if named.insert(label?.to_string(), value).is_some() {
            return None;
        }
    }
    (items.len() > 1).then_some(named)
}

fn same_assignments(a: &BTreeMap<String, &Node>, b: &BTreeMap<String, &Node>, work: &Work) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    if a.keys().ne(b.keys()) {
        // x₁ and x₂ may be exchanged, x and y may not.
        if !(are_subscripts(a.keys()) && are_subscripts(b.keys())) {
            return Ok(false);
        }
    }
    if are_subscripts(a.keys()) {
        let values = |named: &BTreeMap<String, &Node>| {
            named.values().map(|value| (*value).clone()).collect::<Vec<_>>()
        };
        return same_list(&values(a), &values(b), work);
    }
    all(a.values().zip(b.values()).map(|(a, b)| same_answer(a, b, work)))
}

pub(in crate::compare) fn same_tuple(a: &[Node], b: &[Node], work: &Work) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    all(a.iter().zip(b).map(|(a, b)| same_answer(a, b, work)))
}

/// Whether two lists hold the same, each element as often; a solution in several unknowns may be repeated.
fn same_list(a: &[Node], b: &[Node], work: &Work) -> Outcome<bool> {
    let is_solution = |node: &Node| matches!(node, Node::Bracket(..));
    if a.iter().chain(b).all(is_solution) {
        return same_set(a, b, work);
    }
    if a.len() != b.len() {
        return Ok(false);
    }
    if a.len() > MAX_UNORDERED {
        return same_tuple(a, b, work);
    }
    paired(a, b, |a, b| same_answer(a, b, work))
}

/// Whether two sets hold the same, however often they name it.
fn same_set(a: &[Node], b: &[Node], work: &Work) -> Outcome<bool> {
    if a.len().max(b.len()) > MAX_UNORDERED {
        return same_tuple(a, b, work);
    }
    let within = |items: &[Node], others: &[Node]| {
        all(items.iter().map(|item| any(others.iter().map(|other| same_answer(item, other, work)))))
    };
    Ok(within(a, b)? && within(b, a)?)
}

/// The parts of a union of sets.
pub(in crate::compare) fn is_union(node: &Node) -> bool {
    matches!(node, Node::SetOperation(SetOperator::Union, _))
}
