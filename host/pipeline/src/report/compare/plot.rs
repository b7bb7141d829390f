//! A comparison as a picture: accuracy against Len-A, SVG, one curve a method.
//!
//! In: [`Compared`]. Out: a text that browsers and GitHub show, in the reader's light or dark colours, without scripts. A method's points are joined
//! in the order of their strengths, the weakest by a dashed line to the model before. Bars are the 95 % intervals of the changes from the
//! model before, around the point. What lies outside of the frame, such as truncation to almost nothing, is cut.

use std::fmt::Write;

use ts_core::bootstrap::Interval;
use ts_core::metrics::Metric;

use super::{Compared, Curve, PointOfCurve};
use crate::report::{show, show_interval};

/// Size of the picture, and of its frame, in units that are pixels at first.
const SIZE: [f64; 2] = [860.0, 480.0];
const LEFT: f64 = 64.0;
const RIGHT: f64 = 620.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 424.0;

/// Colours in the light and in the dark, told apart by most who see few (Okabe and Ito, 2008). More methods begin again, with another mark.
const COLOURS: [[&str; 2]; 7] = [
    ["#0072b2", "#56b4e9"],
    ["#d55e00", "#ff9248"],
    ["#007a5a", "#2fd1a2"],
    ["#a8487f", "#e79ac6"],
    ["#8a6d00", "#f0e442"],
    ["#4b4ba0", "#a9a9ff"],
    ["#7a4b2a", "#d9a57b"],
];

/// Characters of a name that the legend shows.
const NAME_CHARACTERS: usize = 28;

impl Compared {
    /// The plot, SVG.
    pub fn to_svg(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_svg(&mut out);
        out
    }

    fn write_svg(&self, out: &mut String) -> std::fmt::Result {
        let frame = Frame::around(self);
        let [width, height] = SIZE;
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">"
        )?;
        writeln!(out, "<title>Accuracy against length</title>")?;
        let names: Vec<String> = self.methods.iter().map(|method| xml(&method.name)).collect();
        writeln!(
            out,
            "<desc>Accuracy in per cent against the mean tokens of a response, on {} problems. Curves: {}; and the model before, stopped at budgets.</desc>",
            self.n_problems,
            names.join(", ")
        )?;
        write_style(out)?;
        writeln!(out, "<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>")?;
        frame.write_axes(out)?;
        writeln!(
            out,
            "<clipPath id=\"frame\"><rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\"/></clipPath>",
            RIGHT - LEFT,
            BOTTOM - TOP
        )?;
        writeln!(out, "<g clip-path=\"url(#frame)\">")?;
        let before = [self.baseline.len_all, 100.0 * self.baseline.accuracy];
        let stopped: Vec<[f64; 2]> =
            std::iter::once(before).chain(self.truncated.points.iter().map(place)).collect();
        writeln!(
            out,
            "<g class=\"muted\"><polyline class=\"line dashes\" points=\"{}\"/></g>",
            frame.points(&stopped)
        )?;
        for (index, method) in self.methods.iter().enumerate() {
            write_curve(out, &frame, index, method, before, self)?;
        }
        let [x, y] = frame.at(before);
        writeln!(out, "<g class=\"ink\"><title>model before: {}</title>{}</g>", told(before), mark(4, x, y))?;
        writeln!(out, "</g>")?;
        self.write_legend(out)?;
        writeln!(out, "</svg>")
    }

    fn write_legend(&self, out: &mut String) -> std::fmt::Result {
        let x = RIGHT + 20.0;
        let mut y = TOP + 10.0;
        let mut entry = |out: &mut String, class: &str, kind: Option<usize>, name: &str| {
            let sign = match kind {
                Some(kind) => mark(kind, x, y),
                None => format!("<path class=\"line dashes\" d=\"M{} {y}h20\"/>", x - 10.0),
            };
            let text = xml(&ts_text::line(name).at_most(NAME_CHARACTERS).to_string());
            let done = writeln!(
                out,
                "<g class=\"{class}\">{sign}</g><text x=\"{}\" y=\"{}\">{text}</text>",
                x + 16.0,
                y + 4.0
            );
            y += 20.0;
            done
        };
        entry(out, "ink", Some(4), "model before")?;
        for (index, method) in self.methods.iter().enumerate() {
            entry(out, &format!("c{}", index % COLOURS.len()), Some(index % 4), &method.name)?;
        }
        entry(out, "muted", None, "model before, stopped")
    }
}

