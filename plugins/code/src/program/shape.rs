//! What a program looks like.
//!
//! A text without a fence is a program if every line could begin a statement, or goes on with one, and one of them is
//! surely none of English. For a block the same holds: an untagged one may hold output.
//!
//! In: a text and a language. Out: whether it looks like a program, and whether it defines a function. Left out on purpose:
//! syntax. A program that does not compile is one all the same, and is judged as such.

use crate::language::Language;

/// Begin statements that end in a colon, or go on.
const COMPOUND: &[&str] = &[
    "def", "class", "if", "elif", "else", "for", "while", "try", "except", "finally", "with", "async",
    "match", "case",
];
/// Begin statements of one line.
const SIMPLE: &[&str] = &[
    "import", "return", "yield", "raise", "pass", "break", "continue", "global", "nonlocal", "assert", "del",
    "await", "lambda",
];
/// Begin lines of JavaScript.
const JAVASCRIPT: &[&str] = &[
    "function", "const", "let", "var", "class", "return", "if", "else", "for", "while", "do", "switch",
    "case", "import", "export", "async", "await", "throw", "try", "catch", "finally", "break", "continue",
    "default", "new",
];

/// Whether a text looks like a program.
pub(super) fn is_program(text: &str, language: &Language) -> bool {
    match language {
        Language::Python => is_python(text),
        Language::JavaScript => is_javascript(text),
        Language::Other(_) => false,
    }
}

/// Whether a text is a session at Python's prompt.
pub(super) fn is_session(text: &str) -> bool {
    text.trim_start().starts_with(">>>")
}

/// Whether a line of a text defines a function, or a method, of that name.
pub(super) fn defines(text: &str, name: &str, language: &Language) -> bool {
    text.lines().any(|line| {
        let code = line.trim_start();
        let is_outer = code.len() == line.len();
        match language {
            Language::Python => {
                let code = code.strip_prefix("async ").map_or(code, str::trim_start);
                let defined = code.strip_prefix("def ").or(code.strip_prefix("class "));
                defined.is_some_and(|rest| after_name(rest.trim_start(), name).is_some())
                    || (is_outer && is_assigned(code, name))
            }
            _ => {
                let defined = ["function ", "async function ", "const ", "let ", "var ", "class "];
                let defined = defined.iter().find_map(|word| code.strip_prefix(word)).unwrap_or(code);
                after_name(defined.trim_start(), name).is_some_and(|rest| {
                    defined.len() < code.len()
                        || is_assigned(code, name)
                        || (rest.starts_with('(') && code.ends_with('{'))
                })
            }
        }
    })
}

/// What follows a name at the start of a text.
fn after_name<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name).filter(|rest| !rest.starts_with(is_word)).map(str::trim_start)
}

fn is_assigned(code: &str, name: &str) -> bool {
    after_name(code, name).is_some_and(|rest| rest.starts_with('=') && !rest.starts_with("=="))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_python(text: &str) -> bool {
    let mut scanner = Scanner::default();
    let mut is_sure = false;
    for line in text.lines() {
        let goes_on = scanner.goes_on();
        scanner.read(line);
        scanner.read("\n");
        let code = line.trim();
        if goes_on || code.is_empty() {
            continue;
        }
        let Some(sure) = python_line(code, scanner.goes_on()) else { return false };
        is_sure |= sure;
    }
    is_sure
}

/// Whether a line that begins a statement of Python is surely no English; none if it is no line of Python.
fn python_line(code: &str, goes_on: bool) -> Option<bool> {
    let word = &code[..code.find(|c| !is_word(c)).unwrap_or(code.len())];
    let rest = code[word.len()..].trim_start();
    if COMPOUND.contains(&word) && (code.contains(':') || goes_on) {
        return Some(true);
    }
    if SIMPLE.contains(&word) || (word == "from" && rest.contains("import")) {
        return Some(true);
    }
    if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
        let may_begin = code.starts_with(['#', '@', '"', '\'', ')', ']', '}', '(', '[', '*']);
        let is_list = code.starts_with("* ") || code.starts_with("[") && code.contains("](");
        return (may_begin && !is_list).then_some(false);
    }
    let is_text = matches!(word, "r" | "b" | "f" | "u") && code[word.len()..].starts_with(['"', '\'']);
    let is_call = code[word.len()..].starts_with('(');
    let is_operated = ["=", "+=", "-=", "*=", "/=", "//=", "%=", "&=", "|=", "^=", "**=", "<<=", ">>=", ":="]
        .iter()
        .any(|operator| rest.starts_with(operator));
    let is_reached = (code[word.len()..].starts_with(['.', '[']) && !rest.starts_with(". "))
        && (code.contains('(') || code.contains('='));
    let is_unpacked = rest.starts_with([',', ':']) && code.contains('=');
    (is_text || is_call || is_operated || is_reached || is_unpacked)
        .then_some(is_call || is_operated || is_reached)
}

fn is_javascript(text: &str) -> bool {
    let code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    let plausible = |line: &str| {
        let word = &line[..line.find(|c| !is_word(c)).unwrap_or(line.len())];
        line.ends_with([';', '{', '}', ',', '(', ')', '[', ']', ':'])
            || line.starts_with(['/', '*', '.', '}', ')', ']', '?', ':', '&', '|', '`'])
            || JAVASCRIPT.contains(&word)
    };
    let sure = |line: &str| line.ends_with([';', '{']) || line == "}";
    let mut lines = text.lines().map(str::trim).filter(code).peekable();
    let is_there = lines.peek().is_some();
    is_there && lines.all(plausible) && text.lines().any(|line| sure(line.trim()))
}

/// Reads Python and knows what is open: brackets, a text in triple quotes, a line that goes on.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    depth: usize,
    quote: Option<&'static str>,
    is_continued: bool,
}

impl Scanner {
    /// The triple quotes that are open.
    pub(super) fn quote(&self) -> Option<&'static str> {
        self.quote
    }

    /// Whether the next line goes on with what this one began.
    fn goes_on(&self) -> bool {
        self.depth > 0 || self.quote.is_some() || self.is_continued
    }

    /// Reads a line, or the next part of one.
    pub(super) fn read(&mut self, line: &str) {
        let mut rest = line;
        if !line.trim().is_empty() {
            self.is_continued = line.trim_end_matches(['\r', '\n']).ends_with('\\');
        }
        while let Some(c) = rest.chars().next() {
            if let Some(quote) = self.quote {
                if rest.starts_with(quote) {
                    self.quote = None;
                    rest = &rest[3..];
                    continue;
                }
                let skipped = c.len_utf8()
                    + if c == '\\' { rest[1..].chars().next().map_or(0, char::len_utf8) } else { 0 };
                rest = &rest[skipped..];
                continue;
            }
            match c {
                '#' => return,
                '(' | '[' | '{' => self.depth += 1,
                ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                '"' | '\'' => {
                    let triple = if c == '"' { "\"\"\"" } else { "'''" };
                    if rest.starts_with(triple) {
                        self.quote = Some(triple);
                        rest = &rest[3..];
                    } else {
                        rest = after_text(&rest[1..], c);
                    }
                    continue;
                }
                _ => {}
            }
            rest = &rest[c.len_utf8()..];
        }
    }
}

/// What follows a text within a line, whose first quote is read.
fn after_text(text: &str, quote: char) -> &str {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == quote || c == '\n' {
            return &text[at + 1..];
        }
        if c == '\\' {
            chars.next();
        }
    }
    ""
}
