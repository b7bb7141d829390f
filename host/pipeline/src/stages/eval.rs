//! Evaluation: independent runs over the held-out problems, before and after training. TokenSqueeze, section 4.1.2 and A.3.
//!
//! In: the held-out problems and a model. Out: `eval-baseline.jsonl` or `eval-result.jsonl`, `n_runs` lines a problem. Both
//! use the same code and the same seeds. Turning records into metrics is left out on purpose: `report` does.

use ts_model::LanguageModel;
use ts_model::generate::Sampling;
use ts_run::records::EvalRecord;

use super::grade::{Tally, grade};
use super::{Done, Stage};
use crate::draws::{Draws, append_rest, draw_responses};
use crate::{Error, Run};

pub(super) fn run_baseline(run: &Run<'_>) -> Result<Done, Error> {
    evaluate(run, Stage::EvalBaseline, || run.base_model())
}

pub(super) fn run_result(run: &Run<'_>) -> Result<Done, Error> {
    run.require(Stage::Train)?;
    evaluate(run, Stage::EvalResult, || run.trained_model())
}

fn evaluate(
    run: &Run<'_>,
    stage: Stage,
    load: impl FnOnce() -> Result<LanguageModel, Error>,
) -> Result<Done, Error> {
    let settings = &run.recipe.eval;
    let per_problem = settings.n_runs as usize;
    let (mut journal, done) = run.folder.journal::<EvalRecord>(stage.artefact())?;
    let total = run.heldout.len() * per_problem;
    run.progress.start(stage.name(), "responses", done.len() as u64, total as u64);
    let mut tally = Tally::new(run.recipe.plugins.limits.max_failed_share);
    let mut n_tokens: u64 = 0;
    for record in &done {
        tally.count(record.outcome, "");
        n_tokens += u64::from(record.tokens);
    }

    let whole_problems = (done.len() / per_problem).min(run.heldout.len());
    let mut partial = done.len() % per_problem;
    let rest = &run.heldout[whole_problems..];
    if !rest.is_empty() {
        let model = load()?;
        let sampling = Sampling {
            temperature: settings.temperature,
            top_p: settings.top_p,
            max_new_tokens: settings.max_new_tokens,
            max_batch_rows: settings.max_batch_rows,
        };
        // The same seeds before and after: a problem's draws differ by the model alone.
        let seeds_of = Stage::EvalBaseline;
        draw_responses(
            run,
            &model,
            &Draws { stage: seeds_of, problems: rest, per_problem: settings.n_runs, sampling },
            |problem, response| {
                let graded = grade(&run.plugins.verifier, problem, &response.text);
                let steps = run.steps_of(&problem.id, &response.tokens)?;
                let record = EvalRecord {
                    problem: problem.id.clone(),
                    run: response.draw,
                    seed: response.seed,
                    difficulty: problem.difficulty,
                    outcome: graded.outcome,
                    tokens: response.tokens.len() as u32,
                    n_steps: steps.steps.len() as u32,
                    step_tokens: steps.reasoning_tokens() as u32,
                    finished: response.finished,
                    text: response.text,
                };
                Ok((record, graded.note))
            },
            |group| {
                let (records, notes): (Vec<EvalRecord>, Vec<String>) = group.into_iter().unzip();
                let tokens = records.iter().map(|record| u64::from(record.tokens)).sum();
                let counted_before = partial.min(records.len());
                append_rest(&mut journal, &mut partial, &records)?;
                for (record, note) in records.iter().zip(&notes).skip(counted_before) {
                    tally.count(record.outcome, note);
                    n_tokens += u64::from(record.tokens);
                }
                run.progress.advance(records.len() as u64, tokens);
                tally.check()
            },
        )?;
    }
    tally.check_at_end()?;
    journal.sync()?;
    let mean = n_tokens as f64 / total.max(1) as f64;
    let summary =
        format!("{total} responses, {:.1} % correct, {mean:.0} tokens each", tally.percent_correct());
    Ok(Done { records: journal.n_records(), summary })
}
