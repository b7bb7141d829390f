//! Powers and factors of rational numbers.
//!
//! Numbers larger than [`MAX_BITS`] are not computed: `2^{1000000}` is a power of the atom 2. A root of a
//! number is a product of roots of its primes; an odd root of a negative number is real, and its square root
//! a multiple of i.

use dashu_int::ops::{BitTest, SquareRoot, UnsignedAbs};
use dashu_int::{IBig, Sign, UBig};
use dashu_ratio::RBig;

use super::settle::times_powers;
use super::sum::{Atom, Monomial, Sum};
use super::work::{Outcome, Trouble, Work};

/// Numbers with more bits than this are not computed.
const MAX_BITS: usize = 1 << 14;

/// Factors of whole numbers are looked for up to here.
const MAX_DIVISOR: u32 = 1 << 10;

/// A fraction.
pub(crate) fn ratio(above: i64, below: u64) -> RBig {
    RBig::from_parts(above.into(), below.into())
}

/// Whether a whole power of a number is too large to be computed.
pub(super) fn is_large(number: &UBig, power: &IBig) -> bool {
    let bits = number.bit_len();
    u32::try_from(power.clone().unsigned_abs())
        .map_or(true, |times| bits.saturating_mul(times as usize) > MAX_BITS)
}

/// A rational number to a whole power, not too large.
pub(super) fn integer_power(base: &RBig, power: &IBig, work: &Work) -> Outcome<RBig> {
    let times = isize::try_from(power).map_err(|_| Trouble::TooExpensive)?;
    let bits = base.numerator().bit_len().max(base.denominator().bit_len());
    let size = bits.saturating_mul(times.unsigned_abs());
    if size > 4 * MAX_BITS {
        return Err(Trouble::TooExpensive);
    }
    work.spend(1 + size as u64 / 64)?;
    Ok(base.pow(times))
}

/// A rational number, not zero, to a rational power.
pub(super) fn number_power(base: &RBig, power: &RBig, work: &Work) -> Outcome<Sum> {
    if base.is_one() {
        return Ok(Sum::one());
    }
    let (sign, above) = base.numerator().clone().into_parts();
    let is_small = |number: &UBig| !is_large(number, power.numerator());
    if power.is_int() && is_small(&above) && is_small(base.denominator()) {
        return integer_power(base, power.numerator(), work).map(Sum::from);
    }
    let factor = if sign == Sign::Negative { sign_power(power)? } else { Sum::one() };
    let mut powers = Monomial::default();
    for (prime, times) in signed_factors(base, work)? {
        powers = powers.times(&Monomial::of(Atom::Integer(prime), RBig::from(times) * power));
    }
    times_powers(&factor, &powers, work)
}

/// −1 to a rational power: real for odd roots, i for square roots.
fn sign_power(power: &RBig) -> Outcome<Sum> {
    let odd = power.numerator() % 2_i32 != 0;
    if power.denominator() % 2_u8 == 1 {
        return Ok(Sum::integer(if odd { -1 } else { 1 }));
    }
    if *power.denominator() != UBig::from(2_u8) {
        return Err(Trouble::Undefined("it has an even root of a negative number"));
    }
    let quarter = (power.numerator() % 4_i32).rem_euclid(4);
    let imaginary = Sum::atom(Atom::Imaginary);
    Ok(if quarter == 1 { imaginary } else { imaginary.negated() })
}

/// The factors of a rational number, its sign aside, with their powers: those of its denominator below 0.
pub(super) fn signed_factors(number: &RBig, work: &Work) -> Outcome<Vec<(UBig, i64)>> {
    let above = factors(number.numerator().clone().unsigned_abs(), work)?;
    let below = factors(number.denominator().clone(), work)?;
    let above = above.into_iter().map(|(prime, times)| (prime, i64::from(times)));
    Ok(above.chain(below.into_iter().map(|(prime, times)| (prime, -i64::from(times)))).collect())
}

/// The factors of a whole number above 0 with how often each divides it. Each is prime, or has no divisor up
/// to [`MAX_DIVISOR`] and is not a square.
fn factors(number: UBig, work: &Work) -> Outcome<Vec<(UBig, u32)>> {
    let mut rest = number;
    let mut found = Vec::new();
    let mut divisor = 2_u32;
    while divisor <= MAX_DIVISOR && rest > UBig::ONE {
        if rest.bit_len() <= 20 && UBig::from(divisor) * divisor > rest {
            break;
        }
        if &rest % divisor == 0 {
            let prime = UBig::from(divisor);
            let times = rest.remove(&prime).unwrap_or(0) as u32;
            work.spend(1 + u64::from(times))?;
            found.push((prime, times));
        }
        divisor += if divisor == 2 { 1 } else { 2 };
    }
    work.spend(u64::from(divisor) / 16 * (1 + rest.bit_len() as u64 / 512))?;
    if rest > UBig::ONE {
        let root = rest.sqrt();
        if &root * &root == rest {
            found.push((root, 2));
        } else {
            found.push((rest, 1));
        }
    }
    Ok(found)
}
