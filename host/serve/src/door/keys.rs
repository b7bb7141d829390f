//! Keys: who knows one may ask.
//!
//! In: lines `NAME KEY`, from a file that is its owner's alone or from the environment; blank lines and those
//! that begin with `#` say nothing. Out: [`Keys`], which tell whose a key is. Of a key only its SHA-256 is
//! kept, and a comparison takes as long whatever is equal.
//!
//! Keys are not taken on the command line, which every user of the machine can read. All keys have the same
//! rights.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Characters of the shortest key: less can be guessed.
const SHORTEST: usize = 16;
/// Bytes of the largest file of keys.
const MAX_BYTES: u64 = 1 << 20;

/// The keys of a service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    name: String,
    sha256: [u8; 32],
}

impl Keys {
    /// Reads a file, which nobody but its owner may read or write.
    pub(crate) fn add_file(&mut self, path: &Path) -> Result<(), String> {
        let said = |error: std::io::Error| format!("{}: {error}", path.display());
        // The permissions are those of what is read, whatever stands at the path a moment later.
        let file = File::open(path).map_err(said)?;
        let metadata = file.metadata().map_err(said)?;
        if !metadata.is_file() {
            return Err(format!("{}: is not a file", path.display()));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let others = metadata.mode() & 0o077;
            if others != 0 {
                return Err(format!(
                    "{}: others than its owner may open it (mode {:03o}); `chmod 600` it",
                    path.display(),
                    metadata.mode() & 0o777
                ));
            }
        }
        let mut text = String::new();
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(said)?;
        let before = self.0.len();
        self.add_text(&text).map_err(|why| format!("{}, {why}", path.display()))?;
        if self.0.len() == before {
            return Err(format!("{}: has no key; a line is NAME KEY", path.display()));
        }
        Ok(())
    }

    /// Reads lines. What is wrong is said without the key.
    pub(crate) fn add_text(&mut self, text: &str) -> Result<(), String> {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: &str| Err(format!("line {}: {what}", index + 1));
            let mut words = line.split_whitespace();
            let (Some(name), Some(key), None) = (words.next(), words.next(), words.next()) else {
                return wrong("must be NAME KEY, with a blank between them");
            };
            if key.len() < SHORTEST || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return wrong(&format!(
                    "a key has at least {SHORTEST} characters, all of them printable ASCII"
                ));
            }
            let sha256 = digest(key);
            if self.0.iter().any(|other| other.name == name) {
                return wrong(&format!("there is a key of {name:?} already"));
            }
            if self.0.iter().any(|other| other.sha256 == sha256) {
                return wrong("the key is another client's too");
            }
            self.0.push(Key { name: name.to_owned(), sha256 });
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Which key this is, by its place.
    pub(crate) fn find(&self, key: &str) -> Option<usize> {
        let given = digest(key);
        let mut found = None;
        for (index, key) in self.0.iter().enumerate() {
            let difference = key.sha256.iter().zip(given).fold(0, |sum, (one, other)| sum | (one ^ other));
            if std::hint::black_box(difference) == 0 {
                found = Some(index);
            }
        }
        found
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# trainers\nalice 0123456789abcdef\n\n bob\tfedcba9876543210 \n";

    #[test]
    fn a_key_is_its_clients() {
        let mut keys = Keys::default();
        keys.add_text(FILE).unwrap();
        assert_eq!((keys.find("0123456789abcdef"), keys.find("fedcba9876543210")), (Some(0), Some(1)));
        for other in ["", "0123456789abcde", "0123456789abcdeF", "alice 0123456789abcdef"] {
            assert_eq!(keys.find(other), None, "{other}");
        }
        assert!(!format!("{keys:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn what_is_no_key_is_refused_without_a_word_of_it() {
        for (text, says) in [
            ("alice", "line 1: must be NAME KEY"),
            ("\nalice 0123456789abcdef x", "line 2: must be NAME KEY"),
            ("alice secret", "at least 16 characters"),
            ("alice sécrét-sécrét-sécrét", "printable ASCII"),
            ("a 0123456789abcdef\na 1123456789abcdef", "line 2: there is a key of \"a\" already"),
            ("a 0123456789abcdef\nb 0123456789abcdef", "line 2: the key is another client's too"),
        ] {
            let why = Keys::default().add_text(text).unwrap_err();
            assert!(why.contains(says) && !why.contains("cdef") && !why.contains("secret"), "{why}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::fs::write(&path, FILE).unwrap();
        let read = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let mut keys = Keys::default();
            keys.add_file(&path).map(|()| keys.len())
        };
        assert_eq!((read(0o600), read(0o400)), (Ok(2), Ok(2)));
        for mode in [0o640, 0o604, 0o644, 0o620] {
            assert!(read(mode).unwrap_err().contains("chmod 600"), "{mode:o}");
        }
        std::fs::write(&path, "# none\n").unwrap();
        assert!(read(0o600).unwrap_err().contains("has no key"));
        assert!(Keys::default().add_file(folder.path()).is_err());
    }
}
