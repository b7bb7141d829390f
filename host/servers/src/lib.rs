//! Servers that sample: vLLM, SGLang and whatever else speaks OpenAI's completions over HTTP.
//!
//! In: prompts as token ids, with seeds and sampling values. Out: what a server wrote, as ids where it gives them and as text where
//! it does not, or why none of the servers did. Several share the work by what each has in flight; one that fails is left alone for a
//! while and its work goes to the others.
//!
//! | file | what it knows |
//! |---|---|
//! | [`address`] | a server's address, and a key that is never shown |
//! | [`completion`] | what is asked and answered, and what of an answer is believed |
//! | [`scores`] | what a server thinks of a text |
//! | [`server`] | one server over HTTP, and which of its kind's dialects it speaks |
//! | [`share`] | which server is asked next, and which are left alone; no HTTP |
//! | [`fleet`] | several servers as one, with second tries |
//! | [`process`] | a server that is started and stopped here |
//!
//! Nothing here knows tokenizers, problems or runs.

pub mod address;
pub mod completion;
pub mod fleet;
pub mod process;
pub mod scores;
mod server;
mod share;

pub use address::{Address, Key};
pub use completion::{Completion, Content, Prompt, Request};
pub use fleet::{Error, Fleet, Options};
pub use process::{ServerCommand, ServerProcess};
pub use scores::{Likely, Text};
