//! Writes a random, sharded checkpoint and its logits, for `tests/python/check_export.py` to load in
//! `transformers`.
//!
//! `cargo run --release -p ts-model --example write_checkpoint -- FOLDER`

use std::error::Error;
use std::path::PathBuf;

use candle_core::{DType, Device};
use ts_model::ops::Segments;
use ts_model::weights::SaveOptions;
use ts_model::{LanguageModel, ModelConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: write_checkpoint FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let config = ModelConfig { eos_token_ids: vec![0], ..ModelConfig::tiny(384, 128, 384, 6, (4, 2)) };
    let model = LanguageModel::random(config, 1, DType::F32, &Device::Cpu)?;
    model.save(&folder, &SaveOptions { dtype: None, max_shard_bytes: 2_000_000 })?;
    let tokens: Vec<u32> = (0..100).map(|i| (i * 37 + 5) % 384).collect();
    let hidden = model.frozen().hidden(tokens.clone().into(), &Segments::from_lengths([tokens.len()]))?;
    let logits = model.frozen().logits(&hidden)?.to_vec2::<f32>()?;
    let text = serde_json::to_string(&serde_json::json!({"tokens": tokens, "logits": logits}))?;
    std::fs::write(folder.join("logits.json"), text)?;
    Ok(())
}
