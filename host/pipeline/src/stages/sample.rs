//! Stage 1, first part: sample responses from the model itself. TokenSqueeze, section 3.1 and A.1.
//!
//! In: the training problems. Out: `samples.jsonl`, `n_samples` lines a problem. Grading them is left out on purpose.

use ts_model::generate::Sampling;
use ts_run::Artefact;
use ts_run::records::SampleRecord;

use super::{Done, Stage};
use crate::draws::{Draws, append_rest, draw_responses};
use crate::{Error, Run};

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let settings = &run.recipe.sample;
    let per_problem = settings.n_samples as usize;
    let (mut journal, done) = run.folder.journal::<SampleRecord>(Artefact::Samples)?;
    let total = run.train.len() * per_problem;
    run.progress.start(Stage::Sample.name(), "responses", done.len() as u64, total as u64);

    let whole_problems = (done.len() / per_problem).min(run.train.len());
    let mut partial = done.len() % per_problem;
    let mut n_tokens: u64 = done.iter().map(|sample| sample.tokens.len() as u64).sum();
    let rest = &run.train[whole_problems..];
    if !rest.is_empty() {
        let model = run.base_model()?;
        let sampling = Sampling {
            temperature: settings.temperature,
            top_p: settings.top_p,
            max_new_tokens: settings.max_new_tokens,
            max_batch_rows: settings.max_batch_rows,
        };
        draw_responses(
            run,
            &model,
            &Draws { stage: Stage::Sample, problems: rest, per_problem: settings.n_samples, sampling },
            |problem, response| {
                Ok(SampleRecord {
                    problem: problem.id.clone(),
                    draw: response.draw,
                    seed: response.seed,
                    tokens: response.tokens,
                    text: response.text,
                    finished: response.finished,
                })
            },
            |group| {
                let tokens: u64 = group.iter().map(|sample| sample.tokens.len() as u64).sum();
                append_rest(&mut journal, &mut partial, &group)?;
                n_tokens += tokens;
                run.progress.advance(group.len() as u64, tokens);
                Ok(())
            },
        )?;
    }
    journal.sync()?;
    let mean = n_tokens as f64 / total.max(1) as f64;
    Ok(Done { records: journal.n_records(), summary: format!("{total} responses, {mean:.0} tokens each") })
}
