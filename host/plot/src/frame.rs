//! Where places are in a picture.

use crate::{Layout, Place, Plot};

/// A picture's size, its frame, and where its legend begins; all in units that are pixels at first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    /// The middle of the sign of the legend's first entry.
    pub(crate) legend: [f64; 2],
    /// The values at the frame's edges.
    x: [f64; 2],
    y: [f64; 2],
}

/// From one entry of the legend to the next.
pub(crate) const ENTRY: f64 = 20.0;

impl Frame {
    pub(crate) fn of(plot: &Plot) -> Self {
        let n_entries = plot.series.iter().filter(|series| !series.name.is_empty()).count() as f64;
        let (x, y) = (plot.x.range, plot.y.range);
        match plot.layout {
            Layout::Wide => Self {
                width: 860.0,
                height: f64::max(480.0, 34.0 + ENTRY * n_entries),
                left: 64.0,
                right: 620.0,
                top: 24.0,
                bottom: 424.0,
                legend: [640.0, 34.0],
                x,
                y,
            },
            Layout::Column => {
                let top = 12.0 + ENTRY * n_entries;
                let bottom = top + 240.0;
                Self {
                    width: 440.0,
                    height: bottom + 50.0,
                    left: 64.0,
                    right: 424.0,
                    top,
                    bottom,
                    legend: [78.0, 12.0],
                    x,
                    y,
                }
            }
        }
    }

    /// Where a place is in the picture.
    pub(crate) fn at(&self, [x, y]: Place) -> Place {
        let share = |value: f64, [low, high]: [f64; 2]| (value - low) / (high - low);
        [
            self.left + share(x, self.x) * (self.right - self.left),
            self.bottom - share(y, self.y) * (self.bottom - self.top),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Axis;

    #[test]
    fn places_are_where_they_should_be() {
        let plot = Plot {
            id: "a",
            title: String::new(),
            description: String::new(),
            x: Axis::over("", [100.0, 200.0]),
            y: Axis::over("", [50.0, 100.0]),
            series: Vec::new(),
            layout: Layout::Wide,
        };
        for layout in [Layout::Wide, Layout::Column] {
            let frame = Frame::of(&Plot { layout, ..plot.clone() });
            assert_eq!(frame.at([100.0, 50.0]), [frame.left, frame.bottom]);
            assert_eq!(frame.at([200.0, 100.0]), [frame.right, frame.top]);
            assert_eq!(
                frame.at([150.0, 75.0]),
                [(frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0]
            );
        }
    }
}
