//! A comparison as Markdown: every point of every method, and what the methods have at the same length.

use std::fmt::Write;

use ts_core::metrics::{Metric, Summary};
use ts_text::markdown;

use super::{Compared, Curve, PointOfCurve, Tested};
use crate::report::table::{Cell, Table};
use crate::report::{SIGNIFICANCE, show, show_interval};

impl Compared {
    /// Two tables as Markdown, with what is in them.
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_markdown(&mut out);
        ts_text::page(out).to_string()
    }

    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}\n", markdown(&self.conditions()))?;
        writeln!(out, "{}", self.points_table())?;
        if let Some(table) = self.at_lengths() {
            let first = markdown(&self.methods[0].name);
            writeln!(
                out,
                "Accuracy − that of {first} at the Len-A of {first}, in points: on the line through a method's points and the model before, which \
                 asking one of two models at random reaches. `none`: the method is nowhere so short, or so long.\n\n{table}"
            )?;
        }
        Ok(())
    }

    /// What is in the tables. The strength's name is as it came.
    pub(in crate::report) fn conditions(&self) -> String {
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let over = match self.seeds.len() {
            1 => "problems alone: one training",
            _ => "problems and trainings, crossed",
        };
        let n_tested = self.methods.iter().map(|method| method.points.len()).sum::<usize>()
            + self.matched.iter().flatten().flatten().count();
        format!(
            "Seeds {}, {} held-out problems. The strength is {}; of truncation, which is the model before, stopped at a budget, it is the budget in \
             tokens. Changes are from the model before, accuracy in points; in brackets the 95 % interval over {over}. * differs from 0 after Holm's \
             correction over the {n_tested} changes in accuracy of trained methods and differences at the same length.",
            seeds.join(","),
            self.n_problems,
            self.strength_is
        )
    }

    pub(in crate::report) fn points_table(&self) -> Table {
        let mut table =
            Table::new(&["", "strength", "Acc, %", "Len-A", "AUC, %", "Acc, change", "Len-A, change"]);
        let metrics = |summary: &Summary| {
            [Metric::Accuracy, Metric::LenAll, Metric::Auc].map(|metric| {
                metric.of(summary).map_or_else(|| "none".to_owned(), |it| show(metric, it, false))
            })
        };
        let mut line = |name: Cell, strength: String, summary: &Summary, changes: [Cell; 2]| {
            table.row(
                [name, strength.into()].into_iter().chain(metrics(summary).map(Cell::from)).chain(changes),
            );
        };
        let empty = || Cell::from(String::new());
        line("model before".to_owned().into(), String::new(), &self.baseline, [empty(), empty()]);
        let mut curve = |Curve { name, points }: &Curve, every: usize| {
            for PointOfCurve { strength, summary, accuracy, length } in points.iter().step_by(every) {
                let length = show_interval(Metric::LenAll, &length.interval(), true);
                line(Cell::outside(name), strength.to_string(), summary, [told(accuracy), length.into()]);
            }
        };
        self.methods.iter().for_each(|method| curve(method, 1));
        // Half of the budgets; the plot has all.
        curve(&self.truncated, 2);
        table
    }

    pub(in crate::report) fn at_lengths(&self) -> Option<Table> {
        let first = self.methods.first()?;
        let columns = first.points.iter().map(|point| {
            let length = show(Metric::LenAll, point.summary.len_all, false);
            format!("at {} ({length} tokens)", point.strength)
        });
        let header: Vec<String> = std::iter::once(String::new()).chain(columns).collect();
        let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
        let others = self.methods.iter().skip(1).chain([&self.truncated]);
        for (method, row) in others.zip(&self.matched) {
            let cells = row.iter().map(|cell| cell.as_ref().map_or_else(|| "none".to_owned().into(), told));
            table.row(std::iter::once(Cell::outside(&method.name)).chain(cells));
        }
        Some(table)
    }
}

/// A difference in accuracy, marked if there is one.
fn told(tested: &Tested) -> Cell {
    let shown = show_interval(Metric::Accuracy, &tested.difference.interval(), true);
    if tested.p_corrected.is_some_and(|p| p < SIGNIFICANCE) { Cell::Marked(shown) } else { Cell::Ours(shown) }
}
