//! From a recipe to a run: opens plugins, problems, tokenizer and the run's folder, and checks what can be checked before
//! hours are spent.
//!
//! [`check`] does all of it but the folder; [`Run::open`] does that too. Weights are loaded by the stages that need them,
//! through [`Run::base_model`] and [`Run::trained_model`]: grading should not wait for a checkpoint.

mod checkpoint;
mod problems;
mod prompts;
mod references;
pub(crate) mod servers;
mod unpacked;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device};
use ts_embedded::problem::Task;
use ts_model::adapter::BaseName;
use ts_model::chat::Message;
use ts_model::memory::Available;
use ts_model::shards::Workers;
use ts_model::weights::Weights;
use ts_model::{LanguageModel, ModelConfig, ModelFolder, TextTokenizer};
use ts_plugin::LogSink;
use ts_run::folder::shard_folder;
use ts_run::manifest::{Manifest, PluginOrigin, stopping};
use ts_run::records::ProblemRecord;
use ts_run::seal::{seal_text, unseal_text};
use ts_run::{Artefact, DigestCache, ProblemFile, Record, Records, RunFolder, Seal, Shard, atomic};

pub use self::checkpoint::base_on_hub;
use self::checkpoint::{Checkpoint, OpenFolder, open_checkpoint};
pub(crate) use self::checkpoint::{open_device, open_folder};
use self::problems::{ProblemSource, Surveyed};
use self::prompts::{Prompts, note_on_reasoning_end};
use self::servers::Servers;
use crate::past_run::{PastRun, kept_recipe};
use crate::progress::Progress;
use crate::responses::steps::Steps;
use crate::stage::Stage;
use crate::training::lora::lora_config;
use crate::{Error, identity};
use ts_recipe::{Dtype, Plugins, Recipe, SamplerKind, SamplerSection, open_plugins, user_cache};

/// Everything that the stages share.
pub struct Run<'a> {
    /// What to do.
    pub recipe: Recipe,
    /// Where to do it.
    pub folder: RunFolder,
    /// The four roles.
    pub plugins: Plugins,
    /// Problems to train on; of a shard, its share.
    pub train: ProblemFile,
    /// Problems to measure on; of a shard, its share.
    pub heldout: ProblemFile,
    /// The model's tokenizer.
    pub tokenizer: TextTokenizer,
    /// Listens.
    pub progress: &'a dyn Progress,
    /// The checkpoint's folder; temporary for the embedded one.
    checkpoint: Checkpoint,
    prompts: Prompts,
    servers: Servers,
    device: Device,
    workers: Workers,
    accelerator: Option<Workers>,
    /// Tokens of the longest prompt.
    longest_prompt: usize,
    /// Bytes of private memory that the process had before a model was loaded.
    memory_before: u64,
    digests: Option<DigestCache>,
    /// Of a shard, the run that it is a share of, if that has begun.
    whole: Option<PastRun>,
    /// Stages whose artefacts were checked since the run was opened.
    verified: Mutex<BTreeSet<Stage>>,
    tokens_read: Arc<AtomicU64>,
}

/// The folder of a run, or of a shard of it.
fn shard_folder_of(folder: &Path, shard: Option<Shard>) -> Result<PathBuf, Error> {
    Ok(shard.map_or(Ok(folder.to_owned()), |shard| shard_folder(folder, shard))?)
}

/// What a recipe opens, short of the run's folder.
struct Opened {
    plugins: Plugins,
    /// Whether anybody hears what plugins log: not while they are only tried.
    is_heard: Arc<AtomicBool>,
    train: (ProblemSource, Surveyed),
    heldout: (ProblemSource, Surveyed),
    tokenizer: TextTokenizer,
    checkpoint: Checkpoint,
    /// Headers that fit the configuration.
    weights: Weights,
    prompts: Prompts,
    /// Tokens of the shortest and of the longest prompt.
    prompt_tokens: (usize, usize),
    device: Device,
}

