//! Reading a checkpoint folder's tensors; see [`super`].
//!
//! In: a folder and the configuration. Out: [`Weights`], whose headers are read and hold what the
//! configuration asks for, no less and no more; from them the tensors, or the name of the first that is not
//! as it should be. Two kinds of tensors that checkpoints have without need are passed over: the head of a
//! model whose head is its embedding, and the wavelengths of the rotary embedding, which follow from the
//! configuration.
//!
//! One thread reads them; a disk is slower than it.

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::Dtype;
use serde_json::{Map, Value};

use super::header::{Entry, Header};
use super::values::first_not_finite;
use super::{INDEX, SINGLE};
use crate::adapters::Adapters;
use crate::config::{ModelConfig, read_object};
use crate::error::{ModelError, Result};
use crate::files;

/// Reads every tensor of `config` from `folder`, as `dtype` on `device`.
///
/// # Errors
/// Those of [`Weights::open`] and [`Weights::load`].
pub fn load(
    folder: &Path,
    config: &ModelConfig,
    dtype: DType,
    device: &Device,
) -> Result<Vec<(String, Tensor)>> {
    Weights::open(folder, config)?.load(dtype, device)
}

/// The tensors of a checkpoint folder, none of them read yet.
pub struct Weights {
    shards: Vec<Shard>,
    /// Name, shape and the shard of each, in the configuration's order.
    tensors: Vec<(String, Vec<usize>, usize)>,
    /// What is merged into them.
    adapters: Option<Adapters>,
}

impl Weights {
    /// Opens the files and reads their headers.
    ///
    /// # Errors
    /// Names the file and the tensor when one is missing, one is not asked for, or one has another shape or
    /// number format; names the file when it is not as its header says.
    pub fn open(folder: &Path, config: &ModelConfig) -> Result<Self> {
        let location = Location::find(folder)?;
        let mut shards: Vec<Shard> = Vec::new();
        let mut opened: HashMap<String, usize> = HashMap::new();
        let mut tensors = Vec::new();
        for (name, shape) in config.tensors() {
            let shard = match opened.entry(location.file_of(folder, &name)?.to_owned()) {
                MapEntry::Occupied(entry) => *entry.get(),
                MapEntry::Vacant(entry) => {
                    shards.push(Shard::open(folder, entry.key())?);
                    *entry.insert(shards.len() - 1)
                }
            };
            shards[shard].check(&name, &shape)?;
            tensors.push((name, shape, shard));
        }
        let weights = Self { shards, tensors, adapters: None };
        weights.check_no_more(folder, &location, config)?;
        Ok(weights)
    }

    /// The same weights, which [`Weights::load`] merges these adapters into.
    pub fn with_adapters(self, adapters: Adapters) -> Self {
        Self { adapters: Some(adapters), ..self }
    }

    /// The names of their files in the folder.
    pub(super) fn file_names(&self) -> impl Iterator<Item = &str> {
        self.shards.iter().filter_map(|shard| shard.path.file_name()?.to_str())
    }

    /// Bytes of the tensors as they are stored.
    pub fn n_bytes(&self) -> u64 {
        self.tensors
            .iter()
            .map(|(name, _, shard)| self.shards[*shard].entry(name).map_or(0, |entry| entry.n_bytes))
            .sum()
    }

