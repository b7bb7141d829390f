//! What was downloaded, by digest, in a folder of the user's cache.
//!
//! ```text
//! components/HEX.wasm   a component; HEX is its SHA-256
//! manifests/HEX.json    a registry's manifest, so that an artefact by digest needs no network
//! ```
//!
//! A name is a promise that is checked: whoever loads a component compares its digest, and what differs here is downloaded anew.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::manifest::{self, Manifest};
use crate::{Digest, Error, Pins, Source};

/// The store.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// A component that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its file. That its digest is `sha256` is for whoever loads it to check.
    pub path: PathBuf,
    /// Its digest.
    pub sha256: Digest,
}

/// A component of the store, as it is listed.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its digest.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
    /// When it was downloaded.
    pub written: SystemTime,
}

/// Most bytes of a file that is read to be compared: what `component_mib` may be set to.
const MOST: u64 = 4 << 30;

#[derive(Clone, Copy)]
enum Kind {
    Component,
    Manifest,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Component, Self::Manifest];

    /// The folder, and how a file's name ends.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Component => ("components", ".wasm"),
            Self::Manifest => ("manifests", ".json"),
        }
    }
}

impl Store {
    /// The store in a folder, which need not exist.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A component that is here, found without a network. `beside` is what else is known of the source.
    ///
    /// # Errors
    /// [`Error::NoDigest`], [`Error::NotHere`], [`Error::Contradiction`], [`Error::NoPlugin`].
    pub fn find(&self, source: &Source, beside: &Pins) -> Result<Found, Error> {
        let pins = source.pins(beside)?;
        let sha256 = match &pins {
            Pins { sha256: Some(digest), .. } => Some(digest.clone()),
            Pins { manifest: Some(digest), .. } => self.component_of(source, digest)?,
            _ => return Err(Error::NoDigest { name: source.to_string() }),
        };
        let not_here =
            || Error::NotHere { name: source.pinned(&pins).to_string(), store: self.folder.clone() };
        let sha256 = sha256.ok_or_else(not_here)?;
        let path = self.path(Kind::Component, &sha256);
        if path.is_file() { Ok(Found { path, sha256 }) } else { Err(not_here()) }
    }

    /// The digest of the component that a manifest names, if the manifests on the way are here.
    fn component_of(&self, source: &Source, digest: &Digest) -> Result<Option<Digest>, Error> {
        let mut digest = digest.clone();
        for is_index_allowed in [true, false] {
            let Some(bytes) = self.manifest(&digest)? else { return Ok(None) };
            match manifest::read(&bytes, &source.to_string(), is_index_allowed)? {
                Manifest::Component(layer) => return Ok(Some(layer.digest)),
                Manifest::Index(inner) => digest = inner,
            }
        }
        Ok(None)
    }

    /// A component whose bytes have the digest they should have.
    pub(crate) fn component(&self, digest: &Digest) -> Result<Option<(PathBuf, u64)>, Error> {
        let bytes = self.checked(Kind::Component, digest)?;
        Ok(bytes.map(|bytes| (self.path(Kind::Component, digest), bytes.len() as u64)))
    }

    /// A manifest.
    pub(crate) fn manifest(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        self.checked(Kind::Manifest, digest)
    }

    pub(crate) fn put_component(&self, digest: &Digest, bytes: &[u8]) -> Result<PathBuf, Error> {
        self.put(Kind::Component, digest, bytes)
    }

    pub(crate) fn put_manifest(&self, digest: &Digest, bytes: &[u8]) -> Result<(), Error> {
        self.put(Kind::Manifest, digest, bytes).map(drop)
    }

