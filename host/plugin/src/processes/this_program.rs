//! The program that is started again for work in a process of its own: this one.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// This program, if it can be started again.
static FILE: OnceLock<PathBuf> = OnceLock::new();

/// Lets this program be started again.
pub(crate) fn allow() {
    // On Linux this is the running program, even if another one has taken the place of its file.
    let running = PathBuf::from("/proc/self/exe");
    let program = if running.exists() { Ok(running) } else { std::env::current_exe() };
    if let Ok(program) = program {
        // A second call changes nothing.
        let _ = FILE.set(program);
    }
}

/// Its file, if it can be started again: see [`crate::support_processes`].
pub(crate) fn file() -> Option<&'static Path> {
    FILE.get().map(PathBuf::as_path)
}
