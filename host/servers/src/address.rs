//! Where a server is, and the key that it asks for.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ureq::http::Uri;

/// The address of a server's API, such as `http://10.0.0.7:8000/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Without a slash at its end.
    base: String,
    host: String,
}

/// Why an address is none.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct NotAnAddress {
    reason: &'static str,
}

impl FromStr for Address {
    type Err = NotAnAddress;

    /// An address without a path is that of the server; the API is then under `/v1`.
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let refuse = |reason| Err(NotAnAddress { reason });
        let Ok(uri) = text.parse::<Uri>() else {
            return refuse("not an address such as http://127.0.0.1:8000/v1");
        };
        let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return refuse("an address begins with http:// or https://");
        };
        if authority.as_str().contains('@') {
            return refuse(
                "an address holds no name and no password: give a key by its variable or its file",
            );
        }
        if uri.query().is_some() || authority.host().is_empty() {
            return refuse("an address is a host and a path, without a query");
        }
        let path = match uri.path().trim_end_matches('/') {
            "" => "/v1",
            path => path,
        };
        let scheme = uri.scheme_str().unwrap_or_default();
        Ok(Self { base: format!("{scheme}://{authority}{path}"), host: authority.host().to_owned() })
    }
}

impl Address {
    /// The address of something of the API, such as `completions`.
    pub(crate) fn of(&self, what: &str) -> String {
        format!("{}/{what}", self.base)
    }

    /// Whether it is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

/// A key that a server asks for. It is sent to that server, and shown nowhere.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// A key, without the white space around it; none if it cannot be sent in a header.
    pub fn new(key: &str) -> Option<Self> {
        let key = key.trim();
        let fits = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(key.to_owned()))
    }

    /// The header's value.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_the_api() {
        let of = |text: &str| text.parse::<Address>().map(|address| address.of("models")).ok();
        assert_eq!(of("http://a:8000").as_deref(), Some("http://a:8000/v1/models"));
        assert_eq!(of("http://a:8000/").as_deref(), Some("http://a:8000/v1/models"));
        assert_eq!(of("https://a/openai/v1/").as_deref(), Some("https://a/openai/v1/models"));
        assert_eq!(of("http://[::1]:8000/v1").as_deref(), Some("http://[::1]:8000/v1/models"));
        for wrong in
            ["", "a:8000", "ftp://a", "http://", "http://me:secret@a", "http://a/v1?key=b", "http://a b"]
        {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn this_machine_is_known() {
        let is_loopback = |text: &str| text.parse::<Address>().unwrap().is_loopback();
        assert!(
            ["http://localhost:1", "http://127.0.0.1:1", "http://127.1.2.3", "http://[::1]:1"]
                .map(is_loopback)
                == [true; 4]
        );
        assert!(["http://10.0.0.1:1", "http://localhost.example"].map(is_loopback) == [false; 2]);
    }

    #[test]
    fn a_key_is_not_shown() {
        let key = Key::new(" sk-secret\n").unwrap();
        assert_eq!(key.bearer(), "Bearer sk-secret");
        assert!(!format!("{key:?}").contains("secret"));
        for wrong in ["", " \n", "a b", "a\nb", "schlüssel"] {
            assert!(Key::new(wrong).is_none(), "{wrong:?}");
        }
    }
}
