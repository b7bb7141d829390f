//! Drawing responses to problems, for sampling and for evaluation: the same code for both.
//!
//! In: problems, how often to draw for each, the sampling settings, and a model, here or at servers. Out: a record a response. A
//! draw's seed derives from (run seed, stage, problem, draw), so neither batches nor workers nor an earlier interruption change a
//! response that is drawn here; servers promise less, and what they drew is kept.

use ts_core::seed::derive_seed;
use ts_model::LanguageModel;
use ts_model::generate::{Draw, Finish, Prompt, Request, Sampling, Watch, Watcher};
use ts_model::serve::{items_held, parts_of_draws, serve};
use ts_recipe::SamplerKind;
use ts_run::records::ProblemRecord;
use ts_run::{Key, ProblemFile, Record};

use crate::memory::{Demand, plan_stage};
use crate::progress::Progress;
use crate::responses::remote::{How, Remote, RemoteDraw, server_seed};
use crate::setup::servers::Served;
use crate::stage::Stage;
use crate::stages::work::{Made, Task, TaskInbox, Tasks, Work};
use crate::watch::Watched;
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
    /// Whether a server gave its text alone.
    pub(crate) retokenised: bool,
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
    /// The number that the first has in its seed.
    pub(crate) first_draw: u32,
    pub(crate) sampling: Sampling,
}

impl Draws<'_> {
    /// Makes every response that a stage's artefact has not yet, here or by servers with that model, and the record of each; gives the
    /// number of all records. `load` loads the model, if it is this process that draws.
    pub(crate) fn make<R: Record + Watched + Send>(
        &self,
        stage: Stage,
        served: Served,
        load: impl FnOnce() -> Result<LanguageModel, Error>,
        record: impl Fn(&ProblemRecord, Response) -> Result<Made<R>, Error> + Sync,
        each: impl FnMut(&R, &str) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let run = self.run;
        let work = Work { run, stage, unit: "responses", total: self.total(), workers: run.model_workers() };
        if run.recipe.sampler.kind == SamplerKind::Local {
            let prepare = || {
                plan_stage(run, stage, &self.demand())?;
                load()
            };
            let n_parts = parts_of_draws(self.problems.len(), self.per_problem, run.model_workers().count());
            return work.serve(
                || self.tasks(n_parts),
                prepare,
                self.n_held(),
                |model, inbox| self.serve(model, inbox, &record),
                each,
            );
        }
        work.gather(
            || self.tasks(self.per_problem),
            || {
                let remote = Remote::open(run, served)?;
                let n_at_once = remote.fleet().capacity();
                Ok((remote, n_at_once))
            },
            |remote, asked, _| Ok(vec![self.ask(remote, &asked, &record)?]),
            each,
        )
    }

    /// How many responses in all.
    fn total(&self) -> u64 {
        self.problems.len() * u64::from(self.per_problem)
    }

    /// What decides how much memory it takes.
    fn demand(&self) -> Demand {
        Demand::Draws { problems: self.problems.len(), prompt: self.run.longest_prompt() }
    }

    /// So many tasks for each problem.
    fn tasks(&self, n_parts: u32) -> Result<Tasks<'_, Asked>, Error> {
        let problems = self.problems.problems()?;
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
    fn n_held(&self) -> usize {
        items_held(&self.sampling, self.per_problem, self.run.model_workers().count())
    }

    /// Works through an inbox of tasks. Each response is reported as soon as it has ended, though others of its task go on.
    fn serve<R>(
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
                record(&asked.problem, Response { draw, seed, tokens, text, finished, retokenised: false })
            };
            places.iter().zip(draws).map(one).collect()
        };
        serve(model, &self.sampling, &mut Reports::to(run.progress), inbox, request, records)
    }

    /// Asks servers for one response. It is made into a record when there is a core for it.
    fn ask<R>(
        &self,
        remote: &Remote<'_>,
        asked: &Asked,
        record: impl Fn(&ProblemRecord, Response) -> Result<Made<R>, Error>,
    ) -> Result<Made<R>, Error> {
        let Asked { problem, first_draw: draw } = asked;
        let Sampling { temperature, top_p, max_new_tokens, .. } = self.sampling;
        let seed = server_seed(self.run, self.seeds_of.name(), &problem.id, self.first_draw + *draw);
        let turnstile = remote.turnstile();
        let tokens = || self.run.prompt_tokens(problem);
        let prompt = turnstile.inside(|| remote.prompt_of(&problem.id, tokens))?;
        let drawn = remote.draw(&problem.id, &prompt, seed, How { temperature, top_p, max_new_tokens })?;
        let RemoteDraw { tokens, finished, retokenised } = drawn;
        turnstile.inside(|| {
            let text = self.run.tokenizer.decode_plain(&tokens)?;
            let n_tokens = Some(tokens.len() as u64);
            let made = record(problem, Response { draw: *draw, seed, tokens, text, finished, retokenised })?;
            Ok(Made { n_tokens, ..made })
        })
    }

    fn seed(&self, problem: &ProblemRecord, draw: u32) -> u64 {
        derive_seed(
            self.run.recipe.run.seed,
            self.seeds_of.name(),
            &problem.id,
            u64::from(self.first_draw + draw),
        )
    }
}

/// Reports each response when it ends, and tokens as they are drawn.
struct Reports<'a> {
    progress: &'a dyn Progress,
    /// Tokens that were not reported yet.
    n_drawn: u64,
}

impl<'a> Reports<'a> {
    /// Tokens that are reported at once.
    const AT_ONCE: u64 = 256;

    fn to(progress: &'a dyn Progress) -> Self {
        Self { progress, n_drawn: 0 }
    }
}

impl Watcher for Reports<'_> {
    fn after_token(&mut self, _: usize, _: usize, _: &[u32]) -> Watch {
        self.n_drawn += 1;
        if self.n_drawn == Self::AT_ONCE {
            self.progress.draw(std::mem::take(&mut self.n_drawn));
        }
        Watch::Continue
    }

    fn after_draw(&mut self, _: usize, _: usize, tokens: &[u32]) {
        self.progress.advance(1, tokens.len() as u64);
    }
}
