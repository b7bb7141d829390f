//! Which examples train anything: what training and an export of its data both see.
//!
//! In: `examples.jsonl`, the responses that it names, `reference.jsonl` and the recipe. Out: each example that has a weight in a term
//! of the loss and is not too long, in the artefact's order, its place among them counted from 0; and how many were left out. Only one
//! problem's examples are held.

use std::collections::BTreeMap;

use ts_core::sequences::{Normalise, normalised};
use ts_run::records::{ExampleKind, ExampleRecord, ProblemRecord, ReferenceRecord};
use ts_run::{Key, ProblemPlace};

use crate::responses::selected::{Response, ResponseReader};
use crate::stage::Stage;
use crate::stages::reference::examples_of;
use crate::{Error, Run};
use ts_recipe::{Recipe, SftExamples};

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

/// An example's weights in the terms of the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weights {
    pub(crate) pair: f64,
    pub(crate) sft: f64,
    /// Of a sequence, of either sign, normalised within its problem if the recipe says so; none for what is not one.
    pub(crate) sequence: Option<f64>,
}

impl Weights {
    /// Whether an example with them trains anything.
    fn count(&self, recipe: &Recipe) -> bool {
        let eta = recipe.train.dpo_weight;
        // Within a batch a weight of 0 may come out as another one.
        let counts = |weight: f64| weight != 0.0 || recipe.objective.normalise == Normalise::Batch;
        self.pair * eta + self.sft * (1.0 - eta) > 0.0 || (eta < 1.0 && self.sequence.is_some_and(counts))
    }
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
    let max_context_tokens = run.recipe.train.max_context_tokens;
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
        let weights = weights(&records, &chosen, &run.recipe);
        counts.n_examples += records.len();
        for ((record, (chosen, rejected)), weights) in records.iter().zip(sides).zip(weights) {
            let key = || Key::Example(record.id.clone());
            let reference = match &mut reference {
                Some(reference) => Some(reference.expect(&key())?.record),
                None => None,
            };
            let longest = chosen.tokens.len().max(rejected.map_or(0, |rejected| rejected.tokens.len()));
            if prompt.len() + longest > max_context_tokens {
                counts.n_too_long += 1;
                continue;
            }
            if !weights.count(&run.recipe) {
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
/// is not imitated again for itself; its weight as a positive counts in the pair. A sequence's is in its own term alone.
fn weights(records: &[ExampleRecord], chosen: &[&[u32]], recipe: &Recipe) -> Vec<Weights> {
    let of_sequences: Vec<f64> =
        records.iter().filter(|r| r.kind == ExampleKind::Sequence).map(|r| r.weight).collect();
    let of_sequences = match recipe.objective.normalise {
        Normalise::Group => normalised(&of_sequences),
        Normalise::None | Normalise::Batch => of_sequences,
    };
    let mut of_sequences = of_sequences.into_iter();
    let is_pair = |record: &ExampleRecord| record.kind == ExampleKind::Pair;
    let of = |kind: ExampleKind| {
        let those = records.iter().zip(chosen).filter(move |(record, _)| record.kind == kind);
        those.map(|(record, &tokens)| (tokens, record.weight)).collect::<BTreeMap<&[u32], f64>>()
    };
    let (in_pairs, positives) = (of(ExampleKind::Pair), of(ExampleKind::Sft));
    let weights = |(record, tokens): (&ExampleRecord, &&[u32])| {
        if record.kind == ExampleKind::Sequence {
            return Weights { pair: 0.0, sft: 0.0, sequence: of_sequences.next() };
        }
        let sft = match (recipe.train.sft_examples, is_pair(record)) {
            (SftExamples::Pairs, true) => record.weight * positives.get(tokens).unwrap_or(&1.0),
            (SftExamples::Pairs, false) if in_pairs.contains_key(tokens) => 0.0,
            (SftExamples::Positives, true) => 0.0,
            (_, false) => record.weight,
        };
        Weights { pair: if is_pair(record) { record.weight } else { 0.0 }, sft, sequence: None }
    };
    records.iter().zip(chosen).map(weights).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ts_recipe::{Loader, Override};

    fn recipe(change: &str) -> Recipe {
        let loader = Loader { shipped: ts_embedded::RECIPES };
        loader.load("default", vec![change.parse::<Override>().unwrap()]).unwrap()
    }

    fn record((kind, weight): (ExampleKind, f64)) -> ExampleRecord {
        ExampleRecord {
            id: String::new(),
            problem: "p".into(),
            kind,
            chosen: 0,
            rejected: None,
            len_chosen: 1.0,
            len_rejected: None,
            weight,
        }
    }

    /// Weights in the pair's and in the imitation's term, of examples by kind and weight, whose chosen responses are given.
    fn weighed(
        examples: &[(ExampleKind, f64)],
        chosen: &[&[u32]],
        sft_examples: SftExamples,
    ) -> Vec<(f64, f64)> {
        let mut recipe = recipe("run.seed=1");
        recipe.train.sft_examples = sft_examples;
        let records: Vec<ExampleRecord> = examples.iter().copied().map(record).collect();
        weights(&records, chosen, &recipe).into_iter().map(|w| (w.pair, w.sft)).collect()
    }

    #[test]
    fn a_sequence_s_weight_is_in_its_own_term_and_normalised_as_the_recipe_says() {
        let (sft, pair, sequence) = (ExampleKind::Sft, ExampleKind::Pair, ExampleKind::Sequence);
        // The positive and the sequence of weight 2 are the same response.
        let examples = [(sft, 0.5), (pair, 1.0), (sequence, 2.0), (sequence, -1.0), (sequence, 5.0)];
        let chosen: [&[u32]; 5] = [&[7], &[8], &[7], &[9], &[10]];
        let records: Vec<ExampleRecord> = examples.into_iter().map(record).collect();
        let weights = |normalise: &str| {
            weights(&records, &chosen, &recipe(&format!("objective.normalise={normalise}")))
        };
        let of_sequences =
            |normalise: &str| weights(normalise).iter().map(|w| w.sequence).collect::<Vec<_>>();
        assert_eq!(of_sequences("none"), [None, None, Some(2.0), Some(-1.0), Some(5.0)]);
        assert_eq!(of_sequences("batch"), of_sequences("none")); // the optimiser's step does it
        // Of 2, -1 and 5 the mean is 2 and the deviation 3.
        assert_eq!(of_sequences("group"), [None, None, Some(0.0), Some(-1.0), Some(1.0)]);
        let others = |w: &Weights| (w.pair, w.sft);
        assert_eq!(
            weights("group").iter().map(others).collect::<Vec<_>>(),
            [(0.0, 0.5), (1.0, 1.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)]
        );
    }

    #[test]
    fn an_example_without_a_weight_trains_nothing() {
        let sequence = |weight| Weights { pair: 0.0, sft: 0.0, sequence: Some(weight) };
        let by_none = recipe("train.dpo_weight=0.5");
        assert!(sequence(-1.0).count(&by_none) && !sequence(0.0).count(&by_none));
        assert!(sequence(0.0).count(&recipe("objective.normalise=batch")));
        assert!(!sequence(1.0).count(&recipe("train.dpo_weight=1.0")));
        let imitated = Weights { pair: 0.0, sft: 1.0, sequence: None };
        assert!(imitated.count(&by_none) && !imitated.count(&recipe("train.dpo_weight=1.0")));
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
