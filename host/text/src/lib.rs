//! Text that came from outside, made fit for people to read: on a terminal, in a log, in a report.
//!
//! A name, a note or a message may hold characters that a terminal obeys, that turn the direction of what
//! follows, or that nobody sees. Here each is shown as what it is, `\u{1b}`, and every other character stays.
//! One function for each place that a text goes to:
//!
//! | to | function | line feeds |
//! |---|---|---|
//! | one line of a terminal or a log | [`line`] | shown, `\n` |
//! | several lines that we made | [`page`] | kept |
//! | a cell or a sentence of Markdown | [`markdown`] | shown |
//! | code in a cell of Markdown | [`markdown_code`] | shown |
//! | a JSON document | [`json`] | kept; the document means the same |
//! | a TOML document | [`toml`] | escaped; the value is the same |
//!
//! Look-alikes are not shown as such. A backslash stays one, so a text can spell out an escape; it cannot be
//! one.
//!
//! Beside them [`hexadecimal`], which writes digests, [`json_fault`], which says what is wrong with a line of JSON, and [`nearest`], which guesses what a misspelt name was meant to be.

mod document;
mod hexadecimal;
mod invisible;
mod json_fault;
mod line;
mod markdown;
mod nearest;

pub use document::{json, toml};
pub use hexadecimal::hexadecimal;
pub use invisible::is_invisible;
pub use json_fault::json_fault;
pub use line::{LONGEST_LINE, Line, Page, line, page};
pub use markdown::{markdown, markdown_code};
pub use nearest::nearest;