/// Light colours, and dark ones where the reader asks for them.
fn write_style(out: &mut String) -> std::fmt::Result {
    let theme = |which: usize, page: &str, ink: &str, muted: &str, grid: &str| {
        let methods = COLOURS.iter().enumerate().map(|(index, colours)| {
            let colour = colours[which];
            format!(".c{index}{{stroke:{colour};fill:{colour}}}")
        });
        let methods: String = methods.collect();
        format!(
            ".page{{fill:{page}}}text{{fill:{ink}}}.ink{{stroke:{ink};fill:{ink}}}.muted{{stroke:{muted};fill:{muted}}}.grid{{stroke:{grid}}}{methods}"
        )
    };
    let light = theme(0, "#ffffff", "#1f2328", "#6e7781", "#d8dee4");
    let dark = theme(1, "#0d1117", "#e6edf3", "#8b949e", "#30363d");
    writeln!(
        out,
        "<style>text{{font:12px sans-serif;stroke:none}}.line{{fill:none;stroke-width:2}}.dashes{{stroke-width:1.5;stroke-dasharray:4 4}}\
         .bar{{stroke-width:1;opacity:.55}}.end{{text-anchor:end}}.middle{{text-anchor:middle}}\n{light}\n\
         @media (prefers-color-scheme:dark){{{dark}}}</style>"
    )
}

fn write_curve(
    out: &mut String,
    frame: &Frame,
    index: usize,
    method: &Curve,
    before: [f64; 2],
    compared: &Compared,
) -> std::fmt::Result {
    let places: Vec<[f64; 2]> = method.points.iter().map(place).collect();
    writeln!(out, "<g class=\"c{}\">", index % COLOURS.len())?;
    if let Some(&weakest) = places.first() {
        writeln!(out, "<polyline class=\"line dashes\" points=\"{}\"/>", frame.points(&[before, weakest]))?;
    }
    writeln!(out, "<polyline class=\"line\" points=\"{}\"/>", frame.points(&places))?;
    for (point, &at) in method.points.iter().zip(&places) {
        let ([x, y], [across, up]) = (frame.at(at), bars(point, compared));
        let [left, high] = frame.at([across.low, up.high]);
        let [right, low] = frame.at([across.high, up.low]);
        writeln!(out, "<path class=\"bar\" d=\"M{left:.1} {y:.1}H{right:.1}M{x:.1} {low:.1}V{high:.1}\"/>")?;
        let change = show_interval(Metric::Accuracy, &point.accuracy.difference.interval(), true);
        let name = xml(&method.name);
        writeln!(
            out,
            "<g><title>{name}, strength {}: {}; accuracy {change} points from the model before</title>{}</g>",
            point.strength,
            told(at),
            mark(index % 4, x, y)
        )?;
    }
    writeln!(out, "</g>")
}

