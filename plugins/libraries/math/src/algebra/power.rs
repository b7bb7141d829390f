//! Powers of expressions, exactly.
//!
//! A power of a product is the product of the powers, each atom's settled by [`super::settle`] and the
//! number's by [`super::number`]. A power of a sum is multiplied out if it is short; if not, the sum without
//! its common factor is an atom. One over a sum of square roots is rationalised.

use dashu_int::UBig;
use dashu_int::ops::{Gcd, UnsignedAbs};
use dashu_ratio::RBig;

use super::number::{number_power, ratio, signed_factors};
use super::settle::times_powers;
use super::sum::{Atom, MAX_TERMS, Monomial, Sum, Term};
use super::work::{Outcome, Trouble, Work};
use crate::syntax::Function;

/// A base to an exponent.
///
/// # Errors
///
/// [`Trouble`]: a division by zero, zero to the power of zero, or too much work.
pub fn power(base: &Sum, exponent: &Sum, work: &Work) -> Outcome<Sum> {
    work.spend(1)?;
    if let Some(exponent) = exponent.rational() {
        return rational_power(base, &exponent, work);
    }
    let mut product = Sum::one();
    for term in &exponent.0 {
        let factor = if term.monomial.0.is_empty() {
            rational_power(base, &term.coefficient, work)?
        } else {
            tower(base, term, work)?
        };
        product = product.times(&factor, work)?;
    }
    Ok(product)
}

/// A base to one term of an exponent, which is not a number.
fn tower(base: &Sum, exponent: &Term, work: &Work) -> Outcome<Sum> {
    let Some(single) = base.single() else {
        if base.is_zero() {
            return Err(Trouble::Undefined("zero has an exponent that is not a number"));
        }
        return raised_atom(&Atom::Compound(base.clone().into()), exponent, &RBig::ONE, work);
    };
    let mut product = Sum::one();
    if single.coefficient < RBig::ZERO {
        // −1 is the square of i.
        product = raised_atom(&Atom::Imaginary, exponent, &RBig::from(2), work)?;
    }
    for (prime, times) in signed_factors(&single.coefficient, work)? {
        let factor = raised_atom(&Atom::Integer(prime), exponent, &RBig::from(times), work)?;
        product = product.times(&factor, work)?;
    }
    for (atom, times) in &single.monomial.0 {
        let factor = match natural(atom, exponent, times, work)? {
            Some(value) => value,
            None => raised_atom(atom, exponent, times, work)?,
        };
        product = product.times(&factor, work)?;
    }
    Ok(product)
}

/// `(atom^times)^exponent` as an atom's power.
fn raised_atom(atom: &Atom, exponent: &Term, times: &RBig, work: &Work) -> Outcome<Sum> {
    let (base, monomial) = match atom {
        Atom::Tower(base, below) => (base.clone(), below.times(&exponent.monomial)),
        atom => (atom.clone().into(), exponent.monomial.clone()),
    };
    let power = &exponent.coefficient * times;
    let atom = if monomial.0.is_empty() { (*base).clone() } else { Atom::Tower(base, monomial) };
    Sum::nested(atom, work).map(|sum| sum.with_exponent(&power))
}

/// Powers of e that are known: of logarithms, and of i times a fraction of π.
fn natural(atom: &Atom, exponent: &Term, times: &RBig, work: &Work) -> Outcome<Option<Sum>> {
    if *atom != Atom::E {
        return Ok(None);
    }
    let power = &exponent.coefficient * times;
    let powers = &exponent.monomial.0;
    let is_logarithm =
        |(atom, one): &(Atom, RBig)| matches!(atom, Atom::Call(Function::Ln, _)) && one.is_one();
    if let Some(at) = powers.iter().position(is_logarithm)
        && let (Atom::Call(_, argument), _) = &powers[at]
    {
        let mut rest = powers.clone();
        rest.remove(at);
        let rest = Sum::term(power, Monomial(rest));
        return argument.first().map(|argument| self::power(argument, &rest, work)).transpose();
    }
    let turn = [(Atom::Imaginary, RBig::ONE), (Atom::Pi, RBig::ONE)];
    if *powers == turn {
        return super::function::circular::on_the_unit_circle(&power, work);
    }
    Ok(None)
}

/// A base to a rational exponent.
///
/// # Errors
///
/// As [`power`].
pub fn rational_power(base: &Sum, exponent: &RBig, work: &Work) -> Outcome<Sum> {
    work.spend(1)?;
    if exponent.is_one() {
        return Ok(base.clone());
    }
    if base.is_zero() {
        return match exponent.is_zero() {
            true => Err(Trouble::Undefined("it has zero to the power of zero")),
            false if *exponent > RBig::ZERO => Ok(Sum::ZERO),
            false => Err(Trouble::Undefined("it divides by zero")),
        };
    }
    if exponent.is_zero() {
        return Ok(Sum::one());
    }
    match base.single() {
        Some(term) => term_power(term, exponent, work),
        None => sum_power(base, exponent, work),
    }
}

