//! The key-value caches in candle's own operations, for any device and dtype.
//!
//! In and out: as [`super`] says. A context is held once, by all rows that continue it; each row has a tail of its own. Both grow in
//! place: keys and values are written into room that was made before, and the room doubles. Scores are f32, of a block of queries
//! over what they see ([`crate::ops::blocks`]).

mod batch;
mod context;
mod stored;

pub(crate) use batch::Batch;
pub(crate) use context::Context;
