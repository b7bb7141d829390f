//! Stage 1, second part: grade every response with the verifier plugin. TokenSqueeze, section 3.1.
//!
//! In: `samples.jsonl`. Out: `grades.jsonl`, a line a response, in the same order.

use std::sync::Arc;

use ts_run::Key;
use ts_run::records::{ProblemRecord, SampleRecord};

use super::Done;
use super::work::{Made, Task, Tasks, Work};
use crate::responses::grading::{Tally, grade};
use crate::stage::Stage;
use crate::{Error, Run};

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let n_samples = run.recipe.sample.n_samples;
    let work = Work {
        run,
        stage: Stage::Grade,
        unit: "responses",
        total: run.train.len() * u64::from(n_samples),
        workers: run.workers(),
    };
    let tasks = || -> Result<Tasks<'_, (Arc<ProblemRecord>, SampleRecord)>, Error> {
        let mut samples = run.records::<SampleRecord>(Stage::Sample)?;
        let draws = run.train.problems()?.flat_map(move |problem| {
            let problem = problem.map(Arc::new).map_err(Some);
            (0..n_samples).scan(problem, |problem, draw| match problem {
                Ok(problem) => Some(Ok((Arc::clone(problem), draw))),
                Err(error) => error.take().map(Err),
            })
        });
        Ok(Box::new(draws.map(move |next| {
            let (problem, draw) = next?;
            let key = Key::Draw(problem.id.clone(), draw);
            let sample = samples.expect(&key)?.record;
            Ok(Task { keys: vec![key], input: (problem, sample) })
        })))
    };
    let make = |(): &(), (problem, sample): (Arc<ProblemRecord>, SampleRecord), _: &[usize]| {
        let grade = grade(&run.plugins.verifier, &problem, &sample.text)?;
        Ok(vec![Made::from(grade.into_record(&sample.problem, sample.draw))])
    };
    let mut tally = Tally::new(run.recipe.plugins.max_failed_share);
    let records = work.run(
        tasks,
        || Ok(()),
        make,
        |record, _| {
            tally.count(record.outcome, record.failure.as_deref(), &record.note);
            tally.check()
        },
    )?;
    tally.check_at_end()?;
    let Tally { total, ungraded, .. } = &tally;
    let summary = format!("{total} graded, {:.1} % correct, {ungraded}", tally.percent_correct());
    Ok(Done { records, summary })
}
