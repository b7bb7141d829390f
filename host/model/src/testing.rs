//! Test support: small random models, tokens, and comparisons.
//!
//! In: seeds. Out: models whose every parameter matters, and panics that say by how much two numbers differ.

use candle_core::{DType, Device, Tensor};
use ts_core::seed::SplitMix64;

use crate::config::{Biases, Family, ModelConfig};
use crate::language_model::LanguageModel;
use crate::ops::{RotaryScaling, Segments};
use crate::rng::normal;

/// Four query heads on two key-value heads, three layers, 40 tokens; biases and norms are random too, so that
/// a mistake in one of them shows.
pub(crate) fn random_model(seed: u64) -> LanguageModel {
    random_model_of(
        ModelConfig { eos_token_ids: vec![0], ..ModelConfig::tiny(40, 32, 48, 3, (4, 2)) },
        seed,
        DType::F32,
    )
}

const NO_BIASES: Biases = Biases { queries_keys_values: false, attention_output: false, feed_forward: false };

/// `base`, a Qwen2 of two layers or more, and what it would be in the other families, with their windows and scaled rotary
/// embeddings: all that makes the decoder another function. Windows and original lengths are of a few tokens.
pub(crate) fn in_all_families(base: &ModelConfig) -> Vec<ModelConfig> {
    let (factor, original_positions) = (4.0, 6);
    let llama = ModelConfig { family: Family::Llama, biases: NO_BIASES, ..base.clone() };
    let last_layer = [vec![None; base.num_hidden_layers - 1], vec![Some(5)]].concat();
    vec![
        base.clone(),
        ModelConfig { windows: last_layer.clone(), ..base.clone() },
        ModelConfig { rope_scaling: RotaryScaling::Linear { factor }, ..llama.clone() },
        ModelConfig {
            biases: Biases { queries_keys_values: true, attention_output: true, feed_forward: true },
            rope_scaling: RotaryScaling::Llama3 {
                factor,
                low_freq_factor: 0.01,
                high_freq_factor: 0.5,
                original_positions,
            },
            ..llama
        },
        ModelConfig {
            family: Family::Qwen3,
            biases: NO_BIASES,
            head_dim: base.head_dim + 2,
            windows: last_layer,
            rope_scaling: RotaryScaling::Yarn {
                factor,
                attention_factor: 1.2,
                beta_fast: 0.5,
                beta_slow: 0.01,
                original_positions,
                truncate: false,
            },
            ..base.clone()
        },
        ModelConfig {
            family: Family::Mistral,
            biases: NO_BIASES,
            windows: vec![Some(7); base.num_hidden_layers],
            ..base.clone()
        },
    ]
}

/// `base` as a Llama whose rotary embedding depends on the sequence's length beyond 10 tokens.
pub(crate) fn dynamic(base: &ModelConfig) -> ModelConfig {
    let rope_scaling = RotaryScaling::Dynamic { factor: 2.0, original_positions: 10 };
    ModelConfig { family: Family::Llama, biases: NO_BIASES, rope_scaling, ..base.clone() }
}

/// [`random_model`] in all families.
pub(crate) fn random_models(seed: u64) -> Vec<LanguageModel> {
    let base = ModelConfig { eos_token_ids: vec![0], ..ModelConfig::tiny(40, 32, 48, 3, (4, 2)) };
    in_all_families(&base).into_iter().map(|config| random_model_of(config, seed, DType::F32)).collect()
}

pub(crate) fn random_model_of(config: ModelConfig, seed: u64, dtype: DType) -> LanguageModel {
    let model = LanguageModel::random(config, seed, dtype, &Device::Cpu).unwrap();
    let mut rng = SplitMix64::new(seed ^ 0xABCD);
    for (name, parameter) in model.parameters() {
        if parameter.rank() == 1 {
            let center = if name.ends_with("norm.weight") { 1.0 } else { 0.0 };
            let values: Vec<f64> =
                (0..parameter.elem_count()).map(|_| center + 0.3 * normal(&mut rng)).collect();
            let tensor = Tensor::from_vec(values, parameter.shape(), &Device::Cpu).unwrap();
            parameter.set(&tensor.to_dtype(dtype).unwrap()).unwrap();
        }
    }
    model
}

pub(crate) fn random_tokens(seed: u64, n: usize) -> Vec<u32> {
    let mut rng = SplitMix64::new(seed);
    (0..n).map(|_| 1 + (rng.next_u64() % 39) as u32).collect()
}

/// Final hidden states of one sequence, without a cache.
pub(crate) fn whole(model: &LanguageModel, tokens: &[u32]) -> Tensor {
    model.frozen().hidden(tokens.into(), &Segments::from_lengths([tokens.len()])).unwrap()
}

pub(crate) fn assert_close(actual: f64, expected: f64, tolerance: f64) {
    let difference = (actual - expected).abs();
    assert!(
        difference <= tolerance * expected.abs().max(1.0),
        "{actual} is not {expected}: off by {difference:e}"
    );
}

pub(crate) fn assert_tensors_close(actual: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(actual.dims(), expected.dims());
    let numbers =
        |t: &Tensor| t.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
    for (a, b) in numbers(actual).into_iter().zip(numbers(expected)) {
        assert_close(a, b, tolerance);
    }
}

pub(crate) fn logits(model: &LanguageModel, tokens: &[u32]) -> Tensor {
    model.frozen().logits(&whole(model, tokens)).unwrap()
}
