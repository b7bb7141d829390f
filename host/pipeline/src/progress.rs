//! What a stage reports of its progress. The pipeline never prints: the command line draws bars from this,
//! tests listen to it.

/// Listens to the progress of a run. A stage's [`Progress::advance`] may come from several threads at once, all between its
/// [`Progress::start`] and its [`Progress::finish`].
pub trait Progress: Sync {
    /// The run of this name begins, the `number`th of `total` that a command has run, from 1.
    fn begin(&self, name: &str, number: usize, total: usize) {
        let _ = (name, number, total);
    }
    /// A stage will load the model; `plan` is one line on the memory that it takes.
    fn plan(&self, stage: &str, plan: &str);
    /// A stage begins: `done` of `total` units are there already, from an earlier start.
    fn start(&self, stage: &str, unit: &'static str, done: u64, total: u64);
    /// So many tokens more were drawn for units that are not done yet. They are counted again when their units are done.
    fn draw(&self, tokens: u64) {
        let _ = tokens;
    }
    /// `units` more are done; `tokens` is how many tokens were sampled, scored or trained on for them.
    fn advance(&self, units: u64, tokens: u64);
    /// The stage is done; `summary` is one line on what came of it.
    fn finish(&self, summary: &str);
    /// Something worth knowing that stops nothing.
    fn warn(&self, message: &str);
}

/// Listens to nothing.
pub struct Silent;

impl Progress for Silent {
    fn plan(&self, _: &str, _: &str) {}
    fn start(&self, _: &str, _: &'static str, _: u64, _: u64) {}
    fn advance(&self, _: u64, _: u64) {}
    fn finish(&self, _: &str) {}
    fn warn(&self, _: &str) {}
}