impl Opened {
    /// What stops nothing and may be a mistake, a sentence each.
    ///
    /// # Errors
    /// More problems than may go without a grade have references that the verifier cannot use.
    fn doubts(&self, recipe: &Recipe) -> Result<Vec<String>, Error> {
        let (train, heldout) = (&recipe.problems.train, &recipe.problems.heldout);
        let mut doubts = Vec::new();
        match (Task::named(train), Task::named(heldout)) {
            (None, Some(_)) => doubts.push(format!(
                "trains on {train} and measures on the embedded problems; --heldout-problems names others"
            )),
            (Some(_), None) => doubts.push(format!(
                "trains on the embedded problems and measures on {heldout}; --train-problems names others"
            )),
            (None, None) if Task::named(&recipe.model.source).is_some() => {
                doubts.push(
                    "the embedded model knows the embedded problems alone; --model names another".to_owned(),
                );
            }
            _ => {}
        }
        let (workers, allowed) = (recipe.run.n_workers(), recipe.plugins.max_failed_share);
        self.is_heard.store(false, Ordering::Relaxed);
        for (set, (source, _)) in [("training", &self.train), ("held-out", &self.heldout)] {
            let problems = source.problems()?.map(|next| Ok(next?));
            doubts.extend(references::check(&self.plugins.verifier, set, problems, workers, allowed)?);
        }
        self.is_heard.store(true, Ordering::Relaxed);
        Ok(doubts)
    }
}

/// Opens everything that the recipe names, reads the weights through, and says what it found, a line each. Runs nothing and
/// writes nothing.
///
/// # Errors
/// The first thing that would stop a run.
pub fn check(recipe: &Recipe) -> Result<Vec<String>, Error> {
    let mut opened = open(recipe, None)?;
    opened.weights.check_values(dtype_of(recipe.model.dtype))?;
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
            opened.train.1.origin.n, opened.heldout.1.origin.n
        ),
    ];
    if let Some(adapter) = opened.checkpoint.open.folder.adapter() {
        lines.push(format!("with the adapter {}", adapter.display()));
    }
    if let Some(lora) = &recipe.train.lora {
        let n = lora_config(lora).n_values(&opened.checkpoint.open.folder.config()?);
        lines.push(format!("trains {n} numbers of adapters of rank {}, and no weight", lora.rank));
    }
    if let Some(problem) = &opened.train.1.first {
        let (shortest, longest) = opened.prompt_tokens;
        let first = opened.prompts.text(problem)?;
        lines.push(format!("prompts of {shortest} to {longest} tokens; the first is {first:?}"));
    }
    let SamplerSection { kind, urls, serve_command, .. } = &recipe.sampler;
    if *kind == SamplerKind::Openai {
        let who = if urls.is_empty() { format!("`{serve_command}`") } else { urls.join(", ") };
        lines.push(format!("responses from {who}, which was not asked"));
    }
    lines.extend(note_on_reasoning_end(&opened.tokenizer, &recipe.prompt.reasoning_end));
    lines.extend(opened.doubts(recipe)?.into_iter().map(|doubt| format!("warning: {doubt}")));
    for plugin in &opened.plugins.origins {
        let PluginOrigin { role, name, version, sha256, origin } = plugin;
        lines.push(format!("{role}: {name} {version} from {origin}, sha256 {sha256}"));
    }
    Ok(lines)
}