    /// In which formats the tensors are stored, and how many numbers in each.
    pub fn stored_dtypes(&self) -> BTreeMap<&'static str, u64> {
        let mut dtypes = BTreeMap::new();
        for (name, shape, shard) in &self.tensors {
            if let Some(dtype) = self.shards[*shard].entry(name).and_then(|entry| to_candle(entry.dtype)) {
                *dtypes.entry(dtype.as_str()).or_default() += shape.iter().product::<usize>() as u64;
            }
        }
        dtypes
    }

    /// The number format of the tensors as they are stored: f32 if they have several, which holds what each of them does.
    pub fn stored_dtype(&self) -> DType {
        let of = |(name, _, shard): &(String, Vec<usize>, usize)| {
            self.shards[*shard].entry(name).and_then(|entry| to_candle(entry.dtype))
        };
        let mut dtypes = self.tensors.iter().filter_map(of);
        let first = dtypes.next().unwrap_or(DType::F32);
        if dtypes.all(|dtype| dtype == first) { first } else { DType::F32 }
    }

    /// How many numbers the tensors hold.
    pub fn n_values(&self) -> u64 {
        self.tensors.iter().map(|(_, shape, _)| shape.iter().product::<usize>() as u64).sum()
    }

    /// Reads the tensors, as `dtype` on `device`.
    ///
    /// # Errors
    /// [`ModelError::NoMemory`] before anything is read, if the machine does not have as much;
    /// [`ModelError::NotFinite`] for a number that is none, or none in `dtype`.
    pub fn load(self, dtype: DType, device: &Device) -> Result<Vec<(String, Tensor)>> {
        let mut tensors = Vec::with_capacity(self.tensors.len());
        self.for_each(dtype, device, |name, tensor| {
            tensors.push((name, tensor));
            Ok(())
        })?;
        Ok(tensors)
    }

    /// Reads the tensors one after another, as `dtype` on `device`, and gives each to `take` before it reads the next.
    ///
    /// # Errors
    /// As [`Weights::load`], and those of `take`.
    pub fn for_each(
        mut self,
        dtype: DType,
        device: &Device,
        mut take: impl FnMut(String, Tensor) -> Result<()>,
    ) -> Result<()> {
        self.check_memory(dtype, device)?;
        for index in 0..self.tensors.len() {
            let tensor = self.read(index, dtype)?.to_device(device)?;
            take(std::mem::take(&mut self.tensors[index].0), tensor.to_dtype(dtype)?)?;
        }
        Ok(())
    }

    /// Whether every tensor has the values that the other checkpoint's has, both as `dtype`; reads no further than the first that has not.
    ///
    /// # Errors
    /// As [`Weights::load`].
    pub fn equal(&mut self, other: &mut Self, dtype: DType) -> Result<bool> {
        let shapes = |weights: &Self| -> Vec<_> {
            weights.tensors.iter().map(|(name, shape, _)| (name.clone(), shape.clone())).collect()
        };
        if shapes(self) != shapes(other) {
            return Ok(false);
        }
        for index in 0..self.tensors.len() {
            let (ours, theirs) = (self.read(index, dtype)?, other.read(index, dtype)?);
            if ours.to_dtype(dtype)?.ne(&theirs.to_dtype(dtype)?)?.flatten_all()?.max(0)?.to_scalar::<u8>()?
                != 0
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The tensor at `index`, with the adapters in it.
    fn read(&mut self, index: usize, dtype: DType) -> Result<Tensor> {
        let (name, shape, shard) = &self.tensors[index];
        let tensor = self.shards[*shard].read(name, shape, dtype)?;
        match &self.adapters {
            Some(adapters) => adapters.merge(name, &tensor, dtype),
            None => Ok(tensor),
        }
    }

    /// Reads the tensors and keeps none: whether [`Weights::load`] would find each number to be one.
    ///
    /// # Errors
    /// As [`Weights::load`].
    pub fn check_values(&mut self, dtype: DType) -> Result<()> {
        for (name, _, shard) in &self.tensors {
            self.shards[*shard].read_bytes(name, dtype)?;
        }
        Ok(())
    }

    /// Refuses tensors that the configuration does not ask for: the model would be another one than was
    /// trained.
    fn check_no_more(&self, folder: &Path, location: &Location, config: &ModelConfig) -> Result<()> {
        let known: HashMap<&str, ()> = self.tensors.iter().map(|(name, _, _)| (name.as_str(), ())).collect();
        let is_needless = |name: &str| {
            (name == "lm_head.weight" && config.tie_word_embeddings) || name.ends_with(".rotary_emb.inv_freq")
        };
        let mut names: Vec<(&str, PathBuf)> = match location {
            Location::Single => {
                let of = |shard: &'_ Shard| shard.path.clone();
                self.shards
                    .iter()
                    .flat_map(|shard| shard.header.tensors.keys().map(move |name| (&**name, of(shard))))
                    .collect()
            }
            Location::Sharded(files) => files.keys().map(|name| (&**name, folder.join(INDEX))).collect(),
        };
        names.sort();
        let extra = names.into_iter().find(|(name, _)| !known.contains_key(name) && !is_needless(name));
        match extra {
            Some((tensor, file)) => Err(ModelError::TensorUnknown { tensor: tensor.to_owned(), file }),
            None => Ok(()),
        }
    }

    /// Whether the machine has memory for the tensors as `dtype`, and for the largest one twice as it is
    /// stored meanwhile.
    fn check_memory(&self, dtype: DType, device: &Device) -> Result<()> {
        let largest = self
            .tensors
            .iter()
            .filter_map(|(name, _, shard)| Some(self.shards[*shard].entry(name)?.n_bytes))
            .max();
        let meanwhile = largest.unwrap_or(0).saturating_mul(2);
        let kept =
            if device.is_cpu() { self.n_values().saturating_mul(dtype.size_in_bytes() as u64) } else { 0 };
        let needed = kept.saturating_add(meanwhile);
        let no_memory = || ModelError::NoMemory { folder: self.folder(), needed };
        if machine_memory().is_some_and(|memory| needed > memory) {
            return Err(no_memory());
        }
        let mut probe: Vec<u8> = Vec::new();
        let fits = usize::try_from(needed).is_ok_and(|needed| probe.try_reserve_exact(needed).is_ok());
        black_box(&mut probe);
        if fits { Ok(()) } else { Err(no_memory()) }
    }

    fn folder(&self) -> PathBuf {
        let first = self.shards.first().and_then(|shard| shard.path.parent());
        first.map(Path::to_owned).unwrap_or_default()
    }
}

/// Bytes of memory and swap space, where the system says.
fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some(kib("MemTotal:")?.saturating_add(kib("SwapTotal:").unwrap_or(0)).saturating_mul(1024))
}

