//! The step-splitter role: cuts reasoning into the steps that are rewritten one by one. TokenSqueeze, section
//! 3.2: a response is a prompt and steps s_1 … s_n that tile it.
//!
//! In: a text. Out: byte ranges that tile it, none empty, on character boundaries; none for the empty text.
//!
//! The prefix law (`split(t)` and `split(t + u)` agree on all but the last step) is not checked. Checking it
//! takes two calls; it is for a plugin's own tests.

use std::ops::Range;

use crate::call::call_error::CallError;
use crate::call::pool::{Call, Pool};
use crate::contract::versions::StepSplitterExports;
use crate::load::settings::Settings;
use crate::plugin::Plugin;
use crate::roles::span;

/// A configured step splitter, usable from many threads.
#[derive(Debug)]
pub struct StepSplitter {
    pool: Pool<StepSplitterExports>,
}

impl StepSplitter {
    pub(crate) fn new(pool: Pool<StepSplitterExports>) -> Self {
        Self { pool }
    }

    /// The plugin behind it.
    pub fn plugin(&self) -> &Plugin {
        self.pool.plugin()
    }

    /// Every setting that it was configured with, in the plugin's order.
    pub fn settings(&self) -> &Settings {
        self.pool.settings()
    }

    /// Splits a text into steps that tile it. The problem's identifier is for errors only; the plugin does
    /// not see it.
    ///
    /// # Errors
    ///
    /// A [`CallError`]; one of kind [`crate::CallErrorKind::BadOutput`] if the steps do not tile the text.
    pub fn split(&self, problem_id: &str, text: &str) -> Result<Call<Vec<Range<usize>>>, CallError> {
        self.pool.call(
            "split",
            problem_id,
            None,
            |guest, store| guest.split(store, text),
            |spans| span::tiles(&spans, text),
        )
    }
}
