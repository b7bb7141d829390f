//! Where a component's bytes come from, and whether they are a component at all.
//!
//! In: a [`PluginSource`]. Out: its bytes, checked for size and for the first eight bytes of a component,
//! before anything is compiled.
//!
//! A plugin is a file, the one component of a folder, or bytes inside this program; nothing is fetched from a network.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::load::hash::sha256_hex;
use crate::load::load_error::{CORE_MODULE, LoadError, folder_of};

/// Where in a project's folder its component may be, the first place that has one: beside its sources, or where a build puts it.
const PLACES: [&str; 5] =
    ["", "target/wasm32-unknown-unknown/release", "target/wasm32-wasip2/release", "dist", "build"];

/// How the name of a runner's file ends, which is beside its verifier and is not meant by their folder.
const RUNNER: &str = "_runner.wasm";

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
    /// A component file that came from elsewhere, and counts only with this digest.
    Pinned {
        /// Where it came from, to report it by.
        origin: String,
        /// The file.
        path: PathBuf,
        /// Its SHA-256, 64 lower-case hexadecimal digits.
        sha256: String,
    },
}

impl PluginSource {
    /// The file at a path, or of a folder the one component that is in it, or where its build puts it. Runners, whose names end in
    /// `_runner.wasm`, count where nothing else is there.
    ///
    /// # Errors
    /// [`LoadError::NoneInFolder`], [`LoadError::SeveralInFolder`], [`LoadError::Unreadable`]. A file that is not there is found missing
    /// when it is read.
    pub fn local(path: &Path) -> Result<Self, LoadError> {
        if !path.is_dir() {
            return Ok(Self::File(path.to_owned()));
        }
        let mut others = Vec::new();
        for place in PLACES {
            let Found { mut components, modules } = wasm_in(&path.join(place))?;
            if components.iter().any(|it| !is_runner(it)) {
                components.retain(|it| !is_runner(it));
            }
            match components.as_slice() {
                [] => others.extend(modules),
                [one] => return Ok(Self::File(one.clone())),
                _ => return Err(LoadError::SeveralInFolder { folder: path.to_owned(), found: components }),
            }
        }
        Err(LoadError::NoneInFolder { folder: path.to_owned(), places: &PLACES[1..], others })
    }

    /// The file that it is in, if it is in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Pinned { path, .. } => Some(path),
            Self::Embedded { .. } => None,
        }
    }

    /// Where the plugin comes from, in words: the path, the place it came from, or `embedded:NAME`.
    pub fn origin(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Embedded { name, .. } => format!("embedded:{name}"),
            Self::Pinned { origin, .. } => origin.clone(),
        }
    }

    /// The component's bytes.
    pub(crate) fn read(&self, limit: u64) -> Result<Cow<'_, [u8]>, LoadError> {
        let (size, bytes) = match self {
            Self::File(path) | Self::Pinned { path, .. } => {
                let (size, bytes) = read_file(path, limit).map_err(|error| read_error(path, error))?;
                (size, Cow::Owned(bytes))
            }
            Self::Embedded { bytes, .. } => (bytes.len() as u64, Cow::Borrowed(bytes.as_ref())),
        };
        if size > limit {
            return Err(LoadError::TooLarge { origin: self.origin(), bytes: size, limit });
        }
        if let Self::Pinned { origin, sha256: wanted, .. } = self {
            let found = sha256_hex(&bytes);
            if found != *wanted {
                return Err(LoadError::WrongDigest { origin: origin.clone(), found, wanted: wanted.clone() });
            }
        }
        match recognise(&bytes) {
            None => Ok(bytes),
            Some(found) => Err(LoadError::NotAComponent { origin: self.origin(), found }),
        }
    }
}

/// Files of a folder whose names end in `.wasm`, by name.
#[derive(Default)]
struct Found {
    /// Those that begin like a component.
    components: Vec<PathBuf>,
    /// The rest.
    modules: Vec<PathBuf>,
}

fn is_runner(path: &Path) -> bool {
    path.to_string_lossy().ends_with(RUNNER)
}

fn wasm_in(folder: &Path) -> Result<Found, LoadError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| LoadError::Unreadable { path, source }
    };
    let list = match std::fs::read_dir(folder) {
        Ok(list) => list,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::default()),
        Err(error) => return Err(unreadable(folder)(error)),
    };
    let mut files = Vec::new();
    for entry in list {
        let path = entry.map_err(unreadable(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    let mut found = Found::default();
    for path in files {
        let mut start = Vec::new();
        let file = std::fs::File::open(&path).map_err(unreadable(&path))?;
        file.take(8).read_to_end(&mut start).map_err(unreadable(&path))?;
        match recognise(&start) {
            None => found.components.push(path),
            Some(_) => found.modules.push(path),
        }
    }
    Ok(found)
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
    fn of_a_folder_the_one_component_counts_and_otherwise_it_is_said_what_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let built = folder.path().join("target/wasm32-unknown-unknown/release");
        std::fs::create_dir_all(&built).unwrap();
        let put = |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).unwrap();
        let (component, module) = (b"\0asm\x0d\0\x01\0", b"\0asm\x01\0\0\0");
        let local = || PluginSource::local(folder.path());
        let told = || {
            let error = local().unwrap_err();
            format!("{error}; {}", error.hint().unwrap_or_default())
        };

        assert!(
            told().contains("no component in the folder") && told().contains("wasm32-wasip2/release"),
            "{}",
            told()
        );
        put(&folder.path().join("module.wasm"), module);
        assert!(
            told().contains("`ts-host plugin componentize") && told().contains("module.wasm"),
            "{}",
            told()
        );
        put(&built.join("grader.wasm"), component);
        assert_eq!(local().unwrap().file(), Some(built.join("grader.wasm").as_path()));
        put(&folder.path().join("python_runner.wasm"), component);
        put(&folder.path().join("mine.wasm"), component);
        assert_eq!(local().unwrap().file(), Some(folder.path().join("mine.wasm").as_path()));
        put(&folder.path().join("other.wasm"), component);
        assert!(told().contains("2 components") && told().contains("other.wasm"), "{}", told());
        // A file is itself, whether it is there or not.
        assert!(matches!(PluginSource::local(&folder.path().join("x.wasm")), Ok(PluginSource::File(_))));
    }

    #[test]
    fn what_came_from_elsewhere_counts_only_with_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wasm");
        let component = b"\0asm\x0d\0\x01\0";
        std::fs::write(&path, component).unwrap();
        let with =
            |sha256: String| PluginSource::Pinned { origin: "oci://r/x".into(), path: path.clone(), sha256 };
        assert_eq!(with(sha256_hex(component)).read(100).unwrap().as_ref(), component);
        let error = with(sha256_hex(b"other")).read(100).unwrap_err().to_string();
        assert!(
            error.starts_with("plugin `oci://r/x` has sha256 ") && error.contains(&sha256_hex(b"other")),
            "{error}"
        );
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
