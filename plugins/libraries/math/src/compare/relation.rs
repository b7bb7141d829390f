//! Relations: names for values, equations, inequalities.
//!
//! What is named before `=` may be left out on one side (`x = 5` is `5`), and must agree if both have it
//! (`x = 5` is not `y = 5`). Of a chain `x = 5 + 6 = 11` the end counts; of `\sqrt7 \approx 2.65` what is
//! exact. Two equations are the same if one is a multiple of the other; two inequalities, if they are so by a
//! positive number, or say the same of the number line ([`super::region`]).

use std::cmp::Ordering;

use super::{all, direct as same_answer};
use crate::algebra::{Monomial, Outcome, Sum, Trouble, Work, normal};
use crate::decide::{cleared, is_constant, is_zero, ordering};
use crate::syntax::{Function, Node, Relation, Symbol};

pub(super) fn same(a: &Node, b: &Node, work: &Work) -> Outcome<Option<bool>> {
    let (exact, other) = (exact(a, work)?, self::exact(b, work)?);
    match (exact, other) {
        (Exact::Plain, Exact::Plain) => {}
        (Exact::Wrong, _) | (_, Exact::Wrong) => return Ok(Some(false)),
        (Exact::Part(x), Exact::Part(y)) => return same_answer(&x, &y, work).map(Some),
        (Exact::Part(x), Exact::Plain) => return same_answer(&x, b, work).map(Some),
        (Exact::Plain, Exact::Part(y)) => return same_answer(a, &y, work).map(Some),
    }
    match (a, b) {
        (Node::Relation(sides, signs), Node::Relation(others, other_signs)) => {
            same_relations((sides, signs), (others, other_signs), work)
        }
        (Node::Relation(sides, signs), other) | (other, Node::Relation(sides, signs)) => {
            if signs.iter().all(|sign| matches!(sign, Relation::Equal | Relation::Arrow)) {
                return match labelled_sides(sides) {
                    Some((_, value)) => same_answer(value, other, work).map(Some),
                    None => Ok(Some(false)),
                };
            }
            if let (Some(Relation::In), 1) = (signs.first(), signs.len()) {
                return same_answer(&sides[1], other, work).map(Some);
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// What is exact in an answer that ends in `≈` and a number.
enum Exact {
    /// It has no `≈`.
    Plain,
    /// What stands before `≈`, or the number where that is only a name.
    Part(Node),
    /// The number after `≈` is not the value before it, rounded.
    Wrong,
}

fn exact(node: &Node, work: &Work) -> Outcome<Exact> {
    let Node::Relation(sides, signs) = node else { return Ok(Exact::Plain) };
    let Some(at) = signs.iter().position(|sign| *sign == Relation::Approximately) else {
        return Ok(Exact::Plain);
    };
    if at == 0 && is_name(&sides[0]) {
        return Ok(Exact::Part(Node::Relation(sides[..2].to_vec(), vec![Relation::Equal])));
    }
    if !super::expression::is_rounded(&sides[at + 1], &sides[at], work)? {
        return Ok(Exact::Wrong);
    }
    Ok(Exact::Part(match at {
        0 => sides[0].clone(),
        _ => Node::Relation(sides[..=at].to_vec(), signs[..at].to_vec()),
    }))
}

/// The name that a node gives its value, and the value.
pub(super) fn labelled(node: &Node) -> (Option<&Node>, &Node) {
    match node {
        Node::Relation(sides, signs) if signs.iter().all(|sign| *sign == Relation::Equal) => {
            labelled_sides(sides).unwrap_or((None, node))
        }
        node => (None, node),
    }
}

/// The name and the value of a chain of equal sides; none if it is an equation between expressions.
fn labelled_sides(sides: &[Node]) -> Option<(Option<&Node>, &Node)> {
    let last = &sides[sides.len() - 1];
    if is_name(&sides[0]) {
        return Some((Some(&sides[0]), last));
    }
    if is_sum_of_names(&sides[0]) && matches!(last, Node::Number(_)) {
        return Some((Some(&sides[0]), last));
    }
    let has_names =
        |node: &Node| node.any(&|node| matches!(node, Node::Symbol(Symbol::Name(_)) | Node::Apply(..)));
    if !sides.iter().any(has_names) {
        return Some((None, last));
    }
    // `3 = s`
    (sides.len() == 2 && !has_names(&sides[0]) && is_name(last)).then_some((Some(last), &sides[0]))
}

/// Whether a node only names something.
fn is_name(node: &Node) -> bool {
    match node {
        Node::Symbol(Symbol::Name(_)) | Node::Apply(..) | Node::Text(_) => true,
        Node::Symbol(Symbol::E | Symbol::I | Symbol::Pi) | Node::Number(_) => false,
        // `E(x, 0, z)`
        Node::Mul(items) if matches!(&items[..], [Node::Symbol(_), Node::Bracket('(', ..)]) => true,
        Node::Mul(items) | Node::Ratio(items) | Node::Bracket(_, items, _) => {
            items.iter().all(is_name_or_letter)
        }
        Node::Range(range) => range.body.any(&|node| matches!(node, Node::Symbol(Symbol::Name(_)))),
        Node::Div(above, below) => is_name(above) && is_name(below),
        Node::Pow(base, exponent) => is_name(base) && matches!(&**exponent, Node::Neg(_)),
        Node::Call(function, arguments) => match function {
            Function::Abs
            | Function::Max
            | Function::Min
            | Function::Gcd
            | Function::Lcm
            | Function::Determinant
            | Function::Re
            | Function::Im
            | Function::Conjugate => arguments.iter().all(is_name),
            function => {
                *function <= Function::Arctan
                    && arguments
                        .iter()
                        .all(|node| node.any(&|node| matches!(node, Node::Symbol(Symbol::Name(_)))))
            }
        },
        Node::Quantity(value, _) => is_name(value),
        _ => false,
    }
}

/// Whether a node is a sum of names as a problem asks for it: `m + n`, `100a + 10b + c`. In x, y and z it is
/// a line.
fn is_sum_of_names(node: &Node) -> bool {
    let Node::Add(terms) = node else { return false };
    let is_term = |node: &Node| match node {
        Node::Symbol(Symbol::Name(_)) => true,
        Node::Neg(inner) => matches!(**inner, Node::Symbol(Symbol::Name(_))),
        Node::Mul(factors) => {
            matches!(&factors[..], [Node::Number(_), Node::Symbol(Symbol::Name(_))])
        }
        _ => false,
    };
    let is_coordinate =
        |node: &Node| matches!(node, Node::Symbol(Symbol::Name(name)) if matches!(&**name, "x" | "y" | "z"));
    terms.iter().all(is_term) && !node.any(&is_coordinate)
}

/// Within a product or a tuple, e and i may be names too.
fn is_name_or_letter(node: &Node) -> bool {
    is_name(node) || matches!(node, Node::Symbol(Symbol::E | Symbol::I))
}

type Chain<'a> = (&'a [Node], &'a [Relation]);

/// Whether two chains say the same; none where the number line may still have a word on it
/// ([`super::region`]).
fn same_relations(a: Chain<'_>, b: Chain<'_>, work: &Work) -> Outcome<Option<bool>> {
    let equal = |signs: &[Relation]| signs.iter().all(|sign| *sign == Relation::Equal);
    if equal(a.1) != equal(b.1) {
        return Ok(None);
    }
    if equal(a.1) {
        if let (Some((name, value)), Some((other_name, other))) = (labelled_sides(a.0), labelled_sides(b.0))
            && names_agree(name, other_name, work)?
        {
            return same_answer(value, other, work).map(Some);
        }
        if a.0.len() == 2 && b.0.len() == 2 {
            return same_equation(a, b, work).map(Some);
        }
        return same_sides(a, b, work).map(Some);
    }
    if let ([Relation::In], [Relation::In]) = (a.1, b.1) {
        let same = same_answer(&a.0[0], &b.0[0], work)? && same_answer(&a.0[1], &b.0[1], work)?;
        return Ok(Some(same));
    }
    let inequalities = a.0.len() == 2 && b.0.len() == 2;
    let same = same_sides(a, b, work)? || inequalities && same_inequality(a, b, work)?;
    Ok(same.then_some(true))
}

/// Whether two names are the same, or one is missing; `y` also names what `f(x)` does.
fn names_agree(a: Option<&Node>, b: Option<&Node>, work: &Work) -> Outcome<bool> {
    match (a, b) {
        (Some(Node::Apply(..)), Some(Node::Symbol(Symbol::Name(name))))
        | (Some(Node::Symbol(Symbol::Name(name))), Some(Node::Apply(..)))
            if name == "y" =>
        {
            Ok(true)
        }
        (Some(a), Some(b)) => same_answer(a, b, work),
        _ => Ok(true),
    }
}

/// Whether two chains are the same side by side, read from either end.
fn same_sides(a: Chain<'_>, b: Chain<'_>, work: &Work) -> Outcome<bool> {
    if a.0.len() != b.0.len() {
        return Ok(false);
    }
    if a.1 == b.1 && all(a.0.iter().zip(b.0).map(|(a, b)| same_answer(a, b, work)))? {
        return Ok(true);
    }
    let mirrored = b.1.iter().rev().map(|sign| mirror(*sign));
    if a.1.iter().copied().eq(mirrored) {
        return all(a.0.iter().zip(b.0.iter().rev()).map(|(a, b)| same_answer(a, b, work)));
    }
    Ok(false)
}

/// The sign that says the same with its sides exchanged.
pub(super) fn mirror(sign: Relation) -> Relation {
    match sign {
        Relation::Less => Relation::Greater,
        Relation::LessOrEqual => Relation::GreaterOrEqual,
        Relation::Greater => Relation::Less,
        Relation::GreaterOrEqual => Relation::LessOrEqual,
        sign => sign,
    }
}

/// Left side minus right side; none if a side is not an expression.
pub(super) fn difference(sides: &[Node], work: &Work) -> Outcome<Option<Sum>> {
    match (normal(&sides[0], work), normal(&sides[1], work)) {
        (Ok(left), Ok(right)) => left.minus(&right, work).map(Some),
        (Err(Trouble::TooExpensive), _) | (_, Err(Trouble::TooExpensive)) => Err(Trouble::TooExpensive),
        _ => Ok(None),
    }
}

fn same_equation(a: Chain<'_>, b: Chain<'_>, work: &Work) -> Outcome<bool> {
    match (difference(a.0, work)?, difference(b.0, work)?) {
        (Some(x), Some(y)) if !is_constant(&x) && !is_constant(&y) => Ok(multiple(&x, &y, work)?.is_some()),
        (Some(x), Some(y)) => {
            Ok(is_zero(&x, work)? == is_zero(&y, work)? && is_constant(&x) == is_constant(&y))
        }
        _ => same_sides(a, b, work),
    }
}

fn same_inequality(a: Chain<'_>, b: Chain<'_>, work: &Work) -> Outcome<bool> {
    let (Some(x), Some(y)) = (difference(a.0, work)?, difference(b.0, work)?) else { return Ok(false) };
    if is_constant(&x) || is_constant(&y) {
        return Ok(false);
    }
    let Some(factor) = multiple(&x, &y, work)? else { return Ok(false) };
    Ok(match ordering(&factor, work)? {
        Some(Ordering::Greater) => a.1[0] == b.1[0],
        Some(Ordering::Less) => a.1[0] == mirror(b.1[0]),
        _ => false,
    })
}

/// The constant, not zero, whose sign is that of `x / y`, if that is a constant.
fn multiple(x: &Sum, y: &Sum, work: &Work) -> Outcome<Option<Sum>> {
    let (x, y) = (cleared(x, work)?, cleared(y, work)?);
    // The coefficients of the same power of the variables stand in the ratio of the whole.
    let Some(lead) = x.0.iter().map(|term| variables(&term.monomial)).max() else { return Ok(None) };
    let coefficient = |sum: &Sum| {
        let terms = sum.0.iter().filter(|term| variables(&term.monomial) == lead);
        Sum(terms.cloned().collect()).over(&lead)
    };
    let (one, other) = (coefficient(&x), coefficient(&y));
    if other.is_zero() {
        return Ok(None);
    }
    let crossed = x.times(&other, work)?.minus(&y.times(&one, work)?, work)?;
    if is_zero(&crossed, work)? { one.times(&other, work).map(Some) } else { Ok(None) }
}

/// The part of a product that has variables.
fn variables(monomial: &Monomial) -> Monomial {
    let constant = |atom: &crate::algebra::Atom| is_constant(&Sum::atom(atom.clone()));
    Monomial(monomial.0.iter().filter(|(atom, _)| !constant(atom)).cloned().collect())
}
