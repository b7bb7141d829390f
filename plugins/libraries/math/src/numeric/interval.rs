//! Intervals: sets of numbers between two bounds, and functions of them.
//!
//! Each function gives an interval that holds every value of the function on its arguments; none where it has
//! no value for some of them, or where the arithmetic's range ends.

use dashu_ratio::RBig;

use super::arithmetic::Arithmetic;
use crate::algebra::{Work, ratio};

/// The numbers from `low` to `high`.
#[derive(Debug, Clone)]
pub(crate) struct Interval<B> {
    pub(crate) low: B,
    pub(crate) high: B,
}

/// Intervals over an arithmetic, and the work that functions are paid for from.
pub(crate) struct Intervals<'a, A: Arithmetic>(pub(crate) &'a A, pub(crate) &'a Work);

type Of<A> = Interval<<A as Arithmetic>::Bound>;

impl<A: Arithmetic> Intervals<'_, A> {
    pub(crate) fn ratio(&self, value: &RBig) -> Option<Of<A>> {
        Some(Interval { low: self.0.ratio(value, false)?, high: self.0.ratio(value, true)? })
    }

    pub(crate) fn whole(&self, value: i64) -> Option<Of<A>> {
        self.ratio(&RBig::from(value))
    }

    pub(crate) fn pi(&self) -> Option<Of<A>> {
        Some(Interval { low: self.0.pi(false)?, high: self.0.pi(true)? })
    }

    pub(crate) fn neg(&self, a: &Of<A>) -> Of<A> {
        Interval { low: self.0.neg(&a.high), high: self.0.neg(&a.low) }
    }

    pub(crate) fn add(&self, a: &Of<A>, b: &Of<A>) -> Option<Of<A>> {
        Some(Interval { low: self.0.add(&a.low, &b.low, false)?, high: self.0.add(&a.high, &b.high, true)? })
    }

    pub(crate) fn sub(&self, a: &Of<A>, b: &Of<A>) -> Option<Of<A>> {
        self.add(a, &self.neg(b))
    }

    pub(crate) fn mul(&self, a: &Of<A>, b: &Of<A>) -> Option<Of<A>> {
        if self.is_positive(a) && self.is_positive(b) {
            return Some(Interval {
                low: self.0.mul(&a.low, &b.low, false)?,
                high: self.0.mul(&a.high, &b.high, true)?,
            });
        }
        let pairs = [(&a.low, &b.low), (&a.low, &b.high), (&a.high, &b.low), (&a.high, &b.high)];
        let mut bounds: Option<Of<A>> = None;
        for (x, y) in pairs {
            let (low, high) = (self.0.mul(x, y, false)?, self.0.mul(x, y, true)?);
            bounds = Some(match bounds {
                None => Interval { low, high },
                Some(so_far) => Interval {
                    low: if low < so_far.low { low } else { so_far.low },
                    high: if high > so_far.high { high } else { so_far.high },
                },
            });
        }
        bounds
    }

    pub(crate) fn div(&self, a: &Of<A>, b: &Of<A>) -> Option<Of<A>> {
        if self.holds_zero(b) {
            return None;
        }
        let one = self.whole(1)?;
        let inverse = Interval {
            low: self.0.div(&one.low, &b.high, false)?,
            high: self.0.div(&one.high, &b.low, true)?,
        };
        self.mul(a, &inverse)
    }

    pub(crate) fn holds_zero(&self, a: &Of<A>) -> bool {
        a.low <= self.0.zero() && a.high >= self.0.zero()
    }

    pub(crate) fn is_positive(&self, a: &Of<A>) -> bool {
        a.low > self.0.zero()
    }

    pub(crate) fn is_negative(&self, a: &Of<A>) -> bool {
        a.high < self.0.zero()
    }

    pub(crate) fn abs(&self, a: &Of<A>) -> Of<A> {
        if self.is_negative(a) {
            return self.neg(a);
        }
        if a.low >= self.0.zero() {
            return a.clone();
        }
        let low = self.0.neg(&a.low);
        Interval { low: self.0.zero(), high: if low > a.high { low } else { a.high.clone() } }
    }

    pub(crate) fn sqrt(&self, a: &Of<A>) -> Option<Of<A>> {
        if a.low < self.0.zero() {
            return None;
        }
        Some(Interval { low: self.0.sqrt(&a.low, false)?, high: self.0.sqrt(&a.high, true)? })
    }

    pub(crate) fn exp(&self, a: &Of<A>) -> Option<Of<A>> {
        self.1.spend(self.0.function_cost()).ok()?;
        Some(Interval { low: self.0.exp(&a.low, false)?, high: self.0.exp(&a.high, true)? })
    }

    pub(crate) fn ln(&self, a: &Of<A>) -> Option<Of<A>> {
        if !self.is_positive(a) {
            return None;
        }
        self.1.spend(self.0.function_cost()).ok()?;
        Some(Interval { low: self.0.ln(&a.low, false)?, high: self.0.ln(&a.high, true)? })
    }

    pub(crate) fn atan(&self, a: &Of<A>) -> Option<Of<A>> {
        self.1.spend(self.0.function_cost()).ok()?;
        Some(Interval { low: self.0.atan(&a.low, false)?, high: self.0.atan(&a.high, true)? })
    }

    /// A sine, or a cosine: the value at one bound, give or take the width, as neither is steeper than 1.
    pub(crate) fn circular(&self, a: &Of<A>, cosine: bool) -> Option<Of<A>> {
        let unit = Interval { low: self.0.neg(&self.whole(1)?.low), high: self.whole(1)?.high };
        if !(self.0.is_angle(&a.low) && self.0.is_angle(&a.high)) {
            return Some(unit);
        }
        self.1.spend(self.0.function_cost()).ok()?;
        let at = |up| if cosine { self.0.cos(&a.low, up) } else { self.0.sin(&a.low, up) };
        let width = self.0.add(&a.high, &self.0.neg(&a.low), true)?;
        let low = self.0.add(&at(false)?, &self.0.neg(&width), false)?;
        let high = self.0.add(&at(true)?, &width, true)?;
        Some(Interval {
            low: if low < unit.low { unit.low } else { low },
            high: if high > unit.high { unit.high } else { high },
        })
    }

    /// A rational power; real for odd roots of negative numbers.
    pub(crate) fn power(&self, a: &Of<A>, exponent: &RBig) -> Option<Of<A>> {
        if *exponent < RBig::ZERO {
            return self.div(&self.whole(1)?, &self.power(a, &-exponent.clone())?);
        }
        if exponent.is_int()
            && let Ok(times) = u32::try_from(exponent.numerator().clone())
            && times <= 64
        {
            return self.whole_power(a, times);
        }
        if self.is_negative(a) {
            let odd_root = exponent.denominator() % 2_u8 == 1;
            let odd = exponent.numerator() % 2_i32 != 0;
            let size = self.power(&self.neg(a), exponent)?;
            return match (odd_root, odd) {
                (false, _) => None,
                (true, true) => Some(self.neg(&size)),
                (true, false) => Some(size),
            };
        }
        if a.low < self.0.zero() {
            return None;
        }
        let half = *exponent.denominator() == dashu_int::UBig::from(2_u8);
        if half
            && let Ok(times) = u32::try_from(exponent.numerator().clone())
            && times <= 64
        {
            return self.whole_power(&self.sqrt(a)?, times);
        }
        let exponent = self.ratio(exponent)?;
        if self.is_positive(a) {
            return self.exp(&self.mul(&exponent, &self.ln(a)?)?);
        }
        // From zero up to the power of the high bound.
        let high = Interval { low: a.high.clone(), high: a.high.clone() };
        if !self.is_positive(&high) {
            return Some(Interval { low: self.0.zero(), high: self.0.zero() });
        }
        let high = self.exp(&self.mul(&exponent, &self.ln(&high)?)?)?.high;
        Some(Interval { low: self.0.zero(), high })
    }

    fn whole_power(&self, a: &Of<A>, times: u32) -> Option<Of<A>> {
        let base = if times.is_multiple_of(2) { self.abs(a) } else { a.clone() };
        let mut result = self.whole(1)?;
        let (mut square, mut left) = (base, times);
        while left > 0 {
            if left % 2 == 1 {
                result = self.mul(&result, &square)?;
            }
            left /= 2;
            if left > 0 {
                square = self.mul(&square, &square)?;
            }
        }
        Some(result)
    }

    /// The natural logarithm of a factorial of a large number, after Stirling and Robbins:
    /// `n ln n − n + ln(2πn)/2` plus something between `1/(12n+1)` and `1/(12n)`.
    pub(crate) fn ln_factorial(&self, n: &RBig) -> Option<Of<A>> {
        let (one, twelve) = (RBig::ONE, RBig::from(12) * n);
        let number = self.ratio(n)?;
        let main = self.sub(&self.mul(&number, &self.ln(&number)?)?, &number)?;
        let round = self.mul(&self.mul(&self.whole(2)?, &self.pi()?)?, &number)?;
        let half = self.ratio(&ratio(1, 2))?;
        let root = self.mul(&half, &self.ln(&round)?)?;
        let rest = Interval {
            low: self.ratio(&(&one / (&twelve + &one)))?.low,
            high: self.ratio(&(one / twelve))?.high,
        };
        self.add(&self.add(&main, &root)?, &rest)
    }
}
