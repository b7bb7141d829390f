//! Mathematical answers: reading them, and whether two say the same.
//!
//! ```text
//! response ──ts-extract──▶ text ──syntax──▶ Node ──compare──▶ kind by kind
//!                                                      │
//!                                   algebra (Sum) ◀────┴────▶ decide ──▶ numeric (enclosures)
//! ```
//!
//! - [`syntax`]: notation to a tree.
//! - [`compare`]: what it takes for two trees to say the same.
//! - [`algebra`]: exact values and normal forms.
//! - [`decide`]: equality, proved or refuted.
//! - `numeric`: enclosures of rising precision.
//! - [`grade`]: all of it, for one response.
//!
//! Everything is deterministic, and bounded by [`WORK`]. Nothing here panics on any text.

pub mod algebra;
pub mod compare;
pub mod decide;
mod grade;
mod numeric;
mod plain;
pub mod syntax;

pub use grade::{Grade, Verdict, grade};

/// Answers longer than this, in bytes, are compared as texts alone.
pub const MAX_BYTES: usize = 8 << 10;

/// The work that one comparison may take, in units of [`algebra::Work`].
pub const WORK: u64 = 200_000;
