//! Values of functions: exactly where they are known, as an atom where they are not. Sines and their kin are in
//! [`circular`], functions of whole numbers in [`whole`].
//!
//! Whatever turns on an order (floors, maxima, absolute values) asks [`crate::decide`] for the sign of a
//! difference.

pub(super) mod circular;
mod whole;

use std::cmp::Ordering;

use circular::{cosine, hyperbolic, inverse_circular, sine};
use dashu_ratio::RBig;
use whole::{binomial, divisors, factorial};

use crate::algebra::number::{ratio, signed_factors};
use crate::algebra::power::{power, rational_power};
use crate::algebra::sum::{Atom, Monomial, Sum, Term};
use crate::algebra::work::{Outcome, Trouble, Work};
use crate::decide::{ordering, whole_part};
use crate::syntax::Function;

/// A function of its arguments.
///
/// # Errors
///
/// [`Trouble`]: no value there, or too much work.
pub fn call(function: Function, arguments: Vec<Sum>, work: &Work) -> Outcome<Sum> {
    work.spend(2)?;
    match (function, &arguments[..]) {
        (Function::Root, [degree, inside]) => match degree.rational() {
            Some(degree) if !degree.is_zero() => rational_power(inside, &(RBig::ONE / degree), work),
            Some(_) => Err(Trouble::Undefined("a root has degree zero")),
            None => power(inside, &inverse(degree, work)?, work),
        },
        (Function::Exp, [x]) => power(&Sum::atom(Atom::E), x, work),
        (Function::Ln, [x]) => logarithm(x, work),
        (Function::Log, [x]) => {
            logarithm(x, work)?.times(&inverse(&logarithm(&Sum::integer(10), work)?, work)?, work)
        }
        (Function::LogBase, [base, x]) => {
            logarithm(x, work)?.times(&inverse(&logarithm(base, work)?, work)?, work)
        }
        (Function::Sin, [x]) => sine(x, work),
        (Function::Cos, [x]) => cosine(x, work),
        (Function::Tan, [x]) => sine(x, work)?.times(&inverse(&cosine(x, work)?, work)?, work),
        (Function::Cot, [x]) => cosine(x, work)?.times(&inverse(&sine(x, work)?, work)?, work),
        (Function::Sec, [x]) => inverse(&cosine(x, work)?, work),
        (Function::Csc, [x]) => inverse(&sine(x, work)?, work),
        (Function::Sinh | Function::Cosh | Function::Tanh, [x]) => hyperbolic(function, x, work),
        (Function::Arcsin | Function::Arccos | Function::Arctan, [x]) => inverse_circular(function, x, work),
        (Function::Abs, [x]) => absolute(x, work),
        (Function::Sign, [x]) => match ordering(x, work)? {
            Some(Ordering::Less) => Ok(Sum::integer(-1)),
            Some(Ordering::Equal) => Ok(Sum::ZERO),
            Some(Ordering::Greater) => Ok(Sum::one()),
            None => opaque(function, arguments, work),
        },
        (Function::Floor, [x]) => floor(x, work),
        (Function::Ceiling, [x]) => floor(&x.negated(), work).map(|whole| whole.negated()),
        // What is left of x when y is taken away as often as it goes.
        (Function::Mod, [x, y]) => {
            let quotient = x.times(&inverse(y, work)?, work)?;
            x.minus(&floor(&quotient, work)?.times(y, work)?, work)
        }
        (Function::Max | Function::Min, [first, rest @ ..]) => {
            let wanted = if function == Function::Max { Ordering::Greater } else { Ordering::Less };
            let mut best = first.clone();
            for other in rest {
                match ordering(&other.minus(&best, work)?, work)? {
                    Some(order) if order == wanted => best = other.clone(),
                    Some(_) => {}
                    None => return unordered(function, arguments, work),
                }
            }
            Ok(best)
        }
        (Function::Gcd | Function::Lcm, [_, ..]) => divisors(function, arguments, work),
        (Function::Factorial, [x]) => factorial(x, 1, work),
        (Function::DoubleFactorial, [x]) => factorial(x, 2, work),
        (Function::Binomial, [n, k]) => binomial(n, k, work),
        (Function::Re | Function::Im | Function::Conjugate, [x]) => complex_part(function, x, work),
        (Function::Degrees, [x]) => Ok(x.times(&Sum::atom(Atom::Pi), work)?.scaled(&ratio(1, 180))),
        _ => Err(Trouble::Undefined("a function has the wrong number of arguments")),
    }
}

pub(super) fn opaque(function: Function, arguments: Vec<Sum>, work: &Work) -> Outcome<Sum> {
    Sum::nested(Atom::Call(function, arguments.into()), work)
}

/// A function that does not mind the order of its arguments, as an atom.
pub(super) fn unordered(function: Function, mut arguments: Vec<Sum>, work: &Work) -> Outcome<Sum> {
    arguments.sort();
    opaque(function, arguments, work)
}

/// An even function as an atom: of −x it is that of x.
pub(super) fn even(function: Function, x: &Sum, work: &Work) -> Outcome<Sum> {
    opaque(function, vec![if x.has_leading_minus() { x.negated() } else { x.clone() }], work)
}

/// An odd function as an atom: of −x it is minus that of x.
pub(super) fn odd(function: Function, x: &Sum, work: &Work) -> Outcome<Sum> {
    let value = even(function, x, work)?;
    Ok(if x.has_leading_minus() { value.negated() } else { value })
}

