//! Regions: subsets of the number line, as intervals, unions, inequalities and conditions.
//!
//! `x > 5`, `(5, \infty)` and `5 < x` are one region, `x \ne 3` and `(-\infty, 3) \cup (3, \infty)` another.
//! Whatever has no such reading (a variable at an end, two variables) is compared part by part.

use std::cmp::Ordering;

use dashu_ratio::RBig;

use super::lists::collection::{is_union, same_tuple};
use super::relation::{difference, mirror};
use super::{all, any, direct as same_answer};
use crate::algebra::function::inverse;
use crate::algebra::substitute::substituted;
use crate::algebra::{Atom, Monomial, Outcome, Shared, Sum, Trouble, Work, normal, ratio};
use crate::decide::{equal, is_constant, ordering};
use crate::syntax::{Node, Relation, SetOperator, Symbol};

pub(super) fn same(a: &Node, b: &Node, work: &Work) -> Outcome<Option<bool>> {
    if !(is_region(a) && is_region(b)) {
        return Ok(None);
    }
    let names_differ = |a: &Region, b: &Region| matches!((&a.name, &b.name), (Some(a), Some(b)) if a != b);
    if let (Some(x), Some(y)) = (region(a, work)?, region(b, work)?) {
        return Ok(Some(!names_differ(&x, &y) && same_pieces(&x.pieces, &y.pieces, work)?));
    }
    match (a, b) {
        (Node::SetOperation(operator, sets), Node::SetOperation(other, others)) if operator == other => {
            if *operator == SetOperator::Difference {
                return same_tuple(sets, others, work).map(Some);
            }
            let within = |sets: &[Node], others: &[Node]| {
                all(sets.iter().map(|set| any(others.iter().map(|other| same_answer(set, other, work)))))
            };
            Ok(Some(within(sets, others)? && within(others, sets)?))
        }
        (union, _) | (_, union) if is_union(union) => Ok(Some(false)),
        _ => Ok(None),
    }
}

fn is_region(node: &Node) -> bool {
    match node {
        Node::Bracket(_, items, _) => items.len() == 2,
        Node::List(items) => items.iter().all(|item| matches!(item, Node::Relation(..))),
        node => {
            matches!(node, Node::Set(_) | Node::SetOperation(..) | Node::NumberSet(_) | Node::Relation(..))
        }
    }
}

/// A subset of the line, and the name of its variable if it has one.
#[derive(Clone)]
pub(super) struct Region {
    name: Option<Shared<str>>,
    pieces: Vec<Piece>,
}

/// An end of a piece: where, and whether the place itself belongs to it. None is infinity.
type End = Option<(Sum, bool)>;

/// An interval, a point, a ray or the line.
#[derive(Clone)]
struct Piece {
    low: End,
    high: End,
}

const LINE: Piece = Piece { low: None, high: None };

/// Where a condition on one variable holds; none if it is none.
pub(super) fn places(condition: &Node, work: &Work) -> Outcome<Option<Region>> {
    match condition {
        Node::Relation(sides, signs) => {
            Ok(self::condition(sides, signs, work)?.filter(|region| region.name.is_some()))
        }
        _ => Ok(None),
    }
}

