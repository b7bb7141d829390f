//! The problems of a run.
//!
//! In: a recipe's `[problems]`. Out: what the manifest says of the two sets, after checking that they share no prompt and that
//! every prompt leaves room for a response. A set is read from its source one problem at a time, as often as it is needed.

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use ts_embedded::problem::Task;
use ts_recipe::ProblemsSection;
use ts_run::digest::short_digest;
use ts_run::manifest::ProblemSetOrigin;
use ts_run::problem_file::line_of;
use ts_run::problems::ProblemReader;
use ts_run::records::ProblemRecord;
use ts_text::hexadecimal;

use crate::Error;

/// Where a problem set comes from.
pub(super) struct ProblemSource {
    /// As the recipe names it.
    name: String,
    embedded: fn(Task) -> String,
    max: usize,
}

/// The digest of a prompt, of which another set may have the same.
type PromptDigest = [u8; 16];

/// What a problem set is, after it was read through.
pub(super) struct Surveyed {
    pub(super) origin: ProblemSetOrigin,
    pub(super) first: Option<ProblemRecord>,
    /// Prompts that no other set may have.
    prompts: HashSet<PromptDigest>,
}

impl ProblemSource {
    /// The set that a recipe names, or an embedded one; of it at most `max` problems, 0 for all.
    pub(super) fn new(name: &str, embedded: fn(Task) -> String, max: usize) -> Self {
        Self { name: name.to_owned(), embedded, max }
    }

    /// The training and the held-out problems of a recipe.
    pub(super) fn both(section: &ProblemsSection) -> (Self, Self) {
        let ProblemsSection { train, heldout, max_train, max_heldout } = section;
        (
            Self::new(train, Task::train_problems, *max_train),
            Self::new(heldout, Task::heldout_problems, *max_heldout),
        )
    }

    /// The problems, in order.
    pub(super) fn problems(
        &self,
    ) -> Result<impl Iterator<Item = ts_run::Result<ProblemRecord>> + use<>, Error> {
        let reader = match Task::named(&self.name) {
            Some(task) => ProblemReader::of_bytes(&self.name, (self.embedded)(task).into_bytes()),
            None => ProblemReader::open(&ts_hub::data_place(&self.name)?.on_disk()?)?,
        };
        Ok(reader.take(if self.max == 0 { usize::MAX } else { self.max }))
    }

    /// Reads the set through; `split` is what the manifest calls it, `check` hears of each problem.
    pub(super) fn survey(
        &self,
        split: &str,
        mut check: impl FnMut(&ProblemRecord) -> Result<(), Error>,
    ) -> Result<Surveyed, Error> {
        let (mut lines, mut texts) = (Sha256::new(), Sha256::new());
        let (mut first, mut prompts, mut n) = (None, HashSet::new(), 0);
        for problem in self.problems()? {
            let problem = problem?;
            check(&problem)?;
            lines.update(line_of(&problem)?);
            // Together the JSON list of the identifiers and prompts.
            texts.update(if n == 0 { "[" } else { "," });
            texts.update(serde_json::json!([problem.id, problem.prompt]).to_string());
            prompts.insert(digest_of(&problem.prompt.question()));
            first.get_or_insert(problem);
            n += 1;
        }
        texts.update("]");
        let origin = ProblemSetOrigin {
            split: split.to_owned(),
            source: self.name.clone(),
            sha256: hexadecimal(&lines.finalize()),
            prompts_sha256: hexadecimal(&texts.finalize()),
            n,
        };
        Ok(Surveyed { origin, first, prompts })
    }

    /// Refuses a problem with a prompt that `other` has too; `error` makes the error of the two identifiers, this set's first.
    pub(super) fn forbid_shared(
        &self,
        other: &Self,
        error: impl Fn(String, String) -> Error,
    ) -> Result<(), Error> {
        let of_other = other.survey("", |_| Ok(()))?;
        for problem in self.problems()? {
            let problem = problem?;
            if let Some(other) = of_other.with_prompt_of(&problem, other)? {
                return Err(error(problem.id, other));
            }
        }
        Ok(())
    }

    /// The identifier of the first problem with this prompt.
    fn with_prompt(&self, prompt: &str) -> Result<Option<String>, Error> {
        for problem in self.problems()? {
            let problem = problem?;
            if problem.prompt.question().trim() == prompt.trim() {
                return Ok(Some(problem.id));
            }
        }
        Ok(None)
    }
}

impl Surveyed {
    /// Refuses a problem of another set that this one, which `source` has, has too.
    pub(super) fn forbid_leak(&self, source: &ProblemSource, heldout: &ProblemRecord) -> Result<(), Error> {
        match self.with_prompt_of(heldout, source)? {
            Some(train) => Err(Error::Leak { heldout: heldout.id.clone(), train }),
            None => Ok(()),
        }
    }

    /// The identifier of the first of these problems, which `source` has, with the prompt of another set's.
    fn with_prompt_of(
        &self,
        problem: &ProblemRecord,
        source: &ProblemSource,
    ) -> Result<Option<String>, Error> {
        let question = problem.prompt.question();
        match self.prompts.contains(&digest_of(&question)) {
            true => source.with_prompt(&question),
            false => Ok(None),
        }
    }
}

fn digest_of(prompt: &str) -> PromptDigest {
    short_digest(prompt.trim())
}
