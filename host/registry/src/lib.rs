//! Plugins of OCI registries and of URLs: named, locked, downloaded by digest, kept on this disk.
//!
//! In: a text such as `oci://ghcr.io/org/grader:1.2` or `https://host/grader.wasm` ([`Source`]). Out: a component file whose SHA-256 is
//! the one that the text, a recipe's pin or a lock file says ([`Pins`]).
//!
//! | to do this | use |
//! |---|---|
//! | read a source, or find that it is a local one | [`Source::parse`] |
//! | find what is here already, without a network | [`Store::find`] |
//! | have it here, whatever that takes | [`fetch`] |
//! | learn the digest of what has none yet | [`fetch_first`] |
//! | keep digests beside a recipe | [`Lock`] |
//! | share a plugin | [`push`] |
//!
//! Whatever is loaded is loaded by its digest: a tag and a URL say where to look, never what is right. A registry is believed in nothing
//! but bytes that have the digest they should have.

mod caller;
mod client;
mod digest;
mod error;
mod fetch;
mod lock;
mod login;
mod manifest;
mod push;
mod source;
mod store;

pub use self::digest::Digest;
pub use self::error::Error;
pub use self::fetch::{Fetched, Listener, fetch, fetch_first};
pub use self::lock::{Line, Lock};
pub use self::push::{Described, push};
pub use self::source::{Pins, Reference, Source};
pub use self::store::{Entry, Found, Store};
