//! Evaluation: independent runs over the held-out problems, before and after training. TokenSqueeze, section
//! 4.1.2 and A.3.
//!
//! In: the held-out problems and a model. Out: `eval-baseline.jsonl` or `eval-result.jsonl`, `n_runs` lines a
//! problem. Both use the same code and the same seeds.

use ts_model::LanguageModel;
use ts_model::generate::Sampling;
use ts_run::records::{EvalRecord, ProblemRecord};

use super::Done;
use super::work::Made;
use crate::responses::draws::{Draws, Response};
use crate::responses::grading::{Tally, grade};
use crate::setup::servers::Served;
use crate::stage::Stage;
use crate::{Error, Run};

pub(super) fn run_baseline(run: &Run<'_>) -> Result<Done, Error> {
    evaluate(run, Stage::EvalBaseline, Served::Base, || run.base_model())
}

pub(super) fn run_result(run: &Run<'_>) -> Result<Done, Error> {
    run.require(Stage::Train)?;
    evaluate(run, Stage::EvalResult, Served::Trained, || run.trained_model())
}

fn evaluate(
    run: &Run<'_>,
    stage: Stage,
    served: Served,
    load: impl FnOnce() -> Result<LanguageModel, Error>,
) -> Result<Done, Error> {
    let settings = &run.recipe.eval;
    let draws = Draws {
        run,
        // The same seeds before and after: a problem's draws differ by the model alone.
        seeds_of: Stage::EvalBaseline,
        problems: &run.heldout,
        per_problem: settings.n_runs,
        first_draw: 0,
        sampling: Sampling {
            temperature: settings.temperature,
            top_p: settings.top_p,
            max_new_tokens: settings.max_new_tokens,
            max_batch_rows: settings.max_batch_rows,
        },
    };
    let graded = |problem: &ProblemRecord, response: Response| {
        let grade = grade(&run.plugins.verifier, problem, &response.text)?;
        let steps = run.steps_of(&problem.id, &response.tokens)?;
        let record = EvalRecord {
            problem: problem.id.clone(),
            run: response.draw,
            seed: response.seed,
            difficulty: problem.difficulty,
            outcome: grade.outcome,
            failure: grade.failure,
            tokens: response.tokens.len() as u32,
            n_steps: steps.steps.len() as u32,
            step_tokens: steps.reasoning_tokens() as u32,
            finished: response.finished,
            text: response.text,
            retokenised: response.retokenised,
        };
        Ok(Made { record, n_tokens: None, note: grade.note })
    };
    let mut tally = Tally::new(run.recipe.plugins.max_failed_share);
    let mut n_tokens: u64 = 0;
    let each = |record: &EvalRecord, note: &str| {
        tally.count(record.outcome, record.failure.as_deref(), note);
        n_tokens += u64::from(record.tokens);
        tally.check()
    };
    let records = draws.make(stage, served, load, graded, each)?;
    tally.check_at_end()?;
    let mean = n_tokens as f64 / records.max(1) as f64;
    let mut summary =
        format!("{records} responses, {:.1} % correct, {mean:.0} tokens each", tally.percent_correct());
    if tally.ungraded.total() > 0 {
        summary += &format!(", {}", tally.ungraded);
    }
    Ok(Done { records, summary })
}
