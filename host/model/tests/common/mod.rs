//! Small checkpoints of every family, and what `transformers` computed of them: `tests/python/families.py` wrote both.

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use serde::Deserialize;
use ts_model::LanguageModel;
use ts_model::log_prob::{Packed, Sequence, token_log_probs};

/// A text, and what is expected of it.
#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) tokens: Vec<u32>,
    pub(crate) prompt_len: usize,
    pub(crate) positions: Vec<usize>,
    pub(crate) logits: Vec<Vec<f32>>,
    pub(crate) response_log_prob: f64,
    pub(crate) greedy: Vec<u32>,
}

impl Case {
    pub(crate) fn sequence(&self) -> Sequence {
        Sequence { tokens: self.tokens.clone(), prompt_len: self.prompt_len }
    }
}

/// A folder of `tests/data`; that of the machine that runs the test, if it was built on another.
pub(crate) fn data(kind: &str) -> PathBuf {
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&here).join("tests/data").join(kind)
}

/// The checkpoints, by name.
pub(crate) fn checkpoints() -> Vec<(String, PathBuf)> {
    let folder = data("families");
    let mut found: Vec<(String, PathBuf)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path))
        .collect();
    found.sort();
    assert_eq!(found.len(), 11);
    found
}

pub(crate) fn cases(folder: &Path) -> Vec<Case> {
    serde_json::from_str(&std::fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap()
}

/// `log π(response | prompt)` of each sequence, in nats, by the decoder that is trained.
pub(crate) fn log_probs_of(model: &LanguageModel, sequences: &[Sequence]) -> Tensor {
    let packed = Packed::new(sequences).unwrap();
    packed.sum_by_sequence(&token_log_probs(model.trainable(), &packed).unwrap()).unwrap()
}
