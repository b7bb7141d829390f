//! What the optimiser sees, and in which order. TokenSqueeze, section 3.3 and A.2.
//!
//! In: the examples that train anything, and the recipe. Out: [`TrainingSet`], where their responses stand, and [`Plan`], the batch of
//! each step. Tokens are read batch by batch. Batches derive from the seed, so a run that resumes sees the
//! same ones.

use ts_core::seed::{SplitMix64, derive_seed};
use ts_model::log_prob::Sequence;
use ts_run::records::{RefinedRecord, SampleRecord};
use ts_run::{Lookup, ProblemLookup, ProblemPlace};

use crate::memory::Demand;
use crate::responses::selected::Place;
use crate::stage::Stage;
use crate::training::examples::{Item, Weights, for_each_example};
use crate::training::objective::{Example, Rejected, Weighted};
use crate::{Error, Run};
use ts_recipe::TrainSection;

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
    /// log pi_ref of the chosen response, in nats.
    reference_logp: f64,
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

impl TrainingSet {
    /// Reads which examples there are.
    ///
    /// # Errors
    /// Artefacts that cannot be read or do not fit together; [`Error::NoExamples`] if nothing is left.
    pub(crate) fn open(run: &Run<'_>) -> Result<Self, Error> {
        let mut entries = Vec::new();
        let (mut longest_text, mut longest_example) = (0, 0);
        let counts = for_each_example(run, true, |item| {
            let Item { place, prompt, record, chosen, rejected, reference, weights, .. } = item;
            let [of_chosen, of_rejected] =
                [Some(chosen), rejected].map(|side| side.map_or(0, |side| prompt.len() + side.tokens.len()));
            longest_example = longest_example.max(of_chosen + of_rejected);
            longest_text = longest_text.max(of_chosen.max(of_rejected));
            let logp = reference.map_or([0.0; 2], |r| [r.chosen_logp, r.rejected_logp.unwrap_or(0.0)]);
            let rejected = rejected.map(|rejected| RejectedEntry {
                place: rejected.place,
                lengths: [record.len_chosen, record.len_rejected.unwrap_or(0.0)],
                reference_logp: logp,
            });
            let chosen = chosen.place;
            entries.push(Entry { problem: place, chosen, rejected, reference_logp: logp[0], weights });
            Ok(())
        })?;
        let samples = run.records::<SampleRecord>(Stage::Sample)?.lookup()?;
        let refined = run.records::<RefinedRecord>(Stage::Refine)?.lookup()?;
        let demand = Demand::Examples { text: longest_text, example: longest_example };
        let n_too_long = counts.n_too_long;
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
            let Entry { problem, chosen, rejected, reference_logp, weights } = &entries[index];
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
            let weighted = |weight| Weighted { weight, reference_logp: *reference_logp };
            batch.push(Example {
                chosen,
                rejected,
                pair_weight: weights.pair,
                sft_weight: weights.sft,
                weighted: weights.sequence.map(weighted),
            });
        }
        Ok(batch)
    }
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
    use std::collections::BTreeSet;

    use super::*;
    use ts_recipe::Loader;

    fn train() -> TrainSection {
        let loader = Loader { shipped: ts_embedded::RECIPES };
        TrainSection { batch_size: 4, max_context_tokens: 5, ..loader.load("default", vec![]).unwrap().train }
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
