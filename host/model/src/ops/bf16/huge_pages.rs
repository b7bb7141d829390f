//! Memory in pages of 2 MiB, for what is read from end to end at every token.
//!
//! A processor that reads in order looks up a page every 4 KiB otherwise, and fetches nothing ahead across its end: a row of a
//! product, which reads every weight once, takes a third more time so. Linux gives such pages to memory that asks for them before it is
//! written.

use std::mem::MaybeUninit;

/// Less than this is not worth a call to the system.
const LEAST_BYTES: usize = 128 << 10;

/// Asks that `room`, which was not written yet, lie in huge pages, with what shares these. The system may refuse.
#[cfg(target_os = "linux")]
pub(super) fn advise<T>(room: &mut [MaybeUninit<T>]) {
    const HUGE_PAGE: usize = 2 << 20;
    if size_of_val(room) < LEAST_BYTES {
        return;
    }
    let start = room.as_ptr().addr() / HUGE_PAGE * HUGE_PAGE;
    let end = (room.as_ptr().addr() + size_of_val(room)).next_multiple_of(HUGE_PAGE);
    let first = room.as_mut_ptr().with_addr(start).cast();
    // SAFETY: the advice changes no memory's contents, and the kernel refuses what is not mapped.
    let _ = unsafe { rustix::mm::madvise(first, end - start, rustix::mm::Advice::LinuxHugepage) };
}

/// Other systems decide by themselves.
#[cfg(not(target_os = "linux"))]
pub(super) fn advise<T>(_: &mut [MaybeUninit<T>]) {}
