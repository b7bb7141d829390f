//! Checkpoint folders of safetensors files: read with every tensor checked, written whole or not at all.
//!
//! In: a folder as Hugging Face lays it out, one `model.safetensors` or several with
//! `model.safetensors.index.json`, in f32, f16 or bf16. Out: named tensors in one dtype, in the order of
//! [`ModelConfig::tensors`](crate::config::ModelConfig::tensors). Written folders load in `transformers`:
//! same names, the tied head omitted, `format: pt` in the metadata, sharded above a size limit.
//!
//! A checkpoint may come from anybody. Headers are compared with their files and with the configuration
//! before memory is taken for any tensor, and only regular files of the folder are opened.
//!
//! Each tensor is read with its own seek, so that memory holds one copy of the model and not two. Each file
//! is written under another name and then renamed, and `config.json` comes last: a folder that has one is
//! complete.
//!
//! There are no memory maps, which turn a file that changes meanwhile into undefined behaviour.

mod header;
mod read;
mod values;
mod write;

pub(super) use read::Shard;
pub use read::{Weights, load};
pub(super) use write::copy;
pub use write::{SaveOptions, copy_generation, copy_texts, copy_weights, save};
pub(super) use write::{to_file_dtype, write_json, write_tensors};

/// The only file of a checkpoint that is not sharded.
const SINGLE: &str = "model.safetensors";

/// In a sharded checkpoint, the file that says where each tensor is.
const INDEX: &str = "model.safetensors.index.json";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use candle_core::{DType, Device, Tensor};

    use super::*;
    use crate::config::ModelConfig;
    use crate::error::{ModelError, Result};

    fn config() -> ModelConfig {
        ModelConfig::tiny(16, 8, 12, 2, (2, 1))
    }

    fn tensors(config: &ModelConfig) -> Vec<(String, Tensor)> {
        let values = |n: usize| (0..n).map(|i| i as f32 / 64.0 - 1.0).collect::<Vec<_>>();
        let tensor = |shape: Vec<usize>| {
            Tensor::from_vec(values(shape.iter().product()), shape, &Device::Cpu).unwrap()
        };
        config.tensors().into_iter().map(|(name, shape)| (name, tensor(shape))).collect()
    }

    fn write(folder: &Path, options: &SaveOptions) -> Vec<(String, Tensor)> {
        let tensors = tensors(&config());
        save(folder, &config(), tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)), options)
            .unwrap();
        tensors
    }

    fn assert_equal(left: &[(String, Tensor)], right: &[(String, Tensor)]) {
        assert_eq!(left.len(), right.len());
        for ((name, a), (other, b)) in left.iter().zip(right) {
            assert_eq!((name, a.dims()), (other, b.dims()));
            let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(flat(a), flat(b), "{name}");
        }
    }

    fn read(folder: &Path) -> Result<Vec<(String, Tensor)>> {
        load(folder, &config(), DType::F32, &Device::Cpu)
    }

    #[test]
    fn what_is_written_reads_back_single_and_sharded() {
        let folder = tempfile::tempdir().unwrap();
        let written = write(folder.path(), &SaveOptions::default());
        assert_equal(&written, &read(folder.path()).unwrap());
        // The same folder again, in shards of at most 1,000 bytes: the single file must not linger.
        let written = write(folder.path(), &SaveOptions { dtype: None, max_shard_bytes: 1000 });
        assert!(!folder.path().join(SINGLE).exists() && folder.path().join(INDEX).exists());
        assert_equal(&written, &read(folder.path()).unwrap());
        let leftovers = std::fs::read_dir(folder.path()).unwrap();
        assert!(leftovers.flatten().all(|entry| !entry.file_name().to_string_lossy().ends_with(".partial")));
    }

    #[test]
    fn half_formats_are_converted_both_ways() {
        for dtype in [DType::BF16, DType::F16] {
            let folder = tempfile::tempdir().unwrap();
            let written = write(folder.path(), &SaveOptions { dtype: Some(dtype), ..SaveOptions::default() });
            for ((_, before), (name, after)) in written.iter().zip(read(folder.path()).unwrap()) {
                let rounded = before.to_dtype(dtype).unwrap().to_dtype(DType::F32).unwrap();
                let difference = (rounded - after).unwrap().abs().unwrap().max_all().unwrap();
                assert_eq!(difference.to_scalar::<f32>().unwrap(), 0.0, "{name}");
            }
        }
    }

    #[test]
    fn the_number_format_that_is_written_is_known_and_named() {
        let dtype_in_config = |folder: &Path| {
            let text = std::fs::read_to_string(folder.join("config.json")).unwrap();
            serde_json::from_str::<serde_json::Value>(&text).unwrap()["torch_dtype"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let folder = tempfile::tempdir().unwrap();
        // A checkpoint that says bfloat16 and is written as f32 says so afterwards.
        let config = ModelConfig {
            source: serde_json::from_str(r#"{"torch_dtype": "bfloat16", "my_field": 1}"#).unwrap(),
            ..config()
        };
        for (dtype, name) in [(DType::BF16, "bfloat16"), (DType::F32, "float32"), (DType::F16, "float16")] {
            let all = tensors(&config);
            let of_dtype: Vec<_> =
                all.iter().map(|(name, tensor)| (name.as_str(), tensor.to_dtype(dtype).unwrap())).collect();
            let borrowed = of_dtype.iter().map(|(name, tensor)| (*name, tensor));
            save(folder.path(), &config, borrowed, &SaveOptions::default()).unwrap();
            assert_eq!(dtype_in_config(folder.path()), name);
            assert_eq!(Weights::open(folder.path(), &config).unwrap().stored_dtype(), dtype);
        }
        // Of several formats, f32 holds all.
        let mut mixed = tensors(&config);
        mixed[0].1 = mixed[0].1.to_dtype(DType::BF16).unwrap();
        save(folder.path(), &config, mixed.iter().map(|(n, t)| (n.as_str(), t)), &SaveOptions::default())
            .unwrap();
        assert_eq!(Weights::open(folder.path(), &config).unwrap().stored_dtype(), DType::F32);
    }

    #[test]
    fn a_missing_tensor_and_a_wrong_shape_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut all = tensors(&config());
        let (name, _) = all.remove(3);
        save(folder.path(), &config(), all.iter().map(|(n, t)| (n.as_str(), t)), &SaveOptions::default())
            .unwrap();
        let error = read(folder.path()).unwrap_err();
        assert!(matches!(&error, ModelError::TensorMissing { tensor, .. } if *tensor == name), "{error}");

        let wider = ModelConfig::tiny(17, 8, 12, 2, (2, 1));
        let error = load(folder.path(), &wider, DType::F32, &Device::Cpu).unwrap_err();
        assert!(error.to_string().ends_with("has shape [16, 8], expected [17, 8]"), "{error}");
    }

    #[test]
    fn a_truncated_file_says_how_long_it_should_be() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &SaveOptions::default());
        let path = folder.path().join(SINGLE);
        let bytes = std::fs::read(&path).unwrap();
        for cut in [4, 40, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let error = read(folder.path()).unwrap_err();
            assert!(matches!(error, ModelError::Truncated { actual, .. } if actual == cut as u64), "{error}");
        }
        std::fs::write(&path, b"<!DOCTYPE html><html>").unwrap();
        assert!(matches!(read(folder.path()), Err(ModelError::Safetensors { .. })));
    }

    #[test]
    fn a_folder_without_weights_is_its_own_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(folder.path()), Err(ModelError::NoWeights { .. })));
    }
}
