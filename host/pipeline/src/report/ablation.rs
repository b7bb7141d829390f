//! Several recipes on the same samples, several seeds each: the ablation tables of section 4.3.
//!
//! In: the recipes and the seeds. Out: a run's folder for each (recipe, seed), and [`Ablation`]. The recipes
//! of one seed share what they have in common ([`crate::reuse`]) and train for as many steps as the first of
//! them, so that rows differ by what they vary and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ts_core::bootstrap::{Interval, mean_interval};
use ts_core::metrics::{Metric, Scored, Summary};
use ts_run::atomic;
use ts_text::markdown;

use crate::Error;
use crate::past_run::PastRun;
use crate::progress::Progress;
use crate::report::summary::{report, side};
use crate::report::table::Table;
use crate::report::{Report, differences, show, show_interval};
use crate::setup::Run;
use crate::stage::Stage;
use crate::stages::run_stage;
use ts_recipe::Recipe;

/// One row: a recipe over all seeds.
#[derive(Clone, Debug)]
pub struct Row {
    /// The recipe's name.
    pub name: String,
    /// One report a seed.
    pub reports: Vec<Report>,
    /// After training − the model before, on the same problems, all seeds together: 95 %, bootstrap over
    /// problems.
    pub over_baseline: BTreeMap<Metric, Interval>,
    /// After training − the first row after training, likewise.
    pub over_first: BTreeMap<Metric, Interval>,
}

/// The table.
#[derive(Clone, Debug)]
pub struct Ablation {
    /// The rows, in the order in which they were asked for.
    pub rows: Vec<Row>,
}

