//! Sines, cosines and their kin.
//!
//! Angles are fractions of π and a rest. Values are known at multiples of π/12 and π/5; other fractions are
//! brought into the first quarter. Sums and small multiples of angles are taken apart by the addition
//! theorems, so that identities between them are identities of polynomials. Cosines are even and sines odd.
//! The other functions are quotients of these, and hyperbolic ones are exponentials.

use dashu_int::UBig;
use dashu_ratio::RBig;

use super::{even, inverse, odd, opaque};
use crate::algebra::number::ratio;
use crate::algebra::power::power;
use crate::algebra::sum::{Atom, Monomial, Sum};
use crate::algebra::work::{Outcome, Work};
use crate::syntax::Function;

/// A fraction of π in the first quarter that has the same cosine, but for its sign if the flag is set.
fn first_quarter(turn: &RBig) -> (RBig, bool) {
    let two = RBig::from(2);
    let mut turn = turn - RBig::from((turn / &two).floor()) * &two;
    if turn > RBig::ONE {
        turn = two - turn;
    }
    let flip = turn > ratio(1, 2);
    (if flip { RBig::ONE - turn } else { turn }, flip)
}

/// The cosine of a fraction of π, if it is known.
fn cos_pi(turn: &RBig) -> Option<Sum> {
    let (turn, flip) = first_quarter(turn);
    let root =
        |number: u32, by: RBig| Sum::term(by, Monomial::of(Atom::Integer(UBig::from(number)), ratio(1, 2)));
    // (√6 ± √2)/4, √6 being √2·√3.
    let twelfth = |sign: i64| {
        let six = Monomial(vec![
            (Atom::Integer(UBig::from(2_u8)), ratio(1, 2)),
            (Atom::Integer(UBig::from(3_u8)), ratio(1, 2)),
        ]);
        let mut terms = Sum::term(ratio(1, 4), six).0;
        terms.extend(root(2, ratio(sign, 4)).0);
        Sum::collected(terms)
    };
    let fifth = |sign: i64| {
        let mut terms = Sum::from(ratio(sign, 4)).0;
        terms.extend(root(5, ratio(1, 4)).0);
        Sum::collected(terms)
    };
    let above = u8::try_from(turn.numerator().clone()).ok()?;
    let below = u8::try_from(turn.denominator().clone()).ok()?;
    let value = match (above, below) {
        (0, 1) => Sum::one(),
        (1, 12) => twelfth(1),
        (1, 6) => root(3, ratio(1, 2)),
        (1, 5) => fifth(1),
        (1, 4) => root(2, ratio(1, 2)),
        (1, 3) => Sum::from(ratio(1, 2)),
        (2, 5) => fifth(-1),
        (5, 12) => twelfth(-1),
        (1, 2) => Sum::ZERO,
        _ => return None,
    };
    Some(if flip { value.negated() } else { value })
}

/// A fraction of π as an expression.
fn pi_times(turn: RBig) -> Sum {
    Sum::term(turn, Monomial::of(Atom::Pi, RBig::ONE))
}

/// `e^{iπ·turn}`, if it is known.
pub(in crate::algebra) fn on_the_unit_circle(turn: &RBig, work: &Work) -> Outcome<Option<Sum>> {
    let (Some(real), Some(imaginary)) = (cos_pi(turn), cos_pi(&(ratio(1, 2) - turn))) else {
        return Ok(None);
    };
    let imaginary = imaginary.times(&Sum::atom(Atom::Imaginary), work)?;
    real.plus(&imaginary, work).map(Some)
}

/// An angle as a fraction of π and the rest.
fn turn_and_rest(x: &Sum) -> (RBig, Sum) {
    let pi = Monomial::of(Atom::Pi, RBig::ONE);
    let turn =
        x.0.iter().find(|term| term.monomial == pi).map_or(RBig::ZERO, |term| term.coefficient.clone());
    let rest = x.0.iter().filter(|term| term.monomial != pi).cloned().collect();
    (turn, Sum(rest))
}

/// Multiples of angles are taken apart while they are this many in all.
const MAX_MULTIPLES: u32 = 12;

