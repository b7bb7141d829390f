//! Byte ranges that a plugin points at, checked against the text that it was given.
//!
//! In: spans from a guest, and the text. Out: ranges that can be used to slice it without a panic.
//!
//! Nothing is mended: a span that is off by one is refused, not moved.

use std::ops::Range;

use crate::contract::bindings::ts_host::plugin::types::Span;

/// The span as a range into `text`: in order, inside, and on character boundaries.
pub(crate) fn range(span: Span, text: &str) -> Result<Range<usize>, String> {
    let range = span.start as usize..span.end as usize;
    match text.get(range.clone()) {
        Some(_) => Ok(range),
        None => Err(format!(
            "span {}..{} is not a part of the text of {} bytes",
            span.start,
            span.end,
            text.len()
        )),
    }
}

/// The spans as ranges that tile `text`: none empty, each beginning where the one before ends.
pub(crate) fn tiles(spans: &[Span], text: &str) -> Result<Vec<Range<usize>>, String> {
    let mut at = 0;
    let mut ranges = Vec::with_capacity(spans.len());
    for (index, span) in spans.iter().enumerate() {
        let range = range(*span, text)?;
        if range.start != at || range.is_empty() {
            return Err(format!(
                "step {index} is {}..{}, where one from {at} on was due",
                span.start, span.end
            ));
        }
        at = range.end;
        ranges.push(range);
    }
    if at != text.len() {
        return Err(format!("the steps end at byte {at}, the text at {}", text.len()));
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(start: u32, end: u32) -> Span {
        Span { start, end }
    }

    #[test]
    fn only_parts_of_the_text_pass() {
        assert_eq!(range(span(0, 2), "äb"), Ok(0..2));
        assert_eq!(range(span(3, 3), "äb"), Ok(3..3));
        for bad in [span(1, 2), span(0, 4), span(2, 0), span(u32::MAX, u32::MAX)] {
            assert!(range(bad, "äb").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn tiles_have_no_gap_no_overlap_and_no_rest() {
        assert_eq!(tiles(&[], ""), Ok(vec![]));
        assert_eq!(tiles(&[span(0, 1), span(1, 3)], "abc"), Ok(vec![0..1, 1..3]));
        let bad: [&[Span]; 5] =
            [&[], &[span(0, 2)], &[span(1, 3)], &[span(0, 2), span(1, 3)], &[span(0, 0), span(0, 3)]];
        for spans in bad {
            assert!(tiles(spans, "abc").is_err(), "{spans:?}");
        }
    }

    proptest! {
        #[test]
        fn accepted_tiles_concatenate_to_the_text(text in "[aé☃\n]{0,12}", cuts in proptest::collection::vec(0u32..40, 0..6)) {
            let length = text.len() as u32;
            let mut cuts: Vec<u32> = cuts.into_iter().map(|cut| cut % (length + 1)).chain([0, length]).collect();
            cuts.sort_unstable();
            let spans: Vec<Span> = cuts.windows(2).map(|pair| span(pair[0], pair[1])).collect();
            if let Ok(ranges) = tiles(&spans, &text) {
                let joined: String = ranges.into_iter().map(|range| &text[range]).collect();
                prop_assert_eq!(joined, text);
            }
        }
    }
}
