//! Stage 1, third part: choose positives and pairs with the policy plugin. TokenSqueeze, section 3.1 and
//! table 2.
//!
//! In: `samples.jsonl` and `grades.jsonl`. Out: `selection.jsonl`, a line a problem. The host measures
//! lengths and steps, hands the policy the whole group, and keeps the first `max_pairs` of its pairs.

use ts_core::pairing::{Pair, cap_pairs};
use ts_core::selection::pass_rate;
use ts_plugin::CandidateOutcome;
use ts_run::Key;
use ts_run::records::{
    GradeRecord, PairRecord, PositiveRecord, ProblemRecord, SampleRecord, SelectionRecord, SequenceRecord,
};

use super::Done;
use super::work::{Made, Task, Tasks, Work};
use crate::responses::grouping::Grouping;
use crate::stage::Stage;
use crate::{Error, Run};

/// A problem, its responses, and their grades in the same order.
type Graded = (ProblemRecord, Vec<SampleRecord>, Vec<GradeRecord>);

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let work =
        Work { run, stage: Stage::Select, unit: "problems", total: run.train.len(), workers: run.workers() };
    let tasks = || -> Result<Tasks<'_, Graded>, Error> {
        let mut samples = run.records::<SampleRecord>(Stage::Sample)?;
        let mut grades = run.records::<GradeRecord>(Stage::Grade)?;
        let n_samples = run.recipe.sample.n_samples;
        Ok(Box::new(run.train.problems()?.map(move |problem| {
            let problem = problem?;
            let (mut responses, mut verdicts) = (Vec::new(), Vec::new());
            for draw in 0..n_samples {
                let key = Key::Draw(problem.id.clone(), draw);
                responses.push(samples.expect(&key)?.record);
                verdicts.push(grades.expect(&key)?.record);
            }
            Ok(Task { keys: vec![Key::Problem(problem.id.clone())], input: (problem, responses, verdicts) })
        })))
    };
    let make = |(): &(), (problem, samples, grades): Graded, _: &[usize]| {
        Ok(vec![Made::from(select_one(run, &problem, &samples, &grades)?)])
    };
    let (mut n_positives, mut n_pairs, mut n_sequences) = (0, 0, 0);
    let records = work.run(
        tasks,
        || Ok(()),
        make,
        |record, _| {
            n_positives += record.positives.len();
            n_pairs += record.pairs.len();
            n_sequences += record.sequences.len();
            Ok(())
        },
    )?;
    let sequences = if n_sequences > 0 { format!(", {n_sequences} sequences") } else { String::new() };
    Ok(Done { records, summary: format!("{n_positives} positives, {n_pairs} pairs{sequences}") })
}

fn select_one(
    run: &Run<'_>,
    problem: &ProblemRecord,
    samples: &[SampleRecord],
    grades: &[GradeRecord],
) -> Result<SelectionRecord, Error> {
    let grouping = Grouping { recipe: &run.recipe, plugins: &run.plugins, tokenizer: &run.tokenizer };
    let group = grouping.group(problem, samples, grades)?;
    let graded = group.responses.iter().filter(|c| c.outcome != CandidateOutcome::Ungraded);
    let n_responses = graded.clone().count();
    let n_correct = graded.filter(|c| c.outcome == CandidateOutcome::Correct).count();
    let selection = run.plugins.selection_policy.select(&group)?.value;

    let pairs: Vec<Pair> = selection
        .pairs
        .iter()
        .map(|p| Pair { chosen: p.chosen, rejected: p.rejected, weight: p.weight })
        .collect();
    let pairs = cap_pairs(&pairs, run.recipe.select.pair_scope, run.recipe.select.max_pairs);
    let draw = |index: usize| samples[index].draw;
    Ok(SelectionRecord {
        problem: problem.id.clone(),
        n_responses: n_responses as u32,
        n_correct: n_correct as u32,
        pass_rate: pass_rate(n_correct, n_responses),
        positives: selection
            .positives
            .iter()
            .map(|p| PositiveRecord {
                draw: draw(p.response),
                weight: p.weight,
                keep_steps: p.keep_steps.map(|k| k as u32),
            })
            .collect(),
        pairs: pairs
            .iter()
            .map(|p| PairRecord { chosen: draw(p.chosen), rejected: draw(p.rejected), weight: p.weight })
            .collect(),
        sequences: selection
            .sequences
            .iter()
            .map(|s| SequenceRecord { draw: draw(s.response), weight: s.weight })
            .collect(),
    })
}
