//! Small checkpoints of every family, and what `transformers` computed of them: `tests/python/families.py` wrote both.

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use serde::Deserialize;
use ts_model::generate::{Prompt, Request, Sampling, Unwatched, generate};
use ts_model::log_prob::{Packed, Sequence, token_log_probs};
use ts_model::{LanguageModel, ModelConfig};

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

/// 256 greedy tokens after each prompt are those expected, each prompt alone and all in one batch.
pub(crate) fn assert_greedy(name: &str, cases: &[Case], model: LanguageModel) {
    // The reference went on to its limit, whatever ends a text.
    let config = ModelConfig { eos_token_ids: Vec::new(), ..model.config().clone() };
    let tensors = model.parameters().iter().map(|(name, p)| (name.clone(), p.as_tensor().detach()));
    let model = LanguageModel::from_tensors(config, tensors.collect()).unwrap();
    let request = |case: &Case| Request { prompt: Prompt::Tokens(case.tokens.clone()), seeds: vec![0] };
    let requests: Vec<Request> = cases.iter().map(request).collect();
    for max_batch_rows in [1, 3] {
        let sampling = Sampling { temperature: 0.0, top_p: 1.0, max_new_tokens: 256, max_batch_rows };
        let draws = generate(&model, &requests, &sampling, &mut Unwatched).unwrap();
        for (case, draws) in cases.iter().zip(&draws) {
            assert_eq!(draws[0].tokens, case.greedy, "{name}, {max_batch_rows} rows");
        }
    }
}
