//! Reasoning and the other parts of a response that stand between tags.
//!
//! In: a text. Out: where its reasoning ends, and what `<answer>…</answer>` holds. Left out on purpose: tags of
//! other names, attributes, and nesting; models are trained on these very strings.

use std::ops::Range;

use crate::words::trimmed;

/// Where the text after the reasoning begins: behind the last `</think>`, or at the start.
pub(crate) fn end(response: &str) -> usize {
    let is_closed = response.contains("</think>"); // much faster than a search from the end
    let last = if is_closed { last_tag(response, "</think>") } else { None };
    last.map_or(0, |at| at + "</think>".len())
}

/// Whether a text after the reasoning opens another that it does not close.
pub(crate) fn is_open(tail: &str) -> bool {
    tail.contains("<think>")
}

/// The text after the reasoning; none if more reasoning is opened there and never closed.
pub fn after_reasoning(response: &str) -> Option<Range<usize>> {
    let start = end(response);
    (!is_open(&response[start..])).then_some(start..response.len())
}

/// The last line after the reasoning that is not blank, white space behind it left out; none as for
/// [`after_reasoning`], or if every line is blank.
pub fn last_line(response: &str) -> Option<Range<usize>> {
    let tail = after_reasoning(response)?;
    let end = tail.start + response[tail.clone()].trim_end().len();
    let start = response[tail.start..end].rfind('\n').map_or(tail.start, |at| tail.start + at + 1);
    (start < end).then_some(start..end)
}

/// The inside of the last `<answer>…</answer>` that holds something.
pub(crate) fn tagged(text: &str) -> Option<Range<usize>> {
    if !text.contains("</answer>") {
        return None;
    }
    let mut end = text.len();
    while let Some(close) = last_tag(&text[..end], "</answer>") {
        let open = last_tag(&text[..close], "<answer>")?;
        let place = trimmed(text, open + "<answer>".len()..close);
        if !place.is_empty() {
            return Some(place);
        }
        end = open;
    }
    None
}

/// Where a tag stands last. One byte is sought, which is fast, and the rest compared.
pub(crate) fn last_tag(text: &str, tag: &str) -> Option<usize> {
    let mut end = text.len();
    while let Some(at) = text[..end].rfind('<') {
        if text.as_bytes()[at..].starts_with(tag.as_bytes()) {
            return Some(at);
        }
        end = at;
    }
    None
}
