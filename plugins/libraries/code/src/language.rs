//! Languages of programs, and the tags that fenced blocks have for them.
//!
//! In: a name or a tag. Out: a language.

/// A language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    JavaScript,
    /// Any other, by the name that its runner has. Its programs can be tested by standard input.
    Other(String),
}

/// Tags that say that a block is a program and not in which language.
const NO_LANGUAGE: &[&str] = &["", "code", "program", "solution", "answer"];

/// Tags that models write.
const KNOWN: &[&str] = &[
    "python",
    "python3",
    "py",
    "py3",
    "javascript",
    "js",
    "node",
    "nodejs",
    "typescript",
    "ts",
    "java",
    "c",
    "cpp",
    "c++",
    "csharp",
    "go",
    "rust",
    "ruby",
    "php",
    "bash",
    "sh",
    "shell",
    "console",
    "text",
    "txt",
    "plaintext",
    "json",
    "yaml",
    "html",
    "css",
    "sql",
    "markdown",
    "md",
    "output",
    "pycon",
    "diff",
];

impl Language {
    /// The language of a name, whichever of its names that is.
    pub(crate) fn named(name: &str) -> Self {
        match &*name.trim().to_ascii_lowercase() {
            "python" | "python3" | "py" | "py3" => Language::Python,
            "javascript" | "js" | "node" | "nodejs" => Language::JavaScript,
            other => Language::Other(other.to_owned()),
        }
    }

    /// The name that its runner has.
    pub(crate) fn name(&self) -> &str {
        match self {
            Language::Python => "python",
            Language::JavaScript => "javascript",
            Language::Other(name) => name,
        }
    }

    /// What a block's tag (`python title="a.py"`, `{.python}`, `main.py`) says of this language: yes, no, or
    /// nothing.
    pub(crate) fn is_tagged(&self, tag: &str) -> Option<bool> {
        let word = word(tag);
        (!NO_LANGUAGE.contains(&&*word)).then(|| Language::named(&word) == *self)
    }
}

/// The word of a tag that names a language. Of a file's name that is its ending, of attributes in braces the
/// first class.
fn word(tag: &str) -> String {
    let tag = tag.trim();
    let attributes = tag.strip_prefix('{').map_or(tag, |tag| {
        tag.find(" .").map_or(tag, |at| match tag.starts_with('#') {
            true => &tag[at..],
            false => tag,
        })
    });
    let tag = attributes.trim_start_matches(['{', '.', ' ']);
    let tag = ["language-", "lang-", "lang="].iter().find_map(|lead| tag.strip_prefix(lead)).unwrap_or(tag);
    let file = tag.split([' ', ':']).next().and_then(|name| name.rsplit_once('.'));
    let tag = match file {
        Some((_, ending @ ("py" | "js" | "mjs" | "cjs"))) => &ending[ending.len() - 2..],
        _ => tag.trim_start_matches('"'),
    };
    let end = tag.find(|c: char| !c.is_ascii_alphanumeric() && !"+#-_".contains(c)).unwrap_or(tag.len());
    tag[..end].to_ascii_lowercase()
}

/// Whether a text could be a tag without attributes.
pub(crate) fn is_tag(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+#-_.".contains(c))
}

/// Whether a tag names a language, or another kind of block, that models write.
pub(crate) fn is_known(tag: &str) -> bool {
    KNOWN.contains(&&*word(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_say_yes_no_or_nothing() {
        for tag in [
            "python",
            "Python3",
            "py",
            "{.python}",
            "python title=\"a.py\"",
            "python:main.py",
            "main.py",
            "src/a.py",
            "language-python",
            "{#a .python .numberLines}",
            "{.python #a}",
            "lang=\"python\"",
            "python3.11",
        ] {
            assert_eq!(Language::Python.is_tagged(tag), Some(true), "{tag}");
        }
        for tag in ["bash", "text", "json", "output", "pycon", "c++"] {
            assert_eq!(Language::Python.is_tagged(tag), Some(false), "{tag}");
        }
        for tag in ["", "code", "{}"] {
            assert_eq!(Language::Python.is_tagged(tag), None, "{tag}");
        }
        assert_eq!(Language::named("JS").is_tagged("node"), Some(true));
        assert_eq!(Language::named("lua").is_tagged("lua"), Some(true));
    }
}
