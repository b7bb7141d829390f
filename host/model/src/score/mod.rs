//! Scoring responses that are there: their log-probabilities, and what a rewritten step changes.

pub mod log_prob;
pub mod window_kl;