/// The cosine and the sine of a sum of angles, by the addition theorems; none for a single angle, or for too
/// many.
fn by_addition(x: &Sum, work: &Work) -> Outcome<Option<(Sum, Sum)>> {
    let (turn, rest) = turn_and_rest(x);
    let mut angles = Vec::with_capacity(rest.0.len());
    let mut multiples = 0_u32;
    for term in &rest.0 {
        // p/q times an angle is p times a q-th of it; a number is an angle of its own.
        let number = term.monomial.0.is_empty();
        let times = if number { Ok(1) } else { i32::try_from(term.coefficient.numerator().clone()) };
        let Ok(times) = times else { return Ok(None) };
        let angle = if number {
            Sum(vec![term.clone()])
        } else {
            let fraction = RBig::from_parts(1.into(), term.coefficient.denominator().clone());
            Sum::term(fraction, term.monomial.clone())
        };
        multiples = multiples.saturating_add(times.unsigned_abs());
        angles.push((angle, times));
    }
    if multiples > MAX_MULTIPLES || (multiples <= 1 && turn.is_zero()) {
        return Ok(None);
    }
    let pi = pi_times(turn);
    let mut total = (cosine(&pi, work)?, sine(&pi, work)?);
    for (angle, times) in angles {
        let (cosine, mut sine) = (cosine(&angle, work)?, sine(&angle, work)?);
        if times < 0 {
            sine = sine.negated();
        }
        for _ in 0..times.unsigned_abs() {
            let (c, s) = &total;
            total = (
                c.times(&cosine, work)?.minus(&s.times(&sine, work)?, work)?,
                s.times(&cosine, work)?.plus(&c.times(&sine, work)?, work)?,
            );
        }
    }
    Ok(Some(total))
}

pub(super) fn cosine(x: &Sum, work: &Work) -> Outcome<Sum> {
    let (turn, rest) = turn_and_rest(x);
    if rest.is_zero() {
        if let Some(value) = cos_pi(&turn) {
            return Ok(value);
        }
        let (turn, flip) = first_quarter(&turn);
        let value = opaque(Function::Cos, vec![pi_times(turn)], work)?;
        return Ok(if flip { value.negated() } else { value });
    }
    match by_addition(x, work)? {
        Some((cosine, _)) => Ok(cosine),
        None => even(Function::Cos, x, work),
    }
}

pub(super) fn sine(x: &Sum, work: &Work) -> Outcome<Sum> {
    let (turn, rest) = turn_and_rest(x);
    if rest.is_zero() {
        // sin x is cos(π/2 − x).
        return cosine(&pi_times(ratio(1, 2) - turn), work);
    }
    match by_addition(x, work)? {
        Some((_, sine)) => Ok(sine),
        None => odd(Function::Sin, x, work),
    }
}

pub(super) fn hyperbolic(function: Function, x: &Sum, work: &Work) -> Outcome<Sum> {
    let e = Sum::atom(Atom::E);
    let (up, down) = (power(&e, x, work)?, power(&e, &x.negated(), work)?);
    let half = ratio(1, 2);
    match function {
        Function::Sinh => Ok(up.minus(&down, work)?.scaled(&half)),
        Function::Cosh => Ok(up.plus(&down, work)?.scaled(&half)),
        _ => up.minus(&down, work)?.times(&inverse(&up.plus(&down, work)?, work)?, work),
    }
}

/// Inverse sines, cosines and tangents at the values of multiples of π/12.
pub(super) fn inverse_circular(function: Function, x: &Sum, work: &Work) -> Outcome<Sum> {
    let quarter = pi_times(ratio(1, 2));
    if function == Function::Arccos {
        return quarter.minus(&inverse_circular(Function::Arcsin, x, work)?, work);
    }
    for twelfth in -6..=6 {
        let turn = ratio(twelfth, 12);
        let (Some(cosine), Some(sine)) = (cos_pi(&turn), cos_pi(&(ratio(1, 2) - &turn))) else { continue };
        let value = match function {
            Function::Arcsin => sine,
            _ if cosine.is_zero() => continue,
            _ => sine.times(&inverse(&cosine, work)?, work)?,
        };
        if value == *x {
            return Ok(pi_times(turn));
        }
    }
    odd(function, x, work)
}
