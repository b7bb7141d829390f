//! Writes checkpoints and their logits, for `transformers` to load.
//!
//! `cargo run --release -p ts-model --example write_checkpoint -- FOLDER` writes one that is random and sharded;
//! `tests/python/check_export.py` reads it. With a second folder, of checkpoints, each of these is read and written again, in its
//! own number format; `tests/python/families.py` reads them. With the word `adapters`, it writes adapters to some of this crate's
//! test checkpoints; `tests/python/lora.py` reads them. With the word `smollm2`, it writes random weights of SmolLM2-135M's shape in bf16,
//! with 16,384 positions and no end of text; `tests/python/bench_cost.py` runs on them.

mod usage;

use std::error::Error;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use ts_model::adapter::{self, AdapterConfig, BaseName};
use ts_model::adapters::Projection;
use ts_model::lora::LoraConfig;
use ts_model::ops::Segments;
use ts_model::weights::{SaveOptions, Weights};
use ts_model::{LanguageModel, ModelConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = args.next().ok_or("usage: write_checkpoint FOLDER [CHECKPOINTS|adapters|smollm2]")?;
    let Some(checkpoints) = args.next() else {
        let config = ModelConfig { eos_token_ids: vec![0], ..ModelConfig::tiny(384, 128, 384, 6, (4, 2)) };
        let model = LanguageModel::random(config, 1, DType::F32, &Device::Cpu)?;
        return write(&model, &folder, &SaveOptions { dtype: None, max_shard_bytes: 2_000_000 });
    };
    if checkpoints.as_os_str() == "adapters" {
        return ["qwen2-tied", "llama-biases", "qwen3", "mistral"]
            .into_iter()
            .try_for_each(|name| write_adapter(name, &folder.join(name)));
    }
    if checkpoints.as_os_str() == "smollm2" {
        let config = usage::smollm2();
        let config = ModelConfig { max_position_embeddings: 16_384, ..config };
        std::fs::create_dir_all(&folder)?;
        let options = SaveOptions { dtype: Some(DType::BF16), ..SaveOptions::default() };
        return Ok(LanguageModel::random(config, 1, DType::F32, &Device::Cpu)?.save(&folder, &options)?);
    }
    for checkpoint in std::fs::read_dir(checkpoints)? {
        let checkpoint = checkpoint?;
        let model = LanguageModel::load(&checkpoint.path(), DType::F32, &Device::Cpu)?;
        let dtype = Weights::open(&checkpoint.path(), model.config())?.stored_dtype();
        let options = SaveOptions { dtype: Some(dtype), ..SaveOptions::default() };
        write(&model, &folder.join(checkpoint.file_name()), &options)?;
    }
    Ok(())
}

/// The checkpoint, and `logits.json` beside it.
fn write(model: &LanguageModel, folder: &Path, options: &SaveOptions) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    model.save(folder, options)?;
    write_logits(model, folder)
}

/// An adapter to a test checkpoint, whose second matrices are not 0, and `logits.json` beside it.
fn write_adapter(name: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let base = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/families")).join(name);
    let lora = LoraConfig {
        rank: 4,
        alpha: 10.0,
        target_modules: vec![Projection::Key, Projection::Output, Projection::Up, Projection::Down],
        dropout: 0.1,
    };
    let model = LanguageModel::load(&base, DType::F32, &Device::Cpu)?;
    let mut adapters = lora.begin(model.config(), 1, DType::F32, &Device::Cpu)?;
    for pair in &mut adapters.pairs {
        let (outputs, rank) = pair.up.dims2()?;
        let waves = Tensor::arange(0u32, (outputs * rank) as u32, &Device::Cpu)?.to_dtype(DType::F32)?;
        pair.up = (waves.sin()? * 0.05)?.reshape((outputs, rank))?;
    }
    std::fs::create_dir_all(folder)?;
    adapter::save(folder, &AdapterConfig::new(BaseName::new(base.display().to_string()), &lora), &adapters)?;
    write_logits(&model.with_adapters(&adapters, lora.dropout)?, folder)
}

fn write_logits(model: &LanguageModel, folder: &Path) -> Result<(), Box<dyn Error>> {
    let vocab_size = model.config().vocab_size as u32;
    let tokens: Vec<u32> = (0..100).map(|i| (i * 37 + 5) % vocab_size).collect();
    let hidden = model.frozen().hidden(tokens.clone().into(), &Segments::from_lengths([tokens.len()]))?;
    let logits = model.frozen().logits(&hidden)?.to_vec2::<f32>()?;
    let text = serde_json::to_string(&serde_json::json!({"tokens": tokens, "logits": logits}))?;
    std::fs::write(folder.join("logits.json"), text)?;
    Ok(())
}