impl<'a> Run<'a> {
    /// Opens a run: everything that the recipe names, and the folder, new or to go on with. A shard has a folder of its own in
    /// the run's.
    ///
    /// `created` is the time now, RFC 3339, for a new run's manifest. `log` listens to what plugins log.
    ///
    /// # Errors
    /// Whatever cannot be opened; a folder that belongs to another recipe, model, plugin or problem set.
    pub fn open(
        recipe: Recipe,
        folder: &Path,
        shard: Option<Shard>,
        created: String,
        progress: &'a dyn Progress,
        log: Option<LogSink>,
    ) -> Result<Self, Error> {
        let opened = open(&recipe, log)?;
        let is_new = !Artefact::Manifest.path_in(&shard_folder_of(folder, shard)?).exists();
        let doubts = if is_new { opened.doubts(&recipe)? } else { vec![] };
        let Opened { plugins, train, heldout, tokenizer, checkpoint, prompts, prompt_tokens, device, .. } =
            opened;
        let manifest = Manifest {
            format: ts_run::manifest::FORMAT,
            created,
            ts_host_version: env!("CARGO_PKG_VERSION").to_owned(),
            run_seed: recipe.run.seed,
            device: recipe.model.device.clone(),
            workers: recipe.run.n_workers() as u32,
            recipe_sha256: identity::recipe_sha256(&recipe)?,
            model: checkpoint.origin.clone(),
            plugins: plugins.origins.clone(),
            problems: vec![train.1.origin, heldout.1.origin],
            stages: BTreeMap::new(),
            adopted: None,
            shard,
            check: String::new(),
        };
        let whole = match shard {
            Some(_) if Artefact::Manifest.path_in(folder).exists() => Some(PastRun::open(folder)?),
            _ => None,
        };
        if let (Some(whole), Some(shard)) = (&whole, shard) {
            // The shard belongs to the run that is there.
            let of_whole = Manifest { shard: Some(shard), ..whole.manifest.clone() };
            let differences = stopping(&of_whole, &manifest);
            if !differences.is_empty() {
                let differences = identity::with_values(differences, &whole.recipe, &recipe);
                return Err(ts_run::Error::NotResumable { path: folder.to_owned(), differences }.into());
            }
        }
        let folder = shard_folder_of(folder, shard)?;
        let told = |error| match (error, kept_recipe(&folder)) {
            (ts_run::Error::NotResumable { path, differences }, Ok(kept)) => {
                let differences = identity::with_values(differences, &kept, &recipe);
                ts_run::Error::NotResumable { path, differences }
            }
            (error, _) => error,
        };
        let mut folder = RunFolder::create_or_resume(&folder, &manifest).map_err(told)?;
        doubts.iter().for_each(|doubt| progress.warn(doubt));
        let of_whole = whole.as_ref().map(|whole| &whole.manifest.adopted);
        if let Some(adopted) = of_whole.filter(|adopted| **adopted != folder.manifest().adopted) {
            // What was measured of another model is none of this one's.
            folder.undo(Stage::EvalResult.name(), Artefact::EvalResult)?;
            folder.follow_adoption(adopted.clone())?;
        }
        for difference in folder.notes() {
            let rounding = if difference.field == "device" { ": results may differ in rounding" } else { "" };
            progress.warn(&format!("{difference}{rounding}"));
        }
        keep_recipe(&folder, &recipe)?;
        let keep = |set: Artefact, source: ProblemSource| {
            let shared = source.problems()?.enumerate();
            let shared = shared.filter(|(place, _)| shard.is_none_or(|shard| shard.has(*place)));
            keep_problems(&folder, set, shared.map(|(_, problem)| problem))
        };
        let train = keep(Artefact::ProblemsTrain, train.0)?;
        let heldout = keep(Artefact::ProblemsHeldout, heldout.0)?;
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
            servers: Servers::default(),
            device,
            workers,
            accelerator,
            longest_prompt: prompt_tokens.1,
            memory_before: Available::taken().unwrap_or(0),
            digests: digest_cache(),
            whole,
            verified: Mutex::default(),
            tokens_read: Arc::default(),
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

    /// Whether the model is computed on the CPU.
    pub(crate) fn is_on_cpu(&self) -> bool {
        self.device.is_cpu()
    }

    /// Where the model is computed.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Tokens of the longest prompt.
    pub(crate) fn longest_prompt(&self) -> usize {
        self.longest_prompt
    }

    /// Bytes of private memory that the process had before a model was loaded.
    pub(crate) fn memory_before(&self) -> u64 {
        self.memory_before
    }

    /// Loads the model that the run starts from, to sample and to score.
    pub(crate) fn base_model(&self) -> Result<LanguageModel, Error> {
        self.load_from(&self.checkpoint.open.folder)
    }

    /// Loads the model that the run starts from, or a checkpoint of the training in progress, to train all of it.
    pub(crate) fn model_to_train(&self, checkpoint: Option<&Path>) -> Result<LanguageModel, Error> {
        let start = &self.checkpoint.open.folder;
        let folder = match checkpoint {
            None => start.clone(),
            Some(folder) => ModelFolder::open_over(folder, start.base())?,
        };
        Ok(LanguageModel::load_to_train(&folder, dtype_of(self.recipe.model.dtype), &self.device)?)
    }

    /// Loads the model that the run starts from, to train adapters beside it.
    pub(crate) fn model_to_adapt(&self) -> Result<LanguageModel, Error> {
        let dtype = dtype_of(self.recipe.model.dtype);
        Ok(LanguageModel::load_to_adapt(&self.checkpoint.open.folder, dtype, &self.device)?)
    }

    /// Loads the model that the run trained.
    pub(crate) fn trained_model(&self) -> Result<LanguageModel, Error> {
        // An adapter is merged into the weights of the run's base.
        self.load_from(&ModelFolder::open_over(&self.trained_folder(), self.checkpoint.open.folder.base())?)
    }

    /// The folder of the model that the run trained.
    pub(crate) fn trained_folder(&self) -> PathBuf {
        let folder = match &self.whole {
            Some(whole) if !self.folder.is_done(Stage::Train.name()) => &whole.folder,
            _ => self.folder.path(),
        };
        Artefact::Model.path_in(folder)
    }

    /// The servers that sample for it.
    pub(crate) fn servers(&self) -> &Servers {
        &self.servers
    }

    fn load_from(&self, folder: &ModelFolder) -> Result<LanguageModel, Error> {
        let model = LanguageModel::load_from(folder, dtype_of(self.recipe.model.dtype), &self.device)?;
        Ok(model.with_n_tokens(self.tokenizer.vocab_size()).counting(Arc::clone(&self.tokens_read)))
    }

    /// How many tokens the models that it samples from and scores with have read since the run was opened: what a stage costs, apart
    /// from the machine.
    pub fn tokens_read(&self) -> u64 {
        self.tokens_read.load(Ordering::Relaxed)
    }

    /// The number format in which the trained model is written: that of the checkpoint that the run starts from, as it is stored.
    pub(crate) fn written_dtype(&self) -> Result<DType, Error> {
        written_dtype(&self.checkpoint.open)
    }

    /// The folder of the checkpoint that the run starts from.
    pub(crate) fn checkpoint_folder(&self) -> &ModelFolder {
        &self.checkpoint.open.folder
    }

    /// What an adapter that the run trains names as its base.
    pub(crate) fn name_of_base(&self) -> Result<BaseName, Error> {
        self.checkpoint.name_of_base()
    }

    /// The tokens that the model sees of a problem, the chat template around it.
    pub(crate) fn prompt_tokens(&self, problem: &ProblemRecord) -> Result<Vec<u32>, Error> {
        self.prompts.tokens(&self.tokenizer, problem)
    }

    /// The text of which these are the tokens.
    pub(crate) fn prompt_text(&self, problem: &ProblemRecord) -> Result<String, Error> {
        self.prompts.text(problem)
    }

    /// The tokens that end a response, the one that the tokenizer names first.
    pub(crate) fn end_of_text(&self) -> Result<Vec<u32>, Error> {
        let mut ids = self.checkpoint.open.folder.config()?.eos_token_ids;
        let named = self.prompts.end_of_text().and_then(|token| self.tokenizer.token_id(token));
        ids.sort_by_key(|id| Some(*id) != named);
        Ok(ids)
    }

    /// What the chat template makes it of.
    pub(crate) fn prompt_messages(&self, problem: &ProblemRecord) -> Vec<Message> {
        self.prompts.messages(problem)
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

    /// Checks that a stage is done, and that what it left is there as it left it; once, and before anything of it is used. A
    /// shard may take it from the whole run.
    pub(crate) fn require(&self, stage: Stage) -> Result<(), Error> {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.contains(&stage) {
            return Ok(());
        }
        match &self.whole {
            _ if self.folder.is_done(stage.name()) => {
                self.folder.verify(stage.name(), self.seal(stage), self.digests())?;
            }
            Some(whole) => whole.verify(stage, self.digests())?,
            None => return Err(self.missing(stage)),
        }
        verified.insert(stage);
        Ok(())
    }

    /// The records that a finished stage left. A shard without that stage reads its share of the whole run's.
    pub(crate) fn records<R: Record>(&self, stage: Stage) -> Result<Records<R>, Error> {
        self.require(stage)?;
        match &self.whole {
            Some(whole) if !self.folder.is_done(stage.name()) => {
                let problems = if stage.is_heldout() { &self.heldout } else { &self.train };
                let ids = problems.problems()?.map(|problem| Ok(problem?.id));
                let problems = ids.collect::<ts_run::Result<HashSet<String>>>()?;
                Ok(whole.records(stage)?.of_problems(Arc::new(problems)))
            }
            _ => Ok(self.folder.records(stage.name(), self.seal(stage))?),
        }
    }

    /// The records that a finished stage left of all problems: of a shard those of the whole run, which must have it.
    ///
    /// # Errors
    /// [`Error::Shards`] for a shard whose run does not have it yet.
    pub(crate) fn records_of_all<R: Record>(&self, stage: Stage) -> Result<Records<R>, Error> {
        if self.folder.manifest().shard.is_none() {
            return self.records(stage);
        }
        match self.whole.as_ref().filter(|whole| whole.is_done(stage)) {
            Some(whole) => {
                whole.verify(stage, self.digests())?;
                whole.records(stage)
            }
            None => Err(Error::Shards {
                stage,
                fault: "all problems decide, and the whole run does not have it yet".into(),
            }),
        }
    }

    /// Whether a shard's stage waits until other shards' work is in the whole run: the last evaluation for the training; with adaptive
    /// thresholds, stage 2 and what comes after it for the calibration of all problems.
    pub fn waits_for_others(&self, stage: Stage) -> bool {
        let Some(needed) = (match stage {
            Stage::EvalResult => Some(Stage::Train),
            Stage::Refine | Stage::Pair | Stage::Reference if self.recipe.refine.adaptive.is_some() => {
                Some(Stage::Calibrate)
            }
            _ => None,
        }) else {
            return false;
        };
        let of_whole = self.whole.as_ref().is_some_and(|whole| whole.is_done(needed));
        self.folder.manifest().shard.is_some() && !of_whole && !self.folder.is_done(stage.name())
    }

    /// Whether a stage is done, of a shard also where the whole run has it.
    pub fn has(&self, stage: Stage) -> bool {
        self.folder.is_done(stage.name()) || self.whole.as_ref().is_some_and(|whole| whole.is_done(stage))
    }

    /// How many records a finished stage left, at most.
    pub(crate) fn n_records(&self, stage: Stage) -> Result<u64, Error> {
        let own = self.folder.state(stage.name()).filter(|state| state.done);
        let of_whole = || self.whole.as_ref()?.manifest.stages.get(stage.name()).filter(|state| state.done);
        let state = own.or_else(of_whole).ok_or_else(|| self.missing(stage))?;
        Ok(state.records)
    }

    fn missing(&self, stage: Stage) -> Error {
        Error::MissingStage { stage, folder: self.folder.path().to_owned() }
    }

    /// What a stage's records are sealed with.
    pub fn seal(&self, stage: Stage) -> Seal {
        identity::seal(stage, &self.recipe, self.folder.manifest())
    }

    /// Digests of files that did not change.
    pub(crate) fn digests(&self) -> Option<&DigestCache> {
        self.digests.as_ref()
    }
}

/// Writes one of a run's two problem sets into its folder, or checks that the one that is there is the same.
pub(crate) fn keep_problems(
    folder: &RunFolder,
    set: Artefact,
    problems: impl Iterator<Item = ts_run::Result<ProblemRecord>>,
) -> Result<ProblemFile, Error> {
    let kept = ProblemFile::keep(&folder.path_of(set), problems)?;
    if folder.manifest().problems_sha256(set).is_some_and(|sha256| sha256 != kept.sha256()) {
        let message = "not the problems that the run was made from".to_owned();
        return Err(Error::Inconsistent { file: set.file_name(), message });
    }
    Ok(kept)
}

/// Writes the recipe into a run's folder; values that change no result may be others than before.
pub(crate) fn keep_recipe(folder: &RunFolder, recipe: &Recipe) -> Result<(), Error> {
    let path = folder.path_of(Artefact::Recipe);
    let text = seal_text(&recipe.to_toml()?);
    match std::fs::read_to_string(&path) {
        Ok(found) if found == text => Ok(()),
        Ok(found) if unseal_text(&found).is_none() => Err(ts_run::Error::Altered { path }.into()),
        _ => Ok(atomic::write_file(&path, text.as_bytes())?),
    }
}

/// The user's digests of files that did not change.
fn digest_cache() -> Option<DigestCache> {
    Some(DigestCache::in_folder(user_cache()?.join("digests")))
}

/// A recipe's number format, as candle calls it.
pub(crate) fn dtype_of(dtype: Dtype) -> DType {
    match dtype {
        Dtype::F32 => DType::F32,
        Dtype::Bf16 => DType::BF16,
        Dtype::F16 => DType::F16,
    }
}

/// The number format in which a model that was made from this one is written: that of its weights as they are stored. The embedded
/// one is an f32 model, packed in half of its bytes.
pub(crate) fn written_dtype(open: &OpenFolder) -> Result<DType, Error> {
    if open.embedded.is_some() {
        return Ok(DType::F32);
    }
    let folder = &open.folder;
    Ok(Weights::open(folder.base(), &folder.config()?)?.stored_dtype())
}

/// Checks that a checkpoint's configuration and its tokenizer belong together, and that a token ends its texts.
pub(crate) fn check_vocabulary(
    folder: &Path,
    config: &ModelConfig,
    tokenizer: &TextTokenizer,
) -> Result<(), Error> {
    let (tokens, rows) = (tokenizer.vocab_size(), config.vocab_size);
    if tokens > rows {
        return Err(Error::Vocabulary { folder: folder.to_owned(), tokens, rows });
    }
    if !config.eos_token_ids.iter().any(|&id| (id as usize) < tokens) {
        return Err(Error::NoEndOfText { folder: folder.to_owned() });
    }
    Ok(())
}

/// The tokenizer of a recipe's model, and nothing else of it.
pub(crate) fn tokenizer_of(recipe: &Recipe) -> Result<TextTokenizer, Error> {
    Ok(TextTokenizer::read(
        open_checkpoint(&recipe.model.source, digest_cache().as_ref())?.open.folder.texts(),
    )?)
}

/// Tokens of the longest prompt of a recipe's problems, as a checkpoint's template and tokenizer make them.
pub(crate) fn longest_prompt(
    folder: &Path,
    recipe: &Recipe,
    tokenizer: &TextTokenizer,
) -> Result<usize, Error> {
    let prompts = Prompts::read(folder, &recipe.prompt)?;
    let (train, heldout) = ProblemSource::both(&recipe.problems);
    let mut longest = 0;
    for problem in train.problems()?.chain(heldout.problems()?) {
        longest = longest.max(prompts.tokens(tokenizer, &problem?)?.len());
    }
    Ok(longest)
}

/// Checks that no tuning problem of a recipe's rounds is a held-out one: those are reported of, and must decide nothing.
pub(crate) fn forbid_shared_problems(recipe: &Recipe) -> Result<(), Error> {
    let rounds = &recipe.rounds;
    let (_, heldout) = ProblemSource::both(&recipe.problems);
    let tuning = ProblemSource::new(&rounds.tuning, Task::tuning_problems, rounds.max_tuning);
    tuning.forbid_shared(&heldout, |tuning, heldout| Error::Rounds {
        reason: format!(
            "tuning problem `{tuning}` is also held-out problem `{heldout}`: their prompts are equal"
        ),
    })
}

/// A log that hears messages as long as a switch is on.
fn while_set(switch: &Arc<AtomicBool>, log: LogSink) -> LogSink {
    let switch = Arc::clone(switch);
    Arc::new(move |plugin, logged| {
        if switch.load(Ordering::Relaxed) {
            log(plugin, logged);
        }
    })
}

fn open(recipe: &Recipe, log: Option<LogSink>) -> Result<Opened, Error> {
    let device = open_device(&recipe.model.device)?;
    let is_heard = Arc::new(AtomicBool::new(true));
    let plugins = open_plugins(recipe, log.map(|log| while_set(&is_heard, log)))?;
    // Before a large checkpoint is read through.
    let (train, heldout) = ProblemSource::both(&recipe.problems);
    let of_train = train.survey("train", |_| Ok(()))?;
    let of_heldout = heldout.survey("heldout", |problem| of_train.forbid_leak(&train, problem))?;
    let (train, heldout) = ((train, of_train), (heldout, of_heldout));
    let checkpoint = open_checkpoint(&recipe.model.source, digest_cache().as_ref())?;
    let folder = &checkpoint.open.folder;
    let config = folder.config()?;
    let weights = folder.weights(&config)?;
    let limit = config.max_positions();
    let tokenizer = TextTokenizer::read(folder.texts())?;
    check_vocabulary(folder.base(), &config, &tokenizer)?;
    let prompts = Prompts::read(folder.texts(), &recipe.prompt)?;
    let (mut shortest, mut longest) = (usize::MAX, 0);
    let sampled = ("sample.max_new_tokens", recipe.sample.max_new_tokens);
    let measured = ("eval.max_new_tokens", recipe.eval.max_new_tokens);
    for ((set, _), max_new_tokens) in [(&train, sampled), (&heldout, measured)] {
        for problem in set.problems()? {
            let prompt_tokens = prompts.check_room(&tokenizer, &problem?, max_new_tokens, limit)?;
            (shortest, longest) = (shortest.min(prompt_tokens), longest.max(prompt_tokens));
        }
    }
    let prompt_tokens = (shortest, longest);
    Ok(Opened {
        plugins,
        is_heard,
        train,
        heldout,
        tokenizer,
        checkpoint,
        weights,
        prompts,
        prompt_tokens,
        device,
    })
}
