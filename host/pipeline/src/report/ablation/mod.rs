//! Several recipes on the same samples, several seeds each: the ablation tables of section 4.3.
//!
//! In: [`Comparison`], the recipes, the seeds, the strengths. Out: a run's folder for each of them, and [`Ablation`]. The runs of one
//! seed share what they have in common ([`crate::reuse`]) and train for as many steps as the first of them, so that rows differ by
//! what they vary and nothing else.
//!
//! A method that pushes harder shortens more, and a table in which each row stands at its own length compares how hard rows push. So a
//! row may be trained with several strengths, multiples of its learning rate. Which of them is the row's own is chosen on tuning
//! problems, for every row alike; and rows are compared at the same Len-A too, on the line through a row's strengths.

mod document;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use ts_core::crossed::{Difference, Measured};
use ts_core::metrics::{Metric, Scored};
use ts_recipe::Recipe;

pub use self::document::write_document;
use crate::Error;
use crate::past_run::PastRun;
use crate::progress::Progress;
use crate::report::Report;
use crate::report::summary::{report_with, report_with_responses};
use crate::setup::Run;
use crate::stage::Stage;
use crate::stages::run_stage;
use crate::tuning::tuning_file;

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// A row each; the first is what the others are compared with.
    pub recipes: Vec<Recipe>,
    /// The seeds of every row.
    pub seeds: Vec<u64>,
    /// Multiples of each recipe's learning rate, 1 among them.
    pub strengths: Vec<f64>,
    /// The problems on which a row's strength is chosen: a file, or `embedded`. None: it is 1.
    pub tuning: Option<String>,
}

/// The table.
#[derive(Clone, Debug, Serialize)]
pub struct Ablation {
    /// The rows, in the order in which they were asked for.
    pub rows: Vec<Row>,
}

/// One row: a recipe over all seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The recipe's name.
    pub name: String,
    /// The recipe with each strength, the weakest first.
    pub points: Vec<Point>,
    /// Which of them is the row's own.
    pub own: usize,
    /// After training − the model before, at the row's own strength, over all problems and seeds.
    pub over_baseline: BTreeMap<Metric, Difference>,
    /// After training − the first row after training, each at its own strength.
    pub over_first: BTreeMap<Metric, Difference>,
    /// Accuracy − that of the first row, at the first row's Len-A; none if no two strengths are around it.
    pub at_length_of_first: Option<Difference>,
}

/// A recipe with one strength.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The multiple of the recipe's learning rate.
    pub strength: f64,
    /// One report a seed.
    pub reports: Vec<Report>,
    /// The mean area under accuracy against budget on the tuning problems, in [0, 1].
    pub tuning_auc: Option<f64>,
}

impl Row {
    /// The recipe with the row's own strength.
    pub fn own_point(&self) -> &Point {
        &self.points[self.own]
    }
}

/// A point while seeds are run: its reports, and the held-out responses before and after.
#[derive(Default)]
struct Runs {
    reports: Vec<Report>,
    before: Vec<Vec<Scored>>,
    after: Vec<Vec<Scored>>,
    tuning_auc: Vec<f64>,
}

/// Runs every recipe with every strength and seed, in folders `NAME[-xSTRENGTH]-seedSEED` of `folder`; runs that are done are only read.
///
/// # Errors
/// [`Error::Twice`] for a row, a strength or a seed that is a duplicate; [`Error::Strengths`]; the first run that fails, and what is done
/// until then stays.
pub fn ablate(
    comparison: &Comparison,
    folder: &Path,
    created: &str,
    progress: &dyn Progress,
) -> Result<Ablation, Error> {
    let Comparison { recipes, seeds, tuning, .. } = comparison;
    forbid_repetition(recipes.iter().map(|recipe| recipe.run.name.clone()), "rows")?;
    forbid_repetition(seeds.iter().map(u64::to_string), "seeds")?;
    if let Some(recipe) = recipes.iter().find(|recipe| recipe.rounds.count > 1) {
        let (name, count) = (&recipe.run.name, recipe.rounds.count);
        return Err(Error::Rounds {
            reason: format!("`{name}` has {count} rounds, and the rows of an ablation have one"),
        });
    }
    let strengths = strengths(comparison)?;
    let tuning = tuning.as_deref().map(|set| tuning_file(set, folder)).transpose()?;

    // The recipe as it is comes first: its number of steps is that of all others, whichever strengths are asked for.
    let mut in_turn: Vec<(usize, f64)> = strengths.iter().copied().enumerate().collect();
    in_turn.sort_by_key(|(_, strength)| *strength != 1.0);
    let mut runs: Vec<Vec<Runs>> =
        recipes.iter().map(|_| strengths.iter().map(|_| Runs::default()).collect()).collect();
    let (mut number, per_point) = (0, if tuning.is_some() { 2 } else { 1 });
    let total = seeds.len() * recipes.len() * strengths.len() * per_point;
    let mut begin = |name: &str| {
        number += 1;
        progress.begin(name, number, total);
    };
    for &seed in seeds {
        let (mut finished, mut n_steps): (Vec<PastRun>, _) = (Vec::new(), None);
        for (row, recipe) in recipes.iter().enumerate() {
            for &(point, strength) in &in_turn {
                let mut recipe = recipe.clone();
                recipe.run.seed = seed;
                recipe.train.learning_rate *= strength;
                recipe.train.steps = n_steps.unwrap_or(recipe.train.steps);
                let name = folder_name(&recipe, strength);
                begin(&name);
                let past = finish(recipe.clone(), &folder.join(&name), &finished, created, progress)?;
                let (report, before, after) = report_with_responses(&past, &recipe.report)?;
                n_steps.get_or_insert(report.stages.n_train_steps);
                let runs = &mut runs[row][point];
                runs.reports.push(report);
                runs.before.push(before);
                runs.after.push(after);
                finished.push(past);
                if let Some(set) = &tuning {
                    recipe.problems.heldout.clone_from(set);
                    let tuning = folder.join("tuning").join(&name);
                    begin(&format!("{name}, on tuning problems"));
                    let past = finish(recipe, &tuning, &finished, created, progress)?;
                    runs.tuning_auc.push(report_with(&past, &past.recipe.report)?.result.summary.auc);
                    finished.push(past);
                }
            }
        }
    }
    Ok(Ablation { rows: rows(recipes, &strengths, runs)? })
}

