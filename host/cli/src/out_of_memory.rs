//! Where the system gives no more memory: one message and an exit code of its own, instead of a signal.
//!
//! [`Allocator`] is mimalloc, with another end. Where not even a small request can be served, nothing can go on: the process ends at
//! once. Who asked for much may have another way; if not, Rust aborts the process, and [`end_in_order`] sees to it that this abort,
//! and no other, ends in the same way. What a run's folder has is whole, because records are sealed one by one.
//!
//! wasmtime panics where a thread cannot have a stack for signals: [`end_if_said`] recognises that too.
//!
//! Nothing here takes memory or a lock: the request that failed may have been made anywhere.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering};

use mimalloc::MiMalloc;

/// The exit code of a command that ended for want of memory.
pub(crate) const EXIT_CODE: u8 = 4;

/// mimalloc, which remembers what it could not give. (Page faults cost 1.4 times as much with the system's allocator.)
pub(crate) struct Allocator;

/// Has mimalloc keep what is freed for the next request, instead of giving it back to the system after 10 ms: a step of training takes
/// and frees gigabytes, and has every page of them made and cleared again. (A step of a 135 M model took 1.5 times as long.)
/// `MIMALLOC_PURGE_DELAY` in the environment counts for more.
pub(crate) fn keep_freed_memory() {
    /// `mi_option_purge_delay` in mimalloc.h; -1 is never.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: options may be set by one thread, which is all that there is at the start of `main`.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, -1) };
}

/// Bytes of the last request that was not served; 0 if all were.
static REFUSED: AtomicUsize = AtomicUsize::new(0);

/// A request of fewer bytes is small.
#[cfg(unix)]
const MUCH: usize = 1 << 20;

#[inline]
fn served(pointer: *mut u8, bytes: usize) -> *mut u8 {
    if pointer.is_null() {
        refused(bytes);
    }
    pointer
}

#[cold]
fn refused(bytes: usize) {
    REFUSED.store(bytes.max(1), Ordering::Relaxed);
    #[cfg(unix)]
    if bytes < MUCH {
        end(bytes);
    }
}

/// Says what happened and ends the process.
#[cfg(unix)]
fn end(bytes: usize) -> ! {
    let message = message(bytes);
    let text = message.text();
    // SAFETY: `text` is as long as it says, and both functions may be called in a handler of a signal.
    unsafe {
        let _ = libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len());
        libc::_exit(EXIT_CODE.into());
    }
}

// SAFETY: every call goes to mimalloc as it came, and its answer back as it is.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that mimalloc asks for.
        served(unsafe { MiMalloc.alloc(layout) }, layout.size())
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        served(unsafe { MiMalloc.alloc_zeroed(layout) }, layout.size())
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        served(unsafe { MiMalloc.realloc(pointer, layout, new_size) }, new_size)
    }
}

/// From now on, an abort for want of memory ends with a message and [`EXIT_CODE`].
#[cfg(unix)]
pub(crate) fn end_in_order() {
    extern "C" fn on_abort(_: libc::c_int) {
        match REFUSED.load(Ordering::Relaxed) {
            0 => {} // another abort, which goes on as it would have
            bytes => end(bytes),
        }
    }
    // SAFETY: an empty set of signals and no flag is what zeros mean, and the handler calls nothing that a handler must not.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_abort as extern "C" fn(libc::c_int) as libc::sighandler_t;
        libc::sigaction(libc::SIGABRT, &action, std::ptr::null_mut());
    }
}

/// Ends the process in the same way if a panic, whose text this is, says that the system gave no memory.
pub(crate) fn end_if_said(panic: &str) {
    // The kind of an `std::io::Error`, as Rust shows it.
    #[cfg(unix)]
    if panic.contains("kind: OutOfMemory") {
        end(REFUSED.load(Ordering::Relaxed));
    }
    #[cfg(not(unix))]
    let _ = panic;
}

/// Elsewhere an abort ends as it does.
#[cfg(not(unix))]
pub(crate) fn end_in_order() {}

/// A text in a place of its own, which takes no memory; what is longer is cut off.
struct Message {
    bytes: [u8; 512],
    length: usize,
}

impl Message {
    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl std::fmt::Write for Message {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = &mut self.bytes[self.length..];
        let n = text.len().min(room.len());
        room[..n].copy_from_slice(&text.as_bytes()[..n]);
        self.length += n;
        Ok(())
    }
}

fn message(bytes: usize) -> Message {
    let mut message = Message { bytes: [0; 512], length: 0 };
    let more = if bytes > 0 { format_args!("{bytes} bytes more") } else { format_args!("more") };
    let _ = std::fmt::Write::write_fmt(
        &mut message,
        format_args!(
            "error: out of memory: the system did not give {more}\n\
             hint: what a run's folder has is whole, and the same command goes on from it; it takes less memory with fewer \
             workers (run.workers), rows (sample.max_batch_rows, eval.max_batch_rows) or tokens at once \
             (train.micro_batch_tokens, train.activation_checkpointing)\n"
        ),
    );
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_room() {
        let message = message(usize::MAX);
        let text = std::str::from_utf8(message.text()).unwrap();
        assert!(
            text.contains("did not give 18446744073709551615 bytes more") && text.ends_with(")\n"),
            "{text}"
        );
    }

    #[test]
    fn a_request_that_is_refused_can_be_answered_otherwise() {
        let mut bytes: Vec<u8> = Vec::new();
        assert!(bytes.try_reserve_exact(isize::MAX as usize).is_err());
    }
}
