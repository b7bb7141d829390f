//! Files of sealed records: what a record and its seal are, appending records, reading them.

pub mod journal;
pub mod key;
pub(crate) mod lines;
pub mod read;
pub(crate) mod record;
pub mod seal;
