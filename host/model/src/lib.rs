//! The model side of ts-host: a Qwen2 decoder that can be trained, sampled and scored.
//!
//! From the outside in:
//!
//! | to do this | use |
//! |---|---|
//! | read or write a checkpoint folder | [`config`], [`weights`], [`tokenizer`], [`chat`] |
//! | compute hidden states, with gradients | [`language_model`], [`decoder`], [`checkpointed`] for less memory |
//! | draw responses | [`generate`], [`sampler`], over a shared [`prefix`] |
//! | score responses | [`log_prob`] (section 3.3), [`window_kl`] (section 3.2) |
//! | train | [`optim`], [`shards`] |
//!
//! Below them: [`ops`] holds the kernels, `cache` keys and values, [`rng`] the derived random numbers.
//!
//! This crate knows tokens, not tasks, and does not print.

pub mod bpe;
mod cache;
pub mod chat;
pub mod checkpointed;
pub mod config;
pub mod decoder;
pub mod error;
pub mod files;
pub mod generate;
#[cfg(test)]
mod gradcheck;
mod json;
pub mod language_model;
pub mod log_prob;
pub mod objective;
pub mod ops;
pub mod optim;
pub mod prefix;
pub mod rng;
pub mod sampler;
pub mod shards;
#[cfg(test)]
mod testing;
pub mod tokenizer;
pub mod weights;
pub mod window_kl;

pub use config::ModelConfig;
pub use error::{ModelError, Result};
pub use language_model::LanguageModel;
pub use prefix::Prefix;
pub use tokenizer::TextTokenizer;
