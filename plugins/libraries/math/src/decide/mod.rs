//! Whether two expressions are equal: proved, refuted, or too expensive.
//!
//! 1. One normal form: equal.
//! 2. The difference, its denominators cleared, is zero: equal. It is a polynomial in atoms that are
//!    independent of one another (variables, roots of primes, i, π): different.
//! 3. A constant is enclosed with rising precision until zero is outside (different), or until the enclosure
//!    is tighter than its separation from zero (equal: [`crate::numeric`]).
//! 4. Floors of variables are gone through class by class ([`steps`]).
//! 5. Any other expression with variables is tested at points: the variables are given rational values, and
//!    what is left is a constant. One point where the difference is not zero refutes the identity. Points
//!    where either side is not real are passed over; several others must agree ([`points`]).
//!
//! Two claims are not proofs. Agreement at points shows an identity except with a probability that the size
//! of the values makes negligible. And a constant with transcendental parts counts as zero once it is smaller
//! than 2^−[`AGREED_BITS`]; whether it is, mathematics does not know either.
//!
//! In: normal forms. Out: yes or no, or [`Trouble`].

mod cleared;
mod independence;
mod points;
mod steps;

use std::cmp::Ordering;

use dashu_int::IBig;
use dashu_ratio::RBig;

use crate::algebra::{Atom, Outcome, RUNNING, Sum, Trouble, Work};
use crate::numeric::{Arithmetic, Big, Double, Interval, Value, evaluate, separation};
pub(crate) use cleared::cleared;
use independence::{has_lone_transcendental, is_independent};

/// Precisions, in bits, that follow double precision.
const PRECISIONS: [usize; 3] = [160, 320, 2560];

/// At how many precisions an evaluation may fail: more bits do not help a number that is too large.
const MAX_FAILURES: usize = 2;

/// A transcendental constant smaller than this power of one half is zero.
const AGREED_BITS: f64 = 240.0;

/// Whether two expressions are equal.
///
/// # Errors
///
/// [`Trouble::TooExpensive`] if neither can be shown within the allowance.
pub fn equal(a: &Sum, b: &Sum, work: &Work) -> Outcome<bool> {
    if a == b {
        return Ok(true);
    }
    let difference = a.minus(b, work)?;
    is_zero(&difference, work)
}

/// Whether an expression is zero.
///
/// # Errors
///
/// As [`equal`].
pub fn is_zero(difference: &Sum, work: &Work) -> Outcome<bool> {
    if difference.is_zero() {
        return Ok(true);
    }
    if is_independent(difference) {
        return Ok(false);
    }
    if let Some(cleared) = work.attempt(4, |work| cleared(difference, work))? {
        if cleared.is_zero() {
            return Ok(true);
        }
        if is_independent(&cleared) {
            return Ok(false);
        }
    }
    if is_constant(difference) {
        return constant_is_zero(difference, work);
    }
    if steps::has_steps(difference) {
        return steps::vanishes(difference, work);
    }
    points::vanishes(difference, work)
}

/// The sign of an expression; none if it has variables or is not real.
///
/// # Errors
///
/// As [`equal`].
pub fn ordering(x: &Sum, work: &Work) -> Outcome<Option<Ordering>> {
    if let Some(number) = x.rational() {
        return Ok(Some(number.cmp(&RBig::ZERO)));
    }
    if !is_constant(x) {
        return Ok(None);
    }
    match sign(x, work)? {
        Sign::Zero => Ok(Some(Ordering::Equal)),
        Sign::Real(order) => Ok(Some(order)),
        Sign::Complex => Ok(None),
    }
}

