//! Stage 3, second part: what the model thought of every response before training. TokenSqueeze, section 3.3.
//!
//! In: `examples.jsonl`, the responses that it names, and the checkpoint that the run starts from. Out:
//! `reference.jsonl`, log pi_ref of each example's responses in nats, so that training needs no second model
//! in memory. A response stands in many examples and is scored once for each problem.

use std::collections::BTreeMap;

use ts_model::LanguageModel;
use ts_model::log_prob::{Sequence, score_sequences};
use ts_run::records::{ExampleRecord, ProblemRecord, ReferenceRecord};
use ts_run::{Key, Records};

use super::Done;
use super::work::{Made, Task, Tasks, Work};
use crate::memory::{Demand, plan_stage};
use crate::responses::selected::{ResponseReader, Responses};
use crate::stage::Stage;
use crate::{Error, Run};

/// A problem's examples and the responses that they name.
struct Input {
    problem: ProblemRecord,
    examples: Vec<ExampleRecord>,
    responses: Responses,
}

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let work = Work {
        run,
        stage: Stage::Reference,
        unit: "examples",
        total: run.n_records(Stage::Pair)?,
        workers: run.model_workers(),
    };
    let tasks = || -> Result<Tasks<'_, Input>, Error> {
        let mut responses = ResponseReader::open(run)?;
        let mut examples = run.records::<ExampleRecord>(Stage::Pair)?;
        Ok(Box::new(run.train.problems()?.map(move |problem| {
            let problem = problem?;
            let responses = responses.of(&problem)?;
            let examples = examples_of(&problem, &mut examples)?;
            let keys = examples.iter().map(|example| Key::Example(example.id.clone())).collect();
            Ok(Task { keys, input: Input { problem, examples, responses } })
        })))
    };
    let make = |model: &LanguageModel, input: Input, wanted: &[usize]| score(run, model, &input, wanted);
    let load = || {
        let text = run.longest_prompt() + run.recipe.sample.max_new_tokens;
        plan_stage(run, Stage::Reference, &Demand::Scores { problems: run.train.len(), text })?;
        run.base_model()
    };
    let records = work.run(tasks, load, make, |_, _| Ok(()))?;
    Ok(Done { records, summary: format!("log-probabilities of {records} examples") })
}

/// The examples that come next, as long as they are of this problem.
pub(crate) fn examples_of(
    problem: &ProblemRecord,
    examples: &mut Records<ExampleRecord>,
) -> Result<Vec<ExampleRecord>, Error> {
    let mut found = Vec::new();
    while examples.peek()?.is_some_and(|row| row.record.problem == problem.id) {
        found.extend(examples.next().transpose()?.map(|row| row.record));
    }
    Ok(found)
}

/// The records of some of a problem's examples.
fn score(
    run: &Run<'_>,
    model: &LanguageModel,
    input: &Input,
    wanted: &[usize],
) -> Result<Vec<Made<ReferenceRecord>>, Error> {
    let prompt = run.prompt_tokens(&input.problem)?;
    let mut places: BTreeMap<&[u32], usize> = BTreeMap::new();
    let mut sequences = Vec::new();
    let mut place = |tokens| {
        *places.entry(tokens).or_insert_with(|| {
            sequences.push(Sequence::new(&prompt, tokens));
            sequences.len() - 1
        })
    };
    let mut sides = Vec::with_capacity(wanted.len());
    for &index in wanted {
        let example = &input.examples[index];
        let (chosen, rejected) = input.responses.sides(example)?;
        sides.push((example, place(chosen.tokens), rejected.map(|rejected| place(rejected.tokens))));
    }
    let scores = score_sequences(model, &sequences, run.recipe.train.micro_batch_tokens)?;
    let mut n_tokens = sequences.iter().map(|sequence| sequence.tokens.len() as u64).sum();
    let made = sides.into_iter().map(|(example, chosen, rejected)| Made {
        record: ReferenceRecord {
            id: example.id.clone(),
            chosen_logp: scores[chosen],
            rejected_logp: rejected.map(|place| scores[place]),
        },
        // All of them for the first, so that they are counted once.
        n_tokens: Some(std::mem::take(&mut n_tokens)),
        note: String::new(),
    });
    Ok(made.collect())
}
