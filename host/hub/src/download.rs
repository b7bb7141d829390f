//! From the hub into its cache: what is missing is downloaded, checked, and linked where every program looks for it.
//!
//! A file's bytes come into `blobs/ETAG.incomplete`; a download that was cut short goes on there. Whole, they are held against the size and
//! the digest that the hub gave (SHA-256 of what lies in its large storage, SHA-1 of a Git blob otherwise), and take their name. A
//! revision's commit is written down at last.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use ts_http::GaveUp;
use ts_text::hexadecimal;

use crate::cache::{INDEX, shards};
use crate::name::{is_commit, is_path};
use crate::remote::{About, Failed, Remote};
use crate::{Cache, DataFile, Error, Name};

/// Files of a checkpoint, where it has them.
const FILES: [&str; 13] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "adapter_config.json",
    "README.md",
    "LICENSE",
    INDEX,
];

/// Most bytes of a file whose size the hub does not say.
const MAX_UNKNOWN_BYTES: u64 = 1 << 30;

/// A hub and its cache.
#[derive(Debug)]
pub struct Hub {
    cache: Cache,
    /// None if it may not be asked.
    remote: Option<Remote>,
}

/// Hears of each file before it is downloaded: its name, and its bytes.
pub type Listener<'a> = &'a mut dyn FnMut(&str, Option<u64>);

#[derive(Deserialize)]
struct Listing {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl Hub {
    /// The hub and the cache that the environment names.
    ///
    /// # Errors
    /// [`Error::NoPlace`], [`Error::Setting`].
    pub fn from_env() -> Result<Self, Error> {
        let value = std::env::var("HF_HUB_OFFLINE").unwrap_or_default().to_ascii_lowercase();
        let is_offline = matches!(value.as_str(), "1" | "on" | "yes" | "true");
        let remote = if is_offline { None } else { Some(Remote::from_env()?) };
        Ok(Self { cache: Cache::from_env()?, remote })
    }

    /// The folder of a checkpoint, which is downloaded if it is not there whole.
    ///
    /// # Errors
    /// [`Error`].
    pub fn fetch_model(&self, name: &Name, listener: Listener<'_>) -> Result<PathBuf, Error> {
        if let Some(folder) = self.cache.model(name) {
            return Ok(folder);
        }
        let remote = self.remote(&name.to_string())?;
        let listing = tried(remote, &name.to_string(), || remote.list(name))?;
        let strange =
            |reason: String| Error::Strange { endpoint: remote.endpoint(), name: name.to_string(), reason };
        let listing: Listing = serde_json::from_value(listing).map_err(|error| strange(error.to_string()))?;
        if !is_commit(&listing.sha) {
            return Err(strange("`sha` is not a commit".to_owned()));
        }
        // Of one commit, whatever is pushed meanwhile.
        let at_commit = Name { revision: listing.sha.clone(), ..name.clone() };
        let has = |file: &str| listing.siblings.iter().any(|sibling| sibling.rfilename == file);
        let folder = self.cache.repository(name).join("snapshots").join(&listing.sha);
        let mut get = |file: &str| self.download(remote, &at_commit, file, listener).map(drop);
        for file in FILES.into_iter().filter(|file| has(file)) {
            get(file)?;
        }
        let no_checkpoint =
            |reason: &str| Error::NoCheckpoint { name: name.to_string(), reason: reason.to_owned() };
        if has("adapter_config.json") && has("adapter_model.safetensors") {
            get("adapter_model.safetensors")?;
        } else if has(INDEX) {
            let shards = shards(&folder.join(INDEX));
            for shard in shards.ok_or_else(|| no_checkpoint(&format!("{INDEX} lists no shards")))? {
                get(&shard)?;
            }
        } else if has("model.safetensors") {
            get("model.safetensors")?;
        }
        self.remember(name, &listing.sha)?;
        let lacks = "it needs config.json, tokenizer.json and model.safetensors, or shards and their list; or an adapter in PEFT's layout";
        self.cache.model(&at_commit).ok_or_else(|| no_checkpoint(lacks))
    }

    /// A file of a data set, which is downloaded if it is not there.
    ///
    /// # Errors
    /// [`Error`].
    pub fn fetch_file(&self, file: &DataFile, listener: Listener<'_>) -> Result<PathBuf, Error> {
        if let Some(path) = self.cache.file(file) {
            return Ok(path);
        }
        let remote = self.remote(&file.to_string())?;
        let (path, commit) = self.download(remote, &file.name, &file.path, listener)?;
        self.remember(&file.name, &commit)?;
        Ok(path)
    }

    fn remote(&self, name: &str) -> Result<&Remote, Error> {
        let offline = || Error::Offline { name: name.to_owned(), cache: self.cache.folder().to_owned() };
        self.remote.as_ref().ok_or_else(offline)
    }

    /// Writes down which commit a branch or a tag is.
    fn remember(&self, name: &Name, commit: &str) -> Result<(), Error> {
        if name.commit().is_some() {
            return Ok(());
        }
        let path = self.cache.repository(name).join("refs").join(&name.revision);
        make_folder(path.parent())?;
        let part =
            path.with_file_name(format!(".{}-{}", std::process::id(), name.revision.replace('/', "-")));
        std::fs::write(&part, commit).map_err(Error::write(&part))?;
        std::fs::rename(&part, &path).map_err(Error::write(&path))
    }

