//! From a recipe and what a stage will meet to its plan.

use ts_model::ModelConfig;
use ts_model::generate::Sampling;
use ts_model::memory::{Adapters, Drawn, Footprint, Numbers, Plan, Rewritten, Scored, Trained};
use ts_model::serve::parts_of_draws;
use ts_recipe::{EvalSection, Recipe, SampleSection, SamplerKind, SamplerSection};

use crate::setup::dtype_of;
use crate::stage::Stage;

/// A model's shape and where it is computed; its number format is the recipe's.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) config: &'a ModelConfig,
    pub(crate) on_cpu: bool,
}

/// What a stage will meet, as far as it decides memory. Lengths are the largest, in tokens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Demand {
    /// Responses to so many problems.
    Draws { problems: u64, prompt: usize },
    /// Steps of so many positives.
    Rewrites {
        positives: u64,
        prompt: usize,
        /// A prompt with its response.
        text: usize,
        step: usize,
    },
    /// Texts of so many problems.
    Scores { problems: u64, text: usize },
    /// Examples, each a text or two.
    Examples { text: usize, example: usize },
}

impl Demand {
    /// The same under a recipe that may leave longer examples out.
    pub(crate) fn under(&self, recipe: &Recipe) -> Self {
        match *self {
            Self::Examples { text, example } => {
                let most = recipe.train.max_context_tokens;
                let text = text.min(most);
                Self::Examples { text, example: example.min(2 * text) }
            }
            _ => self.clone(),
        }
    }
}

/// How many positives wait for servers, where those draw their rewrites, while so many threads compute: as many as fill the servers,
/// and no more than sixteen for each thread, since each holds its text's keys and values.
pub(crate) fn waiting_at_once(recipe: &Recipe, threads: usize) -> usize {
    let SamplerSection { kind, urls, concurrency, .. } = &recipe.sampler;
    if *kind == SamplerKind::Local {
        return 0;
    }
    let filling = (urls.len().max(1) * concurrency).div_ceil(recipe.refine.n_rewrites.max(1) as usize);
    filling.min(16 * threads)
}

impl Shape<'_> {
    /// What a stage takes under a recipe.
    pub(crate) fn plan(&self, recipe: &Recipe, stage: Stage, demand: &Demand) -> Plan {
        let (model, threads) = (self.footprint(recipe), self.threads(recipe));
        let at_once = |tasks: u64| threads.min(usize::try_from(tasks.max(1)).unwrap_or(usize::MAX));
        match *demand {
            Demand::Draws { problems, prompt } => {
                let (sampling, draws) = sampling(recipe, stage);
                // Few problems are shared out by their draws.
                let parts = parts_of_draws(problems, draws, threads);
                let tasks = usize::try_from(problems.saturating_mul(u64::from(parts))).unwrap_or(usize::MAX);
                let draws_of_all = tasks.saturating_mul(draws.div_ceil(parts) as usize);
                model.drawing(&Drawn {
                    workers: at_once(tasks as u64),
                    rows: sampling.max_batch_rows.min(draws_of_all),
                    prompts: sampling.prompts_at_once(draws).min(tasks),
                    prompt_tokens: prompt,
                    new_tokens: sampling.max_new_tokens,
                })
            }
            Demand::Rewrites { positives, prompt, text, step } => {
                let (workers, refine) = (at_once(positives), &recipe.refine);
                let mut rewritten = Rewritten {
                    workers,
                    waiting: waiting_at_once(recipe, threads)
                        .min(usize::try_from(positives).unwrap_or(usize::MAX)),
                    rewrites: if refine.enabled { refine.n_rewrites as usize } else { 0 },
                    prompt_tokens: prompt,
                    context_tokens: text,
                    step_tokens: step,
                    window_tokens: refine.kl_window_tokens.min(text),
                };
                let mut points = Vec::new();
                if let (Stage::Calibrate, Some(adaptive)) = (stage, &refine.adaptive) {
                    // Each threshold may have a context of its own, and from each the model goes on to the answer.
                    let n = adaptive.thresholds.len();
                    rewritten.waiting = workers.saturating_mul(n);
                    points.push(model.drawing(&Drawn {
                        workers,
                        rows: rewritten.rewrites,
                        prompts: n + 1,
                        prompt_tokens: text,
                        new_tokens: recipe.sample.max_new_tokens,
                    }));
                }
                if stage == Stage::Refine && refine.drift.is_some() {
                    // The whole response is read at once.
                    points.push(model.rewriting(&Rewritten {
                        rewrites: 1,
                        step_tokens: text,
                        window_tokens: text,
                        ..rewritten
                    }));
                }
                points.push(model.rewriting(&rewritten));
                Plan::fullest(points)
            }
            Demand::Scores { problems, text } => model.scoring(&Scored {
                workers: at_once(problems),
                tokens: recipe.train.micro_batch_tokens.max(text),
                longest: text,
            }),
            Demand::Examples { text, example } => {
                model.training(&trained(recipe, threads, (text, example), adapters(recipe, &model)))
            }
        }
    }

    /// What training takes under a recipe with adapters of this rank on the projections of these names, instead of what it trains.
    pub(crate) fn with_adapters(
        &self,
        recipe: &Recipe,
        demand: &Demand,
        rank: usize,
        names: &[&str],
    ) -> Plan {
        let model = self.footprint(recipe);
        match *demand {
            Demand::Examples { text, example } => {
                let adapters = Some(model.adapters(rank, names));
                model.training(&trained(recipe, self.threads(recipe), (text, example), adapters))
            }
            _ => Plan::default(),
        }
    }

    fn footprint(&self, recipe: &Recipe) -> Footprint<'_> {
        Footprint::new(self.config, Numbers::of(dtype_of(recipe.model.dtype), self.on_cpu))
    }

    /// On an accelerator one, with large batches.
    fn threads(&self, recipe: &Recipe) -> usize {
        if self.on_cpu { recipe.run.n_workers() } else { 1 }
    }
}

