//! Drawing responses to problems, for sampling and for evaluation: the same code for both.
//!
//! In: problems, how often to draw for each, the sampling settings, and a model. Out: each problem's responses, handed over
//! problem by problem, in order. A draw's seed derives from (run seed, stage, problem, draw), so neither batches nor
//! workers nor an earlier interruption change a response. What is done with responses is left out on purpose.

use ts_core::seed::derive_seed;
use ts_model::LanguageModel;
use ts_model::generate::{Draw, Finish, Prompt, Request, Sampling, Unwatched, generate};
use ts_run::records::ProblemRecord;

use crate::stages::Stage;
use crate::{Error, Run};

/// One response.
pub(crate) struct Response {
    /// The number of the draw, from 0.
    pub(crate) draw: u32,
    pub(crate) seed: u64,
    pub(crate) tokens: Vec<u32>,
    /// Without special tokens.
    pub(crate) text: String,
    /// Whether the model ended it.
    pub(crate) finished: bool,
}

/// What to draw.
pub(crate) struct Draws<'a> {
    /// Names the seeds.
    pub(crate) stage: Stage,
    pub(crate) problems: &'a [ProblemRecord],
    pub(crate) per_problem: u32,
    pub(crate) sampling: Sampling,
}

/// Draws responses to each problem and hands them to `sink`, with `process` applied by the thread that drew them.
pub(crate) fn draw_responses<T: Send>(
    run: &Run<'_>,
    model: &LanguageModel,
    draws: &Draws<'_>,
    process: impl Fn(&ProblemRecord, Response) -> Result<T, Error> + Sync,
    mut sink: impl FnMut(Vec<T>) -> Result<(), Error>,
) -> Result<(), Error> {
    let Draws { stage, problems, per_problem: n_draws, sampling } = *draws;
    // Two batches' worth: rows that finish early make room for others, and an interruption loses little.
    let problems_at_once = (2 * sampling.max_batch_rows).div_ceil(n_draws as usize).max(1);
    let chunks: Vec<&[ProblemRecord]> = problems.chunks(problems_at_once).collect();
    let draw_chunk = |chunk: &[ProblemRecord]| {
        let mut requests = Vec::with_capacity(chunk.len());
        for problem in chunk {
            let prompt = Prompt::Tokens(run.prompt_tokens(problem)?);
            let seed = |draw| derive_seed(run.recipe.run.seed, stage.name(), &problem.id, u64::from(draw));
            requests.push(Request { prompt, seeds: (0..n_draws).map(seed).collect() });
        }
        let draws = generate(model, &requests, &sampling, &mut Unwatched)?;
        let mut processed = Vec::with_capacity(chunk.len());
        for ((problem, request), draws) in chunk.iter().zip(&requests).zip(draws) {
            let responses =
                draws.into_iter().zip(&request.seeds).enumerate().map(|(index, (draw, &seed))| {
                    let Draw { tokens, finish } = draw;
                    let text = run.tokenizer.decode_plain(&tokens)?;
                    let finished = finish == Finish::EndOfText;
                    process(problem, Response { draw: index as u32, seed, tokens, text, finished })
                });
            processed.push(responses.collect::<Result<Vec<T>, Error>>()?);
        }
        Ok(processed)
    };
    run.model_workers()
        .for_each_ordered(chunks, draw_chunk, |processed| processed.into_iter().try_for_each(&mut sink))
}

/// Appends the records of `group` that a journal does not have yet; `done` counts down those it has.
pub(crate) fn append_rest<T: serde::Serialize + serde::de::DeserializeOwned>(
    journal: &mut ts_run::Journal<T>,
    done: &mut usize,
    group: &[T],
) -> Result<(), Error> {
    for record in group {
        match done.checked_sub(1) {
            Some(fewer) => *done = fewer,
            None => journal.append(record)?,
        }
    }
    Ok(())
}