fn term_power(term: &Term, exponent: &RBig, work: &Work) -> Outcome<Sum> {
    let number = number_power(&term.coefficient, exponent, work)?;
    let mut powers = Monomial::default();
    for (atom, times) in &term.monomial.0 {
        let raised = times * exponent;
        if !exponent.is_int() && *atom == Atom::Imaginary {
            return Err(Trouble::Undefined("it has a root of an imaginary number"));
        }
        // √(x²) is |x|: an even power has forgotten the sign.
        let even = |power: &RBig| power.is_int() && (power.numerator() % 2_i32) == 0;
        let forgot = even(times) && !even(&raised) && !exponent.is_int() && !atom.is_positive();
        let base =
            if forgot { Atom::Call(Function::Abs, [Sum::atom(atom.clone())].into()) } else { atom.clone() };
        powers = powers.times(&Monomial::of(base, raised));
    }
    times_powers(&number, &powers, work)
}

fn sum_power(base: &Sum, exponent: &RBig, work: &Work) -> Outcome<Sum> {
    if exponent.is_int() {
        let times = u32::try_from(exponent.numerator()).ok();
        if let Some(times) = times
            && expands(base.0.len(), times)
        {
            let mut product = base.clone();
            for _ in 1..times {
                product = product.times(base, work)?;
            }
            return Ok(product);
        }
        if exponent.numerator().sign() == dashu_int::Sign::Negative
            && let Some(inverse) = work.attempt(8, |work| inverse(base, 0, work))?.flatten()
        {
            return rational_power(&inverse, &(-exponent), work);
        }
    }
    let (content, common, primitive) = parts_of(base, exponent);
    let compound = Sum::nested(Atom::Compound(primitive.into()), work)?.with_exponent(exponent);
    let outside = term_power(&Term { coefficient: content, monomial: common }, exponent, work)?;
    // The compound is settled as it stands: multiplying it out was decided against.
    let mut terms = Vec::with_capacity(outside.0.len());
    for term in outside.0 {
        terms.push(Term {
            monomial: term.monomial.times(&compound.0[0].monomial),
            coefficient: term.coefficient,
        });
    }
    Ok(Sum::collected(terms))
}

/// Whether a power of a sum is short enough to be multiplied out.
pub(super) fn expands(terms: usize, exponent: u32) -> bool {
    let mut count = 1_f64;
    for step in 1..=u64::from(exponent).min(200) {
        count = count * (terms as u64 - 1 + step) as f64 / step as f64;
        if count > MAX_TERMS as f64 {
            return false;
        }
    }
    exponent <= 200
}

/// A sum as a rational number times common powers times a sum whose coefficients are whole and share no
/// factor. Only whole exponents let common powers out, and only exponents with odd denominators let out a
/// sign.
fn parts_of(sum: &Sum, exponent: &RBig) -> (RBig, Monomial, Sum) {
    let mut above = UBig::ZERO;
    let mut below = UBig::ONE;
    for term in &sum.0 {
        above = above.gcd(term.coefficient.numerator().clone().unsigned_abs());
        let shared = (&below).gcd(term.coefficient.denominator());
        below = &below / shared * term.coefficient.denominator();
    }
    let mut content = RBig::from_parts(above.into(), below);
    let signed = exponent.denominator() % 2_u8 == 1;
    if signed && sum.has_leading_minus() {
        content = -content;
    }
    let mut common = Monomial::default();
    if exponent.is_int() {
        for (atom, power) in &sum.0[0].monomial.0 {
            let least = sum.0.iter().map(|term| term.monomial.exponent(atom)).min().unwrap_or(RBig::ZERO);
            let least = if least > *power { power.clone() } else { least };
            common = common.times(&Monomial::of(atom.clone(), least));
        }
    }
    let primitive = sum.over(&common).scaled(&(RBig::ONE / &content));
    (content, common, primitive)
}

/// One over a sum of square roots of rationals and i: multiplied by its conjugates. None for any other sum.
fn inverse(sum: &Sum, depth: usize, work: &Work) -> Outcome<Option<Sum>> {
    if let Some(number) = sum.rational() {
        return match number.is_zero() {
            true => Err(Trouble::Undefined("it divides by zero")),
            false => Ok(Some(Sum::from(RBig::ONE / number))),
        };
    }
    let half = ratio(1, 2);
    let quadratic = |(atom, power): &(Atom, RBig)| match atom {
        Atom::Integer(_) => *power == half,
        Atom::Imaginary => true,
        _ => false,
    };
    if depth > 4 || !sum.0.iter().all(|term| term.monomial.0.iter().all(quadratic)) {
        return Ok(None);
    }
    let Some(root) = sum.atoms().next().cloned() else { return Ok(None) };
    let flipped = sum.0.iter().map(|term| {
        let has = term.monomial.0.iter().any(|(atom, _)| *atom == root);
        let coefficient = if has { -term.coefficient.clone() } else { term.coefficient.clone() };
        Term { monomial: term.monomial.clone(), coefficient }
    });
    let conjugate = Sum(flipped.collect());
    let norm = sum.times(&conjugate, work)?;
    match inverse(&norm, depth + 1, work)? {
        Some(inverse) => conjugate.times(&inverse, work).map(Some),
        None => Ok(None),
    }
}
