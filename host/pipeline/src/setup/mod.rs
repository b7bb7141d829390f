//! From a recipe to a run: opens plugins, problems, tokenizer and the run's folder, and checks what can be checked before
//! hours are spent.
//!
//! [`check`] does all of it but the folder; [`Run::open`] does that too. Weights are loaded by the stages that need them,
//! through [`Run::base_model`] and [`Run::trained_model`]: grading should not wait for a checkpoint.

mod checkpoint;
pub(crate) mod plugins;
mod problems;
mod prompts;
mod unpacked;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device};
use ts_model::shards::Workers;
use ts_model::weights::Weights;
use ts_model::{LanguageModel, ModelConfig, TextTokenizer};
use ts_plugin::LogSink;
use ts_run::digest::sha256_bytes;
use ts_run::manifest::{Manifest, PluginOrigin, ProblemSetOrigin};
use ts_run::records::ProblemRecord;
use ts_run::{Artefact, RunFolder, atomic, read_journal};

use self::checkpoint::{Checkpoint, open_checkpoint, open_device};
use self::plugins::open_plugins;
pub use self::plugins::{
    Plugins, Settings, code_cache, key_of, load_plugin, open_plugin, open_plugin_with_runners,
};
use self::problems::{forbid_leaks, open_problems, problem_lines};
use self::prompts::Prompts;
use crate::Error;
use crate::progress::Progress;
use crate::recipe::{Dtype, Recipe};
use crate::stages::Stage;
use crate::steps::Steps;

/// Everything that the stages share.
pub struct Run<'a> {
    /// What to do.
    pub recipe: Recipe,
    /// Where to do it.
    pub folder: RunFolder,
    /// The four roles.
    pub plugins: Plugins,
    /// Problems to train on.
    pub train: Vec<ProblemRecord>,
    /// Problems to measure on.
    pub heldout: Vec<ProblemRecord>,
    /// The model's tokenizer.
    pub tokenizer: TextTokenizer,
    /// Listens.
    pub progress: &'a dyn Progress,
    /// The checkpoint's folder; temporary for the embedded one.
    checkpoint: Checkpoint,
    prompts: Prompts,
    device: Device,
    workers: Workers,
    accelerator: Option<Workers>,
}

/// What a recipe opens, short of the run's folder.
struct Opened {
    plugins: Plugins,
    train: Vec<ProblemRecord>,
    heldout: Vec<ProblemRecord>,
    tokenizer: TextTokenizer,
    checkpoint: Checkpoint,
    /// Headers that fit the configuration.
    weights: Weights,
    prompts: Prompts,
    /// Tokens of the shortest and of the longest prompt.
    prompt_tokens: (usize, usize),
    device: Device,
}

/// Opens everything that the recipe names, reads the weights through, and says what it found, a line each. Runs nothing and
/// writes nothing.
///
/// # Errors
/// The first thing that would stop a run.
pub fn check(recipe: &Recipe) -> Result<Vec<String>, Error> {
    let mut opened = open(recipe, None)?;
    opened.weights.check_values(dtype_of(recipe))?;
    let mut lines = vec![
        format!("recipe `{}`, seed {}", recipe.run.name, recipe.run.seed),
        format!(
            "model {} on {}, sha256 {}",
            opened.checkpoint.origin.source, recipe.model.device, opened.checkpoint.origin.sha256
        ),
        format!(
            "{} numbers in {} bytes of weights, each as config.json asks for and finite",
            opened.weights.n_values(),
            opened.weights.n_bytes()
        ),
        format!(
            "{} training problems, {} held-out problems, no prompt in both",
            opened.train.len(),
            opened.heldout.len()
        ),
    ];
    if let Some(problem) = opened.train.first() {
        let (shortest, longest) = opened.prompt_tokens;
        let first = opened.prompts.text(problem)?;
        lines.push(format!("prompts of {shortest} to {longest} tokens; the first is {first:?}"));
    }
    for plugin in &opened.plugins.origins {
        let PluginOrigin { role, name, version, sha256, origin } = plugin;
        lines.push(format!("{role}: {name} {version} from {origin}, sha256 {sha256}"));
    }
    Ok(lines)
}

