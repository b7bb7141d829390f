//! Addresses: whose they are, where they lead, and whether a secret may go there.

use ureq::http::Uri;

/// Whether it is a whole URL of http or https.
pub fn is_http(uri: &Uri) -> bool {
    matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|host| !host.is_empty())
}

/// A host and a port, without the name and the password before them.
pub fn without_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Whether a secret may go there: nobody between here and there can read it.
pub fn is_private(uri: &Uri) -> bool {
    let is_here = || matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    uri.scheme_str() == Some("https") || is_here()
}

/// Whether two URLs have the same scheme, host and port.
pub fn has_same_origin(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| uri.port_u16().or(Some(if uri.scheme_str() == Some("https") { 443 } else { 80 }));
    one.scheme_str() == other.scheme_str() && one.host() == other.host() && port(one) == port(other)
}

/// Whether a way leads from https to http.
pub fn is_downgrade(from: &Uri, to: &Uri) -> bool {
    from.scheme_str() == Some("https") && to.scheme_str() != Some("https")
}

/// Whether a status says that the answer is elsewhere.
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The same host with another path, and perhaps a query.
pub fn with_path(base: &Uri, path: &str) -> Option<Uri> {
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Where a redirect leads: a whole URL, or a path on the same host.
pub fn resolved(from: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with('/') && !location.starts_with("//") {
        return with_path(from, location);
    }
    location.parse().ok().filter(is_http)
}

/// A text as part of a URL's path or query; slashes stay where `keeps_slashes`.
pub fn escaped(text: &str, keeps_slashes: bool) -> String {
    let escape = |b: u8| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
        b'/' if keeps_slashes => "/".to_owned(),
        _ => format!("%{b:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn a_secret_goes_to_the_same_origin_in_secret_alone() {
        let hub = uri("https://hub.example");
        assert!(has_same_origin(&uri("https://hub.example:443/a"), &hub));
        for other in ["http://hub.example/a", "https://cdn.hub.example/a", "https://hub.example:8443/a"] {
            assert!(!has_same_origin(&uri(other), &hub), "{other}");
        }
        assert!(is_private(&hub) && is_private(&uri("http://127.0.0.1:80/")));
        assert!(!is_private(&uri("http://hub.example/")));
        assert!(
            is_downgrade(&hub, &uri("http://127.0.0.1/")) && !is_downgrade(&uri("http://127.0.0.1/"), &hub)
        );
        assert_eq!(without_user("me:secret@hub.example:1"), "hub.example:1");
    }

    #[test]
    fn paths_and_redirects() {
        assert_eq!(escaped("refs/pr/3", false), "refs%2Fpr%2F3");
        assert_eq!(escaped("a b/ü.parquet", true), "a%20b/%C3%BC.parquet");
        let from = uri("https://hub.example/a?b=c");
        assert_eq!(resolved(&from, "/x?y=1").unwrap(), uri("https://hub.example/x?y=1"));
        assert_eq!(resolved(&from, "https://cdn.example/x").unwrap(), uri("https://cdn.example/x"));
        for bad in ["", "//cdn.example/x", "ftp://a/b", "x y"] {
            assert_eq!(resolved(&from, bad), None, "{bad}");
        }
    }
}
