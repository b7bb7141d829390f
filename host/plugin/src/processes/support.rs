//! Which process this is: one that was started for a piece of work, or the program that people start.

use crate::load::compiler;
use crate::processes::{serve, this_program, workers};

/// Lets hosts of this program compile plugins, and run other programs, in processes of their own: this
/// program, started again. To be called first in `main`. In such a process it does the work that the process
/// was started for, and returns what came of it: then `main` is to end, with a status of failure for an
/// error. In every other process it returns `None` at once.
///
/// A program that never calls it does all in one process: then a plugin is still counted before it is
/// compiled, but compiling it may take any memory.
#[must_use = "a process that has done its work is to end"]
pub fn support_processes() -> Option<std::io::Result<()>> {
    let mut arguments = std::env::args_os().skip(1);
    let only = arguments.next().filter(|_| arguments.next().is_none());
    let only = only.as_deref().and_then(|argument| argument.to_str());
    if only == Some(compiler::ARGUMENT) {
        return Some(compiler::serve());
    }
    this_program::allow();
    (only == Some(workers::ARGUMENT)).then(serve::serve)
}
