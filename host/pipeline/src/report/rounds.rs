//! All rounds of a run in one table: what each came to on the held-out problems, and what the tuning problems said of it.
//!
//! In: the folder of a run of several rounds. Out: [`RoundsReport`], a part of its report. Differences are on the same problems, with the
//! interval over problems that decides about a round too ([`ts_core::crossed`], one training).

use std::collections::BTreeMap;
use std::fmt::Write;

use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use ts_core::bootstrap::Interval;
use ts_core::crossed::{Difference, Measured};
use ts_core::metrics::{Metric, Scored};
use ts_recipe::ReportSection;
use ts_run::Artefact;
use ts_text::markdown;

use super::summary::report_with_responses;
use super::table::Table;
use super::{Side, show_interval};
use crate::Error;
use crate::past_run::PastRun;
use crate::rounds::{Verdict, is_measured, round_folder, verdict};
use crate::stage::Stage;

/// What the rounds of a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundsReport {
    /// Rounds that were asked for.
    pub count: u32,
    /// Delta: a round is accepted if the lower bound of its change in accuracy on the tuning problems is above −delta. A share.
    pub max_loss: f64,
    /// The tuning problems, as the recipe names them.
    pub tuning: String,
    /// Those that are measured, from the first.
    pub rounds: Vec<RoundReport>,
    /// The rounds that the result has behind it: the last that was accepted; 0 is the model before all of them.
    pub result: u32,
    /// The result − the model before all rounds, on the held-out problems; empty if that is the result.
    pub over_baseline: BTreeMap<Metric, Difference>,
}

/// What one round came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundReport {
    /// Its model, from the run's folder on.
    pub model: String,
    /// The metrics of its model on the held-out problems, 95 % intervals: bootstrap over problems.
    pub intervals: BTreeMap<Metric, Interval>,
    /// After it − before it, on the held-out problems.
    pub change: BTreeMap<Metric, Difference>,
    /// Token limit of its samples.
    pub max_new_tokens: usize,
    /// Optimiser steps.
    pub n_train_steps: usize,
    /// What the tuning problems say of it; none before they were asked.
    pub verdict: Option<Verdict>,
}

/// What is known of the rounds of a run, whose first round has this report and these responses before and after; none if its recipe has one round
/// alone. Writes the later rounds' own reports into their folders.
pub(super) fn rounds_of(
    run: &PastRun,
    section: &ReportSection,
    first: (&Side, usize),
    before: &[Scored],
    after: &[Scored],
) -> Result<Option<RoundsReport>, Error> {
    let rounds = &run.recipe.rounds;
    if rounds.count == 1 {
        return Ok(None);
    }
    let mut report = RoundsReport {
        count: rounds.count,
        max_loss: rounds.max_loss,
        tuning: rounds.tuning.clone(),
        rounds: Vec::new(),
        result: 0,
        over_baseline: BTreeMap::new(),
    };
    let mut last = (after.to_vec(), first.0.intervals.clone(), first.1, run.recipe.sample.max_new_tokens);
    let mut before_it = before.to_vec();
    for round in 1..=rounds.count {
        if round > 1 {
            let folder = round_folder(&run.folder, round)?;
            if !Artefact::Manifest.path_in(&folder).exists() {
                break;
            }
            let of_round = PastRun::open(&folder)?;
            if !of_round.is_done(Stage::EvalResult) {
                break;
            }
            let (own, baseline, result) = report_with_responses(&of_round, section)?;
            if baseline != last.0 {
                let message =
                    format!("in {}, not what the model of the round before answered", folder.display());
                let file = Artefact::EvalBaseline.file_name();
                return Err(Error::Inconsistent { file, message });
            }
            before_it = std::mem::replace(&mut last.0, result);
            let limit = of_round.recipe.sample.max_new_tokens;
            (last.1, last.2, last.3) = (own.result.intervals, own.stages.n_train_steps, limit);
        }
        let model = round_folder(std::path::Path::new(""), round)?.join(Artefact::Model.file_name());
        let verdict =
            is_measured(&run.folder, round)?.then(|| verdict(&run.folder, round, rounds)).transpose()?;
        report.rounds.push(RoundReport {
            model: model.display().to_string(),
            intervals: last.1.clone(),
            change: minus(&last.0, &before_it, section)?,
            max_new_tokens: last.3,
            n_train_steps: last.2,
            verdict,
        });
        if !verdict.is_some_and(|verdict| verdict.accepted) {
            break;
        }
        report.result = round;
        report.over_baseline = minus(&last.0, before, section)?;
    }
    Ok(Some(report))
}

/// The difference on the same problems, one training.
fn minus(
    after: &[Scored],
    before: &[Scored],
    section: &ReportSection,
) -> Result<BTreeMap<Metric, Difference>, Error> {
    let measured = |responses| Measured::new([responses], section.budget_tokens as u32);
    Ok(measured(after)?.minus(&measured(before)?)?)
}

