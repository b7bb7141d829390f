//! Two programs that read what the other one writes.
//!
//! In: what each side writes, and its end. Out: what each side reads, a line at a time: a reader waits until
//! a whole line is there, so that what it reads does not depend on who is faster. Two that wait for each
//! other would wait for ever; they find the end of their inputs instead.
//!
//! `sandbox.rs` says how much of an output is kept, and no more comes here.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Ends what is passed on: U+0004, the end of a transmission.
const END: u8 = 4;
const LINE_END: u8 = b'\n';

/// One of the two ends of a conversation. Its side falls silent when it is dropped.
pub(crate) struct End {
    shared: Arc<Shared>,
    /// 0 or 1.
    side: usize,
}

#[derive(Default)]
struct Shared {
    lines: Mutex<[Inbox; 2]>,
    changed: Condvar,
}

/// What a side has to read.
#[derive(Default)]
struct Inbox {
    bytes: VecDeque<u8>,
    /// How many of them end a line: a long line that arrives in parts is not searched at each of them.
    line_ends: usize,
    /// Nothing will be added.
    is_closed: bool,
    /// The side waits for so many bytes, or a line.
    awaited: Option<usize>,
}

/// Both ends of a new conversation.
pub(crate) fn ends() -> [End; 2] {
    let shared = Arc::<Shared>::default();
    [0, 1].map(|side| End { shared: Arc::clone(&shared), side })
}

impl End {
    /// The rest of a line, or as much of it as `most` bytes; waits for it. Nothing at the end.
    pub(crate) fn read(&self, most: usize) -> Vec<u8> {
        let mut lines = self.lock();
        loop {
            let inbox = &mut lines[self.side];
            if inbox.is_readable(most) {
                return inbox.take(most);
            }
            if lines[1 - self.side].awaited.is_some() {
                // Nobody is left who could write.
                lines.iter_mut().for_each(Inbox::close);
                self.shared.changed.notify_all();
                continue;
            }
            lines[self.side].awaited = Some(most);
            lines = self.shared.changed.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Passes on what this side writes, up to the character that ends it.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let mut lines = self.lock();
        let inbox = &mut lines[1 - self.side];
        let end = bytes.iter().position(|byte| *byte == END);
        if !inbox.is_closed {
            inbox.add(&bytes[..end.unwrap_or(bytes.len())]);
        }
        if end.is_some() {
            inbox.close();
        }
        if inbox.awaited.is_some_and(|most| inbox.is_readable(most)) {
            inbox.awaited = None;
        }
        self.shared.changed.notify_all();
    }

    /// What breaks the conversation off: both sides find the end of their inputs, also one that waits.
    pub(crate) fn break_off(&self) -> impl FnOnce() + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || {
            shared.lock().iter_mut().for_each(Inbox::close);
            shared.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, [Inbox; 2]> {
        self.shared.lock()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, [Inbox; 2]> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.lock()[1 - self.side].close();
        self.shared.changed.notify_all();
    }
}

impl Inbox {
    /// Whether a reader need not wait.
    fn is_readable(&self, most: usize) -> bool {
        self.line_ends > 0 || self.bytes.len() >= most || self.is_closed
    }

    /// The rest of a line, or as much of it as `most` bytes.
    fn take(&mut self, most: usize) -> Vec<u8> {
        let line = self.bytes.iter().take(most).position(|byte| *byte == LINE_END);
        self.line_ends -= usize::from(line.is_some());
        let there = line.map_or(self.bytes.len().min(most), |at| at + 1);
        self.bytes.drain(..there).collect()
    }

    fn add(&mut self, bytes: &[u8]) {
        self.line_ends += bytes.iter().filter(|byte| **byte == LINE_END).count();
        self.bytes.extend(bytes);
    }

    fn close(&mut self) {
        self.is_closed = true;
        self.awaited = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_one_at_a_time() {
        let [one, other] = ends();
        one.write(b"ab");
        one.write(b"c\nde\nf");
        assert_eq!(
            (other.read(100), other.read(1), other.read(9)),
            (b"abc\n".into(), b"d".into(), b"e\n".into())
        );
        drop(one);
        assert_eq!((other.read(100), other.read(100)), (b"f".into(), vec![]));
    }

    #[test]
    fn a_reader_waits_and_two_that_wait_are_at_the_end() {
        let [one, other] = ends();
        std::thread::scope(|scope| {
            let echo = scope.spawn(move || {
                let mut heard = Vec::new();
                loop {
                    let line = other.read(100);
                    if line.is_empty() {
                        return heard;
                    }
                    other.write(&line);
                    heard.extend(line);
                }
            });
            for line in [&b"1\n"[..], b"2\n"] {
                one.write(line);
                assert_eq!(one.read(100), line);
            }
            one.write(b"rest");
            assert_eq!(one.read(100), b"");
            assert_eq!(echo.join().unwrap(), b"1\n2\nrest");
        });
    }

    #[test]
    fn one_that_is_broken_off_is_at_its_end_for_both() {
        let [one, other] = ends();
        let break_off = one.break_off();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| one.read(100));
            other.write(b"said");
            break_off();
            assert_eq!(waits.join().unwrap(), b"said");
        });
        assert_eq!((one.read(100), other.read(100)), (vec![], vec![]));
    }

    #[test]
    fn nothing_is_passed_on_after_the_end() {
        let [one, other] = ends();
        one.write(b"a\n\x04secret\n");
        one.write(b"secret\n");
        assert_eq!((other.read(100), other.read(100)), (b"a\n".into(), vec![]));
        // Only that direction has ended.
        other.write(b"b\n");
        assert_eq!(one.read(100), b"b\n");
    }
}
