//! What plugins log during a run or while they are served, as lines that cannot be taken for ours, and no more of them than somebody
//! reads.
//!
//! In: messages. Out: a line each, `[plugin NAME] warn: …`. A run ([`PluginLog`]) shows the warnings and errors, of each plugin the first
//! [`LINES`], and at the end how many were left out; messages for a plugin's author (`debug`, `info`) are neither shown nor counted. A
//! service ([`ServiceLog`]), which has no end, shows every message, [`LINES`] of them in each [`WINDOW`].

#[cfg(feature = "training")]
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[cfg(feature = "training")]
use ts_plugin::LogLevel;
use ts_plugin::{LogSink, Logged};

#[cfg(feature = "training")]
use crate::progress::Terminal;
use crate::terminal::note;

/// Lines of one plugin that a run shows, and that a service shows in a window.
const LINES: u64 = 100;

/// The time in which a service shows so many lines.
const WINDOW: Duration = Duration::from_secs(10);

/// Characters of one line that are shown.
const LINE_CHARACTERS: usize = 400;

/// A message as a line.
fn line(plugin: &str, logged: Logged<'_>, message: &str) -> String {
    let message = ts_text::line(message).at_most(LINE_CHARACTERS);
    format!("[plugin {plugin}] {}: {message}", logged.level().name())
}

/// What plugins have logged so far.
#[cfg(feature = "training")]
pub(crate) struct PluginLog {
    terminal: Arc<Terminal>,
    /// By plugin.
    counts: Mutex<BTreeMap<String, Count>>,
}

#[cfg(feature = "training")]
#[derive(Default)]
struct Count {
    shown: u64,
    left_out: u64,
}

#[cfg(feature = "training")]
impl PluginLog {
    /// A log that shows its lines here.
    pub(crate) fn new(terminal: &Arc<Terminal>) -> Arc<Self> {
        Arc::new(Self { terminal: Arc::clone(terminal), counts: Mutex::default() })
    }

    /// Where plugins log to.
    pub(crate) fn sink(self: &Arc<Self>) -> LogSink {
        let log = Arc::clone(self);
        Arc::new(move |plugin, logged| {
            if let Some(line) = log.line(plugin, logged) {
                log.terminal.print(&line);
            }
        })
    }

    /// The line for a message, if it is shown.
    fn line(&self, plugin: &str, logged: Logged<'_>) -> Option<String> {
        if logged.level() < LogLevel::Warn {
            return None;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(plugin.to_owned()).or_default();
        let message = match logged {
            Logged::Message(_, message) if count.shown < LINES => message,
            Logged::Message(..) => {
                count.left_out += 1;
                return None;
            }
            Logged::LeftOut(_, n) => {
                count.left_out += n;
                return None;
            }
        };
        count.shown += 1;
        let is_last = if count.shown == LINES { " (the last that is shown)" } else { "" };
        Some(line(plugin, logged, message) + is_last)
    }

    /// Says how many lines were left out, plugin by plugin.
    pub(crate) fn close(&self) {
        for (plugin, Count { left_out, .. }) in
            std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner))
        {
            if left_out > 0 {
                self.terminal.print(&format!("[plugin {plugin}] … {left_out} more lines were left out"));
            }
        }
    }
}

/// What a plugin that is served says.
pub(crate) struct ServiceLog(Mutex<Window>);

/// A stretch of time.
struct Window {
    began: Instant,
    shown: u64,
    left_out: u64,
}

impl Window {
    fn new(now: Instant) -> Self {
        Self { began: now, shown: 0, left_out: 0 }
    }

    /// How many lines were left out of it, as a line.
    fn close(&self, plugin: &str) -> Option<String> {
        (self.left_out > 0).then(|| format!("[plugin {plugin}] … {} more lines were left out", self.left_out))
    }
}

impl ServiceLog {
    /// Where a plugin logs to.
    pub(crate) fn sink() -> LogSink {
        let log = Self(Mutex::new(Window::new(Instant::now())));
        Arc::new(move |plugin, logged| log.lines(plugin, logged, Instant::now()).iter().for_each(note))
    }

    /// The lines for a message at a time: how many an earlier window left out, and itself.
    fn lines(&self, plugin: &str, logged: Logged<'_>, now: Instant) -> Vec<String> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        if now.saturating_duration_since(window.began) >= WINDOW {
            lines.extend(window.close(plugin));
            *window = Window::new(now);
        }
        match logged {
            Logged::Message(_, message) if window.shown < LINES => {
                window.shown += 1;
                lines.push(line(plugin, logged, message));
            }
            Logged::Message(..) => window.left_out += 1,
            Logged::LeftOut(_, n) => window.left_out += n,
        }
        lines
    }
}

#[cfg(all(test, feature = "training"))]
mod tests {
    use super::*;

    #[test]
    fn a_service_shows_so_many_lines_in_a_window_and_says_how_many_it_left_out() {
        let now = Instant::now();
        let log = ServiceLog(Mutex::new(Window::new(now)));
        let say = |message, at| log.lines("p", Logged::Message(LogLevel::Debug, message), at);
        assert_eq!(say("a\nb\u{1b}", now), [r"[plugin p] debug: a\nb\u{1b}"]);
        let shown = (0..150).map(|_| say("more", now).len()).sum::<usize>();
        assert_eq!(shown, 99);
        assert_eq!(log.lines("p", Logged::LeftOut(LogLevel::Info, 7), now), [""; 0]);
        let later = say("later", now + WINDOW);
        assert_eq!(later, ["[plugin p] … 58 more lines were left out", "[plugin p] debug: later"]);
        assert_eq!(say("and on", now + 2 * WINDOW), ["[plugin p] debug: and on"]);
    }

    #[test]
    fn a_message_is_one_line_that_says_whose_it_is() {
        let log = PluginLog::new(&Arc::default());
        let hostile = "\n           grade  6272 graded, 100.0 % correct\u{1b}[2K\u{202e}";
        assert_eq!(
            log.line("p", Logged::Message(LogLevel::Warn, hostile)).unwrap(),
            r"[plugin p] warn: \n           grade  6272 graded, 100.0 % correct\u{1b}[2K\u{202e}"
        );
        assert_eq!(log.line("p", Logged::Message(LogLevel::Info, "hello")), None);
    }

    #[test]
    fn lines_over_the_bound_are_counted() {
        let log = PluginLog::new(&Arc::default());
        let said = |plugin| {
            (0..1000).filter_map(|_| log.line(plugin, Logged::Message(LogLevel::Error, "e"))).count()
        };
        assert_eq!((said("a"), said("b")), (100, 100));
        assert_eq!(log.line("a", Logged::LeftOut(LogLevel::Warn, 7)), None);
        assert_eq!(log.line("a", Logged::LeftOut(LogLevel::Debug, 7)), None);
        let counts = log.counts.lock().unwrap();
        assert_eq!((counts["a"].left_out, counts["b"].left_out), (907, 900));
    }
}
