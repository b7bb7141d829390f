//! Ctrl-C, or a request of the system to end, while a run goes on: the run says that nothing is lost, and ends as it was told to.
//!
//! Records are on the disk as soon as they are made, so there is nothing to save here: a run may be killed at any moment
//! (`ts_run`). That is what a person who stops one should hear.

use std::path::Path;

use anyhow::Result;

/// From now on an interruption says that the work in `folder` goes on with the same command.
///
/// # Errors
/// The system gives no thread.
#[cfg(unix)]
pub(crate) fn say_how_to_go_on(folder: &Path) -> Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::low_level::emulate_default_handler;

    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let line = format!("stopped; the same command goes on where this ended, in {}", folder.display());
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            crate::terminal::note(&line);
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

/// As on Unix; here the system ends the program without a word.
#[cfg(not(unix))]
pub(crate) fn say_how_to_go_on(_: &Path) -> Result<()> {
    Ok(())
}
