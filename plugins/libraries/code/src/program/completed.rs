//! A program with what its problem puts before it.
//!
//! A response to a prompt that begins a function holds either the whole function, and the later definition
//! wins; or only the body, which goes on where the prompt ends. A body may have lost the white space before
//! its first line, or before all.
//!
//! In: a program and a preamble. Out: the text to be run. Only Python's preambles may end within a function.

use super::shape::{self, Scanner};
use super::words;
use crate::language::Language;

/// The text to be run.
pub(crate) fn completed(
    program: &str,
    preamble: &str,
    entry_point: Option<&str>,
    language: &Language,
) -> String {
    if preamble.trim().is_empty() {
        return program.to_owned();
    }
    let begun = |name: &&str| shape::defines(preamble, name, language) && *language == Language::Python;
    let Some(name) = entry_point.filter(begun) else { return joined(preamble, program) };
    if shape::defines(program, name, language) {
        return joined(helpers(preamble, Some(name)), program);
    }
    if is_unfinished(preamble) {
        return format!("{preamble}{program}");
    }
    let has_indent = |line: &str| line.starts_with([' ', '\t']);
    let mut lines = program.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    let body = if has_indent(first) {
        program.to_owned()
    } else if lines.next().is_some_and(|line| has_indent(line) && !first.trim_end().ends_with(':'))
        || (first.trim_end().ends_with(':') && lines.all(has_indent) && program.contains("\n        "))
    {
        format!("    {}", program.trim_start())
    } else if program.lines().any(|line| line.starts_with("return")) {
        program.lines().map(|line| format!("    {line}\n")).collect()
    } else {
        return joined(preamble, program);
    };
    format!("{}\n{body}", preamble.trim_end())
}

/// Whether a preamble stops within a line, or within a text in triple quotes.
pub(super) fn is_unfinished(preamble: &str) -> bool {
    let mut scanner = Scanner::default();
    for line in preamble.split_inclusive('\n') {
        scanner.read(line);
    }
    let last = preamble.rsplit('\n').next().unwrap_or_default().trim_end();
    let word = &last[last.rfind(|c| !words::is_word(c)).map_or(0, |at| at + 1)..];
    scanner.quote().is_some()
        || matches!(word, "return" | "yield" | "in" | "and" | "or" | "not" | "if" | "else" | "lambda")
        || last.ends_with(['=', '(', '[', '{', ',', '+', '-', '*', '/', '%', '<', '>', '|', '&', '^', '.'])
}

/// The part of a preamble that stands before the function that it begins: imports and helpers.
pub(crate) fn helpers<'a>(preamble: &'a str, entry_point: Option<&str>) -> &'a str {
    let Some(name) = entry_point else { return preamble };
    let mut start = 0;
    let mut cut = preamble.len();
    for line in preamble.split_inclusive('\n') {
        if !line.starts_with([' ', '\t']) && shape::defines(line, name, &Language::Python) {
            cut = start;
        }
        start += line.len();
    }
    &preamble[..cut]
}

/// One text after the other, but that imports from the future come first.
fn joined(preamble: &str, program: &str) -> String {
    let is_future = |line: &&str| line.starts_with("from __future__ ");
    let future: String = program.lines().filter(is_future).map(|line| format!("{line}\n")).collect();
    let rest = program.lines().map(|line| if is_future(&line) { "" } else { line });
    format!("{future}{preamble}\n{}\n", rest.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: &str =
        "import math\n\ndef helper(x):\n    return x\n\ndef f(x):\n    \"\"\" Doubles. \"\"\"\n";

    fn run(program: &str) -> String {
        completed(program, PROMPT, Some("f"), &Language::Python)
    }

    #[test]
    fn a_whole_function_follows_the_helpers() {
        let whole = "def f(x):\n    return 2 * helper(x)";
        let text = run(whole);
        assert!(text.starts_with("import math") && text.contains("def helper") && !text.contains("Doubles"));
        assert!(text.ends_with("def f(x):\n    return 2 * helper(x)\n"));
        assert!(run(&format!("from __future__ import annotations\n{whole}")).starts_with("from __future__"));
        assert_eq!(completed(whole, "", Some("f"), &Language::Python), whole);
    }

    #[test]
    fn a_body_goes_on_where_the_prompt_ends() {
        for body in ["    y = 2 * x\n    return y\n", "y = 2 * x\n    return y", "y = 2 * x\nreturn y"] {
            assert!(
                run(body).ends_with("\"\"\"\n    y = 2 * x\n    return y\n")
                    || run(body).ends_with("return y"),
                "{body}"
            );
            assert!(run(body).contains("Doubles. \"\"\"\n    y = 2 * x\n    return y"), "{}", run(body));
        }
        let nested = "for y in x:\n        if y:\n            return y\n    return 0";
        assert!(run(nested).contains("\"\"\"\n    for y in x:\n        if y:"));
        let flat = "for y in x:\n    if y:\n        return y\nreturn 0";
        assert!(run(flat).contains("\"\"\"\n    for y in x:\n        if y:"), "{}", run(flat));
    }

    #[test]
    fn a_program_that_defines_something_else_is_only_appended() {
        assert!(run("print(f(2))").contains("Doubles. \"\"\"\n\nprint(f(2))"));
        assert!(
            completed("print(1)", "import math", None, &Language::Python)
                .starts_with("import math\nprint(1)")
        );
    }
}
