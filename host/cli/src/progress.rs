//! Progress on standard error: on a terminal a bar with throughput and time left; elsewhere, as in a log
//! file, the same as a line every half minute. A line a stage says what came of it.

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use ts_pipeline::progress::Progress;

use crate::terminal::note;

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Shows progress on standard error.
#[derive(Default)]
pub(crate) struct Terminal {
    stage: Mutex<Option<Stage>>,
}

struct Stage {
    name: String,
    unit: &'static str,
    bar: ProgressBar,
    started: Instant,
    last_line: Instant,
    tokens: u64,
    /// Units that were there before this start.
    done_before: u64,
}

impl Stage {
    fn rate(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(1e-3);
        match self.tokens {
            0 => format!("{:.0} {}/s", (self.bar.position() - self.done_before) as f64 / seconds, self.unit),
            tokens => format!("{:.0} tokens/s", tokens as f64 / seconds),
        }
    }

    fn line(&self) -> String {
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let here = (done - self.done_before).max(1) as f64;
        let left = self.started.elapsed().mul_f64((total.saturating_sub(done)) as f64 / here);
        let (unit, rate, left) = (self.unit, self.rate(), HumanDuration(left));
        format!("{:>16}  {done}/{total} {unit}, {rate}, {left} left", self.name)
    }
}

impl Terminal {
    fn stage(&self) -> MutexGuard<'_, Option<Stage>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line, above the bar where there is one.
    pub(crate) fn print(&self, line: &str) {
        match self.stage().as_ref() {
            Some(stage) => stage.bar.suspend(|| note(line)),
            None => note(line),
        }
    }
}

impl Progress for Terminal {
    fn plan(&self, name: &str, plan: &str) {
        self.print(&format!("{name:>16}  {plan}"));
    }

    fn start(&self, name: &str, unit: &'static str, done: u64, total: u64) {
        let template = format!("{{prefix:>16}} [{{bar:30}}] {{pos}}/{{len}} {unit}, {{msg}}, {{eta}} left");
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
            .with_style(style.progress_chars("=> "))
            .with_prefix(name.to_owned());
        bar.set_position(done);
        bar.reset_eta();
        let now = Instant::now();
        let name = name.to_owned();
        *self.stage() =
            Some(Stage { name, unit, bar, started: now, last_line: now, tokens: 0, done_before: done });
    }

    fn advance(&self, units: u64, tokens: u64) {
        let mut stage = self.stage();
        let Some(stage) = stage.as_mut() else { return };
        stage.tokens += tokens;
        stage.bar.inc(units);
        stage.bar.set_message(stage.rate());
        if !std::io::stderr().is_terminal() && stage.last_line.elapsed() >= LINE_EVERY {
            stage.last_line = Instant::now();
            note(stage.line());
        }
    }

    fn finish(&self, summary: &str) {
        if let Some(stage) = self.stage().take() {
            stage.bar.finish_and_clear();
            let seconds = stage.started.elapsed().as_secs_f64();
            note(format_args!("{:>16}  {summary} ({seconds:.0} s)", stage.name));
        }
    }

    fn warn(&self, message: &str) {
        self.print(&format!("warning: {message}"));
    }
}
