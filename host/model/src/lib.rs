//! The model side of ts-host: a Qwen2 decoder that can be trained, sampled and scored.
//!
//! From the outside in:
//!
//! | to do this | use |
//! |---|---|
//! | read or write a checkpoint folder | [`folder`], [`config`], [`weights`], [`adapter`], [`tokenizer`], [`chat`] |
//! | compute hidden states, with gradients | [`language_model`], [`decoder`], [`checkpointed`] for less memory |
//! | draw responses | [`generate`], [`sampler`], over a shared [`prefix`] |
//! | score responses | [`log_prob`] (section 3.3), [`window_kl`] (section 3.2) |
//! | train | [`optim`], [`shards`], [`lora`] for a few numbers beside the weights |
//! | compute on a GPU | [`device`] |
//! | know how much memory that takes | [`memory`] |
//!
//! Below them: [`ops`] holds the kernels, `cache` keys and values, [`rng`] the derived random numbers.
//!
//! This crate knows tokens, not tasks, and does not print.

mod checkpoint;
pub mod device;
mod draw;
pub mod error;
#[cfg(test)]
mod gradcheck;
pub mod memory;
mod network;
pub mod ops;
pub mod rng;
mod score;
#[cfg(test)]
mod testing;
mod train;

pub use checkpoint::{adapter, bpe, chat, config, files, folder, tokenizer, weights};
pub use draw::{generate, sampler, serve};
pub use network::{adapters, decoder, language_model, prefix};
pub use score::{log_prob, window_kl};
pub use train::{checkpointed, lora, objective, optim, shards};

pub use config::ModelConfig;
pub use error::{ModelError, Result};
pub use folder::ModelFolder;
pub use language_model::LanguageModel;
pub use prefix::Prefix;
pub use tokenizer::TextTokenizer;
