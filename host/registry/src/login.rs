//! Who asks: what `docker login` keeps, and how a registry says that it wants to know. None of it is shown anywhere.
//!
//! In: a registry. Out: a name and a password as HTTP's basic scheme writes them. They stand in `auths` of `config.json`, in
//! `DOCKER_CONFIG` or `~/.docker`; programs that keep them elsewhere (`credsStore`, `credHelpers`) are not asked.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::Error;

/// Most bytes of `config.json`.
const MAX_BYTES: u64 = 1 << 20;

/// Docker's own hub is listed under this name.
const DOCKER_HUB: (&str, &str) = ("docker.io", "index.docker.io");

/// The value of a header `Authorization`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Authorization(String);

impl Authorization {
    /// With a registry's token, if that can stand in a header.
    pub(crate) fn bearer(token: &str) -> Option<Self> {
        let fits = (1..=16 << 10).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(format!("Bearer {token}")))
    }

    /// As it is sent.
    pub(crate) fn header(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(…)")
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(default)]
    auth: String,
}

/// The name and the password for a registry, if there are any.
///
/// # Errors
/// [`Error::Docker`], which says nothing of what stands in the file.
pub(crate) fn login(registry: &str) -> Result<Option<Authorization>, Error> {
    let Some(path) = config_file() else { return Ok(None) };
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::Docker { path, fault: error.to_string() }),
    };
    let mut bytes = Vec::new();
    let read = file.take(MAX_BYTES).read_to_end(&mut bytes);
    let found = read.map_err(|error| error.to_string()).and_then(|_| login_in(&bytes, registry));
    found.map_err(|fault| Error::Docker { path, fault })
}

fn config_file() -> Option<PathBuf> {
    let folder = |variable: &str| std::env::var_os(variable).filter(|it| !it.is_empty()).map(PathBuf::from);
    let folder = folder("DOCKER_CONFIG").or_else(|| Some(folder("HOME")?.join(".docker")));
    folder.map(|folder| folder.join("config.json"))
}

fn login_in(bytes: &[u8], registry: &str) -> Result<Option<Authorization>, String> {
    // What a parser says may quote what it reads.
    let config: Config = serde_json::from_slice(bytes)
        .map_err(|error| format!("it is not Docker's configuration (line {})", error.line()))?;
    let name = if registry == DOCKER_HUB.0 { DOCKER_HUB.1 } else { registry };
    let found = config.auths.iter().find(|(key, _)| host_of(key) == name);
    let Some((_, Auth { auth })) = found.filter(|(_, it)| !it.auth.is_empty()) else { return Ok(None) };
    let decoded = STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let is_pair = |text: &String| text.contains(':') && !text.contains(char::is_control);
    match decoded.filter(is_pair) {
        // Again, so that nothing but base64 stands in the header.
        Some(text) => Ok(Some(Authorization(format!("Basic {}", STANDARD.encode(text))))),
        None => Err(format!("`auth` of {name} is not base64 of NAME:PASSWORD")),
    }
}

/// A registry as keys of `auths` have it: perhaps with a scheme before it and a path behind it.
fn host_of(key: &str) -> &str {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// What a registry asks for before it answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A name and a password.
    Basic,
    /// A token, which `realm` gives.
    Bearer {
        /// A URL.
        realm: String,
        /// Who is asked for.
        service: Option<String>,
        /// What is asked for.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The challenge in a header `WWW-Authenticate`; `None` where it is of no kind that is known.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (scheme, mut rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut values = BTreeMap::new();
        while let Some((key, after)) = rest.trim_start_matches([',', ' ']).split_once('=') {
            let (value, behind) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_once(',').unwrap_or((after, "")),
            };
            values.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
            rest = behind;
        }
        Some(Self::Bearer {
            realm: values.remove("realm")?,
            service: values.remove("service"),
            scope: values.remove("scope"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(key: &str, auth: &str) -> String {
        format!("{{\"auths\": {{\"{key}\": {{\"auth\": \"{auth}\"}}}}, \"credsStore\": \"desktop\"}}")
    }

    #[test]
    fn a_password_is_found_for_its_registry_alone_and_shown_nowhere() {
        let auth = STANDARD.encode("me:hunter2");
        for key in ["localhost:5000", "http://localhost:5000", "https://localhost:5000/v1/"] {
            let found = login_in(config(key, &auth).as_bytes(), "localhost:5000").unwrap().unwrap();
            assert_eq!(found.header(), format!("Basic {auth}"));
            assert_eq!(format!("{found:?}"), "Authorization(…)");
            for other in ["localhost", "localhost:5001", "ghcr.io", ""] {
                assert_eq!(login_in(config(key, &auth).as_bytes(), other).unwrap(), None, "{other}");
            }
        }
        let hub = config("https://index.docker.io/v1/", &auth);
        assert!(login_in(hub.as_bytes(), "docker.io").unwrap().is_some());
        assert_eq!(login_in(b"{}", "ghcr.io").unwrap(), None);
        assert_eq!(login_in(config("ghcr.io", "").as_bytes(), "ghcr.io").unwrap(), None);
        for (bytes, fault) in [
            ("{\"auths\": \"hunter2\"}".to_owned(), "not Docker's configuration"),
            ("hunter2".to_owned(), "not Docker's configuration"),
            (config("ghcr.io", "hunter2"), "not base64"),
            (config("ghcr.io", &STANDARD.encode("hunter2")), "not base64 of NAME:PASSWORD"),
            (config("ghcr.io", &STANDARD.encode("hunter2:a\r\nx: y")), "not base64 of NAME:PASSWORD"),
        ] {
            let told = login_in(bytes.as_bytes(), "ghcr.io").unwrap_err();
            assert!(told.contains(fault) && !told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn a_challenge_is_read() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            let [service, scope] = [service, scope].map(|it| it.map(str::to_owned));
            Some(Challenge::Bearer { realm: realm.to_owned(), service, scope })
        };
        for (header, challenge) in [
            ("Basic realm=\"x\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://a.example/token\",service=\"a.example\",scope=\"repository:x:pull,push\"",
                bearer("https://a.example/token", Some("a.example"), Some("repository:x:pull,push")),
            ),
            ("bearer service=a, realm=https://a.example/t", bearer("https://a.example/t", Some("a"), None)),
            ("Bearer service=\"a\"", None),
            ("Bearer realm=\"unclosed", None),
            ("Bearer", None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(header), challenge, "{header}");
        }
    }

    #[test]
    fn a_token_that_cannot_stand_in_a_header_is_none() {
        assert_eq!(Authorization::bearer("abc").unwrap().header(), "Bearer abc");
        for token in ["", "a b", "a\r\nx: y", &"a".repeat(20_000)] {
            assert_eq!(Authorization::bearer(token), None);
        }
    }
}
