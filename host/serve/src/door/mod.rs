//! Who may ask: looked at before anything of a request is read but its head.
//!
//! | what | who is kept out | status |
//! |---|---|---|
//! | `Host` must be a name of this service | a page whose name was made to point here (DNS rebinding) | 421 |
//! | `Origin` must be allowed, and without one the browser must not call it cross-site | pages of others in a browser | 403 |
//! | `Authorization: Bearer KEY`, where there are keys | whoever has none | 401 |
//! | `Content-Type: application/json` for what is posted | forms, and scripts that send without asking | 415 |
//!
//! Names of the service are the loopback ones, the address at which a connection arrived, and those that the
//! user allows. The port does not matter: a tunnel has another one. `/health` and `/metrics` stand behind the
//! same door.
//!
//! In: a request's head. Out: who it is, and the origin to tell the browser of; or a [`Refusal`]. TLS, quotas
//! and accounts belong to a proxy before the service.

mod keys;

use std::net::IpAddr;
use std::path::Path;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Uri};

use self::keys::Keys;
use crate::refusal::Refusal;

/// Who may ask.
#[derive(Debug, Clone, Default)]
pub struct Door {
    keys: Keys,
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// A request that may come in.
#[derive(Debug, PartialEq)]
pub(crate) struct Pass {
    /// The place of its key, where there are keys.
    pub(crate) key: Option<usize>,
}

impl Door {
    /// Adds the keys of a file: lines `NAME KEY`.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, without a key: it cannot be read, others may read it, a line is not a
    /// key.
    pub fn add_key_file(&mut self, path: &Path) -> Result<(), String> {
        self.keys.add_file(path)
    }

    /// Adds keys from lines `NAME KEY`.
    ///
    /// # Errors
    ///
    /// Which line is wrong, without the key.
    pub fn add_keys(&mut self, lines: &str) -> Result<(), String> {
        self.keys.add_text(lines)
    }

    /// Allows a name by which clients reach the service.
    pub fn allow_host(&mut self, name: &str) {
        self.hosts.push(name.to_ascii_lowercase());
    }

    /// Allows pages of an origin, such as `https://example.org`.
    pub fn allow_origin(&mut self, origin: &str) {
        self.origins.push(origin.trim_end_matches('/').to_ascii_lowercase());
    }

    /// How many keys there are.
    pub fn n_keys(&self) -> usize {
        self.keys.len()
    }

    /// Looks at a request's head. `local` is the address at which its connection arrived.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap, local: IpAddr) -> Result<Pass, Refusal> {
        self.check_place(uri, headers, local)?;
        if self.keys.len() == 0 {
            return Ok(Pass { key: None });
        }
        let given = only(headers, &header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = given
            .and_then(|given| given.split_once(' '))
            .filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        match key.and_then(|(_, key)| self.keys.find(key.trim())) {
            Some(key) => Ok(Pass { key: Some(key) }),
            None => Err(Refusal::NoKey),
        }
    }

    /// Looks at where a request is sent and by which page.
    fn check_place(&self, uri: &Uri, headers: &HeaderMap, local: IpAddr) -> Result<(), Refusal> {
        let host = only(headers, &header::HOST).and_then(|host| host.to_str().ok());
        let is_ours = |host: &str| self.is_host(host, local);
        if !host.is_some_and(is_ours) || !uri.authority().is_none_or(|authority| is_ours(authority.as_str()))
        {
            return Err(Refusal::WrongHost);
        }
        let is_allowed = |origin: &HeaderValue| self.is_origin(origin);
        if headers.contains_key(header::ORIGIN) {
            return if only(headers, &header::ORIGIN).is_some_and(is_allowed) {
                Ok(())
            } else {
                Err(Refusal::CrossSite)
            };
        }
        // What a page loads as an image or follows as a link has no origin, but the browser says whose it is.
        let site = headers.get("sec-fetch-site");
        if site.is_some_and(|site| site != "none" && site != "same-origin") {
            return Err(Refusal::CrossSite);
        }
        Ok(())
    }

    /// The origin that the browser is to be told is allowed.
    pub(crate) fn allowed_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        only(headers, &header::ORIGIN).filter(|origin| self.is_origin(origin))
    }

    /// Whether a browser asks what it may send; it asks without a key.
    pub(crate) fn is_preflight(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        local: IpAddr,
    ) -> Result<bool, Refusal> {
        if method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return Ok(false);
        }
        self.check_place(uri, headers, local).map(|()| self.allowed_origin(headers).is_some())
    }

    fn is_origin(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.origins.contains(&origin.to_ascii_lowercase()))
    }

    /// Whether this, with or without a port, names the service.
    fn is_host(&self, host: &str, local: IpAddr) -> bool {
        let host = host.to_ascii_lowercase();
        let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, rest)) => (name, rest.strip_prefix(':').or(rest.is_empty().then_some(""))),
            None => host.split_once(':').map_or((host.as_str(), Some("")), |(name, port)| (name, Some(port))),
        };
        if !port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit())) {
            return false;
        }
        match name.parse::<IpAddr>() {
            Ok(address) => {
                let address = address.to_canonical();
                address.is_loopback()
                    || address == local.to_canonical()
                    || self.hosts.iter().any(|host| host.parse() == Ok(address))
            }
            Err(_) => name == "localhost" || self.hosts.iter().any(|host| host == name),
        }
    }
}

