//! How much memory a stage takes, known before it starts.
//!
//! In: a model's configuration, its number format, and what a stage does ([`Drawn`], [`Rewritten`], [`Scored`], [`Trained`]).
//! Out: a [`Plan`], bytes by what they are for. [`Available`] is what the system has.
//!
//! A plan is a bound, from what the code holds at once: every response as long as it may be, every worker at the fullest point of
//! its work at the same time. It is made of shapes alone, so it is the same on every machine. `cargo run --release --example
//! memory` compares it with what a process really takes.

mod available;
mod bytes;
mod footprint;
mod plan;
mod sampling;
mod training;

pub use self::available::{Available, Bound};
pub use self::bytes::human;
pub use self::footprint::{Footprint, Numbers};
pub use self::plan::{Part, Plan};
pub use self::sampling::{Drawn, Rewritten};
pub use self::training::{Adapters, Scored, Trained};
