//! Drawing responses to problems, for sampling and for evaluation: the same code for both.
//!
//! In: problems, how often to draw for each, the sampling settings, and a model. Out: a record a response, appended to a
//! journal problem by problem, in order. A draw's seed derives from (run seed, stage, problem, draw), so neither batches nor
//! workers nor an earlier interruption change a response. What a record holds is left out on purpose.

use serde::Serialize;
use serde::de::DeserializeOwned;
use ts_core::seed::derive_seed;
use ts_model::LanguageModel;
use ts_model::generate::{Draw, Finish, Prompt, Request, Sampling, Unwatched, generate};
use ts_run::Journal;
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
    pub(crate) seeds_of: Stage,
    pub(crate) problems: &'a [ProblemRecord],
    pub(crate) per_problem: u32,
    pub(crate) sampling: Sampling,
}

impl Draws<'_> {
    /// Draws every response that the journal does not have yet, and appends its record. `load` gives the model, if one is
    /// needed. `process` makes the record, and anything else to be told of it, on the thread that drew the response;
    /// `appended` hears of each new record, in order.
    pub(crate) fn append_to<T: Serialize + DeserializeOwned + Send, N: Send>(
        &self,
        run: &Run<'_>,
        journal: &mut Journal<T>,
        load: impl FnOnce() -> Result<LanguageModel, Error>,
        process: impl Fn(&ProblemRecord, Response) -> Result<(T, N), Error> + Sync,
        mut appended: impl FnMut(&T, N) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let per_problem = self.per_problem as usize;
        let n_done = journal.n_records() as usize;
        // A problem that was interrupted is drawn again as a whole; what the journal has of it is passed over.
        let rest = self.problems.get(n_done / per_problem..).unwrap_or_default();
        let mut passed_over = n_done % per_problem;
        if rest.is_empty() {
            return Ok(());
        }
        let model = load()?;
        // Two batches' worth: rows that finish early make room for others, and an interruption loses little.
        let problems_at_once = (2 * self.sampling.max_batch_rows).div_ceil(per_problem).max(1);
        let chunks: Vec<&[ProblemRecord]> = rest.chunks(problems_at_once).collect();
        let draw = |chunk: &[ProblemRecord]| self.draw(run, &model, chunk, &process);
        run.model_workers().for_each_ordered(chunks, draw, |records| {
            for (record, note) in records.into_iter().skip(std::mem::take(&mut passed_over)) {
                journal.append(&record)?;
                appended(&record, note)?;
            }
            Ok(())
        })
    }

    /// The records of a few problems' responses, problem by problem.
    fn draw<T>(
        &self,
        run: &Run<'_>,
        model: &LanguageModel,
        problems: &[ProblemRecord],
        process: impl Fn(&ProblemRecord, Response) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut requests = Vec::with_capacity(problems.len());
        for problem in problems {
            let prompt = Prompt::Tokens(run.prompt_tokens(problem)?);
            let stage = self.seeds_of.name();
            let seed = |draw| derive_seed(run.recipe.run.seed, stage, &problem.id, u64::from(draw));
            requests.push(Request { prompt, seeds: (0..self.per_problem).map(seed).collect() });
        }
        let draws = generate(model, &requests, &self.sampling, &mut Unwatched)?;
        let mut records = Vec::with_capacity(problems.len() * self.per_problem as usize);
        for ((problem, request), draws) in problems.iter().zip(&requests).zip(draws) {
            for ((draw, &seed), Draw { tokens, finish }) in (0..).zip(&request.seeds).zip(draws) {
                let text = run.tokenizer.decode_plain(&tokens)?;
                let finished = finish == Finish::EndOfText;
                records.push(process(problem, Response { draw, seed, tokens, text, finished })?);
            }
        }
        Ok(records)
    }
}
