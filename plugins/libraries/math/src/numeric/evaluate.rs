//! The enclosure of a constant in normal form.
//!
//! Values are complex: an interval for the real part, and one for the imaginary part unless that is exactly
//! zero. None is the answer where a part has no value at this precision.

use dashu_ratio::RBig;

use super::arithmetic::Arithmetic;
use super::interval::{Interval, Intervals};
use crate::algebra::sum::{Atom, Monomial, Sum, Term};
use crate::algebra::{RUNNING, Work, ratio};
use crate::syntax::Function;

/// An enclosure of a complex number.
#[derive(Debug, Clone)]
pub(crate) struct Value<B> {
    pub(crate) real: Interval<B>,
    /// None: exactly zero.
    pub(crate) imaginary: Option<Interval<B>>,
}

/// Encloses a constant. Every power is paid for, as towers of them fan out; none if the allowance does not
/// suffice.
pub(crate) fn evaluate<A: Arithmetic>(sum: &Sum, arithmetic: &A, work: &Work) -> Option<Value<A::Bound>> {
    Evaluator { over: Intervals(arithmetic, work), running: None }.sum(sum)
}

struct Evaluator<'a, A: Arithmetic> {
    over: Intervals<'a, A>,
    /// The values of the running variable of the sum around here.
    running: Option<Interval<A::Bound>>,
}

type Complex<A> = Value<<A as Arithmetic>::Bound>;
type Real<A> = Interval<<A as Arithmetic>::Bound>;

