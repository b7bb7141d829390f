//! The normal form: sums of terms, terms of powers of atoms.
//!
//! Terms are sorted, no two have the same powers, and no coefficient is zero; so two sums are the same
//! expression exactly if they are equal as data. Which powers an atom may have is settled in
//! [`super::settle`].

use std::cmp::Ordering;

use dashu_int::UBig;
use dashu_int::ops::BitTest;
use dashu_ratio::RBig;

use super::settle::settled;
use super::shared::Shared;
use super::work::{Outcome, Trouble, Work};
use crate::syntax::{Function, Symbol};

/// Sums longer than this are not multiplied out.
pub(super) const MAX_TERMS: usize = 600;

/// How many atoms an atom may have within.
const MAX_WEIGHT: u64 = 2000;

/// A sum of terms; the empty sum is zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sum(pub(crate) Vec<Term>);

/// A coefficient and the powers it multiplies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The powers.
    pub monomial: Monomial,
    /// A rational number, not zero.
    pub coefficient: RBig,
}

impl Ord for Term {
    fn cmp(&self, other: &Self) -> Ordering {
        self.monomial.cmp(&other.monomial).then_with(|| as_written(&self.coefficient, &other.coefficient))
    }
}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Powers of atoms, sorted by atom, no exponent zero; the empty product is 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Monomial(pub(crate) Vec<(Atom, RBig)>);

impl Ord for Monomial {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.0.iter().zip(&other.0);
        let mut orders = pairs.map(|((atom, power), (other, other_power))| {
            atom.cmp(other).then_with(|| as_written(power, other_power))
        });
        orders.find(|order| order.is_ne()).unwrap_or_else(|| self.0.len().cmp(&other.0.len()))
    }
}

impl PartialOrd for Monomial {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Some order of numbers, for terms to be sorted by. That of their values would cost a product each time.
fn as_written(one: &RBig, other: &RBig) -> Ordering {
    one.numerator().cmp(other.numerator()).then_with(|| one.denominator().cmp(other.denominator()))
}

/// What is not taken apart any further. What is within is shared: atoms nest, and a product holds each again
/// and again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Atom {
    /// A whole number above 1 under a root, or too large a power of one; no square, and prime unless it is
    /// huge.
    Integer(UBig),
    /// i.
    Imaginary,
    /// π.
    Pi,
    /// e.
    E,
    /// A variable.
    Name(Shared<str>),
    /// An atom raised to a product that is not a number: `2^n`, `e^{xy}`.
    Tower(Shared<Atom>, Monomial),
    /// A function whose value is not known more exactly.
    Call(Function, Shared<[Sum]>),
    /// A function that is only named.
    Opaque(Shared<str>, Shared<[Sum]>),
    /// A sum (or product, if set) over a range that is not known or too long: first value, last, term in `#`.
    Range(bool, Shared<[Sum; 3]>),
    /// A sum under a power that is not multiplied out.
    Compound(Shared<Sum>),
}

impl Monomial {
    pub(crate) fn of(atom: Atom, exponent: RBig) -> Self {
        Monomial(if exponent.is_zero() { vec![] } else { vec![(atom, exponent)] })
    }

    /// The exponent of an atom; 0 if it does not occur.
    pub(crate) fn exponent(&self, atom: &Atom) -> RBig {
        let found = self.0.iter().find(|(other, _)| other == atom);
        found.map_or(RBig::ZERO, |(_, exponent)| exponent.clone())
    }

    /// This product times another, exponents added and nothing else.
    pub(crate) fn times(&self, other: &Self) -> Self {
        let mut product = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let next = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) if a.0 == b.0 => {
                    let exponent = &a.1 + &b.1;
                    if !exponent.is_zero() {
                        product.push((a.0.clone(), exponent));
                    }
                    left.next();
                    right.next();
                    continue;
                }
                (Some(a), Some(b)) if a.0 < b.0 => left.next(),
                (Some(_), None) => left.next(),
                (_, Some(_)) => right.next(),
                (None, None) => return Monomial(product),
            };
            product.extend(next.cloned());
        }
    }

    /// Each exponent times a number.
    pub(crate) fn raised(&self, exponent: &RBig) -> Self {
        Monomial(self.0.iter().map(|(atom, power)| (atom.clone(), power * exponent)).collect())
    }
}

impl Sum {
    /// Zero.
    pub const ZERO: Sum = Sum(vec![]);

    /// One.
    pub fn one() -> Self {
        Sum::from(RBig::ONE)
    }

    /// A whole number.
    pub fn integer(value: i64) -> Self {
        Sum::from(RBig::from(value))
    }

