//! Where a component's bytes come from, and whether they are a component at all.
//!
//! In: a [`PluginSource`]. Out: its bytes, checked for size and for the first eight bytes of a component,
//! before anything is compiled.
//!
//! A plugin is a file, or bytes inside this program; nothing is fetched from a network.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::load::load_error::{CORE_MODULE, LoadError, folder_of};

/// Where to load a plugin from.
#[derive(Debug, Clone)]
pub enum PluginSource {
    /// A component file.
    File(PathBuf),
    /// A component that is part of this program.
    Embedded {
        /// The name to report it by.
        name: String,
        /// The component.
        bytes: Cow<'static, [u8]>,
    },
}

impl PluginSource {
    /// Where the plugin comes from, in words: the path, or `embedded:NAME`.
    pub fn origin(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Embedded { name, .. } => format!("embedded:{name}"),
        }
    }

    /// The component's bytes.
    pub(crate) fn read(&self, limit: u64) -> Result<Cow<'_, [u8]>, LoadError> {
        let (size, bytes) = match self {
            Self::File(path) => {
                let (size, bytes) = read_file(path, limit).map_err(|error| read_error(path, error))?;
                (size, Cow::Owned(bytes))
            }
            Self::Embedded { bytes, .. } => (bytes.len() as u64, Cow::Borrowed(bytes.as_ref())),
        };
        if size > limit {
            return Err(LoadError::TooLarge { origin: self.origin(), bytes: size, limit });
        }
        match recognise(&bytes) {
            None => Ok(bytes),
            Some(found) => Err(LoadError::NotAComponent { origin: self.origin(), found }),
        }
    }
}

/// A file's size and its bytes. One over the limit is not read, or (a device, which has no size) read no
/// further.
fn read_file(path: &Path, limit: u64) -> std::io::Result<(u64, Vec<u8>)> {
    let file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    if size <= limit {
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    }
    Ok((size.max(bytes.len() as u64), bytes))
}

fn read_error(path: &Path, source: std::io::Error) -> LoadError {
    if source.kind() != std::io::ErrorKind::NotFound {
        return LoadError::Unreadable { path: path.into(), source };
    }
    let mut siblings: Vec<String> = std::fs::read_dir(folder_of(path))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".wasm"))
        .collect();
    siblings.sort();
    LoadError::NotFound { path: path.into(), siblings }
}

/// What the bytes are if they are not a component; `None` if they begin like one.
fn recognise(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => None,
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Some(CORE_MODULE),
        [0, b'a', b's', b'm', ..] => Some("WebAssembly of an unknown version"),
        [] => Some("empty"),
        _ if bytes.trim_ascii_start().starts_with(b"(") => Some("WebAssembly text"),
        _ if std::str::from_utf8(bytes).is_ok() => Some("text"),
        _ => Some("other data"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(bytes: &'static [u8]) -> PluginSource {
        PluginSource::Embedded { name: "x".into(), bytes: bytes.into() }
    }

    #[test]
    fn what_is_not_a_component_is_recognised() {
        let found = |bytes| embedded(bytes).read(100).unwrap_err().to_string();
        assert!(found(b"\0asm\x01\0\0\0").ends_with("it is a core WebAssembly module"));
        assert!(found(b"  (component)").ends_with("it is WebAssembly text"));
        assert!(found(b"hello").ends_with("it is text"));
        assert!(found(b"\xff\xfe\x00").ends_with("it is other data"));
        assert!(found(b"").ends_with("it is empty"));
        assert!(embedded(b"\0asm\x0d\0\x01\0").read(100).is_ok());
    }

    #[test]
    fn a_component_over_the_limit_is_refused_by_size() {
        let error = embedded(b"\0asm\x0d\0\x01\0").read(7).unwrap_err();
        assert_eq!(error.to_string(), "plugin `embedded:x` has 8 bytes, more than the limit of 7");
    }

    #[test]
    fn of_a_missing_file_the_plugin_beside_it_is_named_that_was_meant() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.wasm", "grader.wasm", "grade.md"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let hint = |name: &str| PluginSource::File(folder.path().join(name)).read(100).unwrap_err().hint();
        assert!(hint("graedr.wasm").unwrap().ends_with("grader.wasm`?"));
        assert_eq!(hint("splitter.wasm"), None);
    }
}