impl<A: Arithmetic> Evaluator<'_, A> {
    fn sum(&self, sum: &Sum) -> Option<Complex<A>> {
        let mut total = Value { real: self.over.whole(0)?, imaginary: None };
        for term in &sum.0 {
            total = self.add(&total, &self.term(term)?)?;
        }
        Some(total)
    }

    /// A real sum.
    fn real(&self, sum: &Sum) -> Option<Real<A>> {
        let value = self.sum(sum)?;
        value.imaginary.is_none().then_some(value.real)
    }

    fn term(&self, term: &Term) -> Option<Complex<A>> {
        let coefficient = self.over.ratio(&term.coefficient)?;
        let mut product = Value { real: coefficient, imaginary: None };
        for (atom, exponent) in &term.monomial.0 {
            match self.power(atom, exponent) {
                Some(factor) => product = self.mul(&product, &factor)?,
                // Too large by itself, perhaps, but not together with the others.
                None => return self.through_logarithms(term),
            }
        }
        let unbounded = |bound: &A::Bound| self.over.0.log2(bound) > 1e300;
        // A single power gains nothing by the detour.
        let several = term.monomial.0.len() > 1;
        if several && (unbounded(&product.real.high) || unbounded(&product.real.low)) {
            return self.through_logarithms(term).or(Some(product));
        }
        Some(product)
    }

    /// A product of positive factors by the sum of their logarithms.
    fn through_logarithms(&self, term: &Term) -> Option<Complex<A>> {
        let mut logarithm = self.over.whole(0)?;
        for (atom, exponent) in &term.monomial.0 {
            let part = self.over.mul(&self.over.ratio(exponent)?, &self.logarithm(atom)?)?;
            logarithm = self.over.add(&logarithm, &part)?;
        }
        let size = self.over.exp(&logarithm)?;
        let real = self.over.mul(&self.over.ratio(&term.coefficient)?, &size)?;
        Some(Value { real, imaginary: None })
    }

    fn logarithm(&self, atom: &Atom) -> Option<Real<A>> {
        match atom {
            Atom::Tower(base, exponent) => self.over.mul(&self.monomial(exponent)?, &self.logarithm(base)?),
            Atom::Call(Function::Factorial, arguments) => {
                self.over.ln_factorial(&arguments.first()?.rational()?)
            }
            Atom::Integer(_) | Atom::Pi | Atom::E | Atom::Name(_) => self.over.ln(&self.real_atom(atom)?),
            // Nothing else is too large to be evaluated itself.
            _ => None,
        }
    }

    /// A real product of powers.
    fn monomial(&self, monomial: &Monomial) -> Option<Real<A>> {
        let term = Term { monomial: monomial.clone(), coefficient: RBig::ONE };
        let value = self.term(&term)?;
        value.imaginary.is_none().then_some(value.real)
    }

    fn power(&self, atom: &Atom, exponent: &RBig) -> Option<Complex<A>> {
        self.over.1.spend(self.over.0.cost()).ok()?;
        let real = |real| Some(Value { real, imaginary: None });
        match atom {
            Atom::Imaginary if exponent.is_one() => {
                Some(Value { real: self.over.whole(0)?, imaginary: Some(self.over.whole(1)?) })
            }
            Atom::Imaginary => None,
            Atom::E => real(self.over.exp(&self.over.ratio(exponent)?)?),
            Atom::Tower(base, power) => self.tower(base, power, exponent),
            Atom::Compound(inside) => {
                let base = self.sum(inside)?;
                match (&base.imaginary, exponent.is_int()) {
                    (None, _) => real(self.over.power(&base.real, exponent)?),
                    (Some(_), true) => self.complex_power(&base, exponent),
                    (Some(_), false) => None,
                }
            }
            atom => real(self.over.power(&self.real_atom(atom)?, exponent)?),
        }
    }

    /// `base` to the product `power` to the number `exponent`: `exp(power · exponent · ln base)`.
    fn tower(&self, base: &Atom, power: &Monomial, exponent: &RBig) -> Option<Complex<A>> {
        let power = self.term(&Term { monomial: power.clone(), coefficient: exponent.clone() })?;
        let (real, imaginary) = if *base == Atom::Imaginary {
            // ln i is iπ/2.
            let quarter = self.over.mul(&self.over.pi()?, &self.over.ratio(&ratio(1, 2))?)?;
            if power.imaginary.is_some() {
                return None;
            }
            (self.over.whole(0)?, Some(self.over.mul(&power.real, &quarter)?))
        } else {
            let logarithm = if *base == Atom::E { self.over.whole(1)? } else { self.logarithm(base)? };
            let imaginary = match &power.imaginary {
                Some(imaginary) => Some(self.over.mul(imaginary, &logarithm)?),
                None => None,
            };
            (self.over.mul(&power.real, &logarithm)?, imaginary)
        };
        let size = self.over.exp(&real)?;
        let Some(angle) = imaginary else { return Some(Value { real: size, imaginary: None }) };
        Some(Value {
            real: self.over.mul(&size, &self.over.circular(&angle, true)?)?,
            imaginary: Some(self.over.mul(&size, &self.over.circular(&angle, false)?)?),
        })
    }

    fn complex_power(&self, base: &Complex<A>, exponent: &RBig) -> Option<Complex<A>> {
        let times = i32::try_from(exponent.numerator().clone()).ok().filter(|times| times.abs() <= 64)?;
        let mut result = Value { real: self.over.whole(1)?, imaginary: None };
        for _ in 0..times.abs() {
            result = self.mul(&result, base)?;
        }
        if times > 0 {
            return Some(result);
        }
        // One over a + bi is (a − bi) over a² + b².
        let Some(imaginary) = &result.imaginary else {
            let real = self.over.div(&self.over.whole(1)?, &result.real)?;
            return Some(Value { real, imaginary: None });
        };
        let square = |x: &Real<A>| self.over.power(x, &RBig::from(2));
        let norm = self.over.add(&square(&result.real)?, &square(imaginary)?)?;
        Some(Value {
            real: self.over.div(&result.real, &norm)?,
            imaginary: Some(self.over.neg(&self.over.div(imaginary, &norm)?)),
        })
    }

    fn real_atom(&self, atom: &Atom) -> Option<Real<A>> {
        match atom {
            Atom::Integer(number) => self.over.ratio(&RBig::from(number.clone())),
            Atom::Pi => self.over.pi(),
            Atom::E => self.over.exp(&self.over.whole(1)?),
            Atom::Name(name) if **name == *RUNNING => self.running.clone(),
            Atom::Call(function, arguments) => self.call(*function, arguments),
            Atom::Compound(inside) => self.real(inside),
            Atom::Range(product, parts) => self.range(*product, parts),
            Atom::Tower(base, power) => {
                let value = self.tower(base, power, &RBig::ONE)?;
                value.imaginary.is_none().then_some(value.real)
            }
            Atom::Imaginary | Atom::Name(_) | Atom::Opaque(..) => None,
        }
    }

    fn call(&self, function: Function, arguments: &[Sum]) -> Option<Real<A>> {
        let [argument] = arguments else { return None };
        match function {
            Function::Sin => self.over.circular(&self.real(argument)?, false),
            Function::Cos => self.over.circular(&self.real(argument)?, true),
            Function::Ln => self.over.ln(&self.real(argument)?),
            Function::Arctan => self.over.atan(&self.real(argument)?),
            Function::Arcsin => {
                // arcsin x is arctan(x / √(1 − x²)).
                let x = self.real(argument)?;
                let rest = self.over.sub(&self.over.whole(1)?, &self.over.power(&x, &RBig::from(2))?)?;
                if !self.over.is_positive(&rest) {
                    return None;
                }
                self.over.atan(&self.over.div(&x, &self.over.sqrt(&rest)?)?)
            }
            Function::Abs => {
                let value = self.sum(argument)?;
                match &value.imaginary {
                    None => Some(self.over.abs(&value.real)),
                    Some(imaginary) => {
                        let square = |x: &Real<A>| self.over.power(x, &RBig::from(2));
                        self.over.sqrt(&self.over.add(&square(&value.real)?, &square(imaginary)?)?)
                    }
                }
            }
            Function::Factorial => self.over.exp(&self.over.ln_factorial(&argument.rational()?)?),
            _ => None,
        }
    }

    /// A long sum: as many terms as it has, each between the bounds of all.
    fn range(&self, product: bool, parts: &[Sum; 3]) -> Option<Real<A>> {
        let [from, to, body] = parts;
        let (from, to) = (from.rational()?, to.rational()?);
        if product || from > to {
            return None;
        }
        let running = Interval { low: self.over.ratio(&from)?.low, high: self.over.ratio(&to)?.high };
        let term =
            Evaluator { over: Intervals(self.over.0, self.over.1), running: Some(running) }.real(body)?;
        self.over.mul(&self.over.ratio(&(to - from + RBig::ONE))?, &term)
    }

    fn add(&self, a: &Complex<A>, b: &Complex<A>) -> Option<Complex<A>> {
        let imaginary = match (&a.imaginary, &b.imaginary) {
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (Some(a), Some(b)) => Some(self.over.add(a, b)?),
        };
        Some(Value { real: self.over.add(&a.real, &b.real)?, imaginary })
    }

    fn mul(&self, a: &Complex<A>, b: &Complex<A>) -> Option<Complex<A>> {
        let real = self.over.mul(&a.real, &b.real)?;
        Some(match (&a.imaginary, &b.imaginary) {
            (None, None) => Value { real, imaginary: None },
            (Some(y), None) => Value { real, imaginary: Some(self.over.mul(y, &b.real)?) },
            (None, Some(y)) => Value { real, imaginary: Some(self.over.mul(&a.real, y)?) },
            (Some(y), Some(z)) => {
                let cross = self.over.add(&self.over.mul(&a.real, z)?, &self.over.mul(y, &b.real)?)?;
                Value { real: self.over.sub(&real, &self.over.mul(y, z)?)?, imaginary: Some(cross) }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algebra::normal;
    use crate::numeric::{Big, Double};
    use crate::syntax::parse;

    /// Whether the enclosure of a constant holds a decimal and is no wider than 1 in its last place.
    fn encloses<A: Arithmetic>(text: &str, decimal: &str, arithmetic: &A) -> bool {
        let sum = normal(&parse(text).unwrap(), &Work::new(100_000)).unwrap();
        let value = evaluate(&sum, arithmetic, &Work::new(100_000)).unwrap().real;
        let (whole, places) = decimal.split_once('.').unwrap();
        let digits: dashu_int::IBig = format!("{whole}{places}").parse().unwrap();
        let scale = dashu_int::UBig::from(10_u8).pow(places.len());
        // The decimal is cut off: the value lies between it and one unit more.
        let bound = |digits: dashu_int::IBig, up| {
            arithmetic.ratio(&RBig::from_parts(digits, scale.clone()), up).unwrap()
        };
        value.high >= bound(digits.clone(), false) && value.low <= bound(digits + 1, true)
    }

    #[test]
    fn known_constants_are_enclosed() {
        for (text, decimal) in [
            ("\\pi", "3.14159265358979323846264338327950288419"),
            ("e", "2.71828182845904523536028747135266249775"),
            ("\\sqrt2", "1.41421356237309504880168872420969807856"),
            ("\\ln2", "0.69314718055994530941723212145817656807"),
            ("\\sin1", "0.84147098480789650665250232163029899962"),
            ("\\cos1", "0.54030230586813971740093660744297660373"),
            ("\\arctan\\frac12", "0.46364760900080611621425623146121440202"),
            ("\\arcsin\\frac13", "0.33983690945412193709639251339176406638"),
            ("2^{\\sqrt2}", "2.66514414269022518865029724987313984827"),
            ("e^{\\pi}", "23.14069263277926900572908636794854738026"),
            ("\\sqrt[3]{5}", "1.70997594667669698935310887254386010986"),
            ("\\frac{1}{1+\\sqrt[3]{2}}", "0.4424933340244421033281650106646933032737"),
        ] {
            assert!(encloses(text, decimal, &Double), "{text} in double precision");
            assert!(encloses(text, decimal, &Big::new(192)), "{text} in 192 bits");
        }
    }

    #[test]
    fn stirling_encloses_factorials() {
        let big = Big::new(192);
        let work = Work::new(100_000);
        let over = Intervals(&big, &work);
        for n in [5_u32, 20, 100] {
            let factorial = (1..=n).fold(dashu_int::UBig::ONE, |product, k| product * k);
            let exact = over.ln(&over.ratio(&RBig::from(factorial)).unwrap()).unwrap();
            let bounds = over.ln_factorial(&RBig::from(n)).unwrap();
            assert!(bounds.low <= exact.low && exact.high <= bounds.high, "{n}!");
        }
    }

    #[test]
    fn what_is_too_large_is_bounded_from_below() {
        let value = |text: &str| {
            let sum = normal(&parse(text).unwrap(), &Work::new(100_000)).unwrap();
            evaluate(&sum, &Double, &Work::new(100_000)).unwrap().real
        };
        assert!(value("10^{10^{10}}").low > 1.7e308);
        assert_eq!(value("10^{-10^{10}}").low, 0.0);
        assert!(value("\\binom{10^9}{5\\cdot10^8}").low > 1.7e308);
        // Each of the 10¹² terms is at least 1.
        assert!(value("\\sum_{k=1}^{10^{12}}k^k").low >= 0.999e12);
    }
}
