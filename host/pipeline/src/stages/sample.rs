//! Stage 1, first part: sample responses from the model itself. TokenSqueeze, section 3.1 and A.1.
//!
//! In: the training problems. Out: `samples.jsonl`, `n_samples` lines a problem. Grading them is left out on purpose.

use ts_run::Artefact;
use ts_run::records::{ProblemRecord, SampleRecord};

use super::{Done, Stage};
use crate::draws::{Draws, Response};
use crate::{Error, Run};

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let settings = &run.recipe.sample;
    let draws = Draws {
        seeds_of: Stage::Sample,
        problems: &run.train,
        per_problem: settings.n_samples,
        sampling: settings.sampling(),
    };
    let (mut journal, done) = run.folder.journal::<SampleRecord>(Artefact::Samples)?;
    let total = run.train.len() as u64 * u64::from(settings.n_samples);
    run.progress.start(Stage::Sample.name(), "responses", done.len() as u64, total);
    let mut n_tokens: u64 = done.iter().map(|sample| sample.tokens.len() as u64).sum();
    drop(done);

    let record = |problem: &ProblemRecord, response: Response| {
        let Response { draw, seed, tokens, text, finished } = response;
        Ok((SampleRecord { problem: problem.id.clone(), draw, seed, tokens, text, finished }, ()))
    };
    draws.append_to(
        run,
        &mut journal,
        || run.base_model(),
        record,
        |sample, ()| {
            n_tokens += sample.tokens.len() as u64;
            run.progress.advance(1, sample.tokens.len() as u64);
            Ok(())
        },
    )?;
    journal.sync()?;
    let mean = n_tokens as f64 / total.max(1) as f64;
    Ok(Done { records: journal.n_records(), summary: format!("{total} responses, {mean:.0} tokens each") })
}