impl RoundsReport {
    /// The table, with what is in it and what came of it.
    pub(super) fn write_markdown(&self, baseline: &Side, out: &mut String) -> std::fmt::Result {
        let (conditions, table) = (markdown(&self.conditions()), self.table(baseline));
        writeln!(out, "## {} rounds\n\n{conditions}\n\n{table}", self.count)?;
        self.result_lines().iter().try_for_each(|line| writeln!(out, "- {line}"))
    }

    /// The same as a part of a page.
    pub(super) fn to_html(&self, baseline: &Side) -> Markup {
        html! {
            p { (ts_text::line(self.conditions())) }
            (self.table(baseline).to_html("All rounds"))
            ul { @for line in self.result_lines() { li { (line.replace('`', "")) } } }
            p { "Everything below is about the first round, but for the plot of accuracy against length, which has all of them." }
        }
    }

    /// What is in the table.
    fn conditions(&self) -> String {
        let points = 100.0 * self.max_loss;
        let n_problems = self.rounds.iter().find_map(|round| Some(round.verdict?.n_problems)).unwrap_or(0);
        format!(
            "The first four columns: the model after each round on the held-out problems; in brackets bootstrap over problems. Changes: after \
             a round − before it, in points, on the same problems; in brackets the 95 % interval over problems. A round is accepted if the lower end of its \
             change on the {n_problems} tuning problems ({}) is above −{points:.1} points; the held-out problems decide nothing.",
            self.tuning
        )
    }

    fn table(&self, baseline: &Side) -> Table {
        let mut table = Table::new(&[
            "round",
            "Acc, %",
            "Len-T, tokens",
            "Len-A, tokens",
            "AUC, %",
            "Acc, change",
            "Acc, change on tuning problems",
            "",
        ]);
        let metrics = |intervals: &BTreeMap<Metric, Interval>| {
            [Metric::Accuracy, Metric::LenCorrect, Metric::LenAll, Metric::Auc].map(|metric| {
                intervals.get(&metric).map_or_else(|| "none".into(), |it| show_interval(metric, it, false))
            })
        };
        let change = |difference: Option<&Difference>| {
            difference
                .map_or_else(|| "none".into(), |it| show_interval(Metric::Accuracy, &it.interval(), true))
        };
        let empty = || String::new();
        table.row(
            [
                vec!["before".to_owned()],
                metrics(&baseline.intervals).to_vec(),
                vec![empty(), empty(), empty()],
            ]
            .concat(),
        );
        for (index, round) in self.rounds.iter().enumerate() {
            let word = match round.verdict {
                None => "not measured yet",
                Some(Verdict { accepted: true, .. }) => "accepted",
                Some(Verdict { accepted: false, .. }) => "refused",
            };
            let on_tuning = match &round.verdict {
                None => empty(),
                Some(verdict) => change(Some(&verdict.change)),
            };
            let of_round = vec![change(round.change.get(&Metric::Accuracy)), on_tuning, word.to_owned()];
            table.row([vec![(index + 1).to_string()], metrics(&round.intervals).to_vec(), of_round].concat());
        }
        table
    }

    /// What came of the rounds, a sentence each, all of it ours.
    fn result_lines(&self) -> Vec<String> {
        let asked_all =
            self.rounds.len() as u32 == self.count && self.rounds.iter().all(|it| it.verdict.is_some());
        let refused = self.rounds.iter().any(|round| round.verdict.is_some_and(|verdict| !verdict.accepted));
        let mut lines = Vec::new();
        if !asked_all && !refused {
            lines.push("the rounds are not done: `ts-host run` goes on with them".to_owned());
        }
        if refused {
            let n = self.rounds.len();
            let after = if (n as u32) < self.count { ", and there are no rounds after it" } else { "" };
            lines.push(format!(
                "round {n} lost more accuracy than is allowed, or may have, and was not accepted{after}"
            ));
        }
        lines.push(match self.rounds.get((self.result as usize).wrapping_sub(1)) {
            None if refused => "the result is the model before all rounds".to_owned(),
            None => "the result so far is the model before all rounds".to_owned(),
            Some(round) => {
                let cells = [(Metric::Accuracy, "Acc"), (Metric::LenAll, "Len-A"), (Metric::Auc, "AUC")];
                let cells = cells.iter().filter_map(|(metric, label)| {
                    let interval = self.over_baseline.get(metric)?.interval();
                    Some(format!("{label} {}", show_interval(*metric, &interval, true)))
                });
                let cells: Vec<String> = cells.collect();
                format!(
                    "the result is the model of round {}, `{}`; beside the model before all rounds: {}",
                    self.result,
                    round.model,
                    cells.join(", ")
                )
            }
        });
        let steps: Vec<String> = self.rounds.iter().map(|round| round.n_train_steps.to_string()).collect();
        let limits: Vec<String> = self.rounds.iter().map(|round| round.max_new_tokens.to_string()).collect();
        lines.push(format!(
            "optimiser steps: {}; token limits of the samples: {}",
            steps.join(", "),
            limits.join(", ")
        ));
        lines
    }
}
