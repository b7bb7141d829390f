//! The powers that an atom keeps.
//!
//! An atom keeps only the powers that say something: a prime its exponent between 0 and 1, i the exponent 1,
//! a sine the exponent 1 (its square is one minus a cosine's), a sum no whole exponent that can be multiplied
//! out.

use dashu_ratio::RBig;

use super::number::{integer_power, is_large};
use super::power::{expands, rational_power};
use super::sum::{Atom, Monomial, Sum, Term, size};
use super::work::{Outcome, Trouble, Work};
use crate::syntax::Function;

/// Puts a product into the form that its atoms ask for, as terms.
pub(super) fn settled(
    coefficient: RBig,
    monomial: Monomial,
    into: &mut Vec<Term>,
    work: &Work,
) -> Outcome<()> {
    if monomial.0.iter().all(|(atom, power)| is_settled(atom, power)) {
        if !coefficient.is_zero() {
            into.push(Term { monomial, coefficient });
        }
        return Ok(());
    }
    let mut product = Sum::from(coefficient);
    let (kept, other): (Vec<_>, Vec<_>) =
        monomial.0.into_iter().partition(|(atom, power)| is_settled(atom, power));
    for (atom, power) in other {
        product = product.times(&settle(atom, power, work)?, work)?;
    }
    let kept = Monomial(kept);
    for term in product.0 {
        // What settling brought in may meet what was kept.
        settled(term.coefficient, term.monomial.times(&kept), into, work)?;
    }
    Ok(())
}

/// A sum times powers.
pub(super) fn times_powers(sum: &Sum, powers: &Monomial, work: &Work) -> Outcome<Sum> {
    let mut parts = Vec::with_capacity(sum.0.len());
    for term in &sum.0 {
        settled(term.coefficient.clone(), term.monomial.times(powers), &mut parts, work)?;
    }
    Ok(Sum::collected(parts))
}

/// Whether a power of an atom stands for itself.
fn is_settled(atom: &Atom, power: &RBig) -> bool {
    match atom {
        Atom::Integer(number) => {
            let whole = power.trunc();
            (whole.is_zero() && *power > RBig::ZERO) || is_large(number, &whole)
        }
        Atom::Imaginary => power.is_one(),
        Atom::Call(Function::Sin, _) => *power < RBig::from(2) || !power.is_int(),
        Atom::Call(Function::Abs, _) => !(power.is_int() && power.numerator() % 2_i32 == 0),
        Atom::Compound(sum) => {
            !power.is_int()
                || !u32::try_from(power.numerator()).is_ok_and(|times| expands(sum.0.len(), times))
        }
        Atom::Tower(base, _) => {
            // i² is −1, so i to 2n is a sign to the n.
            !(**base == Atom::Imaginary && *power >= RBig::from(4))
        }
        _ => true,
    }
}

/// An atom's power that does not stand for itself.
fn settle(atom: Atom, power: RBig, work: &Work) -> Outcome<Sum> {
    work.spend(1 + size(&power))?;
    match atom {
        Atom::Integer(number) => {
            let whole = power.floor();
            let value = integer_power(&RBig::from(number.clone()), &whole, work)?;
            let rest = power - RBig::from(whole);
            Ok(Sum::term(value, Monomial::of(Atom::Integer(number), rest)))
        }
        Atom::Imaginary => {
            if !power.is_int() {
                return Err(Trouble::Undefined("it has a root of an imaginary number"));
            }
            Ok(match (power.numerator() % 4_i32).rem_euclid(4) {
                0 => Sum::one(),
                1 => Sum::atom(Atom::Imaginary),
                2 => Sum::integer(-1),
                _ => Sum::atom(Atom::Imaginary).negated(),
            })
        }
        Atom::Call(Function::Sin, argument) => {
            let half = power.numerator() / 2_i32;
            let odd = RBig::from(power.numerator() - &half * 2_i32);
            let cosine = Sum::atom(Atom::Call(Function::Cos, argument.clone()));
            let square = Sum::one().minus(&cosine.times(&cosine, work)?, work)?;
            let even = rational_power(&square, &RBig::from(half), work)?;
            if odd.is_zero() {
                Ok(even)
            } else {
                even.times(&Sum::atom(Atom::Call(Function::Sin, argument)), work)
            }
        }
        Atom::Call(Function::Abs, argument) => match argument.first() {
            Some(inside) => rational_power(inside, &power, work),
            None => Err(Trouble::Undefined("an absolute value lacks its argument")),
        },
        Atom::Tower(base, monomial) => {
            let rest = RBig::from(power.numerator() % 4_i32);
            Ok(Sum::term(RBig::ONE, Monomial::of(Atom::Tower(base, monomial), rest)))
        }
        Atom::Compound(sum) => rational_power(&sum, &power, work),
        atom => Ok(Sum::term(RBig::ONE, Monomial::of(atom, power))),
    }
}

impl Atom {
    /// Whether this is a positive number, whatever the variables are.
    pub(super) fn is_positive(&self) -> bool {
        match self {
            Atom::Integer(_) | Atom::Pi | Atom::E => true,
            Atom::Tower(base, _) => base.is_positive(),
            Atom::Call(function, _) => matches!(function, Function::Abs | Function::Factorial),
            _ => false,
        }
    }
}
