//! Tables: as Markdown that can be read as it stands, and as a part of a page.
//!
//! In: cells, row by row, the header first. Out: columns of even width, names to the left and numbers to the right; or HTML with a caption. Headers and
//! cells of our own stand as they are; a cell from outside is [`Cell::Outside`], which each form escapes in its own way.

use maud::{Markup, html};

/// A cell.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// Words and numbers of our own, as Markdown.
    Ours(String),
    /// A text from outside, as nothing but itself.
    Outside(String),
    /// A number that differs from 0.
    Marked(String),
}

impl Cell {
    pub(crate) fn outside(text: &str) -> Self {
        Self::Outside(text.to_owned())
    }

    fn to_markdown(&self) -> String {
        match self {
            Self::Ours(text) => text.clone(),
            Self::Outside(text) => ts_text::markdown(text),
            Self::Marked(text) => format!("{text} \\*"),
        }
    }

    fn to_html(&self) -> Markup {
        match self {
            Self::Ours(text) => html! { (text) },
            Self::Outside(text) => html! { (ts_text::line(text)) },
            Self::Marked(text) => html! { b { (text) " *" } },
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Ours(text)
    }
}

/// A table.
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|&cell| cell.to_owned()).collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<Cell>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// A part of a page: the table with a caption, in a region of its own that scrolls sideways where the page is narrow.
    pub(crate) fn to_html(&self, caption: &str) -> Markup {
        html! {
            div.scroll role="region" aria-label=(caption) tabindex="0" {
                table {
                    caption { (caption) }
                    thead { tr {
                        @for name in &self.header {
                            @if name.is_empty() { td {} } @else { th scope="col" { (name) } }
                        }
                    } }
                    tbody { @for row in &self.rows { tr {
                        @for (column, cell) in row.iter().enumerate() {
                            @if column == 0 { th scope="row" { (cell.to_html()) } } @else { td { (cell.to_html()) } }
                        }
                    } } }
                }
            }
        }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = self.rows.iter().map(|row| row.iter().map(Cell::to_markdown).collect());
        let rows: Vec<Vec<String>> = std::iter::once(self.header.clone()).chain(rows).collect();
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        for (i, row) in rows.iter().enumerate() {
            write!(f, "|")?;
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
                // Names to the left, numbers to the right.
                if column == 0 { write!(f, " {cell}{pad} |")? } else { write!(f, " {pad}{cell} |")? }
            }
            writeln!(f)?;
            if i == 0 {
                write!(f, "|")?;
                for (column, &width) in widths.iter().enumerate() {
                    let line = "-".repeat(width + 1);
                    if column == 0 { write!(f, "{line}-|")? } else { write!(f, "{line}:|")? }
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let mut table = Table::new(&["", "n"]);
        table.row(["long name".to_owned(), "7".to_owned()]);
        assert_eq!(table.to_string(), "|           | n |\n|-----------|--:|\n| long name | 7 |\n");
    }

    #[test]
    fn a_cell_from_outside_is_text_in_both_forms() {
        let mut table = Table::new(&["", "n"]);
        table.row([Cell::outside("<b>|\u{202e}"), Cell::Marked("7".to_owned())]);
        assert!(table.to_string().contains(r"| \<b\>\|\\u{202e} | 7 \* |"), "{table}");
        let page = table.to_html("Some & others").into_string();
        assert!(page.contains(r#"<th scope="row">&lt;b&gt;|\u{202e}</th><td><b>7 *</b></td>"#), "{page}");
        assert!(page.contains("<caption>Some &amp; others</caption>"), "{page}");
        assert!(page.contains(r#"<tr><td></td><th scope="col">n</th></tr>"#), "{page}");
    }
}
