//! `[plugins]`: which component has which role, and what each may use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_plugin::{Isolation, Limits, Role};

/// `[plugins]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginsSection {
    /// Run programs, for a verifier that grades them. None means those beside the verifier.
    pub runners: Vec<RunnerSection>,
    /// Grades.
    pub verifier: PluginSection,
    /// Splits reasoning into steps.
    pub step_splitter: PluginSection,
    /// Chooses positives and pairs.
    pub selection_policy: PluginSection,
    /// Measures length.
    pub length_function: PluginSection,
    /// What an instance may see of other calls.
    pub isolation: Isolation,
    /// Limits of each call.
    pub limits: Limits,
    /// Share of responses that may stay without a grade, 0 to 1. Changes no record.
    pub max_failed_share: f64,
}

impl PluginsSection {
    /// What the recipe says of the plugin in a role; a runner goes with the verifier.
    pub fn of(&self, role: Role) -> &PluginSection {
        match role {
            Role::Verifier | Role::Runner => &self.verifier,
            Role::StepSplitter => &self.step_splitter,
            Role::SelectionPolicy => &self.selection_policy,
            Role::LengthFunction => &self.length_function,
        }
    }

    /// [`Self::of`], to be changed.
    pub fn of_mut(&mut self, role: Role) -> &mut PluginSection {
        match role {
            Role::Verifier | Role::Runner => &mut self.verifier,
            Role::StepSplitter => &mut self.step_splitter,
            Role::SelectionPolicy => &mut self.selection_policy,
            Role::LengthFunction => &mut self.length_function,
        }
    }
}

/// `[plugins.ROLE]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as { source = \"my_grader.wasm\" }")]
pub struct PluginSection {
    /// Name of an embedded plugin, a file, a folder with one component, or `https://…` or `oci://…`.
    pub source: String,
    /// The only component accepted, in hexadecimal; empty is any.
    pub sha256: String,
    /// The plugin's own settings; it validates them.
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// One of `plugins.runners`: a source, or `{ source, sha256 }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "RunnerEntry", into = "RunnerEntry")]
pub struct RunnerSection {
    /// As of any plugin.
    pub source: String,
    /// The only component accepted, in hexadecimal; empty is any.
    pub sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a runner is a file, or a table with `source` and `sha256`")]
enum RunnerEntry {
    File(String),
    Pinned(PinnedRunner),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PinnedRunner {
    source: String,
    sha256: String,
}

impl From<&str> for RunnerSection {
    fn from(source: &str) -> Self {
        Self { source: source.to_owned(), sha256: String::new() }
    }
}

impl From<RunnerEntry> for RunnerSection {
    fn from(entry: RunnerEntry) -> Self {
        match entry {
            RunnerEntry::File(source) => source.as_str().into(),
            RunnerEntry::Pinned(PinnedRunner { source, sha256 }) => Self { source, sha256 },
        }
    }
}

impl From<RunnerSection> for RunnerEntry {
    fn from(RunnerSection { source, sha256 }: RunnerSection) -> Self {
        match sha256.is_empty() {
            true => Self::File(source),
            false => Self::Pinned(PinnedRunner { source, sha256 }),
        }
    }
}