    /// An atom alone.
    pub fn atom(atom: Atom) -> Self {
        Sum::term(RBig::ONE, Monomial::of(atom, RBig::ONE))
    }

    /// A symbol alone.
    pub fn symbol(symbol: &Symbol) -> Self {
        Sum::atom(match symbol {
            Symbol::Pi => Atom::Pi,
            Symbol::E => Atom::E,
            Symbol::I => Atom::Imaginary,
            Symbol::Name(name) => Atom::Name(name.as_str().into()),
        })
    }

    /// An atom that has sums within, paid for by its size: nesting can double it at every level.
    ///
    /// # Errors
    ///
    /// [`Trouble::TooExpensive`] if it is larger than [`MAX_WEIGHT`], or the work does not suffice.
    pub(crate) fn nested(atom: Atom, work: &Work) -> Outcome<Self> {
        let mut left = MAX_WEIGHT;
        atom.weigh(&mut left)?;
        work.spend((MAX_WEIGHT - left) / 8)?;
        Ok(Sum::atom(atom))
    }

    /// Each exponent times a number, settled already.
    pub(super) fn with_exponent(&self, exponent: &RBig) -> Self {
        let raised = |term: &Term| Term {
            monomial: term.monomial.raised(exponent),
            coefficient: term.coefficient.clone(),
        };
        Sum(self.0.iter().map(raised).collect())
    }

    /// What an atom stands for: a number for a number's atom, the sum for a sum's.
    pub(crate) fn base(atom: &Atom) -> Self {
        match atom {
            Atom::Integer(number) => Sum::from(RBig::from(number.clone())),
            Atom::Compound(sum) => (**sum).clone(),
            atom => Sum::atom(atom.clone()),
        }
    }

    /// A coefficient times powers that are settled already.
    pub(crate) fn term(coefficient: RBig, monomial: Monomial) -> Self {
        Sum(if coefficient.is_zero() { vec![] } else { vec![Term { monomial, coefficient }] })
    }

    /// Whether this is zero as data. Nonzero as data may still be zero as a number.
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// The value, if this is a rational number.
    pub fn rational(&self) -> Option<RBig> {
        match &self.0[..] {
            [] => Some(RBig::ZERO),
            [Term { monomial: Monomial(powers), coefficient }] if powers.is_empty() => {
                Some(coefficient.clone())
            }
            _ => None,
        }
    }

    /// The value, if this is a whole number of moderate size.
    pub(crate) fn whole_number(&self) -> Option<i64> {
        let number = self.rational().filter(RBig::is_int)?;
        i64::try_from(number.numerator().clone()).ok()
    }

    /// Whether the first term has a minus: of x and −x, one does.
    pub(crate) fn has_leading_minus(&self) -> bool {
        self.0.first().is_some_and(|term| term.coefficient < RBig::ZERO)
    }

    /// The one term, if there is just one.
    pub fn single(&self) -> Option<&Term> {
        if let [term] = &self.0[..] { Some(term) } else { None }
    }

    /// Every atom of every term, those within atoms not included.
    pub fn atoms(&self) -> impl Iterator<Item = &Atom> {
        self.0.iter().flat_map(|term| term.monomial.0.iter().map(|(atom, _)| atom))
    }

    /// Whether an atom, here or within atoms, is of a kind.
    pub fn any_atom(&self, is: &dyn Fn(&Atom) -> bool) -> bool {
        self.atoms().any(|atom| atom.any(is))
    }

