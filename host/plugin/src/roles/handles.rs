//! The handles of a plugin: each calls one role with one set of settings.

use serde_json::{Map, Value};

use crate::call::pool::Pool;
use crate::load::load_error::LoadError;
use crate::plugin::Plugin;
use crate::roles::length_function::LengthFunction;
use crate::roles::selection_policy::SelectionPolicy;
use crate::roles::step_splitter::StepSplitter;
use crate::roles::verifier::Verifier;

impl Plugin {
    /// A handle on its verifier, configured with `settings` and the defaults of those not named, under the
    /// host's isolation.
    ///
    /// # Errors
    ///
    /// [`LoadError::WrongRole`], [`LoadError::UnknownSetting`], [`LoadError::WrongSetting`],
    /// [`LoadError::SettingsRefused`], or [`LoadError::Start`] where `configure` fails otherwise.
    pub fn verifier(&self, settings: &Map<String, Value>) -> Result<Verifier, LoadError> {
        Pool::open(self, settings).map(Verifier::new)
    }

    /// A handle on its step splitter, under the host's isolation.
    ///
    /// # Errors
    ///
    /// As [`Self::verifier`].
    pub fn step_splitter(&self, settings: &Map<String, Value>) -> Result<StepSplitter, LoadError> {
        Pool::open(self, settings).map(StepSplitter::new)
    }

    /// A handle on its selection policy, under the host's isolation.
    ///
    /// # Errors
    ///
    /// As [`Self::verifier`].
    pub fn selection_policy(&self, settings: &Map<String, Value>) -> Result<SelectionPolicy, LoadError> {
        Pool::open(self, settings).map(SelectionPolicy::new)
    }

    /// A handle on its length function, under the host's isolation.
    ///
    /// # Errors
    ///
    /// As [`Self::verifier`].
    pub fn length_function(&self, settings: &Map<String, Value>) -> Result<LengthFunction, LoadError> {
        Pool::open(self, settings).map(LengthFunction::new)
    }
}
