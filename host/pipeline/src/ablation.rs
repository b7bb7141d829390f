//! Several recipes on the same samples, several seeds each: the ablation tables of section 4.3.
//!
//! In: the recipes and the seeds. Out: a run's folder for each (recipe, seed), and [`Ablation`], the means over seeds with
//! their intervals. The recipes of one seed share what they have in common: a stage whose recipe sections, plugins and
//! inputs are the same is copied from the first run that did it, so that rows differ by what they vary and nothing
//! else. Judging the table is left out on purpose.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ts_core::bootstrap::{Interval, mean_interval};
use ts_core::metrics::{Metric, Summary};
use ts_run::atomic;

use crate::Error;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::report::{Report, Table, show};
use crate::setup::Run;
use crate::stages::{Stage, run_stage};
use crate::summary::report;

/// One row: a recipe over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The recipe's name.
    pub name: String,
    /// One report a seed.
    pub reports: Vec<Report>,
}

/// The table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    /// The rows, in the order in which they were asked for.
    pub rows: Vec<Row>,
}

/// Runs every recipe with every seed, in folders `NAME-seedSEED` of `folder`; runs that are done are only read.
///
/// # Errors
/// The first run that fails; what is done until then stays.
pub fn ablate(
    recipes: &[Recipe],
    seeds: &[u64],
    folder: &Path,
    created: &str,
    progress: &dyn Progress,
) -> Result<Ablation, Error> {
    let mut rows: Vec<Row> =
        recipes.iter().map(|r| Row { name: r.run.name.clone(), reports: Vec::new() }).collect();
    for &seed in seeds {
        let mut finished: Vec<(Recipe, PathBuf)> = Vec::new();
        for (recipe, row) in recipes.iter().zip(&mut rows) {
            let mut recipe = recipe.clone();
            recipe.run.seed = seed;
            let path = folder.join(format!("{}-seed{seed}", recipe.run.name));
            let mut run = Run::open(recipe.clone(), &path, created.to_owned(), progress, None)?;
            for stage in Stage::ALL {
                share(&mut run, stage, &finished)?;
                run_stage(&mut run, stage)?;
            }
            drop(run);
            row.reports.push(report(&path)?);
            finished.push((recipe, path));
        }
    }
    Ok(Ablation { rows })
}

/// Takes a stage's artefact from a run that did the same work.
fn share(run: &mut Run<'_>, stage: Stage, finished: &[(Recipe, PathBuf)]) -> Result<(), Error> {
    if run.folder.is_done(stage.name()) || matches!(stage, Stage::Train | Stage::EvalResult) {
        return Ok(());
    }
    let Some((_, path)) = finished.iter().find(|(other, _)| same_work(stage, other, &run.recipe)) else {
        return Ok(());
    };
    let artefact = stage.artefact();
    let from = artefact.path_in(path);
    let bytes = std::fs::read(&from).map_err(|source| Error::File { path: from, source })?;
    atomic::write_file(&run.folder.path_of(artefact), &bytes)?;
    let records = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
    Ok(run.folder.mark_done(stage.name(), artefact, records, 0.0)?)
}

/// Whether two recipes with the same seed give the same artefact.
fn same_work(stage: Stage, a: &Recipe, b: &Recipe) -> bool {
    let base = (&a.model, &a.problems, &a.prompt) == (&b.model, &b.problems, &b.prompt);
    let grading = a.plugins.verifier == b.plugins.verifier && a.plugins.limits == b.plugins.limits;
    let splitting = a.plugins.step_splitter == b.plugins.step_splitter;
    base && match stage {
        Stage::EvalBaseline => grading && splitting && a.eval == b.eval,
        Stage::Sample => a.sample == b.sample,
        Stage::Grade => same_work(Stage::Sample, a, b) && grading,
        Stage::Select => {
            same_work(Stage::Grade, a, b)
                && splitting
                && a.select == b.select
                && a.plugins.selection_policy == b.plugins.selection_policy
                && a.plugins.length_function == b.plugins.length_function
        }
        Stage::Refine => same_work(Stage::Select, a, b) && a.refine == b.refine,
        Stage::Pair => same_work(Stage::Refine, a, b),
        Stage::Train | Stage::EvalResult => false,
    }
}

