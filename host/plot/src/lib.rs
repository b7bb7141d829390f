//! Plots as SVG: axes, lines, bands, bars, points and a legend, in the reader's light or dark colours, without scripts.
//!
//! In: a [`Plot`], series of shapes in the units of its two axes. Out: [`Plot::to_svg`], a file that browsers and GitHub show, or
//! [`Plot::inline`], the same for a page that has [`style`] in its head. A plot says what it shows in words too, for those who do not see
//! it: its title and its description. No colour stands alone: series differ in their marks or in how their lines are broken. What is not a finite
//! number is left out, what lies outside of the axes is cut, and text from outside is shown as what it is (`ts_text`).

mod axis;
mod draw;
mod frame;
mod style;

pub use axis::Axis;
pub use style::{N_COLOURS, style};

/// Where a point is, in the units of the two axes.
pub type Place = [f64; 2];

/// A plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Begins the names of its parts: in a page, no other plot has it. Letters, digits and `-`.
    pub id: &'static str,
    /// What it is.
    pub title: String,
    /// What it shows, in words.
    pub description: String,
    /// From left to right.
    pub x: Axis,
    /// From the bottom up.
    pub y: Axis,
    /// The first is drawn first.
    pub series: Vec<Series>,
    /// How it is laid out.
    pub layout: Layout,
}

/// How a plot is laid out, in units that are pixels at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// 860 wide, the legend to the right.
    Wide,
    /// 440 wide, the legend above.
    Column,
}

/// Shapes of one colour, with one entry in the legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend calls it; empty: it is not in the legend.
    pub name: String,
    /// Its colour.
    pub colour: Colour,
    /// How its lines are broken.
    pub stroke: Stroke,
    /// What its points look like, and its entry in the legend; none: a line.
    pub mark: Option<Mark>,
    /// What is drawn, the first first.
    pub shapes: Vec<Shape>,
}

/// A colour, in the light and in the dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// That of text.
    Ink,
    /// Grey.
    Muted,
    /// One of [`N_COLOURS`], from the first again behind the last.
    Of(usize),
}

/// How a line is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// Not at all.
    Solid,
    /// In dashes.
    Dashed,
    /// In dots.
    Dotted,
}

/// What a point looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A circle.
    Circle,
    /// A square.
    Square,
    /// A triangle.
    Triangle,
    /// A cross.
    Cross,
    /// A diamond.
    Diamond,
}

impl Mark {
    /// One of the first four, from the first again behind the last: the diamond is free for what stands apart.
    pub fn of(index: usize) -> Self {
        [Self::Circle, Self::Square, Self::Triangle, Self::Cross][index % 4]
    }
}

/// Something to draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A line through places.
    Line(Vec<Place>),
    /// The same, thin and dashed whatever the series' stroke is.
    Dashes(Vec<Place>),
    /// What is between two lines.
    Band {
        /// The lower line.
        low: Vec<Place>,
        /// The upper line.
        high: Vec<Place>,
    },
    /// What is between a line and the bottom.
    Area(Vec<Place>),
    /// The intervals around a place, across and up; one of no width is not seen.
    Bars {
        /// The place.
        at: Place,
        /// From and to, along x.
        x: [f64; 2],
        /// From and to, along y.
        y: [f64; 2],
    },
    /// A point, and what is said of it to whoever points at it.
    Point {
        /// The place.
        at: Place,
        /// What it is.
        told: String,
    },
    /// A line from the bottom to the top at this x.
    Rule(f64),
}

/// The outline of a histogram: values at the middle of bins become steps that begin and end at the bottom.
///
/// `edges` are the ends of the bins, one more than `heights`.
pub fn steps(edges: &[f64], heights: &[f64]) -> Vec<Place> {
    let mut places = Vec::with_capacity(2 * heights.len() + 2);
    places.extend(edges.first().map(|&first| [first, 0.0]));
    for (bin, &height) in edges.windows(2).zip(heights) {
        places.extend([[bin[0], height], [bin[1], height]]);
    }
    places.extend(edges.last().map(|&last| [last, 0.0]));
    places
}
