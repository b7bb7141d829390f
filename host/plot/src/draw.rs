//! From a plot to SVG.

use maud::{Markup, PreEscaped, html};

use crate::frame::{ENTRY, Frame};
use crate::style::{N_COLOURS, style};
use crate::{Colour, Mark, Place, Plot, Series, Shape, Stroke};

/// Characters of a name that the legend shows: as many as the layout has room for.
const NAME_CHARACTERS: [usize; 2] = [28, 52];

impl Plot {
    /// A file of its own.
    pub fn to_svg(&self) -> String {
        let head = html! { style { (PreEscaped(style())) } };
        format!("{}\n", self.draw(&head).into_string())
    }

    /// A part of a page, which has [`style`] in its head.
    pub fn inline(&self) -> Markup {
        self.draw(&html! {})
    }

    fn draw(&self, head: &Markup) -> Markup {
        let frame = Frame::of(self);
        let Frame { width, height, left, right, top, bottom, .. } = frame;
        let [title, description, clip] =
            ["title", "description", "frame"].map(|part| format!("{}-{part}", self.id));
        html! {
            svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height)
                role="img" aria-labelledby=(title) aria-describedby=(description) {
                title id=(title) { (line(&self.title)) }
                desc id=(description) { (line(&self.description)) }
                (head)
                rect class="paper" width=(width) height=(height) {} "\n"
                (self.axes(&frame))
                clipPath id=(clip) { rect x=(left) y=(top) width=(right - left) height=(bottom - top) {} } "\n"
                g clip-path={ "url(#" (clip) ")" } {
                    @for series in &self.series {
                        g class=(class(series.colour)) { @for shape in &series.shapes { (draw_shape(shape, series, &frame)) } } "\n"
                    }
                }
                (self.legend(&frame))
            }
        }
    }

    fn axes(&self, frame: &Frame) -> Markup {
        let Frame { left, right, top, bottom, .. } = *frame;
        html! {
            @for (value, told) in self.x.ticks() {
                @let [x, _] = frame.at([value, 0.0]);
                path class="grid" d=(format!("M{x:.1} {top}V{bottom}")) {}
                text class="middle" x=(tenth(x)) y=(bottom + 18.0) { (line(&told).at_most(12)) } "\n"
            }
            @for (value, told) in self.y.ticks() {
                @let [_, y] = frame.at([0.0, value]);
                path class="grid" d=(format!("M{left} {y:.1}H{right}")) {}
                text class="end" x=(left - 8.0) y=(tenth(y + 4.0)) { (line(&told).at_most(12)) } "\n"
            }
            text class="middle" x=((left + right) / 2.0) y=(bottom + 42.0) { (line(&self.x.label)) }
            text class="middle" transform={ "translate(18 " ((top + bottom) / 2.0) ")rotate(-90)" } { (line(&self.y.label)) } "\n"
        }
    }

    fn legend(&self, frame: &Frame) -> Markup {
        let [x, first] = frame.legend;
        let at_most = NAME_CHARACTERS[usize::from(frame.width < 500.0)];
        let named = self.series.iter().filter(|series| !series.name.is_empty());
        html! {
            @for (index, series) in named.enumerate() {
                @let y = first + ENTRY * index as f64;
                @let has_line = series.shapes.iter().any(|shape| matches!(shape, Shape::Line(_) | Shape::Rule(_)));
                g class=(class(series.colour)) {
                    @if has_line || series.mark.is_none() {
                        path class=(stroke(series.stroke)) d=(format!("M{} {y}h26", x - 13.0)) {}
                    }
                    @if let Some(mark) = series.mark { (draw_mark(mark, [x, y])) }
                }
                text x=(x + 20.0) y=(y + 4.0) { (line(&series.name).at_most(at_most)) } "\n"
            }
        }
    }
}

fn draw_shape(shape: &Shape, series: &Series, frame: &Frame) -> Markup {
    match shape {
        Shape::Line(places) => {
            html! { polyline class=(stroke(series.stroke)) points=(points(places, frame)) {} }
        }
        Shape::Dashes(places) => html! { polyline class="line dashes" points=(points(places, frame)) {} },
        Shape::Band { low, high } => {
            let around: Vec<Place> = low.iter().chain(high.iter().rev()).copied().collect();
            html! { polygon class="band" points=(points(&around, frame)) {} }
        }
        Shape::Area(places) => {
            let places: Vec<Place> =
                places.iter().copied().filter(is_finite).map(|at| frame.at(at)).collect();
            let (Some(first), Some(last)) = (places.first(), places.last()) else { return html! {} };
            let around = [&[[first[0], frame.bottom]], &places[..], &[[last[0], frame.bottom]]].concat();
            html! { polygon class="area" points=(drawn(&around)) {} }
        }
        Shape::Bars { at, x, y } => {
            let [[across, up], [left, low], [right, high]] =
                [*at, [x[0], y[0]], [x[1], y[1]]].map(|place| frame.at(place));
            if ![across, up, left, low, right, high].iter().all(|value| value.is_finite()) {
                return html! {};
            }
            html! { path class="bar" d=(format!("M{left:.1} {up:.1}H{right:.1}M{across:.1} {low:.1}V{high:.1}")) {} }
        }
        Shape::Point { at, .. } if !is_finite(at) => html! {},
        Shape::Point { at, told } => html! {
            g { title { (line(told)) } (draw_mark(series.mark.unwrap_or(Mark::Circle), frame.at(*at))) }
        },
        Shape::Rule(x) => {
            let [x, _] = frame.at([*x, 0.0]);
            html! { path class=(stroke(series.stroke)) d=(format!("M{x:.1} {}V{}", frame.top, frame.bottom)) {} }
        }
    }
}

