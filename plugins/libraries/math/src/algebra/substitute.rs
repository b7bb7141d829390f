//! Expressions with some atoms replaced, normalised anew: how an identity is tested at a point.

use super::function::call;
use super::power::power;
use super::range::over_range;
use super::sum::{Atom, Sum};
use super::work::{Outcome, Work};

/// A sum with atoms replaced by what `by` gives for them.
///
/// # Errors
///
/// [`super::Trouble`]: it has no value at this point, or too much work.
pub fn substituted(sum: &Sum, by: &dyn Fn(&Atom) -> Option<Sum>, work: &Work) -> Outcome<Sum> {
    let mut parts = Vec::with_capacity(sum.0.len());
    for term in &sum.0 {
        let mut product = Sum::from(term.coefficient.clone());
        for (atom, exponent) in &term.monomial.0 {
            let base = atom_substituted(atom, by, work)?;
            let factor = power(&base, &Sum::from(exponent.clone()), work)?;
            product = product.times(&factor, work)?;
        }
        parts.extend(product.0);
    }
    Ok(Sum::collected(parts))
}

fn atom_substituted(atom: &Atom, by: &dyn Fn(&Atom) -> Option<Sum>, work: &Work) -> Outcome<Sum> {
    work.spend(1)?;
    if let Some(value) = by(atom) {
        return Ok(value);
    }
    let all = |sums: &[Sum]| sums.iter().map(|sum| substituted(sum, by, work)).collect::<Outcome<Vec<Sum>>>();
    match atom {
        Atom::Integer(_) | Atom::Imaginary | Atom::Pi | Atom::E | Atom::Name(_) => Ok(Sum::base(atom)),
        Atom::Tower(base, monomial) => {
            let base = atom_substituted(base, by, work)?;
            let exponent = substituted(&Sum::term(dashu_ratio::RBig::ONE, monomial.clone()), by, work)?;
            power(&base, &exponent, work)
        }
        Atom::Call(function, arguments) => call(*function, all(arguments)?, work),
        Atom::Opaque(name, arguments) => {
            Sum::nested(Atom::Opaque(name.clone(), all(arguments)?.into()), work)
        }
        Atom::Range(product, parts) => {
            let [from, to, body] = &**parts;
            let parts =
                [substituted(from, by, work)?, substituted(to, by, work)?, substituted(body, by, work)?];
            over_range(*product, parts, work)
        }
        Atom::Compound(inside) => substituted(inside, by, work),
    }
}
