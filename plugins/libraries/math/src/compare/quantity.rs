//! Quantities: a unit counts where both sides write one.
//!
//! `5 cm` is `5`, and `0.05 m`, but not `5 kg`; `5 apples` are `5`, but not `5 oranges`. A percentage is its
//! number (`28\%` is 28) and not its fraction. An angle in degrees is its number, or its value in radians.
//! Words that are neither a unit nor a counted noun must stand on both sides: they may change the value
//! (`5 or more`). Ratios are equal in proportion, times by the clock, and numbers with a base digit by digit.

use dashu_ratio::RBig;

use super::direct as same_answer;
use crate::algebra::{Outcome, Work};
use crate::syntax::unit::{Base, Unit, agree};
use crate::syntax::{Node, Number, Symbol};

pub(super) fn same(a: &Node, b: &Node, work: &Work) -> Outcome<Option<bool>> {
    let (x, y) = (reckoned(a), reckoned(b));
    if x.is_some() || y.is_some() {
        return same_answer(x.as_ref().unwrap_or(a), y.as_ref().unwrap_or(b), work).map(Some);
    }
    match (a, b) {
        (Node::Quantity(..), Node::Quantity(..)) => same_quantity(a, b, work).map(Some),
        // Digits with a base have no unit.
        (Node::Quantity(..), Node::Based(..)) | (Node::Based(..), Node::Quantity(..)) => Ok(Some(false)),
        (Node::Quantity(_, Unit::Words(_)), _) | (_, Node::Quantity(_, Unit::Words(_))) => Ok(Some(false)),
        (Node::Quantity(value, unit), bare) | (bare, Node::Quantity(value, unit)) => {
            if same_answer(value, bare, work)? {
                return Ok(Some(true));
            }
            // `3\frac{m}{s}` beside `3\text{ m/s}`
            if let Some((number, letters)) = measured(bare) {
                return same_answer(
                    &Node::Quantity(value.clone(), unit.clone()),
                    &Node::Quantity(Box::new(number), letters),
                    work,
                )
                .map(Some);
            }
            if unit.is(Base::Angle) {
                let radians = Node::Mul(vec![
                    (**value).clone(),
                    Node::Div(
                        Box::new(Node::Symbol(crate::syntax::Symbol::Pi)),
                        Box::new(Node::integer(180)),
                    ),
                ]);
                return same_answer(&radians, bare, work).map(Some);
            }
            Ok(Some(false))
        }
        (Node::Ratio(parts), Node::Ratio(others)) => same_ratio(parts, others, work).map(Some),
        (Node::Time(minutes, half), Node::Time(others, other_half)) => {
            // Where one does not say which half of the day, both halves will do.
            let loose = half.is_some() != other_half.is_some();
            Ok(Some(if loose { minutes % 720 == others % 720 } else { minutes == others }))
        }
        (Node::Based(digits, base), Node::Based(others, other_base)) => {
            Ok(Some(base == other_base && bare_digits(digits) == bare_digits(others)))
        }
        (Node::Based(digits, _), Node::Number(Number { value, places: None }))
        | (Node::Number(Number { value, places: None }), Node::Based(digits, _)) => {
            Ok(Some(value.is_int() && bare_digits(digits) == value.numerator().to_string()))
        }
        (Node::Based(..), _) | (_, Node::Based(..))
            if !matches!((a, b), (Node::Neg(_), _) | (_, Node::Neg(_))) =>
        {
            Ok(Some(false))
        }
        (Node::Neg(a), Node::Neg(b)) if is_based(a) || is_based(b) => same_answer(a, b, work).map(Some),
        (Node::Neg(a), _) | (_, Node::Neg(a)) if is_based(a) => Ok(Some(false)),
        _ => Ok(None),
    }
}

/// A quotient or product of quantities as one quantity, or as a number where no unit is left.
fn reckoned(node: &Node) -> Option<Node> {
    let part = |node: &Node, below: bool| match node {
        Node::Quantity(value, unit @ Unit::Known { .. })
            if !(unit.is(Base::Angle) || unit.is(Base::Percent)) =>
        {
            Some(((**value).clone(), if below { unit.inverse() } else { unit.clone() }))
        }
        Node::Quantity(..) => None,
        node if node.any(&|node| matches!(node, Node::Quantity(..))) => None,
        node => Some((node.clone(), Unit::none())),
    };
    let is_quantity = |node: &Node| matches!(node, Node::Quantity(..));
    let (value, unit) = match node {
        Node::Div(above, below) if is_quantity(above) || is_quantity(below) => {
            let ((above, unit), (below, other)) = (part(above, false)?, part(below, true)?);
            (Node::Div(Box::new(above), Box::new(below)), unit.times(&other)?)
        }
        Node::Mul(factors) if factors.iter().any(is_quantity) => {
            let mut values = Vec::with_capacity(factors.len());
            let mut unit = Unit::none();
            for factor in factors {
                let (value, other) = part(factor, false)?;
                unit = unit.times(&other)?;
                values.push(value);
            }
            (Node::Mul(values), unit)
        }
        _ => return None,
    };
    Some(match unit {
        Unit::Known { factor, dimensions, .. } if dimensions.is_empty() => times(&value, &factor),
        unit => Node::Quantity(Box::new(value), unit),
    })
}