/// The folders of an ablation's runs in `folder`, a row after the other.
pub fn folders(comparison: &Comparison, folder: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for recipe in &comparison.recipes {
        for &strength in &comparison.strengths {
            for &seed in &comparison.seeds {
                let mut recipe = recipe.clone();
                recipe.run.seed = seed;
                folders.push(folder.join(folder_name(&recipe, strength)));
            }
        }
    }
    folders
}

/// Opens a run, takes over what others have done of it, does the rest.
fn finish(
    recipe: Recipe,
    folder: &Path,
    donors: &[PastRun],
    created: &str,
    progress: &dyn Progress,
) -> Result<PastRun, Error> {
    let mut run = Run::open(recipe, folder, None, created.to_owned(), progress, None)?;
    for donor in donors {
        run.take_from(donor)?;
    }
    for stage in Stage::ALL {
        run_stage(&mut run, stage)?;
    }
    drop(run);
    PastRun::open(folder)
}

fn rows(recipes: &[Recipe], strengths: &[f64], runs: Vec<Vec<Runs>>) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::with_capacity(recipes.len());
    let mut first: Option<Measured> = None;
    for (recipe, runs) in recipes.iter().zip(runs) {
        let budget = recipe.report.budget_tokens as u32;
        let measured = |seeds: &[Vec<Scored>]| Measured::new(seeds.iter().map(Vec::as_slice), budget);
        let after = runs.iter().map(|run| measured(&run.after)).collect::<Result<Vec<_>, _>>()?;
        let points: Vec<Point> = strengths
            .iter()
            .zip(&runs)
            .map(|(&strength, run)| Point {
                strength,
                reports: run.reports.clone(),
                tuning_auc: mean(&run.tuning_auc),
            })
            .collect();
        let own = own_point(&points);
        let first = first.get_or_insert_with(|| after[own].clone());
        rows.push(Row {
            name: recipe.run.name.clone(),
            over_baseline: after[own].minus(&measured(&runs[own].before)?)?,
            over_first: after[own].minus(first)?,
            at_length_of_first: first.matched_by(&after)?,
            points,
            own,
        });
    }
    Ok(rows)
}

/// The best area on the tuning problems, the weaker strength of two that are equal; or else the strength 1.
fn own_point(points: &[Point]) -> usize {
    let best = points.iter().enumerate().rev().filter_map(|(index, point)| Some((index, point.tuning_auc?)));
    let best = best.max_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|(index, _)| index)
        .or_else(|| points.iter().position(|point| point.strength == 1.0))
        .unwrap_or(0)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The strengths in order.
fn strengths(comparison: &Comparison) -> Result<Vec<f64>, Error> {
    let mut strengths = comparison.strengths.clone();
    if let Some(&wrong) = strengths.iter().find(|strength| !(strength.is_finite() && **strength > 0.0)) {
        return Err(Error::Strengths { reason: format!("{wrong} is no multiple of a learning rate") });
    }
    if !strengths.contains(&1.0) {
        return Err(Error::Strengths { reason: "1 is not among them".to_owned() });
    }
    forbid_repetition(strengths.iter().map(f64::to_string), "strengths")?;
    strengths.sort_by(f64::total_cmp);
    Ok(strengths)
}

fn folder_name(recipe: &Recipe, strength: f64) -> String {
    let (name, seed) = (&recipe.run.name, recipe.run.seed);
    if strength == 1.0 { format!("{name}-seed{seed}") } else { format!("{name}-x{strength}-seed{seed}") }
}

fn forbid_repetition(names: impl Iterator<Item = String>, among: &'static str) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for what in names {
        if !seen.insert(what.clone()) {
            return Err(Error::Twice { what, among });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_strength_is_the_best_on_tuning_problems_or_else_1() {
        let points = |areas: [Option<f64>; 3]| {
            let point = |(strength, tuning_auc)| Point { strength, reports: Vec::new(), tuning_auc };
            [0.5, 1.0, 2.0].into_iter().zip(areas).map(point).collect::<Vec<_>>()
        };
        assert_eq!(own_point(&points([None; 3])), 1);
        assert_eq!(own_point(&points([Some(0.5), Some(0.4), Some(0.6)])), 2);
        assert_eq!(own_point(&points([Some(0.5), Some(0.6), Some(0.6)])), 1);
    }

    #[test]
    fn strengths_are_in_order_and_have_1_among_them() {
        let of = |given: &[f64]| {
            strengths(&Comparison { recipes: vec![], seeds: vec![], strengths: given.to_vec(), tuning: None })
        };
        assert_eq!(of(&[2.0, 1.0, 0.5]).unwrap(), [0.5, 1.0, 2.0]);
        for (given, reason) in [
            (&[2.0][..], "1 is not among them"),
            (&[1.0, -1.0], "-1 is no multiple"),
            (&[1.0, 1.0], "1 is a duplicate"),
        ] {
            let error = of(given).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