impl Row {
    /// The interval over seeds of a metric after training; none with one seed or where it is not defined.
    fn over_seeds(&self, metric: Metric, side: impl Fn(&Report) -> &Summary) -> Option<Interval> {
        let values: Option<Vec<f64>> = self.reports.iter().map(|report| metric.of(side(report))).collect();
        let values = values?;
        match values.as_slice() {
            [one] => Some(Interval { estimate: *one, low: *one, high: *one }),
            _ => mean_interval(&values).ok(),
        }
    }
}

impl Ablation {
    /// The table as Markdown: means over seeds, ± the half-width of the 95 % t interval.
    pub fn to_markdown(&self) -> String {
        let columns = [
            Metric::Accuracy,
            Metric::LenCorrect,
            Metric::LenAll,
            Metric::Auc,
            Metric::NSteps,
            Metric::StepTokens,
        ];
        let mut table = Table::new(&[
            "",
            "Acc, %",
            "Len-T",
            "Len-A",
            "AUC, %",
            "steps",
            "tokens a step",
            "positives, tokens",
        ]);
        let mut line = |name: &str, row: &Row, side: fn(&Report) -> &Summary, positives: String| {
            let cells = columns.iter().map(|&metric| {
                row.over_seeds(metric, side).map_or_else(
                    || "none".to_owned(),
                    |i| {
                        format!(
                            "{} ± {}",
                            show(metric, i.estimate, false),
                            show(metric, (i.high - i.low) / 2.0, false)
                        )
                    },
                )
            });
            table.row(std::iter::once(name.to_owned()).chain(cells).chain(std::iter::once(positives)));
        };
        if let Some(first) = self.rows.first() {
            line("baseline", first, |report| &report.baseline.summary, String::new());
        }
        for row in &self.rows {
            let n: usize = row.reports.iter().map(|r| r.stages.n_positives).sum();
            let refined: Option<Vec<(u64, u64)>> =
                row.reports.iter().map(|r| r.stages.refined_tokens).collect();
            let positives = refined.map_or_else(
                || "as sampled".to_owned(),
                |tokens| {
                    let mean = |side: fn(&(u64, u64)) -> u64| {
                        tokens.iter().map(side).sum::<u64>() as f64 / n.max(1) as f64
                    };
                    format!("{:.0} to {:.0}", mean(|t| t.0), mean(|t| t.1))
                },
            );
            line(&row.name, row, |report| &report.result.summary, positives);
        }
        table.to_string()
    }
}

/// Between these lines a document holds the table; everything else in it is written by hand and stays.
const TABLE: [&str; 2] = ["<!-- table: begin -->", "<!-- table: end -->"];

/// Puts the table into a document, and the command that makes it again.
///
/// # Errors
/// The document cannot be read or written.
pub fn write_document(path: &Path, table: &str, seeds: &str) -> Result<(), Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    let [begin, end] = TABLE;
    let block = format!(
        "{begin}\n\nSeeds {seeds}; mean ± half-width of the 95 % t interval over seeds.\n\n{table}\n{end}"
    );
    let document = match std::fs::read_to_string(path) {
        Ok(text) => match (text.find(begin), text.find(end)) {
            (Some(from), Some(to)) if from < to => {
                format!("{}{block}{}", &text[..from], &text[to + end.len()..])
            }
            _ => format!("{text}\n{block}\n"),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => format!("# Ablations\n\n{block}\n"),
        Err(error) => return Err(file(error)),
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(file)?;
    }
    Ok(atomic::write_file(path, document.as_bytes())?)
}
