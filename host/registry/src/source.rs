//! Where a plugin is that is not on this disk, as recipes and commands write it.
//!
//! ```text
//! oci://REGISTRY/REPOSITORY:TAG            a registry's; what the tag means may change
//! oci://REGISTRY/REPOSITORY@sha256:HEX     by the digest of its manifest
//! oci://REGISTRY/REPOSITORY:TAG@sha256:HEX the same; the tag is for people
//! https://HOST/PATH                        a file
//! https://HOST/PATH@sha256:HEX             by its own digest
//! ```

use std::fmt;

use ts_http::{is_http, is_private, without_user};
use ureq::http::Uri;

use crate::digest::SHA256;
use crate::{Digest, Error};

/// A plugin that is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file behind a URL.
    Url {
        /// The URL.
        url: String,
        /// The file's digest, if the text has it.
        sha256: Option<Digest>,
    },
    /// An artefact of a registry.
    Oci(Reference),
}

/// An artefact of an OCI registry: by a tag, by its manifest's digest, or by both, and then the digest counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Host, and perhaps a port.
    pub registry: String,
    /// `org/name`.
    pub repository: String,
    /// A name that may come to mean something else.
    pub tag: Option<String>,
    /// The digest of the manifest.
    pub manifest: Option<Digest>,
}

/// What is known of a source beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// The digest of an artefact's manifest.
    pub manifest: Option<Digest>,
    /// The digest of the component.
    pub sha256: Option<Digest>,
}

/// The schemes, as errors list them.
const SCHEMES: &str = "a plugin elsewhere begins with oci:// or https://; any other is a file, a folder or the name of an embedded one";

impl Source {
    /// Reads a source; `None` for one that can only be local: a text without a scheme.
    ///
    /// # Errors
    /// [`Error::BadSource`], which shows no password.
    pub fn parse(text: &str) -> Result<Option<Self>, Error> {
        let bad = |fault: &str| Error::BadSource { name: shown(text), fault: fault.to_owned() };
        let Some((scheme, rest)) = text.split_once(':') else { return Ok(None) };
        match (scheme.to_ascii_lowercase().as_str(), rest.strip_prefix("//")) {
            ("oci", Some(rest)) => Ok(Some(Self::Oci(reference(rest).map_err(|fault| bad(&fault))?))),
            ("https" | "http", Some(_)) => url(text).map(Some).map_err(|fault| bad(&fault)),
            ("oci" | "https" | "http", None) => Err(bad(&format!("write {scheme}:// with two slashes"))),
            (_, Some(_)) => Err(bad(SCHEMES)),
            (_, None) => Ok(None),
        }
    }

    /// Both what the text says and what is known beside it, which must not contradict each other.
    ///
    /// # Errors
    /// [`Error::Contradiction`].
    pub fn pins(&self, beside: &Pins) -> Result<Pins, Error> {
        let both = |one: &Option<Digest>, other: &Option<Digest>| match (one, other) {
            (Some(one), Some(other)) if one != other => {
                Err(Error::Contradiction { name: self.to_string(), one: one.clone(), other: other.clone() })
            }
            (one, other) => Ok(one.clone().or_else(|| other.clone())),
        };
        match self {
            Self::Url { sha256, .. } => Ok(Pins { manifest: None, sha256: both(sha256, &beside.sha256)? }),
            Self::Oci(Reference { manifest, .. }) => {
                Ok(Pins { manifest: both(manifest, &beside.manifest)?, sha256: beside.sha256.clone() })
            }
        }
    }

    /// The same source by digest, as far as the digests are known.
    pub fn pinned(&self, pins: &Pins) -> Self {
        match self {
            Self::Url { url, sha256 } => {
                Self::Url { url: url.clone(), sha256: sha256.clone().or_else(|| pins.sha256.clone()) }
            }
            Self::Oci(reference) => Self::Oci(Reference {
                manifest: reference.manifest.clone().or_else(|| pins.manifest.clone()),
                ..reference.clone()
            }),
        }
    }

