//! One of a plot's two axes: what it measures, from where to where, and where it is marked.

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it measures, with its unit.
    pub(crate) label: String,
    /// From and to.
    pub(crate) range: [f64; 2],
    /// What stands at which value; empty: round numbers.
    pub(crate) names: Vec<(f64, String)>,
}

impl Axis {
    /// An axis from one value to another.
    pub fn over(label: &str, range: [f64; 2]) -> Self {
        Self { label: label.to_owned(), range: widened(range), names: Vec::new() }
    }

    /// An axis around values and a little more, but not outside of `within`. Values that are no numbers are passed over.
    pub fn around(label: &str, values: impl IntoIterator<Item = f64>, within: [f64; 2]) -> Self {
        let values = values.into_iter().filter(|value| value.is_finite());
        let (low, high) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Self::over(label, [0.0, 1.0]);
        }
        let [low, high] = if low < high { [low, high] } else { widened([low, high]) };
        let margin = 0.06 * (high - low);
        Self::over(label, [(low - margin).max(within[0]), (high + margin).min(within[1])])
    }

    /// An axis of names, at 0, 1, 2 and so on.
    pub fn named(label: &str, names: impl IntoIterator<Item = String>) -> Self {
        let names: Vec<(f64, String)> =
            names.into_iter().enumerate().map(|(at, name)| (at as f64, name)).collect();
        let last = names.len().saturating_sub(1) as f64;
        Self { label: label.to_owned(), range: [-0.4, last + 0.4], names }
    }

    /// Where the axis is marked, and what stands there.
    pub(crate) fn ticks(&self) -> Vec<(f64, String)> {
        if !self.names.is_empty() {
            return self.names.clone();
        }
        let (values, decimals) = round_values(self.range);
        values.into_iter().map(|value| (value, format!("{value:.decimals$}"))).collect()
    }
}

/// A range that has a width.
fn widened([low, high]: [f64; 2]) -> [f64; 2] {
    if low < high {
        return [low, high];
    }
    let margin = (0.1 * low.abs()).max(1e-9);
    [low - margin, low + margin]
}

/// Four to ten round values within a range, multiples of 1, 2 or 5 times a power of ten, and the decimals that they have.
fn round_values([low, high]: [f64; 2]) -> (Vec<f64>, usize) {
    let rough = (high - low) / 8.0;
    let power = rough.log10().floor() as i32;
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * 10_f64.powi(power) >= rough);
    let factor = factor.unwrap_or(10.0);
    let step = factor * 10_f64.powi(power);
    let decimals = (-power - i32::from(factor == 10.0)).max(0);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    // Through whole numbers, so that no value is 0.30000000000000004, and no zero is below 0.
    let value = |index: i64| match decimals {
        0 => (index as f64 * step).round() + 0.0,
        _ => index as f64 * factor / 10_f64.powi(-power) + 0.0,
    };
    ((first..=last).map(value).collect(), decimals as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(range: [f64; 2]) -> Vec<String> {
        Axis::over("", range).ticks().into_iter().map(|(_, told)| told).collect()
    }

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(told([0.0, 8.0]), ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
        assert_eq!(told([118.0, 241.0]), ["120", "140", "160", "180", "200", "220", "240"]);
        assert_eq!(told([71.3, 73.1]), ["71.5", "72.0", "72.5", "73.0"]);
        assert_eq!(told([-0.1, 0.1]), ["-0.10", "-0.05", "0.00", "0.05", "0.10"]);
        assert_eq!(told([0.0, 0.005]), ["0.000", "0.001", "0.002", "0.003", "0.004", "0.005"]);
        assert_eq!(told([0.0, 7.9]).len(), 8);
        assert_eq!(
            Axis::named("", ["a".to_owned(), "b".to_owned()]).ticks(),
            [(0.0, "a".into()), (1.0, "b".into())]
        );
    }

    #[test]
    fn an_axis_has_room_and_a_width() {
        assert_eq!(Axis::around("", [0.0, 100.0], [0.0, 1e9]).range, [0.0, 106.0]);
        assert_eq!(Axis::around("", [f64::NAN], [0.0, 1.0]).range, [0.0, 1.0]);
        let [low, high] = Axis::around("", [5.0], [0.0, 100.0]).range;
        assert!(low < 5.0 && 5.0 < high);
        let [low, high] = Axis::over("", [0.0, 0.0]).range;
        assert!(low < high);
    }

    proptest! {
        #[test]
        fn ticks_are_few_in_order_and_what_they_say(low in -1e5_f64..1e5, width in 1e-6_f64..1e6) {
            let ticks = Axis::over("", [low, low + width]).ticks();
            prop_assert!((3..=11).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(ticks.windows(2).all(|pair| pair[0].0 < pair[1].0));
            for (value, told) in ticks {
                prop_assert!(value >= low - 1e-9 * width && value <= low + width * (1.0 + 1e-9));
                prop_assert!((told.parse::<f64>().unwrap() - value).abs() <= 1e-6 * width, "{told} {value}");
            }
        }
    }
}
