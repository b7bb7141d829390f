//! Which characters a reader cannot see.
//!
//! They are the control characters (general category Cc: C0, DEL, C1), the separators of lines and paragraphs
//! (Zl, Zp), the characters that Unicode 17 lets a display ignore (Default_Ignorable_Code_Point: marks of
//! direction, joiners, variation selectors, tags, fillers), and the formats among the rest (Cf) that draw
//! nothing.
//!
//! Not among them are spaces other than ours, which are seen as spaces, and combining marks, which whole
//! languages are written with.

/// First and last character of each range, in order.
const INVISIBLE: [(char, char); 25] = [
    ('\u{0}', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),       // soft hyphen
    ('\u{34f}', '\u{34f}'),     // grapheme joiner
    ('\u{61c}', '\u{61c}'),     // Arabic letter mark
    ('\u{115f}', '\u{1160}'),   // Hangul fillers
    ('\u{17b4}', '\u{17b5}'),   // Khmer inherent vowels
    ('\u{180b}', '\u{180f}'),   // Mongolian selectors
    ('\u{200b}', '\u{200f}'),   // zero width, directional marks
    ('\u{2028}', '\u{202e}'),   // separators, embeddings, overrides
    ('\u{2060}', '\u{206f}'),   // joiner, invisible operators, isolates, deprecated formats
    ('\u{3164}', '\u{3164}'),   // Hangul filler
    ('\u{fe00}', '\u{fe0f}'),   // variation selectors
    ('\u{feff}', '\u{feff}'),   // byte-order mark
    ('\u{ffa0}', '\u{ffa0}'),   // halfwidth Hangul filler
    ('\u{fff0}', '\u{fffb}'),   // reserved formats, interlinear annotation
    ('\u{fffe}', '\u{ffff}'),   // no characters
    ('\u{110bd}', '\u{110bd}'), // Kaithi number signs
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'), // Egyptian joiners
    ('\u{1bca0}', '\u{1bca3}'), // shorthand formats
    ('\u{1d173}', '\u{1d17a}'), // musical formats
    ('\u{e0000}', '\u{e0fff}'), // tags, variation selectors
    ('\u{f0000}', '\u{ffffd}'), // private use, drawn by no font of ours
    ('\u{100000}', '\u{10ffff}'),
];

/// Whether a reader sees nothing of this character, or less than it does to the text around it.
pub fn is_invisible(c: char) -> bool {
    if matches!(c, ' '..='~') {
        return false;
    }
    let after = INVISIBLE.partition_point(|&(first, _)| first <= c);
    after > 0 && c <= INVISIBLE[after - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_in_order() {
        assert!(INVISIBLE.iter().all(|(first, last)| first <= last));
        assert!(INVISIBLE.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn what_terminals_obey_and_what_hides_is_invisible() {
        let controls = ('\0'..=' ').chain('\u{7f}'..='\u{9f}').filter(|&c| c != ' ');
        let hidden = "\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\
                      \u{feff}\u{fe0f}\u{3164}\u{fffb}\u{e0001}\u{e0041}\u{e01ef}";
        assert!(controls.chain(hidden.chars()).all(is_invisible));
    }

    #[test]
    fn letters_marks_and_spaces_are_seen() {
        let seen = "az ~äß∑字क\u{94d}ष ا\u{64b} 👍\u{a0}\u{3000}\u{fffd}\u{e000}";
        assert!(!seen.chars().any(is_invisible));
    }
}
