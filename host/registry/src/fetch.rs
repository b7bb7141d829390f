//! Having a plugin here: from the store, or else from where it is, and then into the store.

use std::path::PathBuf;

use ureq::http::Uri;

use crate::caller::Caller;
use crate::client::Client;
use crate::manifest::{self, Layer, Manifest};
use crate::{Digest, Error, Pins, Reference, Source, Store};

/// A plugin that is here.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its file in the store, whose digest was checked.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Digest,
    /// The source by digest: what finds it again.
    pub source: Source,
    /// The digest of its manifest, of a registry's.
    pub manifest: Option<Digest>,
}

/// Hears of what is downloaded, before it is: what, and its bytes.
pub type Listener<'a> = &'a mut dyn FnMut(&str, Option<u64>);

/// Has a plugin here whose digest is known: by its text, or by what is known beside it. What the store has is not asked for.
///
/// # Errors
/// [`Error`]; without a digest, [`Error::NoDigest`].
pub fn fetch(
    store: &Store,
    source: &Source,
    beside: &Pins,
    most: u64,
    listener: Listener<'_>,
) -> Result<Fetched, Error> {
    let pins = source.pins(beside)?;
    if pins == Pins::default() {
        return Err(Error::NoDigest { name: source.to_string() });
    }
    fetch_any(store, source, pins, most, listener)
}

/// Has a plugin here that may have no digest yet: what its tag or its URL means now is believed, this once.
///
/// # Errors
/// [`Error`].
pub fn fetch_first(
    store: &Store,
    source: &Source,
    most: u64,
    listener: Listener<'_>,
) -> Result<Fetched, Error> {
    fetch_any(store, source, source.pins(&Pins::default())?, most, listener)
}

fn fetch_any(
    store: &Store,
    source: &Source,
    pins: Pins,
    most: u64,
    listener: Listener<'_>,
) -> Result<Fetched, Error> {
    if let Some(sha256) = &pins.sha256
        && let Some((path, bytes)) = store.component(sha256)?
    {
        let (sha256, manifest) = (sha256.clone(), pins.manifest.clone());
        return Ok(Fetched { path, bytes, sha256, source: source.pinned(&pins), manifest });
    }
    let (pins, path, bytes) = match source {
        Source::Url { url, .. } => from_url(store, url, pins, most, listener)?,
        Source::Oci(reference) => from_registry(store, reference, pins, most, listener)?,
    };
    let source = source.pinned(&pins);
    let no_digest = || Error::NoDigest { name: source.to_string() };
    let sha256 = pins.sha256.ok_or_else(no_digest)?;
    Ok(Fetched { path, bytes, sha256, source, manifest: pins.manifest })
}

/// Both digests, the file, its bytes.
type Here = (Pins, PathBuf, u64);

fn from_url(store: &Store, url: &str, pins: Pins, most: u64, listener: Listener<'_>) -> Result<Here, Error> {
    let bad = |_| Error::BadSource { name: url.to_owned(), fault: "it is no URL".to_owned() };
    let uri: Uri = url.parse().map_err(bad)?;
    let caller = Caller::new(uri.clone());
    listener(url, None);
    let bytes = caller.tried(url, || {
        let answer = caller.checked(caller.get(&uri, "*/*", url)?, url)?;
        caller.bytes(answer, most, url)
    })?;
    let found = Digest::of(&bytes);
    if let Some(wanted) = &pins.sha256 {
        check(&found, wanted, || format!("what is at {url}"))?;
    }
    let path = store.put_component(&found, &bytes)?;
    Ok((Pins { manifest: None, sha256: Some(found) }, path, bytes.len() as u64))
}

fn from_registry(
    store: &Store,
    reference: &Reference,
    pins: Pins,
    most: u64,
    listener: Listener<'_>,
) -> Result<Here, Error> {
    let name = reference.to_string();
    let mut client = Client::new(reference, "pull")?;
    let manifest = match (&pins.manifest, &reference.tag) {
        (Some(digest), _) => digest.clone(),
        (None, Some(tag)) => {
            let bytes = client.manifest(tag)?;
            let digest = Digest::of(&bytes);
            store.put_manifest(&digest, &bytes)?;
            digest
        }
        (None, None) => return Err(Error::NoDigest { name }),
    };
    let layer = component_of(store, &mut client, &name, &manifest)?;
    if let Some(wanted) = &pins.sha256 {
        check(&layer.digest, wanted, || format!("the component of {name}"))?;
    }
    let digests = Pins { manifest: Some(manifest), sha256: Some(layer.digest.clone()) };
    if let Some((path, bytes)) = store.component(&layer.digest)? {
        return Ok((digests, path, bytes));
    }
    if layer.bytes > most {
        return Err(Error::TooLarge { name: format!("the component of {name}"), most });
    }
    listener(&name, Some(layer.bytes));
    let bytes = client.blob(&layer.digest, layer.bytes)?;
    check(&Digest::of(&bytes), &layer.digest, || {
        format!("what the registry sends as the component of {name}")
    })?;
    let path = store.put_component(&layer.digest, &bytes)?;
    Ok((digests, path, layer.bytes))
}

/// The layer that a manifest leads to, over an index perhaps.
fn component_of(store: &Store, client: &mut Client<'_>, name: &str, digest: &Digest) -> Result<Layer, Error> {
    let mut digest = digest.clone();
    let mut is_index_allowed = true;
    loop {
        let bytes = match store.manifest(&digest)? {
            Some(bytes) => bytes,
            None => {
                let bytes = client.manifest(&digest.to_string())?;
                check(&Digest::of(&bytes), &digest, || {
                    format!("what the registry sends as the manifest of {name}")
                })?;
                store.put_manifest(&digest, &bytes)?;
                bytes
            }
        };
        match manifest::read(&bytes, name, is_index_allowed)? {
            Manifest::Component(layer) => return Ok(layer),
            Manifest::Index(inner) => (digest, is_index_allowed) = (inner, false),
        }
    }
}

/// That something has the digest that it should have.
fn check(found: &Digest, wanted: &Digest, name: impl Fn() -> String) -> Result<(), Error> {
    match found == wanted {
        true => Ok(()),
        false => Err(Error::WrongDigest { name: name(), found: found.clone(), wanted: wanted.clone() }),
    }
}
