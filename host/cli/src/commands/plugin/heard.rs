//! What a plugin says while its author looks: messages of its log, and what it wrote to standard output and standard error.
//!
//! In: messages of calls, from any thread. Out: lines, of a stretch of time that somebody asked for; at other times nothing is kept.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ts_plugin::{LogSink, Logged};

/// Lines that are kept at once.
const LINES: usize = 40;

/// Lines of one stretch, if one goes on.
#[derive(Clone, Default)]
pub(super) struct Heard(Arc<Mutex<Option<Lines>>>);

#[derive(Default)]
struct Lines {
    shown: Vec<String>,
    left_out: u64,
}

impl Heard {
    /// Where a plugin logs to.
    pub(super) fn sink(&self) -> LogSink {
        let heard = self.clone();
        Arc::new(move |_, logged| {
            if let Some(lines) = heard.lines().as_mut() {
                lines.add(logged);
            }
        })
    }

    /// What is said while `work` is done, a line each, each with its level.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<String>) {
        *self.lines() = Some(Lines::default());
        let done = work();
        let Lines { mut shown, left_out } = self.lines().take().unwrap_or_default();
        if left_out > 0 {
            shown.push(format!("… {left_out} more lines"));
        }
        (done, shown)
    }

    fn lines(&self) -> MutexGuard<'_, Option<Lines>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn add(&mut self, logged: Logged<'_>) {
        let level = logged.level().name();
        match logged {
            Logged::Message(_, message) if self.shown.len() < LINES => {
                self.shown.push(format!("{level}: {message}"))
            }
            Logged::Message(..) => self.left_out += 1,
            Logged::LeftOut(_, n) => self.left_out += n,
        }
    }
}

#[cfg(test)]
mod tests {
    use ts_plugin::LogLevel;

    use super::*;

    #[test]
    fn what_is_said_meanwhile_is_kept_and_bounded() {
        let heard = Heard::default();
        let sink = heard.sink();
        sink("p", Logged::Message(LogLevel::Error, "before"));
        let (done, lines) = heard.during(|| {
            sink("p", Logged::Message(LogLevel::Info, "hello"));
            sink("p", Logged::LeftOut(LogLevel::Warn, 3));
            7
        });
        assert_eq!((done, lines), (7, vec!["info: hello".to_owned(), "… 3 more lines".to_owned()]));
        let (_, lines) =
            heard.during(|| (0..100).for_each(|_| sink("p", Logged::Message(LogLevel::Warn, "w"))));
        assert_eq!((lines.len(), lines[LINES].as_str()), (LINES + 1, "… 60 more lines"));
        assert_eq!(heard.during(|| ()).1, Vec::<String>::new());
    }
}
