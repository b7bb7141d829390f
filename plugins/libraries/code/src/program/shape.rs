//! What a program looks like.
//!
//! A text without a fence is a program if every line could begin a statement, or goes on with one, and one of
//! them is surely none of English. For a block the same holds: an untagged one may hold output.
//!
//! In: a text and a language. Out: whether it looks like a program, and whether it defines a function. Syntax
//! is not checked. A program that does not compile is one all the same, and is judged as such.

use super::words::{after_text, is_word};
use super::{prose, special};
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
    text.lines().any(|line| defined(line, language).is_some_and(|defined| defined.name == name))
}

/// What a line defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Defined<'a> {
    pub(super) name: &'a str,
    /// Whether by an assignment, which may define anything.
    pub(super) is_assigned: bool,
}

/// What a line defines, if it begins a definition.
pub(super) fn defined<'a>(line: &'a str, language: &Language) -> Option<Defined<'a>> {
    let code = line.trim_start();
    let is_outer = code.len() == line.len();
    let python = ["def ", "class "];
    let javascript = ["function* ", "function ", "const ", "let ", "var ", "class "];
    let words: &[&str] = if *language == Language::Python { &python } else { &javascript };
    let code = code.strip_prefix("export ").map_or(code, |code| code.trim_start_matches("default "));
    let code = code.strip_prefix("async ").map_or(code, str::trim_start);
    let begun = words.iter().find_map(|word| code.strip_prefix(word));
    let rest = begun.unwrap_or(code).trim_start();
    let name = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
    let after = rest[name.len()..].trim_start();
    let is_assigned = after.starts_with('=') && !after.starts_with("==");
    let is_method = *language != Language::Python && after.starts_with('(') && code.trim_end().ends_with('{');
    let outer = is_outer || *language != Language::Python;
    let is_there = !name.is_empty() && (begun.is_some() || (is_assigned && outer) || is_method);
    is_there.then_some(Defined { name, is_assigned: begun.is_none() && is_assigned })
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

/// Whether a line that begins a statement of Python is surely no English; none if it is not a line of Python.
fn python_line(code: &str, goes_on: bool) -> Option<bool> {
    if prose::is_prose(code, &Language::Python) || special::without_tokens(code).is_empty() {
        return None;
    }
    let word = &code[..code.find(|c| !is_word(c)).unwrap_or(code.len())];
    let rest = code[word.len()..].trim_start();
    if COMPOUND.contains(&word) && (code.contains(':') || goes_on) {
        return Some(true);
    }
    if SIMPLE.contains(&word) || (word == "from" && rest.contains("import")) {
        return Some(true);
    }
    if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
        let may_begin =
            code == "..." || code.starts_with(['#', '@', '"', '\'', ')', ']', '}', '(', '[', '*']);
        let is_list = code.starts_with("*") && code[1..].starts_with([' ', '*'])
            || code.starts_with('[') && code.contains("](");
        return (may_begin && !is_list).then_some(false);
    }
    let is_text = matches!(word, "r" | "b" | "f" | "u") && code[word.len()..].starts_with(['"', '\'']);
    let is_call = code[word.len()..].starts_with('(');
    let is_operated =
        ["=", "+=", "-=", "*=", "/=", "//=", "%=", "&=", "|=", "^=", "**=", "@=", "<<=", ">>=", ":="]
            .iter()
            .any(|operator| rest.starts_with(operator));
    let is_reached = (code[word.len()..].starts_with(['.', '[']) && !rest.starts_with(". "))
        && (code.contains('(') || code.contains('='));
    let is_typed = rest.strip_prefix(':').is_some_and(|kind| is_type(kind.trim()));
    let is_unpacked = (rest.starts_with([',', ':']) && code.contains('=')) || is_typed;
    (is_text || is_call || is_operated || is_reached || is_unpacked)
        .then_some(is_call || is_operated || is_reached)
}

/// Whether a text is a type, which may follow a name and a colon.
fn is_type(text: &str) -> bool {
    let name = &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())];
    let is_own = matches!(
        name,
        "int" | "str" | "float" | "bool" | "bytes" | "list" | "dict" | "set" | "tuple" | "object"
    );
    let rest = &text[name.len()..];
    (is_own && (rest.is_empty() || rest.starts_with(['[', ' ']))) || rest.starts_with('[')
}

fn is_javascript(text: &str) -> bool {
    let code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    let sure = |line: &str| line.ends_with([';', '{']) || line == "}";
    let mut lines = text.lines().map(str::trim).filter(code).peekable();
    let is_there = lines.peek().is_some();
    is_there && lines.all(javascript_line) && text.lines().any(|line| sure(line.trim()))
}

/// Whether a line could stand in JavaScript.
fn javascript_line(line: &str) -> bool {
    let word = &line[..line.find(|c| !is_word(c)).unwrap_or(line.len())];
    line.ends_with([';', '{', '}', ',', '(', ')', '[', ']', ':'])
        || line.starts_with(['/', '*', '.', '}', ')', ']', '?', ':', '&', '|', '`'])
        || JAVASCRIPT.contains(&word)
}

/// Whether a line may stand in a program.
pub(super) fn may_be_code(code: &str, goes_on: bool, language: &Language) -> bool {
    match language {
        _ if code.starts_with("```") || code.starts_with("~~~") => false,
        Language::Python => python_line(code, goes_on).is_some(),
        _ => (code.starts_with("//") || javascript_line(code)) && !prose::is_prose(code, language),
    }
}

/// Whether a line stands in programs only: it defines, imports, loops, reads or prints.
pub(super) fn is_telling(code: &str, language: &Language) -> bool {
    let has = |parts: &[&str]| parts.iter().any(|part| code.contains(part));
    match language {
        Language::Python => {
            let header = ["def ", "class ", "async def "].iter().find_map(|word| code.strip_prefix(word));
            header.is_some_and(|rest| rest.trim_start_matches(is_word).starts_with(['(', ':', '[']))
                || (code.starts_with("for ") && has(&[" in "]))
                || code.starts_with("import ")
                || (code.starts_with("from ") && has(&[" import "]))
                || has(&["print(", "input(", "sys.std"])
        }
        _ => {
            ["function ", "const ", "let ", "var ", "class ", "async function "]
                .iter()
                .any(|word| code.starts_with(word))
                || has(&["console.log(", "=> {", "require("])
        }
    }
}

/// Reads Python and knows what is open: brackets, a text in triple quotes, a line that goes on.
#[derive(Debug, Default, Clone)]
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
    pub(super) fn goes_on(&self) -> bool {
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
