//! The runners of one host, by language: who runs the programs that guests ask for.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::programs::access::{NotRun, RunPrograms};
use crate::programs::program::{Program, Ran, Share};
use crate::programs::runner::{Runner, converse_in};

/// The runners of one host, by language.
#[derive(Debug, Default)]
pub(crate) struct Runners(RwLock<BTreeMap<String, Runner>>);

impl Runners {
    /// Adds a runner; the one before it for the same language goes.
    pub(crate) fn add(&self, runner: Runner) {
        let mut runners = self.0.write().unwrap_or_else(PoisonError::into_inner);
        runners.insert(runner.language().to_owned(), runner);
    }

    fn get(&self, language: &str) -> Result<Runner, NotRun> {
        let found = self.0.read().unwrap_or_else(PoisonError::into_inner).get(language).cloned();
        found.ok_or_else(|| NotRun::no_runner(language, &self.languages()))
    }
}

impl RunPrograms for Runners {
    fn languages(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    fn run(&self, (language, program): (&str, &Program<'_>), share: &Share) -> Result<Ran, NotRun> {
        Ok(self.get(language)?.run_in(program, share)?)
    }

    fn converse(
        &self,
        first: (&str, &Program<'_>),
        second: (&str, &Program<'_>),
        share: &Share,
    ) -> Result<(Ran, Ran), NotRun> {
        let (one, other) = (self.get(first.0)?, self.get(second.0)?);
        Ok(converse_in((&one, first.1), (&other, second.1), share)?)
    }
}
