//! Why a run stopped. Each variant says what and where; [`Error::hint`] says what to do.

use std::path::PathBuf;

use ts_embedded::problem::Task;
use ts_recipe::{OpenError, RecipeError, hint_of_call};
use ts_run::manifest::Difference;

use crate::responses::ungraded::Ungraded;
use crate::stage::Stage;

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The recipe is wrong.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A plugin cannot be used.
    #[error(transparent)]
    Plugin(#[from] OpenError),
    /// A call of a plugin failed where nothing can go on without it.
    #[error(transparent)]
    Call(#[from] ts_plugin::CallError),
    /// Too many responses could not be graded.
    #[error(
        "no grade for {} of {total} responses, more than the share {allowed}: {ungraded}; the first: {first}",
        ungraded.total()
    )]
    TooManyUngraded {
        /// Responses without a grade.
        ungraded: Ungraded,
        /// Responses so far.
        total: usize,
        /// The share that is allowed.
        allowed: f64,
        /// What the grader said of the first.
        first: String,
    },
    /// The run's folder.
    #[error(transparent)]
    Run(#[from] ts_run::Error),
    /// Samples of another program.
    #[error(transparent)]
    Imported(#[from] crate::imported::ImportFault),
    /// Their files.
    #[error(transparent)]
    Import(#[from] ts_import::Error),
    /// What a recipe names of the hub.
    #[error(transparent)]
    Hub(#[from] ts_hub::Error),
    /// The model.
    #[error(transparent)]
    Model(#[from] ts_model::ModelError),
    /// A line of a tool's input.
    #[error(transparent)]
    Input(#[from] crate::model::Fault),
    /// The servers that sample.
    #[error(transparent)]
    Servers(#[from] ts_servers::Error),
    /// A server that the run starts.
    #[error(transparent)]
    Server(#[from] ts_servers::process::StartError),
    /// The servers' key.
    #[error("no key for the servers: {reason}")]
    NoKey {
        /// What there is instead.
        reason: String,
    },
    /// No server has the trained model.
    #[error("the last evaluation needs servers with the trained model, and sampler.trained_urls has none")]
    NoTrainedServer {
        /// The trained model's folder.
        model: PathBuf,
    },
    /// A server's text that the tokenizer cannot give back.
    #[error(
        "problem `{problem}`: the text of a response does not tokenise back, so its tokens are not known"
    )]
    NotTokenised {
        /// The problem's identifier.
        problem: String,
    },
    /// The metrics.
    #[error(transparent)]
    Metrics(#[from] ts_core::Error),
    /// A stage needs another that has not been run to its end.
    #[error("needs `{}`, which is not done in {}", stage.name(), folder.display())]
    MissingStage {
        /// The one that it needs.
        stage: Stage,
        /// The run's folder.
        folder: PathBuf,
    },
    /// A run has no training problem of that name.
    #[error("{} trains on no problem `{problem}`", folder.display())]
    NoSuchProblem {
        /// The identifier that was given.
        problem: String,
        /// The run's folder.
        folder: PathBuf,
    },
    /// Artefacts do not fit together.
    #[error("{file}: {message}")]
    Inconsistent {
        /// Which artefact.
        file: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// A stage takes more memory than there is.
    #[error("needs memory of {needs}, and there is {has}")]
    Memory {
        /// What it takes, and what for.
        needs: String,
        /// What there is, and what says so.
        has: String,
        /// Settings with which it fits.
        what_fits: String,
    },
    /// Nothing to train on.
    #[error("no example to train on: {reason}")]
    NoExamples {
        /// Why there is none.
        reason: String,
    },
    /// A recipe or a model that another trainer cannot be given.
    #[error("{what}: {reason}")]
    Export {
        /// What it is about.
        what: String,
        /// What stands in the way.
        reason: String,
    },
    /// Two models of which no mean can be taken.
    #[error("{} and {} cannot be averaged: {reason}", first.display(), second.display())]
    OtherArchitecture {
        /// The first folder.
        first: PathBuf,
        /// The second.
        second: PathBuf,
        /// Where they differ.
        reason: String,
    },
    /// The run has a trained model, or is about to have one, that another would take the place of.
    #[error("{} {how}", folder.display())]
    Trained {
        /// The run's folder.
        folder: PathBuf,
        /// How far its training is.
        how: String,
    },
    /// A trained model that is none of the run's base.
    #[error("{} is not the run's model, trained: {what} is {found}, and {expected} in the run's", folder.display())]
    OtherModel {
        /// The folder of the trained model.
        folder: PathBuf,
        /// In what it differs.
        what: String,
        /// There.
        found: String,
        /// In the run.
        expected: String,
    },
    /// The loss is not a number any more.
    #[error("step {step}: the loss or its gradient is not finite")]
    Diverged {
        /// Which step.
        step: usize,
    },
    /// A training and a held-out problem are the same.
    #[error("held-out problem `{heldout}` is also training problem `{train}`: their prompts are equal")]
    Leak {
        /// Its identifier among the held-out problems.
        heldout: String,
        /// Its identifier among the training problems.
        train: String,
    },
    /// Nothing is there under a model's name.
    #[error("there is no model `{name}`")]
    NoModel {
        /// As it was named.
        name: String,
    },
    /// A folder without a checkpoint.
    #[error("{} holds no model: there is no config.json", folder.display())]
    NotAModel {
        /// The folder.
        folder: PathBuf,
    },
    /// The verifier cannot use references of problems.
    #[error("the verifier cannot use the references of {n} of {total} {set} problems: {names}")]
    BadReferences {
        /// How many.
        n: usize,
        /// Of how many problems.
        total: usize,
        /// Of which set: `training` or `held-out`.
        set: &'static str,
        /// The first of them, each with its reason.
        names: String,
    },
    /// A folder that should be new or empty.
    #[error("{} is not empty", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder that should be new.
    #[error("{} exists already", path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// Two runs that would share a folder.
    #[error("{what} is a duplicate among the {among}")]
    Twice {
        /// The row's name, the seed, or the strength.
        what: String,
        /// `rows`, `seeds` or `strengths`.
        among: &'static str,
    },
    /// Strengths that no comparison can be made of.
    #[error("the strengths cannot be used: {reason}")]
    Strengths {
        /// Why not.
        reason: String,
    },
    /// Runs of which no comparison can be made.
    #[error("cannot compare: {reason}")]
    Compare {
        /// Why not.
        reason: String,
    },
    /// Rounds that cannot be made.
    #[error("rounds: {reason}")]
    Rounds {
        /// What stands in the way.
        reason: String,
    },
    /// A model cannot be measured on other domains.
    #[error("no transfer: {reason}")]
    Transfer {
        /// What stands in the way.
        reason: String,
    },
    /// A response to a problem could outgrow the model.
    #[error(
        "problem `{problem}` has a prompt of {prompt_tokens} tokens, which with {key} = {max_new_tokens} is more than the \
         model's {limit} positions (max_position_embeddings)"
    )]
    NoRoom {
        /// The problem's identifier.
        problem: String,
        /// Tokens of its prompt.
        prompt_tokens: usize,
        /// The recipe's key for the longest response.
        key: &'static str,
        /// Its value.
        max_new_tokens: usize,
        /// Positions that the model has.
        limit: usize,
    },
    /// The tokenizer has tokens that the model has no embedding of.
    #[error("the tokenizer of {} has ids up to {}, the model's vocab_size is {rows}", folder.display(), tokens - 1)]
    Vocabulary {
        /// The checkpoint's folder.
        folder: PathBuf,
        /// One more than the largest id.
        tokens: usize,
        /// Rows of the embedding.
        rows: usize,
    },
    /// Nothing would end a response.
    #[error("the model {} names no token that ends a response", folder.display())]
    NoEndOfText {
        /// The checkpoint's folder.
        folder: PathBuf,
    },
    /// Shards that do not make a whole.
    #[error("stage `{}`: {fault}", stage.name())]
    Shards {
        /// Of which stage.
        stage: Stage,
        /// Which shard, and what is wrong with it.
        fault: String,
    },
    /// A shard of another run than the first one.
    #[error("{} is a shard of another run than {}: {}", folder.display(), first.display(), unlike(differences))]
    ForeignShard {
        /// Its folder.
        folder: PathBuf,
        /// The folder of the first one.
        first: PathBuf,
        /// What they differ in: the first one's value, and this one's.
        differences: Vec<Difference>,
    },
    /// Nothing to join.
    #[error("no shard in {}", folders.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", "))]
    NoShards {
        /// Where they were looked for.
        folders: Vec<PathBuf>,
    },
    /// A thread could not start, or panicked.
    #[error("worker: {message}")]
    Worker {
        /// What it said.
        message: String,
    },
    /// This build cannot use the device.
    #[error("device `{device}`: {message}")]
    Device {
        /// Which device.
        device: String,
        /// Why not.
        message: String,
    },
    /// A folder that is not a run's.
    #[error("{} holds no run: there is no recipe.toml", folder.display())]
    NoRun {
        /// The folder.
        folder: PathBuf,
    },
    /// A file outside the run's folder.
    #[error("{}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(error.into())
    }
}

impl Error {
    /// Whether it only follows from another, which was or will be told.
    pub(crate) fn is_consequence(&self) -> bool {
        matches!(self, Self::Servers(ts_servers::Error::Closed))
    }

    /// All results, or the first error that is a cause.
    pub(crate) fn first_cause<T>(results: Vec<Result<T, Self>>) -> Result<Vec<T>, Self> {
        let mut values = Vec::with_capacity(results.len());
        let mut cause: Option<Self> = None;
        for result in results {
            match result {
                Ok(value) => values.push(value),
                Err(error) if cause.as_ref().is_none_or(Self::is_consequence) => cause = Some(error),
                Err(_) => {}
            }
        }
        cause.map_or(Ok(values), Err)
    }

    /// What to do about it, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Recipe(error) => Some(error.hint()),
            Self::Plugin(error) => error.hint(),
            Self::Call(error) => hint_of_call(&error.kind),
            Self::TooManyUngraded { .. } => Some(
                "`ts-host plugin test` shows what a grader says of a case; `--set plugins.max_failed_share=` goes on with more such \
                 responses; with another grader or other plugins.limits start again with `--from` this folder and another `--out`: \
                 the stages that are finished are taken over where the work is the same"
                    .into(),
            ),
            Self::Run(ts_run::Error::NotResumable { path, .. }) => Some(format!(
                "choose another folder with `--out`; `--from {}` takes over what is the same work",
                path.display()
            )),
            Self::Run(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Hub(error) => error.hint().map(str::to_owned),
            Self::Imported(fault) => Some(fault.hint()),
            Self::Import(error) => error.hint().map(str::to_owned),
            Self::Metrics(error) => error.hint(),
            Self::MissingStage { stage, .. } => Some(format!(
                "run `ts-host {} --out FOLDER` first, or `ts-host run`",
                stage.command()
            )),
            Self::NoExamples { .. } => Some(
                "there must be problems on which some responses are correct: try more samples, other problems, or a \
                 stronger model"
                    .into(),
            ),
            Self::Memory { what_fits, .. } => {
                Some(format!("{what_fits}; --set run.memory_gib=N plans with N GiB instead"))
            }
            Self::Servers(ts_servers::Error::Refused { .. }) => Some(
                "what was drawn until now is kept: mend the server or sampler.*, and start the same command again".into(),
            ),
            Self::Servers(_) => {
                Some("what was drawn until now is kept: the same command goes on when the servers answer again".into())
            }
            Self::Server(_) => Some(
                "sampler.serve_command is run as it stands, without a shell; sampler.start_timeout_s is how long it may take".into(),
            ),
            Self::NoKey { .. } => Some("sampler.api_key_env names a variable, sampler.api_key_file a file".into()),
            Self::NoTrainedServer { model } => Some(format!(
                "serve {} and say where with --set 'sampler.trained_urls=[\"http://HOST:PORT/v1\"]'; or give sampler.serve_command, \
                 and the run serves both models itself",
                model.display()
            )),
            Self::NotTokenised { .. } => {
                Some("use a server that gives token ids, such as vLLM or SGLang (return_token_ids)".into())
            }
            Self::Trained { .. } => {
                Some("`ts-host adopt RUN FOLDER --out NEW` adopts it in a new run, with all that this one did before training".into())
            }
            Self::OtherModel { .. } => Some(
                "train from the checkpoint and the tokenizer that the export names; a folder's own tokenizer may be left out: the run's is used"
                    .into(),
            ),
            Self::Export { .. } => Some("`--to trl` carries every recipe with the objective of the paper".into()),
            Self::OtherArchitecture { .. } => Some("average models that were trained from the same one".into()),
            Self::Diverged { .. } => Some("lower train.learning_rate, or train.max_grad_norm".into()),
            Self::Leak { .. } => Some("remove it from one of the two files".into()),
            Self::Exists { .. } => Some("choose a new folder".into()),
            Self::NotEmpty { .. } => Some("choose a new or an empty folder".into()),
            Self::Twice { .. } => {
                Some("a row is known by its recipe's run.name, and each has one run of a strength and a seed".into())
            }
            Self::Strengths { .. } => {
                Some("they are multiples of each recipe's learning rate, such as 0.5,1,2, and 1 is the recipe itself".into())
            }
            Self::Compare { .. } => Some(
                "runs of one comparison begin with the same model, answer the same problems in the same way, and have the same seeds at every strength"
                    .into(),
            ),
            Self::Transfer { .. } => Some("`ts-host transfer --help` says how sets are named".into()),
            Self::Rounds { .. } => Some("`ts-host recipe default` says what [rounds] means".into()),
            Self::Vocabulary { .. } => {
                Some("config.json and tokenizer.json do not belong together, or the embedding was not resized".into())
            }
            Self::NoEndOfText { .. } => Some(
                "set eos_token_id in generation_config.json or config.json to the id, or the list of ids, of its end-of-text \
                 tokens, as tokenizer.json has them"
                    .into(),
            ),
            Self::NoRoom { key, .. } => Some(format!("lower {key}, or leave the problem out")),
            Self::Device { .. } => Some(
                match cfg!(feature = "cuda") {
                    true => "`nvidia-smi` lists the GPUs of this machine and CUDA_VISIBLE_DEVICES hides some; or set model.device to \"cpu\"",
                    false => "build with --features cuda, or set model.device to \"cpu\"",
                }
                .into(),
            ),
            Self::NoSuchProblem { .. } => Some("problems-train.jsonl in the folder has their identifiers".into()),
            Self::Inconsistent { .. } => Some("the folder holds artefacts of different runs: start in a new one".into()),
            Self::NoModel { name } => Some(match ts_text::nearest(name, Task::ALL.map(Task::name)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "a model is a Hugging Face folder, a name of the hub such as org/name, or `embedded`".into(),
            }),
            Self::NotAModel { .. } => {
                Some("a checkpoint is a Hugging Face folder: config.json, tokenizer.json and *.safetensors".into())
            }
            Self::BadReferences { .. } => {
                Some("correct them, take another verifier, or let plugins.max_failed_share of the responses go without a grade".into())
            }
            Self::NoRun { .. } => Some("a run's folder is what --out named; by default runs/NAME-seedSEED".into()),
            Self::Shards { .. } => Some("run each share once and to its end, and name every folder that has one".into()),
            Self::ForeignShard { .. } => {
                Some("name the folders of one run alone; a share is run with the recipe of the others".into())
            }
            Self::NoShards { .. } => Some("`ts-host sample --out RUN --shard 1/3` makes one, in RUN/shards".into()),
            Self::Worker { .. } | Self::File { .. } | Self::Input(_) => None,
        }
    }
}

/// What one of two runs has that the other has not.
fn unlike(differences: &[Difference]) -> String {
    let told = differences
        .iter()
        .map(|Difference { field, old, new, .. }| format!("{field} is {new} and not {old}"));
    told.collect::<Vec<_>>().join("; ")
}
