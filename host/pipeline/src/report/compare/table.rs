//! A comparison as Markdown: every point of every method, and what the methods have at the same length.

use std::fmt::Write;

use ts_core::metrics::{Metric, Summary};
use ts_text::markdown;

use super::{Compared, Curve, PointOfCurve, Tested};
use crate::report::table::Table;
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
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let over = match self.seeds.len() {
            1 => "problems alone: one training",
            _ => "problems and trainings, crossed",
        };
        let n_tested = self.methods.iter().map(|method| method.points.len()).sum::<usize>()
            + self.matched.iter().flatten().flatten().count();
        writeln!(
            out,
            "Seeds {}, {} held-out problems. The strength is {}; of `truncation`, which is the model before, stopped at a budget, it is the budget in \
             tokens. Changes are from the model before, accuracy in points; in brackets the 95 % interval over {over}. \\* differs from 0 after Holm's \
             correction over the {n_tested} changes in accuracy of trained methods and differences at the same length.\n",
            seeds.join(","),
            self.n_problems,
            markdown(&self.strength_is)
        )?;
        writeln!(out, "{}", self.points())?;
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

    fn points(&self) -> Table {
        let mut table =
            Table::new(&["", "strength", "Acc, %", "Len-A", "AUC, %", "Acc, change", "Len-A, change"]);
        let metrics = |summary: &Summary| {
            [Metric::Accuracy, Metric::LenAll, Metric::Auc].map(|metric| {
                metric.of(summary).map_or_else(|| "none".to_owned(), |it| show(metric, it, false))
            })
        };
        let mut line = |name: String, strength: String, summary: &Summary, changes: [String; 2]| {
            table.row([vec![name, strength], metrics(summary).to_vec(), changes.to_vec()].concat());
        };
        line("model before".to_owned(), String::new(), &self.baseline, Default::default());
        let mut curve = |Curve { name, points }: &Curve, every: usize| {
            for PointOfCurve { strength, summary, accuracy, length } in points.iter().step_by(every) {
                let length = show_interval(Metric::LenAll, &length.interval(), true);
                line(markdown(name), strength.to_string(), summary, [told(accuracy), length]);
            }
        };
        self.methods.iter().for_each(|method| curve(method, 1));
        // Half of the budgets; the plot has all.
        curve(&self.truncated, 2);
        table
    }

    fn at_lengths(&self) -> Option<Table> {
        let first = self.methods.first()?;
        let columns = first.points.iter().map(|point| {
            let length = show(Metric::LenAll, point.summary.len_all, false);
            format!("at {} ({length} tokens)", point.strength)
        });
        let header: Vec<String> = std::iter::once(String::new()).chain(columns).collect();
        let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
        let others = self.methods.iter().skip(1).chain([&self.truncated]);
        for (method, row) in others.zip(&self.matched) {
            let cells = row.iter().map(|cell| cell.as_ref().map_or_else(|| "none".to_owned(), told));
            table.row(std::iter::once(markdown(&method.name)).chain(cells));
        }
        Some(table)
    }
}

/// A difference in accuracy, marked if there is one.
fn told(tested: &Tested) -> String {
    let mark = if tested.p_corrected.is_some_and(|p| p < SIGNIFICANCE) { " \\*" } else { "" };
    format!("{}{mark}", show_interval(Metric::Accuracy, &tested.difference.interval(), true))
}
