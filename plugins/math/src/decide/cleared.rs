//! Fractions cleared: a difference times its denominators is zero only if the difference is.
//!
//! In: a sum whose atoms may have negative exponents. Out: a multiple of it that has none, save where sums bring up new
//! ones for long.

use dashu_ratio::RBig;

use crate::algebra::power::rational_power;
use crate::algebra::{Monomial, Outcome, Sum, Term, Work};

/// The difference times its denominators: zero only if the difference is.
pub(crate) fn cleared(difference: &Sum, work: &Work) -> Outcome<Sum> {
    let mut cleared = difference.clone();
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

/// A term with its sums multiplied out where their exponents now allow it.
fn expanded(term: &Term, work: &Work) -> Outcome<Sum> {
    let mut product = Sum::from(term.coefficient.clone());
    for (atom, exponent) in &term.monomial.0 {
        product = product.times(&rational_power(&Sum::base(atom), exponent, work)?, work)?;
    }
    Ok(product)
}