/// The largest whole number that is not above; none for an expression with variables.
///
/// # Errors
///
/// As [`equal`].
pub fn whole_part(x: &Sum, work: &Work) -> Outcome<Option<IBig>> {
    if let Some(number) = x.rational() {
        return Ok(Some(number.floor()));
    }
    if !is_constant(x) {
        return Ok(None);
    }
    let bounds = |low: Option<IBig>, high: Option<IBig>| Some((low?, high?));
    let rough = evaluate(x, &Double, work);
    let imaginary = rough.as_ref().and_then(|value| value.imaginary.as_ref());
    if imaginary.is_some_and(|part| part.low > 0.0 || part.high < 0.0) {
        return Ok(None);
    }
    let mut found = rough
        .filter(|value| value.imaginary.is_none())
        .and_then(|value| bounds(Double.floor(&value.real.low), Double.floor(&value.real.high)));
    let mut failures = 0;
    for bits in PRECISIONS {
        if failures == MAX_FAILURES || found.as_ref().is_some_and(|(low, high)| low == high) {
            break;
        }
        let big = Big::new(bits);
        let value = evaluate(x, &big, work).filter(|value| value.imaginary.is_none());
        found = value.and_then(|value| bounds(big.floor(&value.real.low), big.floor(&value.real.high)));
        failures += usize::from(found.is_none());
    }
    match found {
        Some((low, high)) if low == high => Ok(Some(low)),
        // A whole number is inside: it is the value, or below it, or above it.
        Some((low, high)) if &high - &low == IBig::ONE => {
            match ordering(&x.minus(&Sum::from(RBig::from(high.clone())), work)?, work)? {
                Some(Ordering::Less) => Ok(Some(low)),
                Some(_) => Ok(Some(high)),
                None => Err(Trouble::TooExpensive),
            }
        }
        _ => Err(Trouble::TooExpensive),
    }
}

/// Whether an expression has no variables.
pub(crate) fn is_constant(x: &Sum) -> bool {
    !x.any_atom(&|atom| match atom {
        Atom::Name(name) => **name != *RUNNING,
        Atom::Opaque(..) => true,
        _ => false,
    })
}

enum Sign {
    Zero,
    Real(Ordering),
    /// Not zero, and not real.
    Complex,
}

fn constant_is_zero(x: &Sum, work: &Work) -> Outcome<bool> {
    if x.is_zero() {
        return Ok(true);
    }
    if is_independent(x) || has_lone_transcendental(x, work)? {
        return Ok(false);
    }
    Ok(matches!(sign(x, work)?, Sign::Zero))
}

/// The sign of a constant.
fn sign(x: &Sum, work: &Work) -> Outcome<Sign> {
    if x.is_zero() {
        return Ok(Sign::Zero);
    }
    work.spend(1)?;
    if let Some(value) = evaluate(x, &Double, work)
        && let Some(sign) = outside_zero(&value, &Double)
    {
        return Ok(sign);
    }
    let bits_needed = separation(x);
    let mut failures = 0;
    for bits in PRECISIONS {
        let big = Big::new(bits);
        let Some(value) = evaluate(x, &big, work) else {
            failures += 1;
            if failures == MAX_FAILURES {
                break;
            }
            continue;
        };
        if let Some(sign) = outside_zero(&value, &big) {
            return Ok(sign);
        }
        let within = closeness(&value, &big);
        if within > bits_needed.unwrap_or(AGREED_BITS) {
            return Ok(Sign::Zero);
        }
    }
    Err(Trouble::TooExpensive)
}

/// The sign of a value whose enclosure excludes zero.
fn outside_zero<A: Arithmetic>(value: &Value<A::Bound>, arithmetic: &A) -> Option<Sign> {
    let zero = arithmetic.zero();
    let outside = |part: &Interval<A::Bound>| part.low > zero || part.high < zero;
    if value.imaginary.as_ref().is_some_and(&outside) {
        return Some(Sign::Complex);
    }
    if !outside(&value.real) {
        return None;
    }
    match value.imaginary {
        Some(_) => Some(Sign::Complex),
        None => Some(Sign::Real(if value.real.low > zero { Ordering::Greater } else { Ordering::Less })),
    }
}

