//! What a run's model does on other domains, before and after, in one table: regressions are marked.
//!
//! In: a finished run's folder with evaluations below `transfer/`. Out: [`TransferReport`], a part of its report. Changes are on the same problems,
//! with the interval over problems ([`ts_core::crossed`], one training), and the p-values of the changes in accuracy, that on the run's own held-out
//! problems among them, are corrected for their number.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use ts_core::crossed::{Difference, Measured, holm};
use ts_core::metrics::{Metric, Scored, Summary, summarise};
use ts_run::Artefact;
use ts_run::folder::folder_of_transfer;
use ts_text::markdown;

use super::table::Table;
use super::{SIGNIFICANCE, scored_in, show, show_interval};
use crate::Error;
use crate::past_run::PastRun;
use crate::rounds::result_folder;
use crate::stage::Stage;
use crate::transfer::SIDES;

/// What a run's model does on other domains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransferReport {
    /// The run's own held-out problems, and then the sets by their names.
    pub sets: Vec<SetReport>,
}

/// What it does on one set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetReport {
    /// The set's name; none for the run's own held-out problems.
    pub name: Option<String>,
    /// Where the problems are from.
    pub problems: String,
    /// The verifier.
    pub verifier: String,
    /// The model that the run started from.
    pub before: Summary,
    /// Its result.
    pub after: Summary,
    /// After − before.
    pub change: BTreeMap<Metric, Difference>,
    /// The p-value of the change in accuracy, after Holm's correction over all sets.
    pub p_corrected: f64,
}

impl SetReport {
    fn accuracy(&self) -> f64 {
        self.change.get(&Metric::Accuracy).map_or(0.0, |change| change.estimate)
    }

    /// Whether accuracy fell, and not by chance.
    pub fn is_regression(&self) -> bool {
        self.p_corrected < SIGNIFICANCE && self.accuracy() < 0.0
    }

    /// Whether it rose, and not by chance.
    pub fn is_gain(&self) -> bool {
        self.p_corrected < SIGNIFICANCE && self.accuracy() > 0.0
    }
}

/// What a finished run's evaluations on other sets say; none if there is none that is done.
pub(crate) fn transfer_of(run: &PastRun) -> Result<Option<TransferReport>, Error> {
    let Ok(entries) = std::fs::read_dir(folder_of_transfer(&run.folder, &[])?) else { return Ok(None) };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|it| it.file_name().into_string().ok()).collect();
    names.sort();
    let mut sets = Vec::new();
    for name in names {
        let folders = SIDES.map(|side| folder_of_transfer(&run.folder, &[&name, side]));
        let [before, after] = folders;
        let (before, after) = (before?, after?);
        if ![&before, &after].iter().all(|folder| Artefact::Manifest.path_in(folder).is_file()) {
            continue;
        }
        let (before, after) = (PastRun::open(&before)?, PastRun::open(&after)?);
        if before.is_done(Stage::EvalBaseline) && after.is_done(Stage::EvalBaseline) {
            let responses =
                [scored_in(&before, Stage::EvalBaseline)?, scored_in(&after, Stage::EvalBaseline)?];
            sets.push(set_report(Some(name), &before, responses)?);
        }
    }
    let Some(result) = result_folder(run)?.filter(|_| !sets.is_empty()) else { return Ok(None) };
    let responses =
        [scored_in(run, Stage::EvalBaseline)?, scored_in(&PastRun::open(&result)?, Stage::EvalResult)?];
    sets.insert(0, set_report(None, run, responses)?);
    correct(&mut sets);
    Ok(Some(TransferReport { sets }))
}

fn set_report(
    name: Option<String>,
    of: &PastRun,
    [before, after]: [Vec<Scored>; 2],
) -> Result<SetReport, Error> {
    let budget = of.recipe.report.budget_tokens as u32;
    let measured = |responses: &[Scored]| Measured::new([responses], budget);
    Ok(SetReport {
        name,
        problems: of.recipe.problems.heldout.clone(),
        verifier: of.recipe.plugins.verifier.source.clone(),
        before: summarise(&before, budget)?,
        after: summarise(&after, budget)?,
        change: measured(&after)?.minus(&measured(&before)?)?,
        p_corrected: 1.0,
    })
}

