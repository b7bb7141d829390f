//! Loads WebAssembly plugins and calls their roles under limits.
//!
//! TokenSqueeze leaves four choices to whoever applies it: what counts as correct (a verifier), where a
//! reasoning step ends (a step splitter), which responses to imitate and which to prefer (a selection
//! policy), and how long a response is (a length function). Each is a role of a WebAssembly component that
//! implements `wit/`. A component gets no files, clock, randomness or network, only a log; every call has its
//! fuel, its time and its memory; every answer is checked before anyone sees it. A fifth role, the runner,
//! runs programs for verifiers that grade them.
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
//! Reading order: `host` (from bytes to a plugin; `load/` has what is on the way), `plugin`, `roles/` (a file
//! each), then `call/` (when and in which instance a call is made, and how it is bounded) with `limits` and
//! `engine`; `contract/` (what of `wit/` the host knows), `imports/` (what guests may call); for programs
//! `programs/`; `processes/` (what is done in processes of its own).
//!
//! It knows nothing of tensors, of the run's folder, and of which plugin a recipe names.

mod call;
mod contract;
mod engine;
mod host;
mod imports;
mod limits;
mod load;
mod log;
mod plugin;
mod processes;
mod programs;
mod roles;
mod shared;
mod text;

pub use call::call_error::{CallError, CallErrorKind};
pub use call::cancel::Cancel;
pub use call::isolation::Isolation;
pub use call::pool::Call;
pub use contract::role::Role;
pub use contract::version::Version;
pub use host::{HostOptions, PluginHost};
pub use limits::{Limits, OutOfRange};
pub use load::cache::{CacheEntry, CacheError, CachePlace, CodeCache};
pub use load::compilation::{Compilation, WhenCompiled, on_compile};
pub use load::description::{Description, SettingSpec, SettingValue};
pub use load::load_error::LoadError;
pub use load::settings::{Settings, resolve as resolve_settings};
pub use load::source::PluginSource;
pub use log::{LogLevel, LogSink, Logged};
pub use plugin::{Identity, Plugin};
pub use processes::support::support_processes;
pub use programs::program::{Ending, FUEL_PER_MS, MAX_PROGRAM_MIB, Program, Ran, RunLimits};
pub use programs::runner::{Runner, converse};
pub use roles::length_function::LengthFunction;
pub use roles::selection_policy::{
    Candidate, CandidateOutcome, Group, Pair, Positive, Selection, SelectionPolicy, WeightedSequence,
};
pub use roles::step_splitter::StepSplitter;
pub use roles::verifier::{Grade, Problem, TestOutcome, Verdict, Verifier};
