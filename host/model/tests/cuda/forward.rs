//! Hidden states, logits, log-probabilities and divergences.

use candle_core::DType;
use ts_model::log_prob::{Sequence, score_sequences, score_tokens};
use ts_model::ops::{Segment, Segments};
use ts_model::window_kl::WindowKl;
use ts_model::{LanguageModel, Prefix};

use crate::common::{Case, cases, checkpoints, log_probs_of};
use crate::{assert_off_by_less, numbers, on_cpu, on_gpu, random_model, relative_error, tokens};

/// All texts packed into one batch.
#[test]
fn logits_are_those_of_transformers() {
    for (name, folder) in checkpoints() {
        let cases = cases(&folder);
        for (dtype, most) in [(DType::F32, 1e-4), (DType::BF16, 0.1)] {
            let model = on_gpu(&folder, dtype);
            let ids: Vec<u32> = cases.iter().flat_map(|case| case.tokens.clone()).collect();
            let segments = Segments::from_lengths(cases.iter().map(|case| case.tokens.len()));
            let logits = model.frozen().logits(&model.hidden(ids.into(), &segments).unwrap()).unwrap();
            let (mut squares, mut squares_of_logits) = (0.0, 0.0);
            for (case, Segment { own: rows, .. }) in cases.iter().zip(segments.iter()) {
                for (position, expected) in case.positions.iter().zip(&case.logits) {
                    let row = numbers(&logits.get(rows.start + position).unwrap());
                    assert_eq!(row.len(), expected.len());
                    for (actual, expected) in row.into_iter().zip(expected) {
                        squares += (actual - f64::from(*expected)).powi(2);
                        squares_of_logits += f64::from(*expected).powi(2);
                    }
                }
            }
            let error = (squares / squares_of_logits).sqrt();
            assert_off_by_less(&format!("{name} in {dtype:?}, logits"), error, most);
        }
    }
}

/// Texts as long as responses are, of different lengths, and one of a single token.
#[test]
fn packed_texts_are_those_of_the_cpu() {
    let lengths = [1, 700, 64, 129, 1];
    let ids = tokens(1, lengths.iter().sum(), 500);
    let segments = Segments::from_lengths(lengths.map(|length| length as usize));
    let hidden = |model: &LanguageModel| model.hidden(ids.clone().into(), &segments).unwrap();
    let expected = hidden(&random_model(DType::F32, &candle_core::Device::Cpu));
    for (dtype, most) in [(DType::F32, 1e-4), (DType::BF16, 0.1)] {
        let actual = hidden(&random_model(dtype, &crate::gpu()));
        let error = relative_error([(&actual, &expected)]);
        assert_off_by_less(&format!("{dtype:?}, hidden states"), error, most);
    }
}

/// A context that is read in two parts, and two texts after it.
#[test]
fn what_is_read_after_a_cached_context_is_what_is_read_whole() {
    for (name, folder) in checkpoints() {
        let text = &cases(&folder)[2].tokens;
        let (context, rest) = text.split_at(50);
        let other = &rest[20..60];
        let expected = Prefix::new(&on_cpu(&folder), context).unwrap();
        let expected = expected.hidden_after(&on_cpu(&folder), &[rest, other]).unwrap();
        for (dtype, most) in [(DType::F32, 1e-4), (DType::BF16, 0.1)] {
            let model = on_gpu(&folder, dtype);
            let mut prefix = Prefix::new(&model, &context[..20]).unwrap();
            prefix.extend(&model, &context[20..]).unwrap();
            let actual = prefix.hidden_after(&model, &[rest, other]).unwrap();
            let error = relative_error(actual.iter().zip(&expected));
            assert_off_by_less(&format!("{name} in {dtype:?}, hidden states"), error, most);
        }
    }
}

#[test]
fn log_probabilities_of_responses_are_those_of_transformers() {
    for (name, folder) in checkpoints() {
        let cases = cases(&folder);
        let sequences: Vec<Sequence> = cases.iter().map(Case::sequence).collect();
        let by_token = score_tokens(&on_cpu(&folder), &sequences).unwrap();
        for (dtype, most) in [(DType::F32, 1e-4), (DType::BF16, 3e-2)] {
            let model = on_gpu(&folder, dtype);
            let packed = numbers(&log_probs_of(&model, &sequences));
            let scored = score_sequences(&model, &sequences, 64).unwrap();
            for (index, case) in cases.iter().enumerate() {
                for actual in [packed[index], scored[index]] {
                    let expected = case.response_log_prob;
                    let error = (actual - expected).abs() / expected.abs();
                    assert!(error < most, "{name} in {dtype:?}: {actual} is not {expected}");
                }
            }
            let scored = score_tokens(&model, &sequences).unwrap();
            for (actual, expected) in scored.concat().into_iter().zip(by_token.concat()) {
                let error = f64::from((actual - expected).abs());
                assert!(error < 30.0 * most, "{name} in {dtype:?}: {actual} is not {expected}");
            }
        }
    }
}

/// Of a step from itself, from nothing, and from other steps.
#[test]
fn divergences_of_a_window_are_those_of_the_cpu() {
    for (name, folder) in checkpoints() {
        let text = &cases(&folder)[2].tokens;
        let (context, step, window) = (&text[..60], &text[60..80], &text[80..120]);
        let rewrites: [&[u32]; 4] = [step, &[], &text[62..70], &text[..3]];
        let divergences = |model: &LanguageModel| {
            let prefix = Prefix::new(model, context).unwrap();
            WindowKl::new(model, &prefix, step, window, None).unwrap().score(&rewrites).unwrap()
        };
        let expected = divergences(&on_cpu(&folder));
        let actual = divergences(&on_gpu(&folder, DType::F32));
        assert_eq!(actual.concat().len(), expected.concat().len());
        for (actual, expected) in actual.concat().into_iter().zip(expected.concat()) {
            let error = (actual - expected).abs() / expected.max(1.0);
            assert!(error < 1e-4, "{name}: {actual} is not {expected}");
            assert!(actual >= 0.0, "{name}: {actual} is below 0");
        }
        // In bf16 the means over the window, by which rewrites are chosen.
        let mean = |window: &Vec<f64>| window.iter().sum::<f64>() / window.len() as f64;
        let actual = divergences(&on_gpu(&folder, DType::BF16));
        for (actual, expected) in actual.iter().map(mean).zip(expected.iter().map(mean)) {
            let error = (actual - expected).abs();
            assert!(error < 0.02 + 0.2 * expected, "{name} in bf16: {actual} is not {expected}");
        }
    }
}
