//! An instance's way to have programs run, as far as the instance knows: that somebody runs them, and how
//! much they may still use.
//!
//! Who that is stands behind [`RunPrograms`]: a runner is a plugin with instances of its own, and an instance
//! does not know plugins.

use std::sync::Arc;

use crate::call::call_error::CallError;
use crate::programs::program::{Program, Ran, Share};

/// Runs programs, each in its language.
pub(crate) trait RunPrograms: Send + Sync {
    /// The languages that there is a runner for.
    fn languages(&self) -> Vec<String>;

    /// Runs one program.
    fn run(&self, program: (&str, &Program<'_>), share: &Share) -> Result<Ran, NotRun>;

    /// Runs two programs that converse.
    fn converse(
        &self,
        first: (&str, &Program<'_>),
        second: (&str, &Program<'_>),
        share: &Share,
    ) -> Result<(Ran, Ran), NotRun>;
}

/// Why nothing can be said of a program.
pub(crate) enum NotRun {
    /// There is no runner for its language. The text says which there are.
    NoRunner(String),
    /// A run failed.
    Failed(CallError),
}

impl NotRun {
    /// None for this language; those for others.
    pub(crate) fn no_runner(language: &str, others: &[String]) -> Self {
        let have = match others {
            [] => "none is loaded".into(),
            others => format!("there is {}", others.join(", ")),
        };
        Self::NoRunner(format!(
            "no runner for `{language}`: {have}; `cargo xtask runners` builds those that ship, and --plugin names one"
        ))
    }
}

impl From<CallError> for NotRun {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}

/// The programs of one instance.
pub(crate) struct Programs {
    runners: Option<Arc<dyn RunPrograms>>,
    /// Fuel that the programs of the call in progress may still use.
    pub(crate) left: u64,
}

impl Programs {
    /// Those of an instance that may have some run, or may not.
    pub(crate) fn new(runners: Option<Arc<dyn RunPrograms>>) -> Self {
        Self { runners, left: 0 }
    }

    /// Lets the programs of the next call use so much fuel together.
    pub(crate) fn start_call(&mut self, fuel: u64) {
        self.left = fuel;
    }
}

impl RunPrograms for Programs {
    fn languages(&self) -> Vec<String> {
        self.runners.as_deref().map(RunPrograms::languages).unwrap_or_default()
    }

    fn run(&self, program: (&str, &Program<'_>), share: &Share) -> Result<Ran, NotRun> {
        match &self.runners {
            Some(runners) => runners.run(program, share),
            None => Err(NotRun::no_runner(program.0, &[])),
        }
    }

    fn converse(
        &self,
        first: (&str, &Program<'_>),
        second: (&str, &Program<'_>),
        share: &Share,
    ) -> Result<(Ran, Ran), NotRun> {
        match &self.runners {
            Some(runners) => runners.converse(first, second, share),
            None => Err(NotRun::no_runner(first.0, &[])),
        }
    }
}
