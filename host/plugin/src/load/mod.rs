//! From the bytes of a file to compiled code that is believed, and what a plugin says of itself.

pub(crate) mod cache;
pub(crate) mod compilation;
pub(crate) mod compiler;
pub(crate) mod description;
pub(crate) mod hash;
pub(crate) mod load_error;
pub(crate) mod preflight;
pub(crate) mod settings;
pub(crate) mod source;
