//! Units: what stands after a number and says of what.
//!
//! A unit is a factor and dimensions, so that `1 km` is `1000 m` and `60 mph` is `60 miles per hour`. A
//! counted noun ([`super::noun`]) is a unit of its own: `5 apples` are not `5 oranges`. Any other words are
//! kept as they are, since they may change what the number says (`5 or more`): they are equal only to
//! themselves.
//!
//! In: the words after a number. Out: a unit. There is no physics in it: newtons are newtons, and no product
//! of kilograms and metres. Scales of temperature are not converted.

use dashu_ratio::RBig;

use super::noun;
pub(crate) use super::noun::agree;

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
    /// Words that were not understood, in lower case.
    Words(String),
}

/// A base unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
    /// A counted noun, in the singular.
    Noun(String),
}

/// Name, factor above, factor below, base unit, its power.
type Entry = (&'static [&'static str], u64, u64, Base, i32);

const UNITS: &[Entry] = &[
    (&["mm", "millimeter", "millimetre"], 1, 1000, Base::Length, 1),
    (&["cm", "centimeter", "centimetre", "厘米"], 1, 100, Base::Length, 1),
    (&["m", "meter", "metre", "米"], 1, 1, Base::Length, 1),
    (&["km", "kilometer", "kilometre", "千米", "公里"], 1000, 1, Base::Length, 1),
    (&["in", "inch", "inches"], 254, 10000, Base::Length, 1),
    (&["ft", "foot", "feet"], 3048, 10000, Base::Length, 1),
    (&["yd", "yard"], 9144, 10000, Base::Length, 1),
    (&["mi", "mile"], 1609344, 1000, Base::Length, 1),
    (&["mg", "milligram"], 1, 1000000, Base::Mass, 1),
    (&["g", "gm", "gram", "克"], 1, 1000, Base::Mass, 1),
    (&["kg", "kilo", "kilogram", "千克", "公斤"], 1, 1, Base::Mass, 1),
    (&["oz", "ounce"], 28349523125, 1000000000000, Base::Mass, 1),
    (&["lb", "lbs", "pound"], 45359237, 100000000, Base::Mass, 1),
    (&["ms", "millisecond"], 1, 1000, Base::Time, 1),
    (&["s", "sec", "second", "秒"], 1, 1, Base::Time, 1),
    (&["min", "mins", "minute", "分钟"], 60, 1, Base::Time, 1),
    (&["h", "hr", "hrs", "hour", "小时", "時間", "시간"], 3600, 1, Base::Time, 1),
    (&["day", "天", "日"], 86400, 1, Base::Time, 1),
    (&["week", "wk", "周"], 604800, 1, Base::Time, 1),
    (&["month"], 1, 1, Base::Named("month"), 1),
    (&["year", "yr", "yrs", "年"], 12, 1, Base::Named("month"), 1),
    (&["ml", "milliliter", "millilitre", "毫升"], 1, 1000000, Base::Length, 3),
    (&["l", "liter", "litre", "升"], 1, 1000, Base::Length, 3),
    (&["gallon", "gal"], 16, 1, Base::Named("cup"), 1),
    (&["quart", "qt"], 4, 1, Base::Named("cup"), 1),
    (&["pint", "pt"], 2, 1, Base::Named("cup"), 1),
    (&["cup"], 1, 1, Base::Named("cup"), 1),
    (&["tablespoon", "tbsp"], 1, 16, Base::Named("cup"), 1),
    (&["teaspoon", "tsp"], 1, 48, Base::Named("cup"), 1),
    (&["ton"], 1, 1, Base::Named("ton"), 1),
    (&["tonne", "吨"], 1000, 1, Base::Mass, 1),
    (&["acre"], 1, 1, Base::Named("acre"), 1),
    (&["hectare", "ha"], 10000, 1, Base::Length, 2),
    (&["radian", "rad"], 1, 1, Base::Named("rad"), 1),
    (&["unit"], 1, 1, Base::Named("unit"), 1),
    (&["pound sterling", "gbp", "£"], 1, 1, Base::Currency('£'), 1),
    (&["won", "krw", "원", "₩"], 1, 1, Base::Currency('₩'), 1),
    (&["knot"], 1, 1, Base::Named("knot"), 1),
    (&["rpm"], 1, 1, Base::Named("rpm"), 1),
    (&["atm"], 1, 1, Base::Named("atm"), 1),
    (&["psi"], 1, 1, Base::Named("psi"), 1),
    (&["ppm"], 1, 1, Base::Named("ppm"), 1),
    (&["db"], 1, 1, Base::Named("dB"), 1),
    (&["byte"], 1, 1, Base::Named("byte"), 1),
    (&["bit"], 1, 1, Base::Named("bit"), 1),
    (&["分"], 1, 1, Base::Named("分"), 1),
    (&["岁", "歲"], 1, 1, Base::Named("岁"), 1),
    (&["celsius", "℃", "摄氏度"], 1, 1, Base::Named("celsius"), 1),
    (&["fahrenheit", "℉"], 1, 1, Base::Named("fahrenheit"), 1),
    (&["degree", "deg", "°", "度"], 1, 1, Base::Angle, 1),
    (&["percent", "pct", "%"], 1, 1, Base::Percent, 1),
    (&["dollar", "usd", "buck", "$", "美元"], 1, 1, Base::Currency('$'), 1),
    (&["cent", "¢"], 1, 100, Base::Currency('$'), 1),
    (&["euro", "eur", "€", "欧元"], 1, 1, Base::Currency('€'), 1),
    (&["yuan", "rmb", "cny", "元"], 1, 1, Base::Currency('元'), 1),
    (&["yen", "jpy", "¥", "円", "日元"], 1, 1, Base::Currency('¥'), 1),
    (&["rupee", "rs", "inr", "₹"], 1, 1, Base::Currency('₹'), 1),
];

