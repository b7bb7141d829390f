//! What the optimiser sees, and in which order. TokenSqueeze, section 3.3 and A.2.
//!
//! In: `examples.jsonl`, the responses that they name, `reference.jsonl` and the recipe. Out:
//! [`TrainingSet`], which examples train anything and where their responses stand, and [`Plan`], the batch of
//! each step. Tokens are read batch by batch. Batches derive from the seed, so a run that resumes sees the
//! same ones.

use std::collections::BTreeSet;

use ts_core::seed::{SplitMix64, derive_seed};
use ts_model::log_prob::Sequence;
use ts_run::records::{ExampleKind, ExampleRecord, ReferenceRecord, RefinedRecord, SampleRecord};
use ts_run::{Key, Lookup, ProblemLookup, ProblemPlace};

use crate::memory::Demand;
use crate::responses::selected::{Place, ResponseReader};
use crate::stage::Stage;
use crate::stages::reference::examples_of;
use crate::training::objective::{Example, Rejected};
use crate::{Error, Run};
use ts_recipe::{SftExamples, TrainSection};

/// The examples to train on.
pub(crate) struct TrainingSet {
    entries: Vec<Entry>,
    /// How many were left out because they are longer than `max_context_tokens`.
    pub(crate) n_too_long: usize,
    /// The longest example and the longest of their texts.
    pub(crate) demand: Demand,
    problems: ProblemLookup,
    samples: Lookup<SampleRecord>,
    refined: Lookup<RefinedRecord>,
}

/// An example without its tokens. It has a weight in at least one term of the loss that is switched on.
struct Entry {
    problem: ProblemPlace,
    chosen: Place,
    rejected: Option<RejectedEntry>,
    weights: Weights,
}

/// The other half of a pair.
struct RejectedEntry {
    place: Place,
    /// Lengths of the chosen and of this response.
    lengths: [f64; 2],
    /// log pi_ref of the chosen and of this response, in nats.
    reference_logp: [f64; 2],
}

/// An example's weights in the two terms of the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Weights {
    pair: f64,
    sft: f64,
}

