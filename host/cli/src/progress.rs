//! Progress on standard error: on a terminal a bar with throughput and time left; elsewhere, as in a log
//! file, the same as a line every half minute. A line a stage says what came of it.

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
    last_line: Instant,
    started: Instant,
    pace: Pace,
}

/// How fast a stage goes, and how long it will. Loading a model is no part of it: the clock starts with the first report.
struct Pace {
    /// When the first report came; what it reported is not counted.
    since: Option<Instant>,
    /// Units that are done since, and tokens of these.
    units: u64,
    tokens: u64,
    /// Tokens drawn since, those of units that are not done among them; 0 where nobody tells.
    drawn: u64,
    left: u64,
}

impl Pace {
    fn new(left: u64) -> Self {
        Self { since: None, units: 0, tokens: 0, drawn: 0, left }
    }

    /// Counts a report, at the time `now`.
    fn count(&mut self, units: u64, tokens: u64, drawn: u64, now: Instant) {
        self.left = self.left.saturating_sub(units);
        if self.since.is_none() {
            self.since = Some(now);
            return;
        }
        self.units += units;
        self.tokens += tokens;
        self.drawn += drawn;
    }

    /// Tokens or units a second, in words; nothing before there is anything to say.
    fn rate(&self, unit: &str, now: Instant) -> Option<String> {
        let seconds = now.duration_since(self.since?).as_secs_f64();
        let (count, what) = match self.drawn.max(self.tokens) {
            0 => (self.units, unit),
            tokens => (tokens, "tokens"),
        };
        (count > 0 && seconds > 0.0).then(|| match count as f64 / seconds {
            slow if slow < 10.0 => format!("{slow:.2} {what}/s"),
            rate => format!("{rate:.0} {what}/s"),
        })
    }

    /// The time that is left, by the tokens of units that are done; by their time where no tokens are drawn.
    fn time_left(&self, now: Instant) -> Option<Duration> {
        let elapsed = now.duration_since(self.since?);
        let units = self.units.max(1) as f64;
        let share = match (self.units, self.drawn) {
            (0, _) => return None,
            (_, 0) => self.left as f64 / units,
            (_, drawn) => {
                // Of the units that are left, those under way have some of their tokens already.
                let under_way = drawn.saturating_sub(self.tokens) as f64;
                (self.tokens as f64 / units * self.left as f64 - under_way).max(0.0) / drawn as f64
            }
        };
        Duration::try_from_secs_f64(elapsed.as_secs_f64() * share).ok()
    }
}

impl Stage {
    /// What there is to say behind the number of units that are done.
    fn told(&self) -> String {
        let now = Instant::now();
        let left = self.pace.time_left(now).map(|left| format!("{} left", HumanDuration(left)));
        let parts: Vec<String> = self.pace.rate(self.unit, now).into_iter().chain(left).collect();
        parts.into_iter().map(|part| format!(", {part}")).collect()
    }

    fn line(&self) -> String {
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
        format!("{:>16}  {done}/{total} {}{}", self.name, self.unit, self.told())
    }
}

impl Terminal {
    fn stage(&self) -> MutexGuard<'_, Option<Stage>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a report of the stage, and shows where it stands.
    fn count(&self, units: u64, tokens: u64, drawn: u64) {
        let mut stage = self.stage();
        let Some(stage) = stage.as_mut() else { return };
        stage.pace.count(units, tokens, drawn, Instant::now());
        stage.bar.inc(units);
        if stage.bar.is_hidden() {
            if stage.last_line.elapsed() >= LINE_EVERY {
                stage.last_line = Instant::now();
                note(stage.line());
            }
        } else {
            stage.bar.set_message(stage.told());
        }
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
    fn begin(&self, name: &str, number: usize, total: usize) {
        self.print(&format!("run {number} of {total}: {name}"));
    }

    fn plan(&self, name: &str, plan: &str) {
        self.print(&format!("{name:>16}  {plan}"));
    }

    fn start(&self, name: &str, unit: &'static str, done: u64, total: u64) {
        let template = format!("{{prefix:>16}} [{{bar:30}}] {{pos}}/{{len}} {unit}{{msg}}");
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
            .with_style(style.progress_chars("=> "))
            .with_prefix(name.to_owned());
        bar.set_position(done);
        let now = Instant::now();
        let (name, pace) = (name.to_owned(), Pace::new(total.saturating_sub(done)));
        *self.stage() = Some(Stage { name, unit, bar, started: now, last_line: now, pace });
    }

    fn draw(&self, tokens: u64) {
        self.count(0, 0, tokens);
    }

    fn advance(&self, units: u64, tokens: u64) {
        self.count(units, tokens, 0);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A pace at so many seconds after its first report.
    fn after(seconds: f64, pace: &mut Pace) -> Instant {
        let begin = Instant::now();
        pace.count(0, 0, 1, begin);
        begin + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn nothing_is_said_before_there_is_something_to_say() {
        let mut pace = Pace::new(2);
        let now = after(0.0, &mut pace);
        assert_eq!((pace.rate("responses", now), pace.time_left(now)), (None, None));
        let mut pace = Pace::new(2);
        let now = after(5.0, &mut pace);
        assert_eq!((pace.rate("responses", now), pace.time_left(now)), (None, None));
    }

    #[test]
    fn tokens_of_responses_that_go_on_count_for_the_rate_and_for_the_time_that_is_left() {
        let mut pace = Pace::new(100);
        let now = after(10.0, &mut pace);
        pace.count(0, 0, 1000, now);
        assert_eq!(pace.rate("responses", now).as_deref(), Some("100 tokens/s"));
        assert_eq!(pace.time_left(now), None);
        // Four responses of 50 tokens are done; of the 96 others, 4800 tokens, 800 are there: 4000 at 100 a second.
        pace.count(4, 200, 0, now);
        assert_eq!(pace.rate("responses", now).as_deref(), Some("100 tokens/s"));
        assert_eq!(pace.time_left(now), Some(Duration::from_secs(40)));
    }

    #[test]
    fn units_without_tokens_are_counted_themselves() {
        let mut pace = Pace::new(30);
        let now = after(2.0, &mut pace);
        pace.count(10, 0, 0, now);
        assert_eq!(pace.rate("steps", now).as_deref(), Some("5.00 steps/s"));
        assert_eq!(pace.time_left(now), Some(Duration::from_secs(4)));
    }
}
