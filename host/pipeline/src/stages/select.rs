//! Stage 1, third part: choose positives and pairs with the policy plugin. TokenSqueeze, section 3.1 and table 2.
//!
//! In: `samples.jsonl` and `grades.jsonl`. Out: `selection.jsonl`, a line a problem. The host measures lengths and
//! steps, hands the policy the whole group, and keeps the first `max_pairs` of its pairs. Which responses are
//! chosen is left out on purpose: the plugin decides.

use ts_core::pairing::{Pair, cap_pairs};
use ts_core::seed::derive_seed;
use ts_core::selection::pass_rate;
use ts_model::TextTokenizer;
use ts_plugin::{Candidate, Group, Outcome};
use ts_run::Artefact;
use ts_run::records::{
    GradeRecord, PairRecord, PositiveRecord, ProblemRecord, SampleRecord, SelectionRecord,
};

use super::grade::grade;
use super::{Done, Stage, by_problem};
use crate::recipe::Recipe;
use crate::setup::Plugins;
use crate::steps::Steps;
use crate::{Error, Run};

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let samples: Vec<SampleRecord> = run.read(Stage::Sample)?;
    let grades: Vec<GradeRecord> = run.read(Stage::Grade)?;
    let samples = by_problem(&samples, |sample| sample.problem.as_str());
    let grades = by_problem(&grades, |grade| grade.problem.as_str());
    let (mut journal, done) = run.folder.journal::<SelectionRecord>(Artefact::Selection)?;
    run.progress.start(Stage::Select.name(), "problems", done.len() as u64, run.train.len() as u64);

    let (mut n_positives, mut n_pairs) = (0, 0);
    let mut count = |record: &SelectionRecord| {
        n_positives += record.positives.len();
        n_pairs += record.pairs.len();
    };
    done.iter().for_each(&mut count);
    let select = |problem: &ProblemRecord| {
        let empty = Vec::new();
        let samples = samples.get(problem.id.as_str()).unwrap_or(&empty);
        let empty = Vec::new();
        let grades = grades.get(problem.id.as_str()).unwrap_or(&empty);
        select_one(run, problem, samples, grades)
    };
    let rest = run.train.get(done.len()..).unwrap_or_default();
    run.workers().for_each_ordered(rest.iter().collect(), select, |record| {
        journal.append(&record)?;
        count(&record);
        run.progress.advance(1, 0);
        Ok(())
    })?;
    journal.sync()?;
    Ok(Done { records: journal.n_records(), summary: format!("{n_positives} positives, {n_pairs} pairs") })
}

fn select_one(
    run: &Run<'_>,
    problem: &ProblemRecord,
    samples: &[&SampleRecord],
    grades: &[&GradeRecord],
) -> Result<SelectionRecord, Error> {
    let grouping = Grouping { recipe: &run.recipe, plugins: &run.plugins, tokenizer: &run.tokenizer };
    let group = grouping.group(problem, samples, grades)?;
    let graded = group.responses.iter().filter(|c| c.outcome != Outcome::Ungraded);
    let n_responses = graded.clone().count();
    let n_correct = graded.filter(|c| c.outcome == Outcome::Correct).count();
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
    })
}

/// What a group is made with.
pub(crate) struct Grouping<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) plugins: &'a Plugins,
    pub(crate) tokenizer: &'a TextTokenizer,
}

impl Grouping<'_> {
    /// The responses to one problem as the policy sees them.
    pub(crate) fn group(
        &self,
        problem: &ProblemRecord,
        samples: &[&SampleRecord],
        grades: &[&GradeRecord],
    ) -> Result<Group, Error> {
        let candidates =
            samples.iter().zip(grades).map(|(sample, grade)| self.candidate(problem, sample, grade));
        Ok(Group {
            problem_id: problem.id.clone(),
            responses: candidates.collect::<Result<_, _>>()?,
            token_limit: self.recipe.sample.max_new_tokens as u32,
            seed: derive_seed(self.recipe.run.seed, "select", &problem.id, 0),
        })
    }

    fn candidate(
        &self,
        problem: &ProblemRecord,
        sample: &SampleRecord,
        grade: &GradeRecord,
    ) -> Result<Candidate, Error> {
        let tokens = sample.tokens.len() as u32;
        let steps = Steps::of(
            &sample.tokens,
            self.tokenizer,
            &self.plugins.step_splitter,
            &self.recipe.prompt.reasoning_end,
            &problem.id,
        )?;
        Ok(Candidate {
            outcome: match grade.outcome {
                ts_core::Outcome::Correct => Outcome::Correct,
                ts_core::Outcome::Incorrect => Outcome::Incorrect,
                ts_core::Outcome::NoAnswer => Outcome::NoAnswer,
                ts_core::Outcome::BadReference
                | ts_core::Outcome::Undecided
                | ts_core::Outcome::GraderFailed => Outcome::Ungraded,
            },
            score: grade.score,
            length: self.plugins.length_function.measure(&problem.id, &sample.text, tokens)?.value,
            tokens,
            finished: sample.finished,
            step_tokens: steps.steps.iter().map(|step| step.len() as u32).collect(),
            first_correct_steps: match self.recipe.select.first_correct_steps {
                true => self.first_correct_steps(problem, sample, &steps)?,
                false => None,
            },
        })
    }

    /// The smallest k such that the first k steps alone are graded correct.
    fn first_correct_steps(
        &self,
        problem: &ProblemRecord,
        sample: &SampleRecord,
        steps: &Steps,
    ) -> Result<Option<u32>, Error> {
        for (index, step) in steps.steps.iter().enumerate() {
            let prefix = self.tokenizer.decode_plain(&sample.tokens[..step.end])?;
            if grade(&self.plugins.verifier, problem, &prefix).outcome.is_correct() {
                return Ok(Some(index as u32 + 1));
            }
        }
        Ok(None)
    }
}
