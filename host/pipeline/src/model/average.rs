//! Two checkpoints of one architecture as one: the weighted mean of their weights. Kimi k1.5 (arXiv 2501.12599, section 3.4) makes a model
//! that thinks shorter so, of one that thinks long and one that does not, with equal shares and without training.
//!
//! In: two folders and the share of the first. Out: a new folder with every weight as share · first + (1 − share) · second, computed in f32
//! and rounded once to the first's number format, and with what else the first has. An adapter's folder counts as its base with the adapter
//! merged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde::Serialize;
use ts_model::ModelConfig;
use ts_model::weights::{self, SaveOptions};
use ts_run::atomic;

use crate::Error;
use crate::setup::{open_folder, written_dtype};

/// What was averaged.
#[derive(Debug, Serialize)]
pub struct Averaged {
    /// The new folder.
    pub folder: PathBuf,
    /// How many tensors.
    pub n_tensors: usize,
    /// The number format that was written.
    pub dtype: &'static str,
}

/// Averages two checkpoints, of which the first counts with `share`, 0 to 1, and writes `out`, which must not exist.
///
/// # Errors
/// [`Error::Exists`]; [`Error::OtherArchitecture`]; what cannot be read or written.
pub fn average(first: &Path, second: &Path, share: f64, out: &Path) -> Result<Averaged, Error> {
    if out.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: out.to_owned() });
    }
    let [one, other] = [open_folder(first, None)?, open_folder(second, None)?];
    let [config, other_config] = [one.folder.config()?, other.folder.config()?];
    let differs = |reason: String| Error::OtherArchitecture {
        first: first.to_owned(),
        second: second.to_owned(),
        reason,
    };
    if let Some(field) = first_difference(&config, &other_config)? {
        return Err(differs(format!("`{field}` of config.json differs")));
    }
    let dtype = written_dtype(&one)?;
    let mut of_other: BTreeMap<String, Tensor> =
        other.folder.weights(&other_config)?.load(DType::F32, &Device::Cpu)?.into_iter().collect();
    let mut averaged = Vec::new();
    for (name, tensor) in one.folder.weights(&config)?.load(DType::F32, &Device::Cpu)? {
        let Some(second) = of_other.remove(&name).filter(|second| second.shape() == tensor.shape()) else {
            return Err(differs(format!("the second has no `{name}` of the same shape")));
        };
        let mean = (tensor.affine(share, 0.0)? + second.affine(1.0 - share, 0.0)?)?;
        averaged.push((name, mean));
    }
    if let Some(name) = of_other.keys().next() {
        return Err(differs(format!("the first has no `{name}`")));
    }
    atomic::write_folder(out, |partial| -> Result<(), Error> {
        let named = averaged.iter().map(|(name, tensor)| (name.as_str(), tensor));
        let options = SaveOptions { dtype: Some(dtype), ..SaveOptions::default() };
        weights::save(partial, &config, named, &options)?;
        Ok(one.folder.copy_companions(partial)?)
    })?;
    Ok(Averaged { folder: out.to_owned(), n_tensors: averaged.len(), dtype: dtype.as_str() })
}

/// What two models may differ in and still compute alike: what their weights were written as, and by what.
const MAY_DIFFER: [&str; 4] = ["torch_dtype", "dtype", "transformers_version", "_name_or_path"];

/// The first field of their configurations in which two models differ.
fn first_difference(one: &ModelConfig, other: &ModelConfig) -> Result<Option<String>, Error> {
    let [mut one, mut other] = [one.to_json()?, other.to_json()?];
    let fields = |value: &mut serde_json::Value| {
        let fields = std::mem::take(value);
        fields.as_object().cloned().unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>()
    };
    let [one, other] = [fields(&mut one), fields(&mut other)];
    let mut names = one.keys().chain(other.keys()).filter(|name| !MAY_DIFFER.contains(&name.as_str()));
    Ok(names.find(|name| one.get(*name) != other.get(*name)).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ts_model::LanguageModel;

    /// A checkpoint with random weights.
    fn checkpoint(folder: PathBuf, width: usize, seed: u64, dtype: DType) -> PathBuf {
        let config = ModelConfig::tiny(40, 16, width, 2, (4, 2));
        let model = LanguageModel::random(config, seed, DType::F32, &Device::Cpu).unwrap();
        std::fs::create_dir(&folder).unwrap();
        model.save(&folder, &SaveOptions { dtype: Some(dtype), ..SaveOptions::default() }).unwrap();
        std::fs::write(folder.join("tokenizer_config.json"), format!("{{\"seed\": {seed}}}")).unwrap();
        folder
    }

    fn weights_of(folder: &Path) -> BTreeMap<String, (DType, Vec<f32>)> {
        let tensors = candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap();
        let values = |tensor: &Tensor| {
            tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        tensors.iter().map(|(name, tensor)| (name.clone(), (tensor.dtype(), values(tensor)))).collect()
    }

    /// Every number, by the arithmetic of f32; in bf16 rounded once, to the nearest.
    #[test]
    fn every_weight_is_the_weighted_mean() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        let one = checkpoint(at("one"), 24, 1, DType::F32);
        let other = checkpoint(at("other"), 24, 2, DType::F32);
        let half = checkpoint(at("half"), 24, 3, DType::BF16);
        for (first, second, share, dtype) in [
            (&one, &other, 0.5_f64, DType::F32),
            (&one, &other, 0.3, DType::F32),
            (&one, &other, 1.0, DType::F32),
            (&half, &other, 0.3, DType::BF16),
            (&other, &half, 0.3, DType::F32),
        ] {
            let out = at(&format!("out-{share}-{dtype:?}"));
            let averaged = average(first, second, share, &out).unwrap();
            let [a, b, mean] = [first, second, &out].map(|folder| weights_of(folder));
            assert_eq!((averaged.n_tensors, averaged.dtype), (mean.len(), dtype.as_str()));
            assert_eq!(a.len(), mean.len());
            for (name, (written, values)) in &mean {
                assert_eq!(*written, dtype, "{name}");
                for ((a, b), mean) in a[name].1.iter().zip(&b[name].1).zip(values) {
                    let exact = share as f32 * a + (1.0 - share) as f32 * b;
                    let rounded = Tensor::new(exact, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
                    let rounded = rounded.to_dtype(DType::F32).unwrap().to_scalar::<f32>().unwrap();
                    assert_eq!(*mean, rounded, "{name}");
                }
            }
            // What else there is, is the first's.
            let file = "tokenizer_config.json";
            assert_eq!(std::fs::read(out.join(file)).unwrap(), std::fs::read(first.join(file)).unwrap());
            std::fs::remove_dir_all(out).unwrap();
        }
    }

    #[test]
    fn models_of_different_shapes_have_no_mean() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        let one = checkpoint(at("one"), 24, 1, DType::F32);
        let wider = checkpoint(at("wider"), 32, 1, DType::F32);
        let error = average(&one, &wider, 0.5, &at("out")).unwrap_err();
        assert!(error.to_string().contains("`intermediate_size` of config.json differs"), "{error}");
        assert!(!at("out").exists());
        let error = average(&one, &one, 0.5, &wider).unwrap_err();
        assert!(matches!(error, Error::Exists { .. }), "{error}");
    }
}
