//! Drawing responses to problems, for sampling and for evaluation: the same code for both.
//!
//! In: problems, how often to draw for each, the sampling settings, and a model. Out: a record a response. A
//! draw's seed derives from (run seed, stage, problem, draw), so neither batches nor workers nor an earlier
//! interruption change a response.

use ts_core::seed::derive_seed;
use ts_model::LanguageModel;
use ts_model::generate::{Draw, Finish, Prompt, Request, Sampling, Watcher};
use ts_model::serve::{items_held, parts_of_draws, serve};
use ts_run::records::ProblemRecord;
use ts_run::{Key, ProblemFile};

use crate::memory::Demand;
use crate::progress::Progress;
use crate::stage::Stage;
use crate::stages::work::{Made, Task, TaskInbox, Tasks};
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

/// Responses to one problem, or some of them.
pub(crate) struct Asked {
    problem: ProblemRecord,
    /// The number of the first.
    first_draw: u32,
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

    /// A task for each problem, or several where problems are fewer than workers.
    pub(crate) fn tasks(&self) -> Result<Tasks<'_, Asked>, Error> {
        let problems = self.problems.problems()?;
        let n_parts = parts_of_draws(self.problems.len(), self.per_problem, self.run.model_workers().count());
        let per_task = self.per_problem.div_ceil(n_parts).max(1) as usize;
        let task = move |problem: &ProblemRecord, first_draw: u32| {
            let draws = first_draw..self.per_problem.min(first_draw + per_task as u32);
            let keys = draws.map(|draw| Key::Draw(problem.id.clone(), draw)).collect();
            Ok(Task { keys, input: Asked { problem: problem.clone(), first_draw } })
        };
        Ok(Box::new(problems.flat_map(move |problem| match problem {
            Ok(problem) => {
                let starts = (0..self.per_problem).step_by(per_task);
                starts.map(|first_draw| task(&problem, first_draw)).collect()
            }
            Err(error) => vec![Err(error.into())],
        })))
    }

    /// How many tasks are to be held at once.
    pub(crate) fn n_held(&self) -> usize {
        items_held(&self.sampling, self.per_problem, self.run.model_workers().count())
    }

    /// Works through an inbox of tasks. Each response is reported as soon as it has ended, though others of its task go on.
    pub(crate) fn serve<R>(
        &self,
        model: &LanguageModel,
        inbox: &mut TaskInbox<'_, Asked, R>,
        record: impl Fn(&ProblemRecord, Response) -> Result<Made<R>, Error>,
    ) -> Result<(), Error> {
        let run = self.run;
        let draw_of = |asked: &Asked, place: usize| asked.first_draw + place as u32;
        let request = |(asked, places): &(Asked, Vec<usize>)| {
            let prompt = Prompt::Tokens(run.prompt_tokens(&asked.problem)?);
            let seeds = places.iter().map(|place| self.seed(&asked.problem, draw_of(asked, *place)));
            Ok(Request { prompt, seeds: seeds.collect() })
        };
        let records = |(asked, places): (Asked, Vec<usize>), draws: Vec<Draw>| {
            let one = |(place, Draw { tokens, finish }): (&usize, Draw)| {
                let draw = draw_of(&asked, *place);
                let text = run.tokenizer.decode_plain(&tokens)?;
                let finished = finish == Finish::EndOfText;
                let seed = self.seed(&asked.problem, draw);
                record(&asked.problem, Response { draw, seed, tokens, text, finished })
            };
            places.iter().zip(draws).map(one).collect()
        };
        serve(model, &self.sampling, &mut Reports(run.progress), inbox, request, records)
    }

    fn seed(&self, problem: &ProblemRecord, draw: u32) -> u64 {
        derive_seed(self.run.recipe.run.seed, self.seeds_of.name(), &problem.id, u64::from(draw))
    }
}

/// Reports each response when it ends.
struct Reports<'a>(&'a dyn Progress);

impl Watcher for Reports<'_> {
    fn after_draw(&mut self, _: usize, _: usize, tokens: &[u32]) {
        self.0.advance(1, tokens.len() as u64);
    }
}
