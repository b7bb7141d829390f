//! Training: the objective, gradients with less memory or on several workers, and the optimiser's steps.

pub mod checkpointed;
pub mod objective;
pub mod optim;
pub mod shards;