/// Where the tensors of a checkpoint folder are.
enum Location {
    Single,
    /// The name of each tensor's file.
    Sharded(Map<String, Value>),
}

impl Location {
    fn find(folder: &Path) -> Result<Self> {
        if let Some(mut index) = read_object(folder, INDEX)? {
            let reason = "has no weight_map".to_owned();
            match index.remove("weight_map") {
                Some(Value::Object(files)) => Ok(Self::Sharded(files)),
                _ => Err(ModelError::Safetensors { file: folder.join(INDEX), reason }),
            }
        } else if files::open(folder, SINGLE)?.is_some() {
            Ok(Self::Single)
        } else {
            Err(ModelError::NoWeights { folder: folder.to_owned() })
        }
    }

    fn file_of(&self, folder: &Path, tensor: &str) -> Result<&str> {
        match self {
            Self::Single => Ok(SINGLE),
            Self::Sharded(files) => files.get(tensor).and_then(Value::as_str).ok_or_else(|| {
                ModelError::TensorMissing { tensor: tensor.to_owned(), file: folder.join(INDEX) }
            }),
        }
    }
}

/// One open safetensors file.
pub(in crate::checkpoint) struct Shard {
    path: PathBuf,
    file: File,
    header: Header,
}

impl Shard {
    pub(in crate::checkpoint) fn open(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(name);
        let missing = || ModelError::io(&path)(std::io::ErrorKind::NotFound.into());
        let mut file = files::open(folder, name)?.ok_or_else(missing)?;
        let header = Header::read(&mut file, &path)?;
        Ok(Self { path, file, header })
    }

    /// The names of its tensors, in no order.
    pub(in crate::checkpoint) fn names(&self) -> impl Iterator<Item = &str> {
        self.header.tensors.keys().map(String::as_str)
    }

    /// The shape of a tensor, if it is there.
    pub(in crate::checkpoint) fn shape(&self, name: &str) -> Option<&Vec<usize>> {
        self.entry(name).map(|entry| &entry.shape)
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.header.tensors.get(name)
    }

    /// Checks that a tensor is there and as it should be.
    pub(in crate::checkpoint) fn check(&self, name: &str, expected: &[usize]) -> Result<()> {
        let (tensor, file) = (name.to_owned(), self.path.clone());
        let Some(entry) = self.entry(name) else { return Err(ModelError::TensorMissing { tensor, file }) };
        if entry.shape != expected {
            let (expected, actual) = (expected.to_vec(), entry.shape.clone());
            return Err(ModelError::TensorShape { tensor, file, expected, actual });
        }
        if to_candle(entry.dtype).is_none() {
            let dtype = format!("{:?}", entry.dtype).to_lowercase();
            return Err(ModelError::TensorDtype { tensor, file, dtype });
        }
        Ok(())
    }

    /// The tensor `name`, which was checked, on the CPU, in the dtype of the file. It is to become `dtype`.
    pub(in crate::checkpoint) fn read(
        &mut self,
        name: &str,
        shape: &[usize],
        dtype: DType,
    ) -> Result<Tensor> {
        let (bytes, stored) = self.read_bytes(name, dtype)?;
        Ok(Tensor::from_raw_buffer(&bytes, stored, shape, &Device::Cpu)?)
    }

    fn read_bytes(&mut self, name: &str, dtype: DType) -> Result<(Vec<u8>, DType)> {
        let missing = || ModelError::TensorMissing { tensor: name.to_owned(), file: self.path.clone() };
        let entry = self.header.tensors.get(name).ok_or_else(missing)?;
        let stored = to_candle(entry.dtype).ok_or_else(missing)?;
        let io = || ModelError::io(&self.path);
        let n_bytes = entry.n_bytes;
        let mut bytes = Vec::new();
        let reserved = usize::try_from(n_bytes).is_ok_and(|n| bytes.try_reserve_exact(n).is_ok());
        if !reserved {
            return Err(ModelError::NoMemory { folder: self.path.clone(), needed: n_bytes });
        }
        self.file.seek(SeekFrom::Start(self.header.data_start + entry.start)).map_err(io())?;
        (&mut self.file).take(n_bytes).read_to_end(&mut bytes).map_err(io())?;
        if bytes.len() as u64 != n_bytes {
            return Err(io()(std::io::ErrorKind::UnexpectedEof.into()));
        }
        match first_not_finite(&bytes, stored, dtype) {
            None => Ok((bytes, stored)),
            Some((index, value)) => Err(ModelError::NotFinite {
                tensor: name.to_owned(),
                file: self.path.clone(),
                index,
                value,
                dtype: dtype.as_str(),
            }),
        }
    }
}

/// The number formats that can be read.
fn to_candle(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F32 => Some(DType::F32),
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        _ => None,
    }
}
