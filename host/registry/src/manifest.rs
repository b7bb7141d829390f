//! A registry's manifest: which of its layers is the component.
//!
//! In: the manifest's bytes, whose digest was checked. Out: the layer, or of an index the one manifest to go on with.
//!
//! Components are shared as one layer `application/wasm` under a configuration `application/vnd.wasm.config.v0+json` (CNCF's Wasm OCI
//! artefacts). Older tools write `application/vnd.wasm.content.layer.v1+wasm`, others another configuration: it is the layer that counts.

use serde::Deserialize;

use crate::{Digest, Error};

/// Most bytes of a manifest: what the distribution specification asks registries to take.
pub(crate) const MAX_BYTES: u64 = 4 << 20;

/// What is asked for.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// The type of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The type of a component's configuration.
pub(crate) const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The types of a component as a layer, that of today first.
pub(crate) const LAYERS: [&str; 2] = ["application/wasm", "application/vnd.wasm.content.layer.v1+wasm"];

/// What a manifest leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Manifest {
    /// A component.
    Component(Layer),
    /// Another manifest.
    Index(Digest),
}

/// A component, as its manifest describes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its size.
    pub(crate) bytes: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    size: u64,
    artifact_type: Option<String>,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
}

/// Reads a manifest of the source `name`; an index within an index is none.
///
/// # Errors
/// [`Error::NoPlugin`].
pub(crate) fn read(bytes: &[u8], name: &str, is_index_allowed: bool) -> Result<Manifest, Error> {
    let no_plugin = |reason: String| Error::NoPlugin { name: name.to_owned(), reason };
    let file: File = serde_json::from_slice(bytes)
        .map_err(|error| no_plugin(format!("its manifest cannot be read: {error}")))?;
    let digest = |text: &str| {
        let short: String = text.chars().take(80).collect();
        text.parse::<Digest>().map_err(|must| no_plugin(format!("its manifest names `{short}`, and {must}")))
    };
    match file {
        File { layers: Some(layers), .. } => {
            let wasm: Vec<_> =
                layers.iter().filter(|layer| LAYERS.contains(&layer.media_type.as_str())).collect();
            let [layer] = wasm.as_slice() else {
                let types = listed(layers.iter().map(|layer| layer.media_type.as_str()));
                return Err(no_plugin(format!(
                    "of its layers ({types}), {} are components, and one must be: {}",
                    wasm.len(),
                    LAYERS.join(" or ")
                )));
            };
            Ok(Manifest::Component(Layer { digest: digest(&layer.digest)?, bytes: layer.size }))
        }
        File { manifests: Some(manifests), .. } if is_index_allowed => {
            let is_wasm = |it: &&Descriptor| {
                it.platform.as_ref().is_some_and(|platform| platform.architecture == "wasm")
                    || it.artifact_type.as_deref().is_some_and(|kind| kind.contains("wasm"))
            };
            let wasm: Vec<_> = manifests.iter().filter(is_wasm).collect();
            let all: Vec<_> = manifests.iter().collect();
            match (wasm.as_slice(), all.as_slice()) {
                ([one], _) | ([], [one]) => Ok(Manifest::Index(digest(&one.digest)?)),
                _ => Err(no_plugin(format!(
                    "it is an index of {} manifests, {} of them for wasm, and one must be: name that one by its digest ({})",
                    manifests.len(),
                    wasm.len(),
                    listed(manifests.iter().map(|it| it.digest.as_str()))
                ))),
            }
        }
        File { manifests: Some(_), .. } => Err(no_plugin("it is an index within an index".to_owned())),
        _ => Err(no_plugin("its manifest has neither layers nor manifests".to_owned())),
    }
}

/// The first few of some names, shortened.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| name.chars().take(80).collect()).collect();
    match names.len() {
        0 => "none".to_owned(),
        1..=4 => names.join(", "),
        n => format!("{}, and {} more", names[..4].join(", "), n - 4),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(manifest: &Value) -> String {
        match read(manifest.to_string().as_bytes(), "x", true) {
            Ok(found) => format!("{found:?}"),
            Err(error) => error.to_string(),
        }
    }

    fn of(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    #[test]
    fn the_one_layer_that_is_a_component_is_found_whatever_the_configuration() {
        for kind in LAYERS {
            let layers = json!([
                {"mediaType": "text/plain", "digest": of("readme").to_string(), "size": 1},
                {"mediaType": kind, "digest": of("it").to_string(), "size": 7},
            ]);
            let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": "x", "size": 2});
            let bytes = json!({"schemaVersion": 2, "config": config, "layers": layers}).to_string();
            let found = read(bytes.as_bytes(), "x", false).unwrap();
            assert_eq!(found, Manifest::Component(Layer { digest: of("it"), bytes: 7 }));
        }
    }

    #[test]
    fn an_index_is_followed_to_its_one_manifest_for_wasm() {
        let entry = |name: &str, architecture: &str| json!({"digest": of(name).to_string(), "size": 1, "platform": {"architecture": architecture}});
        let index = |entries: Value| json!({"manifests": entries});
        assert_eq!(
            told(&index(json!([entry("a", "amd64"), entry("b", "wasm")]))),
            format!("{:?}", Manifest::Index(of("b")))
        );
        assert_eq!(told(&index(json!([entry("a", "unknown")]))), format!("{:?}", Manifest::Index(of("a"))));
        let both = told(&index(json!([entry("a", "wasm"), entry("b", "wasm")])));
        assert!(both.contains("2 of them for wasm") && both.contains(of("b").hex()), "{both}");
        assert!(
            told(&index(json!([entry("a", "amd64"), entry("b", "arm64")]))).contains("0 of them for wasm")
        );
        let nested = read(index(json!([entry("a", "wasm")])).to_string().as_bytes(), "x", false);
        assert!(nested.unwrap_err().to_string().contains("index within an index"));
    }

    #[test]
    fn what_is_no_plugin_says_why() {
        let layer = |kind: &str| json!({"mediaType": kind, "digest": of("a").to_string(), "size": 1});
        for (manifest, reason) in [
            (json!({"layers": []}), "(none), 0 are components"),
            (json!({"layers": [layer("application/vnd.oci.image.layer.v1.tar+gzip")]}), "tar+gzip), 0 are"),
            (json!({"layers": [layer(LAYERS[0]), layer(LAYERS[1])]}), "2 are components"),
            (
                json!({"layers": [{"mediaType": LAYERS[0], "digest": "sha256:../../etc", "size": 1}]}),
                "64 hexadecimal",
            ),
            (
                json!({"layers": [{"mediaType": LAYERS[0], "digest": of("a").to_string(), "size": -1}]}),
                "cannot be read",
            ),
            (json!({"layers": "many"}), "cannot be read"),
            (json!({}), "neither layers nor manifests"),
            (json!([1]), "cannot be read"),
        ] {
            let told = told(&manifest);
            assert!(told.contains(reason), "{manifest}: {told}");
        }
        assert!(read(b"<html>", "x", true).unwrap_err().to_string().contains("cannot be read"));
        let deep = "[".repeat(100_000);
        assert!(read(deep.as_bytes(), "x", true).unwrap_err().to_string().contains("cannot be read"));
    }
}
