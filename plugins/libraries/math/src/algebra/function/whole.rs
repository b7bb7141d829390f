//! Functions of whole numbers: divisors, factorials, binomial coefficients.

use dashu_int::UBig;
use dashu_int::ops::{Gcd, UnsignedAbs};
use dashu_ratio::RBig;

use super::{inverse, opaque, unordered};
use crate::algebra::number::ratio;
use crate::algebra::sum::Sum;
use crate::algebra::work::{Outcome, Trouble, Work};
use crate::syntax::Function;

/// Factorials of larger numbers are not computed.
const MAX_FACTORIAL: u32 = 1200;

/// The greatest common divisor and the least common multiple of rationals: of the numbers of steps that
/// divide each.
pub(super) fn divisors(function: Function, arguments: Vec<Sum>, work: &Work) -> Outcome<Sum> {
    let mut numbers = Vec::with_capacity(arguments.len());
    for argument in &arguments {
        match argument.rational() {
            Some(number) => numbers.push(number),
            None => return unordered(function, arguments, work),
        }
    }
    let magnitude = |number: &RBig| number.numerator().clone().unsigned_abs();
    if function == Function::Lcm && numbers.iter().any(RBig::is_zero) {
        return Ok(Sum::ZERO);
    }
    let (mut above, mut below) = (magnitude(&numbers[0]), numbers[0].denominator().clone());
    for number in &numbers[1..] {
        work.spend(4)?;
        let (next_above, next_below) = (magnitude(number), number.denominator().clone());
        let multiple = |a: &UBig, b: &UBig| if a.is_zero() { b.clone() } else { a / a.gcd(b) * b };
        if function == Function::Gcd {
            let shared =
                if above.is_zero() && next_above.is_zero() { UBig::ZERO } else { above.gcd(next_above) };
            (above, below) = (shared, multiple(&below, &next_below));
        } else {
            (above, below) = (multiple(&above, &next_above), below.gcd(next_below));
        }
    }
    Ok(Sum::from(RBig::from_parts(above.into(), below)))
}

/// The factorial, or for a step of 2 the double factorial.
pub(super) fn factorial(x: &Sum, step: u32, work: &Work) -> Outcome<Sum> {
    let Some(number) = x.rational() else {
        return opaque(
            if step == 1 { Function::Factorial } else { Function::DoubleFactorial },
            vec![x.clone()],
            work,
        );
    };
    if !number.is_int() || number < RBig::ZERO {
        return Err(Trouble::Undefined("it has the factorial of a number that is not natural"));
    }
    match u32::try_from(number.numerator().clone()) {
        Ok(number) if number <= MAX_FACTORIAL => {
            work.spend(1 + u64::from(number) * u64::from(number) / 128)?;
            let product = (1..=number).rev().step_by(step as usize).fold(UBig::ONE, |product, k| product * k);
            Ok(Sum::from(RBig::from(product)))
        }
        _ if step == 1 => opaque(Function::Factorial, vec![x.clone()], work),
        _ => Err(Trouble::TooExpensive),
    }
}

pub(super) fn binomial(n: &Sum, k: &Sum, work: &Work) -> Outcome<Sum> {
    if let Some(choices) = k.whole_number() {
        if choices < 0 {
            return Ok(Sum::ZERO);
        }
        let symmetric =
            n.whole_number().filter(|n| *n >= choices).map_or(choices, |n| choices.min(n - choices));
        if symmetric <= 400 && (n.whole_number().is_some() || symmetric <= 12) {
            // n (n−1) … (n−k+1) / k!
            let mut product = Sum::one();
            for step in 0..symmetric {
                product = product
                    .times(&n.minus(&Sum::integer(step), work)?, work)?
                    .scaled(&ratio(1, step as u64 + 1));
            }
            return Ok(product);
        }
    }
    let below = factorial(k, 1, work)?.times(&factorial(&n.minus(k, work)?, 1, work)?, work)?;
    factorial(n, 1, work)?.times(&inverse(&below, work)?, work)
}
