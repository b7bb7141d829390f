//! What a normalised text says: a number, a list, a tuple, or just a text.
//!
//! In: a text from [`crate::normalise`]. Out: a [`Value`], and the name that it is assigned to, if any. Left
//! out on purpose: expressions. What is none of the first three is a text without its spaces.

use crate::normalise::ROW_END;
use crate::rational::Rational;

/// Tuples and lists nested deeper than this are read as texts.
const MAX_DEPTH: usize = 8;

/// Words after a number that are mathematics, not units.
const NOT_UNITS: [&str; 12] =
    ["and", "or", "to", "pi", "sin", "cos", "tan", "log", "ln", "exp", "sqrt", "mod"];

/// An answer, such as `x = 5 \text{ cm}`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// The left side of its equals sign, without spaces: `x`.
    pub(crate) name: Option<String>,
    /// What it says: 5 cm.
    pub(crate) value: Value,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A number with its unit, if one is written.
    Number(Rational, Option<String>),
    /// Values separated by commas, or in braces: their order says nothing.
    List(Vec<Answer>),
    /// Values in brackets: the order and the brackets matter. A matrix is a tuple of its rows.
    Tuple(char, Vec<Answer>, char),
    /// Anything else, without spaces; words in lower case.
    Text(String),
}

impl Answer {
    /// Reads a normalised text.
    pub(crate) fn parse(text: &str) -> Self {
        Self::parse_nested(text, 0)
    }

    fn parse_nested(text: &str, depth: usize) -> Self {
        let text = text.trim();
        if let Some((left, right)) = text.split_once('=')
            && is_name(left)
            && !right.contains('=')
            && !right.trim().is_empty()
            && items(text).len() == 1
        {
            return Answer { name: Some(without_spaces(left)), value: Value::parse(right.trim(), depth) };
        }
        Answer { name: None, value: Value::parse(text, depth) }
    }
}

impl Value {
    fn parse(text: &str, depth: usize) -> Self {
        if let Some(number) = number(text) {
            return number;
        }
        if depth < MAX_DEPTH {
            let nested = |list: Vec<&str>| -> Vec<Answer> {
                list.into_iter().map(|item| Answer::parse_nested(item, depth + 1)).collect()
            };
            if let Some(inside) = text.strip_prefix("\\{").and_then(|text| text.strip_suffix("\\}")) {
                return Value::List(nested(items(inside)));
            }
            if let Some(rows) = matrix(text) {
                let rows = rows
                    .into_iter()
                    .map(|row| Answer { name: None, value: Value::Tuple('[', nested(row), ']') });
                return Value::Tuple('[', rows.collect(), ']');
            }
            let parts = items(text);
            if parts.len() > 1 {
                return Value::List(nested(parts));
            }
            if let Some((open, inside, close)) = bracketed(text) {
                let parts = items(inside);
                if parts.len() > 1 {
                    return Value::Tuple(open, nested(parts), close);
                }
                if open == '(' && close == ')' {
                    return Value::parse(inside.trim(), depth + 1);
                }
            }
        }
        Value::Text(plain_text(text))
    }
}

/// A number, alone or before its unit.
fn number(text: &str) -> Option<Value> {
    if let Some(number) = Rational::parse(text) {
        return Some(Value::Number(number, None));
    }
    if let Some(share) = text.strip_suffix('%') {
        return Some(Value::Number(Rational::parse(share)?, Some("%".to_owned())));
    }
    let unit_at =
        text.char_indices().find(|(at, c)| *at > 0 && c.is_alphabetic() && text[..*at].ends_with(' '))?.0;
    let unit = text[unit_at..].trim();
    let first_word = unit.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    if first_word.chars().count() < 2 || NOT_UNITS.contains(&first_word) || unit.contains(['\\', '=', ',']) {
        return None;
    }
    let unit = match unit {
        "percent" | "pct" => "%".to_owned(),
        other => without_spaces(other).to_lowercase(),
    };
    Some(Value::Number(Rational::parse(&text[..unit_at])?, Some(unit)))
}

