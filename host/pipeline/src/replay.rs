//! What a run asked its plugins about one problem, to be asked again.
//!
//! In: a run's folder, and a problem. Out: the problem's responses with their grades, what each role saw of
//! them, the run's plugins, and grades of now. The run stays as it is.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use ts_model::TextTokenizer;
use ts_plugin::{Group, Plugin, Problem, Role};
use ts_run::records::{GradeRecord, ProblemRecord, SampleRecord};
use ts_run::{Artefact, Record};

use crate::Error;
use crate::past_run::PastRun;
use crate::responses::grading::{grade, plugin_problem};
use crate::responses::grouping::Grouping;
use crate::responses::steps::reasoning_of;
use crate::setup::tokenizer_of;
use crate::stage::Stage;
use ts_recipe::{PluginSection, Recipe};
use ts_recipe::{Settings, open_for, open_plugins, open_verifier};

/// One problem of a run.
pub struct Replay {
    run: PastRun,
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

impl Replay {
    /// Reads what a run has of a problem.
    ///
    /// # Errors
    /// The folder is not a run's or has no responses yet; it has no such problem.
    pub fn open(folder: &Path, problem: &str) -> Result<Self, Error> {
        let run = PastRun::open(folder)?;
        let problems = run.problems(Artefact::ProblemsTrain)?;
        let found = problems.problems()?.find(|found| found.as_ref().is_ok_and(|found| found.id == problem));
        let record = found
            .transpose()?
            .ok_or_else(|| Error::NoSuchProblem { problem: problem.to_owned(), folder: folder.to_owned() })?;
        let samples = of_problem(&run, Stage::Sample, problem)?;
        let has_grades = Stage::Grade.artefact().path_in(folder).is_file();
        let grades = if has_grades { of_problem(&run, Stage::Grade, problem)? } else { vec![] };
        Ok(Self { run, problem: record, samples, grades })
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
        reasoning_of(&sample.text, &self.run.recipe.prompt.reasoning_end)
    }

    /// The responses as a selection policy sees them, by the run's other plugins.
    ///
    /// # Errors
    /// The run has not graded them all; its plugins or its tokenizer cannot be opened, or fail.
    pub fn group(&self) -> Result<Group, Error> {
        if self.grades.len() != self.samples.len() {
            return Err(Error::MissingStage { stage: Stage::Grade, folder: self.run.folder.clone() });
        }
        let tokenizer: TextTokenizer = tokenizer_of(&self.run.recipe)?;
        let plugins = open_plugins(&self.run.recipe, None)?;
        let grouping = Grouping { recipe: &self.run.recipe, plugins: &plugins, tokenizer: &tokenizer };
        grouping.group(&self.problem, &self.samples, &self.grades)
    }

    /// The run's plugin for a role with the run's settings, or another one with its defaults.
    ///
    /// # Errors
    /// It cannot be opened, or is not the one that the recipe pins.
    pub fn plugin(&self, role: Role, other: Option<&str>) -> Result<(Plugin, Settings), Error> {
        Ok(open_for(&self.with(role, other), role)?)
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
            let now =
                grade(&verifier, &self.problem, &sample.text)?.into_record(&sample.problem, sample.draw);
            regraded.push(Regraded { sample, before, now });
        }
        Ok(regraded)
    }

    /// The recipe, with another plugin in a role.
    fn with(&self, role: Role, other: Option<&str>) -> Recipe {
        let mut recipe = self.run.recipe.clone();
        if let Some(source) = other {
            *recipe.plugins.of_mut(role) =
                PluginSection { source: source.to_owned(), sha256: String::new(), settings: BTreeMap::new() };
        }
        recipe
    }
}

/// A problem's records of a stage that may not be done.
fn of_problem<R: Record>(run: &PastRun, stage: Stage, problem: &str) -> Result<Vec<R>, Error> {
    let only = Arc::new(HashSet::from([problem.to_owned()]));
    let records = run.records_so_far(stage)?.of_problems(only);
    records.map(|row| Ok(row?.record)).collect()
}
