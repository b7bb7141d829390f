//! Names of what the hub has.

use std::fmt;

use crate::Error;

/// What a repository holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A checkpoint.
    Model,
    /// Data.
    Dataset,
}

/// A repository at a revision: `org/name@revision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// What it holds.
    pub kind: Kind,
    /// `org/name`.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: String,
}

/// A file of a data set: `hub:org/name@revision/path/of/it`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// The data set.
    pub name: Name,
    /// Where in it, with `/`.
    pub path: String,
}

/// What the names of files begin with; that of a model may.
const SCHEME: &str = "hub:";

/// The revision that is meant where none is named.
const MAIN: &str = "main";

impl Name {
    /// Reads `org/name` or `org/name@revision`, perhaps with `hub:` before it. `None` for a text of any other form.
    pub fn model(text: &str) -> Option<Self> {
        let text = text.strip_prefix(SCHEME).unwrap_or(text);
        let (repository, revision) = text.split_once('@').unwrap_or((text, MAIN));
        let (owner, name) = repository.split_once('/')?;
        let is_name = is_part(owner) && is_part(name) && is_revision(revision);
        is_name.then(|| Self {
            kind: Kind::Model,
            repository: repository.to_owned(),
            revision: revision.to_owned(),
        })
    }

    /// The commit, if the revision is one.
    pub(crate) fn commit(&self) -> Option<&str> {
        is_commit(&self.revision).then_some(self.revision.as_str())
    }
}

impl DataFile {
    /// Reads `hub:org/name/path` or `hub:org/name@revision/path`. `None` for a text without `hub:`. Of revisions, `refs/pr/N` and
    /// `refs/convert/parquet` alone may have slashes.
    ///
    /// # Errors
    /// [`Error::BadName`].
    pub fn parse(text: &str) -> Option<Result<Self, Error>> {
        let rest = text.strip_prefix(SCHEME)?;
        Some(Self::after_scheme(rest).ok_or_else(|| Error::BadName { name: text.to_owned() }))
    }

    fn after_scheme(text: &str) -> Option<Self> {
        let (owner, rest) = text.split_once('/')?;
        let (name, path) = rest.split_once('/')?;
        let (name, revision, path) = match name.split_once('@') {
            None => (name, MAIN.to_owned(), path),
            Some((name, "refs")) => {
                let mut parts = path.splitn(3, '/');
                let (kind, which, path) = (parts.next()?, parts.next()?, parts.next()?);
                (name, format!("refs/{kind}/{which}"), path)
            }
            Some((name, revision)) => (name, revision.to_owned(), path),
        };
        let is_file = is_part(owner) && is_part(name) && is_revision(&revision) && is_path(path);
        let name = Name { kind: Kind::Dataset, repository: format!("{owner}/{name}"), revision };
        is_file.then(|| Self { name, path: path.to_owned() })
    }
}

/// As it is written after `--model`.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.revision)
    }
}

/// As it is written in a recipe.
impl fmt::Display for DataFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.name, self.path)
    }
}

/// Whether a text is 40 hexadecimal digits.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a text can be one part of a path on disk, in a URL and in the cache's names of folders.
fn is_part(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=96).contains(&text.len())
        && text.bytes().all(is_plain)
        && !text.starts_with(['.', '-'])
        && !text.contains("--")
        && !text.contains("..")
}

fn is_revision(text: &str) -> bool {
    text.len() <= 200 && text.split('/').all(is_plain_part)
}

/// Whether a text is the path of a file within a folder, on every system.
pub(crate) fn is_path(text: &str) -> bool {
    text.len() <= 1000 && text.split('/').all(is_plain_part)
}

fn is_plain_part(part: &str) -> bool {
    let is_odd = |c: char| c.is_control() || matches!(c, '\\' | ':' | '?' | '*' | '"' | '<' | '>' | '|');
    !part.is_empty() && part != "." && part != ".." && !part.contains(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models() {
        for (text, repository, revision) in [
            ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", "main"),
            ("Qwen/Qwen3-0.6B@v1.0", "Qwen/Qwen3-0.6B", "v1.0"),
            ("hub:a/b@refs/pr/3", "a/b", "refs/pr/3"),
        ] {
            let name = Name::model(text).unwrap();
            assert_eq!((name.repository.as_str(), name.revision.as_str()), (repository, revision));
            assert_eq!(Name::model(&name.to_string()), Some(name));
        }
        for text in [
            "a",
            "./a/b",
            "/a/b",
            "a/b/c",
            "../b",
            "a/..",
            "a/b@",
            "a/b@..",
            "a/b@x/../y",
            "a\\b/c",
            "a/b c",
            "",
            "a--b/c",
        ] {
            assert_eq!(Name::model(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_files() {
        for (text, revision, path) in [
            ("hub:openai/gsm8k/main/train.parquet", "main", "main/train.parquet"),
            ("hub:openai/gsm8k@abc/train.jsonl", "abc", "train.jsonl"),
            (
                "hub:openai/gsm8k@refs/convert/parquet/main/train/0000.parquet",
                "refs/convert/parquet",
                "main/train/0000.parquet",
            ),
        ] {
            let file = DataFile::parse(text).unwrap().unwrap();
            assert_eq!(file.name.repository, "openai/gsm8k");
            assert_eq!((file.name.revision.as_str(), file.path.as_str()), (revision, path));
            assert_eq!(DataFile::parse(&file.to_string()).unwrap().unwrap(), file);
        }
        assert!(DataFile::parse("set.jsonl").is_none());
        for text in [
            "hub:",
            "hub:a/b",
            "hub:a/b/",
            "hub:a/b/../../c",
            "hub:a/b@refs/pr/3",
            "hub:a/b//c",
            "hub:a/b/c\\d",
        ] {
            let error = DataFile::parse(text).unwrap().unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("hub:org/name@revision/path"), "{error}");
        }
    }
}
