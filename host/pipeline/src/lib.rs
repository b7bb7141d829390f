//! The pipeline: recipes and stages, where the model, the plugins, the method and the run's folder meet.
//!
//! | to do this | use |
//! |---|---|
//! | read a recipe | [`recipe`] |
//! | open what it names, and a run's folder | [`setup`] |
//! | run a stage | [`stages`] |
//! | make the table | [`summary`], [`report`] |
//! | take finished stages over from another run | [`reuse`] |
//! | grade again what a run saw | [`replay`] |
//! | run many recipes on the same samples | [`ablation`] |
//! | make the embedded checkpoint | [`pretrain`] |
//!
//! Left out on purpose: the terminal. Progress goes to a [`progress::Progress`], everything else is returned.

pub mod ablation;
mod draws;
mod error;
mod objective;
pub mod pretrain;
pub mod progress;
pub mod recipe;
pub mod replay;
pub mod report;
pub mod reuse;
mod rewrite;
pub mod setup;
pub mod stages;
mod steps;
pub mod summary;
mod table;
mod training_set;
pub mod ungraded;

pub use error::Error;
pub use recipe::Recipe;
pub use setup::Run;
pub use stages::{Stage, run_stage};
