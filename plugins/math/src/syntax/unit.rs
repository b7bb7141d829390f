//! Units: what stands after a number and says of what.
//!
//! A unit is a factor and dimensions, so that `1 km` is `1000 m` and `60 mph` is `60 miles per hour`. Words that
//! are no unit (`7 apples`) are remarks: they say nothing of the number's value.
//!
//! In: the words after a number. Out: a unit. Left out on purpose: physics; newtons are newtons, and no product of
//! kilograms and metres.

use dashu_ratio::RBig;

/// What a number counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Unit {
    /// A unit with a meaning: how many of its base units it is, and which.
    Known {
        /// Base units in one of this unit.
        factor: RBig,
        /// Each base unit with its power, in order, no power 0.
        dimensions: Vec<(Base, i32)>,
        /// As it was written.
        name: String,
    },
    /// Words that are no unit.
    Remark(String),
}

/// A base unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    /// Metres.
    Length,
    /// Kilograms.
    Mass,
    /// Seconds.
    Time,
    /// Degrees.
    Angle,
    /// Hundredths.
    Percent,
    /// Money, by its sign.
    Currency(char),
    /// Any other, by its symbol.
    Named(&'static str),
}

/// Name, factor above, factor below, base unit, its power.
type Entry = (&'static [&'static str], u64, u64, Base, i32);

const UNITS: &[Entry] = &[
    (&["mm", "millimeter", "millimetre"], 1, 1000, Base::Length, 1),
    (&["cm", "centimeter", "centimetre"], 1, 100, Base::Length, 1),
    (&["m", "meter", "metre"], 1, 1, Base::Length, 1),
    (&["km", "kilometer", "kilometre"], 1000, 1, Base::Length, 1),
    (&["in", "inch", "inches"], 254, 10000, Base::Length, 1),
    (&["ft", "foot", "feet"], 3048, 10000, Base::Length, 1),
    (&["yd", "yard"], 9144, 10000, Base::Length, 1),
    (&["mi", "mile"], 1609344, 1000, Base::Length, 1),
    (&["mg", "milligram"], 1, 1000000, Base::Mass, 1),
    (&["g", "gram"], 1, 1000, Base::Mass, 1),
    (&["kg", "kilogram"], 1, 1, Base::Mass, 1),
    (&["oz", "ounce"], 28349523125, 1000000000000, Base::Mass, 1),
    (&["lb", "lbs", "pound"], 45359237, 100000000, Base::Mass, 1),
    (&["ms", "millisecond"], 1, 1000, Base::Time, 1),
    (&["s", "sec", "second"], 1, 1, Base::Time, 1),
    (&["min", "mins", "minute"], 60, 1, Base::Time, 1),
    (&["h", "hr", "hrs", "hour"], 3600, 1, Base::Time, 1),
    (&["day"], 86400, 1, Base::Time, 1),
    (&["week"], 604800, 1, Base::Time, 1),
    (&["month"], 1, 1, Base::Named("month"), 1),
    (&["year", "yr", "yrs"], 12, 1, Base::Named("month"), 1),
    (&["ml", "milliliter", "millilitre"], 1, 1000000, Base::Length, 3),
    (&["l", "liter", "litre"], 1, 1000, Base::Length, 3),
    (&["gallon", "gal"], 1, 1, Base::Named("gallon"), 1),
    (&["degree", "deg"], 1, 1, Base::Angle, 1),
    (&["percent", "pct"], 1, 1, Base::Percent, 1),
    (&["dollar", "usd", "buck"], 1, 1, Base::Currency('$'), 1),
    (&["cent"], 1, 100, Base::Currency('$'), 1),
    (&["euro", "eur"], 1, 1, Base::Currency('€'), 1),
    (&["yuan", "rmb"], 1, 1, Base::Currency('元'), 1),
    (&["yen"], 1, 1, Base::Currency('¥'), 1),
    (&["rupee", "rs"], 1, 1, Base::Currency('₹'), 1),
    (&["newton"], 1, 1, Base::Named("N"), 1),
    (&["joule"], 1, 1, Base::Named("J"), 1),
    (&["watt"], 1, 1, Base::Named("W"), 1),
    (&["volt"], 1, 1, Base::Named("V"), 1),
    (&["hz", "hertz"], 1, 1, Base::Named("Hz"), 1),
    (&["mol", "mole"], 1, 1, Base::Named("mol"), 1),
];

impl Unit {
    /// A unit of money.
    pub fn currency(sign: char) -> Self {
        Self::base(Base::Currency(sign))
    }

