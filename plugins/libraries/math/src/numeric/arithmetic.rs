//! Arithmetic that rounds in a direction that is asked for.
//!
//! [`Double`] uses the machine's numbers and moves every result one step outward (more for functions, whose
//! errors the platform's library bounds less tightly). [`Big`] uses correctly rounded numbers of any
//! precision.
//!
//! A result beyond the numbers' range is an infinity in [`Double`], and none in [`Big`].

use dashu_float::round::Rounded;
use dashu_float::round::mode::{Down, Up};
use dashu_float::{Context, FBig, Repr};
use dashu_ratio::RBig;

/// Numbers and how they are reckoned with. `up` says which way to round.
pub(crate) trait Arithmetic {
    /// The bound of an interval.
    type Bound: Clone + PartialOrd;

    fn ratio(&self, value: &RBig, up: bool) -> Option<Self::Bound>;
    fn add(&self, a: &Self::Bound, b: &Self::Bound, up: bool) -> Option<Self::Bound>;
    fn mul(&self, a: &Self::Bound, b: &Self::Bound, up: bool) -> Option<Self::Bound>;
    /// A quotient; the divisor is not zero.
    fn div(&self, a: &Self::Bound, b: &Self::Bound, up: bool) -> Option<Self::Bound>;
    /// A square root; the argument is not negative.
    fn sqrt(&self, a: &Self::Bound, up: bool) -> Option<Self::Bound>;
    fn exp(&self, a: &Self::Bound, up: bool) -> Option<Self::Bound>;
    /// A natural logarithm; the argument is positive.
    fn ln(&self, a: &Self::Bound, up: bool) -> Option<Self::Bound>;
    fn sin(&self, a: &Self::Bound, up: bool) -> Option<Self::Bound>;
    fn cos(&self, a: &Self::Bound, up: bool) -> Option<Self::Bound>;
    fn atan(&self, a: &Self::Bound, up: bool) -> Option<Self::Bound>;
    fn pi(&self, up: bool) -> Option<Self::Bound>;
    fn neg(&self, a: &Self::Bound) -> Self::Bound;
    fn zero(&self) -> Self::Bound;
    /// About the binary logarithm of the magnitude, from above; for zero a very small number.
    fn log2(&self, a: &Self::Bound) -> f64;
    /// Whether functions of angles are reckoned at this argument: it is not too large.
    fn is_angle(&self, a: &Self::Bound) -> bool;
    /// The work of one of the four operations.
    fn cost(&self) -> u64;
    /// The work of an exponential, a logarithm or a function of an angle.
    fn function_cost(&self) -> u64;
    /// The whole number below.
    fn floor(&self, a: &Self::Bound) -> Option<dashu_int::IBig>;
}

/// The machine's double precision.
pub(crate) struct Double;

/// A result one step outward.
fn step(value: f64, up: bool) -> Option<f64> {
    Some(match (value, up) {
        (value, _) if value.is_nan() => return None,
        (value, true) if value == f64::NEG_INFINITY => f64::MIN,
        (value, false) if value == f64::INFINITY => f64::MAX,
        (value, true) => value.next_up(),
        (value, false) => value.next_down(),
    })
}

/// A bound no further than zero: the sign of a product is certain, even where its size underflows.
fn of_sign(bound: Option<f64>, positive: bool) -> Option<f64> {
    bound.map(|bound| if positive { bound.max(0.0) } else { bound.min(0.0) })
}

/// A function's result, outward by more than any library errs.
fn leap(value: f64, up: bool) -> Option<f64> {
    let slack = value.abs() * 4e-15;
    let slack = if slack.is_finite() { slack } else { 0.0 };
    step(if up { value + slack } else { value - slack }, up)
}

impl Arithmetic for Double {
    type Bound = f64;

    fn ratio(&self, value: &RBig, up: bool) -> Option<f64> {
        if value.is_int()
            && let Ok(small) = i32::try_from(value.numerator().clone())
        {
            return Some(f64::from(small));
        }
        step(value.to_f64().value(), up)
    }

    fn add(&self, a: &f64, b: &f64, up: bool) -> Option<f64> {
        if *a == 0.0 || *b == 0.0 {
            return Some(a + b);
        }
        let sum = a + b;
        // Sums of small whole numbers are exact.
        if sum.abs() < 9e15 && a.fract() == 0.0 && b.fract() == 0.0 { Some(sum) } else { step(sum, up) }
    }

    fn mul(&self, a: &f64, b: &f64, up: bool) -> Option<f64> {
        // An infinite bound times zero: the interval's other bounds say more.
        if *a == 0.0 || *b == 0.0 {
            return Some(0.0);
        }
        let product = a * b;
        if product.abs() < 9e15 && a.fract() == 0.0 && b.fract() == 0.0 {
            return Some(product);
        }
        of_sign(step(product, up), (*a > 0.0) == (*b > 0.0))
    }

    fn div(&self, a: &f64, b: &f64, up: bool) -> Option<f64> {
        if *a == 0.0 {
            return Some(0.0);
        }
        of_sign(step(a / b, up), (*a > 0.0) == (*b > 0.0))
    }

    fn sqrt(&self, a: &f64, up: bool) -> Option<f64> {
        if *a == 0.0 { Some(0.0) } else { step(a.sqrt(), up).map(|root| root.max(0.0)) }
    }

    fn exp(&self, a: &f64, up: bool) -> Option<f64> {
        leap(a.exp(), up).map(|power| power.max(0.0))
    }

    fn ln(&self, a: &f64, up: bool) -> Option<f64> {
        leap(a.ln(), up)
    }

    fn sin(&self, a: &f64, up: bool) -> Option<f64> {
        leap(a.sin(), up)
    }

