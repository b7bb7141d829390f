//! Numbers and expressions: by value.
//!
//! A decimal of at least [`ROUNDED_DIGITS`] significant digits also equals what rounds, or is cut off, to
//! just these digits: `0.333333` is 1/3, and 0.3333 is not. `\log` without a base is to base 10 or e, the
//! same on both sides.

use std::cmp::Ordering;

use dashu_ratio::RBig;

use crate::algebra::{Outcome, Sum, Trouble, Work, normal, ratio};
use crate::decide::{equal, is_constant, ordering, whole_part};
use crate::syntax::unit::Base;
use crate::syntax::{Function, Node, Number};

/// Significant digits from which on a decimal may be a rounded value.
const ROUNDED_DIGITS: usize = 6;

pub(super) fn same(a: &Node, b: &Node, work: &Work) -> Outcome<bool> {
    if same_value(a, b, work)? {
        return Ok(true);
    }
    let has_log = |node: &Node| node.any(&|node| matches!(node, Node::Call(Function::Log, _)));
    if (has_log(a) || has_log(b)) && same_value(&natural(a), &natural(b), work)? {
        return Ok(true);
    }
    if has_degrees(a) != has_degrees(b) {
        return same_value(&undegreed(a), &undegreed(b), work);
    }
    Ok(false)
}

/// Whether a term of an expression is in degrees, outside of functions: `180^\circ - 2\alpha`.
fn has_degrees(node: &Node) -> bool {
    match node {
        Node::Quantity(_, unit) => unit.is(Base::Angle),
        Node::Add(items) | Node::Mul(items) => items.iter().any(has_degrees),
        Node::Neg(inner) | Node::Div(inner, _) => has_degrees(inner),
        _ => false,
    }
}

/// The expression in degrees, without their signs.
fn undegreed(node: &Node) -> Node {
    match node {
        Node::Quantity(value, unit) if unit.is(Base::Angle) => (**value).clone(),
        Node::Add(_) | Node::Mul(_) | Node::Neg(_) | Node::Div(..) => node.map(&mut undegreed),
        node => node.clone(),
    }
}

fn same_value(a: &Node, b: &Node, work: &Work) -> Outcome<bool> {
    let (x, y) = match (normal(a, work), normal(b, work)) {
        (Ok(x), Ok(y)) => (x, y),
        (Err(Trouble::TooExpensive), _) | (_, Err(Trouble::TooExpensive)) => {
            return Err(Trouble::TooExpensive);
        }
        _ => return Ok(false),
    };
    if equal(&x, &y, work)? {
        return Ok(true);
    }
    Ok(rounds(a, &y, work)? || rounds(b, &x, work)?)
}

/// The node with every logarithm without a base to base e.
fn natural(node: &Node) -> Node {
    match node {
        Node::Call(Function::Log, arguments) => {
            Node::Call(Function::Ln, arguments.iter().map(natural).collect())
        }
        node => node.map(&mut natural),
    }
}

/// Whether a decimal of enough digits is a value, rounded or cut off at its last digit.
fn rounds(node: &Node, value: &Sum, work: &Work) -> Outcome<bool> {
    let Some((decimal, place)) = decimal(node) else { return Ok(false) };
    let significant = (&decimal / &place).numerator().to_string().trim_start_matches('-').len();
    Ok(significant >= ROUNDED_DIGITS && is_at(&decimal, &place, value, work)?)
}

/// Whether a number is what stands before it, rounded or cut off at its last digit, however few digits it
/// has. Numbers that are no literals are taken at their word.
pub(super) fn is_rounded(number: &Node, exact: &Node, work: &Work) -> Outcome<bool> {
    let bare = |node: &Node| match node {
        Node::Quantity(value, _) => (**value).clone(),
        node => node.clone(),
    };
    let (number, exact) = (bare(number), bare(exact));
    let literal = match &number {
        Node::Number(Number { value, places: None }) => Some((value.clone(), RBig::ONE)),
        number => decimal(number),
    };
    let (Some((decimal, place)), Ok(value)) = (literal, normal(&exact, work)) else { return Ok(true) };
    if !is_constant(&value) {
        return Ok(true);
    }
    // Rounded roughly, within a hundredth, or at its last digit, or cut off there.
    let distance = value.minus(&Sum::from(decimal.clone()), work)?;
    let hundredth = value.scaled(&ratio(1, 100));
    let within = |bound: &Sum| -> Outcome<bool> {
        let square = bound.times(bound, work)?.minus(&distance.times(&distance, work)?, work)?;
        Ok(ordering(&square, work)? != Some(Ordering::Less))
    };
    Ok(within(&hundredth)? || is_at(&decimal, &place, &value, work)?)
}

/// Whether a number is a value, rounded or cut off at a place.
fn is_at(decimal: &RBig, place: &RBig, value: &Sum, work: &Work) -> Outcome<bool> {
    let digits = decimal / place;
    // Most values are nowhere near, which costs little to see; whole parts can cost much.
    let distance = value.minus(&Sum::from(decimal.clone()), work)?;
    let is_beyond = |bound: RBig, side: Ordering| -> Outcome<bool> {
        Ok(ordering(&distance.minus(&Sum::from(bound), work)?, work)? == Some(side))
    };
    if is_beyond(place.clone(), Ordering::Greater)? || is_beyond(-place.clone(), Ordering::Less)? {
        return Ok(false);
    }
    let negative = *decimal < RBig::ZERO;
    let scaled = value.scaled(&(RBig::ONE / place));
    let scaled = if negative { scaled.negated() } else { scaled };
    let digits = if negative { -digits } else { digits };
    let half = Sum::from(ratio(1, 2));
    let cut = undisturbed(whole_part(&scaled, work))?;
    let rounded = undisturbed(whole_part(&scaled.plus(&half, work)?, work))?;
    Ok([cut, rounded].into_iter().flatten().any(|whole| RBig::from(whole) == digits))
}

/// A value that is not real does not round.
fn undisturbed<T>(outcome: Outcome<Option<T>>) -> Outcome<Option<T>> {
    match outcome {
        Err(Trouble::Undefined(_)) => Ok(None),
        outcome => outcome,
    }
}

/// A literal decimal, perhaps times a power of ten: its value, and that of one unit in its last place.
fn decimal(node: &Node) -> Option<(RBig, RBig)> {
    let ten = RBig::from(10);
    match node {
        Node::Number(number) => {
            let places = number.places.filter(|places| *places > 0)?;
            Some((number.value.clone(), ten.pow(-(places as isize))))
        }
        Node::Neg(inner) => decimal(inner).map(|(value, place)| (-value, place)),
        Node::Mul(factors) => match &factors[..] {
            [mantissa, Node::Pow(base, exponent)] if **base == Node::integer(10) => {
                let exponent = match &**exponent {
                    Node::Number(number) => number.value.clone(),
                    Node::Neg(inner) => match &**inner {
                        Node::Number(number) => -number.value.clone(),
                        _ => return None,
                    },
                    _ => return None,
                };
                let exponent =
                    i16::try_from(exponent.numerator().clone()).ok().filter(|_| exponent.is_int())?;
                let (value, place) = decimal(mantissa)?;
                let scale = ten.pow(isize::from(exponent));
                Some((value * &scale, place * scale))
            }
            _ => None,
        },
        _ => None,
    }
}
