//! A checkpoint's folder: its configuration, its weights or an adapter to those of another, its tokenizer and its chat template,
//! which a stranger may have written.

pub mod adapter;
pub mod bpe;
pub mod chat;
pub mod config;
pub mod files;
pub mod folder;
pub(crate) mod json;
pub mod tokenizer;
pub mod weights;
