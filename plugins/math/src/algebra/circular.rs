//! Sines, cosines and their kin.
//!
//! Angles are fractions of π and a rest. Values are known at multiples of π/12 and π/5; other fractions are brought into the
//! first quarter. Sums and small multiples of angles are taken apart by the addition theorems, so that identities
//! between them are identities of polynomials. Cosines are even and sines odd. The other functions are
//! quotients of these, and hyperbolic ones are exponentials.

use dashu_int::UBig;
use dashu_ratio::RBig;

use super::function::{inverse, opaque, ratio};
use super::power::power;
use super::sum::{Atom, Monomial, Sum};
use super::work::{Outcome, Work};
use crate::syntax::Function;

/// The cosine of a fraction of π, if it is known.
fn cos_pi(turn: &RBig) -> Option<Sum> {
    let two = RBig::from(2);
    let mut turn = turn - RBig::from((turn / &two).floor()) * &two;
    if turn > RBig::ONE {
        turn = two - turn;
    }
    if turn > ratio(1, 2) {
        return cos_pi(&(RBig::ONE - turn)).map(|value| value.scaled(&RBig::from(-1)));
    }
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
    let known = [
        (ratio(0, 1), Sum::one()),
        (ratio(1, 12), twelfth(1)),
        (ratio(1, 6), root(3, ratio(1, 2))),
        (ratio(1, 5), fifth(1)),
        (ratio(1, 4), root(2, ratio(1, 2))),
        (ratio(1, 3), Sum::from(ratio(1, 2))),
        (ratio(2, 5), fifth(-1)),
        (ratio(5, 12), twelfth(-1)),
        (ratio(1, 2), Sum::ZERO),
    ];
    known.into_iter().find(|(at, _)| *at == turn).map(|(_, value)| value)
}

/// `e^{iπ·turn}`, if it is known.
pub(super) fn on_the_unit_circle(turn: &RBig, work: &Work) -> Outcome<Option<Sum>> {
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

/// The cosine and the sine of a sum of angles, by the addition theorems; none for a single angle, or for too many.
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
    let pi = Sum::term(turn, Monomial::of(Atom::Pi, RBig::ONE));
    let mut total = (cosine(&pi, work)?, sine(&pi, work)?);
    for (angle, times) in angles {
        let (cosine, mut sine) = (cosine(&angle, work)?, sine(&angle, work)?);
        if times < 0 {
            sine = sine.scaled(&RBig::from(-1));
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
    let pi = |turn: &RBig| Sum::term(turn.clone(), Monomial::of(Atom::Pi, RBig::ONE));
    if rest.is_zero() {
        if let Some(value) = cos_pi(&turn) {
            return Ok(value);
        }
        // Into the first quarter.
        let two = RBig::from(2);
        let mut turn = &turn - RBig::from((&turn / &two).floor()) * &two;
        if turn > RBig::ONE {
            turn = two - turn;
        }
        let flip = turn > ratio(1, 2);
        let turn = if flip { RBig::ONE - turn } else { turn };
        let value = opaque(Function::Cos, vec![pi(&turn)], work)?;
        return Ok(if flip { value.scaled(&RBig::from(-1)) } else { value });
    }
    if let Some((cosine, _)) = by_addition(x, work)? {
        return Ok(cosine);
    }
    let negative = x.0.first().is_some_and(|term| term.coefficient < RBig::ZERO);
    opaque(Function::Cos, vec![if negative { x.scaled(&RBig::from(-1)) } else { x.clone() }], work)
}

pub(super) fn sine(x: &Sum, work: &Work) -> Outcome<Sum> {
    let (turn, rest) = turn_and_rest(x);
    if rest.is_zero() {
        // sin x is cos(π/2 − x).
        let complement = ratio(1, 2) - turn;
        return cosine(&Sum::term(complement, Monomial::of(Atom::Pi, RBig::ONE)), work);
    }
    if let Some((_, sine)) = by_addition(x, work)? {
        return Ok(sine);
    }
    let negative = x.0.first().is_some_and(|term| term.coefficient < RBig::ZERO);
    if negative {
        let value = opaque(Function::Sin, vec![x.scaled(&RBig::from(-1))], work)?;
        return Ok(value.scaled(&RBig::from(-1)));
    }
    opaque(Function::Sin, vec![x.clone()], work)
}

pub(super) fn hyperbolic(function: Function, x: &Sum, work: &Work) -> Outcome<Sum> {
    let e = Sum::atom(Atom::E);
    let (up, down) = (power(&e, x, work)?, power(&e, &x.scaled(&RBig::from(-1)), work)?);
    let half = ratio(1, 2);
    match function {
        Function::Sinh => Ok(up.minus(&down, work)?.scaled(&half)),
        Function::Cosh => Ok(up.plus(&down, work)?.scaled(&half)),
        _ => up.minus(&down, work)?.times(&inverse(&up.plus(&down, work)?, work)?, work),
    }
}

/// Inverse sines, cosines and tangents at the values of multiples of π/12.
pub(super) fn inverse_circular(function: Function, x: &Sum, work: &Work) -> Outcome<Sum> {
    let quarter = Sum::term(ratio(1, 2), Monomial::of(Atom::Pi, RBig::ONE));
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
            return Ok(Sum::term(turn, Monomial::of(Atom::Pi, RBig::ONE)));
        }
    }
    // Odd functions.
    if x.0.first().is_some_and(|term| term.coefficient < RBig::ZERO) {
        let value = opaque(function, vec![x.scaled(&RBig::from(-1))], work)?;
        return Ok(value.scaled(&RBig::from(-1)));
    }
    opaque(function, vec![x.clone()], work)
}
