//! A `getrandom` that gives the same bytes on every call, put before the system's while a runner is built on Linux.
//!
//! Python draws the order of its sets once, when it starts, which for a runner is when it is built; componentize-py passes
//! on no way to say what it draws. With this, sets have one order in every build.
//!
//! In: a buffer. Out: the buffer, filled. Left out on purpose: everything else; this is compiled by itself, as a library of
//! C's kind, and is no part of the program.

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut u8, bytes: usize, _flags: u32) -> isize {
    for index in 0..bytes {
        // SAFETY: the caller gives a buffer of so many bytes.
        unsafe { buffer.add(index).write((index as u8).wrapping_mul(37).wrapping_add(11)) };
    }
    bytes as isize
}
