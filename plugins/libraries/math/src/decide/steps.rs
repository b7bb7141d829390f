//! Floors of expressions with variables: decided over the whole numbers, class by class.
//!
//! Inside a floor, n is a whole number and x is real, by their letters ([`REAL`]). Where every floor is of a
//! polynomial with rational coefficients, each variable runs through the residues of a common denominator,
//! `n = qk + r`: then whole terms leave the floors, what remains inside is a number, and the difference is
//! decided as one in k. A real variable is tried at and between the places where a floor jumps. Of any other
//! floor (`⌊√n⌋`) a whole number can refute an identity, and nothing proves it.
//!
//! In: a difference with floors. Out: whether it vanishes.

use std::collections::BTreeSet;

use dashu_int::UBig;
use dashu_int::ops::{Gcd, UnsignedAbs};
use dashu_ratio::RBig;

use super::{constant_is_zero, is_constant, is_zero};
use crate::algebra::substitute::substituted;
use crate::algebra::{Atom, Outcome, RUNNING, Sum, Trouble, WHOLE, Work};
use crate::syntax::Function;

/// Letters whose variables are real.
const REAL: &str = "rstuvwxyzαβγθλμρστφω";

/// More classes than this are not gone through.
const MAX_CLASSES: usize = 400;

/// Whole numbers at which floors of roots and logarithms are compared: the first ones, and squares, cubes and
/// powers of two with their neighbours.
const PLACES: [u32; 40] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 23, 24, 25, 26, 27, 30, 31, 32, 33,
    36, 48, 49, 63, 64, 65, 81, 99, 100, 125, 128, 1000,
];

/// Whether an expression has a floor of something that is not constant.
pub(super) fn has_steps(x: &Sum) -> bool {
    x.any_atom(&|atom| matches!(atom, Atom::Call(Function::Floor, arguments) if !is_constant(&arguments[0])))
}

/// Whether a difference with floors is zero.
pub(super) fn vanishes(difference: &Sum, work: &Work) -> Outcome<bool> {
    let mut inside =
        Inside { names: BTreeSet::new(), denominator: UBig::ONE, slope: UBig::ONE, polynomial: true };
    inside.look(difference);
    if difference.any_atom(&|atom| matches!(atom, Atom::Tower(base, _) if **base == Atom::Imaginary)) {
        inside.denominator = lcm(&inside.denominator, &UBig::from(2_u8));
    }
    match inside.classes() {
        Some(classes) => by_classes(difference, &classes, work),
        None => at_places(difference, &inside.names, work),
    }
}

/// What stands inside the floors of an expression.
struct Inside {
    names: BTreeSet<String>,
    /// The least common multiple of the coefficients' denominators, and of the numerators.
    denominator: UBig,
    slope: UBig,
    /// Whether all of it is polynomials with rational coefficients.
    polynomial: bool,
}

impl Inside {
    fn look(&mut self, sum: &Sum) {
        for atom in sum.atoms() {
            match atom {
                Atom::Call(Function::Floor, arguments) => {
                    arguments.iter().for_each(|argument| self.take(argument));
                }
                Atom::Call(_, arguments) => arguments.iter().for_each(|argument| self.look(argument)),
                Atom::Compound(sum) => self.look(sum),
                Atom::Tower(_, powers) => {
                    for (power, _) in &powers.0 {
                        self.look(&Sum::atom(power.clone()));
                    }
                }
                // Floors within are not looked for: too rare to be worth it.
                Atom::Opaque(..) | Atom::Range(..) => {
                    self.polynomial &= !atom.any(&|atom| matches!(atom, Atom::Call(Function::Floor, _)));
                }
                _ => {}
            }
        }
    }

    fn take(&mut self, argument: &Sum) {
        for term in &argument.0 {
            self.denominator = lcm(&self.denominator, term.coefficient.denominator());
            self.slope = lcm(&self.slope, &term.coefficient.numerator().clone().unsigned_abs());
            for (atom, power) in &term.monomial.0 {
                match atom {
                    Atom::Name(name) if **name != *RUNNING => {
                        self.names.insert(name.to_string());
                        self.polynomial &= power.is_int() && *power > RBig::ZERO;
                    }
                    Atom::Call(Function::Floor, arguments) if power.is_one() => {
                        arguments.iter().for_each(|argument| self.take(argument));
                    }
                    other => {
                        self.polynomial = false;
                        collect(other, &mut self.names);
                    }
                }
            }
        }
    }

