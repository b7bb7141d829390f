//! Requests to servers that have files for us: the hub, registries, a URL.
//!
//! In: a request. Out: an answer of bounded size, or whether it is worth another try.
//!
//! Redirects are followed by whoever asks, one at a time ([`resolved`], [`is_redirect`]): a credential belongs to one origin
//! ([`has_same_origin`]), goes out in secret alone ([`is_private`]), and nothing leads from https to http.

mod address;
mod tries;

use std::io::Read;
use std::time::{Duration, Instant};

use ureq::http::HeaderMap;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

pub use self::address::{
    escaped, has_same_origin, is_downgrade, is_http, is_private, is_redirect, resolved, with_path,
    without_user,
};
pub use self::tries::{Failed, GaveUp, tried};

/// Redirects of one request.
pub const MAX_REDIRECTS: usize = 5;

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long an answer of bounded size may take as a whole.
const WHOLE_ANSWER: Duration = Duration::from_secs(20 * 60);

/// What asks: certificates are those that the system trusts, a status is no error, and no redirect is followed.
pub fn agent() -> Agent {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("ts-host/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE));
    config.build().into()
}

/// A header's value, if it is text.
pub fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The bytes of an answer; `None` if there are more than `most`.
///
/// # Errors
/// What the connection said; that the answer is not whole after 20 minutes.
pub fn bounded(body: &mut Body, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let began = Instant::now();
    let mut reader = body.as_reader().take(most.saturating_add(1));
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let n = reader.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..n]);
        if bytes.len() as u64 > most {
            return Ok(None);
        }
        if n == 0 {
            return Ok(Some(bytes));
        }
        if began.elapsed() > WHOLE_ANSWER {
            return Err(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                "the answer is not whole after 20 minutes",
            ));
        }
    }
}
