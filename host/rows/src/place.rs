//! Where in a file a row stands.

use std::fmt;

/// A row's place, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// A line of JSON lines, or the line of a CSV file on which the row begins.
    Line(usize),
    /// An item of a JSON list.
    Item(usize),
    /// A row of a parquet file.
    Row(usize),
}

impl Place {
    /// The number, from 1.
    pub fn number(self) -> usize {
        match self {
            Self::Line(number) | Self::Item(number) | Self::Row(number) => number,
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Line(_) => "line",
            Self::Item(_) => "item",
            Self::Row(_) => "row",
        }
    }

    /// As an identifier: `line-7`.
    pub fn id(self) -> String {
        format!("{}-{}", self.kind(), self.number())
    }

    /// After the name of a file: `:7`, or `, row 7`.
    pub fn after_name(self) -> String {
        match self {
            Self::Line(number) => format!(":{number}"),
            other => format!(", {other}"),
        }
    }
}

/// In a sentence: `line 7`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.number())
    }
}