impl TrainingSet {
    /// Reads which examples there are.
    ///
    /// # Errors
    /// Artefacts that cannot be read or do not fit together; [`Error::NoExamples`] if nothing is left.
    pub(crate) fn open(run: &Run<'_>) -> Result<Self, Error> {
        let train = &run.recipe.train;
        let mut responses = ResponseReader::open(run)?;
        let mut examples = run.records::<ExampleRecord>(Stage::Pair)?;
        let mut reference = run.records::<ReferenceRecord>(Stage::Reference)?;
        let (mut entries, mut n_too_long, mut n_examples) = (Vec::new(), 0, 0);
        let (mut longest_text, mut longest_example) = (0, 0);
        let mut problems = run.train.problems()?;
        while let Some((problem, place)) = problems.next_placed()? {
            let responses = responses.of(&problem)?;
            let records = examples_of(&problem, &mut examples)?;
            let prompt_len = if records.is_empty() { 0 } else { run.prompt_tokens(&problem)?.len() };
            let sides = records.iter().map(|record| responses.sides(record));
            let sides = sides.collect::<Result<Vec<_>, _>>()?;
            let chosen: Vec<&[u32]> = sides.iter().map(|(chosen, _)| chosen.tokens).collect();
            let weights = weights(&records, &chosen, train);
            n_examples += records.len();
            for ((record, (chosen, rejected)), weights) in records.iter().zip(sides).zip(weights) {
                let reference = reference.expect(&Key::Example(record.id.clone()))?.record;
                let longest = chosen.tokens.len().max(rejected.map_or(0, |rejected| rejected.tokens.len()));
                if prompt_len + longest > train.max_context_tokens {
                    n_too_long += 1;
                    continue;
                }
                if weights.pair * train.dpo_weight + weights.sft * (1.0 - train.dpo_weight) <= 0.0 {
                    continue;
                }
                let of_rejected = rejected.map_or(0, |rejected| prompt_len + rejected.tokens.len());
                longest_example = longest_example.max(prompt_len + chosen.tokens.len() + of_rejected);
                longest_text = longest_text.max(prompt_len + longest);
                let rejected = rejected.map(|rejected| RejectedEntry {
                    place: rejected.place,
                    lengths: [record.len_chosen, record.len_rejected.unwrap_or(0.0)],
                    reference_logp: [reference.chosen_logp, reference.rejected_logp.unwrap_or(0.0)],
                });
                entries.push(Entry { problem: place, chosen: chosen.place, rejected, weights });
            }
        }
        examples.finish()?;
        reference.finish()?;
        if entries.is_empty() {
            let reason = match n_examples {
                0 => "the policy selected nothing".to_owned(),
                n => format!("{n_too_long} of {n} are too long, the others have no weight"),
            };
            return Err(Error::NoExamples { reason });
        }
        let samples = run.records::<SampleRecord>(Stage::Sample)?.lookup()?;
        let refined = run.records::<RefinedRecord>(Stage::Refine)?.lookup()?;
        let demand = Demand::Examples { text: longest_text, example: longest_example };
        Ok(Self { entries, n_too_long, demand, problems: run.train.lookup()?, samples, refined })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Examples with their tokens.
    pub(crate) fn batch(&mut self, run: &Run<'_>, indices: &[usize]) -> Result<Vec<Example>, Error> {
        let Self { entries, problems, samples, refined, .. } = self;
        let mut tokens = |place| -> Result<Vec<u32>, Error> {
            Ok(match place {
                Place::Sampled(offset) => samples.at(offset)?.tokens,
                Place::Refined(offset) => refined.at(offset)?.tokens,
            })
        };
        let mut batch = Vec::with_capacity(indices.len());
        for &index in indices {
            let Entry { problem, chosen, rejected, weights } = &entries[index];
            let prompt = run.prompt_tokens(&problems.at(*problem)?)?;
            let mut sequence = |place| Ok::<_, Error>(Sequence::new(&prompt, &tokens(place)?));
            let chosen = sequence(*chosen)?;
            let rejected = match rejected {
                None => None,
                Some(RejectedEntry { place, lengths, reference_logp }) => Some(Rejected {
                    sequence: sequence(*place)?,
                    lengths: *lengths,
                    reference_logp: *reference_logp,
                }),
            };
            batch.push(Example { chosen, rejected, pair_weight: weights.pair, sft_weight: weights.sft });
        }
        Ok(batch)
    }
}

/// The weights of one problem's examples, whose chosen responses are given. A response that a pair imitates
/// is not imitated again for itself.
fn weights(records: &[ExampleRecord], chosen: &[&[u32]], train: &TrainSection) -> Vec<Weights> {
    let is_pair = |record: &ExampleRecord| record.kind == ExampleKind::Pair;
    let in_pairs: BTreeSet<&[u32]> =
        records.iter().zip(chosen).filter(|(record, _)| is_pair(record)).map(|(_, &tokens)| tokens).collect();
    let weights = |(record, tokens): (&ExampleRecord, &&[u32])| {
        let imitate = match train.sft_examples {
            SftExamples::Pairs => is_pair(record) || !in_pairs.contains(tokens),
            SftExamples::Positives => !is_pair(record),
        };
        let if_so = |so: bool| if so { record.weight } else { 0.0 };
        Weights { pair: if_so(is_pair(record)), sft: if_so(imitate) }
    };
    records.iter().zip(chosen).map(weights).collect()
}

/// Which examples each step sees: the epochs' permutations one after another, cut into batches.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    order: Vec<usize>,
    batch_size: usize,
    n_examples: usize,
    /// Optimiser steps in all.
    pub(crate) n_steps: usize,
}