    /// Each variable's values, class by class; none if they are not to be gone through.
    fn classes(&self) -> Option<Vec<(String, Vec<Sum>)>> {
        if !self.polynomial {
            return None;
        }
        let period = usize::try_from(&self.denominator).ok()?;
        let slope = usize::try_from(&self.slope).ok()?;
        let mut count = 1_usize;
        let mut classes = Vec::new();
        for name in &self.names {
            let whole = Sum::atom(Atom::Name(format!("{WHOLE}{name}").as_str().into()));
            let whole = whole.scaled(&RBig::from(period as u64));
            // A third of the way between two jumps is not a jump.
            let parts = if is_real(name) { 3_usize.checked_mul(slope)?.checked_mul(period)? } else { 1 };
            let values = period.checked_mul(parts)?;
            count = count.checked_mul(values)?;
            if count > MAX_CLASSES {
                return None;
            }
            let offset = |at: usize| Sum::from(RBig::from_parts((at as u64).into(), (parts as u64).into()));
            let value = |at: usize| whole.plus(&offset(at), &Work::new(16)).unwrap_or_default();
            classes.push((name.clone(), (0..values).map(value).collect()));
        }
        Some(classes)
    }
}

/// Every variable's name below an atom.
fn collect(atom: &Atom, names: &mut BTreeSet<String>) {
    let found = std::cell::RefCell::new(Vec::new());
    atom.any(&|atom| {
        if let Atom::Name(name) = atom
            && **name != *RUNNING
        {
            found.borrow_mut().push(name.to_string());
        }
        false
    });
    names.extend(found.into_inner());
}

fn is_real(name: &str) -> bool {
    let stem = name.split('_').next().unwrap_or_default();
    stem.chars().count() > 1 || stem.chars().all(|letter| REAL.contains(letter))
}

fn lcm(a: &UBig, b: &UBig) -> UBig {
    if a.is_zero() || b.is_zero() { UBig::ONE } else { a / a.gcd(b) * b }
}

/// Whether the difference is zero in every class.
fn by_classes(difference: &Sum, classes: &[(String, Vec<Sum>)], work: &Work) -> Outcome<bool> {
    let count: usize = classes.iter().map(|(_, values)| values.len()).product();
    for class in 0..count {
        let at = |atom: &Atom| {
            let Atom::Name(name) = atom else { return None };
            let mut rest = class;
            for (variable, values) in classes {
                if **name == **variable {
                    return Some(values[rest % values.len()].clone());
                }
                rest /= values.len();
            }
            None
        };
        let value = match substituted(difference, &at, work) {
            Ok(value) => value,
            Err(Trouble::Undefined(_)) => continue,
            Err(trouble) => return Err(trouble),
        };
        if has_steps(&value) {
            return Err(Trouble::TooExpensive);
        }
        if !is_zero(&value, work)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a whole number refutes that the difference is zero; nothing proves it here.
fn at_places(difference: &Sum, names: &BTreeSet<String>, work: &Work) -> Outcome<bool> {
    for (attempt, place) in PLACES.iter().enumerate() {
        let at = |atom: &Atom| {
            let Atom::Name(name) = atom else { return None };
            let index = names.iter().position(|known| **known == **name).unwrap_or(names.len() + name.len());
            Some(Sum::from(RBig::from(PLACES[(attempt + 7 * index) % PLACES.len()].max(*place / 8))))
        };
        let value = match substituted(difference, &at, work) {
            Ok(value) => value,
            Err(Trouble::Undefined(_)) => continue,
            Err(trouble) => return Err(trouble),
        };
        if is_constant(&value) && constant_is_zero(&value, work) == Ok(false) {
            return Ok(false);
        }
    }
    Err(Trouble::TooExpensive)
}
