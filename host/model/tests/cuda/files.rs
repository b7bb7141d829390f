//! Checkpoints that are written from a GPU.

use candle_core::{DType, Device};
use ts_model::LanguageModel;
use ts_model::adapter;
use ts_model::weights::SaveOptions;

use crate::common::checkpoints;
use crate::training::adapted;
use crate::{gpu, numbers, on_cpu, on_gpu};

fn assert_same(name: &str, actual: &LanguageModel, expected: &LanguageModel) {
    assert_eq!(actual.parameters().len(), expected.parameters().len());
    for ((tensor, actual), (_, expected)) in actual.parameters().iter().zip(expected.parameters()) {
        assert!(numbers(actual) == numbers(expected), "{name}: {tensor} is another");
    }
}

/// The checkpoints are stored in bf16, so that nothing is rounded on the way.
#[test]
fn a_checkpoint_goes_round() {
    for (name, folder) in checkpoints() {
        for dtype in [DType::F32, DType::BF16] {
            let written = tempfile::tempdir().unwrap();
            on_gpu(&folder, dtype).save(written.path(), &SaveOptions::default()).unwrap();
            assert_same(&name, &on_cpu(written.path()), &on_cpu(&folder));
            assert_same(&name, &on_gpu(written.path(), DType::F32), &on_cpu(&folder));
        }
    }
}

/// Alone, and merged into the weights.
#[test]
fn adapters_go_round() {
    let (base, config, adapters) = adapted("qwen3");
    let with = |model: LanguageModel, device: &Device| {
        model.with_adapters(&adapters.to(DType::F32, device).unwrap(), 0.0).unwrap()
    };
    let (of_gpu, of_cpu) = (with(on_gpu(&base, DType::F32), &gpu()), with(on_cpu(&base), &Device::Cpu));
    let written = tempfile::tempdir().unwrap();
    adapter::save(written.path(), &config, of_gpu.adapters().unwrap()).unwrap();
    let (_, again) = adapter::read(written.path(), of_cpu.config()).unwrap();
    for (again, before) in again.pairs.iter().zip(&adapters.pairs) {
        assert_eq!(numbers(&again.down), numbers(&before.down));
        assert_eq!(numbers(&again.up), numbers(&before.up));
    }

    let merged = |model: &LanguageModel| {
        let written = tempfile::tempdir().unwrap();
        let options = SaveOptions { dtype: Some(DType::F32), ..SaveOptions::default() };
        model.save(written.path(), &options).unwrap();
        on_cpu(written.path())
    };
    let (actual, expected) = (merged(&of_gpu), merged(&of_cpu));
    for ((tensor, actual), (_, expected)) in actual.parameters().iter().zip(expected.parameters()) {
        let error = crate::relative_error([(&**actual, &**expected)]);
        assert!(error < 1e-6, "{tensor} is off by {error:e} of its size");
    }
}
