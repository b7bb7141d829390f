//! Stage 1, first part: sample responses from the model itself. TokenSqueeze, section 3.1 and A.1.
//!
//! In: the training problems. Out: `samples.jsonl`, `n_samples` lines a problem.

use ts_model::generate::Sampling;
use ts_run::records::{ProblemRecord, SampleRecord};

use super::Done;
use super::work::{Made, Work};
use crate::memory::plan_stage;
use crate::responses::draws::{Draws, Response};
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
    let work = Work {
        run,
        stage: Stage::Sample,
        unit: "responses",
        total: draws.total(),
        workers: run.model_workers(),
    };
    let record = |problem: &ProblemRecord, response: Response| {
        let Response { draw, seed, tokens, text, finished } = response;
        let record = SampleRecord { problem: problem.id.clone(), draw, seed, tokens, text, finished };
        Ok(Made { record, n_tokens: None, note: String::new() })
    };
    let mut n_tokens: u64 = 0;
    let records = work.serve(
        || draws.tasks(),
        || {
            plan_stage(run, Stage::Sample, &draws.demand())?;
            run.base_model()
        },
        draws.n_held(),
        |model, inbox| draws.serve(model, inbox, record),
        |sample, _| {
            n_tokens += sample.tokens.len() as u64;
            Ok(())
        },
    )?;
    let mean = n_tokens as f64 / records.max(1) as f64;
    Ok(Done { records, summary: format!("{records} responses, {mean:.0} tokens each") })
}