    /// The sum of two.
    ///
    /// # Errors
    ///
    /// [`Trouble::TooExpensive`].
    pub fn plus(&self, other: &Self, work: &Work) -> Outcome<Sum> {
        work.spend((self.0.len() + other.0.len()) as u64)?;
        let mut terms = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let next = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) if a.monomial == b.monomial => {
                    let coefficient = &a.coefficient + &b.coefficient;
                    if !coefficient.is_zero() {
                        terms.push(Term { monomial: a.monomial.clone(), coefficient });
                    }
                    left.next();
                    right.next();
                    continue;
                }
                (Some(a), Some(b)) if a.monomial < b.monomial => left.next(),
                (Some(_), None) => left.next(),
                (_, Some(_)) => right.next(),
                (None, None) => break,
            };
            terms.extend(next.cloned());
        }
        if terms.len() > 4 * MAX_TERMS {
            return Err(Trouble::TooExpensive);
        }
        Ok(Sum(terms))
    }

    /// The difference of two.
    ///
    /// # Errors
    ///
    /// [`Trouble::TooExpensive`].
    pub fn minus(&self, other: &Self, work: &Work) -> Outcome<Sum> {
        self.plus(&other.negated(), work)
    }

    /// The negative.
    pub fn negated(&self) -> Sum {
        self.scaled(&RBig::from(-1))
    }

    /// Each term divided by powers, exponents subtracted and nothing else.
    pub(crate) fn over(&self, powers: &Monomial) -> Sum {
        let inverse = powers.raised(&RBig::from(-1));
        let divided = |term: &Term| Term {
            monomial: term.monomial.times(&inverse),
            coefficient: term.coefficient.clone(),
        };
        Sum::collected(self.0.iter().map(divided).collect())
    }

    /// This sum times a rational number.
    pub fn scaled(&self, by: &RBig) -> Sum {
        if by.is_zero() {
            return Sum::ZERO;
        }
        let scaled =
            |term: &Term| Term { monomial: term.monomial.clone(), coefficient: &term.coefficient * by };
        Sum(self.0.iter().map(scaled).collect())
    }

    /// The product of two, multiplied out.
    ///
    /// # Errors
    ///
    /// [`Trouble::TooExpensive`].
    pub fn times(&self, other: &Self, work: &Work) -> Outcome<Sum> {
        for (one, other) in [(self, other), (other, self)] {
            if let Some(number) = one.rational() {
                let cost = |term: &Term| product_cost(&number, &term.coefficient);
                work.spend(other.0.iter().map(cost).sum())?;
                return Ok(other.scaled(&number));
            }
        }
        let mut parts = Vec::new();
        for a in &self.0 {
            for b in &other.0 {
                let powers = (a.monomial.0.len() + b.monomial.0.len()) as u64;
                work.spend(2 + powers + product_cost(&a.coefficient, &b.coefficient))?;
                let coefficient = &a.coefficient * &b.coefficient;
                settled(coefficient, a.monomial.times(&b.monomial), &mut parts, work)?;
            }
        }
        Ok(Sum::collected(parts))
    }

    /// Terms in any order as a sum.
    pub(crate) fn collected(mut parts: Vec<Term>) -> Sum {
        parts.sort_unstable_by(|a, b| a.monomial.cmp(&b.monomial));
        let mut terms: Vec<Term> = Vec::with_capacity(parts.len());
        for part in parts {
            match terms.last_mut() {
                Some(last) if last.monomial == part.monomial => last.coefficient += part.coefficient,
                _ => terms.push(part),
            }
        }
        terms.retain(|term| !term.coefficient.is_zero());
        Sum(terms)
    }
}

/// The work that a number's size adds to each operation on it: one unit for each few words.
pub(super) fn size(number: &RBig) -> u64 {
    (number.numerator().bit_len() + number.denominator().bit_len()) as u64 / 256
}

/// The work of a product beyond that of small numbers.
fn product_cost(a: &RBig, b: &RBig) -> u64 {
    let (a, b) = (size(a), size(b));
    a + b + a * b / 4
}

/// The mark before the name of a variable that is a whole number.
pub(crate) const WHOLE: char = 'ℤ';

impl Atom {
    /// Whether this is a whole number, whatever else it is.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Atom::Name(name) => name.starts_with(WHOLE),
            Atom::Call(Function::Floor, _) => true,
            _ => false,
        }
    }

    /// Takes the number of atoms here from what is left.
    fn weigh(&self, left: &mut u64) -> Outcome<()> {
        *left = left.checked_sub(1).ok_or(Trouble::TooExpensive)?;
        let each = |sum: &Sum, left: &mut u64| sum.atoms().try_for_each(|atom| atom.weigh(left));
        match self {
            Atom::Tower(base, monomial) => {
                base.weigh(left)?;
                monomial.0.iter().try_for_each(|(atom, _)| atom.weigh(left))
            }
            Atom::Call(_, sums) | Atom::Opaque(_, sums) => sums.iter().try_for_each(|sum| each(sum, left)),
            Atom::Range(_, parts) => parts.iter().try_for_each(|sum| each(sum, left)),
            Atom::Compound(sum) => each(sum, left),
            _ => Ok(()),
        }
    }

    /// Whether this atom, or one within it, is of a kind.
    pub fn any(&self, is: &dyn Fn(&Atom) -> bool) -> bool {
        is(self)
            || match self {
                Atom::Tower(base, monomial) => {
                    base.any(is) || monomial.0.iter().any(|(atom, _)| atom.any(is))
                }
                Atom::Call(_, arguments) | Atom::Opaque(_, arguments) => {
                    arguments.iter().any(|argument| argument.any_atom(is))
                }
                Atom::Range(_, parts) => parts.iter().any(|part| part.any_atom(is)),
                Atom::Compound(sum) => sum.any_atom(is),
                _ => false,
            }
    }
}

impl From<RBig> for Sum {
    fn from(value: RBig) -> Self {
        Sum::term(value, Monomial::default())
    }
}