/// Whether a text is a name to assign to: a letter, with an index or an argument at most.
fn is_name(text: &str) -> bool {
    let text = text.trim();
    let rest = text.strip_prefix(|c: char| c.is_ascii_alphabetic()).or_else(|| {
        let command = text.strip_prefix('\\')?;
        let name = command.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        (name.len() < command.len()).then_some(name)
    });
    let is_suffix = |rest: &str| {
        let argument = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let index = rest.strip_prefix('_').map(|index| index.trim_matches(['{', '}']));
        rest.is_empty()
            || argument
                .or(index)
                .is_some_and(|inside| !inside.is_empty() && inside.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    rest.is_some_and(is_suffix)
}

/// The parts between commas and semicolons that stand in no brackets.
fn items(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut depth = 0_i32;
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b',' | b';' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The entries of a matrix, row by row. An empty last row, as after a final `\\\\`, is none.
fn matrix(text: &str) -> Option<Vec<Vec<&str>>> {
    let inside = text.strip_prefix("\\begin{matrix}")?.strip_suffix("\\end{matrix}")?;
    let rows = inside.trim().trim_end_matches(ROW_END).split(ROW_END);
    Some(rows.map(|row| row.split('&').collect()).collect())
}

/// A text in one pair of brackets that belong together: `(1, 2]`, but not `(1)(2)`.
fn bracketed(text: &str) -> Option<(char, &str, char)> {
    let open = text.chars().next().filter(|c| matches!(c, '(' | '['))?;
    let close = text.chars().next_back().filter(|c| matches!(c, ')' | ']'))?;
    let mut depth = 0_i32;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 && at + 1 < text.len() {
            return None;
        }
    }
    (text.len() >= 2).then(|| (open, &text[1..text.len() - 1], close))
}

/// A text without spaces, without braces around single characters, and in lower case if it is words alone.
fn plain_text(text: &str) -> String {
    let is_words = text.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '-' | '\''));
    if is_words {
        return text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    }
    let characters: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        plain.push(c);
        at += 1;
        if matches!(c, '^' | '_') && characters.get(at) == Some(&'{') && characters.get(at + 2) == Some(&'}')
        {
            plain.push(characters[at + 1]);
            at += 3;
        }
    }
    plain
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Answer::parse(text).value
    }

    fn whole(number: i128, unit: Option<&str>) -> Value {
        Value::Number(Rational::new(number, 1).unwrap(), unit.map(str::to_owned))
    }

    #[test]
    fn numbers_carry_units() {
        assert_eq!(value("18 dollars"), whole(18, Some("dollars")));
        assert_eq!(value("28%"), whole(28, Some("%")));
        assert_eq!(value("28 percent"), whole(28, Some("%")));
        assert_eq!(value("15  cm^2"), whole(15, Some("cm^2")));
        for text in ["2 pi", "3 x", "3ab", "4\\sqrt{2}"] {
            assert!(matches!(value(text), Value::Text(_)), "{text}");
        }
    }

    #[test]
    fn names_are_told_from_equations() {
        assert_eq!(Answer::parse("x = 5"), Answer { name: Some("x".to_owned()), value: whole(5, None) });
        assert_eq!(Answer::parse("f(x)=5").name.as_deref(), Some("f(x)"));
        assert_eq!(Answer::parse("x_{1} = 5").name.as_deref(), Some("x_{1}"));
        assert_eq!(Answer::parse("2x = 5").name, None);
        assert_eq!(Answer::parse("x = y = 5").name, None);
    }

    #[test]
    fn lists_and_tuples() {
        assert!(matches!(value("1, 0"), Value::List(list) if list.len() == 2));
        assert!(matches!(value("\\{1,2,3\\}"), Value::List(list) if list.len() == 3));
        assert!(matches!(value("[2, 5)"), Value::Tuple('[', list, ')') if list.len() == 2));
        assert!(matches!(value("(x+1)(x-1)"), Value::Text(_)));
        assert_eq!(value("(B)"), Value::Text("b".to_owned()));
        assert_eq!(value("1,234"), whole(1234, None));
    }

    #[test]
    fn texts_lose_their_spaces() {
        assert_eq!(value("x ^{2} + 1_{2}"), Value::Text("x^2+1_2".to_owned()));
        assert_eq!(value("Saint  Evelyn"), Value::Text("saint evelyn".to_owned()));
    }
}
