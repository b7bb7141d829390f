//! Fractions cleared: a difference times its denominators is zero only if the difference is.
//!
//! In: a sum whose atoms may have negative exponents. Out: a multiple of it that has none, save where sums
//! bring up new ones for long.

use dashu_ratio::RBig;

use crate::algebra::power::rational_power;
use crate::algebra::{Atom, Monomial, Outcome, Sum, Term, Work};

/// The difference times its denominators: zero only if the difference is.
pub(crate) fn cleared(difference: &Sum, work: &Work) -> Outcome<Sum> {
    let mut cleared = without_shared(difference, work)?;
    // Multiplying out a sum can bring up others, but never for long.
    for _ in 0..4 {
        let mut lowest = Monomial::default();
        for (atom, exponent) in cleared.0.iter().flat_map(|term| &term.monomial.0) {
            let known = lowest.exponent(atom);
            if *exponent < known {
                lowest = lowest.times(&Monomial::of(atom.clone(), exponent - known));
            }
        }
        if lowest.0.is_empty() {
            break;
        }
        let mut product = Sum::ZERO;
        for term in &cleared.0 {
            // Exponents first, so that a power below and its clearing meet as data.
            let monomial = term.monomial.times(&lowest.raised(&RBig::from(-1)));
            product = product
                .plus(&expanded(&Term { monomial, coefficient: term.coefficient.clone() }, work)?, work)?;
        }
        cleared = product;
    }
    Ok(cleared)
}

/// A sum without the whole powers of numbers that all of its terms share: what is left may be small enough to
/// be computed.
fn without_shared(sum: &Sum, work: &Work) -> Outcome<Sum> {
    let Some(first) = sum.0.first() else { return Ok(Sum::ZERO) };
    let mut shared = Monomial::default();
    for (atom, _) in first.monomial.0.iter().filter(|(atom, _)| matches!(atom, Atom::Integer(_))) {
        let least = sum.0.iter().map(|term| term.monomial.exponent(atom)).min().unwrap_or(RBig::ZERO);
        if least >= RBig::ONE {
            shared = shared.times(&Monomial::of(atom.clone(), RBig::from(least.floor())));
        }
    }
    if shared.0.is_empty() {
        return Ok(sum.clone());
    }
    let inverse = shared.raised(&RBig::from(-1));
    let mut rest = Sum::ZERO;
    for term in &sum.0 {
        let term = Term { monomial: term.monomial.times(&inverse), coefficient: term.coefficient.clone() };
        rest = rest.plus(&expanded(&term, work)?, work)?;
    }
    Ok(rest)
}

/// A term with its sums multiplied out where their exponents now allow it.
fn expanded(term: &Term, work: &Work) -> Outcome<Sum> {
    let mut product = Sum::from(term.coefficient.clone());
    for (atom, exponent) in &term.monomial.0 {
        product = product.times(&rational_power(&Sum::base(atom), exponent, work)?, work)?;
    }
    Ok(product)
}