/// Runs every recipe with every seed, in folders `NAME-seedSEED` of `folder`; runs that are done are only
/// read.
///
/// # Errors
/// [`Error::Twice`] for a row or a seed that is a duplicate; the first run that fails, and what is done until
/// then stays.
pub fn ablate(
    recipes: &[Recipe],
    seeds: &[u64],
    folder: &Path,
    created: &str,
    progress: &dyn Progress,
) -> Result<Ablation, Error> {
    forbid_repetition(recipes.iter().map(|recipe| recipe.run.name.clone()), "rows")?;
    forbid_repetition(seeds.iter().map(u64::to_string), "seeds")?;
    let mut reports: Vec<Vec<Report>> = vec![Vec::new(); recipes.len()];
    let path_of = |recipe: &Recipe, seed: u64| folder.join(format!("{}-seed{seed}", recipe.run.name));
    for &seed in seeds {
        let mut finished: Vec<PastRun> = Vec::new();
        for (row, recipe) in recipes.iter().enumerate() {
            let mut recipe = recipe.clone();
            recipe.run.seed = seed;
            if let Some(first) = reports[0].get(reports[row].len()) {
                recipe.train.steps = first.stages.n_train_steps;
            }
            let path = path_of(&recipe, seed);
            let mut run = Run::open(recipe, &path, None, created.to_owned(), progress, None)?;
            for donor in &finished {
                run.take_from(donor)?;
            }
            for stage in Stage::ALL {
                run_stage(&mut run, stage)?;
            }
            drop(run);
            reports[row].push(report(&path)?);
            finished.push(PastRun::open(&path)?);
        }
    }

    let responses = |stage: Stage, recipe: &Recipe| -> Result<Vec<Scored>, Error> {
        let mut all = Vec::new();
        for &seed in seeds {
            all.extend(side(&PastRun::open(&path_of(recipe, seed))?, stage, &recipe.report)?.1);
        }
        Ok(all)
    };
    let mut rows = Vec::with_capacity(recipes.len());
    let mut first: Option<Vec<Scored>> = None;
    for (recipe, reports) in recipes.iter().zip(reports) {
        let section = &recipe.report;
        let before = responses(Stage::EvalBaseline, recipe)?;
        let after = responses(Stage::EvalResult, recipe)?;
        let first = first.get_or_insert_with(|| after.clone());
        rows.push(Row {
            name: recipe.run.name.clone(),
            reports,
            over_baseline: differences(&before, &after, section, seeds[0])?,
            over_first: differences(first, &after, section, seeds[0])?,
        });
    }
    Ok(Ablation { rows })
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

impl Row {
    /// Mean ± half-width of the interval over seeds; the value alone with one seed, and `none` where it is
    /// not defined.
    fn over_seeds(&self, metric: Metric, side: impl Fn(&Report) -> &Summary) -> String {
        let values: Option<Vec<f64>> = self.reports.iter().map(|report| metric.of(side(report))).collect();
        let show = |x: f64| show(metric, x, false);
        match (values.as_deref(), values.as_deref().map(mean_interval)) {
            (Some(&[one]), _) => show(one),
            (_, Some(Ok(mean))) => {
                format!("{} ± {}", show(mean.estimate), show((mean.high - mean.low) / 2.0))
            }
            _ => "none".to_owned(),
        }
    }

    /// Mean tokens of a positive before and after stage 2.
    fn positives(&self) -> String {
        let n: usize = self.reports.iter().map(|report| report.stages.n_positives).sum();
        let refined: Option<Vec<(u64, u64)>> =
            self.reports.iter().map(|report| report.stages.refined_tokens).collect();
        let Some(refined) = refined else { return "as sampled".to_owned() };
        let mean =
            |side: fn(&(u64, u64)) -> u64| refined.iter().map(side).sum::<u64>() as f64 / n.max(1) as f64;
        format!("{:.0} to {:.0}", mean(|t| t.0), mean(|t| t.1))
    }
}

/// The metrics that are shown, with their columns.
const COLUMNS: [(Metric, &str); 6] = [
    (Metric::Accuracy, "Acc, %"),
    (Metric::LenCorrect, "Len-T"),
    (Metric::LenAll, "Len-A"),
    (Metric::Auc, "AUC, %"),
    (Metric::NSteps, "steps"),
    (Metric::StepTokens, "tokens a step"),
];

impl Ablation {
    /// Two tables as Markdown: the metrics, means over seeds ± the half-width of the 95 % t interval; and the
    /// differences in accuracy and area that are paired by problem.
    pub fn to_markdown(&self) -> String {
        let header =
            std::iter::once("").chain(COLUMNS.iter().map(|(_, label)| *label)).chain(["positives, tokens"]);
        let mut metrics = Table::new(&header.collect::<Vec<_>>());
        let mut line = |name: &str, row: &Row, side: fn(&Report) -> &Summary, positives: String| {
            let cells = COLUMNS.iter().map(|&(metric, _)| row.over_seeds(metric, side));
            metrics.row(std::iter::once(markdown(name)).chain(cells).chain([positives]));
        };
        if let Some(first) = self.rows.first() {
            line("baseline", first, |report| &report.baseline.summary, String::new());
        }
        for row in &self.rows {
            line(&row.name, row, |report| &report.result.summary, row.positives());
        }

        let first = self.rows.first().map_or_else(|| "first".to_owned(), |row| markdown(&row.name));
        let names = [format!("Acc − {first}"), format!("AUC − {first}")];
        let mut paired = Table::new(&["", "Acc − baseline", "AUC − baseline", &names[0], &names[1]]);
        for row in &self.rows {
            let cell = |differences: &BTreeMap<Metric, Interval>, metric: Metric| {
                differences.get(&metric).map_or_else(|| "none".to_owned(), |i| show_interval(metric, i, true))
            };
            let cells = [&row.over_baseline, &row.over_first].into_iter().flat_map(|differences| {
                [Metric::Accuracy, Metric::Auc].map(|metric| cell(differences, metric))
            });
            paired.row(std::iter::once(markdown(&row.name)).chain(cells));
        }
        ts_text::page(format_args!("{metrics}\n{paired}")).to_string()
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
        "{begin}\n\nSeeds {seeds}. First table: mean ± half-width of the 95 % t interval over seeds. Second: differences in points, \
         all seeds together, paired by problem; in brackets the 95 % interval, bootstrap over problems.\n\n{table}\n{end}"
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