    /// The components, by digest.
    ///
    /// # Errors
    /// What the system said; a store that is not there has none.
    pub fn entries(&self) -> std::io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for (digest, path) in self.files(Kind::Component)? {
            let about = std::fs::symlink_metadata(path)?;
            let written = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            entries.push(Entry { sha256: digest, bytes: about.len(), written });
        }
        entries.sort_by(|one, other| one.sha256.cmp(&other.sha256));
        Ok(entries)
    }

    /// Removes what is in it: how many files, and their bytes. What is not its own stays.
    ///
    /// # Errors
    /// What the system said.
    pub fn clear(&self) -> std::io::Result<(usize, u64)> {
        let (mut files, mut bytes) = (0, 0);
        for kind in Kind::ALL {
            for (_, path) in self.files(kind)? {
                bytes += std::fs::symlink_metadata(&path)?.len();
                std::fs::remove_file(path)?;
                files += 1;
            }
        }
        Ok((files, bytes))
    }

    fn files(&self, kind: Kind) -> std::io::Result<Vec<(Digest, PathBuf)>> {
        let (folder, end) = kind.names();
        let list = match std::fs::read_dir(self.folder.join(folder)) {
            Ok(list) => list,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for entry in list {
            let entry = entry?;
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| name.strip_suffix(end)?.parse().ok());
            files.extend(digest.map(|digest| (digest, entry.path())));
        }
        Ok(files)
    }

    fn path(&self, kind: Kind, digest: &Digest) -> PathBuf {
        let (folder, end) = kind.names();
        self.folder.join(folder).join(format!("{}{end}", digest.hex()))
    }

    /// A file's bytes; none if there is no such file, or it is not what its name says.
    fn checked(&self, kind: Kind, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(kind, digest);
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::disk(path)(error)),
        };
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes).map_err(Error::disk(path))?;
        Ok(Some(bytes).filter(|bytes| Digest::of(bytes) == *digest))
    }

    /// Writes a file whole, or not at all.
    fn put(&self, kind: Kind, digest: &Digest, bytes: &[u8]) -> Result<PathBuf, Error> {
        debug_assert_eq!(Digest::of(bytes), *digest);
        let path = self.path(kind, digest);
        write_whole(&path, bytes)?;
        Ok(path)
    }
}

/// Writes a file whole, or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::disk(folder))?;
    let mut part =
        tempfile::Builder::new().prefix(".part-").tempfile_in(folder).map_err(Error::disk(folder))?;
    part.write_all(bytes).and_then(|()| part.as_file().sync_all()).map_err(Error::disk(path))?;
    #[cfg(unix)]
    {
        // Not for its owner alone, as temporary files are.
        use std::os::unix::fs::PermissionsExt;
        let readable = std::fs::Permissions::from_mode(0o644);
        part.as_file().set_permissions(readable).map_err(Error::disk(path))?;
    }
    part.persist(path).map(drop).map_err(|error| Error::disk(path)(error.error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_here_is_found_by_digest_and_damage_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("plugins"));
        let digest = Digest::of(b"component");
        let source = Source::parse("https://host.example/x.wasm").unwrap().unwrap();
        let pins = Pins { manifest: None, sha256: Some(digest.clone()) };
        assert!(matches!(store.find(&source, &Pins::default()), Err(Error::NoDigest { .. })));
        assert!(matches!(store.find(&source, &pins), Err(Error::NotHere { .. })));
        assert!(store.entries().unwrap().is_empty() && store.clear().unwrap() == (0, 0));
        let path = store.put_component(&digest, b"component").unwrap();
        assert_eq!(store.find(&source, &pins).unwrap().path, path);
        assert_eq!(store.component(&digest).unwrap(), Some((path.clone(), 9)));
        std::fs::write(&path, b"componenT").unwrap();
        assert_eq!(store.component(&digest).unwrap(), None);
        std::fs::write(path.with_file_name("mine.wasm"), b"").unwrap();
        assert_eq!(store.entries().unwrap().len(), 1);
        assert_eq!(store.clear().unwrap(), (1, 9));
        assert!(path.with_file_name("mine.wasm").is_file(), "what is not its own stays");
    }
}
