//! Which examples train anything: what training and an export of its data both see.
//!
//! In: `examples.jsonl`, the responses that it names, `reference.jsonl` and the recipe. Out: each example that has a weight in a term
//! of the loss and is not too long, in the artefact's order, its place among them counted from 0; and how many were left out. Only one
//! problem's examples are held.

use std::collections::BTreeMap;

use ts_run::records::{ExampleKind, ExampleRecord, ProblemRecord, ReferenceRecord};
use ts_run::{Key, ProblemPlace};

use crate::responses::selected::{Response, ResponseReader};
use crate::stage::Stage;
use crate::stages::reference::examples_of;
use crate::{Error, Run};
use ts_recipe::{SftExamples, TrainSection};

/// An example that trains something.
pub(crate) struct Item<'a> {
    pub(crate) problem: &'a ProblemRecord,
    /// Where the problem stands in its file.
    pub(crate) place: ProblemPlace,
    /// The prompt's tokens.
    pub(crate) prompt: &'a [u32],
    pub(crate) record: &'a ExampleRecord,
    pub(crate) chosen: Response<'a>,
    pub(crate) rejected: Option<Response<'a>>,
    /// None where log-probabilities were not asked for.
    pub(crate) reference: Option<ReferenceRecord>,
    pub(crate) weights: Weights,
}

impl Item<'_> {
    /// Whether a response of it came as text alone and was tokenised here.
    pub(crate) fn is_retokenised(&self) -> bool {
        self.chosen.retokenised || self.rejected.is_some_and(|rejected| rejected.retokenised)
    }
}

/// An example's weights in the two terms of the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weights {
    pub(crate) pair: f64,
    pub(crate) sft: f64,
}

/// Examples by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// In all.
    pub(crate) n_examples: usize,
    /// Handed out.
    pub(crate) n_used: usize,
    /// Left out because they are longer than `max_context_tokens`.
    pub(crate) n_too_long: usize,
}

