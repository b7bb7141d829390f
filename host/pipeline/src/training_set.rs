//! What the optimiser sees, and in which order. TokenSqueeze, section 3.3 and A.2.
//!
//! In: `examples.jsonl`, `reference.jsonl` and the recipe. Out: [`TrainingSet`], the examples that train anything, and
//! [`Plan`], the batch of each step. Batches derive from the seed, so a run that resumes sees the same ones. The loss is left
//! out on purpose: `objective` has it.

use std::collections::BTreeSet;

use ts_core::seed::{SplitMix64, derive_seed};
use ts_model::log_prob::Sequence;
use ts_run::records::{ExampleKind, ExampleRecord, ReferenceRecord};

use crate::Error;
use crate::objective::{Example, Rejected};
use crate::recipe::{SftExamples, TrainSection};
use crate::stages::Stage;

/// The examples to train on.
#[derive(Clone, Debug)]
pub(crate) struct TrainingSet {
    /// Each with a weight in at least one term of the loss that is switched on.
    pub(crate) examples: Vec<Example>,
    /// How many were left out because they are longer than `max_context_tokens`.
    pub(crate) n_too_long: usize,
}

impl TrainingSet {
    /// Makes examples of records; both files are in the same order.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] if they are not; [`Error::NoExamples`] if nothing is left.
    pub(crate) fn new(
        records: &[ExampleRecord],
        reference: &[ReferenceRecord],
        train: &TrainSection,
    ) -> Result<Self, Error> {
        if records.len() != reference.len() {
            let message = format!("{} lines for {} examples", reference.len(), records.len());
            return Err(Error::Inconsistent { file: "reference.jsonl", message });
        }
        let pairs = records.iter().filter(|e| e.kind == ExampleKind::Pair);
        let in_pairs: BTreeSet<(&str, &[u32])> =
            pairs.map(|e| (e.problem.as_str(), e.chosen_tokens.as_slice())).collect();
        let mut set = Self { examples: Vec::new(), n_too_long: 0 };
        for (record, reference) in records.iter().zip(reference) {
            if record.id != reference.id {
                let message = format!("`{}` stands where `{}` should", reference.id, record.id);
                return Err(Error::Inconsistent { file: "reference.jsonl", message });
            }
            let rejected = rejected(record, reference);
            let is_pair = rejected.is_some();
            let imitate = match train.sft_examples {
                SftExamples::Pairs => {
                    is_pair || !in_pairs.contains(&(record.problem.as_str(), record.chosen_tokens.as_slice()))
                }
                SftExamples::Positives => !is_pair,
            };
            set.add(
                Example {
                    chosen: Sequence::new(&record.prompt_tokens, &record.chosen_tokens),
                    rejected,
                    pair_weight: if is_pair { record.weight } else { 0.0 },
                    sft_weight: if imitate { record.weight } else { 0.0 },
                },
                train,
            );
        }
        if set.examples.is_empty() {
            let n_too_long = set.n_too_long;
            let reason = match records.is_empty() {
                true => "the policy selected nothing".to_owned(),
                false => format!("{n_too_long} of {} are too long, the others have no weight", records.len()),
            };
            return Err(Error::NoExamples { reason });
        }
        Ok(set)
    }

    /// Adds an example, unless it is too long or trains nothing: with one of the two terms switched off, half of them may.
    fn add(&mut self, example: Example, train: &TrainSection) {
        let weight = example.pair_weight * train.dpo_weight + example.sft_weight * (1.0 - train.dpo_weight);
        let rejected_len = example.rejected.as_ref().map_or(0, |r| r.sequence.tokens.len());
        if example.chosen.tokens.len().max(rejected_len) > train.max_context_tokens {
            self.n_too_long += 1;
        } else if weight > 0.0 {
            self.examples.push(example);
        }
    }
}