/// Len-A, tokens, and accuracy, per cent.
fn place(point: &PointOfCurve) -> [f64; 2] {
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

fn told([length, accuracy]: [f64; 2]) -> String {
    format!("{accuracy:.1} % at {} tokens", show(Metric::LenAll, length, false))
}

/// A circle, a square, a triangle, a cross, or a diamond.
fn mark(kind: usize, x: f64, y: f64) -> String {
    match kind {
        0 => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>"),
        1 => format!("<path d=\"M{:.1} {:.1}h8v8h-8z\"/>", x - 4.0, y - 4.0),
        2 => format!("<path d=\"M{:.1} {:.1}l5 9h-10z\"/>", x, y - 5.5),
        3 => format!("<path stroke-width=\"3\" d=\"M{:.1} {:.1}l8 8m0 -8l-8 8\"/>", x - 4.0, y - 4.0),
        _ => format!("<path d=\"M{:.1} {:.1}l6 6l-6 6l-6 -6z\"/>", x, y - 6.0),
    }
}

/// What the frame shows: from and to, in tokens and in per cent.
struct Frame {
    x: [f64; 2],
    y: [f64; 2],
}

impl Frame {
    /// Around the methods, their bars and the model before, and a little more.
    fn around(compared: &Compared) -> Self {
        let mut corners = vec![[compared.baseline.len_all, 100.0 * compared.baseline.accuracy]];
        for point in compared.methods.iter().flat_map(|method| &method.points) {
            let [across, up] = bars(point, compared);
            corners.extend([place(point), [across.low, up.low], [across.high, up.high]]);
        }
        let range = |axis: usize, least: f64, most: f64| {
            let values = corners.iter().map(|corner| corner[axis]);
            let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
            let margin = (0.06 * (high - low)).max(0.5);
            [(low - margin).max(least), (high + margin).min(most)]
        };
        Self { x: range(0, 0.0, f64::INFINITY), y: range(1, 0.0, 100.0) }
    }

    /// Where a place is in the picture.
    fn at(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let share = |value: f64, [low, high]: [f64; 2]| (value - low) / (high - low);
        [LEFT + share(x, self.x) * (RIGHT - LEFT), BOTTOM - share(y, self.y) * (BOTTOM - TOP)]
    }

    fn points(&self, places: &[[f64; 2]]) -> String {
        let one = |place: &[f64; 2]| {
            let [x, y] = self.at(*place);
            format!("{x:.1},{y:.1}")
        };
        places.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn write_axes(&self, out: &mut String) -> std::fmt::Result {
        for value in ticks(self.x) {
            let [x, _] = self.at([value, 0.0]);
            writeln!(
                out,
                "<path class=\"grid\" d=\"M{x:.1} {TOP}V{BOTTOM}\"/><text class=\"middle\" x=\"{x:.1}\" y=\"{}\">{value}</text>",
                BOTTOM + 18.0
            )?;
        }
        for value in ticks(self.y) {
            let [_, y] = self.at([0.0, value]);
            writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/><text class=\"end\" x=\"{}\" y=\"{:.1}\">{value}</text>",
                LEFT - 8.0,
                y + 4.0
            )?;
        }
        writeln!(
            out,
            "<text class=\"middle\" x=\"{}\" y=\"{}\">Len-A, tokens</text>",
            (LEFT + RIGHT) / 2.0,
            BOTTOM + 42.0
        )?;
        writeln!(
            out,
            "<text class=\"middle\" transform=\"translate(18 {})rotate(-90)\">Acc, %</text>",
            (TOP + BOTTOM) / 2.0
        )
    }
}

/// Four to ten round values within a range: multiples of 1, 2 or 5 times a power of ten.
fn ticks([low, high]: [f64; 2]) -> Vec<f64> {
    let rough = (high - low) / 8.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    // Through whole numbers, so that no tick is 0.30000000000000004.
    let shown = |index: i64| (index as f64 * step * 1e6).round() / 1e6;
    (first..=last).map(shown).collect()
}

/// A text as XML has it, on one line.
fn xml(text: &str) -> String {
    let text = ts_text::line(text).to_string();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::compare;
    use super::super::tests::example;
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(ticks([0.0, 8.0]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        assert_eq!(ticks([118.0, 241.0]), [120.0, 140.0, 160.0, 180.0, 200.0, 220.0, 240.0]);
        assert_eq!(ticks([71.3, 73.1]), [71.5, 72.0, 72.5, 73.0]);
        for range in [[0.0, 1.0], [3.0, 97.0], [0.1, 0.9], [1e3, 3e4]] {
            assert!((4..=10).contains(&ticks(range).len()), "{range:?}");
        }
    }

    #[test]
    fn places_are_where_they_should_be() {
        let frame = Frame { x: [100.0, 200.0], y: [50.0, 100.0] };
        assert_eq!(frame.at([100.0, 50.0]), [LEFT, BOTTOM]);
        assert_eq!(frame.at([200.0, 100.0]), [RIGHT, TOP]);
        assert_eq!(frame.at([150.0, 75.0]), [(LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0]);
        assert_eq!(frame.points(&[[100.0, 50.0], [200.0, 100.0]]), "64.0,424.0 620.0,24.0");
    }

    /// The example of the comparison's own test; `example.svg` and `example.md` are what was looked at.
    #[test]
    fn the_example_is_drawn_and_written_as_it_was() {
        let compared = compare(&example()).unwrap();
        let svg = compared.to_svg();
        assert!(svg.contains("rival &lt;b&gt;") && !svg.contains("<b>") && !svg.contains("<script"));
        assert_eq!(svg, include_str!("example.svg"));
        assert_eq!(compared.to_markdown(), include_str!("example.md"));
    }

    #[test]
    fn what_is_not_seen_is_no_part_of_a_name() {
        assert_eq!(xml("a\u{202e}\n\"&b"), r"a\u{202e}\n&quot;&amp;b");
    }
}
