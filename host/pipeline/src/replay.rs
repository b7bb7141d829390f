//! What a run asked its plugins about one problem, to be asked again.
//!
//! In: a run's folder, and a problem. Out: the problem's responses with their grades, what each role saw of them, the run's plugins, and
//! grades of now. Left out on purpose: writing anything; the run stays as it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ts_model::TextTokenizer;
use ts_plugin::{Group, Plugin, Problem, Role};
use ts_run::records::{GradeRecord, ProblemRecord, SampleRecord};
use ts_run::{Artefact, read_journal};

use crate::Error;
use crate::recipe::{PluginSection, Recipe};
use crate::setup::plugins::{Settings, open_for, open_plugins, open_verifier};
use crate::setup::tokenizer_of;
use crate::stages::Stage;
use crate::stages::grade::{grade, plugin_problem};
use crate::stages::select::Grouping;
use crate::steps::reasoning_of;
use crate::summary::kept_recipe;

/// One problem of a run.
pub struct Kept {
    folder: PathBuf,
    recipe: Recipe,
    problem: ProblemRecord,
    samples: Vec<SampleRecord>,
    grades: Vec<GradeRecord>,
}

/// A response, graded again.
pub struct Regraded<'a> {
    /// The response.
    pub sample: &'a SampleRecord,
    /// Its grade in the run; none if the run has not graded it yet.
    pub before: Option<&'a GradeRecord>,
    /// Its grade now.
    pub now: GradeRecord,
}

impl Regraded<'_> {
    /// Whether the grades are the same; fuel aside, which another build of a plugin uses in another amount.
    pub fn is_same(&self) -> bool {
        let without_fuel = |record: &GradeRecord| GradeRecord { fuel: None, ..record.clone() };
        self.before.map(without_fuel) == Some(without_fuel(&self.now))
    }
}

impl Kept {
    /// Reads what a run has of a problem.
    ///
    /// # Errors
    /// The folder is no run's or has no responses yet; it has no such problem.
    pub fn open(folder: &Path, problem: &str) -> Result<Self, Error> {
        let recipe = kept_recipe(folder)?;
        let problems: Vec<ProblemRecord> = read_journal(&Artefact::ProblemsTrain.path_in(folder))?;
        let record = problems.into_iter().find(|record| record.id == problem);
        let samples: Vec<SampleRecord> = read_journal(&Artefact::Samples.path_in(folder))?;
        let grades_file = Artefact::Grades.path_in(folder);
        let grades: Vec<GradeRecord> =
            if grades_file.is_file() { read_journal(&grades_file)? } else { vec![] };
        Ok(Self {
            folder: folder.to_owned(),
            recipe,
            problem: record.ok_or_else(|| Error::NoSuchProblem {
                problem: problem.to_owned(),
                folder: folder.to_owned(),
            })?,
            samples: samples.into_iter().filter(|sample| sample.problem == problem).collect(),
            grades: grades.into_iter().filter(|grade| grade.problem == problem).collect(),
        })
    }

    /// The problem as a verifier sees it.
    pub fn problem(&self) -> Problem {
        plugin_problem(&self.problem)
    }

    /// The problem's responses, in the order in which they were drawn.
    pub fn samples(&self) -> &[SampleRecord] {
        &self.samples
    }

    /// The part of a response that a step splitter sees.
    pub fn reasoning<'a>(&self, sample: &'a SampleRecord) -> &'a str {
        reasoning_of(&sample.text, &self.recipe.prompt.reasoning_end)
    }

    /// The responses as a selection policy sees them, by the run's other plugins.
    ///
    /// # Errors
    /// The run has not graded them all; its plugins or its tokenizer cannot be opened, or fail.
    pub fn group(&self) -> Result<Group, Error> {
        if self.grades.len() != self.samples.len() {
            return Err(Error::MissingStage { stage: Stage::Grade, folder: self.folder.clone() });
        }
        let tokenizer: TextTokenizer = tokenizer_of(&self.recipe)?;
        let plugins = open_plugins(&self.recipe, None)?;
        let grouping = Grouping { recipe: &self.recipe, plugins: &plugins, tokenizer: &tokenizer };
        let (samples, grades) =
            (self.samples.iter().collect::<Vec<_>>(), self.grades.iter().collect::<Vec<_>>());
        grouping.group(&self.problem, &samples, &grades)
    }

    /// The run's plugin for a role with the run's settings, or another one with its defaults.
    ///
    /// # Errors
    /// It cannot be opened, or is not the one that the recipe pins.
    pub fn plugin(&self, role: Role, other: Option<&str>) -> Result<(Plugin, Settings), Error> {
        open_for(&self.with(role, other), role)
    }

    /// Grades the responses again, by the run's verifier, or by another one with its defaults.
    ///
    /// # Errors
    /// The plugin cannot be opened.
    pub fn regrade(&self, other: Option<&str>) -> Result<Vec<Regraded<'_>>, Error> {
        let verifier = open_verifier(&self.with(Role::Verifier, other))?;
        let mut regraded = Vec::with_capacity(self.samples.len());
        for sample in &self.samples {
            let before = self.grades.iter().find(|grade| grade.draw == sample.draw);
            let now = grade(&verifier, &self.problem, &sample.text).into_record(&sample.problem, sample.draw);
            regraded.push(Regraded { sample, before, now });
        }
        Ok(regraded)
    }

    /// The recipe, with another plugin in a role.
    fn with(&self, role: Role, other: Option<&str>) -> Recipe {
        let mut recipe = self.recipe.clone();
        if let Some(source) = other {
            *recipe.plugins.of_mut(role) =
                PluginSection { source: source.to_owned(), sha256: String::new(), settings: BTreeMap::new() };
        }
        recipe
    }
}