    /// A base unit.
    pub fn base(base: Base) -> Self {
        let name = match base {
            Base::Currency(sign) => sign.to_string(),
            Base::Angle => "degrees".to_owned(),
            Base::Percent => "percent".to_owned(),
            Base::Length => "m".to_owned(),
            Base::Mass => "kg".to_owned(),
            Base::Time => "s".to_owned(),
            Base::Named(name) => name.to_owned(),
        };
        Unit::Known { factor: RBig::ONE, dimensions: vec![(base, 1)], name }
    }

    /// Whether this is a multiple of the base unit, to the first power.
    pub fn is(&self, base: Base) -> bool {
        matches!(self, Unit::Known { dimensions, .. } if *dimensions == [(base, 1)])
    }

    /// Reads the words after a number, powers among them as `^2`. Words that are no unit make a remark.
    pub fn read(words: &[&str]) -> Self {
        let remark = || Unit::Remark(words.join(" ").to_lowercase());
        let mut factor = RBig::ONE;
        let mut dimensions: Vec<(Base, i32)> = Vec::new();
        let (mut below, mut power) = (false, 1);
        let mut last: Option<(RBig, Base, i32)> = None;
        for word in words {
            let lower = word.trim_end_matches('.').to_lowercase();
            match lower.as_str() {
                "" => {}
                "per" | "/" | "each" => below = true,
                "square" | "sq" => power = 2,
                "cubic" | "cu" => power = 3,
                "squared" | "^2" | "cubed" | "^3" => {
                    let Some((one, base, signed)) = &last else { return remark() };
                    let more = if matches!(lower.as_str(), "squared" | "^2") { 1 } else { 2 };
                    let times = signed * more;
                    factor *= one.pow((signed.signum() * more) as isize);
                    add(&mut dimensions, *base, times);
                }
                "mph" => {
                    factor *= RBig::from_parts(44704.into(), 100000_u32.into());
                    add(&mut dimensions, Base::Length, 1);
                    add(&mut dimensions, Base::Time, -1);
                }
                _ => {
                    let Some((one, base, degree)) = find(&lower) else { return remark() };
                    let sign = if below { -1 } else { 1 };
                    factor *= one.pow((sign * power) as isize);
                    let signed = sign * degree;
                    add(&mut dimensions, base, signed * power);
                    last = Some((one, base, signed));
                    power = 1;
                }
            }
        }
        if dimensions.is_empty() {
            return remark();
        }
        Unit::Known { factor, dimensions, name: words.join(" ").replace(" ^", "^") }
    }

    /// Whether a word names a unit.
    pub fn names(word: &str) -> bool {
        let lower = word.to_lowercase();
        lower == "mph" || find(&lower).is_some()
    }
}

/// A unit by its name, in the singular or the plural.
fn find(name: &str) -> Option<(RBig, Base, i32)> {
    let entry = |name: &str| UNITS.iter().find(|(names, ..)| names.contains(&name));
    let (_, above, below, base, degree) =
        entry(name).or_else(|| name.strip_suffix('s').filter(|stem| stem.len() > 2).and_then(entry))?;
    Some((RBig::from_parts((*above).into(), (*below).into()), *base, *degree))
}

fn add(dimensions: &mut Vec<(Base, i32)>, base: Base, power: i32) {
    match dimensions.binary_search_by_key(&base, |(base, _)| *base) {
        Ok(at) => {
            dimensions[at].1 += power;
            if dimensions[at].1 == 0 {
                dimensions.remove(at);
            }
        }
        Err(at) => dimensions.insert(at, (base, power)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(words: &[&str]) -> (RBig, Vec<(Base, i32)>) {
        match Unit::read(words) {
            Unit::Known { factor, dimensions, .. } => (factor, dimensions),
            Unit::Remark(remark) => panic!("{remark}"),
        }
    }

    #[test]
    fn units_that_say_the_same() {
        for (a, b) in [
            (vec!["cm", "^2"], vec!["square", "centimeters"]),
            (vec!["mph"], vec!["miles", "per", "hour"]),
            (vec!["m", "/", "s"], vec!["meters", "per", "second"]),
            (vec!["dollars"], vec!["USD"]),
            (vec!["cubic", "feet"], vec!["ft", "^3"]),
        ] {
            assert_eq!(known(&a), known(&b));
        }
        assert_eq!(known(&["km"]).0, RBig::from(1000));
        assert_eq!(known(&["km", "^2"]).0, RBig::from(1_000_000));
        assert_eq!(known(&["hours"]).1, [(Base::Time, 1)]);
    }

    #[test]
    fn other_words_are_remarks() {
        for words in [&["apples"][..], &["square", "units"], &["dollars", "more"], &[]] {
            assert!(matches!(Unit::read(words), Unit::Remark(_)), "{words:?}");
        }
    }
}