impl<'a> Run<'a> {
    /// Opens a run: everything that the recipe names, and the folder, new or to go on with.
    ///
    /// `created` is the time now, RFC 3339, for a new run's manifest. `warnings` listens to what plugins log.
    ///
    /// # Errors
    /// Whatever cannot be opened; a folder that belongs to another recipe, model, plugin or problem set.
    pub fn open(
        recipe: Recipe,
        folder: &Path,
        created: String,
        progress: &'a dyn Progress,
        log: Option<LogSink>,
    ) -> Result<Self, Error> {
        let Opened { plugins, train, heldout, tokenizer, checkpoint, prompts, device, .. } =
            open(&recipe, log)?;
        let sets =
            [("train", &recipe.problems.train, &train), ("heldout", &recipe.problems.heldout, &heldout)];
        let manifest = Manifest {
            format: ts_run::manifest::FORMAT,
            created,
            ts_host_version: env!("CARGO_PKG_VERSION").to_owned(),
            run_seed: recipe.run.seed,
            device: recipe.model.device.clone(),
            workers: recipe.run.n_workers() as u32,
            recipe_sha256: sha256_bytes(recipe.what_decides_results().to_toml().as_bytes()),
            model: checkpoint.origin.clone(),
            plugins: plugins.origins.clone(),
            problems: sets
                .map(|(split, source, problems)| ProblemSetOrigin {
                    split: split.to_owned(),
                    source: source.clone(),
                    sha256: sha256_bytes(&problem_lines(problems)),
                    n: problems.len() as u64,
                })
                .to_vec(),
            stages: BTreeMap::new(),
        };
        let folder = RunFolder::create_or_resume(folder, &manifest)?;
        for difference in folder.notes() {
            progress.warn(&format!("{difference}: results may differ in rounding"));
        }
        if !folder.path_of(Artefact::ProblemsHeldout).exists() {
            atomic::write_file(&folder.path_of(Artefact::Recipe), recipe.to_toml().as_bytes())?;
            atomic::write_file(&folder.path_of(Artefact::ProblemsTrain), &problem_lines(&train))?;
            atomic::write_file(&folder.path_of(Artefact::ProblemsHeldout), &problem_lines(&heldout))?;
        }
        let workers = Workers::new(recipe.run.n_workers())?;
        let accelerator = if device.is_cpu() { None } else { Some(Workers::new(1)?) };
        Ok(Self {
            recipe,
            folder,
            plugins,
            train,
            heldout,
            tokenizer,
            progress,
            checkpoint,
            prompts,
            device,
            workers,
            accelerator,
        })
    }

    /// Threads for work without the model.
    pub(crate) fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Threads for work with the model: on an accelerator one, with large batches.
    pub(crate) fn model_workers(&self) -> &Workers {
        self.accelerator.as_ref().unwrap_or(&self.workers)
    }

    /// Loads the model that the run starts from.
    pub(crate) fn base_model(&self) -> Result<LanguageModel, Error> {
        self.load(&self.checkpoint.path)
    }

    /// Loads the model that the run trained.
    pub(crate) fn trained_model(&self) -> Result<LanguageModel, Error> {
        self.load(&self.folder.path_of(Artefact::Model))
    }

    /// Loads a checkpoint of the training in progress.
    pub(crate) fn load_checkpoint(&self, folder: &Path) -> Result<LanguageModel, Error> {
        self.load(folder)
    }

    fn load(&self, folder: &Path) -> Result<LanguageModel, Error> {
        Ok(LanguageModel::load(folder, dtype_of(&self.recipe), &self.device)?)
    }

    /// The folder of the checkpoint that the run starts from.
    pub(crate) fn checkpoint_folder(&self) -> &Path {
        &self.checkpoint.path
    }

