//! The header of a safetensors file, read without trust.
//!
//! In: an open file. Out: name, number format, shape and place of every tensor, each of which was compared
//! with the others and with the file's size: tensors follow each other without a gap, and the last one ends
//! where the file does. So no memory is taken for anything that the file does not hold.
//!
//! `__metadata__` is skipped: no tensor depends on it.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::Dtype;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::{ModelError, Result};

/// Bytes in a file before the header: its length, as a little-endian `u64`.
const LENGTH_BYTES: u64 = 8;

/// Most bytes of a header. One of a thousand tensors has a hundred thousand.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Most dimensions of a tensor.
const MAX_RANK: usize = 8;

/// What a file says it holds.
#[derive(Debug)]
pub(super) struct Header {
    /// The tensors by name.
    pub(super) tensors: HashMap<String, Entry>,
    /// Offset in the file of the first tensor's bytes.
    pub(super) data_start: u64,
}

/// One tensor.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// Offset of its bytes from the first tensor's.
    pub(super) start: u64,
    pub(super) n_bytes: u64,
}

impl Header {
    /// Reads the header of a file, whose `path` is for messages.
    ///
    /// # Errors
    /// [`ModelError::Truncated`] for a file that ends too early; [`ModelError::Safetensors`] for any other
    /// that is not as its header says; [`ModelError::TensorDtype`] for a number format that is none.
    pub(super) fn read(file: &mut File, path: &Path) -> Result<Self> {
        let io = || ModelError::io(path);
        let bad = |reason: String| ModelError::Safetensors { file: path.to_owned(), reason };
        let truncated = |expected, actual| ModelError::Truncated { file: path.to_owned(), expected, actual };
        let file_bytes = file.metadata().map_err(io())?.len();
        if file_bytes < LENGTH_BYTES {
            return Err(truncated(LENGTH_BYTES, file_bytes));
        }
        let mut length = [0; LENGTH_BYTES as usize];
        file.read_exact(&mut length).map_err(io())?;
        let header_bytes = u64::from_le_bytes(length);
        if header_bytes > MAX_HEADER_BYTES {
            return Err(bad(format!("its header would have {header_bytes} bytes")));
        }
        let data_start = LENGTH_BYTES + header_bytes;
        if file_bytes < data_start {
            return Err(truncated(data_start, file_bytes));
        }
        let mut header = vec![0; header_bytes as usize];
        file.read_exact(&mut header).map_err(io())?;
        let Written(written) = serde_json::from_slice(&header).map_err(|error| bad(error.to_string()))?;
        drop(header);

        let mut tensors = HashMap::with_capacity(written.len());
        let mut places = Vec::with_capacity(written.len());
        for (name, tensor) in written {
            let entry = tensor.check(&name, path)?;
            places.push((entry.start, entry.n_bytes, name.clone()));
            tensors.insert(name, entry);
        }
        places.sort();
        let mut end = 0_u64;
        for (start, n_bytes, name) in &places {
            if *start != end {
                return Err(bad(format!(
                    "tensor {name} begins at byte {start} of the data, where {end} is due"
                )));
            }
            end = start
                .checked_add(*n_bytes)
                .ok_or_else(|| bad(format!("tensor {name} ends beyond any file")))?;
        }
        let expected = data_start.checked_add(end).ok_or_else(|| bad("it ends beyond any file".into()))?;
        if file_bytes < expected {
            return Err(truncated(expected, file_bytes));
        }
        if file_bytes > expected {
            return Err(bad(format!(
                "it has {file_bytes} bytes, {expected} of which its header accounts for"
            )));
        }
        Ok(Self { tensors, data_start })
    }
}

/// A header's entries as they are written, none twice.
struct Written(HashMap<String, WrittenTensor>);

/// An entry as it is written.
#[derive(Deserialize)]
struct WrittenTensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl WrittenTensor {
    fn check(self, name: &str, path: &Path) -> Result<Entry> {
        let bad = |reason: String| ModelError::Safetensors { file: path.to_owned(), reason };
        let dtype = serde_json::from_value::<Dtype>(self.dtype.clone().into()).map_err(|_| {
            ModelError::TensorDtype {
                tensor: name.to_owned(),
                file: path.to_owned(),
                dtype: self.dtype.chars().take(40).collect(),
            }
        })?;
        if self.shape.len() > MAX_RANK {
            return Err(bad(format!("tensor {name} has {} dimensions", self.shape.len())));
        }
        let shape: Option<Vec<usize>> = self.shape.iter().map(|&size| usize::try_from(size).ok()).collect();
        let n_bits = self.shape.iter().try_fold(dtype.bitsize() as u64, |n, &size| n.checked_mul(size));
        let (Some(shape), Some(n_bits)) = (shape, n_bits) else {
            return Err(bad(format!("tensor {name} has shape {:?}, which no memory holds", self.shape)));
        };
        let n_bytes = n_bits.div_ceil(8);
        let (start, end) = self.data_offsets;
        if end.checked_sub(start) != Some(n_bytes) {
            return Err(bad(format!(
                "tensor {name} of shape {shape:?} in {} has {n_bytes} bytes, and its data_offsets are {start} and {end}",
                self.dtype
            )));
        }
        Ok(Entry { dtype, shape, start, n_bytes })
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WrittenVisitor;
        impl<'de> Visitor<'de> for WrittenVisitor {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Written, A::Error> {
                let mut tensors = HashMap::new();
                while let Some(name) = entries.next_key::<String>()? {
                    if name == "__metadata__" {
                        entries.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let tensor = entries
                        .next_value::<WrittenTensor>()
                        .map_err(|error| A::Error::custom(format_args!("tensor {name}: {error}")))?;
                    if tensors.contains_key(&name) {
                        return Err(A::Error::custom(format_args!(
                            "tensor {name} is a duplicate in the header"
                        )));
                    }
                    tensors.insert(name, tensor);
                }
                Ok(Written(tensors))
            }
        }
        deserializer.deserialize_map(WrittenVisitor)
    }
}
