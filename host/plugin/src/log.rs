//! What plugins say: the `log` import.
//!
//! In: messages from a guest during a call. Out: after the call, each message that fits in
//! `log_bytes_per_call` is handed to the caller's [`LogSink`], cleaned of control characters.
//!
//! Left out on purpose: printing. This crate never does.

use std::sync::Arc;

use crate::bindings::ts_host::plugin::log as wit;
use crate::text;

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the plugin's author.
    Debug,
    /// For the curious.
    Info,
    /// Something looks wrong, and the answer stands all the same.
    Warn,
    /// Something is wrong.
    Error,
}

/// Takes a plugin's name, a level and a message. Called on the thread of the call, after it and
/// before its turn ends, so it must not call a plugin.
pub type LogSink = Arc<dyn Fn(&str, LogLevel, &str) + Send + Sync>;

/// The messages of the call in progress.
#[derive(Debug)]
pub(crate) struct LogBuffer {
    capacity: usize,
    used: usize,
    full: bool,
    messages: Vec<(LogLevel, String)>,
}

/// What every message costs beside its text, so that empty ones do not come free.
const BYTES_PER_MESSAGE: usize = 32;

impl LogBuffer {
    /// A buffer that keeps `capacity` bytes per call.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, used: 0, full: false, messages: Vec::new() }
    }

    /// Forgets the messages of the call before.
    pub(crate) fn start_call(&mut self) {
        self.used = 0;
        self.full = false;
        self.messages.clear();
    }

    fn push(&mut self, level: LogLevel, message: &str) {
        if self.full {
            return;
        }
        let room = self.capacity.saturating_sub(self.used).saturating_sub(BYTES_PER_MESSAGE);
        self.full = message.len() > room;
        self.used += message.len() + BYTES_PER_MESSAGE;
        if room > 0 {
            self.messages.push((level, text::clean(message, room)));
        }
    }

    /// The last message of level [`LogLevel::Error`]: a panic hook leaves its text there.
    pub(crate) fn last_error(&self) -> Option<&str> {
        self.messages
            .iter()
            .rev()
            .find(|(level, _)| *level == LogLevel::Error)
            .map(|(_, message)| message.as_str())
    }

    /// Hands the call's messages to the sink, in order.
    pub(crate) fn deliver(&mut self, plugin: &str, sink: Option<&LogSink>) {
        for (level, message) in self.messages.drain(..) {
            if let Some(sink) = sink {
                sink(plugin, level, &message);
            }
        }
    }
}

impl wit::Host for LogBuffer {
    fn log(&mut self, level: wit::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            wit::Level::Debug => LogLevel::Debug,
            wit::Level::Info => LogLevel::Info,
            wit::Level::Warn => LogLevel::Warn,
            wit::Level::Error => LogLevel::Error,
        };
        self.push(level, &message);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_keeps_what_fits_and_marks_the_cut() {
        let mut log = LogBuffer::new(2 * BYTES_PER_MESSAGE + 8);
        log.push(LogLevel::Error, "first");
        log.push(LogLevel::Info, "second"); // room for 3 bytes
        log.push(LogLevel::Info, "third");
        assert_eq!(log.last_error(), Some("first"));
        let texts: Vec<_> = log.messages.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["first", "sec …"]);
        log.start_call();
        assert_eq!(log.last_error(), None);
    }
}
