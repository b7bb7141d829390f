//! How far a refined response is from the original, all its steps together: `[refine.drift]`. Beyond the paper, whose divergence looks at one
//! step at a time.
//!
//! In: both responses, which end alike: what follows the reasoning is the same text. Out, nats a token:
//!
//! ```text
//! −log Q(response | p) / tokens                                          of each, over all of its tokens
//! KL( Q(·| p, s_≤n, t_<j) ‖ Q(·| p, s'_≤n, t_<j) )                       at each position j of what follows the reasoning, t:
//!                                                                        mean, and mean over the twentieth that diverges most
//! ```
//!
//! The first says whether the text became unlikely as a whole, the second whether the refined reasoning leads to the answer as the
//! original did.

use ts_core::refinement::{KlReduction, reduce_kl};
use ts_model::log_prob::{Sequence, score_sequences};
use ts_model::window_kl::WindowKl;
use ts_model::{LanguageModel, Prefix};
use ts_recipe::DriftSection;
use ts_run::records::DriftRecord;

use crate::Error;

/// Measures it. `prompt` is not empty; `n_reasoning` is how many tokens of each response are reasoning.
pub(crate) fn measure(
    model: &LanguageModel,
    prompt: &[u32],
    (original, n_reasoning): (&[u32], usize),
    (refined, n_reasoning_now): (&[u32], usize),
) -> Result<DriftRecord, Error> {
    let (reasoning, answer) = original.split_at(n_reasoning);
    let answer_kl_nats = match answer {
        [] => vec![],
        _ => {
            let prefix = Prefix::new(model, prompt)?;
            let mut window = WindowKl::new(model, &prefix, reasoning, answer, None)?;
            window.score(&[&refined[..n_reasoning_now]])?.remove(0)
        }
    };
    let texts = [original, refined];
    let mut nll = [0.0; 2];
    for (nll, text) in nll.iter_mut().zip(texts).filter(|(_, text)| !text.is_empty()) {
        let scores = score_sequences(model, &[Sequence::new(prompt, text)], text.len())?;
        *nll = -scores[0] / text.len() as f64;
    }
    Ok(DriftRecord {
        nll_before: nll[0],
        nll_after: nll[1],
        answer_kl_nats: reduce_kl(KlReduction::Mean, &answer_kl_nats),
        answer_kl_tail_nats: reduce_kl(KlReduction::Tail, &answer_kl_nats),
        is_beyond: false,
    })
}

/// Whether it is more than the recipe allows. What is not a number is; what could not be measured, since nothing follows the reasoning, is not.
pub(crate) fn is_beyond(limits: &DriftSection, drift: &DriftRecord) -> bool {
    let exceeds = |value: Option<f64>, most: Option<f64>| match (value, most) {
        (Some(value), Some(most)) => value.is_nan() || value > most,
        _ => false,
    };
    exceeds(Some(drift.nll_after - drift.nll_before), limits.max_nll_increase)
        || exceeds(drift.answer_kl_nats, limits.max_answer_kl_nats)
        || exceeds(drift.answer_kl_tail_nats, limits.max_answer_kl_tail_nats)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use ts_embedded::problem::Task;

    use super::*;

    fn drift(nll_after: f64, mean: f64, tail: f64) -> DriftRecord {
        let (answer_kl_nats, answer_kl_tail_nats) = (Some(mean), Some(tail));
        DriftRecord { nll_before: 1.0, nll_after, answer_kl_nats, answer_kl_tail_nats, is_beyond: false }
    }

    #[test]
    fn each_limit_holds_by_itself_and_none_is_there_unasked() {
        let free = DriftSection::default();
        let nll = DriftSection { max_nll_increase: Some(0.25), ..free.clone() };
        let mean = DriftSection { max_answer_kl_nats: Some(0.1), ..free.clone() };
        let tail = DriftSection { max_answer_kl_tail_nats: Some(0.5), ..free.clone() };
        let at = drift(1.25, 0.1, 0.5);
        let over = [drift(1.26, 0.0, 0.0), drift(0.0, 0.11, 0.0), drift(0.0, 0.0, 0.51)];
        for (place, limits) in [&nll, &mean, &tail].into_iter().enumerate() {
            assert!(!is_beyond(limits, &at), "exactly the limit is allowed");
            let beyond: Vec<bool> = over.iter().map(|drift| is_beyond(limits, drift)).collect();
            assert_eq!(beyond, [place == 0, place == 1, place == 2]);
            assert!(!is_beyond(&free, &over[place]));
        }
        assert!(is_beyond(&mean, &drift(1.0, f64::NAN, 0.0)));
        let without_answer = DriftRecord { answer_kl_nats: None, answer_kl_tail_nats: None, ..at };
        assert!(!is_beyond(&mean, &without_answer) && !is_beyond(&tail, &without_answer));
    }

    /// On the embedded model: nothing where nothing changed, and otherwise what whole passes give.
    #[test]
    fn it_is_what_whole_passes_give() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in Task::Plain.checkpoint() {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let model = LanguageModel::load(folder.path(), DType::F32, &Device::Cpu).unwrap();
        let tokens = |text: &str| ts_model::TextTokenizer::read(folder.path()).unwrap().encode(text).unwrap();
        let prompt = tokens("<|user|>2 + 2<|assistant|><think>\n");
        let (reasoning, shorter) = (tokens("I add 2 and 2, so 4.\n\n"), tokens("So 4.\n\n"));
        let answer = tokens("</think>\n\\boxed{4}");
        let (original, refined) = ([&reasoning[..], &answer].concat(), [&shorter[..], &answer].concat());

        let same =
            measure(&model, &prompt, (&original, reasoning.len()), (&original, reasoning.len())).unwrap();
        assert_eq!((same.answer_kl_nats, same.answer_kl_tail_nats), (Some(0.0), Some(0.0)));
        assert_eq!(same.nll_before, same.nll_after);

        let drift =
            measure(&model, &prompt, (&original, reasoning.len()), (&refined, shorter.len())).unwrap();
        let nll = |text: &[u32]| {
            let by_token = ts_model::log_prob::score_tokens(&model, &[Sequence::new(&prompt, text)]).unwrap();
            -by_token[0].iter().map(|&x| f64::from(x)).sum::<f64>() / text.len() as f64
        };
        assert!(
            (drift.nll_before - nll(&original)).abs() < 1e-5
                && (drift.nll_after - nll(&refined)).abs() < 1e-5
        );
        assert!((drift.nll_before - drift.nll_after).abs() > 1e-3, "a test that tests something");
        // The answer has fewer than twenty tokens: its tail is the one that diverges most.
        let prefix = Prefix::new(&model, &prompt).unwrap();
        let mut window = WindowKl::new(&model, &prefix, &reasoning, &answer, None).unwrap();
        let kl = window.score(&[&shorter]).unwrap().remove(0);
        assert!(kl.len() < 20 && kl.iter().all(|kl| *kl >= 0.0));
        assert_eq!(drift.answer_kl_tail_nats, kl.iter().copied().reduce(f64::max));
        assert!((drift.answer_kl_nats.unwrap() - kl.iter().sum::<f64>() / kl.len() as f64).abs() < 1e-12);

        // Without anything after the reasoning there is no answer to drift.
        let alone =
            measure(&model, &prompt, (&reasoning, reasoning.len()), (&shorter, shorter.len())).unwrap();
        assert_eq!((alone.answer_kl_nats, alone.answer_kl_tail_nats), (None, None));
    }
}
