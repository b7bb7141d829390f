//! Sharing a plugin: its component as one layer of an artefact of a registry.
//!
//! In: a component, and what it says of itself. Out: the manifest's digest, by which it is named from then on. The layout is that of CNCF's
//! Wasm OCI artefacts.

use serde_json::{Value, json};
use ts_http::{is_downgrade, is_private, resolved};
use ureq::http::Uri;

use crate::client::{Change, Client};
use crate::manifest::{CONFIG, LAYERS, MANIFEST};
use crate::{Digest, Error, Reference};

/// The time that the layout asks for; the same always, so that a component that is pushed again has the digest that it had.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// What a plugin says of itself, for people who find it in a registry.
#[derive(Clone, Debug)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// A sentence.
    pub summary: String,
    /// The interfaces that it exports, with their versions.
    pub exports: Vec<String>,
    /// Those that it imports.
    pub imports: Vec<String>,
}

/// Uploads a component and calls it by the reference's tag: the manifest's digest.
///
/// # Errors
/// [`Error`]; a reference without a tag, or with a digest, is [`Error::BadSource`].
pub fn push(reference: &Reference, component: &[u8], described: &Described) -> Result<Digest, Error> {
    let name = reference.to_string();
    let Reference { tag: Some(tag), manifest: None, .. } = reference else {
        let fault = "what is pushed is called by a tag: oci://registry/repository:tag".to_owned();
        return Err(Error::BadSource { name, fault });
    };
    let layer = Digest::of(component);
    let config = config(&layer, described).to_string();
    let manifest = manifest(&layer, component.len(), &config, described).to_string();
    let mut client = Client::new(reference, "pull,push")?;
    for bytes in [config.as_bytes(), component] {
        upload(&mut client, bytes, &format!("{name} (a blob of {} bytes)", bytes.len()))?;
    }
    let uri = client.uri(&format!("manifests/{tag}"))?;
    client.change(&uri, &Change::Put(manifest.as_bytes(), MANIFEST), &name)?;
    Ok(Digest::of(manifest.as_bytes()))
}

/// Uploads a blob in one piece, if it is not there.
fn upload(client: &mut Client<'_>, bytes: &[u8], what: &str) -> Result<(), Error> {
    let digest = Digest::of(bytes);
    if client.has_blob(&digest) {
        return Ok(());
    }
    let begin = client.uri("blobs/uploads/")?;
    let answer = client.change(&begin, &Change::Post, what)?;
    let location = ts_http::header(answer.headers(), "location").unwrap_or_default();
    let strange = |reason: &str| {
        let (server, name) = (client.caller().server(), what.to_owned());
        Error::Strange { server, name, reason: reason.to_owned() }
    };
    let to = resolved(&begin, &location).ok_or_else(|| strange("an upload to nowhere"))?;
    if is_downgrade(&begin, &to) || !is_private(&to) {
        return Err(strange("an upload over plain http"));
    }
    let joint = if to.query().is_some() { '&' } else { '?' };
    let to: Uri =
        format!("{to}{joint}digest={digest}").parse().map_err(|_| strange("an upload to nowhere"))?;
    client.change(&to, &Change::Put(bytes, "application/octet-stream"), what).map(drop)
}

fn config(layer: &Digest, described: &Described) -> Value {
    json!({
        "created": CREATED,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [layer.to_string()],
        "component": {"exports": described.exports, "imports": described.imports},
    })
}

fn manifest(layer: &Digest, bytes: usize, config: &str, described: &Described) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": CONFIG,
            "digest": Digest::of(config.as_bytes()).to_string(),
            "size": config.len(),
        },
        "layers": [{
            "mediaType": LAYERS[0],
            "digest": layer.to_string(),
            "size": bytes,
            // The name of the file that `oras pull` writes.
            "annotations": {"org.opencontainers.image.title": format!("{}.wasm", described.name)},
        }],
        "annotations": {
            "org.opencontainers.image.title": described.name,
            "org.opencontainers.image.version": described.version,
            "org.opencontainers.image.description": described.summary,
        },
    })
}
