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
//! | [`problem_file`] | the problems in a run's folder |
//! | [`atomic`] | files and folders that are there whole or not at all |
//! | [`digest`], [`digest_cache`] | SHA-256 of files and folders; those of files that did not change |
//!
//! A run folder is readable with any tool for JSON lines. What a stage has not finished stays in its journal,
//! so a run that was stopped at any moment goes on where it stopped. Times come from the caller.

mod content;
mod error;
mod files;
pub mod folder;
mod lock;
pub mod manifest;
pub mod merge;
mod sealed;
pub mod shard;

pub use content::artefact::Artefact;
pub use content::problem_file::{ProblemFile, ProblemLookup, ProblemPlace, Problems};
pub use content::prompt::{Message, Prompt};
pub use content::{artefact, problem_file, problems, prompt, records};
pub use error::Error;
pub use files::digest::cache::{self as digest_cache, DigestCache};
pub use files::{atomic, digest};
pub use folder::RunFolder;
pub use manifest::Manifest;
pub use sealed::journal::Journal;
pub use sealed::key::Key;
pub use sealed::read::{Lookup, Records};
pub use sealed::record::Record;
pub use sealed::seal::Seal;
pub use sealed::{journal, key, read, seal};
pub use shard::Shard;

/// The result of this crate's functions that can fail.
pub type Result<T> = std::result::Result<T, Error>;
