//! The method as arithmetic: TokenSqueeze (arXiv 2511.13223), sections 3.1 to 3.3 and 4.1.2.
//!
//! | module | what it is | section |
//! |---|---|---|
//! | [`outcome`] | what became of a response when it was graded | 3.1 |
//! | [`seed`] | seeds derived from what is drawn, and a small generator | A.1 |
//! | [`selection`] | pass rate, depth quantile, number of positives | 3.1 |
//! | [`pairing`] | preference pairs, and the cap on them | 3.1 |
//! | [`refinement`] | the choice among the rewrites of one step | 3.2 |
//! | [`conformal`] | the largest threshold whose expected loss is controlled | |
//! | [`bound`] | what the most likely tokens alone say of a divergence | 3.2 |
//! | [`objective`] | DPO-L, SFT and their sum; SimPO and LCPO | 3.3 |
//! | [`sequences`] | responses with weights of either sign | |
//! | [`metrics`], [`auc`] | accuracy, lengths, area under accuracy against budget | 4.1.2 |
//! | [`bootstrap`], [`crossed`] | intervals around the metrics: of one training over problems, of several over trainings too | |
//!
//! In go numbers, out come numbers. This crate does not know files, tensors, WebAssembly or the clock.
//! Nothing here draws randomness that its caller did not seed, so plugins may use this crate too.

pub mod auc;
pub mod bootstrap;
pub mod bound;
pub mod conformal;
pub mod crossed;
mod error;
pub mod metrics;
pub mod objective;
pub mod outcome;
pub mod pairing;
pub mod refinement;
pub mod seed;
pub mod selection;
pub mod sequences;

pub use error::Error;
pub use outcome::Outcome;

/// The result of this crate's functions that can fail.
pub type Result<T> = std::result::Result<T, Error>;
