//! What may stand between the parts of one answer.
//!
//! In: the gap between two boxes or formulas. Out: whether and how it joins them. A gap joins if it holds
//! white space and delimiters of mathematics only, or these and a connective, with at most one other word
//! before it (`\boxed{1} papers and \boxed{2} bins`), and behind it a doubt (`or maybe`), the label of a part
//! (`(b)`), or the name of a value (`y =`). Or it says that both sides are one value ([`sameness`]). What has
//! a sentence between is two answers, of which the last counts.

use crate::Relation;
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
/// Words of doubt; a connective before them joins all the more.
const DOUBTS: &str = "maybe perhaps possibly probably else either alternatively";
/// What the parts of a question are called.
const PARTS: &str = "part question problem case";
/// Words that say that two values are one.
const SAME: &str = "equivalently equals equal namely ie same simplifies simplified";
/// The same, if not exactly.
const NEARLY: &str = "approximately approx about roughly numerically decimal around nearly";
/// Words that may stand beside these.
const COMPANY: &str = "or and which that is in other words as a an to form also can be written value i e so its it it's numerical this the exact answer";
/// Signs that say that two values are one, and whether exactly.
const EQUALS: [(&str, Relation); 12] = [
    ("=", Relation::Same),
    ("\\equiv", Relation::Same),
    ("≈", Relation::Nearly),
    ("\\approx", Relation::Nearly),
    ("\\simeq", Relation::Nearly),
    ("\\cong", Relation::Nearly),
    ("\\sim", Relation::Nearly),
    ("≃", Relation::Nearly),
    ("i.e", Relation::Same),
    ("that is", Relation::Same),
    ("which is", Relation::Same),
    ("in other words", Relation::Same),
];
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
    let (mut is_connected, mut has_word, mut has_label, mut has_stop) = (false, false, false, false);
    let (mut has_line, mut has_blank_line) = (false, false);
    let mut joint = Joint::Loose;
    loop {
        let text = rest.trim_start();
        has_blank_line |= rest[..rest.len() - text.len()].bytes().filter(|byte| *byte == b'\n').count() > 1;
        has_line |= rest[..rest.len() - text.len()].contains('\n');
        rest = text;
        if rest.is_empty() {
            let joins = is_connected || !has_word && !has_blank_line;
            return (joins && (has_label || !has_stop)).then_some(joint);
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
        } else if let Some(after) = strip_any(rest, &[".", "。"]) {
            has_stop = true;
            rest = after;
        } else if open_texts > 0 && rest.starts_with('}') {
            open_texts -= 1;
            rest = &rest[1..];
        } else {
            let (word, after) = split_word(rest);
            if let Some(after) = left_side(rest).filter(|_| is_connected || has_line) {
                is_connected = true;
                rest = after;
                continue;
            } else if is_in(CONNECTIVES, word) {
                (is_connected, joint) = (true, Joint::Word);
            } else if is_connected && is_in(DOUBTS, word) {
                // `or maybe` is `or`.
            } else if let Some(after) = label(rest, &gap[..gap.len() - rest.len()]) {
                (is_connected, has_label) = (true, true);
                rest = after;
                continue;
            } else if word.is_empty() || is_connected || has_word || is_in(REFUSALS, word) {
                return None;
            } else {
                has_word = true;
            }
            rest = after;
        }
    }
}

/// How a gap says that what stands on its two sides is one value, if it does.
pub(crate) fn sameness(gap: &str) -> Option<Relation> {
    if gap.len() > MAX_BYTES {
        return None;
    }
    let (mut rest, mut relation) = (gap, None);
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return relation;
        }
        let equals = EQUALS.iter().find_map(|(sign, said)| Some((rest.strip_prefix(sign)?, *said)));
        if let Some((after, said)) = equals {
            relation = relation.max(Some(said));
            rest = after;
            continue;
        }
        let passed = (strip_any(rest, &DELIMITERS).or_else(|| strip_any(rest, &TEXTS)))
            .or_else(|| strip_any(rest, &[",", ";", ":", "(", ")", ".", "}", "—", "–", "，"]));
        if let Some(after) = passed {
            rest = after;
            continue;
        }
        let (word, after) = split_word(rest);
        if is_in(NEARLY, word) {
            relation = relation.max(Some(Relation::Nearly));
        } else if is_in(SAME, word) {
            relation = relation.max(Some(Relation::Same));
        } else if word.is_empty() || !is_in(COMPANY, word) {
            return None;
        }
        rest = after;
    }
}

/// What follows the label of a part: `(b)` or `Part b:`, on a line of its own or behind a comma.
fn label<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let is_set_off = before.trim_end_matches([' ', '*', '#', '-']).ends_with(['\n', ',', ';', '，', '；']);
    let (name, after) = split_word(text);
    let (is_named, rest) = if is_in(PARTS, name) { (true, after.trim_start()) } else { (false, text) };
    let inside = rest.strip_prefix('(').unwrap_or(rest);
    let length = inside.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let ends = |sign: char| inside[length..].strip_prefix(sign);
    let after = ends(')').or_else(|| ends(':')).or_else(|| ends('.').filter(|_| !is_named || length > 0))?;
    (is_set_off && (1..=3).contains(&length)).then(|| after.strip_prefix(':').unwrap_or(after))
}

/// What follows the name of a value and its sign of equality: `y =`, `x_2 =`.
fn left_side(text: &str) -> Option<&str> {
    let name = text.strip_prefix('\\').unwrap_or(text);
    let (letters, after) = split_word(name);
    let is_name = letters.chars().count() == 1 || name.len() < text.len() && !letters.is_empty();
    let index = after
        .strip_prefix('_')
        .map(|index| index.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '{' | '}')));
    let rest = index.unwrap_or(after).trim_start();
    if is_name { rest.strip_prefix('=') } else { None }
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
