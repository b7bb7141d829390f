//! Text that comes from a plugin, made fit to be shown to people.
//!
//! In: anything a guest says (a note, a refusal, a log message). Out: about so many bytes of it, cut on a
//! character boundary, with what nobody sees written out (`\u{1b}`) except tab and line feed, which a note
//! for a program may hold; a terminal shows those too. So a plugin can neither flood a report nor send escape
//! sequences to a terminal.

/// Longest note, refusal or reason that is kept, bytes.
pub(crate) const SENTENCE_BYTES: usize = 2000;

/// The text with what is invisible written out, cut after `max_bytes` with a mark that it was.
pub(crate) fn clean(text: &str, max_bytes: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max_bytes) + 8);
    for c in text.chars() {
        if out.len() + c.len_utf8() > max_bytes {
            out.push_str(" …");
            break;
        }
        match c {
            '\n' | '\t' => out.push(c),
            _ if ts_text::is_invisible(c) => out.extend(c.escape_unicode()),
            _ => out.push(c),
        }
    }
    out
}

/// [`clean`] with the length of a sentence.
pub(crate) fn sentence(text: &str) -> String {
    clean(text, SENTENCE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_written_out_and_cuts_respect_characters() {
        assert_eq!(clean("a\u{1b}[31mb\tc\n\u{9b}\u{202e}", 100), "a\\u{1b}[31mb\tc\n\\u{9b}\\u{202e}");
        assert_eq!(clean("\0\0\0", 3), "\\u{0} …");
        assert_eq!(clean("äöü", 3), "ä …"); // 2 bytes each: 3 cuts inside the second
        assert_eq!(clean("äöü", 6), "äöü");
    }
}
