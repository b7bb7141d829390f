//! From a recipe to a run: opens plugins, problems, tokenizer and the run's folder, and checks what can be checked before
//! hours are spent.
//!
//! [`check`] does all of it but the folder; [`Run::open`] does that too. Weights are loaded by the stages that need them,
//! through [`Run::base_model`] and [`Run::trained_model`]: grading should not wait for a checkpoint.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use ts_model::chat::{ChatTemplate, Message};
use ts_model::shards::Workers;
use ts_model::{LanguageModel, ModelConfig, TextTokenizer};
use ts_plugin::{
    HostOptions, Isolation, LengthFunction, Limits, Plugin, PluginHost, PluginSource, SelectionPolicy,
    StepSplitter, Verifier,
};
use ts_run::digest::{sha256_bytes, sha256_path};
use ts_run::manifest::{Manifest, ModelOrigin, PluginOrigin, ProblemSetOrigin};
use ts_run::problems::{parse_problems, read_problems};
use ts_run::records::ProblemRecord;
use ts_run::{Artefact, RunFolder, atomic, read_journal};

use crate::Error;
use crate::progress::Progress;
use crate::recipe::{Dtype, EMBEDDED, PluginSection, Recipe};
use crate::stages::Stage;
use crate::steps::Steps;

/// The four roles, ready to call, and where they came from.
pub struct Plugins {
    /// Grades.
    pub verifier: Verifier,
    /// Splits reasoning into steps.
    pub step_splitter: StepSplitter,
    /// Chooses positives and pairs.
    pub selection_policy: SelectionPolicy,
    /// Measures length.
    pub length_function: LengthFunction,
    /// What the manifest says of them, in the recipe's order.
    pub origins: Vec<PluginOrigin>,
}

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
    chat: ChatTemplate,
    device: Device,
    workers: Workers,
    accelerator: Option<Workers>,
}

/// A folder with a checkpoint, deleted with this value if it was unpacked from the binary.
struct Checkpoint {
    path: PathBuf,
    origin: ModelOrigin,
    _unpacked: Option<tempfile::TempDir>,
}

/// What a recipe opens, short of the run's folder.
struct Opened {
    plugins: Plugins,
    train: Vec<ProblemRecord>,
    heldout: Vec<ProblemRecord>,
    tokenizer: TextTokenizer,
    checkpoint: Checkpoint,
    chat: ChatTemplate,
    device: Device,
}

