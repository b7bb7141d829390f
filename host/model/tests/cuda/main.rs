//! A GPU beside the CPU: the same checkpoints and the same texts give the same numbers, in f32 closely and in bf16 loosely.
//!
//! Built with the feature `cuda` alone. Every test takes the GPU of number 0 and fails where there is none. What a checkpoint gives is
//! held against what `transformers` computed, as `families.rs` does for the CPU, and against the CPU's fused operations.

#[path = "../common/mod.rs"]
mod common;
mod drawing;
mod files;
mod forward;
mod memory;
mod training;

use std::path::Path;
use std::sync::OnceLock;

use candle_core::{DType, Device, Tensor};
use ts_model::{LanguageModel, ModelConfig, device};

/// The GPU, opened once: tests share it between their threads as workers do.
fn gpu() -> Device {
    static GPU: OnceLock<Device> = OnceLock::new();
    let open = || device::cuda(0).unwrap_or_else(|error| panic!("no CUDA device: {error}"));
    GPU.get_or_init(open).clone()
}

/// A checkpoint in f32 on the CPU.
fn on_cpu(folder: &Path) -> LanguageModel {
    LanguageModel::load(folder, DType::F32, &Device::Cpu).unwrap()
}

/// The same checkpoint on the GPU.
fn on_gpu(folder: &Path, dtype: DType) -> LanguageModel {
    LanguageModel::load(folder, dtype, &gpu()).unwrap()
}

/// A model of four layers that keeps a GPU busy for a while, the same on every device.
fn random_model(dtype: DType, device: &Device) -> LanguageModel {
    let config = ModelConfig { max_position_embeddings: 2048, ..ModelConfig::tiny(500, 256, 768, 4, (8, 2)) };
    LanguageModel::random(config, 1, dtype, device).unwrap()
}

/// Tokens that look random, below `limit`.
fn tokens(seed: u32, n: u32, limit: u32) -> Vec<u32> {
    (0..n).map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed * 40_503) >> 7) % limit).collect()
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    tensor.to_vec1().unwrap()
}

/// ‖actual − expected‖ / ‖expected‖ over all numbers of both.
fn relative_error<'a>(pairs: impl IntoIterator<Item = (&'a Tensor, &'a Tensor)>) -> f64 {
    let (mut of_difference, mut of_expected) = (0.0, 0.0);
    for (actual, expected) in pairs {
        assert_eq!(actual.dims(), expected.dims());
        for (actual, expected) in numbers(actual).into_iter().zip(numbers(expected)) {
            of_difference += (actual - expected) * (actual - expected);
            of_expected += expected * expected;
        }
    }
    (of_difference / of_expected).sqrt()
}

/// Says how far off something is, as a share of its size, and that it is less than `most`.
fn assert_off_by_less(what: &str, error: f64, most: f64) {
    println!("{what}: off by {error:.1e} of their size");
    assert!(error < most, "{what}: off by {error:e} of their size");
}
