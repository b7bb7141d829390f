//! Writes checkpoints and their logits, for `transformers` to load.
//!
//! `cargo run --release -p ts-model --example write_checkpoint -- FOLDER` writes one that is random and sharded;
//! `tests/python/check_export.py` reads it. With a second folder, of checkpoints, each of these is read and written again, in its
//! own number format; `tests/python/families.py` reads them.

use std::error::Error;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use ts_model::ops::Segments;
use ts_model::weights::{SaveOptions, Weights};
use ts_model::{LanguageModel, ModelConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = args.next().ok_or("usage: write_checkpoint FOLDER [CHECKPOINTS]")?;
    let Some(checkpoints) = args.next() else {
        let config = ModelConfig { eos_token_ids: vec![0], ..ModelConfig::tiny(384, 128, 384, 6, (4, 2)) };
        let model = LanguageModel::random(config, 1, DType::F32, &Device::Cpu)?;
        return write(&model, &folder, &SaveOptions { dtype: None, max_shard_bytes: 2_000_000 });
    };
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
    let vocab_size = model.config().vocab_size as u32;
    let tokens: Vec<u32> = (0..100).map(|i| (i * 37 + 5) % vocab_size).collect();
    let hidden = model.frozen().hidden(tokens.clone().into(), &Segments::from_lengths([tokens.len()]))?;
    let logits = model.frozen().logits(&hidden)?.to_vec2::<f32>()?;
    let text = serde_json::to_string(&serde_json::json!({"tokens": tokens, "logits": logits}))?;
    std::fs::write(folder.join("logits.json"), text)?;
    Ok(())
}