/// The other half of a pair; none for an example that is only imitated.
fn rejected(record: &ExampleRecord, reference: &ReferenceRecord) -> Option<Rejected> {
    Some(Rejected {
        sequence: Sequence::new(&record.prompt_tokens, record.rejected_tokens.as_ref()?),
        lengths: [record.len_chosen, record.len_rejected?],
        reference_logp: [reference.chosen_logp, reference.rejected_logp?],
    })
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
    /// Plans `steps` full batches of `n_examples` examples, or `epochs` passes over them; at least one example is seen.
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
    use crate::recipe::Loader;

    fn train() -> TrainSection {
        let loader = Loader { shipped: ts_embedded::RECIPES };
        TrainSection { batch_size: 4, max_context_tokens: 5, ..loader.load("default", vec![]).unwrap().train }
    }

    fn record(kind: ExampleKind, chosen: &[u32]) -> ExampleRecord {
        let is_pair = kind == ExampleKind::Pair;
        ExampleRecord {
            id: format!("{kind:?}/{chosen:?}"),
            problem: "p".into(),
            kind,
            prompt_tokens: vec![1],
            chosen_tokens: chosen.to_vec(),
            rejected_tokens: is_pair.then(|| vec![2, 3]),
            len_chosen: chosen.len() as f64,
            len_rejected: is_pair.then_some(2.0),
            weight: 1.0,
        }
    }

    fn reference(records: &[ExampleRecord]) -> Vec<ReferenceRecord> {
        let of = |r: &ExampleRecord| ReferenceRecord {
            id: r.id.clone(),
            chosen_logp: -1.0,
            rejected_logp: r.rejected_tokens.as_ref().map(|_| -2.0),
        };
        records.iter().map(of).collect()
    }

    /// A positive in a pair, one in none, and one that is too long.
    fn records() -> Vec<ExampleRecord> {
        vec![
            record(ExampleKind::Sft, &[7]),
            record(ExampleKind::Sft, &[8]),
            record(ExampleKind::Sft, &[9; 5]),
            record(ExampleKind::Pair, &[7]),
        ]
    }

    fn weights(train: &TrainSection) -> Vec<(u32, f64, f64)> {
        let records = records();
        let set = TrainingSet::new(&records, &reference(&records), train).unwrap();
        assert_eq!(set.n_too_long, 1);
        set.examples.iter().map(|e| (e.chosen.tokens[1], e.pair_weight, e.sft_weight)).collect()
    }

    #[test]
    fn a_pair_is_imitated_too_and_its_positive_not_again() {
        let pairs = TrainSection { sft_examples: SftExamples::Pairs, ..train() };
        assert_eq!(weights(&pairs), [(8, 0.0, 1.0), (7, 1.0, 1.0)]);
        let positives = TrainSection { sft_examples: SftExamples::Positives, ..train() };
        assert_eq!(weights(&positives), [(7, 0.0, 1.0), (8, 0.0, 1.0), (7, 1.0, 0.0)]);
        // What the switched-off term alone would see is left out.
        assert_eq!(weights(&TrainSection { dpo_weight: 1.0, ..positives.clone() }), [(7, 1.0, 0.0)]);
        assert_eq!(weights(&TrainSection { dpo_weight: 0.0, ..positives }), [(7, 0.0, 1.0), (8, 0.0, 1.0)]);
    }

    #[test]
    fn files_that_do_not_fit_together_and_empty_sets_are_errors() {
        let records = records();
        let mut other = reference(&records);
        other.swap(0, 1);
        let fails = |reference: &[ReferenceRecord], records: &[ExampleRecord]| {
            TrainingSet::new(records, reference, &train()).unwrap_err().to_string()
        };
        assert!(fails(&other, &records).contains("stands where"));
        assert!(fails(&other[..1], &records).contains("1 lines for 4 examples"));
        assert!(fails(&[], &[]).contains("selected nothing"));
        assert!(fails(&reference(&records[2..3]), &records[2..3]).contains("1 of 1 are too long"));
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
