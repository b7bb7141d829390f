//! One notation for what can be written in several.
//!
//! Removed: the mathematics delimiters, sizes and spaces of LaTeX, currency signs, a final full stop.
//! Rewritten: `\dfrac` and its like and `\frac12` to `\frac{1}{2}`, `\times` and `\cdot` to `*`, Unicode
//! signs to ASCII or LaTeX, `\text{…}` to its content, degrees to the word, brackets of matrices to one kind,
//! synonyms to one name.
//!
//! In: an answer or a reference. Out: the same in plainer notation; spaces between words stay. Left out on
//! purpose: meaning; that is [`crate::value`]'s.

/// Longer texts stay as they are: no answer in a data set comes near, and the rewriting may take a pass for
/// each rule.
pub(crate) const MAX_BYTES: usize = 4096;

/// Stands for the end of a row of a matrix: a control character, which no answer holds.
pub(crate) const ROW_END: char = '\u{1e}';
const ROW_END_TEXT: &str = "\u{1e}";

/// Plain replacements, in this order.
const REPLACEMENTS: [(&str, &str); 65] = [
    // Rows of a matrix, before `\\ ` is taken for a space.
    ("\\\\", ROW_END_TEXT),
    ("\\cr", ROW_END_TEXT),
    // Unicode.
    ("−", "-"),
    ("–", "-"),
    ("×", "*"),
    ("·", "*"),
    ("÷", "/"),
    ("≤", "\\le "),
    ("≥", "\\ge "),
    ("≠", "\\ne "),
    ("∞", "\\infty "),
    ("π", "\\pi "),
    ("√", "\\sqrt "),
    ("°", " degrees"),
    ("½", "\\frac{1}{2}"),
    ("¼", "\\frac{1}{4}"),
    ("¾", "\\frac{3}{4}"),
    ("∪", "\\cup "),
    // Degrees, currency, percent.
    ("^{\\circ}", " degrees"),
    ("^\\circ", " degrees"),
    ("\\degree", " degrees"),
    ("\\$", ""),
    ("$", ""),
    ("€", ""),
    ("£", ""),
    ("\\%", "%"),
    // Thousands separators, before spaces go.
    ("{,}", ","),
    (",\\! ", ","),
    (",\\!", ","),
    // Sizes and spaces.
    ("\\left", ""),
    ("\\right", ""),
    ("\\bigl", ""),
    ("\\bigr", ""),
    ("\\big", ""),
    ("\\Big", ""),
    ("\\displaystyle", ""),
    ("\\limits", ""),
    ("\\!", ""),
    ("\\,", ""),
    ("\\;", " "),
    ("\\:", " "),
    ("\\ ", " "),
    ("\\qquad", " "),
    ("\\quad", " "),
    ("~", " "),
    ("&=", "="),
    // Synonyms.
    ("\\dfrac", "\\frac"),
    ("\\tfrac", "\\frac"),
    ("\\cfrac", "\\frac"),
    ("\\times", "*"),
    ("\\cdot", "*"),
    ("\\leq", "\\le"),
    ("\\geq", "\\ge"),
    ("\\neq", "\\ne"),
    ("<=", "\\le "),
    (">=", "\\ge "),
    ("{pmatrix}", "{matrix}"),
    ("{bmatrix}", "{matrix}"),
    ("\\lbrace", "\\{"),
    ("\\rbrace", "\\}"),
    // Delimiters.
    ("\\(", ""),
    ("\\)", ""),
    ("\\[", ""),
    ("\\]", ""),
    ("**", ""),
];

/// Commands that only change how their content looks.
const WRAPPERS: [&str; 10] =
    ["text", "textbf", "textit", "textrm", "mathrm", "mathbf", "mathit", "mbox", "operatorname", "boxed"];

/// The text in one notation. Empty if nothing but formatting was in it.
pub(crate) fn normalise(text: &str) -> String {
    let text = text.trim();
    if text.len() > MAX_BYTES {
        return text.to_owned();
    }
    let mut plain: String = text.chars().map(half_width).collect();
    for (from, to) in REPLACEMENTS {
        if plain.contains(from) {
            plain = replace_command(&plain, from, to);
        }
    }
    let mut plain = with_braced_arguments(&unwrapped(&plain));
    if plain.bytes().any(|byte| byte.is_ascii_digit()) {
        // `3 and 5` is a list; among words, `and` is a word.
        plain = plain.replace(" and ", ", ");
    }
    plain.trim_end_matches(['.', ',', ';', ':', ' ', '\n']).trim().to_owned()
}

