//! Stage 1, first part: sample responses from the model itself. TokenSqueeze, section 3.1 and A.1.
//!
//! In: the training problems. Out: `samples.jsonl`, `n_samples` lines a problem.

use ts_model::generate::Sampling;
use ts_run::records::{ProblemRecord, SampleRecord};

use super::Done;
use super::work::Made;
use crate::responses::draws::{Draws, Response};
use crate::setup::servers::Served;
use crate::stage::Stage;
use crate::{Error, Run};

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let settings = &run.recipe.sample;
    let draws = Draws {
        run,
        seeds_of: Stage::Sample,
        problems: &run.train,
        per_problem: settings.n_samples,
        sampling: Sampling {
            temperature: settings.temperature,
            top_p: settings.top_p,
            max_new_tokens: settings.max_new_tokens,
            max_batch_rows: settings.max_batch_rows,
        },
    };
    let record = |problem: &ProblemRecord, response: Response| {
        let Response { draw, seed, tokens, text, finished, retokenised } = response;
        let problem = problem.id.clone();
        let record = SampleRecord { problem, draw, seed, tokens, text, finished, retokenised };
        Ok(Made { record, n_tokens: None, note: String::new() })
    };
    let mut n_tokens: u64 = 0;
    let each = |sample: &SampleRecord, _: &str| {
        n_tokens += sample.tokens.len() as u64;
        Ok(())
    };
    let records = draws.make(Stage::Sample, Served::Base, || run.base_model(), record, each)?;
    let mean = n_tokens as f64 / records.max(1) as f64;
    Ok(Done { records, summary: format!("{records} responses, {mean:.0} tokens each") })
}
