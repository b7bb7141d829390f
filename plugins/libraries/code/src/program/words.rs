//! The words and texts in a line of a program, which both languages write alike.
//!
//! In: a line, or the rest of one. Out: where a word or a text in it ends.

/// Whether a character may be part of a name.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What follows a text within a line, whose first quote is read.
pub(super) fn after_text(text: &str, quote: char) -> &str {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == quote || c == '\n' {
            return &text[at + 1..];
        }
        if c == '\\' {
            chars.next();
        }
    }
    ""
}
