//! Text that comes from a plugin, made fit to be shown to people.
//!
//! In: anything a guest says (a note, a refusal, a log message). Out: at most so many bytes of it, cut on a
//! character boundary, without control characters except tab and line feed, so that a plugin can
//! neither flood a report nor send escape sequences to a terminal.
//!
//! Left out on purpose: judging what it says.

/// Longest note, refusal or reason that is kept, bytes.
pub(crate) const SENTENCE_BYTES: usize = 2000;

/// The text without control characters, cut after `max_bytes` with a mark that it was.
pub(crate) fn clean(text: &str, max_bytes: usize) -> String {
    let kept = &text[..text.floor_char_boundary(max_bytes)];
    let mut out: String =
        kept.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect();
    if kept.len() < text.len() {
        out.push_str(" …");
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
    fn control_characters_are_replaced_and_cuts_respect_characters() {
        assert_eq!(clean("a\u{1b}[31mb\tc\n", 100), "a\u{fffd}[31mb\tc\n");
        assert_eq!(clean("äöü", 3), "ä …"); // 2 bytes each: 3 cuts inside the second
        assert_eq!(clean("äöü", 6), "äöü");
    }
}