    /// What the plugin may be called by: the last part of its place, without `.wasm`.
    pub fn stem(&self) -> &str {
        let place = match self {
            Self::Url { url, .. } => url.split(['?', '#']).next().unwrap_or_default(),
            Self::Oci(reference) => &reference.repository,
        };
        let name = place.rsplit('/').next().unwrap_or_default();
        name.strip_suffix(".wasm").unwrap_or(name)
    }
}

/// As it is written in a recipe.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, sha256: None } => f.write_str(url),
            Self::Url { url, sha256: Some(digest) } => write!(f, "{url}@{digest}"),
            Self::Oci(reference) => reference.fmt(f),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.manifest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// A text and the digest behind it, if it ends with one.
fn split_digest(text: &str) -> Result<(&str, Option<Digest>), String> {
    match text.rsplit_once('@') {
        Some((before, digest)) if digest.starts_with(SHA256) => Ok((before, Some(digest.parse()?))),
        Some((_, digest)) if digest.starts_with("sha512:") => {
            Err("of digests, sha256 alone is taken".to_owned())
        }
        _ => Ok((text, None)),
    }
}

fn url(text: &str) -> Result<Source, String> {
    let (url, sha256) = split_digest(text)?;
    let uri: Uri = url.parse().ok().filter(is_http).ok_or("it is no URL")?;
    if url.contains('#') {
        return Err("a URL of a file has no `#`".to_owned());
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if without_user(authority) != authority {
        return Err("a name and a password do not belong in a URL, which is kept with the run".to_owned());
    }
    if !is_private(&uri) {
        return Err("plain http is for this machine alone; write https".to_owned());
    }
    Ok(Source::Url { url: url.to_owned(), sha256 })
}

fn reference(rest: &str) -> Result<Reference, String> {
    let (place, manifest) = split_digest(rest)?;
    let (registry, name) = place.split_once('/').ok_or("write oci://registry/repository:tag")?;
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (name, None),
    };
    if registry.contains('@') {
        return Err("a name and a password do not belong in it; `docker login` keeps them".to_owned());
    }
    if !is_registry(registry) {
        return Err("its registry must be a host, perhaps with a port".to_owned());
    }
    if !is_repository(repository) {
        return Err(
            "its repository must be lower-case words with `/` between them, and `.`, `_` or `-` within them"
                .to_owned(),
        );
    }
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err("its tag must be letters, digits, `_`, `.` or `-`, at most 128".to_owned());
    }
    if tag.is_none() && manifest.is_none() {
        return Err("it needs a tag or a digest: oci://registry/repository:tag, or …@sha256:…".to_owned());
    }
    let tag = tag.map(str::to_owned);
    Ok(Reference { registry: registry.to_owned(), repository: repository.to_owned(), tag, manifest })
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_name = |host: &str| {
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('-')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        host.len() <= 253 && host.split('.').all(plain)
    };
    (is_name(host) || host == "[::1]")
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Whether it is a name in the sense of the distribution specification, which is a path in a URL that leads nowhere else.
fn is_repository(text: &str) -> bool {
    let is_word = |part: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = part.as_bytes();
        let ends = |b: Option<&u8>| b.is_some_and(|b| plain(*b));
        ends(bytes.first())
            && ends(bytes.last())
            && bytes.iter().all(|b| plain(*b) || matches!(b, b'.' | b'_' | b'-'))
            && !part.contains("..")
    };
    text.len() <= 255 && text.split('/').all(is_word)
}

fn is_tag(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(is_plain)
}

