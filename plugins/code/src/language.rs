//! Languages of programs, and the tags that fenced blocks have for them.
//!
//! In: a name or a tag. Out: a language. Left out on purpose: whether it can be run; the runner knows.

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

    /// What a block's tag (`python title="a.py"`, `{.python}`) says of this language: yes, no, or nothing.
    pub(crate) fn is_tagged(&self, tag: &str) -> Option<bool> {
        let tag = tag.trim_start_matches(['{', '.', ' ']);
        let end = tag.find(|c: char| !c.is_ascii_alphanumeric() && !"+#-_".contains(c)).unwrap_or(tag.len());
        let word = tag[..end].to_ascii_lowercase();
        (!NO_LANGUAGE.contains(&&*word)).then(|| Language::named(&word) == *self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_say_yes_no_or_nothing() {
        for tag in ["python", "Python3", "py", "{.python}", "python title=\"a.py\"", "python:main.py"] {
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
