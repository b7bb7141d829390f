//! Tables in Markdown that can be read as they stand.
//!
//! In: cells, row by row, the header first. Out: text with columns of even width, names to the left and
//! numbers to the right. Nothing is escaped: a cell from outside comes as `ts_text::markdown`.

/// A Markdown table with columns wide enough to read as it stands.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        for (i, row) in self.rows.iter().enumerate() {
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
        table.row(["long name".into(), "7".into()]);
        assert_eq!(table.to_string(), "|           | n |\n|-----------|--:|\n| long name | 7 |\n");
    }
}
