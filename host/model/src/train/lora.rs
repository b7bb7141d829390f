//! Low-rank adapters to be trained: how many, how large, and what they begin as.
//!
//! In: rank, alpha, the projections to adapt, dropout; names and defaults are PEFT's. Out: [`Adapters`] to begin with. A is
//! uniform between ±1/√inputs, which is PEFT's `kaiming_uniform_(a=√5)`, and B is 0, so that the first step starts from the model
//! as it is. Numbers come from the seed and the matrix's name, are made in f32 and then converted: the same on every device.

use candle_core::{DType, Device, Tensor};
use ts_core::seed::{SplitMix64, derive_seed};

use crate::adapters::{Adapters, Pair, Place, Projection};
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};

/// What is trained instead of the weights.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    /// Rows of A, at least 1 (PEFT's `r`).
    pub rank: usize,
    /// The adapter's product is multiplied by alpha / rank (PEFT's `lora_alpha`).
    pub alpha: f64,
    /// Which projections have an adapter, in every layer.
    pub target_modules: Vec<Projection>,
    /// Share of an adapter's inputs that a training pass drops, at least 0 and below 1 (PEFT's `lora_dropout`).
    pub dropout: f64,
}

impl LoraConfig {
    /// PEFT's rank where none is given.
    pub const DEFAULT_RANK: usize = 8;
    /// PEFT's alpha where none is given.
    pub const DEFAULT_ALPHA: f64 = 8.0;

    /// Adapters that change nothing yet.
    ///
    /// # Errors
    /// [`ModelError::Lora`] for a setting outside of its range.
    pub fn begin(&self, config: &ModelConfig, seed: u64, dtype: DType, device: &Device) -> Result<Adapters> {
        self.check()?;
        let pair = |place: Place| -> Result<Pair> {
            let (outputs, inputs) = place.projection.shape(config);
            let mut rng = SplitMix64::new(derive_seed(seed, "lora", &place.module(), 0));
            let bound = 1.0 / (inputs as f64).sqrt();
            let uniform = (0..self.rank * inputs).map(|_| ((2.0 * rng.next_f64() - 1.0) * bound) as f32);
            let down = Tensor::from_vec(uniform.collect(), (self.rank, inputs), &Device::Cpu)?;
            Ok(Pair {
                place,
                down: down.to_device(device)?.to_dtype(dtype)?,
                up: Tensor::zeros((outputs, self.rank), dtype, device)?,
            })
        };
        let pairs = Place::all(config, &self.target_modules).into_iter().map(pair);
        Ok(Adapters { scaling: self.scaling(), pairs: pairs.collect::<Result<_>>()? })
    }

    /// What an adapter's product is multiplied by.
    pub fn scaling(&self) -> f64 {
        self.alpha / self.rank as f64
    }

    /// How many numbers are trained.
    pub fn n_values(&self, config: &ModelConfig) -> u64 {
        let sides = |place: Place| {
            let (outputs, inputs) = place.projection.shape(config);
            (outputs + inputs) as u64
        };
        Place::all(config, &self.target_modules).into_iter().map(sides).sum::<u64>() * self.rank as u64
    }

