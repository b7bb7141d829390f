//! A comparison as a picture: accuracy against Len-A, one curve a method.
//!
//! In: [`Compared`]. Out: a plot, as a file ([`Compared::to_svg`]) or for a page. A method's points are joined in the order of their
//! strengths, the weakest by a dashed line to the model before. Bars are the 95 % intervals of the changes from the model before, around the point. What
//! lies outside of the frame, such as truncation to almost nothing, is cut.

use ts_core::bootstrap::Interval;
use ts_core::metrics::Metric;
use ts_plot::{Axis, Colour, Layout, Mark, Place, Plot, Series, Shape, Stroke};

use super::{Compared, Curve, PointOfCurve};
use crate::report::{show, show_interval};

impl Compared {
    /// The plot, SVG.
    pub fn to_svg(&self) -> String {
        self.plot(Layout::Wide).to_svg()
    }

    /// The plot.
    pub(in crate::report) fn plot(&self, layout: Layout) -> Plot {
        let before = [self.baseline.len_all, 100.0 * self.baseline.accuracy];
        let stopped = std::iter::once(before).chain(self.truncated.points.iter().map(place)).collect();
        let mut series = vec![Series {
            name: "model before, stopped".to_owned(),
            colour: Colour::Muted,
            stroke: Stroke::Dotted,
            mark: None,
            shapes: vec![Shape::Line(stopped)],
        }];
        series
            .extend(self.methods.iter().enumerate().map(|(index, method)| self.curve(index, method, before)));
        series.push(Series {
            name: "model before".to_owned(),
            colour: Colour::Ink,
            stroke: Stroke::Solid,
            mark: Some(Mark::Diamond),
            shapes: vec![Shape::Point { at: before, told: format!("model before: {}", told(before)) }],
        });
        let bars: Vec<[Interval; 2]> = self.points().map(|point| bars(point, self)).collect();
        let corners = || std::iter::once(before).chain(self.points().map(place));
        let along = |axis: usize| {
            let ends = bars.iter().flat_map(move |bars| [bars[axis].low, bars[axis].high]);
            corners().map(move |corner| corner[axis]).chain(ends)
        };
        Plot {
            id: "plane",
            title: "Accuracy against length".to_owned(),
            description: self.told(before),
            x: Axis::around("Len-A, tokens", along(0), [0.0, f64::INFINITY]),
            y: Axis::around("Acc, %", along(1), [0.0, 100.0]),
            series,
            layout,
        }
    }

    fn curve(&self, index: usize, method: &Curve, before: Place) -> Series {
        let places: Vec<Place> = method.points.iter().map(place).collect();
        let mut shapes: Vec<Shape> =
            places.first().map(|&weakest| Shape::Dashes(vec![before, weakest])).into_iter().collect();
        if places.len() > 1 {
            shapes.push(Shape::Line(places));
        }
        for point in &method.points {
            let (at, [across, up]) = (place(point), bars(point, self));
            let change = show_interval(Metric::Accuracy, &point.accuracy.difference.interval(), true);
            let (name, strength) = (&method.name, point.strength);
            shapes.push(Shape::Bars { at, x: [across.low, across.high], y: [up.low, up.high] });
            shapes.push(Shape::Point {
                at,
                told: format!(
                    "{name}, strength {strength}: {}; accuracy {change} points from the model before",
                    told(at)
                ),
            });
        }
        let mark = Some(Mark::of(index));
        Series { name: method.name.clone(), colour: Colour::Of(index), stroke: Stroke::Solid, mark, shapes }
    }

    /// What the plot shows, in words.
    fn told(&self, before: Place) -> String {
        let methods = self.methods.iter().map(|method| {
            let points: Vec<String> = method.points.iter().map(|point| told(place(point))).collect();
            format!("{}, {}", method.name, points.join(" and "))
        });
        format!(
            "Accuracy against the mean tokens of a response, on {} problems. The model before has {}. {}. Stopped at budgets, the model before loses accuracy \
             as it is shorter.",
            self.n_problems,
            told(before),
            methods.collect::<Vec<_>>().join("; ")
        )
    }

    fn points(&self) -> impl Iterator<Item = &PointOfCurve> {
        self.methods.iter().flat_map(|method| &method.points)
    }
}

/// Len-A, tokens, and accuracy, per cent.
fn place(point: &PointOfCurve) -> Place {
    [point.summary.len_all, 100.0 * point.summary.accuracy]
}

/// The intervals around a point: in tokens, and in per cent.
fn bars(point: &PointOfCurve, compared: &Compared) -> [Interval; 2] {
    let around = |interval: Interval, origin: f64, factor: f64| {
        let shifted = |value: f64| factor * (origin + value);
        Interval {
            estimate: shifted(interval.estimate),
            low: shifted(interval.low),
            high: shifted(interval.high),
        }
    };
    [
        around(point.length.interval(), compared.baseline.len_all, 1.0),
        around(point.accuracy.difference.interval(), compared.baseline.accuracy, 100.0),
    ]
}

fn told([length, accuracy]: Place) -> String {
    format!("{accuracy:.1} % at {} tokens", show(Metric::LenAll, length, false))
}

#[cfg(test)]
mod tests {
    use super::super::compare;
    use super::super::tests::example;

    /// The example of the comparison's own test; `example.svg` and `example.md` are what was looked at.
    #[test]
    fn the_example_is_drawn_and_written_as_it_was() {
        let compared = compare(&example()).unwrap();
        let svg = compared.to_svg();
        assert!(svg.contains("rival &lt;b&gt;") && !svg.contains("<b>") && !svg.contains("<script"));
        assert_eq!(svg, include_str!("example.svg"));
        assert_eq!(compared.to_markdown(), include_str!("example.md"));
    }
}
