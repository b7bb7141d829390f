//! A decoder with its configuration and its named parameters: what is loaded, trained and saved.
//!
//! In: a checkpoint folder, a seed, or tensors. Out: two views of the same storage.
//! [`LanguageModel::trainable`] leads back to the parameters, for losses; [`LanguageModel::frozen`] records
//! no graph, for sampling and scoring.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use candle_core::{DType, Device, Tensor, Var};
use ts_core::seed::SplitMix64;

use crate::adapters::{Adapters, Pair};
use crate::config::ModelConfig;
use crate::decoder::Decoder;
use crate::error::{ModelError, Result};
use crate::folder::ModelFolder;
use crate::ops::bf16::PackedWeight;
use crate::ops::{RotaryTable, Segments, Weight};
use crate::rng::normal;
use crate::weights::{self, SaveOptions};

/// A decoder with its configuration and its named parameters; cloning shares them.
#[derive(Clone, Debug)]
pub struct LanguageModel {
    config: ModelConfig,
    /// Ids from 0 that stand for a token; the embedding may have more rows.
    n_tokens: usize,
    /// None if it was loaded to be read only, in bf16 on the CPU.
    parameters: Vec<(String, Var)>,
    /// For each parameter the matrix that was packed from it, if one was; nothing if none was.
    packed: Vec<Option<PackedWeight>>,
    trainable: Decoder,
    frozen: Decoder,
    /// Of a model with adapters, which are its parameters.
    adapted: Option<Adapted>,
}

/// What stands beside the parameters of a model with adapters.
#[derive(Clone, Debug)]
struct Adapted {
    /// The weights, which nothing changes.
    weights: Vec<(String, Tensor)>,
    /// The parameters again, off the graph.
    adapters: Adapters,
    dropout: f64,
}

/// Whether matrices are packed for the CPU's bf16 kernels.
fn is_packed(dtype: DType, device: &Device) -> bool {
    dtype == DType::BF16 && device.is_cpu()
}

impl LanguageModel {
    /// Reads a checkpoint folder, or an adapter's, which is merged into the weights of its base.
    ///
    /// # Errors
    /// What cannot be read or is not supported, by its name.
    pub fn load(folder: &Path, dtype: DType, device: &Device) -> Result<Self> {
        Self::load_from(&ModelFolder::open(folder)?, dtype, device)
    }

