//! This program, started again for a piece of work under limits of memory and of processor time.
//!
//! What comes from outside can make a library ask for any memory, or fault. Work on it is done in another process, which the system
//! ends at a limit: whoever started it hears that it ended, and goes on.
//!
//! In: an argument that says what work it is. Out: the file of this program, and limits for the process that does the work. A
//! program says that it does such work by calling [`allow`] first in `main`; one that never does has [`program`] give `None`.
//! Limits are laid on Linux alone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Lets this program be started again.
pub fn allow() {
    // On Linux this is the running program, even if another one has taken the place of its file.
    let running = PathBuf::from("/proc/self/exe");
    let program = if running.exists() { Ok(running) } else { std::env::current_exe() };
    if let Ok(program) = program {
        // A second call changes nothing.
        let _ = PROGRAM.set(program);
    }
}

/// Its file, if it can be started again.
pub fn program() -> Option<&'static Path> {
    PROGRAM.get().map(PathBuf::as_path)
}

/// The arguments after `argument`, if this process was started with it first, and with `n` more.
pub fn started_with(argument: &str, n: usize) -> Option<Vec<OsString>> {
    let mut arguments = std::env::args_os().skip(1);
    arguments.next().filter(|first| first == argument)?;
    let rest: Vec<OsString> = arguments.take(n + 1).collect();
    (rest.len() == n).then_some(rest)
}

/// Limits this process to so many bytes of address space beyond what it has now, and has it leave no core.
///
/// # Errors
/// Those of the system.
#[cfg(target_os = "linux")]
pub fn limit_memory(bytes: u64) -> std::io::Result<()> {
    use rustix::process::Resource;
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or(0);
    let mapped = pages.saturating_mul(rustix::param::page_size() as u64);
    set_limit(Resource::Core, 0)?;
    set_limit(Resource::As, mapped.saturating_add(bytes))
}

/// Limits this process to so many seconds of processor time from now on.
///
/// # Errors
/// Those of the system.
#[cfg(target_os = "linux")]
pub fn limit_time(seconds: u64) -> std::io::Result<()> {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let used = u64::try_from(used.tv_sec).unwrap_or(0);
    set_limit(rustix::process::Resource::Cpu, used + 1 + seconds)
}

/// Sets the soft limit, and leaves the hard one, so that it can be raised again.
#[cfg(target_os = "linux")]
fn set_limit(resource: rustix::process::Resource, value: u64) -> std::io::Result<()> {
    use rustix::process::{Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(resource).maximum;
    let current = Some(value.min(maximum.unwrap_or(u64::MAX)));
    Ok(setrlimit(resource, Rlimit { current, maximum })?)
}

/// Limits nothing on this system.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn limit_memory(_: u64) -> std::io::Result<()> {
    Ok(())
}

/// Limits nothing on this system.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn limit_time(_: u64) -> std::io::Result<()> {
    Ok(())
}
