//! The responses to one problem as a selection policy sees them.

use ts_core::seed::derive_seed;
use ts_model::TextTokenizer;
use ts_plugin::{Candidate, CandidateOutcome, Group};
use ts_run::records::{GradeRecord, ProblemRecord, SampleRecord};

use crate::Error;
use crate::responses::grading::grade;
use crate::responses::steps::Steps;
use ts_recipe::Plugins;
use ts_recipe::Recipe;

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
        samples: &[SampleRecord],
        grades: &[GradeRecord],
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
                ts_core::Outcome::Correct => CandidateOutcome::Correct,
                ts_core::Outcome::Incorrect => CandidateOutcome::Incorrect,
                ts_core::Outcome::NoAnswer => CandidateOutcome::NoAnswer,
                ts_core::Outcome::BadReference
                | ts_core::Outcome::Undecided
                | ts_core::Outcome::GraderFailed => CandidateOutcome::Ungraded,
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
            if grade(&self.plugins.verifier, problem, &prefix)?.outcome.is_correct() {
                return Ok(Some(index as u32 + 1));
            }
        }
        Ok(None)
    }
}