fn draw_mark(mark: Mark, [x, y]: Place) -> Markup {
    match mark {
        Mark::Circle => html! { circle cx=(tenth(x)) cy=(tenth(y)) r="4.5" {} },
        Mark::Square => html! { path d=(format!("M{:.1} {:.1}h8v8h-8z", x - 4.0, y - 4.0)) {} },
        Mark::Triangle => html! { path d=(format!("M{:.1} {:.1}l5 9h-10z", x, y - 5.5)) {} },
        Mark::Cross => {
            html! { path stroke-width="3" d=(format!("M{:.1} {:.1}l8 8m0 -8l-8 8", x - 4.0, y - 4.0)) {} }
        }
        Mark::Diamond => html! { path d=(format!("M{:.1} {:.1}l6 6l-6 6l-6 -6z", x, y - 6.0)) {} },
    }
}

fn points(places: &[Place], frame: &Frame) -> String {
    drawn(&places.iter().copied().filter(is_finite).map(|at| frame.at(at)).collect::<Vec<_>>())
}

fn drawn(places: &[Place]) -> String {
    places.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}

fn is_finite(place: &Place) -> bool {
    place.iter().all(|value| value.is_finite())
}

fn tenth(value: f64) -> String {
    format!("{value:.1}")
}

fn class(colour: Colour) -> String {
    match colour {
        Colour::Ink => "ink".to_owned(),
        Colour::Muted => "muted".to_owned(),
        Colour::Of(index) => format!("c{}", index % N_COLOURS),
    }
}

fn stroke(stroke: Stroke) -> &'static str {
    match stroke {
        Stroke::Solid => "line",
        Stroke::Dashed => "line dashed",
        Stroke::Dotted => "line dotted",
    }
}

/// A text on one line, with what is invisible in it shown; `html!` escapes it.
fn line(text: &str) -> ts_text::Line<&str> {
    ts_text::line(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Layout};

    fn plot(shapes: Vec<Shape>) -> Plot {
        let series = Series {
            name: "a".into(),
            colour: Colour::Of(8),
            stroke: Stroke::Dashed,
            mark: Some(Mark::Cross),
            shapes,
        };
        Plot {
            id: "p",
            title: "t".into(),
            description: "d".into(),
            x: Axis::over("x", [0.0, 556.0]),
            y: Axis::over("y", [0.0, 400.0]),
            series: vec![series],
            layout: Layout::Wide,
        }
    }

    /// A frame in which a unit is a pixel: x from 64, y up from 424.
    #[test]
    fn shapes_by_hand() {
        let svg = plot(vec![
            Shape::Line(vec![[0.0, 0.0], [f64::NAN, 1.0], [10.0, 20.0]]),
            Shape::Band { low: vec![[0.0, 1.0], [2.0, 1.0]], high: vec![[0.0, 3.0], [2.0, 3.0]] },
            Shape::Area(vec![[1.0, 5.0], [2.0, 6.0]]),
            Shape::Bars { at: [10.0, 10.0], x: [8.0, 12.0], y: [5.0, 15.0] },
            Shape::Rule(6.0),
        ])
        .to_svg();
        for part in [
            r#"<g class="c1"><polyline class="line dashed" points="64.0,424.0 74.0,404.0">"#,
            r#"<polygon class="band" points="64.0,423.0 66.0,423.0 66.0,421.0 64.0,421.0">"#,
            r#"<polygon class="area" points="65.0,424.0 65.0,419.0 66.0,418.0 66.0,424.0">"#,
            r#"<path class="bar" d="M72.0 414.0H76.0M74.0 419.0V409.0">"#,
            r#"<path class="line dashed" d="M70.0 24V424">"#,
            r#"role="img" aria-labelledby="p-title" aria-describedby="p-description""#,
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    #[test]
    fn text_from_outside_is_text() {
        let hostile = "</svg><script>x\u{202e}\n\"";
        let mut plot = plot(vec![Shape::Point { at: [1.0, 1.0], told: hostile.into() }]);
        plot.series[0].name = hostile.into();
        (plot.title, plot.description) = (hostile.into(), hostile.into());
        plot.x = Axis::named(hostile, [hostile.to_owned()]);
        let svg = plot.to_svg();
        assert_eq!(svg.matches("<script").count(), 0);
        assert_eq!(svg.matches("</svg>").count(), 1);
        assert!(!svg.contains('\u{202e}'));
        assert_eq!(svg.matches(r"&lt;/svg&gt;&lt;script&gt;x\u{202e}\n&quot;").count(), 5, "{svg}");
    }
}
