//! Adapters against numbers that PEFT computed: `tests/python/lora.py` wrote the adapters, to checkpoints of `families`, and what is
//! expected of them. Gradients are compared where the objective is, in `ts-pipeline`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use ts_model::adapter::{self, AdapterConfig};
use ts_model::ops::Segments;
use ts_model::weights::SaveOptions;
use ts_model::{LanguageModel, ModelFolder};

#[derive(Deserialize)]
struct Expected {
    tokens: Vec<u32>,
    positions: Vec<usize>,
    logits: Vec<Vec<f32>>,
}

struct Case {
    name: String,
    folder: ModelFolder,
    expected: Expected,
}

fn data(kind: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data")).join(kind)
}

fn cases() -> Vec<Case> {
    let case = |name: &str| {
        let folder = data("lora").join(name);
        let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
        Case {
            name: name.to_owned(),
            folder: ModelFolder::of_adapter(&folder, &data("families").join(name)).unwrap(),
            expected: serde_json::from_str(&text).unwrap(),
        }
    };
    ["qwen2-tied", "llama-biases", "qwen3"].map(case).into()
}

fn tensors(folder: &Path, name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(folder.join(name), &Device::Cpu).unwrap()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    let difference = (a.to_dtype(DType::F64).unwrap() - b.to_dtype(DType::F64).unwrap()).unwrap();
    difference.abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

/// Merged into the weights, as sampling has them; beside the weights, as training has them; and by both kinds of operations.
#[test]
fn logits_are_those_of_peft() {
    for Case { name, folder, expected } in cases() {
        for dtype in [DType::F32, DType::F64] {
            let merged = LanguageModel::load_from(&folder, dtype, &Device::Cpu).unwrap();
            let base = LanguageModel::load(folder.base(), dtype, &Device::Cpu).unwrap();
            let (_, adapters) = folder.adapters(base.config()).unwrap().unwrap();
            let adapters = adapters.to(dtype, &Device::Cpu).unwrap();
            let beside = base.clone().with_adapters(&adapters, 0.0).unwrap();
            let worst = |model: &LanguageModel| {
                let segments = Segments::from_lengths([expected.tokens.len()]);
                let hidden = model.hidden(expected.tokens.clone().into(), &segments).unwrap();
                let logits = model.frozen().logits(&hidden).unwrap();
                let pairs = expected.positions.iter().zip(&expected.logits);
                let of_row = |(position, row): (&usize, &Vec<f32>)| {
                    let row = Tensor::new(row.as_slice(), &Device::Cpu).unwrap();
                    largest_difference(&logits.get(*position).unwrap(), &row)
                };
                pairs.map(of_row).fold(0.0, f64::max)
            };
            for (how, model) in [("merged", &merged), ("beside", &beside)] {
                let worst = worst(model);
                assert!(worst < 1e-4, "{name}, {how}, {dtype:?}: off by {worst:e}");
                println!("{name}, {how}, {dtype:?}: largest difference of a logit {worst:.1e}");
            }
            assert!(worst(&base) > 0.1, "{name}: the adapter does nothing");
        }
    }
}

#[test]
fn merged_weights_are_those_of_merge_and_unload() {
    for Case { name, folder, .. } in cases() {
        let merged = LanguageModel::load_from(&folder, DType::F32, &Device::Cpu).unwrap();
        let expected = tensors(folder.adapter().unwrap(), "merged.safetensors");
        let base = LanguageModel::load(folder.base(), DType::F32, &Device::Cpu).unwrap();
        for ((tensor, ours), (_, base)) in merged.parameters().iter().zip(base.parameters()) {
            match expected.get(tensor) {
                Some(expected) => {
                    let error = largest_difference(ours, expected);
                    assert!(error < 1e-6, "{name}: {tensor} is off by {error:e}");
                    assert!(largest_difference(base, expected) > 1e-3, "{name}: {tensor} did not change");
                }
                None => assert_eq!(largest_difference(ours, base), 0.0, "{name}: {tensor} changed"),
            }
        }
        // And in the base's number format, rounded once.
        let written = tempfile::tempdir().unwrap();
        let options = SaveOptions { dtype: Some(DType::BF16), ..SaveOptions::default() };
        merged.save(written.path(), &options).unwrap();
        let weights = folder.weights(merged.config()).unwrap();
        let written = tensors(written.path(), "model.safetensors");
        for (tensor, ours) in weights.load(DType::BF16, &Device::Cpu).unwrap() {
            assert_eq!(largest_difference(&ours, &written[&tensor]), 0.0, "{name}: {tensor}");
        }
    }
}

/// What PEFT wrote is written again with the same names, shapes and numbers.
#[test]
fn an_adapter_goes_round() {
    for Case { name, folder, .. } in cases() {
        let (config, adapters) = folder.adapters(&folder.config().unwrap()).unwrap().unwrap();
        let written = tempfile::tempdir().unwrap();
        adapter::save(written.path(), &config, &adapters).unwrap();
        assert_eq!(AdapterConfig::read(written.path()).unwrap().unwrap(), config, "{name}");
        let before = tensors(folder.adapter().unwrap(), "adapter_model.safetensors");
        let after = tensors(written.path(), "adapter_model.safetensors");
        assert_eq!(before.len(), after.len(), "{name}");
        for (tensor, before) in before {
            assert_eq!(largest_difference(&before, &after[&tensor]), 0.0, "{name}: {tensor}");
        }
    }
}

/// `base_model_name_or_path` leads to the base; PEFT wrote it as it was given, from this crate's folder, where tests run.
#[test]
fn the_base_is_found_where_the_adapter_says() {
    for Case { name, folder, .. } in cases() {
        let found = ModelFolder::open(folder.adapter().unwrap()).unwrap();
        assert_eq!(found.base(), Path::new("tests/data/families").join(&name));
        let nowhere = tempfile::tempdir().unwrap();
        for (base, reason) in [
            (nowhere.path().join("gone"), "is not a folder here"),
            (folder.adapter().unwrap().to_owned(), "is an adapter itself"),
            (PathBuf::new(), "is named nowhere"),
        ] {
            let error = ModelFolder::of_adapter(folder.adapter().unwrap(), &base).unwrap_err();
            assert!(error.to_string().ends_with(reason) && error.hint().is_some(), "{error}");
        }
        let error = ModelFolder::of_adapter(folder.base(), folder.base()).unwrap_err();
        assert!(error.to_string().ends_with("there is no adapter_config.json"), "{error}");
    }
}
