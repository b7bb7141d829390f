//! Stage 3, second part: what the model thought of every response before training. TokenSqueeze, section 3.3.
//!
//! In: `examples.jsonl` and the checkpoint that the run starts from. Out: `reference.jsonl`, log pi_ref of each example's
//! responses in nats, so that training needs no second model in memory. A response stands in many examples and is scored
//! once for each problem. The loss is left out on purpose: `objective` has it.

use std::collections::BTreeMap;

use ts_model::LanguageModel;
use ts_model::log_prob::{Sequence, score_sequences};
use ts_run::Artefact;
use ts_run::records::{ExampleRecord, ReferenceRecord};

use super::{Done, Stage};
use crate::{Error, Run};

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let examples: Vec<ExampleRecord> = run.read(Stage::Pair)?;
    let (mut journal, done) = run.folder.journal::<ReferenceRecord>(Artefact::Reference)?;
    run.progress.start(Stage::Reference.name(), "examples", done.len() as u64, examples.len() as u64);
    let rest = examples.get(done.len()..).unwrap_or_default();
    if !rest.is_empty() {
        let model = run.base_model()?;
        let max_tokens = run.recipe.train.micro_batch_tokens;
        let problems: Vec<&[ExampleRecord]> = rest.chunk_by(|a, b| a.problem == b.problem).collect();
        let score = |examples: &[ExampleRecord]| score_problem(&model, examples, max_tokens);
        run.model_workers().for_each_ordered(problems, score, |(records, n_tokens)| {
            for record in &records {
                journal.append(record)?;
            }
            run.progress.advance(records.len() as u64, n_tokens);
            Ok::<(), Error>(())
        })?;
    }
    journal.sync()?;
    let summary = format!("log-probabilities of {} examples", journal.n_records());
    Ok(Done { records: journal.n_records(), summary })
}

/// The records of one problem's examples, and how many tokens the model read for them.
fn score_problem(
    model: &LanguageModel,
    examples: &[ExampleRecord],
    max_tokens: usize,
) -> Result<(Vec<ReferenceRecord>, u64), Error> {
    let mut places: BTreeMap<&[u32], usize> = BTreeMap::new();
    let mut sequences = Vec::new();
    for example in examples {
        for response in [Some(&example.chosen_tokens), example.rejected_tokens.as_ref()].into_iter().flatten()
        {
            places.entry(response).or_insert_with(|| {
                sequences.push(Sequence::new(&example.prompt_tokens, response));
                sequences.len() - 1
            });
        }
    }
    let scores = score_sequences(model, &sequences, max_tokens)?;
    let n_tokens = sequences.iter().map(|sequence| sequence.tokens.len() as u64).sum();
    let logp = |response: &[u32]| scores[places[response]];
    let records = examples.iter().map(|example| ReferenceRecord {
        id: example.id.clone(),
        chosen_logp: logp(&example.chosen_tokens),
        rejected_logp: example.rejected_tokens.as_deref().map(logp),
    });
    Ok((records.collect(), n_tokens))
}