/// Whether a body says that it is JSON, and JSON as it stands.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let is_plain = headers.get(header::CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity");
    let kind = only(headers, &header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    is_plain && essence.eq_ignore_ascii_case("application/json")
}

/// A header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str = "192.168.1.5";

    fn head(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn check(door: &Door, uri: &str, lines: &[(&'static str, &str)]) -> Result<Pass, Refusal> {
        door.check(&uri.parse().unwrap(), &head(lines), LOCAL.parse().unwrap())
    }

    #[test]
    fn only_names_of_the_service_are_answered() {
        let mut door = Door::default();
        door.allow_host("Grader.example");
        for host in [
            "localhost",
            "LOCALHOST:8377",
            "127.0.0.1",
            "127.0.0.9:1",
            "[::1]",
            "[::1]:80",
            "192.168.1.5:8377",
            "[::ffff:192.168.1.5]",
            "grader.example:443",
            "GRADER.example",
        ] {
            assert!(check(&door, "/health", &[("host", host)]).is_ok(), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evil.example:8377",
            "192.168.1.6",
            "0.0.0.0",
            "[::1",
            "[::1]x",
            "localhost:x",
            "localhost:80:80",
            "grader.example.",
            "x@localhost",
        ] {
            assert_eq!(check(&door, "/health", &[("host", host)]), Err(Refusal::WrongHost), "{host}");
        }
        assert_eq!(check(&door, "/health", &[]), Err(Refusal::WrongHost));
        assert_eq!(check(&door, "/", &[("host", "localhost"), ("host", "x")]), Err(Refusal::WrongHost));
        assert_eq!(check(&door, "http://evil.example/", &[("host", "localhost")]), Err(Refusal::WrongHost));
    }

    #[test]
    fn no_page_of_others_comes_in() {
        let mut door = Door::default();
        let from = |door: &Door, lines: &[(&'static str, &str)]| {
            check(door, "/v1/grade", &[&[("host", "localhost")], lines].concat()).map(|_| ())
        };
        for (lines, expected) in [
            (&[("origin", "http://evil.example")][..], Err(Refusal::CrossSite)),
            (&[("origin", "null")], Err(Refusal::CrossSite)),
            (&[("origin", "http://localhost:8377")], Err(Refusal::CrossSite)),
            (&[("sec-fetch-site", "cross-site")], Err(Refusal::CrossSite)),
            (&[("sec-fetch-site", "same-site")], Err(Refusal::CrossSite)),
            (&[("sec-fetch-site", "none")], Ok(())),
        ] {
            assert_eq!(from(&door, lines), expected, "{lines:?}");
        }
        door.allow_origin("https://Lab.example/");
        assert_eq!(
            from(&door, &[("origin", "https://lab.example"), ("sec-fetch-site", "cross-site")]),
            Ok(())
        );
        for origin in ["http://lab.example", "https://lab.example.evil.example", "https://lab.example:444"] {
            assert_eq!(from(&door, &[("origin", origin)]), Err(Refusal::CrossSite), "{origin}");
        }
        let twice = [("origin", "https://lab.example"), ("origin", "http://evil.example")];
        assert_eq!(from(&door, &twice), Err(Refusal::CrossSite));
    }

    #[test]
    fn where_there_are_keys_one_is_needed() {
        let mut door = Door::default();
        door.add_keys("alice 0123456789abcdef\nbob fedcba9876543210").unwrap();
        let with = |value: &str| check(&door, "/", &[("host", "localhost"), ("authorization", value)]);
        assert_eq!(with("Bearer fedcba9876543210"), Ok(Pass { key: Some(1) }));
        assert_eq!(with("bearer  0123456789abcdef"), Ok(Pass { key: Some(0) }));
        for value in
            ["", "Bearer", "Bearer ", "Bearer 0123456789abcdeg", "Basic 0123456789abcdef", "0123456789abcdef"]
        {
            assert_eq!(with(value), Err(Refusal::NoKey), "{value}");
        }
        assert_eq!(check(&door, "/", &[("host", "localhost")]), Err(Refusal::NoKey));
        // Another host is another host, with a key or without.
        let elsewhere = [("host", "evil.example"), ("authorization", "Bearer 0123456789abcdef")];
        assert_eq!(check(&door, "/", &elsewhere), Err(Refusal::WrongHost));
    }

    #[test]
    fn only_json_is_read() {
        for (kind, is) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("text/plain; application/json", false),
            ("application/x-www-form-urlencoded", false),
            ("application/jsonx", false),
        ] {
            assert_eq!(is_json(&head(&[("content-type", kind)])), is, "{kind}");
        }
        assert!(!is_json(&head(&[])));
        assert!(!is_json(&head(&[("content-type", "application/json"), ("content-encoding", "gzip")])));
    }
}