    /// A file in its snapshot, and the commit.
    fn download(
        &self,
        remote: &Remote,
        name: &Name,
        file: &str,
        listener: Listener<'_>,
    ) -> Result<(PathBuf, String), Error> {
        let what = format!("{file} of {name}");
        let about = tried(remote, &what, || remote.about(name, file))?;
        let repository = self.cache.repository(name);
        let blob = repository.join("blobs").join(&about.etag);
        make_folder(blob.parent())?;
        // Only one program at a time, as the hub's own client has it.
        let locks = self.cache.folder().join(".locks").join(repository.file_name().unwrap_or_default());
        make_folder(Some(&locks))?;
        let lock = locks.join(format!("{}.lock", about.etag));
        let lock = File::create(&lock).map_err(Error::write(&lock))?;
        lock.lock().map_err(Error::write(&blob))?;
        if std::fs::metadata(&blob).is_ok_and(|it| about.size.is_none_or(|size| it.len() == size)) {
            return Ok((link(&repository, &about, file)?, about.commit));
        }
        listener(&what, about.size);
        let part = repository.join("blobs").join(format!("{}.incomplete", about.etag));
        tried(remote, &what, || transfer(remote, name, file, &about, &part))?;
        std::fs::rename(&part, &blob).map_err(Error::write(&blob))?;
        Ok((link(&repository, &about, file)?, about.commit))
    }
}

/// Tries until it goes well.
fn tried<T>(remote: &Remote, what: &str, once: impl FnMut() -> Result<T, Failed>) -> Result<T, Error> {
    ts_http::tried(once).map_err(|gave_up| match gave_up {
        GaveUp::ForGood(error) => error,
        GaveUp::Unreachable { tries, reason } => {
            Error::Unreachable { endpoint: remote.endpoint(), name: what.to_owned(), tries, reason }
        }
    })
}

/// Brings a file into `part`, from where an earlier try ended, and checks it.
fn transfer(remote: &Remote, name: &Name, file: &str, about: &About, part: &Path) -> Result<(), Failed> {
    let disk = |error: std::io::Error| Failed::ForGood(Error::write(part)(error));
    let mut out =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(part).map_err(disk)?;
    let mut have = out.seek(SeekFrom::End(0)).map_err(disk)?;
    let most = about.size.unwrap_or(MAX_UNKNOWN_BYTES);
    if have > most || (about.size.is_none() && have > 0) {
        have = restart(&mut out).map_err(disk)?;
    }
    if about.size != Some(have) || have == 0 {
        let mut answer = remote.get(name, file, have)?;
        if have > 0 && answer.status() != 206 {
            have = restart(&mut out).map_err(disk)?;
        }
        let mut body = answer.body_mut().as_reader();
        let mut buffer = vec![0; 1 << 18];
        loop {
            let n = body.read(&mut buffer).map_err(|error| Failed::ForNow(error.to_string(), None))?;
            if n == 0 {
                break;
            }
            have += n as u64;
            if have > most {
                restart(&mut out).map_err(disk)?;
                return Err(Failed::ForNow(
                    format!("it sends more than the {most} bytes that it said"),
                    None,
                ));
            }
            out.write_all(&buffer[..n]).map_err(disk)?;
        }
    }
    if let Some(size) = about.size.filter(|size| *size != have) {
        return Err(Failed::ForNow(format!("it sends {have} of {size} bytes"), None));
    }
    out.sync_all().map_err(disk)?;
    match digest_like(&about.etag, &mut out, have).map_err(disk)? {
        Some(found) if found != about.etag => {
            restart(&mut out).map_err(disk)?;
            Err(Failed::ForNow(format!("the digest of what it sends is {found}, not {}", about.etag), None))
        }
        _ => Ok(()),
    }
}

fn restart(out: &mut File) -> std::io::Result<u64> {
    out.set_len(0)?;
    out.seek(SeekFrom::Start(0))
}

/// The digest of a file in the form of an ETag: SHA-256 if that has 64 digits, of a Git blob if it has 40, none of any other.
fn digest_like(etag: &str, file: &mut File, size: u64) -> std::io::Result<Option<String>> {
    file.seek(SeekFrom::Start(0))?;
    let is_hexadecimal = etag.bytes().all(|b| b.is_ascii_hexdigit());
    Ok(match etag.len() {
        64 if is_hexadecimal => Some(hexadecimal(&digest(Sha256::new(), file)?.finalize())),
        40 if is_hexadecimal => {
            let begun = Sha1::new_with_prefix(format!("blob {size}\0"));
            Some(hexadecimal(&digest(begun, file)?.finalize()))
        }
        _ => None,
    })
}

fn digest<D: Digest>(mut hasher: D, file: &mut File) -> std::io::Result<D> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// Links a file's place in the snapshot to its bytes.
fn link(repository: &Path, about: &About, file: &str) -> Result<PathBuf, Error> {
    debug_assert!(is_path(file));
    let path = repository.join("snapshots").join(&about.commit).join(file);
    make_folder(path.parent())?;
    let blob = repository.join("blobs").join(&about.etag);
    let part = path.with_file_name(format!(".{}.part", std::process::id()));
    let _ = std::fs::remove_file(&part);
    #[cfg(unix)]
    {
        // Relative, so that the cache can be moved.
        let up = "../".repeat(2 + file.matches('/').count());
        let target = format!("{up}blobs/{}", about.etag);
        std::os::unix::fs::symlink(target, &part).map_err(Error::write(&part))?;
        debug_assert!(blob.is_file());
    }
    #[cfg(not(unix))]
    std::fs::copy(&blob, &part).map_err(Error::write(&part))?;
    std::fs::rename(&part, &path).map_err(Error::write(&path))?;
    Ok(path)
}

fn make_folder(path: Option<&Path>) -> Result<(), Error> {
    let Some(path) = path else { return Ok(()) };
    std::fs::create_dir_all(path).map_err(Error::write(path))
}
