//! The pipeline: the stages, where the model, the plugins, the method and the run's folder meet.
//!
//! | to do this | use |
//! |---|---|
//! | open what it names, and a run's folder | [`setup`] |
//! | run a stage | [`run_stage`] |
//! | read a run that is there | [`PastRun`] |
//! | make the table | [`summary`], [`report`] |
//! | take finished stages over from another run | [`reuse`] |
//! | join what several machines did | [`merge`] |
//! | give the training data to another trainer | [`export`] |
//! | take the model over that it trained | [`adopt`] |
//! | grade again what a run saw | [`replay`] |
//! | make samples of other programs a run's | [`import_samples`] |
//! | look at a checkpoint, ask it, score texts with it | [`model`] |
//! | run it again with the model that came of it | [`rounds`] |
//! | measure its model on other domains | [`transfer`] |
//! | run many recipes on the same samples | [`ablation`] |
//! | put finished runs beside each other | [`compare`] |
//! | make the embedded checkpoint | [`pretrain`] |
//!
//! The pipeline never prints. Progress goes to a [`progress::Progress`], everything else is returned.

mod adopt;
mod error;
pub mod export;
mod identity;
mod imported;
mod memory;
pub mod merge;
pub mod model;
mod past_run;
pub mod pretrain;
pub mod progress;
pub mod replay;
pub mod report;
mod responses;
pub mod reuse;
pub mod rounds;
pub mod setup;
mod stage;
mod stages;
mod training;
pub mod transfer;
mod tuning;
mod watch;

pub use adopt::{Adopted, adopt};
pub use error::Error;
pub use imported::{ImportFault, ImportedSamples, import_samples};
pub use past_run::{PastRun, kept_recipe};
pub use report::{ablation, compare, summary};
pub use responses::ungraded;
pub use setup::Run;
pub use stage::Stage;
pub use stages::run_stage;
