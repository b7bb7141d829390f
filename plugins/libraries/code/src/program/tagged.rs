//! Programs between tags that are not fences: prompts of data sets ask for them.
//!
//! A tag may have attributes, and be written in small letters or large ones. One that is never closed holds
//! all that follows; one that is never opened holds all before, as the prompt opened it. Between tags of
//! HTML, `&lt;` and its like are what they stand for.
//!
//! In: a text. Out: the inside of those pairs that look like a program.

use super::{Program, shape};
use crate::language::Language;

/// How a pair of tags opens and closes. Those of HTML open without their last letter, as attributes may
/// follow.
const TAGS: &[(&str, &[&str])] = &[
    ("[python]", &["[/python]"]),
    ("[code]", &["[/code]"]),
    ("[solution]", &["[/solution]"]),
    ("[answer]", &["[/answer]"]),
    ("[begin]", &["[done]", "[end]"]),
    ("<code", &["</code>"]),
    ("<pre", &["</pre>"]),
    ("<python", &["</python>"]),
    ("<javascript", &["</javascript>"]),
    ("<script", &["</script>"]),
    ("<answer", &["</answer>"]),
    ("<solution", &["</solution>"]),
    ("<program", &["</program>"]),
    ("<final_answer", &["</final_answer>"]),
];
const ENTITIES: &[(&str, &str)] = &[
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#39;", "'"),
    ("&#x27;", "'"),
    ("&apos;", "'"),
    ("&amp;", "&"),
];

/// The programs between tags, first to last.
pub(super) fn programs(text: &str, language: &Language) -> Vec<Program> {
    if !text.contains(['<', '[']) {
        return Vec::new();
    }
    let lower = text.to_ascii_lowercase();
    let mut found: Vec<_> = TAGS.iter().filter_map(|tags| last(text, &lower, tags, language)).collect();
    found.sort_by_key(|program| (program.place.start, program.place.end));
    found
}

/// The last program between tags of one kind. `lower` is the text in small letters.
fn last(text: &str, lower: &str, (open, closes): &(&str, &[&str]), language: &Language) -> Option<Program> {
    let start = last_opened(lower, open);
    let start = match start {
        Some(start) => start,
        None => {
            closes.iter().any(|close| lower.contains(close)).then_some(())?;
            0
        }
    };
    let end = closes.iter().filter_map(|close| lower[start..].find(close)).min();
    let end = end.map_or(text.len(), |end| start + end);
    let lead = text[start..end].len() - text[start..end].trim_start().len();
    let start = text[start..start + lead].rfind('\n').map_or(start, |at| start + at + 1);
    let place = start..(start + text[start..end].trim_end().len());
    let is_html = open.starts_with('<');
    let program = if is_html { unescaped(&text[place.clone()]) } else { text[place.clone()].to_owned() };
    shape::is_program(&program, language).then_some(Program { text: program, place })
}

/// Where the inside of the last tag of a kind begins.
fn last_opened(lower: &str, open: &str) -> Option<usize> {
    if open.ends_with(']') {
        return lower.rfind(open).map(|at| at + open.len());
    }
    lower.rmatch_indices(open).find_map(|(at, _)| {
        let rest = &lower[at + open.len()..];
        let end = rest.find(['>', '\n', '<'])?;
        let is_tag = rest[end..].starts_with('>') && (end == 0 || rest.starts_with(' '));
        is_tag.then_some(at + open.len() + end + 1)
    })
}

/// Text as HTML shows it, if it is escaped: if it has no bare `<` and `&`.
fn unescaped(text: &str) -> String {
    let is_escaped = ENTITIES.iter().any(|(entity, _)| text.contains(entity)) && !text.contains('<');
    let bare = text.matches('&').count();
    let entities: usize = ENTITIES.iter().map(|(entity, _)| text.matches(entity).count()).sum();
    if !is_escaped || bare != entities {
        return text.to_owned();
    }
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, meant)| text.replace(entity, meant))
}