/// Calls `each` with every example that trains anything; with its log-probabilities if `with_reference`.
///
/// # Errors
/// Artefacts that cannot be read or do not fit together; [`Error::NoExamples`] if nothing is left; those of `each`.
pub(crate) fn for_each_example(
    run: &Run<'_>,
    with_reference: bool,
    mut each: impl FnMut(Item<'_>) -> Result<(), Error>,
) -> Result<Counts, Error> {
    let train = &run.recipe.train;
    let mut responses = ResponseReader::open(run)?;
    let mut examples = run.records::<ExampleRecord>(Stage::Pair)?;
    let mut reference = match with_reference {
        true => Some(run.records::<ReferenceRecord>(Stage::Reference)?),
        false => None,
    };
    let mut counts = Counts::default();
    let mut problems = run.train.problems()?;
    while let Some((problem, place)) = problems.next_placed()? {
        let responses = responses.of(&problem)?;
        let records = examples_of(&problem, &mut examples)?;
        let prompt = if records.is_empty() { Vec::new() } else { run.prompt_tokens(&problem)? };
        let sides = records.iter().map(|record| responses.sides(record));
        let sides = sides.collect::<Result<Vec<_>, _>>()?;
        let chosen: Vec<&[u32]> = sides.iter().map(|(chosen, _)| chosen.tokens).collect();
        let weights = weights(&records, &chosen, train);
        counts.n_examples += records.len();
        for ((record, (chosen, rejected)), weights) in records.iter().zip(sides).zip(weights) {
            let key = || Key::Example(record.id.clone());
            let reference = match &mut reference {
                Some(reference) => Some(reference.expect(&key())?.record),
                None => None,
            };
            let longest = chosen.tokens.len().max(rejected.map_or(0, |rejected| rejected.tokens.len()));
            if prompt.len() + longest > train.max_context_tokens {
                counts.n_too_long += 1;
                continue;
            }
            if weights.pair * train.dpo_weight + weights.sft * (1.0 - train.dpo_weight) <= 0.0 {
                continue;
            }
            counts.n_used += 1;
            let (problem, prompt) = (&problem, &prompt);
            each(Item { problem, place, prompt, record, chosen, rejected, reference, weights })?;
        }
    }
    examples.finish()?;
    reference.map_or(Ok(()), |reference| reference.finish())?;
    if counts.n_used == 0 {
        let reason = match counts.n_examples {
            0 => "the policy selected nothing".to_owned(),
            n => format!("{} of {n} are too long, the others have no weight", counts.n_too_long),
        };
        return Err(Error::NoExamples { reason });
    }
    Ok(counts)
}

/// The weights of one problem's examples, whose chosen responses are given. A response that a pair imitates
/// is not imitated again for itself; its weight as a positive counts in the pair.
fn weights(records: &[ExampleRecord], chosen: &[&[u32]], train: &TrainSection) -> Vec<Weights> {
    let is_pair = |record: &ExampleRecord| record.kind == ExampleKind::Pair;
    let of = |pairs: bool| {
        let those = records.iter().zip(chosen).filter(move |(record, _)| is_pair(record) == pairs);
        those.map(|(record, &tokens)| (tokens, record.weight)).collect::<BTreeMap<&[u32], f64>>()
    };
    let (in_pairs, positives) = (of(true), of(false));
    let weights = |(record, tokens): (&ExampleRecord, &&[u32])| {
        let sft = match (train.sft_examples, is_pair(record)) {
            (SftExamples::Pairs, true) => record.weight * positives.get(tokens).unwrap_or(&1.0),
            (SftExamples::Pairs, false) if in_pairs.contains_key(tokens) => 0.0,
            (SftExamples::Positives, true) => 0.0,
            (_, false) => record.weight,
        };
        Weights { pair: if is_pair(record) { record.weight } else { 0.0 }, sft }
    };
    records.iter().zip(chosen).map(weights).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ts_recipe::Loader;

    /// Weights in the pair's and in the imitation's term, of examples by kind and weight, whose chosen responses are given.
    fn weighed(
        examples: &[(ExampleKind, f64)],
        chosen: &[&[u32]],
        sft_examples: SftExamples,
    ) -> Vec<(f64, f64)> {
        let loader = Loader { shipped: ts_embedded::RECIPES };
        let train = TrainSection { sft_examples, ..loader.load("default", vec![]).unwrap().train };
        let record = |&(kind, weight)| ExampleRecord {
            id: String::new(),
            problem: "p".into(),
            kind,
            chosen: 0,
            rejected: None,
            len_chosen: 1.0,
            len_rejected: None,
            weight,
        };
        let records: Vec<ExampleRecord> = examples.iter().map(record).collect();
        weights(&records, chosen, &train).into_iter().map(|w| (w.pair, w.sft)).collect()
    }

    #[test]
    fn a_pair_is_imitated_too_and_its_positive_not_again() {
        // A positive in a pair, one in none, and the pair.
        let examples = [ExampleKind::Sft, ExampleKind::Sft, ExampleKind::Pair].map(|kind| (kind, 1.0));
        let weights = |sft_examples| weighed(&examples, &[&[7], &[8], &[7]], sft_examples);
        assert_eq!(weights(SftExamples::Pairs), [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]);
        assert_eq!(weights(SftExamples::Positives), [(0.0, 1.0), (0.0, 1.0), (1.0, 0.0)]);
    }

    #[test]
    fn a_positives_weight_counts_wherever_it_is_imitated() {
        // A positive of half a weight, and one of none, each in a pair; a pair whose chosen response is no positive.
        let (sft, pair) = (ExampleKind::Sft, ExampleKind::Pair);
        let examples = [(sft, 0.5), (sft, 0.0), (pair, 2.0), (pair, 1.0), (pair, 3.0)];
        let weights = |sft_examples| weighed(&examples, &[&[7], &[8], &[7], &[8], &[9]], sft_examples);
        assert_eq!(weights(SftExamples::Pairs), [(0.0, 0.0), (0.0, 0.0), (2.0, 1.0), (1.0, 0.0), (3.0, 3.0)]);
        assert_eq!(
            weights(SftExamples::Positives),
            [(0.0, 0.5), (0.0, 0.0), (2.0, 0.0), (1.0, 0.0), (3.0, 0.0)]
        );
    }
}
