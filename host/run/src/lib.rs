//! The run folder: the one crate that opens files in it.
//!
//! | module | what it is |
//! |---|---|
//! | [`folder`] | creating, locking and resuming a run |
//! | [`artefact`] | what each file in it is called, and what it holds |
//! | [`manifest`] | what a run was made from, and which of its stages are done |
//! | [`journal`] | an append-only file of records that survives a crash |
//! | [`records`] | the records of every stage |
//! | [`problems`] | reading a problem set |
//! | [`atomic`] | files and folders that are there whole or not at all |
//! | [`digest`] | SHA-256 of files and folders |
//!
//! A run folder is readable with any tool for JSON lines. What a stage has not finished stays in its journal,
//! so a run that was stopped at any moment goes on where it stopped.
//! Left out on purpose: the clock, and what the stages do. Times come from the caller.

pub mod artefact;
pub mod atomic;
pub mod digest;
mod error;
pub mod folder;
pub mod journal;
mod lock;
pub mod manifest;
pub mod problems;
pub mod records;

pub use artefact::Artefact;
pub use error::Error;
pub use folder::RunFolder;
pub use journal::{Journal, read_journal};
pub use manifest::Manifest;

/// The result of this crate's functions that can fail.
pub type Result<T> = std::result::Result<T, Error>;
