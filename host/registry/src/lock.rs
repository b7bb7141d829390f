//! The lock file beside a recipe: of each source that has no digest in the recipe, what it is.
//!
//! ```toml
//! version = 1
//!
//! [[plugin]]
//! source = "oci://ghcr.io/org/grader:1.2"
//! manifest = "sha256:…"
//! sha256 = "…"
//! ```

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::write_whole;
use crate::{Digest, Error, Pins, Source};

/// The version of the file that is read and written.
const VERSION: u32 = 1;

/// Most bytes of a lock file.
const MAX_BYTES: u64 = 1 << 20;

/// A lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Its lines, in the order in which they were written.
    pub lines: Vec<Line>,
}

/// What one source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// As the recipe has it.
    pub source: String,
    /// Its digests.
    pub pins: Pins,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default, rename = "plugin")]
    plugins: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    sha256: String,
}

impl Lock {
    /// Where the lock of a recipe's file is: beside it, and its name ends in `.lock`.
    pub fn beside(recipe: &Path) -> PathBuf {
        recipe.with_extension("lock")
    }

    /// Reads a lock file; one that is not there locks nothing.
    ///
    /// # Errors
    /// [`Error::BadLock`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bad = |fault: String| Error::BadLock { path: path.to_owned(), fault };
        let mut text = String::new();
        match std::fs::File::open(path) {
            Ok(file) => {
                file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| bad(error.to_string()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(bad(error.to_string())),
        };
        if text.len() as u64 > MAX_BYTES {
            return Err(bad(format!("it has more than {MAX_BYTES} bytes")));
        }
        Self::parse(&text).map_err(bad)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| match error.span() {
            Some(span) => {
                format!("line {}: {}", 1 + text[..span.start].matches('\n').count(), error.message())
            }
            None => error.message().to_owned(),
        })?;
        if file.version != VERSION {
            return Err(format!("version {}, and this program reads {VERSION}", file.version));
        }
        let mut lines: Vec<Line> = Vec::new();
        for Entry { source, manifest, sha256 } in file.plugins {
            let digest = |text: &str| text.parse::<Digest>().map_err(|must| format!("{source}: {must}"));
            let is_registry = match Source::parse(&source) {
                Ok(Some(found)) => matches!(found, Source::Oci(_)),
                Ok(None) => return Err(format!("{source}: what is here is not locked")),
                Err(error) => return Err(error.to_string()),
            };
            if is_registry != manifest.is_some() {
                return Err(format!("{source}: a registry's has a manifest, and a URL has none"));
            }
            let pins = Pins {
                manifest: manifest.as_deref().map(digest).transpose()?,
                sha256: Some(digest(&sha256)?),
            };
            if lines.iter().any(|line| line.source == source) {
                return Err(format!("{source}: it stands there twice"));
            }
            lines.push(Line { source, pins });
        }
        Ok(Self { lines })
    }

    /// The digests of a source; none are known of one that is not locked.
    pub fn pins(&self, source: &str) -> Pins {
        let line = self.lines.iter().find(|line| line.source == source);
        line.map(|line| line.pins.clone()).unwrap_or_default()
    }

    /// Writes the file whole; whether it differs from what was there.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub fn write(&self, path: &Path) -> Result<bool, Error> {
        let text = self.text();
        if std::fs::read_to_string(path).is_ok_and(|before| before == text) {
            return Ok(false);
        }
        write_whole(path, text.as_bytes())?;
        Ok(true)
    }

    fn text(&self) -> String {
        let mut text =
            "# Which plugins the recipe beside this file means: written by `ts-host plugin fetch --recipe`, to be kept with it.\n"
                .to_owned();
        text += &format!("version = {VERSION}\n");
        for Line { source, pins } in &self.lines {
            text += &format!("\n[[plugin]]\nsource = {}\n", ts_text::toml(source));
            text.extend(pins.manifest.iter().map(|digest| format!("manifest = \"{digest}\"\n")));
            text.extend(pins.sha256.iter().map(|digest| format!("sha256 = \"{}\"\n", digest.hex())));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_reads_back_and_is_written_where_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = Lock::beside(&folder.path().join("mine.toml"));
        assert_eq!(path.file_name().unwrap(), "mine.lock");
        assert_eq!(Lock::read(&path).unwrap(), Lock::default());
        let pins = |manifest: Option<&[u8]>| Pins {
            manifest: manifest.map(Digest::of),
            sha256: Some(Digest::of(b"component")),
        };
        let line = |source: &str, pins| Line { source: source.to_owned(), pins };
        let lock = Lock {
            lines: vec![
                line("oci://ghcr.io/org/grader:1", pins(Some(b"manifest"))),
                line("https://host.example/\"x\".wasm", pins(None)),
            ],
        };
        assert!(lock.write(&path).unwrap() && !lock.write(&path).unwrap());
        assert_eq!(Lock::read(&path).unwrap(), lock);
        assert_eq!(lock.pins("oci://ghcr.io/org/grader:1"), pins(Some(b"manifest")));
        assert_eq!(lock.pins("oci://ghcr.io/org/grader:2"), Pins::default());
    }

    #[test]
    fn a_lock_that_is_none_says_why() {
        let digest = Digest::of(b"x");
        let entry =
            |source: &str, rest: &str| format!("version = 1\n[[plugin]]\nsource = \"{source}\"\n{rest}");
        let sha256 = format!("sha256 = \"{}\"\n", digest.hex());
        let manifest = format!("manifest = \"{digest}\"\n");
        let oci = "oci://ghcr.io/org/grader:1";
        for (text, fault) in [
            (String::new(), "missing field `version`"),
            ("version = 2".to_owned(), "version 2, and this program reads 1"),
            ("version = 1\nplugin = 3".to_owned(), "line 2"),
            (entry(oci, ""), "missing field `sha256`"),
            (entry(oci, &sha256), "a registry's has a manifest"),
            (entry("https://host.example/x.wasm", &format!("{manifest}{sha256}")), "a URL has none"),
            (entry(oci, &format!("{manifest}sha256 = \"12\"")), "64 hexadecimal"),
            (entry("x.wasm", &sha256), "what is here is not locked"),
            (entry("ftp://x", &sha256), "oci:// or https://"),
            (
                format!(
                    "{}[[plugin]]\nsource = \"{oci}\"\n{manifest}{sha256}",
                    entry(oci, &format!("{manifest}{sha256}"))
                ),
                "twice",
            ),
        ] {
            let told = Lock::parse(&text).unwrap_err();
            assert!(told.contains(fault), "{text}: {told}");
        }
    }
}
