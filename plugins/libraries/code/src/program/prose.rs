//! What distinguishes a line of prose from one of a program.
//!
//! In no program do two names, or a name after a closed bracket, stand side by side; in prose most words do.
//! A line of a program ends in no full stop, calls are not assigned to, and there are no dashes, arrows or
//! quotation marks outside its texts.
//!
//! In: a line. Out: whether it is surely prose. A line of one word may be either.

use super::words::{after_text, is_word};
use crate::language::Language;

/// Words of Python that stand beside a name.
const PYTHON: &[&str] = &[
    "and", "as", "assert", "async", "await", "case", "class", "def", "del", "elif", "else", "except", "for",
    "from", "global", "if", "import", "in", "is", "lambda", "match", "nonlocal", "not", "or", "raise",
    "return", "type", "while", "with", "yield",
];
/// Words of JavaScript that stand beside a name.
const JAVASCRIPT: &[&str] = &[
    "as",
    "async",
    "await",
    "case",
    "catch",
    "class",
    "const",
    "default",
    "delete",
    "do",
    "else",
    "export",
    "extends",
    "for",
    "from",
    "function",
    "get",
    "if",
    "import",
    "in",
    "instanceof",
    "let",
    "new",
    "of",
    "return",
    "set",
    "static",
    "throw",
    "typeof",
    "var",
    "void",
    "while",
    "yield",
];

/// What was read last.
#[derive(PartialEq)]
enum Last {
    /// A name, a number, a text or a closed bracket: what no name follows.
    Thing,
    /// A bracket closed that a call ends, at the outer level.
    Call,
    Other,
}

/// Whether a line is surely prose.
pub(super) fn is_prose(line: &str, language: &Language) -> bool {
    let (words, is_python) = match language {
        Language::Python => (PYTHON, true),
        _ => (JAVASCRIPT, false),
    };
    let begins_function = ["def ", "async ", ")"].iter().any(|begin| line.starts_with(begin));
    let (mut rest, mut last, mut depth, mut has_gap) = (line, Last::Other, 0_usize, false);
    let mut is_statement_s_first = true;
    while let Some(c) = rest.chars().next() {
        let comment = if is_python { rest.starts_with('#') } else { rest.starts_with("//") };
        if comment {
            break;
        }
        if is_word(c) {
            let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
            rest = &rest[word.len()..];
            let is_prefix = word.len() <= 2 && word.chars().all(|c| "rbfutRBFUT".contains(c));
            if is_prefix && is_python && rest.starts_with(['"', '\'']) {
                last = Last::Other; // of a text
                continue;
            }
            let is_number = c.is_ascii_digit();
            let is_word_of_language = words.contains(&word);
            if last != Last::Other && has_gap && !is_number && !is_word_of_language {
                return true;
            }
            if is_python && rest.starts_with(['"', '\'']) && !is_word_of_language {
                return true; // an apostrophe
            }
            last = if is_word_of_language { Last::Other } else { Last::Thing };
            has_gap = false;
            continue;
        }
        match c {
            ' ' | '\t' => has_gap = true,
            '"' | '\'' | '`' if !(is_python && c == '`') => {
                rest = after_text(&rest[1..], c);
                (last, has_gap) = (Last::Thing, false);
                continue;
            }
            '(' | '[' | '{' => {
                depth += 1;
                last = Last::Other;
            }
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                let is_call = c == ')' && depth == 0 && is_statement_s_first;
                last = match c {
                    '}' if !is_python => Last::Other,
                    ')' if !is_python => Last::Other,
                    _ if is_call => Last::Call,
                    _ => Last::Thing,
                };
            }
            '=' if is_python && last == Last::Call && !rest.starts_with("==") => return true,
            '-' if is_python && rest.starts_with("->") && !begins_function => return true,
            '=' if is_python && rest.starts_with("=>") => return true,
            '!' if is_python && !rest.starts_with("!=") => return true,
            '?' | '`' if is_python => return true,
            '.' if last == Last::Thing && is_end(&rest[1..]) && !ends_in_digit(line, rest) => return true,
            ',' if depth == 0 => {
                is_statement_s_first = false;
                last = Last::Other;
            }
            c if !c.is_ascii() => return true,
            _ => last = Last::Other,
        }
        if !matches!(c, ' ' | '\t') {
            has_gap = false;
        }
        rest = &rest[c.len_utf8()..];
    }
    false
}

fn is_end(rest: &str) -> bool {
    rest.trim().is_empty() || rest.starts_with(' ')
}

/// Whether a digit stands before the rest of a line: `1.` is a number.
fn ends_in_digit(line: &str, rest: &str) -> bool {
    line[..line.len() - rest.len()].ends_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_told_from_programs() {
        for line in [
            "This function doubles its argument.",
            "return the list",
            "for each number: add it",
            "Here's the code:",
            "f(3) returns 9",
            "f(3) = 9",
            "f(3) -> 9",
            "f(2) → 4",
            "sort it.",
            "Hope this helps!",
            "**Explanation:** this doubles",
            "这个函数返回两倍。",
            "import the list",
            "`f` doubles",
            "Time complexity: O(n)",
        ] {
            assert!(is_prose(line, &Language::Python), "{line}");
        }
        for line in [
            "def f(x: int) -> int:",
            "def f(self, x: Optional[int] = None) -> Dict[str, int]:",
            "return 2*x if x is not None else 0",
            "x = [i for i in a if i not in b]",
            "print('It is the end.')",
            "print(f\"{a} and {b}\", end='')",
            "from a.b import c as d",
            "x = 1.",
            "x = lambda a, b=2: a",
            "with open('x') as f:",
            "raise ValueError('no') from None",
            "x, y = f(1), g(2) # the two of them",
            "a[i], a[j] = a[j], a[i]",
            "match x:",
            "x = 'a' f\"{b}\" r'c'",
            "from . import a",
            "a = b @ c",
            "print(x, *y, sep=', ', end=\"it's\")",
            "@cache",
            "assert f(2) == 4, 'not so'",
            "d.get(k, [])[0] = 1",
            "if not(x) and(y): pass",
            "x: int = 3",
            "f(x)[0] = 2",
            "π = 3",
        ] {
            assert!(!is_prose(line, &Language::Python), "{line}");
        }
        for line in [
            "const f = async (x) => x;",
            "return new Map();",
            "} else {",
            "if (a) return b;",
            "for (const a of b) c();",
        ] {
            assert!(!is_prose(line, &Language::JavaScript), "{line}");
        }
        assert!(is_prose("Let us sort it;", &Language::JavaScript));
    }
}