fn correct(sets: &mut [SetReport]) {
    let p = |set: &SetReport| set.change.get(&Metric::Accuracy).map_or(1.0, Difference::p_value);
    let corrected = holm(&sets.iter().map(p).collect::<Vec<_>>());
    sets.iter_mut().zip(corrected).for_each(|(set, p)| set.p_corrected = p);
}

impl TransferReport {
    /// The table, as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_markdown(&mut out);
        out
    }

    pub(super) fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "## Other domains\n\nThe model that the run started from, and its result, on the same problems with the same seeds. In brackets the 95 % \
             interval over problems, of this one training; \\* marks changes in accuracy that are left after Holm's correction over {} of them.\n",
            self.sets.len()
        )?;
        let mut table = Table::new(&[
            "set",
            "verifier",
            "problems",
            "Acc before, %",
            "Acc after, %",
            "Acc, change",
            "Len-A before",
            "Len-A after",
            "Len-A, change",
            "",
        ]);
        for set in &self.sets {
            let value = |metric: Metric, summary| {
                metric.of(summary).map_or_else(|| "none".into(), |value| show(metric, value, false))
            };
            let change = |metric: Metric| {
                let change = set.change.get(&metric);
                change.map_or_else(|| "none".into(), |it| show_interval(metric, &it.interval(), true))
            };
            let mark = if set.p_corrected < SIGNIFICANCE { " \\*" } else { "" };
            let verdict = match (set.is_regression(), set.is_gain()) {
                (true, _) => "regression",
                (_, true) => "gain",
                _ => "",
            };
            table.row([
                set.name
                    .as_ref()
                    .map_or_else(|| "held-out problems".to_owned(), |name| markdown(name).to_string()),
                markdown(&set.verifier).to_string(),
                set.before.n_problems.to_string(),
                value(Metric::Accuracy, &set.before),
                value(Metric::Accuracy, &set.after),
                format!("{}{mark}", change(Metric::Accuracy)),
                value(Metric::LenAll, &set.before),
                value(Metric::LenAll, &set.after),
                change(Metric::LenAll),
                verdict.to_owned(),
            ]);
        }
        writeln!(out, "{table}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Responses to so many problems, of which every n-th is wrong.
    fn responses(n_problems: usize, wrong: usize, tokens: u32) -> Vec<Scored> {
        let one = |problem| Scored {
            problem,
            run: 0,
            difficulty: None,
            correct: problem % wrong != 0,
            tokens,
            n_steps: 1,
            step_tokens: tokens,
        };
        (0..n_problems).map(one).collect()
    }

    fn set(name: Option<&str>, before: &[Scored], after: &[Scored]) -> SetReport {
        let measured = |responses: &[Scored]| Measured::new([responses], 100).unwrap();
        SetReport {
            name: name.map(str::to_owned),
            problems: "p".into(),
            verifier: "v|v".into(),
            before: summarise(before, 100).unwrap(),
            after: summarise(after, 100).unwrap(),
            change: measured(after).minus(&measured(before)).unwrap(),
            p_corrected: 1.0,
        }
    }

    #[test]
    fn what_fell_is_marked_and_what_may_be_chance_is_not() {
        let good = responses(120, 60, 50); // 2 of 120 are wrong
        let half = responses(120, 2, 30);
        let nearly = responses(120, 40, 40); // 3 of 120 are wrong
        let mut sets =
            vec![set(None, &good, &nearly), set(Some("a"), &good, &half), set(Some("b"), &half, &good)];
        correct(&mut sets);
        let verdicts: Vec<_> = sets.iter().map(|set| (set.is_regression(), set.is_gain())).collect();
        assert_eq!(verdicts, [(false, false), (true, false), (false, true)]);
        assert!((sets[1].accuracy() - (0.5 - 118.0 / 120.0)).abs() < 1e-12);
        let text = TransferReport { sets }.to_markdown();
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
        assert_eq!(rows.len(), 4, "{text}");
        let first = rows[1];
        assert!(
            first.starts_with("| held-out problems |")
                && first.contains(" v\\|v |")
                && !first.contains("\\*"),
            "{text}"
        );
        assert!(
            rows[2].contains("-48.3 [") && rows[2].contains("\\*") && rows[2].contains("| regression |"),
            "{text}"
        );
        assert!(rows[3].contains("|       gain |") && rows[3].contains("| +20.0 ["), "{text}");
    }
}
