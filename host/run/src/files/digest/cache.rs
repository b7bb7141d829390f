//! Digests of large files, kept between commands: a checkpoint that did not change is not read again to know
//! that.
//!
//! A file is known by its device, inode, size and times of change, in nanoseconds; the time of the inode's
//! change cannot be set by whoever writes a file. There is one JSON file for each folder that was digested,
//! named after the folder's path. It is believed only if it and its folder belong to this user and nobody
//! else may write to them. Whatever is wrong with it, the files are read and nothing fails.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic::write_json;
use crate::digest::sha256_bytes;

/// A folder of digests.
#[derive(Clone, Debug)]
pub struct DigestCache {
    folder: PathBuf,
}

/// What shows that a file is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: i128,
    changed_ns: i128,
}

/// A file's digest when it had this stamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) stamp: Stamp,
    pub(crate) sha256: String,
}

impl DigestCache {
    /// Keeps digests in this folder, which is made when there is something to keep.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// What is known of a folder's files, by their names in it.
    pub(crate) fn of(&self, folder: &Path) -> BTreeMap<String, Known> {
        let path = self.path_of(folder);
        let is_ours = fs::symlink_metadata(&self.folder)
            .is_ok_and(|folder| folder.is_dir() && is_ours(&folder))
            && fs::symlink_metadata(&path).is_ok_and(|file| file.is_file() && is_ours(&file));
        let bytes = is_ours.then(|| fs::read(&path).ok()).flatten();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Keeps what is known of a folder's files.
    pub(crate) fn keep(&self, folder: &Path, known: &BTreeMap<String, Known>) {
        if make_own(&self.folder).is_ok() {
            // What cannot be kept is computed again.
            let _ = write_json(&self.path_of(folder), known);
        }
    }

    fn path_of(&self, folder: &Path) -> PathBuf {
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        self.folder.join(format!("{}.json", sha256_bytes(folder.as_os_str().as_encoded_bytes())))
    }
}

#[cfg(unix)]
impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether the file last changed long enough ago that another change would show in its times.
    pub(crate) fn is_settled(&self) -> bool {
        const SETTLED_NS: i128 = 2_000_000_000;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.is_ok_and(|now| now.as_nanos() as i128 - self.changed_ns > SETTLED_NS)
    }
}

#[cfg(not(unix))]
impl Stamp {
    pub(crate) fn of(_: &Metadata) -> Option<Self> {
        None
    }

    pub(crate) fn is_settled(&self) -> bool {
        false
    }
}

/// Whether it belongs to this user, and nobody else may write to it.
#[cfg(unix)]
fn is_ours(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

#[cfg(not(unix))]
fn is_ours(_: &Metadata) -> bool {
    false
}

/// Makes a folder that only this user may enter.
fn make_own(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;
    use crate::digest::{sha256_file, sha256_folder};

    /// A cache, and a folder with one file whose digest it was told to be `lie`: so a test sees who is
    /// believed.
    fn lying(lie: &str) -> (tempfile::TempDir, DigestCache, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("model");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("weights"), "1").unwrap();
        let cache = DigestCache::in_folder(temp.path().join("digests"));
        let stamp = Stamp::of(&fs::metadata(folder.join("weights")).unwrap()).unwrap();
        cache.keep(&folder, &[("weights".to_owned(), Known { stamp, sha256: lie.to_owned() })].into());
        (temp, cache, folder)
    }

    fn digest(folder: &Path, cache: &DigestCache) -> String {
        sha256_folder(folder, Some(cache)).unwrap().files["weights"].clone()
    }

    #[test]
    fn a_file_that_did_not_change_is_not_read() {
        let (_temp, cache, folder) = lying("kept");
        assert_eq!(digest(&folder, &cache), "kept");
    }

    #[test]
    fn a_file_that_changed_is_read_also_where_its_time_was_set_back() {
        let (_temp, cache, folder) = lying("kept");
        let file = folder.join("weights");
        let before = fs::metadata(&file).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        fs::write(&file, "2").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(before).unwrap();
        assert_eq!(digest(&folder, &cache), sha256_file(&file).unwrap());
    }

    #[test]
    fn what_others_may_write_is_not_believed() {
        for of_folder in [true, false] {
            let (_temp, cache, folder) = lying("forged");
            let path = if of_folder { cache.folder.clone() } else { cache.path_of(&folder) };
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
            assert_eq!(digest(&folder, &cache), sha256_file(&folder.join("weights")).unwrap());
        }
    }

    #[test]
    fn what_was_written_only_now_is_read_again() {
        let (_temp, cache, folder) = lying("kept");
        fs::write(folder.join("weights"), "2").unwrap();
        digest(&folder, &cache);
        assert!(cache.of(&folder).is_empty());
        let old = Stamp { changed_ns: 0, ..Stamp::of(&fs::metadata(&folder).unwrap()).unwrap() };
        assert!(old.is_settled());
    }
}
