//! An ablation as Markdown: the metrics, the differences, and where there are several strengths each row's curve.

use std::collections::BTreeMap;
use std::fmt::Write;

use ts_core::bootstrap::mean_interval;
use ts_core::crossed::{Difference, holm};
use ts_core::metrics::{Metric, Summary};
use ts_text::markdown;

use super::{Ablation, Point, Row};
use crate::report::table::Table;
use crate::report::{Report, SIGNIFICANCE, show, show_interval};

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
    /// Tables as Markdown, with what is in them: the metrics, means over seeds ± the half-width of the 95 % t interval; the differences
    /// in accuracy and area; and the accuracy and length of each strength, if there are several.
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_markdown(&mut out);
        ts_text::page(out).to_string()
    }

    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        let Some(first) = self.rows.first() else { return Ok(()) };
        let seeds: Vec<String> =
            first.points[0].reports.iter().map(|report| report.seed.to_string()).collect();
        let around =
            if seeds.len() > 1 { "mean ± half-width of the 95 % t interval over seeds" } else { "one seed" };
        write!(out, "Seeds {}. The metrics: {around}", seeds.join(","))?;
        let has_strengths = first.points.len() > 1;
        if has_strengths {
            let chosen = match first.own_point().tuning_auc {
                Some(_) => {
                    "the strength, a multiple of the recipe's learning rate, that has the best area on the tuning problems"
                }
                None => "the recipe's own learning rate",
            };
            write!(out, "; each row with {chosen}")?;
        }
        writeln!(out, ".\n\n{}", self.metrics(has_strengths))?;
        let over =
            if seeds.len() > 1 { "problems and trainings, crossed" } else { "problems alone: one training" };
        let (differences, n) = self.differences(has_strengths);
        writeln!(
            out,
            "Differences in points, on the same problems; in brackets the 95 % interval over {over}. \\* differs from 0 after Holm's correction \
             over the {n} differences of this table.\n\n{differences}"
        )?;
        if has_strengths {
            writeln!(
                out,
                "Each strength: accuracy in per cent @ Len-A. In bold the row's own.\n\n{}",
                self.curves()
            )?;
        }
        Ok(())
    }

    fn metrics(&self, has_strengths: bool) -> Table {
        let strength = has_strengths.then_some("strength");
        let columns = COLUMNS.iter().map(|(_, label)| *label);
        let header = std::iter::once("").chain(strength).chain(columns).chain(["positives, tokens"]);
        let mut table = Table::new(&header.collect::<Vec<_>>());
        let mut line = |name: &str,
                        strength: String,
                        point: &Point,
                        side: fn(&Report) -> &Summary,
                        positives: String| {
            let cells = COLUMNS.iter().map(|&(metric, _)| point.over_seeds(metric, side));
            let strength = has_strengths.then_some(strength);
            table.row(std::iter::once(markdown(name)).chain(strength).chain(cells).chain([positives]));
        };
        for (index, row) in self.rows.iter().enumerate() {
            let point = row.own_point();
            if index == 0 {
                line("baseline", String::new(), point, |report| &report.baseline.summary, String::new());
            }
            line(
                &row.name,
                point.strength.to_string(),
                point,
                |report| &report.result.summary,
                point.positives(),
            );
        }
        table
    }

    /// The table of the differences, and how many it has.
    fn differences(&self, has_strengths: bool) -> (Table, usize) {
        let first = self.rows.first().map_or_else(|| "first".to_owned(), |row| markdown(&row.name));
        let mut header = vec![
            String::new(),
            "Acc − baseline".to_owned(),
            "AUC − baseline".to_owned(),
            format!("Acc − {first}"),
            format!("AUC − {first}"),
        ];
        if has_strengths {
            header.push(format!("Acc − {first}, at its Len-A"));
        }
        let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
        let cells: Vec<Vec<Option<(Metric, Difference)>>> =
            self.rows.iter().enumerate().map(|(index, row)| row.compared(index > 0, has_strengths)).collect();
        let p_values: Vec<f64> = cells.iter().flatten().flatten().map(|(_, it)| it.p_value()).collect();
        let mut corrected = holm(&p_values).into_iter();
        for (row, cells) in self.rows.iter().zip(&cells) {
            let cells = cells.iter().map(|cell| match cell {
                Some((metric, difference)) => {
                    let is_marked = corrected.next().is_some_and(|p| p < SIGNIFICANCE);
                    let mark = if is_marked { " \\*" } else { "" };
                    format!("{}{mark}", show_interval(*metric, &difference.interval(), true))
                }
                None => "none".to_owned(),
            });
            table.row(std::iter::once(markdown(&row.name)).chain(cells));
        }
        (table, p_values.len())
    }

    fn curves(&self) -> Table {
        let strengths = self.rows[0].points.iter().map(|point| format!("× {}", point.strength));
        let header: Vec<String> = std::iter::once(String::new()).chain(strengths).collect();
        let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
        for row in &self.rows {
            let cells = row.points.iter().enumerate().map(|(index, point)| {
                let mean = |metric: Metric| {
                    let values: Vec<f64> =
                        point.reports.iter().filter_map(|report| metric.of(&report.result.summary)).collect();
                    show(metric, values.iter().sum::<f64>() / values.len().max(1) as f64, false)
                };
                let cell = format!("{} @ {}", mean(Metric::Accuracy), mean(Metric::LenAll));
                if index == row.own { format!("**{cell}**") } else { cell }
            });
            table.row(std::iter::once(markdown(&row.name)).chain(cells));
        }
        table
    }
}

impl Row {
    /// The cells of the table of differences; the first row is not compared with itself.
    fn compared(&self, is_other: bool, has_strengths: bool) -> Vec<Option<(Metric, Difference)>> {
        let of =
            |differences: &BTreeMap<Metric, Difference>, metric| Some((metric, *differences.get(&metric)?));
        let [accuracy, area] = [Metric::Accuracy, Metric::Auc];
        let mut cells = vec![of(&self.over_baseline, accuracy), of(&self.over_baseline, area)];
        cells.extend([accuracy, area].map(|metric| of(&self.over_first, metric).filter(|_| is_other)));
        if has_strengths {
            cells.push(self.at_length_of_first.filter(|_| is_other).map(|it| (accuracy, it)));
        }
        cells
    }
}

impl Point {
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
