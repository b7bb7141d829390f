//! What can go wrong in this crate: one variant per cause, and a [`ModelError::hint`] that says what to do.
//!
//! Messages are lower case, without a full stop, and name the file, tensor, field or index at fault. Causes
//! are matched by variant; nobody needs to search a message's text.
//!
//! Context such as "while sampling problem 12" is added by the caller, who knows it.

use std::any::Any;
use std::borrow::Cow;
use std::path::PathBuf;

use crate::device::is_out_of_memory;

/// The result of everything fallible in this crate.
pub type Result<T, E = ModelError> = std::result::Result<T, E>;

/// Why an operation on a model, a checkpoint or a tokenizer failed.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file could not be read or written.
    #[error("cannot access {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A path of a checkpoint leads out of its folder.
    #[error("{path} leads to {target}, outside of the checkpoint's folder", path = path.display(), target = target.display())]
    Outside {
        /// The path as the checkpoint has it.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A pipe, a device, a folder or a link to one, where a checkpoint should have a file.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A file or a folder is larger than those of any checkpoint.
    #[error("{} has more than {most} {what}", path.display())]
    TooMuch {
        /// The file or folder.
        path: PathBuf,
        /// What there is too much of.
        what: &'static str,
        /// How much is read at most.
        most: u64,
    },
    /// A file is not the JSON that was expected.
    #[error("{path} is not valid JSON for this purpose")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// `config.json` names an architecture that this crate does not implement.
    #[error("unknown architecture {found:?}; known are {}", known.join(", "))]
    UnknownArchitecture {
        /// What `config.json` says.
        found: String,
        /// What this crate implements.
        known: &'static [&'static str],
    },
    /// A field of `config.json` is missing or holds a value that this decoder does not implement.
    #[error("config.json: {field}: {reason}")]
    Config {
        /// The field's name in the file.
        field: Cow<'static, str>,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint folder holds no safetensors file.
    #[error("no model.safetensors or model.safetensors.index.json in {folder}")]
    NoWeights {
        /// The checkpoint folder.
        folder: PathBuf,
    },
    /// A tensor that the configuration asks for is in none of the checkpoint's files.
    #[error("tensor {tensor} is missing from {file}")]
    TensorMissing {
        /// The tensor's name in the checkpoint.
        tensor: String,
        /// Where it was looked for.
        file: PathBuf,
    },
    /// A tensor that the configuration does not ask for.
    #[error("tensor {tensor} in {file} is none that config.json asks for")]
    TensorUnknown {
        /// The tensor's name in the checkpoint.
        tensor: String,
        /// The file that holds or names it.
        file: PathBuf,
    },
    /// A tensor holds a number that is none, or is none in the format that it is used in.
    #[error("tensor {tensor} in {file} holds {value} at index {index}, which is not finite as {dtype}")]
    NotFinite {
        /// The tensor's name in the checkpoint.
        tensor: String,
        /// The file that holds it.
        file: PathBuf,
        /// Place of the number in the tensor, row by row.
        index: usize,
        /// The number.
        value: f64,
        /// The format that it would be used in.
        dtype: &'static str,
    },
    /// The machine does not have the memory that the weights take.
    #[error("the weights of {} take {needed} bytes of memory, which this machine does not give", folder.display())]
    NoMemory {
        /// The checkpoint's folder, or one of its files.
        folder: PathBuf,
        /// Bytes that they take.
        needed: u64,
    },
    /// A tensor's shape is not the one that the configuration asks for.
    #[error("tensor {tensor} in {file} has shape {actual:?}, expected {expected:?}")]
    TensorShape {
        /// The tensor's name in the checkpoint.
        tensor: String,
        /// The file that holds it.
        file: PathBuf,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
        /// The shape in the file.
        actual: Vec<usize>,
    },
    /// A tensor is stored in a number format that cannot be converted.
    #[error("tensor {tensor} in {file} is stored as {dtype}; only f32, f16 and bf16 can be read")]
    TensorDtype {
        /// The tensor's name in the checkpoint.
        tensor: String,
        /// The file that holds it.
        file: PathBuf,
        /// The format in the file.
        dtype: String,
    },
    /// A safetensors file is shorter than its header promises.
    #[error("{file} is truncated: {actual} bytes, its header asks for {expected}")]
    Truncated {
        /// The file.
        file: PathBuf,
        /// Its length in bytes according to its header.
        expected: u64,
        /// Its length in bytes.
        actual: u64,
    },
    /// A safetensors file has no readable header.
    #[error("{file} is not a safetensors file: {reason}")]
    Safetensors {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tokenizer file could not be used.
    #[error("tokenizer {path}: {reason}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A text could not be turned into tokens.
    #[error("cannot encode a text of {bytes} bytes: {reason}")]
    Encode {
        /// The text's length in bytes.
        bytes: usize,
        /// What the tokenizer said.
        reason: String,
    },
    /// A token id that the vocabulary does not have.
    #[error("token {token} is not in the vocabulary of {vocab_size}")]
    UnknownToken {
        /// The token's id.
        token: u32,
        /// How many ids there are.
        vocab_size: usize,
    },
    /// A chat template could not be parsed or rendered.
    #[error("chat template of {path} failed: {reason}")]
    ChatTemplate {
        /// The file that holds the template.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A chat template asked for more than it may have: time, memory or text.
    #[error("chat template of {} {reason}", path.display())]
    ChatTemplateBounds {
        /// The file that holds the template.
        path: PathBuf,
        /// What it was too much of.
        reason: String,
    },
    /// A context of no tokens, after which nothing can be predicted.
    #[error("{what} is empty; a model needs at least one token")]
    Empty {
        /// What was empty.
        what: &'static str,
    },
    /// More positions than the model has.
    #[error("{needed} positions are needed, the model has {limit} (max_position_embeddings)")]
    ContextTooLong {
        /// Positions that the call may use.
        needed: usize,
        /// Positions that the model has.
        limit: usize,
    },
    /// A sampling setting outside its range.
    #[error("sampling: {field} is {value}, must be {allowed}")]
    Sampling {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: f64,
        /// The range.
        allowed: &'static str,
    },
    /// A watcher asked for lockstep and a request has more draws than fit into one batch.
    #[error("request {request} has {draws} draws, which cannot run in lockstep in {max_batch_rows} rows")]
    LockstepTooWide {
        /// Index of the request.
        request: usize,
        /// How many draws it has.
        draws: usize,
        /// How many rows a batch has.
        max_batch_rows: usize,
    },
    /// A sequence with nothing to score.
    #[error(
        "sequence {index} has {tokens} tokens and a prompt of {prompt_len}; it needs both a prompt and a response"
    )]
    BadSequence {
        /// Index of the sequence.
        index: usize,
        /// How many tokens it has.
        tokens: usize,
        /// How many of them are its prompt.
        prompt_len: usize,
    },
    /// Logits that hold no number, so that nothing can be drawn from them.
    #[error("the model's logits are not numbers to draw from: {value} at token {token}")]
    NotANumber {
        /// The value.
        value: f32,
        /// Where it stands.
        token: usize,
    },
    /// A parameter that the loss did not reach.
    #[error("parameter {parameter} received no gradient")]
    MissingGradient {
        /// The parameter's name in the checkpoint.
        parameter: String,
    },
    /// Another number of gradients than of parameters, or than the shard before had.
    #[error("{actual} gradients were given, {expected} are needed")]
    GradientCount {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        actual: usize,
    },
    /// A gradient that holds NaN or infinity.
    #[error("the gradient of {parameter} is not finite")]
    NonFiniteGradient {
        /// The parameter's name in the checkpoint.
        parameter: String,
    },
    /// A setting of the optimiser outside its range.
    #[error("optimizer: {field} is {value}, must be {allowed}")]
    Optimizer {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: f64,
        /// The range.
        allowed: &'static str,
    },
    /// A field of `adapter_config.json` holds a value that is wrong or not implemented.
    #[error("{}: {field}: {reason}", path.display())]
    AdapterConfig {
        /// The file.
        path: PathBuf,
        /// The field's name.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An adapter's files do not belong together, or not to their base.
    #[error("{}: {reason}", path.display())]
    Adapter {
        /// The folder or the file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The model that an adapter is of cannot be used.
    #[error("the base of the adapter {}, `{}`, {reason}", adapter.display(), base.display())]
    AdapterBase {
        /// The adapter's folder.
        adapter: PathBuf,
        /// The base, as the adapter or the caller names it.
        base: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// A model that was loaded without parameters is to be written.
    #[error("a model that was loaded to be read only cannot be written: its numbers are packed")]
    ReadOnly,
    /// A setting of low-rank adapters outside its range.
    #[error("lora: {field} {reason}")]
    Lora {
        /// The setting.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A saved optimiser state that does not fit the parameters.
    #[error("optimizer state: tensor {tensor} {reason}")]
    OptimizerState {
        /// The tensor's name in the state.
        tensor: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The system gave no more threads.
    #[error("cannot start worker threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The system gave no thread for a worker's work.
    #[error("cannot start worker threads")]
    Thread(#[source] std::io::Error),
    /// A worker panicked, which is a fault of this program.
    #[error("a worker panicked on item {item}: {message}")]
    WorkerPanicked {
        /// Index of the item.
        item: usize,
        /// What the panic said.
        message: String,
    },
    /// A tensor operation failed: shapes, number formats, devices or memory.
    #[error("tensor operation failed: {0}")]
    Tensor(#[source] candle_core::Error),
}

impl From<candle_core::Error> for ModelError {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensor(without_backtrace(error))
    }
}

/// An error of candle's by itself: where `RUST_BACKTRACE` is set candle puts a backtrace of many lines into its text.
pub(crate) fn without_backtrace(error: candle_core::Error) -> candle_core::Error {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => without_backtrace(*inner),
        error => error,
    }
}

impl ModelError {
    /// [`ModelError::WorkerPanicked`] with what a panic said.
    pub fn panicked(item: usize, panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::WorkerPanicked { item, message: text.unwrap_or("no message").to_owned() }
    }

    /// What the reader can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                "the disk is full: make room and run the same command again"
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::QuotaExceeded => {
                "the quota of this user is used up: make room and run the same command again"
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::FileTooLarge => {
                "raise this user's limit on the size of files (`ulimit -f`), or choose a file system that takes larger ones"
            }
            Self::Io { .. } => "check that the folder exists, is complete and may be read and written",
            Self::Outside { .. } | Self::NotAFile { .. } => {
                "a checkpoint is a folder of regular files: copy what a link leads to into it, and remove the rest"
            }
            Self::TooMuch { .. } => "this is not a checkpoint of a known kind",
            Self::NoMemory { .. } => {
                "use a smaller model, model.dtype = \"bf16\", or a machine with more memory"
            }
            Self::NotFinite { .. } => {
                "the weights are damaged or diverged in training; use another checkpoint, or another model.dtype"
            }
            Self::Json { .. } => "the file may be half downloaded; fetch the checkpoint again",
            Self::UnknownArchitecture { .. } => {
                "use a checkpoint of one of these families, such as Qwen2.5, Qwen3, Llama 3, Mistral or DeepSeek-R1-Distill"
            }
            Self::Config { .. } => {
                "use a checkpoint without that feature: the model would load and give other numbers than it should"
            }
            Self::NoWeights { .. } => {
                "checkpoints in PyTorch's .bin format must be converted to safetensors first"
            }
            Self::TensorMissing { .. } | Self::TensorUnknown { .. } | Self::TensorShape { .. } => {
                "config.json and the weights do not belong together, or a shard is missing"
            }
            Self::TensorDtype { .. } => "quantised checkpoints cannot be trained; use the original weights",
            Self::Truncated { .. } | Self::Safetensors { .. } => "download or copy the file again",
            Self::Tokenizer { .. } => {
                "a tokenizer.json of byte pairs is needed: byte-level as Qwen2 has, or with marked spaces as Llama 2 has"
            }
            Self::UnknownToken { .. } => "the tokens were made with another tokenizer than this model's",
            Self::ChatTemplate { .. } => "the template may use something that only Python's jinja2 has",
            Self::ChatTemplateBounds { .. } => {
                "templates of real checkpoints take a hundredth of it; do not trust this one"
            }
            Self::ContextTooLong { .. } => "lower max_new_tokens or shorten the prompt",
            Self::LockstepTooWide { .. } => "raise max_batch_rows to at least the number of draws",
            Self::NotANumber { .. } => {
                "the model's weights have diverged, or its numbers overflow model.dtype: try model.dtype = \"f32\", or a lower \
                 learning rate from an earlier checkpoint"
            }
            Self::MissingGradient { .. } => {
                "an operation without a backward pass is in the way of this parameter"
            }
            Self::NonFiniteGradient { .. } => "lower the learning rate and go back to a checkpoint",
            Self::OptimizerState { .. } => {
                "the state was saved for another model; resume with its own checkpoint"
            }
            Self::Threads(_) | Self::Thread(_) => {
                "use fewer workers, or raise the limit on processes (`ulimit -u`) or on address space (`ulimit -v`)"
            }
            Self::AdapterConfig { .. } => {
                "use a plain LoRA adapter, or merge this one with PEFT (`merge_and_unload`) and use the checkpoint that that gives"
            }
            Self::Adapter { .. } => {
                "an adapter's folder has adapter_config.json and adapter_model.safetensors, and belongs to one base"
            }
            Self::AdapterBase { .. } => {
                "name the base's folder: in base_model_name_or_path of adapter_config.json, or with `ts-host model merge --base`"
            }
            Self::WorkerPanicked { .. } => "this is a bug; report it with the message",
            Self::GradientCount { .. } | Self::Optimizer { .. } | Self::Lora { .. } | Self::ReadOnly => {
                return None;
            }
            Self::Encode { .. } | Self::Empty { .. } | Self::Sampling { .. } | Self::BadSequence { .. } => {
                return None;
            }
            Self::Tensor(error) if is_out_of_memory(error) => {
                "the GPU's memory is used up: lower max_batch_rows or refine.n_rewrites to draw, train.micro_batch_tokens to train, or \
                 set train.activation_checkpointing; another program may hold memory of the same GPU"
            }
            Self::Tensor(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether memory could not be had, the machine's or a GPU's.
    pub fn is_out_of_memory(&self) -> bool {
        match self {
            Self::NoMemory { .. } => true,
            Self::Tensor(error) => is_out_of_memory(error),
            _ => false,
        }
    }

    /// For `map_err`: an input or output error on `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// For `map_err`: a JSON error in `path`.
    pub(crate) fn json(path: impl Into<PathBuf>) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.into();
        move |source| Self::Json { path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_and_where_and_hints_say_what_to_do() {
        let error = ModelError::TensorShape {
            tensor: "model.norm.weight".into(),
            file: "model.safetensors".into(),
            expected: vec![128],
            actual: vec![64],
        };
        assert_eq!(
            error.to_string(),
            "tensor model.norm.weight in model.safetensors has shape [64], expected [128]"
        );
        assert!(error.hint().is_some_and(|hint| hint.contains("do not belong together")));
    }

    #[test]
    fn a_backtrace_is_no_part_of_a_message() {
        let inner = Box::new(candle_core::Error::Msg("no such shape".into()));
        let backtrace = Box::new(std::backtrace::Backtrace::force_capture());
        let error = ModelError::from(candle_core::Error::WithBacktrace { inner, backtrace });
        assert_eq!(error.to_string(), "tensor operation failed: no such shape");
    }
}
