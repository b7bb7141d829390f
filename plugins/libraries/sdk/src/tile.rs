//! Spans that tile a text, from the places where it is cut: what a step splitter answers with.
//!
//! In: a text and its boundaries. Out: spans as `wit/step-splitter.wit` wants them.

use crate::Span;

/// The pieces of `text` between one boundary and the next, none of them empty. Boundaries are byte offsets in
/// ascending order, on character boundaries; both ends of the text are boundaries anyway.
pub fn tile(text: &str, boundaries: impl Iterator<Item = usize>) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut start = 0;
    for end in boundaries.chain([text.len()]) {
        if start < end {
            spans.push(Span { start: start as u32, end: end as u32 });
            start = end;
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiles(text: &str, boundaries: &[usize]) -> Vec<(u32, u32)> {
        tile(text, boundaries.iter().copied()).iter().map(|span| (span.start, span.end)).collect()
    }

    #[test]
    fn pieces_tile_the_text_and_none_is_empty() {
        assert_eq!(tiles("abcdef", &[2, 4]), [(0, 2), (2, 4), (4, 6)]);
        assert_eq!(tiles("abc", &[0, 2, 2, 3]), [(0, 2), (2, 3)]);
        assert_eq!(tiles("abc", &[]), [(0, 3)]);
        assert_eq!(tiles("", &[]), []);
    }
}
