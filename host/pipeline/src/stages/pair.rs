//! Stage 3, first part: from selections to training examples. TokenSqueeze, section 3.3.
//!
//! In: `samples.jsonl`, `selection.jsonl` and `refined.jsonl`. Out: `examples.jsonl`: a line a preference
//! pair, a line a positive to imitate, and a line a response with a weight of either sign, which stands as it was sampled.
//! An example names its draws. A positive stands refined in every
//! example; one that the verifier no longer accepts is in none. Whether a pair's chosen response is imitated
//! as well, `train` decides by the recipe.

use ts_run::Key;
use ts_run::records::{ExampleKind, ExampleRecord, ProblemRecord};

use super::Done;
use super::work::{Made, Task, Tasks, Work};
use crate::responses::selected::{Response, ResponseReader, Responses, count_selected};
use crate::stage::Stage;
use crate::{Error, Run};

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let work =
        Work { run, stage: Stage::Pair, unit: "examples", total: at_most(run)?, workers: run.workers() };
    let tasks = || -> Result<Tasks<'_, (ProblemRecord, Responses)>, Error> {
        let mut responses = ResponseReader::open(run)?;
        Ok(Box::new(run.train.problems()?.map(move |problem| {
            let problem = problem?;
            let responses = responses.of(&problem)?;
            let keys = drafts(&problem, &responses)?.into_iter().map(|draft| Key::Example(draft.id));
            Ok(Task { keys: keys.collect(), input: (problem, responses) })
        })))
    };
    let make = |(): &(), (problem, responses): (ProblemRecord, Responses), wanted: &[usize]| {
        let mut drafts: Vec<_> = drafts(&problem, &responses)?.into_iter().map(Some).collect();
        let wanted = wanted.iter().filter_map(|&place| drafts[place].take());
        wanted.map(|draft| Ok(Made::from(draft.measured(run, &problem)?))).collect()
    };
    let (mut n_pairs, mut n_imitated, mut n_sequences) = (0, 0, 0);
    let records = work.run(
        tasks,
        || Ok(()),
        make,
        |record, _| {
            match record.kind {
                ExampleKind::Pair => n_pairs += 1,
                ExampleKind::Sft => n_imitated += 1,
                ExampleKind::Sequence => n_sequences += 1,
            }
            Ok(())
        },
    )?;
    let sequences = if n_sequences > 0 { format!(", {n_sequences} sequences") } else { String::new() };
    Ok(Done { records, summary: format!("{n_pairs} pairs, {n_imitated} positives to imitate{sequences}") })
}

/// How many examples there will be if refinement dropped none.
fn at_most(run: &Run<'_>) -> Result<u64, Error> {
    count_selected(run, |selection| {
        selection.positives.len() + selection.pairs.len() + selection.sequences.len()
    })
}

/// An example whose lengths are not measured yet.
struct Draft<'a> {
    id: String,
    kind: ExampleKind,
    chosen: (u32, Response<'a>),
    rejected: Option<(u32, Response<'a>)>,
    weight: f64,
}

/// The examples of one problem.
fn drafts<'a>(problem: &ProblemRecord, responses: &'a Responses) -> Result<Vec<Draft<'a>>, Error> {
    let mut drafts = Vec::new();
    for positive in &responses.selected.selection.positives {
        let Some(chosen) = responses.preferred(positive.draw)? else { continue };
        let id = format!("{}/{}", problem.id, positive.draw);
        let chosen = (positive.draw, chosen);
        drafts.push(Draft { id, kind: ExampleKind::Sft, chosen, rejected: None, weight: positive.weight });
    }
    for pair in &responses.selected.selection.pairs {
        let Some(chosen) = responses.preferred(pair.chosen)? else { continue };
        let rejected = responses.sampled(pair.rejected)?;
        drafts.push(Draft {
            id: format!("{}/{}>{}", problem.id, pair.chosen, pair.rejected),
            kind: ExampleKind::Pair,
            chosen: (pair.chosen, chosen),
            rejected: Some((pair.rejected, rejected)),
            weight: pair.weight,
        });
    }
    for sequence in &responses.selected.selection.sequences {
        drafts.push(Draft {
            id: format!("{}/{}#", problem.id, sequence.draw),
            kind: ExampleKind::Sequence,
            chosen: (sequence.draw, responses.sampled(sequence.draw)?),
            rejected: None,
            weight: sequence.weight,
        });
    }
    Ok(drafts)
}

impl Draft<'_> {
    /// The example, its lengths as the length function measures them.
    fn measured(self, run: &Run<'_>, problem: &ProblemRecord) -> Result<ExampleRecord, Error> {
        let length_function = &run.plugins.length_function;
        let length = |response: Response<'_>| -> Result<f64, Error> {
            Ok(length_function.measure(&problem.id, response.text, response.tokens.len() as u32)?.value)
        };
        Ok(ExampleRecord {
            id: self.id,
            problem: problem.id.clone(),
            kind: self.kind,
            chosen: self.chosen.0,
            rejected: self.rejected.map(|(draw, _)| draw),
            len_chosen: length(self.chosen.1)?,
            len_rejected: self.rejected.map(|(_, response)| length(response)).transpose()?,
            weight: self.weight,
        })
    }
}
