//! Drawing responses to problems, for sampling and for evaluation: the same code for both.
//!
//! In: problems, how often to draw for each, the sampling settings, and a model. Out: a record a response. A
//! draw's seed derives from (run seed, stage, problem, draw), so neither batches nor workers nor an earlier
//! interruption change a response.

use ts_core::seed::derive_seed;
use ts_model::LanguageModel;
use ts_model::generate::{Draw, Finish, Prompt, Request, Sampling, Watcher, generate};
use ts_run::records::ProblemRecord;
use ts_run::{Key, ProblemFile};

use crate::memory::Demand;
use crate::progress::Progress;
use crate::stage::Stage;
use crate::stages::work::{Made, Task, Tasks};
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
    pub(crate) run: &'a Run<'a>,
    /// Names the seeds.
    pub(crate) seeds_of: Stage,
    pub(crate) problems: &'a ProblemFile,
    pub(crate) per_problem: u32,
    pub(crate) sampling: Sampling,
}

impl Draws<'_> {
    /// How many responses in all.
    pub(crate) fn total(&self) -> u64 {
        self.problems.len() * u64::from(self.per_problem)
    }

    /// What decides how much memory it takes.
    pub(crate) fn demand(&self) -> Demand {
        Demand::Draws { problems: self.problems.len(), prompt: self.run.longest_prompt() }
    }

    /// Problems to be drawn for together: few, so that an interruption loses little.
    pub(crate) fn tasks(&self) -> Result<Tasks<'_, Vec<ProblemRecord>>, Error> {
        let at_once = self.sampling.prompts_at_once(self.per_problem);
        let mut problems = self.problems.problems()?;
        let draws = |problem: &ProblemRecord| {
            let id = problem.id.clone();
            (0..self.per_problem).map(move |draw| Key::Draw(id.clone(), draw))
        };
        Ok(Box::new(std::iter::from_fn(move || {
            let together = problems.by_ref().take(at_once).collect::<Result<Vec<_>, _>>();
            match together {
                Ok(together) if together.is_empty() => None,
                Ok(together) => {
                    Some(Ok(Task { keys: together.iter().flat_map(draws).collect(), input: together }))
                }
                Err(error) => Some(Err(error.into())),
            }
        })))
    }

    /// The records of some of a task's responses, by their places in it. Each response is reported as soon as it has ended, though
    /// others of the task go on.
    pub(crate) fn draw<R>(
        &self,
        model: &LanguageModel,
        problems: &[ProblemRecord],
        wanted: &[usize],
        record: impl Fn(&ProblemRecord, Response) -> Result<Made<R>, Error>,
    ) -> Result<Vec<Made<R>>, Error> {
        let run = self.run;
        let per_problem = self.per_problem as usize;
        let mut requests = Vec::with_capacity(problems.len());
        let mut asked: Vec<(&ProblemRecord, &[usize])> = Vec::with_capacity(problems.len());
        for places in wanted.chunk_by(|a, b| a / per_problem == b / per_problem) {
            let problem = &problems[places[0] / per_problem];
            let prompt = Prompt::Tokens(run.prompt_tokens(problem)?);
            let seeds = places.iter().map(|place| self.seed(problem, place % per_problem));
            requests.push(Request { prompt, seeds: seeds.collect() });
            asked.push((problem, places));
        }
        let draws = generate(model, &requests, &self.sampling, &mut Reports(run.progress))?;
        let mut records = Vec::with_capacity(wanted.len());
        for ((problem, places), draws) in asked.into_iter().zip(draws) {
            for (place, Draw { tokens, finish }) in places.iter().zip(draws) {
                let draw = place % per_problem;
                let text = run.tokenizer.decode_plain(&tokens)?;
                let finished = finish == Finish::EndOfText;
                let seed = self.seed(problem, draw);
                records.push(record(problem, Response { draw: draw as u32, seed, tokens, text, finished })?);
            }
        }
        Ok(records)
    }

    fn seed(&self, problem: &ProblemRecord, draw: usize) -> u64 {
        derive_seed(self.run.recipe.run.seed, self.seeds_of.name(), &problem.id, draw as u64)
    }
}

/// Reports each response when it ends.
struct Reports<'a>(&'a dyn Progress);

impl Watcher for Reports<'_> {
    fn after_draw(&mut self, _: usize, _: usize, tokens: &[u32]) {
        self.0.advance(1, tokens.len() as u64);
    }
}
