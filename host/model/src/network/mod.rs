//! The network: from tokens to hidden states, with gradients, and contexts that are kept between calls.

pub mod adapters;
pub(crate) mod cache;
pub mod decoder;
pub mod language_model;
pub mod prefix;
