//! The decoder against numbers that `transformers` computed: `tests/python/reference_logits.py` wrote them.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use ts_model::generate::{Prompt, Request, Sampling, Unwatched, generate};
use ts_model::log_prob::{Packed, Sequence, score_sequences, token_log_probs};
use ts_model::ops::{Segment, Segments};
use ts_model::{LanguageModel, ModelConfig};

#[derive(Deserialize)]
struct Case {
    tokens: Vec<u32>,
    prompt_len: usize,
    positions: Vec<usize>,
    logits: Vec<Vec<f32>>,
    response_log_prob: f64,
    greedy: Vec<u32>,
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny-qwen2"))
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn load(dtype: DType) -> LanguageModel {
    LanguageModel::load(folder(), dtype, &Device::Cpu).unwrap()
}

/// Both kinds of operations: fused for f32, portable for f64.
#[test]
fn logits_agree() {
    for dtype in [DType::F32, DType::F64] {
        let model = load(dtype);
        let cases = cases();
        // All cases in one packed batch.
        let ids: Vec<u32> = cases.iter().flat_map(|case| case.tokens.clone()).collect();
        let segments = Segments::from_lengths(cases.iter().map(|case| case.tokens.len()));
        let logits = model.frozen().logits(&model.hidden(ids.into(), &segments).unwrap()).unwrap();
        for (case, Segment { own: rows, .. }) in cases.iter().zip(segments.iter()) {
            for (position, expected) in case.positions.iter().zip(&case.logits) {
                let row = logits.get(rows.start + position).unwrap().to_dtype(DType::F32).unwrap();
                let expected = Tensor::new(expected.as_slice(), &Device::Cpu).unwrap();
                let difference =
                    (row - expected).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
                assert!(difference < 5e-5, "{dtype:?}, position {position}: off by {difference:e}");
            }
        }
    }
}

#[test]
fn response_log_probabilities_agree() {
    let model = load(DType::F32);
    let cases = cases();
    let sequence = |case: &Case| Sequence { tokens: case.tokens.clone(), prompt_len: case.prompt_len };
    let sequences: Vec<Sequence> = cases.iter().map(sequence).collect();
    let packed = Packed::new(&sequences).unwrap();
    let trained = packed.sum_by_sequence(&token_log_probs(model.trainable(), &packed).unwrap()).unwrap();
    let trained = trained.to_vec1::<f32>().unwrap();
    let scored = score_sequences(&model, &sequences, 64).unwrap();
    for ((case, trained), scored) in cases.iter().zip(trained).zip(scored) {
        let tolerance = 1e-5 * case.response_log_prob.abs();
        assert!((f64::from(trained) - case.response_log_prob).abs() < tolerance);
        assert!((scored - case.response_log_prob).abs() < tolerance);
    }
}

#[test]
fn greedy_generation_agrees() {
    for dtype in [DType::F32, DType::F64] {
        let loaded = load(dtype);
        // The reference went on to its limit, whatever ends a text.
        let config = ModelConfig { eos_token_ids: Vec::new(), ..loaded.config().clone() };
        let tensors =
            loaded.parameters().iter().map(|(name, p)| (name.clone(), p.as_tensor().detach())).collect();
        let model = LanguageModel::from_tensors(config, tensors).unwrap();
        let cases = cases();
        let request = |case: &Case| Request { prompt: Prompt::Tokens(case.tokens.clone()), seeds: vec![0] };
        let requests: Vec<Request> = cases.iter().map(request).collect();
        let sampling = Sampling { temperature: 0.0, top_p: 1.0, max_new_tokens: 20, max_batch_rows: 2 };
        let draws = generate(&model, &requests, &sampling, &mut Unwatched).unwrap();
        for (case, draws) in cases.iter().zip(&draws) {
            assert_eq!(draws[0].tokens, case.greedy, "{dtype:?}");
        }
    }
}

#[test]
fn the_end_of_text_ids_are_those_of_the_checkpoint() {
    assert_eq!(load(DType::F32).config().eos_token_ids, [1, 2]);
}
