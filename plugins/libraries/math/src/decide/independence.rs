//! Sums that cannot be zero, by what is known of their atoms.
//!
//! Variables, roots of different primes, i and π are independent: a sum of their products that is not zero as
//! data is not zero. And a polynomial in one transcendental number, with algebraic coefficients, is zero only
//! if all of its coefficients are.

use std::cell::Cell;

use dashu_ratio::RBig;

use super::constant_is_zero;
use crate::algebra::{Atom, Monomial, Outcome, Sum, Work};
use crate::syntax::Function;

/// Whether a sum that is not zero as data cannot be zero as a number: every atom is independent of the
/// others.
pub(super) fn is_independent(sum: &Sum) -> bool {
    let seen_e = Cell::new(false);
    let seen_pi = Cell::new(false);
    let independent = |(atom, exponent): &(Atom, RBig)| match atom {
        Atom::Name(_) | Atom::Imaginary => true,
        Atom::Integer(number) => {
            // Distinct primes below; whatever is larger may share factors.
            *exponent < RBig::ONE && *number < dashu_int::UBig::from(1_u32 << 20)
        }
        Atom::Pi => {
            seen_pi.set(true);
            exponent.is_int()
        }
        Atom::E => {
            seen_e.set(true);
            true
        }
        Atom::Opaque(_, arguments) => arguments.iter().all(|argument| argument.rational().is_some()),
        Atom::Tower(base, power) => {
            matches!(**base, Atom::Integer(_) | Atom::E)
                && matches!(&power.0[..], [(Atom::Name(_), one)] if one.is_one())
        }
        _ => false,
    };
    !sum.is_zero()
        && sum.0.iter().all(|term| term.monomial.0.iter().all(independent))
        && !(seen_e.get() && seen_pi.get())
        || sum.single().is_some_and(|term| term.monomial.0.iter().all(|(atom, _)| never_zero(atom)))
}

fn never_zero(atom: &Atom) -> bool {
    match atom {
        Atom::Integer(_) | Atom::Imaginary | Atom::Pi | Atom::E | Atom::Name(_) => true,
        Atom::Tower(base, _) => never_zero(base),
        Atom::Call(function, _) => *function == Function::Factorial,
        _ => false,
    }
}

/// Whether a constant is a polynomial, not constant, in one transcendental number with algebraic
/// coefficients: then it is not zero. π, e, and by Lindemann and Weierstrass the exponential, sine and cosine
/// of an algebraic number that is not zero, and its logarithm if it is not 1, are transcendental.
pub(super) fn has_lone_transcendental(x: &Sum, work: &Work) -> Outcome<bool> {
    let mut lone: Option<&Atom> = None;
    for atom in x.atoms() {
        if is_algebraic(atom) {
            continue;
        }
        if lone.is_some_and(|lone| lone != atom) || !is_transcendental(atom, work)? {
            return Ok(false);
        }
        lone = Some(atom);
    }
    let Some(lone) = lone else { return Ok(false) };
    // Any power whose coefficient is not zero will do.
    let mut exponents: Vec<RBig> = x.0.iter().map(|term| term.monomial.exponent(lone)).collect();
    exponents.sort();
    exponents.dedup();
    for exponent in exponents.iter().filter(|exponent| !exponent.is_zero()) {
        let terms = x.0.iter().filter(|term| term.monomial.exponent(lone) == *exponent);
        let coefficient = Sum(terms.cloned().collect()).over(&Monomial::of(lone.clone(), exponent.clone()));
        if !constant_is_zero(&coefficient, work)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_algebraic(atom: &Atom) -> bool {
    match atom {
        Atom::Integer(_) | Atom::Imaginary => true,
        Atom::Compound(sum) => sum.atoms().all(is_algebraic),
        _ => false,
    }
}

fn is_transcendental(atom: &Atom, work: &Work) -> Outcome<bool> {
    let nonzero = |sum: &Sum| match sum.single() {
        Some(term) => Ok(term.monomial.0.iter().all(|(atom, _)| never_zero(atom))),
        None => constant_is_zero(sum, work).map(|zero| !zero),
    };
    Ok(match atom {
        Atom::Pi | Atom::E => true,
        Atom::Call(Function::Sin | Function::Cos | Function::Arctan | Function::Arcsin, arguments) => {
            arguments[0].atoms().all(is_algebraic) && nonzero(&arguments[0])?
        }
        Atom::Call(Function::Ln, arguments) => {
            arguments[0].atoms().all(is_algebraic) && nonzero(&arguments[0].minus(&Sum::one(), work)?)?
        }
        Atom::Tower(base, power) => **base == Atom::E && power.0.iter().all(|(atom, _)| is_algebraic(atom)),
        _ => false,
    })
}
