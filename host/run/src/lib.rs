//! The run folder: the one crate that opens files in it.
//!
//! | module | what it is |
//! |---|---|
//! | [`folder`] | creating, locking, resuming and verifying a run |
//! | [`artefact`] | what each file in it is called, and what it holds |
//! | [`manifest`] | what a run was made from, and which of its stages are done |
//! | [`records`], [`key`] | the records of every stage, and what each is known by |
//! | [`journal`] | an append-only file of records that survives a crash |
//! | [`read`] | reading an artefact record by record, each checked |
//! | [`seal`] | the checksum of a record |
//! | [`shard`], [`merge`] | a share of the problems, for one of several machines; joining them |
//! | [`problems`] | reading a problem set |
//! | [`atomic`] | files and folders that are there whole or not at all |
//! | [`digest`], [`digest_cache`] | SHA-256 of files and folders; those of files that did not change |
//!
//! A run folder is readable with any tool for JSON lines. What a stage has not finished stays in its journal,
//! so a run that was stopped at any moment goes on where it stopped. Times come from the caller.

pub mod artefact;
pub mod atomic;
pub mod digest;
pub mod digest_cache;
mod error;
pub mod folder;
pub mod journal;
pub mod key;
mod lines;
mod lock;
pub mod manifest;
pub mod merge;
pub mod problems;
pub mod read;
pub mod records;
pub mod seal;
pub mod shard;

pub use artefact::Artefact;
pub use digest_cache::DigestCache;
pub use error::Error;
pub use folder::RunFolder;
pub use journal::{Journal, Record};
pub use key::Key;
pub use manifest::Manifest;
pub use read::{Lookup, Records};
pub use seal::Seal;
pub use shard::Shard;

/// The result of this crate's functions that can fail.
pub type Result<T> = std::result::Result<T, Error>;
