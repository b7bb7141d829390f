//! The report as Markdown: the table of the paper, accuracy by difficulty, accuracy at budgets, and a sentence for what each stage did.
//!
//! In: a [`Report`]. Out: `report.md`, which is also what the command line shows, and the sentences, which the page shows too. What a run's
//! folder and its recipe say of themselves stands in the Markdown as text and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write;

use ts_core::bootstrap::Interval;
use ts_core::metrics::{Metric, Summary};
use ts_run::manifest::Adoption;
use ts_text::markdown;

use super::refinement::RefinementNumbers;
use super::table::Table;
use super::{OfServers, PluginUsed, Report, percent, show, show_interval};

/// Digits of a plugin's digest that a sentence shows.
const SHOWN_DIGITS: usize = 12;

/// The metrics of the table, and what they are called there.
const ROWS: &[(Metric, &str)] = &[
    (Metric::Accuracy, "Acc, %"),
    (Metric::LenCorrect, "Len-T, tokens"),
    (Metric::LenAll, "Len-A, tokens"),
    (Metric::Auc, "AUC, %"),
    (Metric::NSteps, "steps"),
    (Metric::StepTokens, "tokens a step"),
];

impl Report {
    /// The report as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_markdown(&mut out);
        ts_text::page(out).to_string()
    }

    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "# {}, seed {}\n\n{}\n", markdown(&self.name), self.seed, self.conditions())?;
        if let Some(rounds) = &self.rounds {
            rounds.write_markdown(&self.baseline, out)?;
            writeln!(out, "\n## The first round\n")?;
        }
        writeln!(out, "{}", self.metrics())?;
        self.transfer.iter().try_for_each(|transfer| transfer.write_markdown(out))?;
        self.write_rest(out)
    }

    /// How the two models were measured, in a paragraph.
    pub(super) fn conditions(&self) -> String {
        let Self { budget_tokens, n_runs, temperature, .. } = self;
        let n_problems = self.baseline.summary.n_problems;
        format!(
            "{n_problems} held-out problems, {n_runs} runs at temperature {temperature}, budget {budget_tokens} tokens. \
             In brackets: 95 % intervals, bootstrap over problems."
        )
    }

    /// The table of the metrics before and after.
    pub(super) fn metrics(&self) -> Table {
        let mut table = Table::new(&["", "baseline", "after", "difference"]);
        for (metric, label) in ROWS {
            let cell = |intervals: &BTreeMap<Metric, Interval>| {
                intervals.get(metric).map_or_else(|| "none".into(), |i| show_interval(*metric, i, false))
            };
            let mut difference = self
                .differences
                .get(metric)
                .map_or_else(|| "none".into(), |i| show_interval(*metric, i, true));
            let values = (metric.of(&self.baseline.summary), metric.of(&self.result.summary));
            if let (Metric::LenCorrect | Metric::LenAll, (Some(before), Some(after))) = (metric, values)
                && before > 0.0
            {
                let _ = write!(difference, ", {:+.1} %", 100.0 * (after / before - 1.0));
            }
            table.row([
                label.to_string(),
                cell(&self.baseline.intervals),
                cell(&self.result.intervals),
                difference,
            ]);
        }
        table
    }

    /// Accuracy and length by difficulty, before and after.
    pub(super) fn difficulties(&self) -> Table {
        let mut table = Table::new(&["difficulty", "Acc before", "Acc after", "Len-A before", "Len-A after"]);
        for (difficulty, before) in &self.baseline.by_difficulty {
            let after = self.result.by_difficulty.iter().find(|(d, _)| d == difficulty).map(|(_, s)| s);
            let show = |metric: Metric, s: Option<&Summary>| {
                s.and_then(|s| metric.of(s)).map_or_else(|| "none".into(), |x| show(metric, x, false))
            };
            table.row([
                difficulty.map_or_else(|| "not given".into(), |d| d.to_string()),
                show(Metric::Accuracy, Some(before)),
                show(Metric::Accuracy, after),
                show(Metric::LenAll, Some(before)),
                show(Metric::LenAll, after),
            ]);
        }
        table
    }

    /// Accuracy at budgets, before and after: every second point of the curves, the whole budget among them.
    pub(super) fn budgets(&self) -> Table {
        let mut table = Table::new(&["budget, tokens", "Acc before", "Acc after"]);
        let curves = self.baseline.curve.iter().zip(&self.result.curve);
        for ((budget, before), (_, after)) in curves.skip(1).step_by(2) {
            let percent = |x: f64| show(Metric::Accuracy, x, false);
            table.row([budget.to_string(), percent(*before), percent(*after)]);
        }
        table
    }

    fn write_rest(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}\n{}", self.difficulties(), self.budgets())?;
        self.stage_lines().iter().try_for_each(|line| writeln!(out, "- {}", markdown(line)))
    }

    /// What the stages did, a sentence each. What is in them from outside is as it came: whoever shows them escapes them whole.
    pub(super) fn stage_lines(&self) -> Vec<String> {
        let s = &self.stages;
        let mut lines = vec![format!(
            "{} {} responses, {} correct; {}",
            if s.imported.is_empty() { "sampled" } else { "took over" },
            s.n_samples,
            percent(s.sample_accuracy),
            s.ungraded
        )];
        if !s.imported.is_empty() {
            lines.push(format!("another program sampled them: {}", s.imported.join(", ")));
        }
        let (positives, problems, pairs) = (s.n_positives, s.n_problems_selected, s.n_pairs);
        let sequences = match s.n_sequences {
            0 => String::new(),
            n => format!(", {n} responses with weights of either sign"),
        };
        lines
            .push(format!("selected {positives} positives of {problems} problems, {pairs} pairs{sequences}"));
        if let Some((before, after)) = s.refined_tokens {
            let (share, dropped) = (percent(after as f64 / before.max(1) as f64), s.n_refined_dropped);
            lines.push(format!(
                "refined them from {before} to {after} tokens ({share}); {dropped} were no longer correct and were dropped"
            ));
        }
        lines.extend(s.refinement.iter().flat_map(RefinementNumbers::told));
        lines.extend(s.servers.as_ref().map(OfServers::told));
        lines.push(match &self.adopted {
            None => format!("made {} examples and trained for {} steps", s.n_examples, s.n_train_steps),
            Some(adoption) => format!("made {} examples; {}", s.n_examples, told_of(adoption)),
        });
        for (when, side) in [("before", &self.baseline), ("after", &self.result)] {
            let n = side.ungraded.total();
            if n > 0 {
                let why = &side.ungraded;
                lines.push(format!("{n} held-out responses {when} have no grade and count nowhere: {why}"));
            }
        }
        let [sampled, before, after] =
            [s.sample_cut_off, self.baseline.cut_off, self.result.cut_off].map(percent);
        lines.push(format!(
            "cut off at the token limit: {sampled} of the samples; of the held-out responses {before} before, {after} after"
        ));
        let plugin = |it: &PluginUsed| {
            let digest: String = it.sha256.chars().take(SHOWN_DIGITS).collect();
            format!("{} {} {} ({digest})", it.role.replace('_', " "), it.name, it.version)
        };
        if !self.plugins.is_empty() {
            let plugins: Vec<String> = self.plugins.iter().map(plugin).collect();
            lines.push(format!("plugins: {}", plugins.join(", ")));
        }
        if !s.seconds.is_empty() {
            let seconds: Vec<_> = s.seconds.iter().map(|(stage, t)| format!("{stage} {t:.0}")).collect();
            lines.push(format!("seconds: {}", seconds.join(", ")));
        }
        lines
    }
}

impl OfServers {
    /// What they did, in words.
    fn told(&self) -> String {
        let mut told = "servers drew the responses and the rewrites".to_owned();
        let n = self.n_retokenised;
        if n > 0 {
            told.push_str(&format!(
                "; {n} responses came as text, and their tokens may be others than were drawn"
            ));
        }
        if let Some(top_k) = self.estimated_by {
            told.push_str(&format!(
                "; divergences are estimates by the {top_k} likeliest tokens, which are never too large"
            ));
        }
        told
    }
}

/// That a model was trained elsewhere, with what, and which it is. Its words are as they came.
pub(super) fn told_of(adoption: &Adoption) -> String {
    let with = match adoption.trained_with.trim() {
        "" => String::new(),
        words => format!(" with {words}"),
    };
    format!("trained elsewhere{with}, and adopted: SHA-256 {}", adoption.sha256)
}
