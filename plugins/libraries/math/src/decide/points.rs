//! Identities at points: variables take rational values, and what is left is a constant.
//!
//! A difference that vanishes at points chosen without regard to it is zero, but for a chance that falls with
//! the number of values a variable may take (Schwartz and Zippel): some 2,400 for each of [`POINTS`] points.
//!
//! In: a difference with variables. Out: whether it vanishes wherever it has a real value.

use dashu_ratio::RBig;

use super::{constant_is_zero, is_constant, is_zero};
use crate::algebra::substitute::substituted;
use crate::algebra::{Atom, Outcome, RUNNING, Sum, Trouble, WHOLE, Work};
use crate::syntax::Function;

/// How many points must agree.
const POINTS: usize = 4;

/// How many points are tried for them.
const TRIES: usize = 24;

/// Whether a difference is zero wherever it is tried.
pub(super) fn vanishes(difference: &Sum, work: &Work) -> Outcome<bool> {
    let complex = difference.any_atom(&|atom| *atom == Atom::Imaginary);
    let whole = difference.any_atom(&|atom| match atom {
        Atom::Call(function, _) => matches!(
            function,
            Function::Factorial | Function::DoubleFactorial | Function::Gcd | Function::Lcm | Function::Mod
        ),
        Atom::Range(..) => true,
        Atom::Name(name) => name.starts_with(WHOLE),
        _ => false,
    });
    let (mut agreed, mut expensive) = (0, false);
    for attempt in 0..TRIES {
        let point = |atom: &Atom| match atom {
            Atom::Name(name) if !name.ends_with(RUNNING) => Some(Sum::from(coordinate(name, attempt, whole))),
            Atom::Opaque(name, arguments) => {
                Some(Sum::from(coordinate(&format!("{}{arguments:?}", &**name), attempt, whole)))
            }
            _ => None,
        };
        let value = match substituted(difference, &point, work) {
            Ok(value) => value,
            Err(Trouble::Undefined(_)) => continue,
            Err(trouble) => return Err(trouble),
        };
        if !complex && value.any_atom(&|atom| *atom == Atom::Imaginary) {
            continue;
        }
        // Members of a range that could not be written out (`a_#`) have no values.
        let is_member =
            |atom: &Atom| matches!(atom, Atom::Name(name) if name.ends_with(RUNNING) && name.len() > 1);
        if value.any_atom(&is_member) {
            expensive = true;
            continue;
        }
        // The members of a written out range (`p_1`, `p_2`) are variables of their own.
        let zero = if is_constant(&value) { constant_is_zero(&value, work) } else { is_zero(&value, work) };
        match zero {
            Ok(true) => agreed += 1,
            Ok(false) => return Ok(false),
            Err(_) if work.left() == 0 => return Err(Trouble::TooExpensive),
            Err(_) => expensive = true,
        }
        if agreed == POINTS {
            return Ok(true);
        }
    }
    match agreed {
        // Few places where both are real, and they agree there.
        1.. if !expensive => Ok(true),
        _ => Err(Trouble::TooExpensive),
    }
}

/// A variable's value at a point: a fraction that depends on its name, of either sign at later points.
fn coordinate(name: &str, attempt: usize, whole: bool) -> RBig {
    // FNV-1a, then the mixing steps of SplitMix64.
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut z = seed.wrapping_add((attempt as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    if whole {
        return RBig::from(2 + z % 23 + attempt as u64);
    }
    // Around 1 first; further out where that is outside of a domain.
    let scale = [1, 1, 10, 1, 100, 1000][attempt % 6];
    let above = (300 + (z >> 8) % 2400) * scale;
    let negative = attempt % 2 == 1 && z % 3 != 0;
    let value = RBig::from_parts(above.into(), 997_u32.into());
    if negative { -value } else { value }
}