impl Plan {
    /// Plans `steps` full batches of `n_examples` examples, or `epochs` passes over them; at least one
    /// example is seen.
    pub(crate) fn new(n_examples: usize, train: &TrainSection, run_seed: u64) -> Self {
        let n_seen = match train.steps {
            0 => ((n_examples as f64 * train.epochs).ceil() as usize).max(1),
            steps => steps * train.batch_size,
        };
        let mut order = Vec::with_capacity(n_seen + n_examples);
        for epoch in 0.. {
            if order.len() >= n_seen {
                break;
            }
            let mut permutation: Vec<usize> = (0..n_examples).collect();
            SplitMix64::new(derive_seed(run_seed, Stage::Train.name(), "", epoch)).shuffle(&mut permutation);
            order.extend(permutation);
        }
        order.truncate(n_seen);
        Self { n_steps: n_seen.div_ceil(train.batch_size), order, batch_size: train.batch_size, n_examples }
    }

    /// The batch of step `step`, from 0, and the epoch in which it begins.
    pub(crate) fn batch(&self, step: usize) -> (&[usize], usize) {
        let start = step * self.batch_size;
        let end = (start + self.batch_size).min(self.order.len());
        (&self.order[start..end], start / self.n_examples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ts_recipe::Loader;

    fn train() -> TrainSection {
        let loader = Loader { shipped: ts_embedded::RECIPES };
        TrainSection { batch_size: 4, max_context_tokens: 5, ..loader.load("default", vec![]).unwrap().train }
    }

    fn record(kind: ExampleKind) -> ExampleRecord {
        ExampleRecord {
            id: String::new(),
            problem: "p".into(),
            kind,
            chosen: 0,
            rejected: None,
            len_chosen: 1.0,
            len_rejected: None,
            weight: 1.0,
        }
    }

    #[test]
    fn a_pair_is_imitated_too_and_its_positive_not_again() {
        // A positive in a pair, one in none, and the pair.
        let records = [ExampleKind::Sft, ExampleKind::Sft, ExampleKind::Pair].map(record);
        let chosen: [&[u32]; 3] = [&[7], &[8], &[7]];
        let weights = |sft_examples| {
            let weights = weights(&records, &chosen, &TrainSection { sft_examples, ..train() });
            weights.into_iter().map(|w| (w.pair, w.sft)).collect::<Vec<_>>()
        };
        assert_eq!(weights(SftExamples::Pairs), [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]);
        assert_eq!(weights(SftExamples::Positives), [(0.0, 1.0), (0.0, 1.0), (1.0, 0.0)]);
    }

    #[test]
    fn every_epoch_sees_every_example_once() {
        let plan = Plan::new(10, &TrainSection { epochs: 2.5, ..train() }, 1);
        assert_eq!(plan.n_steps, 7); // 25 examples in batches of 4
        let seen: Vec<usize> = (0..plan.n_steps).flat_map(|step| plan.batch(step).0.to_vec()).collect();
        assert_eq!(seen.len(), 25);
        for epoch in seen[..20].chunks(10) {
            assert_eq!(epoch.iter().collect::<BTreeSet<_>>().len(), 10);
        }
        assert_ne!(seen[..10], seen[10..20]);
        assert_eq!([0, 2, 3, 6].map(|step| plan.batch(step).1), [0, 0, 1, 2]);
        assert_eq!(Plan::new(10, &TrainSection { epochs: 0.01, ..train() }, 1).n_steps, 1);
    }

    #[test]
    fn a_number_of_steps_counts_instead_of_epochs() {
        let plan = |steps| Plan::new(10, &TrainSection { epochs: 2.5, steps, ..train() }, 1);
        assert_eq!(plan(6).n_steps, 6);
        assert_eq!(plan(6).batch(5).0.len(), 4, "every batch is full");
        for step in 0..6 {
            assert_eq!(plan(6).batch(step), plan(0).batch(step), "in the same order");
        }
    }
}