/// Replaces every `from`. A command of letters is not replaced inside a longer one: `\le` stays in `\left`.
fn replace_command(text: &str, from: &str, to: &str) -> String {
    let is_command = from.starts_with('\\') && from.ends_with(|c: char| c.is_ascii_alphabetic());
    if !is_command {
        return text.replace(from, to);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let after = &rest[at + from.len()..];
        out.push_str(&rest[..at]);
        out.push_str(if after.starts_with(|c: char| c.is_ascii_alphabetic()) { from } else { to });
        rest = after;
    }
    out + rest
}

/// Full-width digits and signs of East Asian typography, as ASCII.
fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{a0}' | '\t' | '\r' | '\n' => ' ',
        other => other,
    }
}

/// Replaces `\text{…}` and its like by a space and their content, at any depth, in one pass.
fn unwrapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut closes_wrapper = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = wrapper(rest) {
            closes_wrapper.push(true);
            out.push(' ');
            rest = &rest[length..];
            continue;
        }
        let mut length = c.len_utf8();
        let mut keep = true;
        match c {
            '\\' => length += rest[1..].chars().next().map_or(0, char::len_utf8),
            '{' => closes_wrapper.push(false),
            '}' => keep = !closes_wrapper.pop().unwrap_or(false),
            _ => {}
        }
        if keep {
            out.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    out
}

/// The length of a wrapper's command and brace, if the text starts with one.
fn wrapper(text: &str) -> Option<usize> {
    let command = text.strip_prefix('\\')?;
    let name_length = command.find(|c: char| !c.is_ascii_alphabetic())?;
    let is_wrapper = WRAPPERS.contains(&&command[..name_length]) && command[name_length..].starts_with('{');
    is_wrapper.then_some(1 + name_length + 1)
}

/// Puts the arguments of `\frac` and `\sqrt` into braces where they are single characters: `\frac12`, `\sqrt2`.
fn with_braced_arguments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let next = [("\\frac", 2), ("\\sqrt", 1)]
            .into_iter()
            .filter_map(|(command, arguments)| rest.find(command).map(|at| (at, command, arguments)))
            .min();
        let Some((at, command, arguments)) = next else {
            return out + rest;
        };
        out.push_str(&rest[..at + command.len()]);
        rest = &rest[at + command.len()..];
        for _ in 0..arguments {
            let trimmed = rest.trim_start();
            match trimmed.chars().next() {
                Some(c) if c.is_ascii_alphanumeric() => {
                    out.extend(['{', c, '}']);
                    rest = &trimmed[1..];
                }
                Some('{') => {
                    let length = group_length(trimmed);
                    out.push_str(&trimmed[..length]);
                    rest = &trimmed[length..];
                }
                _ => break,
            }
        }
    }
}

/// The length of the group in braces that a text starts with; of the whole text if it is not closed.
fn group_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_notation() {
        for (text, expected) in [
            ("$\\dfrac34$", "\\frac{3}{4}"),
            ("\\$1{,}250.", "1,250"),
            ("32,\\! 349", "32,349"),
            ("15\\mbox{ cm}^2", "15  cm^2"),
            ("30^\\circ", "30 degrees"),
            ("\\left( 3 ,\\ -2 \\right)", "( 3 , -2 )"),
            ("x \\leq 5", "x \\le 5"),
            ("\\leftarrow", "\\leftarrow"),
            ("\\[ \\boxed{\\textbf{(B)}} \\]", "(B)"),
            ("\\frac{1}{\\sqrt2}", "\\frac{1}{\\sqrt2}"),
            ("√2", "\\sqrt{2}"),
            ("４２", "42"),
            ("−7", "-7"),
            ("3 and 5", "3, 5"),
            ("Tom and Ann", "Tom and Ann"),
            ("$$", ""),
        ] {
            assert_eq!(normalise(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_normalised(text in "(\\\\frac|\\\\sqrt|\\\\text\\{|\\\\|\\{|\\}|[1aπ $.]){0,30}") {
            normalise(&text);
        }
    }
}
