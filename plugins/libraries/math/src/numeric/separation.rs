//! How close to zero an algebraic number can come without being zero.
//!
//! The bound is that of Burnikel, Funke, Mehlhorn, Schirra and Schmitt ("A separation bound for real
//! algebraic expressions", 2009), in binary logarithms: with `u` and `l` reckoned along the expression, and
//! `D` the product of the degrees of its different roots, a number that is not zero is at least
//! `1 / (u^(D−1) l)` in size.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algebra::{Work, normal};
    use crate::numeric::{Arithmetic, Big, evaluate};
    use crate::syntax::parse;

    fn sum(text: &str) -> Sum {
        normal(&parse(text).unwrap(), &Work::new(100_000)).unwrap()
    }

    #[test]
    fn a_bound_worked_out_by_hand() {
        // In logarithms, each number rounded up to its bits. √2: u = 2/2 = 1; times 1: u = 2, l = 1. −1: u =
        // 1, l = 1. The sum: u = max(2 + 1, 1 + 1) + 1 = 4, l = 2; with D = 2, (2 − 1)·4 + 2 + 1 = 7.
        assert_eq!(separation(&sum("\\sqrt2-1")), Some(7.0));
        assert_eq!(separation(&sum("\\pi-3")), None);
    }

    #[test]
    fn numbers_that_nearly_cancel_stay_above_their_bounds() {
        // √(10^k + 1) − √(10^k), and Pell's 99 − 70√2.
        let texts = [
            "99-70\\sqrt2",
            "\\sqrt{10001}-100",
            "\\sqrt{1000001}-1000",
            "\\sqrt2+\\sqrt3-\\sqrt{5+2\\sqrt6-10^{-9}}",
        ];
        for text in texts {
            let sum = sum(text);
            let bits = separation(&sum).unwrap();
            let value = evaluate(&sum, &Big::new(600), &Work::new(100_000)).unwrap();
            let size = Big::new(600).log2(&value.real.low);
            assert!(size > -bits, "{text}: 2^{size} is below 2^-{bits}");
        }
    }
}