/// A source as errors show it: what stands before `@` in the place of the host may be a password.
fn shown(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}{}", &rest[end..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn what_is_elsewhere_reads_back_as_it_was_written() {
        for text in [
            "oci://ghcr.io/org/grader:1.2",
            "oci://localhost:5000/grader:latest",
            "oci://[::1]:5000/a/b/c-d__e.f:x",
            &format!("oci://ghcr.io/org/grader@sha256:{HEX}"),
            &format!("oci://ghcr.io/org/grader:1.2@sha256:{HEX}"),
            "https://host.example/a/grader.wasm",
            "http://127.0.0.1:80/grader.wasm",
            &format!("https://host.example/@scope/grader.wasm?raw=1@sha256:{HEX}"),
        ] {
            let source = Source::parse(text).unwrap().unwrap();
            assert_eq!(source.to_string(), text);
            assert_eq!(Source::parse(&source.to_string()).unwrap(), Some(source), "{text}");
        }
    }

    #[test]
    fn what_has_no_scheme_is_local() {
        for text in ["math_grader", "x.wasm", "../x.wasm", "C:\\x.wasm", "ghcr.io/org/grader:1.2", "a:b", ""]
        {
            assert_eq!(Source::parse(text).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn what_can_be_no_source_is_refused_and_no_password_is_shown() {
        for (text, fault) in [
            ("oci:ghcr.io/org/grader:1", "two slashes"),
            ("https:/host/x.wasm", "two slashes"),
            ("docker://ghcr.io/org/grader:1", "oci:// or https://"),
            ("oci://grader", "oci://registry/repository:tag"),
            ("oci://ghcr.io/org/grader", "a tag or a digest"),
            ("oci://ghcr.io/Org/grader:1", "lower-case"),
            ("oci://ghcr.io/../secret:1", "lower-case"),
            ("oci://ghcr.io/a/../../v2/b:1", "lower-case"),
            ("oci://ghcr.io//grader:1", "lower-case"),
            ("oci://ghcr.io/a%2f..:1", "lower-case"),
            ("oci://ghcr.io/a?b:1", "lower-case"),
            ("oci://ghcr.io/org/grader:a/b", "its tag"),
            ("oci://ghcr.io/org/grader:", "its tag"),
            ("oci://ghcr.io/org/grader:-x", "its tag"),
            ("oci:///org/grader:1", "its registry"),
            ("oci://ghcr.io:99999/grader:1", "its registry"),
            ("oci://gh cr.io/grader:1", "its registry"),
            ("oci://ghcr.io/grader@sha256:12", "64 hexadecimal"),
            ("oci://ghcr.io/grader@sha512:12", "sha256 alone"),
            ("oci://me:hunter2@ghcr.io/grader:1", "docker login"),
            ("https://me:hunter2@host.example/x.wasm", "kept with the run"),
            ("http://host.example/x.wasm", "plain http"),
            ("http://127.0.0.1.example/x.wasm", "plain http"),
            ("https://host.example/x.wasm#y", "no `#`"),
            ("https://", "no URL"),
            ("https://host.example/x.wasm@sha256:xyz", "64 hexadecimal"),
        ] {
            let error = Source::parse(text).unwrap_err().to_string();
            assert!(error.contains(fault), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn digests_come_together_and_may_not_contradict_each_other() {
        let parse = |text: &str| Source::parse(text).unwrap().unwrap();
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let tag = parse("oci://ghcr.io/org/grader:1");
        let pins = Pins { manifest: Some(one.clone()), sha256: Some(other.clone()) };
        assert_eq!(tag.pins(&pins).unwrap(), pins);
        assert_eq!(tag.pinned(&pins).to_string(), format!("oci://ghcr.io/org/grader:1@{one}"));
        let url = parse(&format!("https://host.example/x.wasm@{one}"));
        assert_eq!(url.pins(&Pins::default()).unwrap().sha256, Some(one.clone()));
        let error = url.pins(&pins).unwrap_err().to_string();
        assert!(error.contains(one.hex()) && error.contains(other.hex()), "{error}");
    }

    #[test]
    fn a_source_has_the_name_of_its_last_part() {
        for (text, stem) in [
            ("oci://ghcr.io/org/math_grader:1", "math_grader"),
            ("https://host.example/a/tokens.wasm?raw=1", "tokens"),
        ] {
            assert_eq!(Source::parse(text).unwrap().unwrap().stem(), stem);
        }
    }
}
