//! What the plugins share: the bindings to `wit/`, a life cycle, settings, and a panic hook.
//!
//! A plugin implements [`Plugin`] and the trait of its role, then names itself once:
//!
//! ```ignore
//! struct Tokens;
//!
//! impl Plugin for Tokens {
//!     fn describe() -> Description { description("tokens", "0.1.0", "The number of tokens.", vec![]) }
//!     fn configure(_: &Settings) -> Result<Self, String> { Ok(Tokens) }
//! }
//!
//! impl LengthFunction for Tokens {
//!     fn measure(&self, _text: &str, tokens: u32) -> Result<f64, String> { Ok(f64::from(tokens)) }
//! }
//!
//! ts_plugin_sdk::export_length_function!(Tokens);
//! ```
//!
//! In: the host's calls. Out: a component, when the crate is built for `wasm32`; built for the host, the
//! crate is plain Rust that its own tests can call. A component with several roles needs a world of its own.

#[doc(hidden)]
pub mod bindings;
mod export;
mod graded;
mod log;
mod plugin;
mod settings;
mod tile;

pub use bindings::plugin::exports::ts_host::plugin::plugin::Description;
pub use bindings::plugin::ts_host::plugin::types::{Setting, SettingSpec, Span, Value, ValueKind};
#[doc(hidden)]
pub use log::log_panics;
pub use log::{Level, log};
#[doc(hidden)]
pub use plugin::Slot;
pub use plugin::{LengthFunction, Plugin, SelectionPolicy, StepSplitter, Verifier, description};
pub use settings::{Settings, setting};
pub use tile::tile;

/// The verifier's types.
pub mod verifier {
    pub use crate::bindings::verifier::exports::ts_host::plugin::verifier::{
        Graded, Problem, TestOutcome, Verdict,
    };
    pub use crate::graded::graded;
}

/// Having programs run. A component that uses this imports it, and the host gives it to verifiers alone.
pub mod runners {
    pub use crate::bindings::runners::ts_host::plugin::runners::{
        Ending, Limits, Program, Ran, converse, languages, run,
    };
}

/// The selection policy's types.
pub mod selection_policy {
    pub use crate::bindings::selection_policy::exports::ts_host::plugin::selection_policy::{
        Candidate, Group, Outcome, Pair, Positive, Selection, Sequence,
    };
}
