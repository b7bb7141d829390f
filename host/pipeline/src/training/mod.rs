//! What the optimiser sees, and what it minimises.

pub(crate) mod examples;
pub(crate) mod lora;
pub(crate) mod objective;
pub(crate) mod training_set;
