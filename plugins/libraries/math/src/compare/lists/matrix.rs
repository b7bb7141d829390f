//! Matrices: entry by entry, sums and products of them worked out first.
//!
//! Every kind of bracket around a matrix is the same here. A column or a row equals the tuple of its entries.

use super::collection::same_tuple;
use crate::algebra::{Atom, Monomial, Outcome, Sum, Work, normal};
use crate::compare::{all, direct as same_answer};
use crate::decide::equal;
use crate::syntax::{Function, Node};

/// Products of matrices with more entries than this are not worked out.
const MAX_ENTRIES: usize = 256;

/// Products of more matrices than this are not worked out.
const MAX_FACTORS: usize = 4;

type Rows = Vec<Vec<Node>>;

pub(in crate::compare) fn same(a: &Node, b: &Node, work: &Work) -> Outcome<Option<bool>> {
    match (value(a), value(b)) {
        (Some(a), Some(b)) => same_rows(&a, &b, work).map(Some),
        (Some(rows), None) => same_vector(&rows, b, work).map(Some),
        (None, Some(rows)) => same_vector(&rows, a, work).map(Some),
        (None, None) => match (a, b) {
            (Node::Bracket('(', tuple, ')'), other) | (other, Node::Bracket('(', tuple, ')')) => {
                same_components(tuple, other, work)
            }
            _ => Ok(None),
        },
    }
}

/// Whether `2i + 3j - k` has the components of a tuple; none if it is no such sum.
fn same_components(tuple: &[Node], sum: &Node, work: &Work) -> Outcome<Option<bool>> {
    let has_j = |node: &Node| *node == Node::name("j");
    if !matches!(sum, Node::Add(_) | Node::Mul(_) | Node::Neg(_) | Node::Symbol(_))
        || !sum.any(&has_j)
        || tuple.len() > 3
    {
        return Ok(None);
    }
    let (Ok(mut rest), Ok(entries)) =
        (normal(sum, work), tuple.iter().map(|entry| normal(entry, work)).collect::<Outcome<Vec<Sum>>>())
    else {
        return Ok(None);
    };
    let axes = [Atom::Imaginary, Atom::Name("j".into()), Atom::Name("k".into())];
    for (at, axis) in axes.into_iter().enumerate() {
        let along = Monomial::of(axis.clone(), dashu_ratio::RBig::ONE);
        let (of_axis, others): (Vec<_>, Vec<_>) =
            rest.0.into_iter().partition(|term| term.monomial.exponent(&axis).is_one());
        rest = Sum(others);
        let component = Sum(of_axis).over(&along);
        if !equal(&component, entries.get(at).unwrap_or(&Sum::ZERO), work)? {
            return Ok(Some(false));
        }
    }
    Ok(Some(rest.is_zero()))
}

fn same_rows(a: &Rows, b: &Rows, work: &Work) -> Outcome<bool> {
    if a.len() != b.len() || a.iter().zip(b).any(|(a, b)| a.len() != b.len()) {
        return Ok(false);
    }
    let entries = a.iter().flatten().zip(b.iter().flatten());
    all(entries.map(|(a, b)| same_answer(a, b, work)))
}

fn same_vector(rows: &Rows, other: &Node, work: &Work) -> Outcome<bool> {
    let is_vector = rows.len() == 1 || rows.iter().all(|row| row.len() == 1);
    let entries: Vec<Node> = rows.iter().flatten().cloned().collect();
    match other {
        Node::Bracket('(', tuple, ')') if is_vector => same_tuple(&entries, tuple, work),
        sum if is_vector && entries.len() > 1 => Ok(same_components(&entries, sum, work)?.unwrap_or(false)),
        other if entries.len() == 1 => same_answer(&entries[0], other, work),
        _ => Ok(false),
    }
}

/// The matrix that a node works out to; none if it is none.
fn value(node: &Node) -> Option<Rows> {
    match node {
        Node::Matrix(rows) => Some(rows.clone()),
        Node::Neg(inner) => Some(mapped(&value(inner)?, &|entry| entry.clone().negated())),
        Node::Div(above, below) if value(below).is_none() => {
            Some(mapped(&value(above)?, &|entry| Node::Div(Box::new(entry.clone()), below.clone())))
        }
        Node::Call(Function::Transpose, arguments) => {
            let rows = value(arguments.first()?)?;
            Some(
                (0..rows.first()?.len()).map(|at| rows.iter().map(|row| row[at].clone()).collect()).collect(),
            )
        }
        Node::Add(terms) => {
            let mut terms = terms.iter().map(value);
            let first = terms.next()??;
            terms.try_fold(first, |sum, term| {
                let term = term?;
                let fits = sum.len() == term.len() && sum.iter().zip(&term).all(|(a, b)| a.len() == b.len());
                let added = |(a, b): (Vec<Node>, Vec<Node>)| {
                    a.into_iter().zip(b).map(|(a, b)| Node::Add(vec![a, b])).collect::<Vec<Node>>()
                };
                fits.then(|| sum.into_iter().zip(term).map(added).collect())
            })
        }
        Node::Mul(factors) => {
            if !(1..=MAX_FACTORS).contains(&factors.iter().filter(|factor| value(factor).is_some()).count()) {
                return None;
            }
            let mut product: Option<Rows> = None;
            let mut scalars = Vec::new();
            for factor in factors {
                product = match (product, value(factor)) {
                    (product, None) => {
                        scalars.push(factor.clone());
                        product
                    }
                    (None, matrix) => matrix,
                    (Some(left), Some(right)) => Some(multiplied(&left, &right)?),
                };
            }
            let scaled = |entry: &Node| Node::Mul(scalars.iter().cloned().chain([entry.clone()]).collect());
            product.map(|rows| if scalars.is_empty() { rows } else { mapped(&rows, &scaled) })
        }
        _ => None,
    }
}

fn mapped(rows: &Rows, by: &dyn Fn(&Node) -> Node) -> Rows {
    rows.iter().map(|row| row.iter().map(by).collect()).collect()
}

fn multiplied(left: &Rows, right: &Rows) -> Option<Rows> {
    let (columns, inner) = (right.first()?.len(), right.len());
    let fits =
        left.iter().all(|row| row.len() == inner) && left.len() * columns <= MAX_ENTRIES && inner <= 16;
    let entry = |row: &[Node], column: usize| {
        Node::Add(row.iter().zip(right).map(|(a, b)| Node::Mul(vec![a.clone(), b[column].clone()])).collect())
    };
    fits.then(|| left.iter().map(|row| (0..columns).map(|column| entry(row, column)).collect()).collect())
}
