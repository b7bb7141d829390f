//! A checkpoint's folder: its configuration, its weights, its tokenizer and its chat template, which a
//! stranger may have written.

pub mod bpe;
pub mod chat;
pub mod config;
pub mod files;
pub(crate) mod json;
pub mod tokenizer;
pub mod weights;
