//! Values that words join to one in passing: `12 remainder 5`, `3 hours 20 minutes`, `$5$ more than $x$`,
//! `March 5`.
//!
//! In: a text, and the place of a value in it, with its delimiters. Out: the place of the whole, where the
//! words right before or behind the value join it to another or name a month. All other words only say of
//! what a value is.

use std::ops::Range;

use crate::words::is_in;

/// Words around a remainder.
const DIVISION: &str = "remainder rem r with a and of";
/// Words between two values that make one of them.
const RELATIONS: [&str; 6] = ["times", "more than", "less than", "fewer than", "out of", "percent of"];
/// Units and the smaller ones that may follow them.
const UNITS: [(&str, &str); 10] = [
    ("year", "month"),
    ("week", "day"),
    ("day", "hour"),
    ("hour", "minute"),
    ("hr", "min"),
    ("h", "min"),
    ("minute", "second"),
    ("feet foot", "inch"),
    ("pound", "ounce"),
    ("dollar", "cent"),
];
/// Months, in capitals as `may` is a verb.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// What lies between two values is not longer than this many bytes, and neither is a value.
const WINDOW: usize = 40;

/// The place of the whole that a value is a part of.
pub(crate) fn around(text: &str, value: &Range<usize>) -> Option<Range<usize>> {
    day(text, value).or_else(|| behind_another(text, value)).or_else(|| before_another(text, value))
}

/// `March 5`, `5 March`, `5th of March`, with a year perhaps.
fn day(text: &str, value: &Range<usize>) -> Option<Range<usize>> {
    let before = &text[..value.start];
    let is_year = value.len() == 4;
    // `March 5, 2024`
    let day = before.strip_suffix(' ').map(|rest| rest.trim_end_matches(','));
    let digits = |text: &str| text.bytes().rev().take_while(u8::is_ascii_digit).count();
    let before = match day {
        Some(day) if is_year && (1..=2).contains(&digits(day)) => &day[..day.len() - digits(day)],
        _ => before,
    };
    let month = |before: &str| {
        let before = before.strip_suffix(' ')?;
        let month = MONTHS.iter().find(|month| before.ends_with(**month))?;
        Some(before.len() - month.len())
    };
    if let Some(start) = month(before) {
        return Some(start..value.end);
    }
    let after = &text[value.end..];
    let after = ["st", "nd", "rd", "th"].iter().find_map(|end| after.strip_prefix(end)).unwrap_or(after);
    let after = after.strip_prefix(" of").unwrap_or(after).strip_prefix(' ')?;
    let rest = MONTHS.iter().find_map(|month| after.strip_prefix(month))?;
    let is_word = rest.starts_with(char::is_alphabetic);
    (!is_word).then(|| value.start..text.len() - rest.len())
}

/// A value with the one before it that words join it to, and the unit behind.
fn behind_another(text: &str, value: &Range<usize>) -> Option<Range<usize>> {
    let before = &text[text.ceil_char_boundary(value.start.saturating_sub(WINDOW))..value.start];
    let head = before.trim_end_matches(|c: char| c.is_ascii_alphabetic() || matches!(c, ' ' | ','));
    let gap = before[head.len()..].trim_matches([' ', ',']);
    let end = joined_end(text, gap, value)?;
    let start = value.start - before.len() + last_value(head)?;
    Some(start..end)
}

/// The words between two values without delimiters and the command that sets them.
pub(crate) fn bare(gap: &str) -> &str {
    let gap = gap.trim_matches([' ', '$', ',', '~', '\n', '}']);
    let gap = ["\\text{", "\\mathrm{"].iter().find_map(|name| gap.strip_prefix(name)).unwrap_or(gap);
    gap.trim_matches([' ', ','])
}

/// Where a value ends that the words before it join to another; none if they do not.
pub(crate) fn joined_end(text: &str, gap: &str, value: &Range<usize>) -> Option<usize> {
    let words = || gap.split(' ').filter(|word| !word.is_empty());
    let is_division = || {
        words().any(|word| matches!(word, "R" | "r" | "rem" | "remainder"))
            && words().all(|word| is_in(DIVISION, word))
    };
    if is_division() || RELATIONS.contains(&gap) {
        return Some(value.end);
    }
    let unit = gap.strip_suffix(" and").unwrap_or(gap);
    let after = text[value.end..].trim_start_matches([' ', '~']);
    let length = after.bytes().take_while(u8::is_ascii_alphabetic).count();
    let is = |one: &str, word: &str| {
        is_in(one, word)
            || ["s", "es"].iter().any(|end| word.strip_suffix(end).is_some_and(|word| is_in(one, word)))
    };
    let is_compound = UNITS.iter().any(|(large, small)| is(large, unit) && is(small, &after[..length]));
    is_compound.then(|| text.len() - after.len() + length)
}

/// Where the value begins that a text ends with: a formula or digits.
fn last_value(text: &str) -> Option<usize> {
    if let Some(inside) = text.strip_suffix('$') {
        return inside.rfind('$');
    }
    if let Some(inside) = text.strip_suffix("\\)") {
        return inside.rfind("\\(");
    }
    let number = text.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | '/'));
    let is_bound = number.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '^' | '_' | '}'));
    (text.ends_with(|c: char| c.is_ascii_digit()) && !is_bound).then_some(number.len())
}

/// A value with the one behind it that words join it to.
fn before_another(text: &str, value: &Range<usize>) -> Option<Range<usize>> {
    let after = text[value.end..].strip_prefix(' ')?;
    let after = &after[..after.floor_char_boundary(WINDOW)];
    let rest = RELATIONS.iter().find_map(|words| after.strip_prefix(words)?.strip_prefix(' '))?;
    let length = if let Some(inside) = rest.strip_prefix('$') {
        inside.find('$')? + 2
    } else if let Some(inside) = rest.strip_prefix("\\(") {
        inside.find("\\)")? + 4
    } else {
        rest.bytes().take_while(u8::is_ascii_digit).count()
    };
    (length > 0).then(|| value.start..value.end + 1 + after.len() - rest.len() + length)
}
