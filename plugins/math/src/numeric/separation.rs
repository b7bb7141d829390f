//! How close to zero an algebraic number can come without being zero.
//!
//! The bound is that of Burnikel, Funke, Mehlhorn, Schirra and Schmitt ("A separation bound for real algebraic
//! expressions", 2009), in binary logarithms: with `u` and `l` reckoned along the expression, and `D` the product
//! of the degrees of its different roots, a number that is not zero is at least `1 / (u^(D−1) l)` in size.
//!
//! In: a constant in normal form. Out: a number of bits, none if the constant is not algebraic. i counts as a
//! root of degree 2.

use std::collections::BTreeSet;

use dashu_int::UBig;
use dashu_int::ops::BitTest;
use dashu_ratio::RBig;

use crate::algebra::sum::{Atom, Sum, Term};

/// Such that a number that is not zero is larger than two to minus this.
pub(crate) fn separation(sum: &Sum) -> Option<f64> {
    let mut roots = BTreeSet::new();
    let (upper, lower) = sum_bounds(sum, &mut roots)?;
    let mut degree = 1_f64;
    for (_, root) in &roots {
        degree *= f64::from(u32::try_from(root.clone()).ok()?);
    }
    Some((degree - 1.0) * upper.max(0.0) + lower.max(0.0) + 1.0)
}

/// Binary logarithms of u and l.
type Bounds = (f64, f64);

/// Roots met so far: what of, and their degrees.
type Roots = BTreeSet<(Atom, UBig)>;

fn sum_bounds(sum: &Sum, roots: &mut Roots) -> Option<Bounds> {
    let mut total: Option<Bounds> = None;
    for term in &sum.0 {
        let (u, l) = term_bounds(term, roots)?;
        total = Some(match total {
            None => (u, l),
            // u = u₁l₂ + l₁u₂, l = l₁l₂
            Some((before, under)) => ((before + l).max(under + u) + 1.0, under + l),
        });
    }
    total.or(Some((0.0, 0.0)))
}

fn term_bounds(term: &Term, roots: &mut Roots) -> Option<Bounds> {
    let mut u = term.coefficient.numerator().bit_len() as f64;
    let mut l = term.coefficient.denominator().bit_len() as f64;
    for (atom, exponent) in &term.monomial.0 {
        let (above, below) = power_bounds(atom, exponent, roots)?;
        (u, l) = (u + above, l + below);
    }
    Some((u, l))
}

fn power_bounds(atom: &Atom, exponent: &RBig, roots: &mut Roots) -> Option<Bounds> {
    let base = match atom {
        Atom::Integer(number) => (number.bit_len() as f64, 0.0),
        Atom::Imaginary => {
            roots.insert((Atom::Imaginary, UBig::from(2_u8)));
            return Some((0.0, 0.0));
        }
        Atom::Compound(sum) => sum_bounds(sum, roots)?,
        _ => return None,
    };
    let degree = exponent.denominator().clone();
    let times = f64::from(i32::try_from(exponent.numerator().clone()).ok()?);
    let (u, l) = if times < 0.0 { (base.1, base.0) } else { base };
    let (u, l) = (u * times.abs(), l * times.abs());
    if degree == UBig::ONE {
        return Some((u, l));
    }
    let k = f64::from(u32::try_from(degree.clone()).ok()?);
    roots.insert((atom.clone(), degree));
    // The k-th root: ((u l^(k−1))^(1/k), l) if u is the larger, else (u, (u^(k−1) l)^(1/k)).
    Some(if u >= l { ((u + (k - 1.0) * l) / k, l) } else { (u, ((k - 1.0) * u + l) / k) })
}
