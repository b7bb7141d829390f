//! What plugins say.
//!
//! In: messages from a guest during a call (`imports/log.rs`). Out: after the call, each message that fits in
//! `log_kib` is handed to the caller's [`LogSink`], cleaned of what nobody sees; and how many
//! had no room.
//!
//! This crate never prints.

use std::collections::BTreeMap;
use std::sync::Arc;

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

impl LogLevel {
    /// Its name, as lines of a log have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// What a plugin logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged<'a> {
    /// A message.
    Message(LogLevel, &'a str),
    /// So many messages of one call that had no room.
    LeftOut(LogLevel, u64),
}

impl Logged<'_> {
    /// How much it matters.
    pub fn level(&self) -> LogLevel {
        match self {
            Self::Message(level, _) | Self::LeftOut(level, _) => *level,
        }
    }
}

/// Takes a plugin's name and what it logged. Called on the thread of the call, after it and
/// before its turn ends, so it must not call a plugin.
pub type LogSink = Arc<dyn Fn(&str, Logged<'_>) + Send + Sync>;

/// The messages of the call in progress.
#[derive(Debug)]
pub(crate) struct LogBuffer {
    capacity: usize,
    used: usize,
    full: bool,
    messages: Vec<(LogLevel, String)>,
    /// Messages without room, by level.
    left_out: BTreeMap<LogLevel, u64>,
}

/// What every message costs beside its text, so that empty ones do not come free.
const BYTES_PER_MESSAGE: usize = 32;

impl LogBuffer {
    /// A buffer that keeps `capacity` bytes per call.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, used: 0, full: false, messages: Vec::new(), left_out: BTreeMap::new() }
    }

    /// Bytes that it keeps per call.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Forgets the messages of the call before.
    pub(crate) fn start_call(&mut self) {
        self.used = 0;
        self.full = false;
        self.messages.clear();
        self.left_out.clear();
    }

    /// Keeps a message, as far as there is room.
    pub(crate) fn push(&mut self, level: LogLevel, message: &str) {
        if self.full {
            *self.left_out.entry(level).or_default() += 1;
            return;
        }
        let room = self.capacity.saturating_sub(self.used).saturating_sub(BYTES_PER_MESSAGE);
        self.full = message.len() > room;
        self.used += message.len() + BYTES_PER_MESSAGE;
        match room {
            0 => *self.left_out.entry(level).or_default() += 1,
            _ => self.messages.push((level, text::clean(message, room))),
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

    /// Hands the call's messages to the sink, in order, and then how many had no room.
    pub(crate) fn deliver(&mut self, plugin: &str, sink: Option<&LogSink>) {
        let (messages, left_out) = (std::mem::take(&mut self.messages), std::mem::take(&mut self.left_out));
        let Some(sink) = sink else { return };
        for (level, message) in messages {
            sink(plugin, Logged::Message(level, &message));
        }
        for (level, count) in left_out {
            sink(plugin, Logged::LeftOut(level, count));
        }
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
        assert_eq!(log.left_out, BTreeMap::from([(LogLevel::Info, 1)]));
        log.start_call();
        assert_eq!(log.last_error(), None);
    }
}