    /// The same of a folder that is open, to sample and to score. In bf16 on the CPU the model has no parameters.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_from(folder: &ModelFolder, dtype: DType, device: &Device) -> Result<Self> {
        if is_packed(dtype, device) {
            return Self::load_frozen(folder, dtype, device, false);
        }
        let config = folder.config()?;
        let tensors = folder.weights(&config)?.load(dtype, device)?;
        Self::from_tensors(config, tensors)
    }

    /// The same to train all of it. In bf16 on the CPU the parameters are in f32, and products of numbers rounded to bf16.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_to_train(folder: &ModelFolder, dtype: DType, device: &Device) -> Result<Self> {
        if is_packed(dtype, device) {
            let config = folder.config()?;
            let tensors = folder.weights(&config)?.load(DType::F32, device)?;
            return Self::to_train_in_bf16(config, tensors);
        }
        Self::load_from(folder, dtype, device)
    }

    /// The same to train adapters beside it ([`Self::with_adapters`]), with nothing held that only its own training needs.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_to_adapt(folder: &ModelFolder, dtype: DType, device: &Device) -> Result<Self> {
        match is_packed(dtype, device) {
            true => Self::load_frozen(folder, dtype, device, true),
            false => Self::load_from(folder, dtype, device),
        }
    }

    /// In bf16 on the CPU, without parameters: one tensor at a time, each dropped when it has been packed.
    fn load_frozen(folder: &ModelFolder, dtype: DType, device: &Device, has_gradients: bool) -> Result<Self> {
        let config = folder.config()?;
        let mut packed = Vec::new();
        folder.weights(&config)?.for_each(dtype, device, |name, tensor| {
            packed.push((name, frozen_weight(&tensor, has_gradients)?));
            Ok(())
        })?;
        Self::of_weights(config, Vec::new(), &packed, Vec::new())
    }

    /// A model whose weights are drawn from `seed`, in f32 and then converted: the same on every device.
    ///
    /// Normal with standard deviation max(0.02, sqrt(2 / 5D)), as small transformers want it; the projections
    /// that write to the residual stream are smaller by sqrt(2 · layers) (GPT-2); norms are 1, biases 0.
    pub fn random(config: ModelConfig, seed: u64, dtype: DType, device: &Device) -> Result<Self> {
        let std = (2.0 / (5.0 * config.hidden_size as f64)).sqrt().max(0.02);
        let residual_std = std / (2.0 * config.num_hidden_layers as f64).sqrt();
        let mut tensors = Vec::new();
        for (index, (name, shape)) in config.tensors().into_iter().enumerate() {
            let n: usize = shape.iter().product();
            // A stream of its own for each tensor: a wider layer leaves the other tensors as they were.
            let mut rng = SplitMix64::new(SplitMix64::skipping(seed, index as u64).next_u64());
            let mut normals =
                |std: f64| (0..n).map(|_| (std * normal(&mut rng)) as f32).collect::<Vec<f32>>();
            let values = match name.as_str() {
                _ if name.ends_with("norm.weight") => vec![1.0; n],
                _ if name.ends_with(".bias") => vec![0.0; n],
                _ if name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight") => {
                    normals(residual_std)
                }
                _ => normals(std),
            };
            let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
            tensors.push((name, tensor.to_device(device)?.to_dtype(dtype)?));
        }
        Self::from_tensors(config, tensors)
    }

    /// A model of these tensors, which must be those of [`ModelConfig::tensors`], in that order. Its parameters are these tensors,
    /// except in bf16 on the CPU, where it is one that is only read.
    pub fn from_tensors(config: ModelConfig, tensors: Vec<(String, Tensor)>) -> Result<Self> {
        if tensors.iter().all(|(_, tensor)| is_packed(tensor.dtype(), tensor.device())) {
            let pack = |(name, tensor): (String, Tensor)| Ok((name, frozen_weight(&tensor, false)?));
            let weights = tensors.into_iter().map(pack).collect::<Result<Vec<_>>>()?;
            return Self::of_weights(config, Vec::new(), &weights, Vec::new());
        }
        let parameters = variables(tensors)?;
        let weights: Vec<(String, Weight)> = parameters
            .iter()
            .map(|(name, parameter)| (name.clone(), Weight::Tensor(parameter.as_tensor().clone())))
            .collect();
        Self::of_weights(config, parameters, &weights, Vec::new())
    }

    /// A model of these f32 tensors on the CPU, whose matrices are multiplied in bf16.
    pub fn to_train_in_bf16(config: ModelConfig, tensors: Vec<(String, Tensor)>) -> Result<Self> {
        let parameters = variables(tensors)?;
        let (mut weights, mut packed) = (Vec::new(), Vec::new());
        for (name, parameter) in &parameters {
            let weight = match parameter.rank() {
                2 => {
                    let matrix = PackedWeight::of_parameters(parameter)?;
                    packed.push(Some(matrix.clone()));
                    Weight::Packed(matrix)
                }
                _ => {
                    packed.push(None);
                    Weight::Tensor(parameter.as_tensor().clone())
                }
            };
            weights.push((name.clone(), weight));
        }
        Self::of_weights(config, parameters, &weights, packed)
    }

    fn of_weights(
        config: ModelConfig,
        parameters: Vec<(String, Var)>,
        weights: &[(String, Weight)],
        packed: Vec<Option<PackedWeight>>,
    ) -> Result<Self> {
        let rotary = RotaryTable::scaled(config.head_dim, config.rope_theta, config.rope_scaling)?;
        let rotary = Arc::new(rotary);
        let find = |name: &str| {
            let found = weights.iter().find(|(other, _)| other == name);
            found.map(|(_, weight)| weight.clone()).ok_or_else(|| ModelError::TensorMissing {
                tensor: name.to_owned(),
                file: "the tensors that were given".into(),
            })
        };
        let trainable = Decoder::new(&config, rotary.clone(), find)?;
        // Detached weights share the parameters' storage: they follow every update and record no graph.
        let frozen = Decoder::new(&config, rotary, |name| Ok(find(name)?.detach()))?;
        let (n_tokens, adapted) = (config.vocab_size, None);
        Ok(Self { n_tokens, config, parameters, packed, trainable, frozen, adapted })
    }

    /// Takes note that the parameter at this place of [`Self::parameters`] has changed, as an optimiser's step changes each of them.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn parameter_changed(&self, place: usize) -> Result<()> {
        match self.packed.get(place) {
            Some(Some(packed)) => Ok(packed.repack()?),
            _ => Ok(()),
        }
    }

    /// The same model with adapters, which become its parameters. Its weights are frozen: they are on no graph, so that no
    /// gradient is computed of them. `dropout` is what [`Self::for_pass`] drops of the adapters' inputs.
    ///
    /// # Errors
    /// [`ModelError::Lora`] if the model has adapters already.
    pub fn with_adapters(self, adapters: &Adapters, dropout: f64) -> Result<Self> {
        if self.adapted.is_some() {
            let reason = "are there already: merge them first".into();
            return Err(ModelError::Lora { field: "adapters", reason });
        }
        let mut parameters = Vec::with_capacity(2 * adapters.pairs.len());
        let (mut tracked, mut detached) = (Vec::new(), Vec::new());
        for Pair { place, down, up } in &adapters.pairs {
            let place = *place;
            let (down, up) = (Var::from_tensor(down)?, Var::from_tensor(up)?);
            let pair = |of: fn(&Var) -> Tensor| Pair { place, down: of(&down), up: of(&up) };
            tracked.push(pair(|var| var.as_tensor().clone()));
            detached.push(pair(Var::as_detached_tensor));
            parameters.extend(place.tensor_names().into_iter().zip([down, up]));
        }
        let scaling = adapters.scaling;
        let adapters = Adapters { scaling, pairs: detached };
        let frozen = self.frozen.with_adapters(&adapters);
        let trainable = frozen.clone().with_adapters(&Adapters { scaling, pairs: tracked });
        let weights = self.parameters.into_iter().map(|(name, var)| (name, var.as_detached_tensor()));
        let adapted = Some(Adapted { weights: weights.collect(), adapters, dropout });
        Ok(Self { parameters, trainable, frozen, adapted, ..self })
    }

    /// The same model, same storage, for one forward and backward pass in training: its adapters drop a share of their inputs,
    /// as `seed` decides, each time that a layer is computed the same.
    pub fn for_pass(&self, seed: u64) -> Self {
        let mut model = self.clone();
        if let Some(Adapted { dropout, .. }) = self.adapted
            && dropout > 0.0
        {
            model.trainable = model.trainable.with_dropout(dropout, seed);
            model.frozen = model.frozen.with_dropout(dropout, seed);
        }
        model
    }

    /// The adapters, off the graph, if it has any.
    pub fn adapters(&self) -> Option<&Adapters> {
        self.adapted.as_ref().map(|adapted| &adapted.adapters)
    }

    /// The same model; what is read to sample and to score is added to a count of tokens.
    pub fn counting(mut self, tokens_read: Arc<AtomicU64>) -> Self {
        self.frozen = self.frozen.counting(tokens_read);
        self
    }

    /// The same model for a tokenizer whose largest id is `n_tokens` − 1: larger ids, which pad the embedding to a round size, are
    /// never drawn.
    pub fn with_n_tokens(self, n_tokens: usize) -> Self {
        Self { n_tokens: n_tokens.min(self.config.vocab_size), ..self }
    }

    /// Writes weights and `config.json` into a folder that exists; adapters are merged into the weights.
    ///
    /// # Errors
    /// [`ModelError::ReadOnly`] for a model without parameters; a file that cannot be written.
    pub fn save(&self, folder: &Path, options: &SaveOptions) -> Result<()> {
        if self.frozen.layers().first().is_some_and(|layer| layer.is_packed()) && self.packed.is_empty() {
            return Err(ModelError::ReadOnly);
        }
        if let Some(Adapted { weights, adapters, .. }) = &self.adapted {
            let merged: Vec<(&str, Tensor)> = weights
                .iter()
                .map(|(name, weight)| Ok((name.as_str(), adapters.merge(name, weight, weight.dtype())?)))
                .collect::<Result<_>>()?;
            let tensors = merged.iter().map(|(name, tensor)| (*name, tensor));
            return weights::save(folder, &self.config, tensors, options);
        }
        let tensors = self.parameters.iter().map(|(name, parameter)| (name.as_str(), parameter.as_tensor()));
        weights::save(folder, &self.config, tensors, options)
    }

    /// Shape and constants.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// How many ids can be drawn, from 0 on.
    pub fn n_tokens(&self) -> usize {
        self.n_tokens
    }

    /// What is trained, by its name in the checkpoint, in the order of the forward pass: the weights, or the adapters if there are
    /// any; none if the model is only read.
    pub fn parameters(&self) -> &[(String, Var)] {
        &self.parameters
    }

    /// The decoder whose results lead back to the parameters.
    pub fn trainable(&self) -> &Decoder {
        &self.trainable
    }

    /// The same decoder, same storage, without a graph: for sampling and scoring.
    pub fn frozen(&self) -> &Decoder {
        &self.frozen
    }

    /// [`Decoder::hidden`] of the trainable decoder.
    pub fn hidden(&self, ids: Arc<[u32]>, segments: &Segments) -> Result<Tensor> {
        self.trainable.hidden(ids, segments)
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.frozen.device()
    }

    /// The number format of the activations.
    pub fn dtype(&self) -> DType {
        self.frozen.dtype()
    }
}

