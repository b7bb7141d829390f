//! The loss of one batch of examples and its gradient. TokenSqueeze, section 3.3.
//!
//! `L = eta * DPO-L + (1 - eta) * (SFT + S)`. DPO-L, or what `objective.pair` names instead, is the weighted mean over the
//! batch's pairs; SFT is the weighted mean, over its responses to imitate, of the negative log-likelihood a token; S, there
//! where the policy gives weights of either sign, is the sum of `objective.sequence` over such responses, divided by their
//! number. A batch is worked through in micro-batches whose gradients add up to that of the batch, because each term is divided by the
//! whole batch's weight. The optimiser and the order of batches are in `stages::train`.

use candle_core::{DType, Tensor};
use ts_core::objective::{PairObjective, length_margin};
use ts_core::sequences::{SequenceObjective, normalised};
use ts_model::LanguageModel;
use ts_model::checkpointed::{Gradients, checkpointed_gradients, gradients};
use ts_model::log_prob::{Packed, Sequence};
use ts_model::objective::{MeanPreferences, Preferences, clipped_ratio, sft};

use crate::Error;
use ts_recipe::{ObjectiveSection, Recipe, TrainSection};

/// What a recipe says of the loss.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objective<'a> {
    pub(crate) train: &'a TrainSection,
    pub(crate) terms: &'a ObjectiveSection,
}

impl<'a> Objective<'a> {
    pub(crate) fn of(recipe: &'a Recipe) -> Self {
        Self { train: &recipe.train, terms: &recipe.objective }
    }
}

/// One example, ready to train on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Example {
    /// Prompt and preferred response.
    pub(crate) chosen: Sequence,
    /// What it is preferred to; none for an example that is only imitated.
    pub(crate) rejected: Option<Rejected>,
    /// Its weight in the preference term; 0 without `rejected`.
    pub(crate) pair_weight: f64,
    /// Its weight in the SFT term.
    pub(crate) sft_weight: f64,
    /// Its part in the term of weighted sequences; none for what is not one.
    pub(crate) weighted: Option<Weighted>,
}

/// A response to which the policy gave a weight of either sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weighted {
    /// Above 0 the response is to become likelier, below 0 the opposite.
    pub(crate) weight: f64,
    /// log pi_ref of the response, in nats.
    pub(crate) reference_logp: f64,
}

/// The other half of a pair.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rejected {
    /// Prompt and rejected response.
    pub(crate) sequence: Sequence,
    /// Lengths of the chosen and of this response, as the length function measures them.
    pub(crate) lengths: [f64; 2],
    /// log pi_ref of the chosen and of this response, in nats.
    pub(crate) reference_logp: [f64; 2],
}

impl Example {
    /// Tokens of its responses, each with its prompt; a forward pass sees the prompt that they share once.
    pub(crate) fn n_tokens(&self) -> usize {
        self.chosen.tokens.len() + self.rejected.as_ref().map_or(0, |r| r.sequence.tokens.len())
    }
}

/// Sums over examples of what a step logs; divided by the batch's weights they are its means.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) dpo_loss: f64,
    pub(crate) sft_loss: f64,
    pub(crate) reward_margin: f64,
    pub(crate) reward_chosen: f64,
    pub(crate) reward_rejected: f64,
    pub(crate) n_margin_positive: f64,
    pub(crate) n_pairs: f64,
    pub(crate) pair_weight: f64,
    pub(crate) sft_weight: f64,
    pub(crate) sequence_loss: f64,
    pub(crate) n_sequences: f64,
}

impl Sums {
    /// The weights of a batch, before any loss is known.
    pub(crate) fn weights(batch: &[&Example]) -> Self {
        let mut sums = Self::default();
        for example in batch {
            sums.pair_weight += example.pair_weight;
            sums.sft_weight += example.sft_weight;
            sums.n_sequences += f64::from(u8::from(example.weighted.is_some()));
        }
        sums
    }

    /// Adds the losses of a micro-batch; weights stay, they are the batch's.
    pub(crate) fn add_losses(&mut self, other: &Self) {
        self.dpo_loss += other.dpo_loss;
        self.sft_loss += other.sft_loss;
        self.reward_margin += other.reward_margin;
        self.reward_chosen += other.reward_chosen;
        self.reward_rejected += other.reward_rejected;
        self.n_margin_positive += other.n_margin_positive;
        self.n_pairs += other.n_pairs;
        self.sequence_loss += other.sequence_loss;
    }
}