    fn cos(&self, a: &f64, up: bool) -> Option<f64> {
        leap(a.cos(), up)
    }

    fn atan(&self, a: &f64, up: bool) -> Option<f64> {
        leap(a.atan(), up)
    }

    fn pi(&self, up: bool) -> Option<f64> {
        step(std::f64::consts::PI, up)
    }

    fn neg(&self, a: &f64) -> f64 {
        -a
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn log2(&self, a: &f64) -> f64 {
        a.abs().log2()
    }

    fn is_angle(&self, a: &f64) -> bool {
        a.abs() < 1e6
    }

    fn cost(&self) -> u64 {
        1
    }

    fn function_cost(&self) -> u64 {
        2
    }

    fn floor(&self, a: &f64) -> Option<dashu_int::IBig> {
        (a.abs() < 1e15).then(|| dashu_int::IBig::from(a.floor() as i64))
    }
}

/// Numbers of so many bits.
pub(crate) struct Big {
    down: Context<Down>,
    up: Context<Up>,
}

impl Big {
    /// Arithmetic that keeps so many bits.
    pub(crate) fn new(bits: usize) -> Self {
        Big { down: Context::new(bits), up: Context::new(bits) }
    }

    /// Whether a number is so small that its square is lost beside 1; the library would carry all of its
    /// leading zeros.
    fn is_tiny(&self, a: &Number) -> bool {
        !a.significand().is_zero() && magnitude(a) < -(self.up.precision() as isize)
    }

    /// A bound for a value that is `a` but for one part in 2 to the precision.
    fn about(&self, a: &Number, up: bool) -> Option<Number> {
        let part = Repr::new(1.into(), 1 - self.up.precision() as isize);
        let grows = up == (*a >= Repr::zero());
        let factor = self.add(&Repr::one(), &if grows { part } else { -part }, grows)?;
        self.mul(a, &factor, up)
    }
}

type Number = Repr<2>;

fn finite<R: dashu_float::round::Round, E>(result: Result<Rounded<FBig<R, 2>>, E>) -> Option<Number> {
    let number = result.ok()?.value().into_repr();
    number.is_finite().then_some(number)
}

/// Such that a number is below 2 to this, and at least half of it.
fn magnitude(number: &Number) -> isize {
    number.exponent() + number.digits() as isize
}

/// Numbers beyond 2^2^25 are as good as infinite.
fn is_moderate(number: &Number) -> bool {
    magnitude(number).abs() < 1 << 25
}

macro_rules! directed {
    ($self:ident, $up:ident, $method:ident($($argument:expr),*)) => {
        if $up { finite($self.up.$method($($argument),*)) } else { finite($self.down.$method($($argument),*)) }
    };
}

impl Arithmetic for Big {
    type Bound = Number;

    fn ratio(&self, value: &RBig, up: bool) -> Option<Number> {
        let above = Repr::new(value.numerator().clone(), 0);
        let below = Repr::new(value.denominator().clone().into(), 0);
        directed!(self, up, div(&above, &below))
    }

    fn add(&self, a: &Number, b: &Number, up: bool) -> Option<Number> {
        directed!(self, up, add(a, b))
    }

    fn mul(&self, a: &Number, b: &Number, up: bool) -> Option<Number> {
        directed!(self, up, mul(a, b))
    }

    fn div(&self, a: &Number, b: &Number, up: bool) -> Option<Number> {
        directed!(self, up, div(a, b))
    }

    fn sqrt(&self, a: &Number, up: bool) -> Option<Number> {
        directed!(self, up, sqrt(a))
    }

    fn exp(&self, a: &Number, up: bool) -> Option<Number> {
        if magnitude(a) > 24 {
            return None;
        }
        if self.is_tiny(a) {
            return self.about(&Repr::one(), up);
        }
        directed!(self, up, exp(a, None))
    }

    fn ln(&self, a: &Number, up: bool) -> Option<Number> {
        directed!(self, up, ln(a, None))
    }

    fn sin(&self, a: &Number, up: bool) -> Option<Number> {
        if self.is_tiny(a) {
            return self.about(a, up);
        }
        directed!(self, up, sin(a, None))
    }

    fn cos(&self, a: &Number, up: bool) -> Option<Number> {
        if self.is_tiny(a) {
            return self.about(&Repr::one(), up);
        }
        directed!(self, up, cos(a, None))
    }

    fn atan(&self, a: &Number, up: bool) -> Option<Number> {
        if self.is_tiny(a) {
            return self.about(a, up);
        }
        directed!(self, up, atan(a, None))
    }

    fn pi(&self, up: bool) -> Option<Number> {
        Some(if up { self.up.pi(None).value().into_repr() } else { self.down.pi(None).value().into_repr() })
    }

    fn neg(&self, a: &Number) -> Number {
        -a.clone()
    }

    fn zero(&self) -> Number {
        Repr::zero()
    }

    fn log2(&self, a: &Number) -> f64 {
        if a.significand().is_zero() { f64::NEG_INFINITY } else { magnitude(a) as f64 }
    }

    fn is_angle(&self, a: &Number) -> bool {
        magnitude(a) < 256
    }

    fn cost(&self) -> u64 {
        2 + self.up.precision() as u64 / 128
    }

    fn function_cost(&self) -> u64 {
        // As measured; about quadratic for many bits.
        let bits = self.up.precision() as u64;
        bits * (4 + bits / 320)
    }

    fn floor(&self, a: &Number) -> Option<dashu_int::IBig> {
        if !is_moderate(a) || a.exponent() > 1 << 14 {
            return None;
        }
        let (significand, exponent) = (a.significand(), a.exponent());
        Some(if exponent >= 0 {
            significand << exponent as usize
        } else {
            significand >> exponent.unsigned_abs()
        })
    }
}
