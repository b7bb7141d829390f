//! What plugins log during a run, as lines that cannot be taken for ours, and no more of them than somebody
//! reads.
//!
//! In: messages. Out: the warnings and errors among them, `[plugin NAME] warn: …`, on one line each; of each
//! plugin the first [`LINES`], and at the end how many were left out. Messages for a plugin's author
//! (`debug`, `info`) are neither shown nor counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ts_plugin::{LogLevel, LogSink, Logged};

use crate::progress::Terminal;

/// Lines of one plugin that a run shows.
const LINES: u64 = 100;

/// Characters of one line that are shown.
const LINE_CHARACTERS: usize = 400;

/// What plugins have logged so far.
pub(crate) struct PluginLog {
    terminal: Arc<Terminal>,
    /// By plugin.
    counts: Mutex<BTreeMap<String, Count>>,
}

#[derive(Default)]
struct Count {
    shown: u64,
    left_out: u64,
}

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
        let message = ts_text::line(message).at_most(LINE_CHARACTERS);
        let is_last = if count.shown == LINES { " (the last that is shown)" } else { "" };
        Some(format!("[plugin {plugin}] {}: {message}{is_last}", logged.level().name()))
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

#[cfg(test)]
mod tests {
    use super::*;

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