/// The steps of a training whose longest text and longest example have so many tokens.
fn trained(
    recipe: &Recipe,
    workers: usize,
    (text, example): (usize, usize),
    adapters: Option<Adapters>,
) -> Trained {
    let train = &recipe.train;
    let (most, batch) = (train.micro_batch_tokens.max(example), train.batch_size.saturating_mul(example));
    Trained {
        workers,
        // Two that follow each other are more than full together: n of them hold more than n/2, rounded down, full ones.
        micro_batches: train.batch_size.min(2 * batch.div_ceil(train.micro_batch_tokens) - 1),
        tokens: most.min(batch),
        longest: text,
        checkpointing: train.activation_checkpointing,
        adapters,
    }
}

/// The settings of a stage that draws, and how often it draws for each problem.
fn sampling(recipe: &Recipe, stage: Stage) -> (Sampling, u32) {
    match stage {
        Stage::EvalBaseline | Stage::EvalResult => {
            let EvalSection { n_runs, temperature, top_p, max_new_tokens, max_batch_rows } = recipe.eval;
            (Sampling { temperature, top_p, max_new_tokens, max_batch_rows }, n_runs)
        }
        _ => {
            let SampleSection {
                n_samples,
                temperature,
                top_p,
                max_new_tokens,
                max_batch_rows,
                first_draw: _,
            } = recipe.sample;
            (Sampling { temperature, top_p, max_new_tokens, max_batch_rows }, n_samples)
        }
    }
}

/// The adapters that a recipe trains instead of the weights.
fn adapters(recipe: &Recipe, model: &Footprint<'_>) -> Option<Adapters> {
    let lora = recipe.train.lora.as_ref()?;
    Some(model.adapters(lora.rank, &lora.target_modules.names()))
}

#[cfg(test)]
pub(super) mod tests {
    use ts_model::memory::Part;
    use ts_recipe::Loader;

    use super::*;

    /// The default one for four workers, whatever the machine.
    pub(in crate::memory) fn recipe() -> Recipe {
        let mut recipe = Loader { shipped: ts_embedded::RECIPES }.load("default", vec![]).unwrap();
        recipe.run.workers = 4;
        recipe
    }

    fn config() -> ModelConfig {
        ModelConfig::tiny(40, 8, 12, 2, (2, 1))
    }

    #[test]
    fn a_stage_takes_its_own_settings() {
        let (mut recipe, config) = (recipe(), config());
        let shape = Shape { config: &config, on_cpu: true };
        let draws = Demand::Draws { problems: 1000, prompt: 10 };
        let [sample, eval] =
            [Stage::Sample, Stage::EvalResult].map(|stage| shape.plan(&recipe, stage, &draws));
        recipe.sample.max_batch_rows *= 2;
        assert!(shape.plan(&recipe, Stage::Sample, &draws).total() > sample.total());
        assert_eq!(shape.plan(&recipe, Stage::EvalResult, &draws), eval);
    }

    /// 4 workers, 64 rows each, 32 draws a problem: rows for two problems, and four are begun at once.
    #[test]
    fn every_worker_has_draws_and_no_more_rows_than_there_are() {
        let (recipe, config) = (recipe(), config());
        let shape = Shape { config: &config, on_cpu: true };
        let cache = |problems| {
            shape.plan(&recipe, Stage::Sample, &Demand::Draws { problems, prompt: 10 }).of(Part::Cache)
        };
        let tokens = |contexts: u64, rows: u64| (contexts * 32 + rows * 1024) * 64;
        assert_eq!((cache(4), cache(1000)), (4 * tokens(5, 64), 4 * tokens(5, 64)));
        // One problem is cut into four parts of eight draws.
        assert_eq!(cache(1), 4 * tokens(5, 32));
    }

    #[test]
    fn a_micro_batch_is_no_larger_than_a_batch_and_no_smaller_than_an_example() {
        let (mut recipe, config) = (recipe(), config());
        let shape = Shape { config: &config, on_cpu: true };
        let take =
            |recipe: &Recipe| shape.plan(recipe, Stage::Train, &Demand::Examples { text: 50, example: 100 });
        (recipe.train.batch_size, recipe.train.micro_batch_tokens) = (2, 1);
        let small = take(&recipe);
        recipe.train.micro_batch_tokens = 100;
        assert_eq!(take(&recipe), small);
        recipe.train.micro_batch_tokens = 1_000_000;
        let large = take(&recipe);
        recipe.train.micro_batch_tokens = 200;
        assert_eq!(take(&recipe), large);
        assert!(large.of(Part::Gradients) < small.of(Part::Gradients));
    }
}
