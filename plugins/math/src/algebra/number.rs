//! Powers and factors of rational numbers.
//!
//! Numbers larger than [`MAX_BITS`] are not computed: `2^{1000000}` is a power of the atom 2. A root of a number is a
//! product of roots of its primes; an odd root of a negative number is real, and its square root a multiple of i.

use dashu_int::ops::{BitTest, SquareRoot, UnsignedAbs};
use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

use super::settle::settled;
use super::sum::{Atom, Monomial, Sum};
use super::work::{Outcome, Trouble, Work};

/// Numbers with more bits than this are not computed.
pub(super) const MAX_BITS: usize = 1 << 14;

/// Factors of whole numbers are looked for up to here.
const MAX_DIVISOR: u32 = 1 << 10;

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
    let mut bound = base.numerator().bit_len().max(base.denominator().bit_len());
    if power.is_int() {
        bound = u32::try_from(power.numerator().clone().unsigned_abs())
            .map_or(usize::MAX, |times| bound.saturating_mul(times as usize));
        if bound <= MAX_BITS {
            return integer_power(base, power.numerator(), work).map(Sum::from);
        }
    }
    let (sign, above) = base.numerator().clone().into_parts();
    let mut powers = Monomial::default();
    let mut factor = Sum::one();
    if sign == dashu_int::Sign::Negative {
        factor = sign_power(power)?;
    }
    for (number, side) in [(above, RBig::ONE), (base.denominator().clone(), RBig::from(-1))] {
        for (prime, times) in factors(number, work)? {
            powers = powers.times(&Monomial::of(Atom::Integer(prime), &side * RBig::from(times) * power));
        }
    }
    let mut parts = Vec::new();
    for term in factor.0 {
        settled(term.coefficient, term.monomial.times(&powers), &mut parts, work)?;
    }
    Ok(Sum::collected(parts))
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
    Ok(if quarter == 1 { imaginary } else { imaginary.scaled(&RBig::from(-1)) })
}

/// The factors of a whole number above 0 with how often each divides it. Each is prime, or has no divisor up to
/// [`MAX_DIVISOR`] and is no square.
pub(super) fn factors(number: UBig, work: &Work) -> Outcome<Vec<(UBig, u32)>> {
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
