//! What templates write that the engine here does not know, in words that it does.
//!
//! Templates are written for Jinja in Python. Two things that they use are not of the engine's language, and are written otherwise
//! before it reads them: the block `{% generation %}`, with which transformers marks what an assistant says and which changes no text,
//! and `'…' % values`, which formats a literal as Python does.

use std::ops::Range;

/// The template in the engine's words.
pub(super) fn translated(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find('{') {
        let (before, tag) = rest.split_at(start);
        out.push_str(before);
        let end = match tag.as_bytes().get(1) {
            Some(b'#') => tag.find("#}").map(|end| (end + 2, None)),
            Some(b'%') => end_of(tag, "%}").map(|end| (end, Some(&tag[2..end - 2]))),
            Some(b'{') => end_of(tag, "}}").map(|end| (end, Some(&tag[2..end - 2]))),
            _ => Some((1, None)),
        };
        let Some((end, inside)) = end else {
            // Whatever is wrong with it, the engine says.
            out.push_str(tag);
            return out;
        };
        match inside {
            None => out.push_str(&tag[..end]),
            Some(inside) => {
                out.push_str(&tag[..2]);
                match block_name(inside) {
                    Some("generation") => out.push_str(&inside.replace("generation", "if true")),
                    Some("endgeneration") => out.push_str(&inside.replace("endgeneration", "endif")),
                    _ => out.push_str(&formats(inside)),
                }
                out.push_str(&tag[end - 2..end]);
            }
        }
        rest = &tag[end..];
    }
    out.push_str(rest);
    out
}

/// The one word of a block, without its marks for white space.
fn block_name(inside: &str) -> Option<&str> {
    let word = inside.trim_matches(['-', '+']).trim();
    matches!(word, "generation" | "endgeneration").then_some(word)
}

/// Where a tag ends, its closing mark included; a mark within a text is none.
fn end_of(tag: &str, mark: &str) -> Option<usize> {
    let mut at = 2;
    while at < tag.len() {
        if tag[at..].starts_with(mark) {
            return Some(at + mark.len());
        }
        at = after_token(tag, at);
    }
    None
}

/// Where the text or the character at `at` ends.
fn after_token(text: &str, at: usize) -> usize {
    let quote = text.as_bytes()[at];
    if quote != b'\'' && quote != b'"' {
        return at + text[at..].chars().next().map_or(1, char::len_utf8);
    }
    let mut is_escaped = false;
    for (place, c) in text[at + 1..].char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote as char => return at + 1 + place + 1,
            _ => {}
        }
    }
    text.len()
}

/// An expression in which each literal that is formatted by `%` is formatted by the filter of that name.
fn formats(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len());
    let mut at = 0;
    while at < expression.len() {
        let end = after_token(expression, at);
        out.push_str(&expression[at..end]);
        let is_literal = matches!(expression.as_bytes()[at], b'\'' | b'"');
        at = end;
        if !is_literal {
            continue;
        }
        let rest = expression[at..].trim_start();
        let Some(operand) = rest.strip_prefix('%') else { continue };
        let start = expression.len() - operand.trim_start().len();
        let Some(operand) = operand_at(expression, start) else { continue };
        let values = expression[operand.clone()].trim();
        let in_brackets = values.strip_prefix('(').and_then(|values| values.strip_suffix(')'));
        // What is in brackets alone is a tuple; brackets may also only begin and end the operand.
        let is_tuple = in_brackets.is_some() && matching(expression, start) == Some(operand.end);
        let values = if is_tuple { in_brackets.unwrap_or(values) } else { values };
        let values = values.trim().trim_end_matches(',');
        out.push_str("|format(");
        out.push_str(&formats(values));
        out.push(')');
        at = operand.end;
    }
    out
}

/// The operand of an operator: a bracket, a text, a name or a number, and what is looked up in it, called of it, or filtered.
fn operand_at(expression: &str, start: usize) -> Option<Range<usize>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let word_end = |at: usize| expression[at..].find(|c| !is_word(c)).map_or(expression.len(), |n| at + n);
    let mut end = match expression[start..].chars().next()? {
        '(' | '[' | '{' => matching(expression, start)?,
        '\'' | '"' => after_token(expression, start),
        c if is_word(c) => word_end(start),
        _ => return None,
    };
    loop {
        match expression[end..].chars().next() {
            Some('(' | '[') => end = matching(expression, end)?,
            Some('.') => end = word_end(end + 1),
            Some('|') => {
                let name = expression.len() - expression[end + 1..].trim_start().len();
                end = word_end(name);
            }
            _ => return Some(start..end),
        }
    }
}

/// Where the bracket that opens at `start` is closed, that included.
fn matching(expression: &str, start: usize) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, start);
    while at < expression.len() {
        match expression.as_bytes()[at] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at = after_token(expression, at);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generation_block_becomes_one_that_changes_nothing() {
        let source = "{%- generation -%}\n{{ x }}{%+ endgeneration %}{% if generation %}{# {% generation %} #}{% endif %}";
        let expected =
            "{%- if true -%}\n{{ x }}{%+ endif %}{% if generation %}{# {% generation %} #}{% endif %}";
        assert_eq!(translated(source), expected);
    }

    #[test]
    fn a_formatted_literal_becomes_a_filter() {
        for (python, ours) in [
            ("{{ '%s' % x }}", "{{ '%s'|format(x) }}"),
            ("{{ '%s, %02d' % (a.b['c'], 7) ~ 'x' }}", "{{ '%s, %02d'|format(a.b['c'], 7) ~ 'x' }}"),
            ("{{ \"%s\" % (x,) }}", "{{ \"%s\"|format(x) }}"),
            ("{% set y = '%s' % m.content|trim %}", "{% set y = '%s'|format(m.content|trim) %}"),
            ("{{ 'a' ~ '%s' % f(1)[2] ~ 'b' }}", "{{ 'a' ~ '%s'|format(f(1)[2]) ~ 'b' }}"),
            ("{{ '%s' % ('%d' % n) }}", "{{ '%s'|format('%d'|format(n)) }}"),
            ("{{ loop.index0 % 2 == 0 }}", "{{ loop.index0 % 2 == 0 }}"),
            ("{{ '%}' ~ \"}}\" ~ '\\'%' }}{% x %}", "{{ '%}' ~ \"}}\" ~ '\\'%' }}{% x %}"),
            ("a { b } {{ 'é' }} {", "a { b } {{ 'é' }} {"),
            ("{{ 'not closed", "{{ 'not closed"),
            ("{{ '%s' % }}", "{{ '%s' % }}"),
            ("{{ '%s' % (a) + (b) }}", "{{ '%s'|format(a) + (b) }}"),
        ] {
            assert_eq!(translated(python), ours);
        }
    }
}
