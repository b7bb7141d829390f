//! Stage 1, first part: sample responses from the model itself. TokenSqueeze, section 3.1 and A.1.
//!
//! In: the training problems. Out: `samples.jsonl`, `n_samples` lines a problem.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use ts_model::generate::Sampling;
use ts_run::records::{ProblemRecord, SampleRecord};

use super::Done;
use super::work::Made;
use crate::responses::draws::{Draws, Response};
use crate::setup::servers::Served;
use crate::stage::Stage;
use crate::{Error, Run};

pub(super) fn run(run: &Run<'_>) -> Result<Done, Error> {
    let settings = &run.recipe.sample;
    let draws = Draws {
        run,
        seeds_of: Stage::Sample,
        problems: &run.train,
        per_problem: settings.n_samples,
        first_draw: settings.first_draw,
        sampling: Sampling {
            temperature: settings.temperature,
            top_p: settings.top_p,
            max_new_tokens: settings.max_new_tokens,
            max_batch_rows: settings.max_batch_rows,
        },
    };
    let record = |problem: &ProblemRecord, response: Response| {
        let Response { draw, seed, tokens, text, finished, retokenised } = response;
        let (problem, imported) = (problem.id.clone(), None);
        let record = SampleRecord { problem, draw, seed, tokens, text, finished, retokenised, imported };
        Ok(Made { record, n_tokens: None, note: String::new() })
    };
    let mut n_tokens: u64 = 0;
    let mut sameness = Sameness::default();
    let each = |sample: &SampleRecord, _: &str| {
        n_tokens += sample.tokens.len() as u64;
        sameness.hear(&sample.problem, &sample.tokens);
        Ok(())
    };
    let records = draws.make(Stage::Sample, Served::Base, || run.base_model(), record, each)?;
    if settings.temperature > 0.0 && sameness.is_striking() {
        run.progress.warn(
            "all responses to a problem are the same, whatever their seeds, for every problem: whoever samples is greedy, and there \
             is nothing to select from",
        );
    }
    let mean = n_tokens as f64 / records.max(1) as f64;
    Ok(Done { records, summary: format!("{records} responses, {mean:.0} tokens each") })
}

/// Whether responses to one problem differ, which those of a server that is greedy do not.
#[derive(Default)]
struct Sameness {
    /// A digest of the first response to each problem, as long as no two differ.
    first: HashMap<String, u64>,
    n_same: usize,
    any_differ: bool,
}

impl Sameness {
    fn hear(&mut self, problem: &str, tokens: &[u32]) {
        if self.any_differ {
            return;
        }
        let mut hasher = DefaultHasher::new();
        tokens.hash(&mut hasher);
        let digest = hasher.finish();
        match self.first.get(problem) {
            None => drop(self.first.insert(problem.to_owned(), digest)),
            Some(first) if *first == digest => self.n_same += 1,
            Some(_) => (self.any_differ, self.first) = (true, HashMap::new()),
        }
    }

    /// Whether there are enough of them to mean something.
    fn is_striking(&self) -> bool {
        !self.any_differ && self.n_same >= 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_response_that_differs_is_enough() {
        let mut sameness = Sameness::default();
        for draw in 0..5 {
            for problem in ["a", "b"] {
                sameness.hear(problem, &[1, 2, 3]);
            }
            assert_eq!(sameness.is_striking(), draw == 4);
        }
        sameness.hear("b", &[1, 2]);
        assert!(!sameness.is_striking());
        sameness.hear("b", &[1, 2, 3]);
        assert!(!sameness.is_striking());
    }
}
