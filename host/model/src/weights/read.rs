//! Reading a checkpoint folder's tensors; see [`super`].
//!
//! In: a folder and the configuration. Out: tensors, or the name of the first that is not as it should be.
//! Left out on purpose: tensors that the configuration does not ask for; they are not even read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, Metadata};
use serde_json::Value;

use super::{INDEX, SINGLE};
use crate::config::{ModelConfig, read_object};
use crate::error::{ModelError, Result};

/// Bytes in a file before the header: its length, as a little-endian `u64`.
const LENGTH_BYTES: u64 = 8;

/// No header of a real checkpoint is longer; a larger number means that the file is something else.
const MAX_HEADER_BYTES: u64 = 100 << 20;

/// Reads every tensor of `config` from `folder`, as `dtype` on `device`.
///
/// # Errors
/// Names the tensor and the file when one is missing, has another shape, or lies beyond the end of its file.
/// Tensors that the configuration does not ask for are ignored.
pub fn load(
    folder: &Path,
    config: &ModelConfig,
    dtype: DType,
    device: &Device,
) -> Result<Vec<(String, Tensor)>> {
    let location = Location::find(folder)?;
    let mut files: HashMap<PathBuf, Shard> = HashMap::new();
    let mut tensors = Vec::new();
    for (name, shape) in config.tensors() {
        let path = location.file_of(&name)?;
        let shard = match files.entry(path) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let shard = Shard::open(entry.key())?;
                entry.insert(shard)
            }
        };
        tensors.push((name.clone(), shard.read(&name, &shape)?.to_device(device)?.to_dtype(dtype)?));
    }
    Ok(tensors)
}

/// Where the tensors of a checkpoint folder are.
enum Location {
    Single(PathBuf),
    Sharded { folder: PathBuf, index: PathBuf, files: serde_json::Map<String, Value> },
}

impl Location {
    fn find(folder: &Path) -> Result<Self> {
        let (single, index) = (folder.join(SINGLE), folder.join(INDEX));
        if index.is_file() {
            let files = match read_object(&index)?.remove("weight_map") {
                Some(Value::Object(files)) => files,
                _ => return Err(ModelError::Safetensors { file: index, reason: "has no weight_map".into() }),
            };
            Ok(Self::Sharded { folder: folder.to_owned(), index, files })
        } else if single.is_file() {
            Ok(Self::Single(single))
        } else {
            Err(ModelError::NoWeights { folder: folder.to_owned() })
        }
    }

    fn file_of(&self, tensor: &str) -> Result<PathBuf> {
        match self {
            Self::Single(file) => Ok(file.clone()),
            Self::Sharded { folder, index, files } => match files.get(tensor).and_then(Value::as_str) {
                Some(file) => Ok(folder.join(file)),
                None => Err(ModelError::TensorMissing { tensor: tensor.to_owned(), file: index.clone() }),
            },
        }
    }
}

/// One open safetensors file.
struct Shard {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    /// Offset in the file of the first tensor's bytes.
    data_start: u64,
}

impl Shard {
    fn open(path: &Path) -> Result<Self> {
        let io = || ModelError::io(path);
        let bad = |reason: String| ModelError::Safetensors { file: path.to_owned(), reason };
        let truncated = |expected, actual| ModelError::Truncated { file: path.to_owned(), expected, actual };
        let mut file = File::open(path).map_err(io())?;
        let actual = file.metadata().map_err(io())?.len();
        if actual < LENGTH_BYTES {
            return Err(truncated(LENGTH_BYTES, actual));
        }
        let mut length = [0; LENGTH_BYTES as usize];
        file.read_exact(&mut length).map_err(io())?;
        let header_bytes = u64::from_le_bytes(length);
        if header_bytes > MAX_HEADER_BYTES {
            return Err(bad(format!("its header would have {header_bytes} bytes")));
        }
        let data_start = LENGTH_BYTES + header_bytes;
        if actual < data_start {
            return Err(truncated(data_start, actual));
        }
        let mut header = vec![0; header_bytes as usize];
        file.read_exact(&mut header).map_err(io())?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| bad(error.to_string()))?;
        let data_bytes = metadata.tensors().values().map(|info| info.data_offsets.1).max().unwrap_or(0);
        let expected = data_start + data_bytes as u64;
        if actual < expected {
            return Err(truncated(expected, actual));
        }
        Ok(Self { path: path.to_owned(), file, metadata, data_start })
    }

    /// The tensor `name` on the CPU, in the dtype of the file.
    fn read(&mut self, name: &str, expected: &[usize]) -> Result<Tensor> {
        let Some(info) = self.metadata.info(name) else {
            return Err(ModelError::TensorMissing { tensor: name.to_owned(), file: self.path.clone() });
        };
        if info.shape != expected {
            return Err(ModelError::TensorShape {
                tensor: name.to_owned(),
                file: self.path.clone(),
                expected: expected.to_vec(),
                actual: info.shape.clone(),
            });
        }
        let dtype = match info.dtype {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => {
                let dtype = format!("{other:?}").to_lowercase();
                return Err(ModelError::TensorDtype {
                    tensor: name.to_owned(),
                    file: self.path.clone(),
                    dtype,
                });
            }
        };
        let (start, end) = info.data_offsets;
        let mut bytes = vec![0; end.saturating_sub(start)];
        let io = || ModelError::io(&self.path);
        self.file.seek(SeekFrom::Start(self.data_start + start as u64)).map_err(io())?;
        self.file.read_exact(&mut bytes).map_err(io())?;
        Ok(Tensor::from_raw_buffer(&bytes, dtype, expected, &Device::Cpu)?)
    }
}