/// Opens everything that the recipe names, and says what it found, a line each. Runs nothing and writes nothing.
///
/// # Errors
/// The first thing that would stop a run.
pub fn check(recipe: &Recipe) -> Result<Vec<String>, Error> {
    let opened = open(recipe, None)?;
    let mut lines = vec![
        format!("recipe `{}`, seed {}", recipe.run.name, recipe.run.seed),
        format!(
            "model {} on {}, sha256 {}",
            opened.checkpoint.origin.source, recipe.model.device, opened.checkpoint.origin.sha256
        ),
        format!(
            "{} training problems, {} held-out problems, no prompt in both",
            opened.train.len(),
            opened.heldout.len()
        ),
    ];
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
        log: Option<ts_plugin::LogSink>,
    ) -> Result<Self, Error> {
        let Opened { plugins, train, heldout, tokenizer, checkpoint, chat, device } = open(&recipe, log)?;
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
            chat,
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
        let dtype = match self.recipe.model.dtype {
            Dtype::F32 => DType::F32,
            Dtype::Bf16 => DType::BF16,
            Dtype::F16 => DType::F16,
        };
        Ok(LanguageModel::load(folder, dtype, &self.device)?)
    }

    /// The folder of the checkpoint that the run starts from.
    pub(crate) fn checkpoint_folder(&self) -> &Path {
        &self.checkpoint.path
    }

    /// The tokens that the model sees of a problem, the chat template around it.
    pub(crate) fn prompt_tokens(&self, problem: &ProblemRecord) -> Result<Vec<u32>, Error> {
        let prompt = &self.recipe.prompt;
        let mut messages = Vec::new();
        if !prompt.system.is_empty() {
            messages.push(Message::system(prompt.system.clone()));
        }
        let instruction =
            if prompt.instruction.is_empty() { String::new() } else { format!("\n{}", prompt.instruction) };
        messages.push(Message::user(format!("{}{instruction}", problem.prompt)));
        Ok(self.tokenizer.encode(&self.chat.render(&messages, true)?)?)
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

fn open(recipe: &Recipe, log: Option<ts_plugin::LogSink>) -> Result<Opened, Error> {
    let device = open_device(&recipe.model.device)?;
    let plugins = open_plugins(recipe, log)?;
    let train =
        open_problems(&recipe.problems.train, ts_embedded::train_problems, recipe.problems.max_train)?;
    let heldout =
        open_problems(&recipe.problems.heldout, ts_embedded::heldout_problems, recipe.problems.max_heldout)?;
    forbid_leaks(&train, &heldout)?;
    let checkpoint = open_checkpoint(&recipe.model.source)?;
    ModelConfig::read(&checkpoint.path)?;
    let tokenizer = TextTokenizer::read(&checkpoint.path)?;
    let chat = ChatTemplate::read(&checkpoint.path)?;
    Ok(Opened { plugins, train, heldout, tokenizer, checkpoint, chat, device })
}

fn open_device(name: &str) -> Result<Device, Error> {
    let Some(ordinal) = name.strip_prefix("cuda:") else { return Ok(Device::Cpu) };
    let error = |message: String| Error::Device { device: name.to_owned(), message };
    let ordinal = ordinal.parse().map_err(|e: std::num::ParseIntError| error(e.to_string()))?;
    Device::new_cuda(ordinal).map_err(|e| error(e.to_string()))
}

fn open_plugins(recipe: &Recipe, log: Option<ts_plugin::LogSink>) -> Result<Plugins, Error> {
    let section = &recipe.plugins;
    let host = plugin_host(recipe, log)?;
    let mut origins = Vec::new();
    let verifier = open_role(&host, &section.verifier, "verifier", &mut origins, Plugin::verifier)?;
    let step_splitter =
        open_role(&host, &section.step_splitter, "step_splitter", &mut origins, Plugin::step_splitter)?;
    let selection_policy = open_role(
        &host,
        &section.selection_policy,
        "selection_policy",
        &mut origins,
        Plugin::selection_policy,
    )?;
    let length_function =
        open_role(&host, &section.length_function, "length_function", &mut origins, Plugin::length_function)?;
    Ok(Plugins { verifier, step_splitter, selection_policy, length_function, origins })
}

/// A plugin's own settings.
type Settings = serde_json::Map<String, serde_json::Value>;

/// Loads the plugin of one role, checks its pin, and configures it.
fn open_role<R>(
    host: &PluginHost,
    section: &PluginSection,
    role: &str,
    origins: &mut Vec<PluginOrigin>,
    open: impl FnOnce(&Plugin, &Settings) -> Result<R, ts_plugin::LoadError>,
) -> Result<R, Error> {
    let key = format!("plugins.{role}");
    let failed = |source| Error::Plugin { key: key.clone(), source };
    let plugin = load_plugin(host, &section.source).map_err(failed)?;
    let identity = plugin.identity();
    if !section.sha256.is_empty() && !section.sha256.eq_ignore_ascii_case(&identity.sha256) {
        return Err(Error::PluginHash {
            key,
            source_name: section.source.clone(),
            found: identity.sha256.clone(),
            pinned: section.sha256.clone(),
        });
    }
    origins.push(PluginOrigin {
        role: role.to_owned(),
        name: identity.name.clone(),
        version: identity.version.clone(),
        sha256: identity.sha256.clone(),
        origin: identity.origin.clone(),
    });
    let settings = section.settings.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    open(&plugin, &settings).map_err(failed)
}

/// The engine that a recipe's plugins run in.
///
/// # Errors
/// The engine or its cache cannot be set up.
fn plugin_host(recipe: &Recipe, log: Option<ts_plugin::LogSink>) -> Result<PluginHost, Error> {
    let limits = &recipe.plugins.limits;
    let options = HostOptions {
        cache_dir: compiled_code_folder(),
        limits: Limits {
            fuel_per_call: limits.fuel,
            wall_ms_per_call: limits.wall_ms,
            memory_bytes: (limits.memory_mib as usize) << 20,
            ..Limits::default()
        },
        isolation: Isolation::PerCall,
        log,
        max_parallel: recipe.run.n_workers(),
    };
    PluginHost::new(options).map_err(Error::PluginHost)
}

/// Where compiled plugins are kept between runs: the user's cache folder, if there is one.
pub fn compiled_code_folder() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
    Some(cache.join("ts-host").join("compiled"))
}

