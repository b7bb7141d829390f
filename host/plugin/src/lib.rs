//! Loads WebAssembly plugins and calls their roles under limits.
//!
//! TokenSqueeze leaves four choices to whoever applies it: what counts as correct (a verifier), where a reasoning
//! step ends (a step splitter), which responses to imitate and which to prefer (a selection policy), and how
//! long a response is (a length function). Each is a role of a WebAssembly component that implements
//! `wit/`. A component gets no files, clock, randomness or network, only a log; every call has its fuel, its
//! time and its memory; every answer is checked before anyone sees it. A fifth role, the runner, runs programs for
//! verifiers that grade them.
//!
//! ```no_run
//! use serde_json::Map;
//! use ts_plugin::{HostOptions, PluginHost, PluginSource, Problem};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let host = PluginHost::new(HostOptions::default())?;
//! let plugin = host.load(PluginSource::File("plugins/exact_grader.wasm".into()))?;
//! let verifier = plugin.verifier(&Map::new())?;
//! let problem = Problem { id: "sum-1".into(), prompt: "1+1?".into(), reference: "2".into(), metadata: vec![] };
//! let graded = verifier.grade(&problem, "<answer>2</answer>")?;
//! assert!(graded.value.score == 1.0 && graded.fuel > 0);
//! # Ok(())
//! # }
//! ```
//!
//! Reading order: `host` (from bytes to a plugin; `preflight`, `compiler` and `cache` are on the way), `plugin`, one file per
//! role, then `pool` and `instance` (how a call is made), `limits`, `deadline`, `charge`, `cancel` (how it is bounded), `engine`, `lanes`; for programs `runner`, `sandbox`,
//! `conversation`, `processes`, `runners`.
//!
//! Left out on purpose: tensors, the run folder, and which plugin a recipe names.

mod bindings;
mod cache;
mod call_error;
mod cancel;
mod charge;
mod compiler;
mod contract;
mod conversation;
mod deadline;
mod deep_stack;
mod description;
mod engine;
mod gate;
mod host;
mod instance;
mod lanes;
mod length_function;
mod limits;
mod load_error;
mod log;
mod plugin;
mod pool;
mod preflight;
mod processes;
mod role;
mod runner;
mod runners;
mod sandbox;
mod selection_policy;
mod settings;
mod source;
mod span;
mod step_splitter;
mod text;
mod verifier;
mod versions;

pub use cache::{CacheEntry, CacheError, CachePlace, CodeCache};
pub use call_error::{CallError, CallErrorKind};
pub use cancel::Cancel;
pub use description::{Description, SettingSpec, SettingValue};
pub use host::{HostOptions, PluginHost};
pub use length_function::LengthFunction;
pub use limits::Limits;
pub use load_error::LoadError;
pub use log::{LogLevel, LogSink, Logged};
pub use plugin::{Identity, Plugin};
pub use pool::{Call, Isolation};
pub use processes::support_processes;
pub use role::Role;
pub use runner::{Ending, FUEL_PER_MS, MAX_PROGRAM_MIB, Program, Ran, RunLimits, Runner, converse};
pub use selection_policy::{Candidate, Group, Outcome, Pair, Positive, Selection, SelectionPolicy};
pub use settings::{Settings, resolve as resolve_settings};
pub use source::PluginSource;
pub use step_splitter::StepSplitter;
pub use verifier::{Grade, Problem, TestOutcome, Verdict, Verifier};
pub use versions::Version;