/// The floor: of a sum, that of what is left without its whole terms, and those.
fn floor(x: &Sum, work: &Work) -> Outcome<Sum> {
    if let Some(whole) = whole_part(x, work)? {
        return Ok(Sum::from(RBig::from(whole)));
    }
    let (mut outside, mut inside) = (Vec::new(), Vec::new());
    for term in &x.0 {
        let is_whole =
            |(atom, power): &(Atom, RBig)| atom.is_whole() && power.is_int() && *power > RBig::ZERO;
        if !term.monomial.0.iter().all(is_whole) {
            inside.push(term.clone());
            continue;
        }
        let whole = RBig::from(term.coefficient.floor());
        let rest = &term.coefficient - &whole;
        let part = |coefficient| Term { monomial: term.monomial.clone(), coefficient };
        outside.extend((!whole.is_zero()).then(|| part(whole)));
        inside.extend((!rest.is_zero()).then(|| part(rest)));
    }
    let (outside, inside) = (Sum(outside), Sum(inside));
    if inside.is_zero() || outside.is_zero() {
        return if inside.is_zero() { Ok(outside) } else { opaque(Function::Floor, vec![inside], work) };
    }
    outside.plus(&floor(&inside, work)?, work)
}

/// One over an expression.
pub(crate) fn inverse(x: &Sum, work: &Work) -> Outcome<Sum> {
    rational_power(x, &RBig::from(-1), work)
}

fn absolute(x: &Sum, work: &Work) -> Outcome<Sum> {
    if let Some(order) = ordering(x, work)? {
        return Ok(if order == Ordering::Less { x.negated() } else { x.clone() });
    }
    if x.any_atom(&|atom| *atom == Atom::Imaginary) {
        let square = x.times(&complex_part(Function::Conjugate, x, work)?, work)?;
        return rational_power(&square, &ratio(1, 2), work);
    }
    // |−x| is |x|, |2x| is 2|x|, and |xy| is |x||y|.
    let Some(term) = x.single() else { return even(Function::Abs, x, work) };
    let size =
        if term.coefficient < RBig::ZERO { -term.coefficient.clone() } else { term.coefficient.clone() };
    let mut product = Sum::from(size);
    for (atom, exponent) in &term.monomial.0 {
        let base = Sum::atom(atom.clone());
        let factor = if atom.is_positive() || !exponent.is_int() {
            rational_power(&base, exponent, work)?
        } else {
            rational_power(&opaque(Function::Abs, vec![base], work)?, exponent, work)?
        };
        product = product.times(&factor, work)?;
    }
    Ok(product)
}

/// The natural logarithm: of a product of positive numbers, the sum of theirs.
fn logarithm(x: &Sum, work: &Work) -> Outcome<Sum> {
    if x.is_zero() {
        return Err(Trouble::Undefined("it has the logarithm of zero"));
    }
    let Some(term) = x.single() else { return opaque(Function::Ln, vec![x.clone()], work) };
    if term.coefficient < RBig::ZERO {
        return match x.rational() {
            Some(_) => Err(Trouble::Undefined("it has the logarithm of a negative number")),
            None => opaque(Function::Ln, vec![x.clone()], work),
        };
    }
    let mut sum = Sum::ZERO;
    let atom = |x: Sum| Sum::atom(Atom::Call(Function::Ln, [x].into()));
    for (prime, times) in signed_factors(&term.coefficient, work)? {
        sum = sum.plus(&atom(Sum::from(RBig::from(prime))).scaled(&RBig::from(times)), work)?;
    }
    let mut rest = Monomial::default();
    for (power_of, exponent) in &term.monomial.0 {
        let part = match power_of {
            Atom::E => Sum::from(exponent.clone()),
            Atom::Tower(base, power) if **base == Atom::E => Sum::term(exponent.clone(), power.clone()),
            Atom::Integer(_) | Atom::Pi => atom(Sum::base(power_of)).scaled(exponent),
            _ => {
                rest = rest.times(&Monomial::of(power_of.clone(), exponent.clone()));
                continue;
            }
        };
        sum = sum.plus(&part, work)?;
    }
    if rest.0.is_empty() {
        return Ok(sum);
    }
    // ln(x^3) is 3 ln(x) wherever it is real; ln(x^2) is not.
    let (argument, times) = match &rest.0[..] {
        [(atom, exponent)] if exponent.is_int() && exponent.numerator() % 2_i32 != 0 => {
            (Sum::atom(atom.clone()), exponent.clone())
        }
        _ => (Sum::term(RBig::ONE, rest), RBig::ONE),
    };
    sum.plus(&opaque(Function::Ln, vec![argument], work)?.scaled(&times), work)
}

/// Real and imaginary parts of sums whose only imaginary atom is i itself.
fn complex_part(function: Function, x: &Sum, work: &Work) -> Outcome<Sum> {
    let has_i = |monomial: &Monomial| monomial.0.iter().any(|(atom, _)| *atom == Atom::Imaginary);
    let hidden = x.atoms().any(|atom| *atom != Atom::Imaginary && atom.any(&|atom| *atom == Atom::Imaginary));
    let named = x.any_atom(&|atom| matches!(atom, Atom::Name(_) | Atom::Opaque(..)));
    if hidden || named {
        return opaque(function, vec![x.clone()], work);
    }
    let part = |imaginary: bool| {
        Sum(x.0.iter().filter(|term| has_i(&term.monomial) == imaginary).cloned().collect())
    };
    match function {
        Function::Re => Ok(part(false)),
        Function::Im => part(true).times(&Sum::atom(Atom::Imaginary).negated(), work),
        _ => part(false).minus(&part(true), work),
    }
}