    fn check(&self) -> Result<()> {
        let wrong = |field, reason: String| Err(ModelError::Lora { field, reason });
        if self.rank == 0 {
            return wrong("rank", "is 0, must be at least 1".into());
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return wrong("alpha", format!("is {}, must be above 0", self.alpha));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong("dropout", format!("is {}, must be at least 0 and below 1", self.dropout));
        }
        if self.target_modules.is_empty() {
            return wrong("target_modules", "is empty, so nothing would be trained".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;
    use crate::checkpointed::{checkpointed_gradients, gradients};
    use crate::folder::ModelFolder;
    use crate::language_model::LanguageModel;
    use crate::log_prob::{Packed, Sequence};
    use crate::optim::{AdamW, AdamWConfig};
    use crate::testing::{
        assert_tensors_close, in_all_families, logits, random_model, random_model_of, random_tokens,
    };
    use crate::weights::SaveOptions;

    fn lora(target_modules: &[Projection]) -> LoraConfig {
        LoraConfig { rank: 3, alpha: 6.0, target_modules: target_modules.to_vec(), dropout: 0.3 }
    }

    /// With adapters whose B is random, so that all of them matter.
    fn adapted(model: LanguageModel, config: &LoraConfig) -> LanguageModel {
        let adapters = config.begin(model.config(), 7, model.dtype(), model.device()).unwrap();
        let model = model.with_adapters(&adapters, config.dropout).unwrap();
        for (index, (name, parameter)) in model.parameters().iter().enumerate() {
            if name.contains("lora_B") {
                let values = crate::gradcheck::tensor(parameter.dims(), index as u64);
                parameter.set(&values.to_dtype(parameter.dtype()).unwrap()).unwrap();
            }
        }
        model
    }

    fn packed() -> Packed {
        let sequences: Vec<_> =
            (0..3).map(|i| Sequence { tokens: random_tokens(i, 14), prompt_len: 4 }).collect();
        Packed::new(&sequences).unwrap()
    }

    fn loss(log_probs: &Tensor) -> Result<Tensor> {
        Ok(log_probs.sqr()?.sum_all()?)
    }

    fn numbers(tensor: &Tensor) -> Vec<f64> {
        tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
    }

    #[test]
    fn adapters_begin_as_peft_s_and_change_nothing() {
        let model = random_model(3);
        let before = logits(&model, &[1, 2, 3]);
        let config = lora(&Projection::ALL);
        let adapters = config.begin(model.config(), 7, DType::F32, &Device::Cpu).unwrap();
        assert_eq!(adapters.scaling, 2.0);
        assert_eq!(adapters.n_values() as u64, config.n_values(model.config()));
        for Pair { place, down, up } in &adapters.pairs {
            let (_, inputs) = place.projection.shape(model.config());
            let (values, bound) = (numbers(down), 1.0 / (inputs as f64).sqrt());
            let largest = values.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
            assert!(largest <= bound && largest > 0.9 * bound, "{place:?}: {largest} of {bound}");
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            assert!(mean.abs() < 0.2 * bound, "{place:?}: {mean}");
            assert!(numbers(up).iter().all(|&x| x == 0.0));
        }
        let again = config.begin(model.config(), 7, DType::F32, &Device::Cpu).unwrap();
        let other = config.begin(model.config(), 8, DType::F32, &Device::Cpu).unwrap();
        assert_eq!(numbers(&again.pairs[5].down), numbers(&adapters.pairs[5].down));
        assert_ne!(numbers(&other.pairs[5].down), numbers(&adapters.pairs[5].down));
        let model = model.with_adapters(&adapters, 0.3).unwrap();
        assert_tensors_close(&logits(&model, &[1, 2, 3]), &before, 0.0);
        assert!(model.with_adapters(&adapters, 0.0).is_err());
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let config = random_model(1).config().clone();
        let good = lora(&[Projection::Query]);
        for (bad, field) in [
            (LoraConfig { rank: 0, ..good.clone() }, "rank"),
            (LoraConfig { alpha: f64::NAN, ..good.clone() }, "alpha"),
            (LoraConfig { dropout: 1.0, ..good.clone() }, "dropout"),
            (LoraConfig { target_modules: Vec::new(), ..good }, "target_modules"),
        ] {
            let error = bad.begin(&config, 1, DType::F32, &Device::Cpu).unwrap_err();
            assert!(error.to_string().starts_with(&format!("lora: {field} is ")), "{error}");
        }
    }

    /// In f64, in every family, with what dropout leaves of the inputs; and in f32, by the fused operations.
    #[test]
    fn gradients_are_finite_differences_in_every_matrix() {
        let base = ModelConfig { tie_word_embeddings: false, ..ModelConfig::tiny(40, 16, 24, 2, (4, 2)) };
        for config in in_all_families(&base) {
            let exact = adapted(random_model_of(config.clone(), 5, DType::F64), &lora(&Projection::ALL));
            let pass = exact.for_pass(11);
            let of_f64 = gradients(&pass, &packed(), loss).unwrap();
            let value = || numbers(&gradients(&pass, &packed(), loss).unwrap().loss)[0];
            for ((name, parameter), gradient) in exact.parameters().iter().zip(&of_f64.of_parameters) {
                let (before, gradient) = (parameter.as_tensor().detach().copy().unwrap(), numbers(gradient));
                let values = numbers(&before);
                let largest = (0..values.len())
                    .max_by(|&i, &j| gradient[i].abs().total_cmp(&gradient[j].abs()))
                    .unwrap();
                assert!(gradient[largest].abs() > 1e-6, "{name} has no gradient to speak of");
                let moved = |step: f64| {
                    let mut values = values.clone();
                    values[largest] += step;
                    let moved = Tensor::from_vec(values, before.shape(), &Device::Cpu).unwrap();
                    parameter.set(&moved).unwrap();
                    value()
                };
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                parameter.set(&before).unwrap();
                let error = (difference - gradient[largest]).abs();
                assert!(
                    error < 1e-5 * (1.0 + gradient[largest].abs()),
                    "{name}[{largest}]: {difference} is not {}",
                    gradient[largest]
                );
            }
            let fused = adapted(random_model_of(config, 5, DType::F32), &lora(&Projection::ALL));
            let of_f32 = gradients(&fused.for_pass(11), &packed(), loss).unwrap();
            let pairs = of_f32.of_parameters.iter().zip(&of_f64.of_parameters);
            for ((name, _), (actual, expected)) in fused.parameters().iter().zip(pairs) {
                let (actual, expected) = (numbers(actual), numbers(expected));
                let scale = expected.iter().fold(0.0_f64, |max, g| max.max(g.abs()));
                let worst = actual.iter().zip(&expected).fold(0.0_f64, |max, (a, b)| max.max((a - b).abs()));
                assert!(worst < 5e-5 * scale.max(1e-3), "{name}: {worst:e} of {scale:e}");
            }
        }
    }

    #[test]
    fn activations_that_are_computed_again_drop_the_same_inputs() {
        for targets in [&Projection::ALL[..], &[Projection::Query, Projection::Value], &[Projection::Down]] {
            let model = adapted(random_model(4), &lora(targets));
            let pass = model.for_pass(5);
            let plain = gradients(&pass, &packed(), loss).unwrap();
            let checkpointed = checkpointed_gradients(&pass, &packed(), loss).unwrap();
            assert_tensors_close(&checkpointed.loss, &plain.loss, 0.0);
            for (a, b) in checkpointed.of_parameters.iter().zip(&plain.of_parameters) {
                assert_tensors_close(a, b, 0.0);
            }
            let loss_of = |model: &LanguageModel| numbers(&gradients(model, &packed(), loss).unwrap().loss);
            assert_eq!(loss_of(&model.for_pass(5)), numbers(&plain.loss));
            assert_ne!(loss_of(&model.for_pass(6)), numbers(&plain.loss));
            assert_ne!(loss_of(&model), numbers(&plain.loss));
        }
    }

    /// Roughly the gradients of f32: in f16 by the portable operations, in bf16 by packed weights and adapters in f32.
    #[test]
    fn half_precision_has_gradients_too() {
        let folder = tempfile::tempdir().unwrap();
        random_model(4).save(folder.path(), &SaveOptions::default()).unwrap();
        let folder = ModelFolder::open(folder.path()).unwrap();
        let of = |dtype| {
            let model = LanguageModel::load_to_adapt(&folder, dtype, &Device::Cpu).unwrap();
            let model = adapted(model, &lora(&Projection::ALL));
            assert_eq!(model.parameters()[0].1.dtype(), model.dtype());
            checkpointed_gradients(&model.for_pass(5), &packed(), loss).unwrap().of_parameters
        };
        let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let in_f32 = of(DType::F32);
        for (dtype, of_adapters, tolerance) in
            [(DType::F16, DType::F16, 0.05), (DType::BF16, DType::F32, 0.2)]
        {
            for (half, whole) in of(dtype).iter().zip(&in_f32) {
                assert_eq!(half.dtype(), of_adapters);
                let (half, whole) = (numbers(half), numbers(whole));
                let difference: Vec<f64> = half.iter().zip(&whole).map(|(a, b)| a - b).collect();
                let error = norm(&difference) / norm(&whole);
                assert!(error < tolerance, "{dtype:?}: {error}");
            }
        }
    }

    #[test]
    fn training_moves_the_adapters_and_leaves_the_weights() {
        let base = random_model(6);
        let before: Vec<Vec<f64>> = base.parameters().iter().map(|(_, var)| numbers(var)).collect();
        let weights: Vec<(String, Var)> = base.parameters().to_vec();
        let model = adapted(base, &lora(&[Projection::Query, Projection::Up]));
        assert_eq!(model.parameters().len(), 3 * 2 * 2);
        let mut optimiser = AdamW::new(model.parameters(), AdamWConfig::default()).unwrap();
        let logits_before = logits(&model, &[1, 2, 3]);
        for step in 0..3 {
            let gradients = gradients(&model.for_pass(step), &packed(), loss).unwrap();
            optimiser.step(&gradients.of_parameters, 1e-2).unwrap();
        }
        let moved = (logits(&model, &[1, 2, 3]) - logits_before).unwrap().abs().unwrap();
        assert!(numbers(&moved).into_iter().any(|x| x > 1e-3));
        for ((name, var), before) in weights.iter().zip(before) {
            assert_eq!(numbers(var), before, "{name}");
        }
    }

    #[test]
    fn a_model_with_adapters_is_saved_with_them_in_its_weights() {
        let folder = tempfile::tempdir().unwrap();
        let model = adapted(random_model(8), &lora(&Projection::ALL));
        model.save(folder.path(), &SaveOptions::default()).unwrap();
        let merged = LanguageModel::load(folder.path(), DType::F32, &Device::Cpu).unwrap();
        assert_tensors_close(&logits(&merged, &[1, 2, 3]), &logits(&model, &[1, 2, 3]), 2e-5);
    }
}