/// How many bits after the point are zero for certain.
fn closeness<A: Arithmetic>(value: &Value<A::Bound>, arithmetic: &A) -> f64 {
    let parts = std::iter::once(&value.real).chain(&value.imaginary);
    let sizes = parts.flat_map(|part| [arithmetic.log2(&part.low), arithmetic.log2(&part.high)]);
    -sizes.fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algebra::normal;
    use crate::syntax::parse;

    fn decided(a: &str, b: &str) -> Outcome<bool> {
        let work = Work::new(crate::WORK);
        let [x, y] = [a, b].map(|text| normal(&parse(text).unwrap(), &work).unwrap());
        equal(&x, &y, &work)
    }

    #[test]
    fn algebraic_numbers_are_proved_equal_or_different() {
        for (a, b, expected) in [
            ("\\sqrt{5+2\\sqrt6}", "\\sqrt2+\\sqrt3", true),
            ("\\sqrt[3]{2+\\sqrt5}+\\sqrt[3]{2-\\sqrt5}", "1", true),
            (
                "\\sqrt{16-2\\sqrt{29}+2\\sqrt{55-10\\sqrt{29}}}",
                "\\sqrt{22+2\\sqrt5}-\\sqrt{11+2\\sqrt{29}}+\\sqrt5",
                true,
            ),
            ("\\cos36^\\circ-\\cos72^\\circ", "\\frac12", true),
            ("\\frac{1}{2^{99}}", "\\frac{1}{2^{98}}", false),
            ("\\sqrt{10^{60}+1}", "10^{30}", false),
            ("\\sqrt{5+2\\sqrt6}", "\\sqrt2+\\sqrt3+10^{-50}", false),
            ("e^{2\\pi i/3}", "-\\frac12+\\frac{\\sqrt3}{2}i", true),
            ("(1+i)^{10}", "32i", true),
        ] {
            assert_eq!(decided(a, b), Ok(expected), "{a} and {b}");
            assert_eq!(decided(b, a), Ok(expected), "{b} and {a}");
        }
    }

    #[test]
    fn transcendental_numbers_are_told_apart() {
        for (a, b, expected) in [
            ("\\pi", "\\frac{355}{113}", false),
            ("e^{\\pi\\sqrt{163}}", "262537412640768744", false),
            ("4\\arctan\\frac15-\\arctan\\frac1{239}", "\\frac{\\pi}{4}", true),
            ("\\log_23\\cdot\\log_34", "2", true),
            ("\\cos(10^{10^{10}})", "1", false),
            ("e^{\\ln5}", "5", true),
            ("\\sin1", "\\sin1+10^{-100}", false),
        ] {
            assert_eq!(decided(a, b), Ok(expected), "{a} and {b}");
        }
    }

    #[test]
    fn identities_hold_where_both_sides_are_real() {
        for (a, b, expected) in [
            ("\\sqrt{x^2}", "x", false),
            ("\\sqrt{x^2}", "|x|", true),
            ("\\sqrt{x}\\sqrt{x}", "x", true),
            ("\\sqrt{1/n}", "\\frac{1}{\\sqrt n}", true),
            ("\\ln(xy)", "\\ln x+\\ln y", true),
            ("\\sqrt{x-1000}\\cdot\\sqrt{x-1000}", "x-1000", true),
            ("\\sin(7x)", "7\\sin x-56\\sin^3x+112\\sin^5x-64\\sin^7x", true),
            ("n!", "n(n-1)!", true),
            ("\\sum_{k=1}^{n}k^3", "\\frac{n^2(n+1)^2}{4}", true),
            ("\\sum_{k=1}^{n}k^3", "\\frac{n^2(n+1)^2}{4}+1", false),
            ("\\frac{x^{100}-1}{x-1}", "\\sum_{k=0}^{99}x^k", true),
            ("f(x)+f(y)", "f(y)+f(x)", true),
            ("f(x+y)", "f(x)+f(y)", false),
        ] {
            assert_eq!(decided(a, b), Ok(expected), "{a} and {b}");
            assert_eq!(decided(b, a), Ok(expected), "{b} and {a}");
        }
    }

    #[test]
    fn what_would_take_too_long_says_so() {
        for (a, b) in [("7^{7^{7^7}}\\bmod100", "43"), ("\\sum_{k=1}^{1000}\\sin k", "1")] {
            let work = Work::new(crate::WORK);
            let outcome = [a, b].map(|text| normal(&parse(text).unwrap(), &work));
            let undecided = match outcome {
                [Ok(x), Ok(y)] => equal(&x, &y, &work) == Err(Trouble::TooExpensive),
                [x, y] => x.and(y).is_err(),
            };
            assert!(undecided, "{a} and {b}");
        }
    }
}