/// Loads an embedded plugin by its name, or a component file.
///
/// # Errors
/// Those of [`PluginHost::load`].
pub fn load_plugin(host: &PluginHost, source: &str) -> Result<Plugin, ts_plugin::LoadError> {
    let embedded = ts_embedded::PLUGINS.iter().find(|(name, _)| *name == source);
    host.load(match embedded {
        Some((name, bytes)) => PluginSource::Embedded { name: (*name).to_owned(), bytes: (*bytes).into() },
        None => PluginSource::File(PathBuf::from(source)),
    })
}

fn open_problems(source: &str, embedded: fn() -> String, max: usize) -> Result<Vec<ProblemRecord>, Error> {
    let mut problems = match source {
        EMBEDDED => parse_problems(EMBEDDED, embedded().as_bytes())?,
        path => read_problems(Path::new(path))?,
    };
    if max > 0 {
        problems.truncate(max);
    }
    Ok(problems)
}

/// Refuses a held-out problem that is trained on.
fn forbid_leaks(train: &[ProblemRecord], heldout: &[ProblemRecord]) -> Result<(), Error> {
    let trained: HashMap<&str, &str> = train.iter().map(|p| (p.prompt.trim(), p.id.as_str())).collect();
    for problem in heldout {
        if let Some(id) = trained.get(problem.prompt.trim()) {
            return Err(Error::Leak { heldout: problem.id.clone(), train: (*id).to_owned() });
        }
    }
    Ok(())
}

/// Problems as the run's folder holds them.
fn problem_lines(problems: &[ProblemRecord]) -> Vec<u8> {
    let mut lines = Vec::new();
    for problem in problems {
        // A record of strings, numbers and JSON values always has a JSON form.
        if serde_json::to_writer(&mut lines, problem).is_ok() {
            lines.push(b'\n');
        }
    }
    lines
}

fn open_checkpoint(source: &str) -> Result<Checkpoint, Error> {
    if source != EMBEDDED {
        let path = PathBuf::from(source);
        let sha256 = sha256_path(&path)?;
        return Ok(Checkpoint {
            path,
            origin: ModelOrigin { source: source.to_owned(), sha256 },
            _unpacked: None,
        });
    }
    let unpacked =
        tempfile::tempdir().map_err(|source| Error::File { path: std::env::temp_dir(), source })?;
    for (name, bytes) in ts_embedded::CHECKPOINT {
        let path = unpacked.path().join(name);
        std::fs::write(&path, bytes).map_err(|source| Error::File { path, source })?;
    }
    let path = unpacked.path().to_owned();
    let sha256 = sha256_path(&path)?;
    Ok(Checkpoint {
        path,
        origin: ModelOrigin { source: source.to_owned(), sha256 },
        _unpacked: Some(unpacked),
    })
}

/// Loads one plugin outside of any run, to look at it or to test it. `limits` are the default recipe's.
///
/// # Errors
/// [`Error::Plugin`], under the name that was given.
pub fn open_plugin(recipe: &Recipe, source: &str) -> Result<Plugin, Error> {
    let host = plugin_host(recipe, None)?;
    load_plugin(&host, source).map_err(|error| Error::Plugin { key: source.to_owned(), source: error })
}
