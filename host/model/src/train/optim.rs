//! Training steps: gradients in the parameters' order, AdamW, and the learning rate's schedule.
//!
//! In: the parameters as a list of (name, variable), and a loss's gradients. Out: updated variables, and a
//! state that can be saved and loaded so that a resumed run takes the same steps, bit for bit. The order of
//! the parameters is the list's throughout; nothing here iterates a hash map.
//!
//! There are no parameter groups: the method trains everything at one learning rate.

mod adamw;
mod gradients;
mod learning_rate;

pub use adamw::{AdamW, AdamWConfig, StepReport};
pub use gradients::gradients_of;
pub(crate) use gradients::in_order;
pub use learning_rate::{Decay, LearningRate};