impl Region {
    pub(super) fn same_name(&self, other: &Self) -> bool {
        self.name == other.name
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn same(&self, other: &Self, work: &Work) -> Outcome<bool> {
        same_pieces(&self.pieces, &other.pieces, work)
    }

    /// What is in either, in both, or in this one alone.
    pub(super) fn joined(&self, operator: SetOperator, other: &Self, work: &Work) -> Outcome<Self> {
        let pieces = joined(operator, self.pieces.clone(), other.pieces.clone(), work)?;
        Ok(Region { name: self.name.clone(), pieces })
    }

    /// What this leaves of the line.
    pub(super) fn complement(&self) -> Self {
        Region { name: self.name.clone(), pieces: complement(&self.pieces) }
    }

    /// Whether two expressions in the variable, one of them perhaps known only by its values (`|x|`), agree
    /// at points in every piece here.
    pub(super) fn agree_within(&self, a: &Node, b: &Node, work: &Work) -> Outcome<bool> {
        let Some(name) = &self.name else { return Ok(false) };
        let (a, b) = (normal(a, work)?, normal(b, work)?);
        for piece in &self.pieces {
            for part in [0, 211, 503, 787, 1000] {
                let (inside, outside) = (ratio(part, 1000), ratio(1000 - part, 1000));
                let far = Sum::from(ratio(7 * part, 100));
                let place = match (&piece.low, &piece.high) {
                    (Some((low, closed)), Some((high, other))) => {
                        if (part == 0 && !closed) || (part == 1000 && !other) {
                            continue;
                        }
                        low.scaled(&outside).plus(&high.scaled(&inside), work)?
                    }
                    (Some((_, false)), None) | (None, Some((_, false))) if part == 0 => continue,
                    (Some((low, _)), None) => low.plus(&far, work)?,
                    (None, Some((high, _))) => high.minus(&far, work)?,
                    (None, None) => far.minus(&Sum::integer(31), work)?,
                };
                let by = |atom: &Atom| (*atom == Atom::Name(name.clone())).then(|| place.clone());
                if !equal(&substituted(&a, &by, work)?, &substituted(&b, &by, work)?, work)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Whether two expressions in the variable are equal everywhere here: at each point, if these are single
    /// points.
    pub(super) fn agree(&self, a: &Node, b: &Node, work: &Work) -> Outcome<bool> {
        let points: Option<Vec<&Sum>> = self
            .pieces
            .iter()
            .map(|piece| match (&piece.low, &piece.high) {
                (Some((low, _)), Some((high, _))) if low == high => Some(low),
                _ => None,
            })
            .collect();
        let (Some(points), Some(name)) = (points, &self.name) else { return same_answer(a, b, work) };
        let at = |node: &Node, point: &Sum| {
            let by = |atom: &Atom| (*atom == Atom::Name(name.clone())).then(|| point.clone());
            substituted(&normal(node, work)?, &by, work)
        };
        all(points.into_iter().map(|point| equal(&at(a, point)?, &at(b, point)?, work)))
    }
}

fn region(node: &Node, work: &Work) -> Outcome<Option<Region>> {
    let unnamed = |pieces| Some(Region { name: None, pieces });
    Ok(match node {
        Node::NumberSet('R') => unnamed(vec![LINE]),
        Node::Bracket(open, items, close) => match &items[..] {
            [low, high] => {
                let (low, high) =
                    (end(low, *open == '[', true, work)?, end(high, *close == ']', false, work)?);
                match (low, high) {
                    (Some(low), Some(high)) => unnamed(vec![Piece { low, high }]),
                    _ => None,
                }
            }
            _ => None,
        },
        Node::Set(items) => {
            let mut pieces = Vec::new();
            for item in items {
                match end(item, true, true, work)? {
                    Some(Some(place)) => {
                        pieces.push(Piece { low: Some(place.clone()), high: Some(place) });
                    }
                    _ => return Ok(None),
                }
            }
            unnamed(sorted(pieces, work)?)
        }
        Node::SetOperation(operator, sets) => {
            let mut result: Option<Region> = None;
            for set in sets {
                let Some(next) = region(set, work)? else { return Ok(None) };
                result = Some(match result {
                    None => next,
                    Some(so_far) => {
                        Region { name: None, pieces: joined(*operator, so_far.pieces, next.pieces, work)? }
                    }
                });
            }
            result
        }
        Node::Relation(_, signs) if signs.iter().all(|sign| *sign == Relation::Equal) => None,
        Node::Relation(sides, signs) => condition(sides, signs, work)?,
        Node::List(items) => conditions(items, work)?,
        _ => None,
    })
}

/// A constant as an end; the outer none if it is not a real constant.
fn end(node: &Node, closed: bool, low: bool, work: &Work) -> Outcome<Option<End>> {
    let infinite = |node: &Node| {
        *node == Node::Infinity || matches!(node, Node::Neg(inner) if **inner == Node::Infinity)
    };
    if infinite(node) {
        let towards_low = *node != Node::Infinity;
        return Ok((towards_low == low).then_some(None));
    }
    match normal(node, work) {
        Ok(value) if is_constant(&value) && ordering(&value, work)?.is_some() => {
            Ok(Some(Some((value, closed))))
        }
        Err(Trouble::TooExpensive) => Err(Trouble::TooExpensive),
        _ => Ok(None),
    }
}

/// What a chain of relations says of its one variable.
fn condition(sides: &[Node], signs: &[Relation], work: &Work) -> Outcome<Option<Region>> {
    if let ([Node::Symbol(Symbol::Name(name)), set], [Relation::In]) = (sides, signs) {
        let inside = region(set, work)?;
        return Ok(inside.map(|inside| Region { name: Some(name.as_str().into()), pieces: inside.pieces }));
    }
    let mut result: Option<Region> = None;
    for (at, sign) in signs.iter().enumerate() {
        let Some(next) = half_line(&sides[at..=at + 1], *sign, work)? else { return Ok(None) };
        result = Some(match result {
            None => next,
            Some(so_far) if so_far.name == next.name => Region {
                name: next.name,
                pieces: joined(SetOperator::Intersection, so_far.pieces, next.pieces, work)?,
            },
            Some(_) => return Ok(None),
        });
    }
    Ok(result)
}

/// Several conditions on one variable: their union, as `or` is usual, unless that is the whole line.
fn conditions(items: &[Node], work: &Work) -> Outcome<Option<Region>> {
    let mut all: Vec<Region> = Vec::new();
    for item in items {
        match item {
            Node::Relation(sides, signs) => match condition(sides, signs, work)? {
                Some(region) if all.iter().all(|other| other.name == region.name) => all.push(region),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        }
    }
    let is_equation =
        |item: &Node| matches!(item, Node::Relation(_, signs) if signs.contains(&Relation::Equal));
    if items.iter().all(is_equation) {
        return Ok(None);
    }
    let joined_by = |operator| -> Outcome<Option<Region>> {
        let mut regions = all.iter();
        let Some(first) = regions.next() else { return Ok(None) };
        let mut pieces = first.pieces.clone();
        for region in regions {
            pieces = joined(operator, pieces, region.pieces.clone(), work)?;
        }
        Ok(Some(Region { name: first.name.clone(), pieces }))
    };
    let is_line = |region: &Region| matches!(&region.pieces[..], [Piece { low: None, high: None }]);
    let exclusions = items
        .iter()
        .any(|item| matches!(item, Node::Relation(_, signs) if signs.contains(&Relation::NotEqual)));
    match joined_by(SetOperator::Union)? {
        Some(union) if !is_line(&union) && !exclusions => Ok(Some(union)),
        _ => joined_by(SetOperator::Intersection),
    }
}

/// A linear inequality in one variable as a ray; `≠` as the line without a point.
fn half_line(sides: &[Node], sign: Relation, work: &Work) -> Outcome<Option<Region>> {
    let Some(difference) = difference(sides, work)? else { return Ok(None) };
    let mut name = None;
    for atom in difference.atoms().filter(|atom| !is_constant(&Sum::atom((*atom).clone()))) {
        match atom {
            Atom::Name(variable) if name.as_ref().is_none_or(|name| name == variable) => {
                name = Some(variable.clone())
            }
            _ => return Ok(None),
        }
    }
    let Some(name) = name else { return Ok(None) };
    let variable = Atom::Name(name.clone());
    let part = |exponent: i64| {
        let exponent = RBig::from(exponent);
        let terms = difference.0.iter().filter(|term| term.monomial.exponent(&variable) == exponent).cloned();
        Sum(terms.collect())
    };
    let (slope, rest) = (part(1), part(0));
    if slope.0.len() + rest.0.len() != difference.0.len() {
        return Ok(None);
    }
    let slope = slope.over(&Monomial::of(variable, RBig::ONE));
    let rising = match ordering(&slope, work)? {
        Some(Ordering::Greater) => true,
        Some(Ordering::Less) => false,
        _ => return Ok(None),
    };
    let place = rest.negated().times(&inverse(&slope, work)?, work)?;
    if ordering(&place, work)?.is_none() {
        return Ok(None);
    }
    let pieces = match if rising { sign } else { mirror(sign) } {
        Relation::Less => vec![Piece { low: None, high: Some((place, false)) }],
        Relation::LessOrEqual => vec![Piece { low: None, high: Some((place, true)) }],
        Relation::Greater => vec![Piece { low: Some((place, false)), high: None }],
        Relation::GreaterOrEqual => vec![Piece { low: Some((place, true)), high: None }],
        Relation::Equal => vec![Piece { low: Some((place.clone(), true)), high: Some((place, true)) }],
        Relation::NotEqual => vec![
            Piece { low: None, high: Some((place.clone(), false)) },
            Piece { low: Some((place, false)), high: None },
        ],
        _ => return Ok(None),
    };
    Ok(Some(Region { name: Some(name), pieces }))
}

/// Two sets of pieces as one, sorted and apart.
fn joined(operator: SetOperator, a: Vec<Piece>, b: Vec<Piece>, work: &Work) -> Outcome<Vec<Piece>> {
    match operator {
        SetOperator::Union => sorted(a.into_iter().chain(b).collect(), work),
        SetOperator::Intersection => {
            let mut pieces = Vec::new();
            for x in &a {
                for y in &b {
                    let low =
                        if low_order(&x.low, &y.low, work)? == Ordering::Less { &y.low } else { &x.low };
                    let high =
                        if high_order(&x.high, &y.high, work)? == Ordering::Less { &x.high } else { &y.high };
                    let piece = Piece { low: low.clone(), high: high.clone() };
                    if !is_empty(&piece, work)? {
                        pieces.push(piece);
                    }
                }
            }
            sorted(pieces, work)
        }
        SetOperator::Difference => {
            let outside = complement(&sorted(b, work)?);
            joined(SetOperator::Intersection, a, outside, work)
        }
    }
}

/// What sorted pieces leave of the line.
fn complement(pieces: &[Piece]) -> Vec<Piece> {
    let opened = |end: &End| end.as_ref().map(|(place, closed)| (place.clone(), !closed));
    let mut gaps = Vec::new();
    let mut low: Option<End> = Some(None);
    for piece in pieces {
        if let Some(low) = low.take()
            && piece.low.is_some()
        {
            gaps.push(Piece { low, high: opened(&piece.low) });
        }
        low = piece.high.is_some().then(|| opened(&piece.high));
    }
    gaps.extend(low.map(|low| Piece { low, high: None }));
    gaps
}

/// Pieces from low to high, those that meet made one.
fn sorted(pieces: Vec<Piece>, work: &Work) -> Outcome<Vec<Piece>> {
    let mut ordered: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let mut at = ordered.len();
        while at > 0 && low_order(&piece.low, &ordered[at - 1].low, work)? == Ordering::Less {
            at -= 1;
        }
        ordered.insert(at, piece);
    }
    let mut merged: Vec<Piece> = Vec::with_capacity(ordered.len());
    for piece in ordered {
        match merged.last_mut() {
            Some(last) if meets(&last.high, &piece.low, work)? => {
                if high_order(&last.high, &piece.high, work)? == Ordering::Less {
                    last.high = piece.high;
                }
            }
            _ => merged.push(piece),
        }
    }
    Ok(merged)
}

fn compared(a: &Sum, b: &Sum, work: &Work) -> Outcome<Ordering> {
    // Ends are real, so their difference has a sign.
    ordering(&a.minus(b, work)?, work)?.ok_or(Trouble::TooExpensive)
}

fn low_order(a: &End, b: &End, work: &Work) -> Outcome<Ordering> {
    Ok(match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        // A closed end begins before an open one.
        (Some((a, a_closed)), Some((b, b_closed))) => compared(a, b, work)?.then(b_closed.cmp(a_closed)),
    })
}

fn high_order(a: &End, b: &End, work: &Work) -> Outcome<Ordering> {
    Ok(match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some((a, a_closed)), Some((b, b_closed))) => compared(a, b, work)?.then(a_closed.cmp(b_closed)),
    })
}

/// Whether nothing lies between a high end and the next low one.
fn meets(high: &End, low: &End, work: &Work) -> Outcome<bool> {
    Ok(match (high, low) {
        (Some((high, closed)), Some((low, other))) => match compared(high, low, work)? {
            Ordering::Greater => true,
            Ordering::Equal => *closed || *other,
            Ordering::Less => false,
        },
        _ => true,
    })
}

fn is_empty(piece: &Piece, work: &Work) -> Outcome<bool> {
    Ok(match (&piece.low, &piece.high) {
        (Some((low, closed)), Some((high, other))) => match compared(low, high, work)? {
            Ordering::Greater => true,
            Ordering::Equal => !(*closed && *other),
            Ordering::Less => false,
        },
        _ => false,
    })
}

fn same_pieces(a: &[Piece], b: &[Piece], work: &Work) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (x, y) in a.iter().zip(b) {
        if low_order(&x.low, &y.low, work)? != Ordering::Equal
            || high_order(&x.high, &y.high, work)? != Ordering::Equal
        {
            return Ok(false);
        }
    }
    Ok(true)
}
