//! A text as one line, or as a page of lines that are ours.
//!
//! In: anything that can be displayed. Out: the same with what is invisible shown, and each line cut after so
//! many characters, with a word on how many are missing. Nothing is collected on the way, so a text of any
//! length costs no memory.

use std::fmt::{self, Display, Write};

use crate::is_invisible;

/// Characters of a line that are shown, before what is invisible is written out.
pub const LONGEST_LINE: usize = 8192;

/// A text as one line: line feeds and tabs are shown too.
///
/// ```
/// assert_eq!(ts_text::line("a\u{1b}[2Jb\nc").to_string(), r"a\u{1b}[2Jb\nc");
/// ```
pub fn line<T: Display>(text: T) -> Line<T> {
    Line { text, at_most: LONGEST_LINE }
}

/// Lines that we made, in which a line feed ends a line; what they were made of should have passed through
/// [`line`] or [`markdown`](crate::markdown()).
pub fn page<T: Display>(text: T) -> Page<T> {
    Page { text }
}

/// See [`line`].
#[derive(Debug, Clone, Copy)]
pub struct Line<T> {
    text: T,
    at_most: usize,
}

impl<T> Line<T> {
    /// The line with another length, characters.
    pub fn at_most(self, at_most: usize) -> Self {
        Self { at_most, ..self }
    }
}

/// See [`page`].
#[derive(Debug, Clone, Copy)]
pub struct Page<T> {
    text: T,
}

impl<T: Display> Display for Line<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = Shown { out: f, at_most: self.at_most, keeps_lines: false, on_line: 0 };
        write!(shown, "{}", self.text)?;
        shown.end_line()
    }
}

impl<T: Display> Display for Page<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = Shown { out: f, at_most: LONGEST_LINE, keeps_lines: true, on_line: 0 };
        write!(shown, "{}", self.text)?;
        shown.end_line()
    }
}

struct Shown<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    at_most: usize,
    keeps_lines: bool,
    /// Characters of this line so far.
    on_line: usize,
}

impl Shown<'_, '_> {
    fn end_line(&mut self) -> fmt::Result {
        match self.on_line.saturating_sub(self.at_most) {
            0 => Ok(()),
            missing => write!(self.out, " … ({missing} characters more)"),
        }
    }
}

impl Write for Shown<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.keeps_lines && c == '\n' {
                self.end_line()?;
                self.on_line = 0;
                self.out.write_char('\n')?;
                continue;
            }
            self.on_line += 1;
            match c {
                _ if self.on_line > self.at_most => {}
                _ if is_invisible(c) => write!(self.out, "{}", c.escape_default())?,
                _ => self.out.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line() {
        let text = "id\n\tgrade 6272 graded\r\u{9b}2J\u{202e}abc\u{7f}";
        assert_eq!(line(text).to_string(), r"id\n\tgrade 6272 graded\r\u{9b}2J\u{202e}abc\u{7f}");
        assert_eq!(line(r"\frac{1}{2} — ä").to_string(), r"\frac{1}{2} — ä");
    }

    #[test]
    fn a_page_keeps_its_lines_and_nothing_else() {
        assert_eq!(page("a\n\tb\u{1b}\r\n").to_string(), "a\n\\tb\\u{1b}\\r\n");
    }

    #[test]
    fn lines_have_a_length() {
        assert_eq!(line("äöü").at_most(3).to_string(), "äöü");
        assert_eq!(line("äöü\n").at_most(2).to_string(), "äö … (2 characters more)");
        let long = "x".repeat(LONGEST_LINE + 3);
        let cut = format!("{} … (3 characters more)", &long[3..]);
        assert_eq!(line(&long).to_string(), cut);
        assert_eq!(page(format!("{long}\nshort\n{long}")).to_string(), format!("{cut}\nshort\n{cut}"));
    }
}
