//! What may stand between the parts of one answer.
//!
//! In: the gap between two boxes or formulas. Out: whether and how it joins them. A gap joins if it holds white
//! space and delimiters of mathematics only, or these and a connective, with at most one other word before it
//! (`\boxed{1} papers and \boxed{2} bins`). Left out on purpose: sentences; what has a sentence between is two
//! answers, of which the last counts.

use crate::words::{is_in, split_word};

/// What a gap may hold without saying anything.
const DELIMITERS: [&str; 20] = [
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "\\qquad",
    "\\quad",
    "\\,",
    "\\;",
    "\\:",
    "\\!",
    "\\ ",
    "\\\\",
    "\\left",
    "\\right",
    "$",
    "~",
    "*",
    "\\displaystyle",
    "\\{",
    "\\}",
];
/// Commands whose argument is text.
const TEXTS: [&str; 6] = ["\\textbf{", "\\textrm{", "\\text{", "\\mathrm{", "\\mbox{", "\\textnormal{"];
/// Signs that set apart, and join what stands on their sides into a list.
const COMMAS: [&str; 5] = [",", ";", "，", "；", "、"];
/// Signs that join as words do.
const SIGNS: [&str; 4] = ["\\&", "&", "和", "或"];
/// Words that join.
const CONNECTIVES: &str = "and or und oder et ou y o e 及";
/// Words that take back what stands before them.
const REFUSALS: &str = "no not wait but oops";
/// No gap is longer than this many bytes.
pub(crate) const MAX_BYTES: usize = 160;

/// By what a gap joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joint {
    /// White space, or a word that a comma sets off.
    Loose,
    /// A comma or its like.
    Comma,
    /// `and` or its like.
    Word,
}

/// Whether a gap joins what stands on its two sides.
pub(crate) fn joins(gap: &str) -> bool {
    joint(gap).is_some()
}

/// How a gap joins what stands on its two sides, if it does.
pub(crate) fn joint(gap: &str) -> Option<Joint> {
    if gap.len() > MAX_BYTES {
        return None;
    }
    let (mut rest, mut open_texts) = (gap, 0);
    let (mut is_connected, mut has_word, mut has_blank_line) = (false, false, false);
    let mut joint = Joint::Loose;
    loop {
        let text = rest.trim_start();
        has_blank_line |= rest[..rest.len() - text.len()].bytes().filter(|byte| *byte == b'\n').count() > 1;
        rest = text;
        if rest.is_empty() {
            return (is_connected || !has_word && !has_blank_line).then_some(joint);
        }
        if let Some(after) = strip_any(rest, &DELIMITERS) {
            rest = after;
        } else if let Some(after) = strip_any(rest, &TEXTS) {
            open_texts += 1;
            rest = after;
        } else if let Some(after) = strip_any(rest, &COMMAS) {
            is_connected = true;
            joint = if joint == Joint::Loose && !has_word { Joint::Comma } else { joint };
            rest = after;
        } else if let Some(after) = strip_any(rest, &SIGNS) {
            (is_connected, joint) = (true, Joint::Word);
            rest = after;
        } else if open_texts > 0 && rest.starts_with('}') {
            open_texts -= 1;
            rest = &rest[1..];
        } else {
            let (word, after) = split_word(rest);
            if is_in(CONNECTIVES, word) {
                (is_connected, joint) = (true, Joint::Word);
            } else if word.is_empty() || is_connected || has_word || is_in(REFUSALS, word) {
                return None;
            } else {
                has_word = true;
            }
            rest = after;
        }
    }
}

fn strip_any<'a>(text: &'a str, list: &[&str]) -> Option<&'a str> {
    list.iter().find_map(|prefix| text.strip_prefix(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps() {
        for gap in [
            "",
            ", ",
            "$ and $",
            "$, \\(",
            " papers and ",
            " \\quad \\text{and} \\quad ",
            "、",
            "\n",
            ";\n\n",
            " oder ",
        ] {
            assert!(joins(gap), "{gap}");
        }
        let kinds = [("$, $", Joint::Comma), (", $and$ ", Joint::Word), (" cm and ", Joint::Word)];
        for (gap, kind) in kinds.into_iter().chain([(" so, ", Joint::Loose), (" ", Joint::Loose)]) {
            assert_eq!(joint(gap), Some(kind), "{gap}");
        }
        for gap in
            [" no, finally ", " no, ", " papers ", ". ", " and then ", "\n\n", " is at least ", "}{", " = "]
        {
            assert!(!joins(gap), "{gap}");
        }
    }
}