/// A unit that takes prefixes: symbol, name, the prefixes its symbol takes, base units in one (above, below),
/// base unit, its power.
type Metric = (&'static str, &'static str, &'static str, u64, u64, Base, i32);

/// Units that take the prefixes of the SI.
const METRIC: &[Metric] = &[
    ("m", "meter", "kdcmμµn", 1, 1, Base::Length, 1),
    ("m", "metre", "kdcmμµn", 1, 1, Base::Length, 1),
    ("g", "gram", "kmμµ", 1, 1000, Base::Mass, 1),
    ("s", "second", "mμµn", 1, 1, Base::Time, 1),
    ("L", "liter", "mcdμµ", 1, 1000, Base::Length, 3),
    ("l", "litre", "mcd", 1, 1000, Base::Length, 3),
    ("J", "joule", "TGMkmμµn", 1, 1, Base::Named("J"), 1),
    ("W", "watt", "TGMkmμµn", 1, 1, Base::Named("W"), 1),
    ("V", "volt", "TGMkmμµn", 1, 1, Base::Named("V"), 1),
    ("A", "ampere", "TGMkmμµn", 1, 1, Base::Named("A"), 1),
    ("N", "newton", "TGMkmμµn", 1, 1, Base::Named("N"), 1),
    ("K", "kelvin", "TGMkmμµn", 1, 1, Base::Named("K"), 1),
    ("Pa", "pascal", "TGMkmμµn", 1, 1, Base::Named("Pa"), 1),
    ("Hz", "hertz", "TGMkmμµn", 1, 1, Base::Named("Hz"), 1),
    ("mol", "mole", "TGMkmμµn", 1, 1, Base::Named("mol"), 1),
    ("eV", "electronvolt", "TGMkmμµn", 1, 1, Base::Named("eV"), 1),
    ("cal", "calorie", "TGMkmμµn", 1, 1, Base::Named("cal"), 1),
    ("C", "coulomb", "TGMkmμµn", 1, 1, Base::Named("C"), 1),
    ("T", "tesla", "TGMkmμµn", 1, 1, Base::Named("T"), 1),
    ("F", "farad", "TGMkmμµn", 1, 1, Base::Named("F"), 1),
    ("Ω", "ohm", "TGMkmμµn", 1, 1, Base::Named("ohm"), 1),
    ("B", "byte", "TGMkmμµn", 1, 1, Base::Named("byte"), 1),
];

/// Prefixes of the SI: symbol, name, power of ten.
const PREFIXES: &[(&str, &str, i32)] = &[
    ("", "", 0),
    ("T", "tera", 12),
    ("G", "giga", 9),
    ("M", "mega", 6),
    ("k", "kilo", 3),
    ("h", "hecto", 2),
    ("d", "deci", -1),
    ("c", "centi", -2),
    ("m", "milli", -3),
    ("μ", "micro", -6),
    ("µ", "micro", -6),
    ("n", "nano", -9),
    ("p", "pico", -12),
];

impl Unit {
    /// A unit of money.
    pub fn currency(sign: char) -> Self {
        Self::base(Base::Currency(sign))
    }

    /// A base unit.
    pub fn base(base: Base) -> Self {
        let name = match &base {
            Base::Currency(sign) => sign.to_string(),
            Base::Angle => "degrees".to_owned(),
            Base::Percent => "percent".to_owned(),
            Base::Length => "m".to_owned(),
            Base::Mass => "kg".to_owned(),
            Base::Time => "s".to_owned(),
            Base::Named(name) => (*name).to_owned(),
            Base::Noun(noun) => noun.clone(),
        };
        Unit::Known { factor: RBig::ONE, dimensions: vec![(base, 1)], name }
    }

    /// No unit at all.
    pub(crate) fn none() -> Self {
        Unit::Known { factor: RBig::ONE, dimensions: vec![], name: String::new() }
    }

    /// One over this unit.
    pub(crate) fn inverse(&self) -> Self {
        match self {
            Unit::Known { factor, dimensions, name } => Unit::Known {
                factor: RBig::ONE / factor,
                dimensions: dimensions.iter().map(|(base, power)| (base.clone(), -power)).collect(),
                name: name.clone(),
            },
            words => words.clone(),
        }
    }

    /// This unit times another; none if one is not understood.
    pub(crate) fn times(&self, other: &Self) -> Option<Self> {
        let (
            Unit::Known { factor, dimensions, name },
            Unit::Known { factor: other_factor, dimensions: others, name: other_name },
        ) = (self, other)
        else {
            return None;
        };
        let mut dimensions = dimensions.clone();
        for (base, power) in others {
            add(&mut dimensions, base.clone(), *power);
        }
        let name = format!("{name} {other_name}").trim().to_owned();
        Some(Unit::Known { factor: factor * other_factor, dimensions, name })
    }

    /// Whether this is a multiple of the base unit, to the first power.
    pub fn is(&self, base: Base) -> bool {
        matches!(self, Unit::Known { dimensions, .. } if *dimensions == [(base, 1)])
    }

    /// What was written for it.
    pub fn name(&self) -> &str {
        match self {
            Unit::Known { name, .. } | Unit::Words(name) => name,
        }
    }

    /// Reads the words after a number, powers among them as `^2`. `singular` says whether the number lets a
    /// noun stand in the singular: it is 1, or a fraction.
    pub fn read(words: &[&str], singular: bool) -> Self {
        let name = words.join(" ").replace(" ^", "^");
        let unknown = || Unit::Words(plain_words(words));
        let mut factor = RBig::ONE;
        let mut dimensions: Vec<(Base, i32)> = Vec::new();
        for (at, part) in words.split(|word| is_per(word)).enumerate() {
            // `each` is per piece, with nothing behind it.
            let below = at > 0;
            if below && part.is_empty() && at == words.iter().filter(|word| is_per(word)).count() {
                if words.last().is_some_and(|word| word.eq_ignore_ascii_case("each")) {
                    add(&mut dimensions, Base::Noun("piece".to_owned()), -1);
                    continue;
                }
                return unknown();
            }
            let Some((one, measured)) = product(part).or_else(|| noun_alone(part, singular || below)) else {
                return unknown();
            };
            factor = if below { factor / one } else { factor * one };
            for (base, power) in measured {
                add(&mut dimensions, base, if below { -power } else { power });
            }
        }
        if dimensions.is_empty() {
            return unknown();
        }
        Unit::Known { factor, dimensions, name }
    }

    /// Whether a word names a unit.
    pub fn names(word: &str) -> bool {
        word == "mph" || word == "kWh" || find(word).is_some()
    }
}

/// Words in lower case, single spaces between them, punctuation left out.
fn plain_words(words: &[&str]) -> String {
    let kept = words.iter().map(|word| word.trim_matches(['.', ',', ' ', '(', ')']).to_lowercase());
    let kept: Vec<String> = kept.filter(|word| !word.is_empty()).collect();
    let is_division = |word: &String| matches!(word.as_str(), "r" | "rem" | "remainder" | "remainders");
    match kept.iter().position(is_division) {
        // `12 R 5`, `12 with a remainder of 5`
        Some(at) if kept[..at].iter().all(|word| matches!(word.as_str(), "with" | "a" | "and")) => {
            let rest = kept[at + 1..].iter().filter(|word| word.as_str() != "of");
            std::iter::once("remainder").chain(rest.map(String::as_str)).collect::<Vec<_>>().join(" ")
        }
        _ => kept.join(" "),
    }
}

fn is_per(word: &str) -> bool {
    matches!(word.to_lowercase().as_str(), "per" | "/" | "each" | "每")
}

type Measured = (RBig, Vec<(Base, i32)>);

/// Units that multiply one another, each with its power; none if a word is not a unit.
fn product(words: &[&str]) -> Option<Measured> {
    let mut factor = RBig::ONE;
    let mut dimensions: Vec<(Base, i32)> = Vec::new();
    let mut power = 1;
    let mut last: Option<(RBig, Base, i32)> = None;
    let mut words = words;
    // `5 liters of water`
    if let Some(of) = words.iter().position(|word| *word == "of") {
        noun::counted(&[&["pieces"], &words[of..]].concat(), false)?;
        words = &words[..of];
    }
    for tail in [&["in", "total"][..], &["in", "all"], &["total"], &["altogether"]] {
        words = words.strip_suffix(tail).unwrap_or(words);
    }
    for (at, word) in words.iter().enumerate() {
        let word = word.trim_end_matches('.');
        let raised = |more: i32| more - 1;
        match word.to_lowercase().as_str() {
            "" | "·" | "*" | "times" if at > 0 && at + 1 < words.len() => {}
            "" => {}
            metric if metric.starts_with("平方") || metric.starts_with("立方") => {
                power = if metric.starts_with("平方") { 2 } else { 3 };
                let (one, base, degree) = find(&word["平方".len()..])?;
                factor *= one.pow(power as isize);
                add(&mut dimensions, base, degree * power);
                power = 1;
            }
            "square" | "sq" => power = 2,
            "cubic" | "cu" => power = 3,
            "squared" | "cubed" => {
                let more = raised(if word.eq_ignore_ascii_case("squared") { 2 } else { 3 });
                let (one, base, degree) = last.take()?;
                factor *= one.pow(more as isize);
                add(&mut dimensions, base, degree * more);
            }
            raised_to if raised_to.starts_with('^') => {
                let more = raised(raised_to[1..].parse::<i32>().ok().filter(|power| power.abs() <= 9)?);
                let (one, base, degree) = last.take()?;
                factor *= one.pow(more as isize);
                add(&mut dimensions, base, degree * more);
            }
            // `degrees Celsius`
            "c" | "f" if last.as_ref().is_some_and(|(_, base, _)| *base == Base::Angle) => {
                let scale = if word.eq_ignore_ascii_case("c") { "celsius" } else { "fahrenheit" };
                dimensions = vec![(Base::Named(scale), 1)];
                last = None;
            }
            "celsius" | "fahrenheit" if last.as_ref().is_some_and(|(_, base, _)| *base == Base::Angle) => {
                let scale = if word.eq_ignore_ascii_case("celsius") { "celsius" } else { "fahrenheit" };
                dimensions = vec![(Base::Named(scale), 1)];
                last = None;
            }
            "mph" => {
                factor *= RBig::from_parts(44704.into(), 100000_u32.into());
                add(&mut dimensions, Base::Length, 1);
                add(&mut dimensions, Base::Time, -1);
            }
            "kph" | "kmh" => {
                factor *= RBig::from_parts(5.into(), 18_u32.into());
                add(&mut dimensions, Base::Length, 1);
                add(&mut dimensions, Base::Time, -1);
            }
            "kwh" => {
                factor *= RBig::from(3_600_000);
                add(&mut dimensions, Base::Named("W"), 1);
                add(&mut dimensions, Base::Time, 1);
            }
            _ => {
                let (one, base, degree) = find(word)?;
                factor *= one.pow(power as isize);
                add(&mut dimensions, base.clone(), degree * power);
                last = Some((one, base, degree));
                power = 1;
            }
        }
    }
    // `square` alone is a noun, if anything.
    (power == 1 && !dimensions.is_empty()).then_some((factor, dimensions))
}

fn noun_alone(words: &[&str], singular: bool) -> Option<Measured> {
    let lower: Vec<String> = words
        .iter()
        .map(|word| word.trim_end_matches('.').to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    noun::counted(&lower, singular).map(|noun| (RBig::ONE, vec![(Base::Noun(noun), 1)]))
}

/// A unit by its symbol, or its name in the singular or the plural.
fn find(word: &str) -> Option<(RBig, Base, i32)> {
    for (prefix, long_prefix, power) in PREFIXES {
        let metric = METRIC.iter().find(|(symbol, name, allowed, ..)| {
            allowed.contains(prefix) && word.strip_prefix(prefix) == Some(symbol)
                || word
                    .strip_prefix(long_prefix)
                    .is_some_and(|rest| rest == *name || rest.strip_suffix('s') == Some(name))
        });
        if let Some((_, _, _, above, below, base, degree)) = metric {
            let scale = RBig::from(10).pow(*power as isize);
            return Some((RBig::from_parts((*above).into(), (*below).into()) * scale, base.clone(), *degree));
        }
    }
    let lower = word.to_lowercase();
    let entry = |name: &str| UNITS.iter().find(|(names, ..)| names.contains(&name));
    let (_, above, below, base, degree) =
        entry(&lower).or_else(|| lower.strip_suffix('s').filter(|stem| stem.len() > 2).and_then(entry))?;
    Some((RBig::from_parts((*above).into(), (*below).into()), base.clone(), *degree))
}

fn add(dimensions: &mut Vec<(Base, i32)>, base: Base, power: i32) {
    match dimensions.binary_search_by(|(known, _)| known.cmp(&base)) {
        Ok(at) => {
            dimensions[at].1 += power;
            if dimensions[at].1 == 0 {
                dimensions.remove(at);
            }
        }
        Err(at) if power != 0 => dimensions.insert(at, (base, power)),
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(words: &[&str]) -> (RBig, Vec<(Base, i32)>) {
        match Unit::read(words, false) {
            Unit::Known { factor, dimensions, .. } => (factor, dimensions),
            Unit::Words(words) => panic!("{words}"),
        }
    }

    #[test]
    fn units_that_say_the_same() {
        for (a, b) in [
            (vec!["cm", "^2"], vec!["square", "centimeters"]),
            (vec!["mph"], vec!["miles", "per", "hour"]),
            (vec!["m", "/", "s"], vec!["meters", "per", "second"]),
            (vec!["m", "s", "^-1"], vec!["m", "/", "s"]),
            (vec!["dollars"], vec!["USD"]),
            (vec!["cubic", "feet"], vec!["ft", "^3"]),
            (vec!["degrees", "C"], vec!["Celsius"]),
            (vec!["liters", "of", "water"], vec!["L"]),
        ] {
            assert_eq!(known(&a), known(&b));
        }
        assert_eq!(known(&["km"]).0, RBig::from(1000));
        assert_eq!(known(&["kJ"]).0, RBig::from(1000));
        assert_eq!(known(&["km", "^2"]).0, RBig::from(1_000_000));
        assert_eq!(known(&["hours"]).1, [(Base::Time, 1)]);
        assert_eq!(known(&["apples", "per", "day"]).1, [(Base::Time, -1), (Base::Noun("apple".into()), 1)]);
    }

    #[test]
    fn other_words_stand_for_themselves() {
        for words in
            [&["or", "more"][..], &["dollars", "more"], &["percent", "increase"], &["per"], &["square"], &[]]
        {
            assert!(matches!(Unit::read(words, false), Unit::Words(_)), "{words:?}");
        }
    }
}