/// A number times letters that are units.
fn measured(node: &Node) -> Option<(Node, Unit)> {
    fn unit_of(node: &Node) -> Option<Unit> {
        match node {
            Node::Symbol(Symbol::Name(name)) => match Unit::read(&[name], true) {
                unit @ Unit::Known { .. } if Unit::names(name) => Some(unit),
                _ => None,
            },
            Node::Mul(factors) => {
                factors.iter().try_fold(Unit::none(), |unit, factor| unit.times(&unit_of(factor)?))
            }
            Node::Div(above, below) => unit_of(above)?.times(&unit_of(below)?.inverse()),
            Node::Pow(base, exponent) if **exponent == Node::integer(2) => {
                let unit = unit_of(base)?;
                unit.times(&unit)
            }
            _ => None,
        }
    }
    let Node::Mul(factors) = node else { return None };
    let (number, letters) = factors.split_first()?;
    let unit = unit_of(&Node::Mul(letters.to_vec()))?;
    matches!(number, Node::Number(_)).then(|| (number.clone(), unit))
}

fn is_based(node: &Node) -> bool {
    matches!(node, Node::Based(..))
}

fn bare_digits(digits: &str) -> &str {
    let bare = digits.trim_start_matches('0');
    if bare.is_empty() { "0" } else { bare }
}

fn same_quantity(a: &Node, b: &Node, work: &Work) -> Outcome<bool> {
    let (Node::Quantity(value, unit), Node::Quantity(other_value, other_unit)) = (a, b) else {
        return Ok(false);
    };
    let (factor, dimensions, other, others) = match (unit, other_unit) {
        (Unit::Known { factor, dimensions, .. }, Unit::Known { factor: other, dimensions: others, .. }) => {
            (factor, dimensions, other, others)
        }
        // What was not understood agrees with itself alone.
        (Unit::Words(words), Unit::Words(others)) if words == others => {
            return same_answer(value, other_value, work);
        }
        _ => return Ok(false),
    };
    if !same_dimensions(dimensions, others) {
        return Ok(false);
    }
    if factor == other || is_generic(dimensions) || is_generic(others) {
        return same_answer(value, other_value, work);
    }
    same_answer(&times(value, factor), &times(other_value, other), work)
}

/// Whether two units measure the same. `units` are units of any length, and `degrees` those of any scale.
fn same_dimensions(a: &[(Base, i32)], b: &[(Base, i32)]) -> bool {
    let same_base = |a: &Base, b: &Base| match (a, b) {
        (Base::Noun(a), Base::Noun(b)) => agree(a, b),
        (Base::Named("unit"), Base::Length) | (Base::Length, Base::Named("unit")) => true,
        (Base::Angle, Base::Named("celsius" | "fahrenheit"))
        | (Base::Named("celsius" | "fahrenheit"), Base::Angle) => true,
        (a, b) => a == b,
    };
    let found = |one: &(Base, i32), others: &[(Base, i32)]| {
        others.iter().any(|(base, power)| *power == one.1 && same_base(&one.0, base))
    };
    a.len() == b.len() && a.iter().all(|one| found(one, b)) && b.iter().all(|one| found(one, a))
}

/// Whether a unit is only called `unit`.
fn is_generic(dimensions: &[(Base, i32)]) -> bool {
    matches!(dimensions, [(Base::Named("unit"), _)])
}

fn times(node: &Node, factor: &RBig) -> Node {
    Node::Mul(vec![node.clone(), Node::Number(Number { value: factor.clone(), places: None })])
}

/// Whether two ratios are in proportion: each part of one times the first of the other.
fn same_ratio(a: &[Node], b: &[Node], work: &Work) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    let is_zero = |node: &Node| *node == Node::integer(0);
    if a.iter().chain(b).any(is_zero) {
        return super::all(a.iter().zip(b).map(|(a, b)| same_answer(a, b, work)));
    }
    let product = |x: &Node, y: &Node| Node::Mul(vec![x.clone(), y.clone()]);
    super::all(a.iter().zip(b).map(|(x, y)| same_answer(&product(x, &b[0]), &product(y, &a[0]), work)))
}