/// Normalises the weights of a batch's sequences among themselves.
pub(crate) fn normalise_batch(examples: &mut [Example]) {
    let weights: Vec<f64> = examples.iter().filter_map(|e| Some(e.weighted?.weight)).collect();
    let weighted = examples.iter_mut().filter_map(|e| e.weighted.as_mut());
    for (sequence, weight) in weighted.zip(normalised(&weights)) {
        sequence.weight = weight;
    }
}

/// Cuts a batch into micro-batches of at most `max_tokens` tokens, or one example if that is longer.
pub(crate) fn micro_batches<'a>(batch: &[&'a Example], max_tokens: usize) -> Vec<Vec<&'a Example>> {
    let mut micro_batches: Vec<Vec<&Example>> = Vec::new();
    let mut tokens = 0;
    for &example in batch {
        if micro_batches.is_empty() || tokens + example.n_tokens() > max_tokens {
            micro_batches.push(Vec::new());
            tokens = 0;
        }
        tokens += example.n_tokens();
        if let Some(last) = micro_batches.last_mut() {
            last.push(example);
        }
    }
    micro_batches
}

/// The part of the batch's loss that comes from `examples`, given the log-probability of each chosen response
/// and then of each rejected one, shape `(chosen + rejected,)`. `batch` has the whole batch's weights.
///
/// Gives the scalar loss, on candle's graph, and the sums to log.
pub(crate) fn loss(
    logp: &Tensor,
    examples: &[&Example],
    objective: Objective<'_>,
    batch: &Sums,
) -> ts_model::Result<(Tensor, Sums)> {
    let Objective { train, terms } = objective;
    let device = logp.device();
    // Half precision is too little for a sum over a response; f64 is for tests.
    let dtype = if logp.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    let column = |values: Vec<f64>| Tensor::new(values, device)?.to_dtype(dtype);
    let numbers = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.to_vec1::<f64>();
    let logp = logp.to_dtype(dtype)?;
    let n_chosen = examples.len();
    let chosen = logp.narrow(0, 0, n_chosen)?;
    let mut sums = Sums::default();

    let n_tokens = column(examples.iter().map(|e| e.chosen.response_len() as f64).collect())?;
    let sft_share = |e: &&Example| e.sft_weight / batch.sft_weight.max(f64::MIN_POSITIVE);
    let sft_shares = column(examples.iter().map(sft_share).collect())?;
    let nll = sft(&chosen, &n_tokens)?;
    let mut total = ((&nll * &sft_shares)?.sum_all()? * (1.0 - train.dpo_weight))?;
    sums.sft_loss = numbers(&nll)?.iter().zip(examples).map(|(nll, e)| nll * e.sft_weight).sum();

    let weighted: Vec<(u32, Weighted)> =
        examples.iter().enumerate().filter_map(|(i, e)| Some((i as u32, e.weighted?))).collect();
    if !weighted.is_empty() {
        let index = Tensor::new(weighted.iter().map(|(i, _)| *i).collect::<Vec<_>>(), device)?;
        let weights = column(weighted.iter().map(|(_, w)| w.weight).collect())?;
        let nll = nll.index_select(&index, 0)?;
        let losses = match terms.sequence {
            SequenceObjective::Nll => (nll * weights)?,
            SequenceObjective::ClippedRatio => {
                let n_tokens = |i: u32| examples[i as usize].chosen.response_len() as f64;
                let reference = weighted.iter().map(|(i, w)| w.reference_logp / n_tokens(*i)).collect();
                clipped_ratio(&nll.neg()?, &column(reference)?, &weights, terms.clip_low, terms.clip_high)?
            }
        };
        let share = (1.0 - train.dpo_weight) / batch.n_sequences.max(1.0);
        total = (total + (losses.sum_all()? * share)?)?;
        sums.sequence_loss = numbers(&losses)?.iter().sum();
    }

    let pairs: Vec<(usize, &Example, &Rejected)> =
        examples.iter().enumerate().filter_map(|(i, e)| Some((i, *e, e.rejected.as_ref()?))).collect();
    if !pairs.is_empty() {
        let margin =
            |r: &Rejected| length_margin(train.lambda, r.lengths[0], r.lengths[1], train.length_margin);
        let index: Vec<u32> = pairs.iter().map(|(i, ..)| *i as u32).collect();
        let ref_chosen = column(pairs.iter().map(|(.., r)| r.reference_logp[0]).collect())?;
        let ref_rejected = column(pairs.iter().map(|(.., r)| r.reference_logp[1]).collect())?;
        let margins = column(pairs.iter().map(|(.., r)| margin(r)).collect())?;
        let share = |e: &Example| e.pair_weight / batch.pair_weight.max(f64::MIN_POSITIVE);
        let shares = column(pairs.iter().map(|(_, e, _)| share(e)).collect())?;
        let chosen_logp = &chosen.index_select(&Tensor::new(index, device)?, 0)?;
        let rejected_logp = &logp.narrow(0, n_chosen, pairs.len())?;
        let (losses, rewards, [of_chosen, of_rejected]) = match terms.pair {
            PairObjective::Dpo => {
                let preferences = Preferences {
                    chosen_logp,
                    rejected_logp,
                    reference_chosen_logp: &ref_chosen,
                    reference_rejected_logp: &ref_rejected,
                    length_margin: &margins,
                };
                let margin = preferences.reward_margin(train.beta)?;
                (preferences.dpo_l(train.beta)?, margin, preferences.rewards(train.beta)?)
            }
            PairObjective::Simpo | PairObjective::Lcpo => {
                let [n_chosen, n_rejected]: [Vec<f64>; 2] = [
                    pairs.iter().map(|(_, e, _)| e.chosen.response_len() as f64).collect(),
                    pairs.iter().map(|(.., r)| r.sequence.response_len() as f64).collect(),
                ];
                let chosen = (chosen_logp / column(n_chosen)?)?;
                let rejected = (rejected_logp / column(n_rejected)?)?;
                let preferences = MeanPreferences { chosen: &chosen, rejected: &rejected };
                let (losses, rewards) = match terms.pair {
                    PairObjective::Lcpo => (preferences.lcpo()?, preferences.lcpo_rewards()?),
                    _ => {
                        (preferences.simpo(train.beta, terms.gamma)?, preferences.simpo_rewards(train.beta)?)
                    }
                };
                (losses, (&rewards[0] - &rewards[1])?, rewards)
            }
        };
        let rewards = numbers(&rewards)?;
        for ((chosen, rejected), (_, example, _)) in
            numbers(&of_chosen)?.iter().zip(&numbers(&of_rejected)?).zip(&pairs)
        {
            sums.reward_chosen += chosen * example.pair_weight;
            sums.reward_rejected += rejected * example.pair_weight;
        }
        total = (total + ((&losses * &shares)?.sum_all()? * train.dpo_weight)?)?;
        for ((loss, reward), (_, example, _)) in numbers(&losses)?.iter().zip(&rewards).zip(&pairs) {
            sums.dpo_loss += loss * example.pair_weight;
            sums.reward_margin += reward * example.pair_weight;
            sums.n_margin_positive += f64::from(u8::from(*reward > 0.0));
            sums.n_pairs += 1.0;
        }
    }
    Ok((total, sums))
}

