//! Stage 3, first part: from selections to training examples. TokenSqueeze, section 3.3.
//!
//! In: `samples.jsonl`, `selection.jsonl` and `refined.jsonl`. Out: `examples.jsonl`: a line a preference
//! pair, and a line a positive to imitate. An example names its draws. A positive stands refined in every
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
    let (mut n_pairs, mut n_imitated) = (0, 0);
    let records = work.run(
        tasks,
        || Ok(()),
        make,
        |record, _| {
            match record.kind {
                ExampleKind::Pair => n_pairs += 1,
                ExampleKind::Sft => n_imitated += 1,
            }
            Ok(())
        },
    )?;
    Ok(Done { records, summary: format!("{n_pairs} pairs, {n_imitated} positives to imitate") })
}

/// How many examples there will be if refinement dropped none.
fn at_most(run: &Run<'_>) -> Result<u64, Error> {
    count_selected(run, |selection| selection.positives.len() + selection.pairs.len())
}

/// An example whose lengths are not measured yet.
struct Draft<'a> {
    id: String,
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
        drafts.push(Draft { id, chosen: (positive.draw, chosen), rejected: None, weight: positive.weight });
    }
    for pair in &responses.selected.selection.pairs {
        let Some(chosen) = responses.preferred(pair.chosen)? else { continue };
        let rejected = responses.sampled(pair.rejected)?;
        drafts.push(Draft {
            id: format!("{}/{}>{}", problem.id, pair.chosen, pair.rejected),
            chosen: (pair.chosen, chosen),
            rejected: Some((pair.rejected, rejected)),
            weight: pair.weight,
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
            kind: if self.rejected.is_some() { ExampleKind::Pair } else { ExampleKind::Sft },
            chosen: self.chosen.0,
            rejected: self.rejected.map(|(draw, _)| draw),
            len_chosen: length(self.chosen.1)?,
            len_rejected: self.rejected.map(|(_, response)| length(response)).transpose()?,
            weight: self.weight,
        })
    }
}