    /// The tokens that the model sees of a problem, the chat template around it.
    pub(crate) fn prompt_tokens(&self, problem: &ProblemRecord) -> Result<Vec<u32>, Error> {
        self.prompts.tokens(&self.tokenizer, problem)
    }

    /// A response cut into reasoning steps and the rest.
    pub(crate) fn steps_of(&self, problem: &str, tokens: &[u32]) -> Result<Steps, Error> {
        Steps::of(
            tokens,
            &self.tokenizer,
            &self.plugins.step_splitter,
            &self.recipe.prompt.reasoning_end,
            problem,
        )
    }

    /// Checks that a stage is done, and its artefact as it left it.
    pub(crate) fn require(&self, stage: Stage) -> Result<(), Error> {
        if !self.folder.is_done(stage.name()) {
            return Err(Error::MissingStage { stage, folder: self.folder.path().to_owned() });
        }
        Ok(self.folder.verify(stage.name())?)
    }

    /// The records that a stage left.
    pub(crate) fn read<T: serde::de::DeserializeOwned>(&self, stage: Stage) -> Result<Vec<T>, Error> {
        self.require(stage)?;
        Ok(read_journal(&self.folder.path_of(stage.artefact()))?)
    }
}

impl Recipe {
    /// This recipe with the values that change no result at 0: two of them that are equal so may share a folder.
    pub(crate) fn what_decides_results(&self) -> Self {
        let mut recipe = self.clone();
        recipe.run.workers = 0;
        recipe.model.device.clear();
        recipe.sample.max_batch_rows = 0;
        recipe.eval.max_batch_rows = 0;
        recipe
    }
}

/// The number format of a recipe's model.
fn dtype_of(recipe: &Recipe) -> DType {
    match recipe.model.dtype {
        Dtype::F32 => DType::F32,
        Dtype::Bf16 => DType::BF16,
        Dtype::F16 => DType::F16,
    }
}

/// The tokenizer of a recipe's model, and nothing else of it.
pub(crate) fn tokenizer_of(recipe: &Recipe) -> Result<TextTokenizer, Error> {
    Ok(TextTokenizer::read(&open_checkpoint(&recipe.model.source)?.path)?)
}

fn open(recipe: &Recipe, log: Option<LogSink>) -> Result<Opened, Error> {
    let device = open_device(&recipe.model.device)?;
    let plugins = open_plugins(recipe, log)?;
    let train =
        open_problems(&recipe.problems.train, ts_embedded::train_problems, recipe.problems.max_train)?;
    let heldout =
        open_problems(&recipe.problems.heldout, ts_embedded::heldout_problems, recipe.problems.max_heldout)?;
    forbid_leaks(&train, &heldout)?;
    let checkpoint = open_checkpoint(&recipe.model.source)?;
    let config = ModelConfig::read(&checkpoint.path)?;
    let weights = Weights::open(&checkpoint.path, &config)?;
    let limit = config.max_position_embeddings;
    let tokenizer = TextTokenizer::read(&checkpoint.path)?;
    if tokenizer.vocab_size() > config.vocab_size {
        let (tokens, rows) = (tokenizer.vocab_size(), config.vocab_size);
        return Err(Error::Vocabulary { folder: checkpoint.path.clone(), tokens, rows });
    }
    let prompts = Prompts::read(&checkpoint.path, &recipe.prompt)?;
    let sampled = ("sample.max_new_tokens", recipe.sample.max_new_tokens);
    let measured = ("eval.max_new_tokens", recipe.eval.max_new_tokens);
    let of_train = prompts.check_room(&tokenizer, &train, sampled, limit)?;
    let of_heldout = prompts.check_room(&tokenizer, &heldout, measured, limit)?;
    let prompt_tokens = (of_train.0.min(of_heldout.0), of_train.1.max(of_heldout.1));
    Ok(Opened { plugins, train, heldout, tokenizer, checkpoint, weights, prompts, prompt_tokens, device })
}
