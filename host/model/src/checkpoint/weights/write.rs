//! Writing a checkpoint folder; see [`super`].
//!
//! In: tensors and the configuration. Out: safetensors files, an index if there are several, and
//! `config.json` last, which names the number format that was written.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensorError;
use serde_json::{Value, json};

use super::{INDEX, SINGLE, Weights};
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use crate::files;

/// The end-of-text ids and more, where the configuration is.
const GENERATION: &str = "generation_config.json";

/// Files of tokenizer and template, copied by [`copy_texts`].
const TEXTS: &[&str] = &[
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
];

/// How [`save`] writes.
#[derive(Clone, Copy, Debug)]
pub struct SaveOptions {
    /// The number format in the file. `None` keeps the tensors' own.
    pub dtype: Option<DType>,
    /// No file holds more bytes of tensors than this, unless a single tensor does.
    pub max_shard_bytes: usize,
}

impl Default for SaveOptions {
    /// The tensors' own dtype; 5 GB a shard, as `transformers` does.
    fn default() -> Self {
        Self { dtype: None, max_shard_bytes: 5_000_000_000 }
    }
}

/// Writes the weights and `config.json` of a checkpoint into `folder`, which must exist.
///
/// Weights that another call left in the folder are removed first if they are laid out differently.
pub fn save<'a>(
    folder: &Path,
    config: &ModelConfig,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
    options: &SaveOptions,
) -> Result<()> {
    let mut shards: Vec<Vec<(&str, Tensor)>> = vec![Vec::new()];
    let (mut shard_bytes, mut total_bytes) = (0, 0);
    let mut written = None;
    let mut index_of = BTreeMap::new();
    for (name, tensor) in tensors {
        let tensor = to_file_dtype(tensor, options.dtype)?;
        let bytes = tensor.elem_count() * tensor.dtype().size_in_bytes();
        total_bytes += bytes;
        written.get_or_insert(tensor.dtype());
        if shard_bytes > 0 && shard_bytes + bytes > options.max_shard_bytes {
            shards.push(Vec::new());
            shard_bytes = 0;
        }
        shard_bytes += bytes;
        index_of.insert(name, shards.len() - 1);
        if let Some(shard) = shards.last_mut() {
            shard.push((name, tensor));
        }
    }
    let n_shards = shards.len();
    let file_name = |shard: usize| match n_shards {
        1 => SINGLE.to_owned(),
        _ => format!("model-{:05}-of-{n_shards:05}.safetensors", shard + 1),
    };
    let stale = if n_shards == 1 { INDEX } else { SINGLE };
    match std::fs::remove_file(folder.join(stale)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(ModelError::io(folder.join(stale))(error));
        }
        _ => {}
    }
    for (shard, tensors) in shards.into_iter().enumerate() {
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        write_tensors(&folder.join(file_name(shard)), tensors, metadata)?;
    }
    if n_shards > 1 {
        let weight_map: BTreeMap<_, _> =
            index_of.into_iter().map(|(name, shard)| (name, file_name(shard))).collect();
        let index = json!({"metadata": {"total_size": total_bytes}, "weight_map": weight_map});
        write_json(&folder.join(INDEX), &index)?;
    }
    let mut fields = config.to_json()?;
    if let (Some(dtype), Value::Object(fields)) = (written, &mut fields) {
        let name = match dtype {
            DType::BF16 => "bfloat16",
            DType::F16 => "float16",
            _ => "float32",
        };
        let spelling = if fields.contains_key("dtype") { "dtype" } else { "torch_dtype" };
        fields.insert(spelling.to_owned(), json!(name));
    }
    write_json(&folder.join("config.json"), &fields)
}

/// Copies `generation_config.json`, if there is one, from one checkpoint folder to another.
pub fn copy_generation(from: &Path, to: &Path) -> Result<()> {
    copy(from, to, &[GENERATION])
}

/// Copies `config.json` and the files of these weights, which were opened in `from`, from one folder to another.
pub fn copy_weights(from: &Path, weights: &Weights, to: &Path) -> Result<()> {
    let names: Vec<&str> = weights.file_names().collect();
    if names != [SINGLE] {
        copy(from, to, &[INDEX])?;
    }
    copy(from, to, &names)?;
    copy(from, to, &["config.json"])
}

/// Copies the tokenizer's and the template's files, those that exist, from one checkpoint folder to another.
pub fn copy_texts(from: &Path, to: &Path) -> Result<()> {
    copy(from, to, TEXTS)
}

pub(in crate::checkpoint) fn copy(from: &Path, to: &Path, names: &[&str]) -> Result<()> {
    for name in names {
        let Some(mut source) = files::open(from, name)? else { continue };
        write_then_rename(&to.join(name), |partial| {
            let mut target = File::create(partial).map_err(ModelError::io(partial))?;
            // What fails is the writing, most often: the source was just opened.
            std::io::copy(&mut source, &mut target).map(drop).map_err(ModelError::io(partial))
        })?;
    }
    Ok(())
}

/// Writes a safetensors file.
pub(in crate::checkpoint) fn write_tensors<N: AsRef<str> + Ord + std::fmt::Display>(
    path: &Path,
    tensors: Vec<(N, Tensor)>,
    metadata: HashMap<String, String>,
) -> Result<()> {
    write_then_rename(path, |partial| {
        safetensors::serialize_to_file(tensors, Some(metadata), partial).map_err(|error| match error {
            SafeTensorError::IoError(error) => ModelError::io(partial)(error),
            error => ModelError::Safetensors { file: partial.to_owned(), reason: error.to_string() },
        })
    })
}

pub(in crate::checkpoint) fn write_json(path: &Path, value: &Value) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).map_err(ModelError::json(path))?;
    text.push('\n');
    write_then_rename(path, |partial| std::fs::write(partial, text).map_err(ModelError::io(partial)))
}

fn write_then_rename(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    // What is there may be a link, and what that leads to is nobody's to overwrite.
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(ModelError::io(&partial)(error));
        }
        _ => {}
    }
    write(&partial)?;
    File::open(&partial).and_then(|file| file.sync_all()).map_err(ModelError::io(&partial))?;
    std::fs::rename(&partial, path).map_err(ModelError::io(path))
}

/// The tensor as it goes into a file: detached (what is being saved is not being trained), f32 unless it is a
/// half format.
pub(in crate::checkpoint) fn to_file_dtype(tensor: &Tensor, dtype: Option<DType>) -> Result<Tensor> {
    let dtype = match dtype.unwrap_or(tensor.dtype()) {
        half @ (DType::BF16 | DType::F16) => half,
        _ => DType::F32,
    };
    Ok(tensor.detach().to_dtype(dtype)?.to_device(&Device::Cpu)?)
}