/// Log-probabilities of the examples' responses, in the order that [`loss`] wants.
pub(crate) fn sequences(examples: &[&Example]) -> Vec<Sequence> {
    let chosen = examples.iter().map(|e| e.chosen.clone());
    let rejected = examples.iter().filter_map(|e| Some(e.rejected.as_ref()?.sequence.clone()));
    chosen.chain(rejected).collect()
}

/// Loss sums and the gradient of every parameter, in the model's order, for one micro-batch.
pub(crate) fn micro_batch_gradients(
    model: &LanguageModel,
    examples: &[&Example],
    objective: Objective<'_>,
    batch: &Sums,
) -> Result<(Sums, Vec<Tensor>), Error> {
    let packed = Packed::sharing_prompts(model.frozen(), &sequences(examples))?;
    let mut sums = Sums::default();
    let loss = |token_logp: &Tensor| {
        let (loss, micro_batch) = loss(&packed.sum_by_sequence(token_logp)?, examples, objective, batch)?;
        sums = micro_batch;
        Ok(loss)
    };
    let Gradients { of_parameters, .. } = match objective.train.activation_checkpointing {
        true => checkpointed_gradients(model, &packed, loss)?,
        false => gradients(model, &packed, loss)?,
    };
    Ok((sums, of_parameters))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::LazyLock;

    use candle_core::Device;
    use serde::Deserialize;
    use ts_core::objective::{self as law, LengthMargin, composite, dpo_l};
    use ts_model::log_prob::score_sequences;
    use ts_model::shards::GradientSum;
    use ts_model::{ModelConfig, adapter};

    use super::*;
    use ts_core::sequences as weighing;
    use ts_recipe::{Schedule, SftExamples};

    static PAPER: LazyLock<ObjectiveSection> = LazyLock::new(ObjectiveSection::default);

    /// The paper's terms, with these settings of training.
    fn paper(train: &TrainSection) -> Objective<'_> {
        Objective { train, terms: &PAPER }
    }

    fn train() -> TrainSection {
        TrainSection {
            dpo_weight: 0.25,
            beta: 0.1,
            lambda: 1.0,
            length_margin: LengthMargin::AsPrinted,
            learning_rate: 1e-4,
            schedule: Schedule::Constant,
            warmup_share: 0.0,
            sft_examples: SftExamples::Pairs,
            epochs: 1.0,
            steps: 0,
            batch_size: 4,
            micro_batch_tokens: 1,
            max_context_tokens: 100,
            max_grad_norm: 1.0,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_eps: 1e-8,
            weight_decay: 0.0,
            activation_checkpointing: false,
            lora: None,
            checkpoint_every: 1,
        }
    }

    fn pair(lengths: [f64; 2], reference_logp: [f64; 2], n_chosen: usize) -> Example {
        let rejected = Rejected { sequence: Sequence::new(&[1], &[2, 3]), lengths, reference_logp };
        let chosen = Sequence::new(&[1], &vec![2; n_chosen]);
        Example { chosen, rejected: Some(rejected), pair_weight: 1.0, sft_weight: 1.0, weighted: None }
    }

    fn imitated(n_chosen: usize) -> Example {
        Example {
            chosen: Sequence::new(&[1], &vec![2; n_chosen]),
            rejected: None,
            pair_weight: 0.0,
            sft_weight: 1.0,
            weighted: None,
        }
    }

    /// A response with a weight of either sign.
    fn sequence(n_chosen: usize, weight: f64, reference_logp: f64) -> Example {
        let weighted = Some(Weighted { weight, reference_logp });
        Example { sft_weight: 0.0, weighted, ..imitated(n_chosen) }
    }

    /// Two pairs and one response to imitate, against the scalar laws: the mean over two of DPO-L, over three
    /// of SFT.
    #[test]
    fn a_batch_by_the_scalar_laws() {
        let examples = [pair([4.0, 8.0], [-5.0, -9.0], 4), imitated(2), pair([5.0, 5.0], [-7.0, -3.0], 5)];
        let examples: Vec<&Example> = examples.iter().collect();
        let (chosen, rejected) = ([-4.0, -1.0, -6.0], [-10.0, -2.0]);
        let logp = Tensor::new(&[-4.0f32, -1.0, -6.0, -10.0, -2.0], &Device::Cpu).unwrap();
        let train = train();
        let (total, sums) = loss(&logp, &examples, paper(&train), &Sums::weights(&examples)).unwrap();

        let dpo_losses = [
            dpo_l(0.1, chosen[0], rejected[0], -5.0, -9.0, 2f64.ln()),
            dpo_l(0.1, chosen[2], rejected[1], -7.0, -3.0, 0.0),
        ];
        let sft_losses = [law::sft(&[-1.0; 4]), law::sft(&[-0.5; 2]), law::sft(&[-1.2; 5])];
        let expected =
            composite(0.25, dpo_losses.iter().sum::<f64>() / 2.0, sft_losses.iter().sum::<f64>() / 3.0);
        let total = f64::from(total.to_scalar::<f32>().unwrap());
        assert!((total - expected).abs() < 1e-6, "{total} {expected}");
        assert!((sums.dpo_loss - dpo_losses.iter().sum::<f64>()).abs() < 1e-6);
        assert!((sums.sft_loss - 2.7).abs() < 1e-6);
        // beta * ((-4 + 5) - (-10 + 9)) = 0.2; beta * ((-6 + 7) - (-2 + 3)) = 0.
        assert!((sums.reward_margin - 0.2).abs() < 1e-6);
        // beta * (1 + 1), beta * (-1 + 1).
        assert!((sums.reward_chosen - 0.2).abs() < 1e-6 && sums.reward_rejected.abs() < 1e-6);
        assert_eq!((sums.n_margin_positive, sums.n_pairs), (1.0, 2.0));
    }

    /// The rivals' pairs by their scalar laws, of means over 4 and 2 tokens and over 5 and 2; the rewards beside them.
    #[test]
    fn pairs_of_rivals_by_the_scalar_laws() {
        let examples = [pair([4.0, 8.0], [-5.0, -9.0], 4), pair([5.0, 5.0], [-7.0, -3.0], 5)];
        let examples: Vec<&Example> = examples.iter().collect();
        let logp = Tensor::new(&[-4.0f32, -6.0, -10.0, -2.0], &Device::Cpu).unwrap();
        let train = TrainSection { dpo_weight: 1.0, beta: 2.0, lambda: 0.0, ..train() };
        let of = |terms: &ObjectiveSection| {
            loss(&logp, &examples, Objective { train: &train, terms }, &Sums::weights(&examples)).unwrap()
        };
        let (total, sums) =
            of(&ObjectiveSection { pair: PairObjective::Simpo, gamma: 0.3, ..ObjectiveSection::default() });
        let expected = law::simpo(2.0, 0.3, -1.0, -5.0) + law::simpo(2.0, 0.3, -1.2, -1.0);
        assert!((sums.dpo_loss - expected).abs() < 1e-5, "{} {expected}", sums.dpo_loss);
        assert!((f64::from(total.to_scalar::<f32>().unwrap()) - expected / 2.0).abs() < 1e-5);
        // 2 * -1.0 + 2 * -1.2, 2 * -5.0 + 2 * -1.0; one of two is ahead.
        assert!((sums.reward_chosen + 4.4).abs() < 1e-5 && (sums.reward_rejected + 12.0).abs() < 1e-5);
        assert!((sums.reward_margin - 7.6).abs() < 1e-5);
        assert_eq!((sums.n_margin_positive, sums.n_pairs), (1.0, 2.0));
        let (_, sums) = of(&ObjectiveSection { pair: PairObjective::Lcpo, ..ObjectiveSection::default() });
        let expected = law::lcpo(-1.0, -5.0) + law::lcpo(-1.2, -1.0);
        assert!((sums.dpo_loss - expected).abs() < 1e-5, "{} {expected}", sums.dpo_loss);
        assert!((sums.reward_chosen - law::log_odds(-1.0) - law::log_odds(-1.2)).abs() < 1e-5);
    }

    /// Sequences of either sign beside a response to imitate, by the scalar laws: each term divided by its own number.
    #[test]
    fn sequences_by_the_scalar_laws() {
        let examples = [sequence(4, 1.5, -5.0), imitated(2), sequence(5, -0.5, -3.0), sequence(2, 0.0, -1.0)];
        let examples: Vec<&Example> = examples.iter().collect();
        let logp = Tensor::new(&[-4.0f32, -1.0, -6.0, -2.0], &Device::Cpu).unwrap();
        let train = train();
        let of = |terms: &ObjectiveSection| {
            loss(&logp, &examples, Objective { train: &train, terms }, &Sums::weights(&examples)).unwrap()
        };
        let clipped = ObjectiveSection { sequence: SequenceObjective::ClippedRatio, ..PAPER.clone() };
        // 1.5 * 1.0 - 0.5 * 1.2; ratios of e^0.25, above 1.2, and e^-0.6, below 0.8.
        for (terms, expected) in [(&*PAPER, 0.9), (&clipped, -1.5 * 1.2 + 0.5 * 0.8)] {
            let (total, sums) = of(terms);
            assert!((sums.sequence_loss - expected).abs() < 1e-6, "{} {expected}", sums.sequence_loss);
            let expected = 0.75 * (0.5 + expected / 3.0);
            let total = f64::from(total.to_scalar::<f32>().unwrap());
            assert!((total - expected).abs() < 1e-6, "{total} {expected}");
        }
        let exact = weighing::clipped_ratio(1.5, -1.0, -1.25, 0.2, 0.2)
            + weighing::clipped_ratio(-0.5, -1.2, -0.6, 0.2, 0.2);
        assert!((of(&clipped).1.sequence_loss - exact).abs() < 1e-6);
    }

    /// Sequences of weight 1 are imitated as SFT imitates: the same loss, the same gradient.
    #[test]
    fn weights_of_1_are_imitation() {
        let config = ModelConfig::tiny(40, 16, 24, 1, (4, 2));
        let model = LanguageModel::random(config, 3, DType::F32, &Device::Cpu).unwrap();
        let train = TrainSection { dpo_weight: 0.0, ..train() };
        let run = |examples: [Example; 2]| {
            let examples: Vec<&Example> = examples.iter().collect();
            micro_batch_gradients(&model, &examples, paper(&train), &Sums::weights(&examples)).unwrap()
        };
        let (sft, by_sft) = run([imitated(4), imitated(7)]);
        let (weighted, by_weight) = run([sequence(4, 1.0, 0.0), sequence(7, 1.0, 0.0)]);
        assert!((sft.sft_loss - weighted.sequence_loss).abs() < 1e-6);
        let (_, opposite) = run([sequence(4, -1.0, 0.0), sequence(7, -1.0, 0.0)]);
        for ((one, other), opposite) in by_sft.iter().zip(&by_weight).zip(&opposite) {
            let distance = |a: &Tensor, b: &Tensor| {
                (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap()
            };
            assert!(distance(one, other) < 1e-6);
            assert!(distance(one, &opposite.neg().unwrap()) < 1e-6);
        }
    }

    #[test]
    fn a_batch_s_weights_are_normalised_among_its_sequences_alone() {
        let mut examples = [sequence(4, 1.0, 0.0), imitated(2), sequence(5, 2.0, 0.0), sequence(2, 6.0, 0.0)];
        normalise_batch(&mut examples);
        let weights: Vec<f64> = examples.iter().filter_map(|e| Some(e.weighted?.weight)).collect();
        assert_eq!(weights, weighing::normalised(&[1.0, 2.0, 6.0]));
        assert_eq!(examples[1], imitated(2));
    }

    /// The losses of micro-batches add up to the batch's, whatever the cut.
    #[test]
    fn micro_batches_add_up() {
        let examples = [
            pair([4.0, 8.0], [-5.0, -9.0], 4),
            imitated(2),
            sequence(3, -0.7, -1.0),
            pair([5.0, 5.0], [-7.0, -3.0], 5),
        ];
        let examples: Vec<&Example> = examples.iter().collect();
        let (train, weights) = (train(), Sums::weights(&examples));
        let logp_of = |example: &Example| {
            let mut logp = vec![-0.5 * example.chosen.response_len() as f32];
            logp.extend(example.rejected.as_ref().map(|_| -3.0f32));
            Tensor::new(logp, &Device::Cpu).unwrap()
        };
        let scalar = |t: Tensor| f64::from(t.to_scalar::<f32>().unwrap());
        let parts: f64 = examples
            .iter()
            .map(|e| scalar(loss(&logp_of(e), &[*e], paper(&train), &weights).unwrap().0))
            .sum();
        let logp = Tensor::new(&[-2.0f32, -1.0, -1.5, -2.5, -3.0, -3.0], &Device::Cpu).unwrap();
        let whole = scalar(loss(&logp, &examples, paper(&train), &weights).unwrap().0);
        assert!((parts - whole).abs() < 1e-6, "{parts} {whole}");
    }

    /// The gradient of the whole: decoder, log-probabilities, DPO-L with both signs, SFT and their sum, with
    /// and without activation checkpointing, against finite differences in every tensor.
    #[test]
    fn gradients_are_finite_differences_through_the_decoder_and_both_losses() {
        let config = ModelConfig { tie_word_embeddings: false, ..ModelConfig::tiny(40, 16, 24, 2, (4, 2)) };
        let model = LanguageModel::random(config, 3, DType::F64, &Device::Cpu).unwrap();
        let tokens = |n: u32, seed: u32| (0..n).map(|i| (seed + 7 * i) % 40).collect::<Vec<u32>>();
        let pair = |seed: u32, lengths: [f64; 2]| Example {
            chosen: Sequence::new(&tokens(3, seed), &tokens(5, seed + 1)),
            rejected: Some(Rejected {
                sequence: Sequence::new(&tokens(3, seed), &tokens(8, seed + 2)),
                lengths,
                reference_logp: [-18.0, -30.0],
            }),
            pair_weight: 1.0 + f64::from(seed),
            sft_weight: 1.0,
            weighted: None,
        };
        let unlearnt =
            Example { chosen: Sequence::new(&tokens(3, 5), &tokens(7, 6)), ..sequence(7, -0.8, -26.0) };
        let examples =
            [pair(1, [5.0, 8.0]), imitated(4), sequence(3, 1.3, -11.0), pair(2, [5.0, 20.0]), unlearnt];
        let examples: Vec<&Example> = examples.iter().collect();
        let weights = Sums::weights(&examples);
        let simpo = ObjectiveSection { pair: PairObjective::Simpo, ..PAPER.clone() };
        let lcpo = ObjectiveSection { pair: PairObjective::Lcpo, ..PAPER.clone() };
        let clipped = ObjectiveSection { sequence: SequenceObjective::ClippedRatio, ..PAPER.clone() };
        for (dpo_weight, length_margin, activation_checkpointing, terms) in [
            (1.0, LengthMargin::AsPrinted, false, &*PAPER),
            (1.0, LengthMargin::AsDerived, true, &PAPER),
            (0.0, LengthMargin::AsPrinted, false, &PAPER),
            (0.5, LengthMargin::AsPrinted, true, &PAPER),
            (0.5, LengthMargin::AsPrinted, false, &simpo),
            (1.0, LengthMargin::AsPrinted, true, &lcpo),
            (0.0, LengthMargin::AsPrinted, false, &clipped),
        ] {
            let train = TrainSection { dpo_weight, length_margin, activation_checkpointing, ..train() };
            let objective = Objective { train: &train, terms };
            let total = || {
                let (sums, _) = micro_batch_gradients(&model, &examples, objective, &weights).unwrap();
                let sequences = sums.sequence_loss / weights.n_sequences;
                composite(
                    dpo_weight,
                    sums.dpo_loss / weights.pair_weight,
                    sums.sft_loss / weights.sft_weight + sequences,
                )
            };
            let (_, gradients) = micro_batch_gradients(&model, &examples, objective, &weights).unwrap();
            for ((name, parameter), gradient) in model.parameters().iter().zip(&gradients) {
                let gradient = gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap();
                let before = parameter.as_tensor().detach().copy().unwrap();
                let flat = before.flatten_all().unwrap().to_vec1::<f64>().unwrap();
                let place =
                    (0..flat.len()).max_by(|&i, &j| gradient[i].abs().total_cmp(&gradient[j].abs())).unwrap();
                let moved = |step: f64| {
                    let mut values = flat.clone();
                    values[place] += step;
                    parameter.set(&Tensor::from_vec(values, before.shape(), &Device::Cpu).unwrap()).unwrap();
                    total()
                };
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                parameter.set(&before).unwrap();
                let exact = gradient[place];
                assert!(exact.abs() > 1e-8, "{name} has no gradient to speak of");
                assert!(
                    (difference - exact).abs() < 1e-7 + 1e-5 * exact.abs(),
                    "{name}: {difference} vs {exact}"
                );
            }
        }
    }

    #[test]
    fn micro_batches_keep_order_and_budget() {
        let examples = [imitated(2), imitated(3), imitated(9), imitated(1)];
        let examples: Vec<&Example> = examples.iter().collect();
        let sizes: Vec<usize> = micro_batches(&examples, 7).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 1, 1]); // 3 + 4 tokens; 10, too many and alone; 2
        assert_eq!(micro_batches(&examples, 7).concat(), examples);
        assert!(micro_batches(&[], 7).is_empty());
    }

    #[derive(Deserialize)]
    struct Expected {
        beta: f64,
        lambda: f64,
        eta: f64,
        #[serde(flatten)]
        of_adapters: Batch,
        full: Option<Batch>,
    }

    #[derive(Deserialize)]
    struct Batch {
        examples: Vec<Written>,
        loss: f64,
    }

    /// An example as `lora.py` writes it.
    #[derive(Deserialize)]
    struct Written {
        prompt: Vec<u32>,
        chosen: Vec<u32>,
        rejected: Option<Vec<u32>>,
        lengths: Option<[f64; 2]>,
        reference_logp: Option<[f64; 2]>,
        pair_weight: f64,
        sft_weight: f64,
    }

    impl Written {
        fn example(&self) -> Example {
            let rejected = self.rejected.as_ref().map(|rejected| Rejected {
                sequence: Sequence::new(&self.prompt, rejected),
                lengths: self.lengths.unwrap(),
                reference_logp: self.reference_logp.unwrap(),
            });
            Example {
                chosen: Sequence::new(&self.prompt, &self.chosen),
                rejected,
                pair_weight: self.pair_weight,
                sft_weight: self.sft_weight,
                weighted: None,
            }
        }
    }

    /// The loss and the gradients that PyTorch has, those of all weights and those of adapters of PEFT's; `lora.py` of ts-model's
    /// tests computed them, the loss from its formula. In f32 by the fused operations, in f64 by the portable ones, the batch at
    /// once and in micro-batches, with all activations kept and with none.
    #[test]
    fn gradients_are_pytorch_s_full_and_of_adapters() {
        let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/data"));
        for name in ["qwen2-tied", "llama-biases", "qwen3"] {
            let folder = data.join("lora").join(name);
            let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
            let expected: Expected = serde_json::from_str(&text).unwrap();
            let Expected { beta, lambda, eta: dpo_weight, .. } = expected;
            for dtype in [DType::F32, DType::F64] {
                let base =
                    LanguageModel::load(&data.join("families").join(name), dtype, &Device::Cpu).unwrap();
                let adapters = adapter::read(&folder, base.config()).unwrap().1;
                let adapted =
                    base.clone().with_adapters(&adapters.to(dtype, &Device::Cpu).unwrap(), 0.0).unwrap();
                // The reference is the model without its adapters.
                for example in expected.of_adapters.examples.iter().map(Written::example) {
                    let Some(rejected) = example.rejected else { continue };
                    let scores = score_sequences(&base, &[example.chosen, rejected.sequence], 100).unwrap();
                    for (score, reference) in scores.iter().zip(rejected.reference_logp) {
                        assert!((score - reference).abs() < 1e-5 * reference.abs(), "{score} {reference}");
                    }
                }
                let adapted = (adapted, &expected.of_adapters, "gradients.safetensors");
                let full = expected.full.as_ref().map(|full| (base, full, "gradients-full.safetensors"));
                for (model, batch, file) in std::iter::once(adapted).chain(full) {
                    let torch = candle_core::safetensors::load(folder.join(file), &Device::Cpu).unwrap();
                    assert_eq!(torch.len(), model.parameters().len(), "{name}: {file}");
                    let examples: Vec<Example> = batch.examples.iter().map(Written::example).collect();
                    let examples: Vec<&Example> = examples.iter().collect();
                    let weights = Sums::weights(&examples);
                    for (max_tokens, activation_checkpointing) in [(1000, false), (20, true)] {
                        let train =
                            TrainSection { beta, lambda, dpo_weight, activation_checkpointing, ..train() };
                        let (mut sums, mut total) = (weights, GradientSum::default());
                        for micro in micro_batches(&examples, max_tokens) {
                            let (losses, gradients) =
                                micro_batch_gradients(&model, &micro, paper(&train), &weights).unwrap();
                            sums.add_losses(&losses);
                            total.add(gradients).unwrap();
                        }
                        let loss = composite(
                            dpo_weight,
                            sums.dpo_loss / weights.pair_weight,
                            sums.sft_loss / weights.sft_weight,
                        );
                        assert!((loss - batch.loss).abs() < 1e-5, "{name}: {file}: {loss} {}", batch.loss);
                        let numbers = |tensor: &Tensor| {
                            tensor
                                .flatten_all()
                                .unwrap()
                                .to_dtype(DType::F64)
                                .unwrap()
                                .to_vec1::<f64>()
                                .unwrap()
                        };
                        let (mut largest, mut worst) = (0.0_f64, 0.0_f64);
                        for ((tensor, _), ours) in model.parameters().iter().zip(&total.finish().unwrap()) {
                            for (ours, torch) in numbers(ours).into_iter().zip(numbers(&torch[tensor])) {
                                largest = largest.max(torch.abs());
                                worst = worst.max((ours - torch).abs());
                            }
                        }
                        assert!(worst < 1e-5 * largest, "{name}: {file}: off by {worst:e} of {largest:e}");
                        println!("{name}, {file}, {dtype:?}: off by {:.0e} of the largest", worst / largest);
                    }
                }
            }
        }
    }
}
