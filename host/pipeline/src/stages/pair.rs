//! Stage 3, first part: from selections to training examples. TokenSqueeze, section 3.3.
//!
//! In: `samples.jsonl`, `selection.jsonl`, and `refined.jsonl` if the recipe refines. Out: `examples.jsonl`: a line a
//! preference pair, and a line a positive to imitate. A positive stands refined in every example; one that
//! the verifier no longer accepts is in none. Whether a pair's chosen response is imitated as well is left out on
//! purpose: `train` decides by the recipe.

use std::collections::BTreeMap;

use ts_run::Artefact;
use ts_run::records::{
    ExampleKind, ExampleRecord, ProblemRecord, RefinedRecord, SampleRecord, SelectionRecord,
};

use super::{Done, Stage, by_problem};
use crate::{Error, Run};

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let samples: Vec<SampleRecord> = run.read(Stage::Sample)?;
    let selections: Vec<SelectionRecord> = run.read(Stage::Select)?;
    let refined: Vec<RefinedRecord> = run.read(Stage::Refine)?;
    let samples = by_problem(&samples, |sample| sample.problem.as_str());
    let refined: BTreeMap<(&str, u32), &RefinedRecord> =
        refined.iter().map(|r| ((r.problem.as_str(), r.draw), r)).collect();
    let problems: BTreeMap<&str, &ProblemRecord> = run.train.iter().map(|p| (p.id.as_str(), p)).collect();
    // Made anew as a whole: it costs nothing, and depends on whole stages only.
    let (mut journal, done) = run.folder.journal::<ExampleRecord>(Artefact::Examples)?;
    run.progress.start(Stage::Pair.name(), "problems", 0, selections.len() as u64);

    let (mut n_pairs, mut n_imitated, mut written) = (0, 0, 0);
    for selection in &selections {
        let (Some(problem), Some(responses)) =
            (problems.get(selection.problem.as_str()), samples.get(selection.problem.as_str()))
        else {
            let message = format!("problem `{}` has no samples", selection.problem);
            return Err(Error::Inconsistent { file: "selection.jsonl", message });
        };
        let examples = Examples { run, problem, responses, refined: &refined };
        for example in examples.of(selection)? {
            match example.kind {
                ExampleKind::Pair => n_pairs += 1,
                ExampleKind::Sft => n_imitated += 1,
            }
            if written >= done.len() {
                journal.append(&example)?;
            }
            written += 1;
        }
        run.progress.advance(1, 0);
    }
    journal.sync()?;
    let summary = format!("{n_pairs} pairs, {n_imitated} positives to imitate");
    Ok(Done { records: journal.n_records(), summary })
}

/// Makes the examples of one problem.
struct Examples<'a> {
    run: &'a Run<'a>,
    problem: &'a ProblemRecord,
    responses: &'a [&'a SampleRecord],
    refined: &'a BTreeMap<(&'a str, u32), &'a RefinedRecord>,
}

impl Examples<'_> {
    fn of(&self, selection: &SelectionRecord) -> Result<Vec<ExampleRecord>, Error> {
        let prompt_tokens = self.run.prompt_tokens(self.problem)?;
        let mut examples = Vec::new();
        for positive in &selection.positives {
            let Some((chosen_tokens, len_chosen)) = self.preferred(positive.draw)? else { continue };
            examples.push(ExampleRecord {
                id: format!("{}/{}", self.problem.id, positive.draw),
                problem: self.problem.id.clone(),
                kind: ExampleKind::Sft,
                prompt_tokens: prompt_tokens.clone(),
                chosen_tokens,
                rejected_tokens: None,
                len_chosen,
                len_rejected: None,
                weight: positive.weight,
            });
        }
        for pair in &selection.pairs {
            let Some((chosen_tokens, len_chosen)) = self.preferred(pair.chosen)? else { continue };
            let (rejected_tokens, len_rejected) = self.sampled(pair.rejected)?;
            examples.push(ExampleRecord {
                id: format!("{}/{}>{}", self.problem.id, pair.chosen, pair.rejected),
                problem: self.problem.id.clone(),
                kind: ExampleKind::Pair,
                prompt_tokens: prompt_tokens.clone(),
                chosen_tokens,
                rejected_tokens: Some(rejected_tokens),
                len_chosen,
                len_rejected: Some(len_rejected),
                weight: pair.weight,
            });
        }
        Ok(examples)
    }

    /// Tokens and length of a preferred response: refined if it was; none if refinement dropped it.
    fn preferred(&self, draw: u32) -> Result<Option<(Vec<u32>, f64)>, Error> {
        match self.refined.get(&(self.problem.id.as_str(), draw)) {
            Some(refined) if !refined.kept => Ok(None),
            Some(refined) => self.measured(&refined.tokens, &refined.text).map(Some),
            None => self.sampled(draw).map(Some),
        }
    }

    /// Tokens and length of a response as it was sampled.
    fn sampled(&self, draw: u32) -> Result<(Vec<u32>, f64), Error> {
        let sample = self.responses.iter().find(|sample| sample.draw == draw);
        let sample = sample.ok_or_else(|| Error::Inconsistent {
            file: "selection.jsonl",
            message: format!("problem `{}` has no draw {draw}", self.problem.id),
        })?;
        self.measured(&sample.tokens, &sample.text)
    }

    fn measured(&self, tokens: &[u32], text: &str) -> Result<(Vec<u32>, f64), Error> {
        let length_function = &self.run.plugins.length_function;
        let length = length_function.measure(&self.problem.id, text, tokens.len() as u32)?.value;
        Ok((tokens.to_vec(), length))
    }
}