/// A tensor of a model in bf16 without parameters: a packed matrix, through which gradients may flow, or a vector in f32.
fn frozen_weight(tensor: &Tensor, has_gradients: bool) -> Result<Weight> {
    Ok(match tensor.rank() {
        2 => Weight::Packed(PackedWeight::frozen(tensor, has_gradients)?),
        _ => Weight::Tensor(tensor.to_dtype(DType::F32)?),
    })
}

fn variables(tensors: Vec<(String, Tensor)>) -> Result<Vec<(String, Var)>> {
    tensors.into_iter().map(|(name, tensor)| Ok((name, Var::from_tensor(&tensor)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_tensors_close, logits, random_model};

    #[test]
    fn the_frozen_decoder_follows_updates() {
        let model = random_model(7);
        let before = logits(&model, &[1, 2, 3]);
        for (_, parameter) in model.parameters() {
            parameter.set(&(parameter.as_tensor().detach() * 1.5).unwrap()).unwrap();
        }
        let moved = (logits(&model, &[1, 2, 3]) - &before).unwrap().abs().unwrap().max_all().unwrap();
        assert!(moved.to_scalar::<f32>().unwrap() > 1e-3);
    }

    #[test]
    fn a_seed_gives_the_same_weights_again() {
        let weights = |seed| {
            let model = LanguageModel::random(
                ModelConfig::tiny(40, 32, 48, 2, (4, 2)),
                seed,
                DType::F32,
                &Device::Cpu,
            )
            .unwrap();
            model.parameters()[2].1.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(weights(1), weights(1));
        assert_ne!(weights(1), weights(2));
    }

    #[test]
    fn a_checkpoint_goes_round_and_tokens_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let model = random_model(8);
        model.save(folder.path(), &SaveOptions::default()).unwrap();
        let loaded = LanguageModel::load(folder.path(), DType::F32, &Device::Cpu).unwrap();
        assert_eq!(loaded.config().eos_token_ids, [0]);
        assert_tensors_close(&logits(&loaded, &[1, 2, 3]), &logits(&model, &[1, 2, 3]), 0.0);
        let error = model.hidden([1, 40].as_slice().into(), &Segments::from_lengths([2])).unwrap_err();
        assert!(matches!(error, ModelError::UnknownToken { token: 40, vocab_size: 40 }), "{error}");
    }
}
