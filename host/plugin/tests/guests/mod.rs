//! Guests for tests, written as component text (`hostile.wat`), so that they can loop, hoard, recurse, and hand
//! over nonsense.
//!
//! In: the body of `grade`. Out: the bytes of a component that describes itself as `hostile` 0.1.0 and has
//! the verifier role. The product accepts no text; only these tests can read it.
//!
//! Left out on purpose: other roles. All four share every line of the host that these guests attack.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use serde_json::Map;
use ts_plugin::{
    HostOptions, Isolation, Limits, LoadError, Plugin, PluginHost, PluginSource, Problem, Verifier,
};

/// Body of a `grade` that answers within the contract: the address of its answer.
pub(crate) const GOOD: &str = "(i32.const 3072)";

/// The text of a component whose `grade` has this body.
pub(crate) fn text(grade: &str) -> String {
    include_str!("hostile.wat").replace("{grade}", grade)
}

/// The component that a text stands for.
pub(crate) fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A host with these limits, one call at a time.
pub(crate) fn host(limits: Limits, isolation: Isolation) -> PluginHost {
    PluginHost::new(HostOptions { limits, isolation, max_parallel: 1, ..HostOptions::default() }).unwrap()
}

/// Loads bytes under the name `test`.
pub(crate) fn load(host: &PluginHost, bytes: Vec<u8>) -> Result<Plugin, LoadError> {
    host.load(PluginSource::Embedded { name: "test".into(), bytes: bytes.into() })
}

/// A verifier whose `grade` has this body.
pub(crate) fn open(grade: &str, limits: Limits, isolation: Isolation) -> Verifier {
    load(&host(limits, isolation), component(&text(grade))).unwrap().verifier(&Map::new()).unwrap()
}

/// A problem with this identifier.
pub(crate) fn problem(id: &str) -> Problem {
    Problem { id: id.into(), prompt: "1+1?".into(), reference: "2".into(), metadata: vec![] }
}
