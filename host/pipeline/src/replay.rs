//! A run's grader, called again on what the run saw.
//!
//! In: a run's folder, a problem, and another plugin if one is to be tried. Out: the problem's responses, with the grade that the
//! run has and the one of now. Left out on purpose: writing anything; the run stays as it is.

use std::path::Path;

use ts_run::records::{GradeRecord, ProblemRecord, SampleRecord};
use ts_run::{Artefact, read_journal};

use crate::Error;
use crate::setup::plugins::open_verifier;
use crate::stages::grade::grade;
use crate::summary::kept_recipe;

/// A response, graded again.
pub struct Replayed {
    /// The response.
    pub sample: SampleRecord,
    /// Its grade in the run; none if the run has not graded it yet.
    pub before: Option<GradeRecord>,
    /// Its grade now.
    pub now: GradeRecord,
}

impl Replayed {
    /// Whether the grades are the same; fuel aside, which another build of a plugin uses in another amount.
    pub fn is_same(&self) -> bool {
        let without_fuel = |record: &GradeRecord| GradeRecord { fuel: None, ..record.clone() };
        self.before.as_ref().map(without_fuel) == Some(without_fuel(&self.now))
    }
}

/// Grades a problem's responses again, by the run's plugin and settings, or by another plugin with its defaults.
///
/// # Errors
/// The folder is no run's or has no responses yet; it has no such problem; the plugin cannot be opened.
pub fn replay(folder: &Path, problem: &str, plugin: Option<&str>) -> Result<Vec<Replayed>, Error> {
    let mut recipe = kept_recipe(folder)?;
    if let Some(source) = plugin {
        let section = &mut recipe.plugins.verifier;
        (section.source, section.sha256) = (source.to_owned(), String::new());
        section.settings.clear();
    }
    let problems: Vec<ProblemRecord> = read_journal(&Artefact::ProblemsTrain.path_in(folder))?;
    let record = problems
        .iter()
        .find(|record| record.id == problem)
        .ok_or_else(|| Error::NoSuchProblem { problem: problem.to_owned(), folder: folder.to_owned() })?;
    let samples: Vec<SampleRecord> = read_journal(&Artefact::Samples.path_in(folder))?;
    let grades_file = Artefact::Grades.path_in(folder);
    let grades: Vec<GradeRecord> = if grades_file.is_file() { read_journal(&grades_file)? } else { vec![] };
    let verifier = open_verifier(&recipe)?;
    let again = |sample: SampleRecord| {
        let before =
            grades.iter().find(|grade| grade.problem == problem && grade.draw == sample.draw).cloned();
        let now = grade(&verifier, record, &sample.text).into_record(problem, sample.draw);
        Replayed { sample, before, now }
    };
    Ok(samples.into_iter().filter(|sample| sample.problem == problem).map(again).collect())
}
