//! Training: the objective, low-rank adapters, gradients with less memory or on several workers, and the optimiser's steps.

pub mod checkpointed;
pub mod lora;
pub mod objective;
pub mod optim;
pub mod shards;
