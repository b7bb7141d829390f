//! What the host keeps for one instance while it lives.
//!
//! In: what the instance is given as it starts, then the calls that it makes of the host. Out: the [`State`]
//! in its store, which the host's functions find there.

use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::call::cancel::Cancel;
use crate::call::deadline::Deadline;
use crate::limits::{Limiter, Limits};
use crate::log::{LogBuffer, LogLevel, LogSink};
use crate::programs::access::Programs;
use crate::programs::sandbox::{HasSandbox, Sandbox};

/// Lines of what a guest wrote before it trapped that its error repeats.
const MOST_LINES: usize = 6;

/// Calls of WASI that a plugin may make in one call: a fifth of a second's.
const MOST_LOOKS: u64 = 1_000_000;

/// What the host keeps for one instance.
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    pub(crate) log: LogBuffer,
    /// The runners that it may have run programs, and how much they may still use.
    pub(crate) programs: Programs,
    /// When the call in progress has had its time.
    pub(crate) deadline: Deadline,
    /// What calls the call in progress off, if anything can.
    pub(crate) cancel: Option<Cancel>,
    /// What it sees of the world, once it has looked.
    pub(crate) sandbox: Option<Box<Sandbox>>,
    /// How often it has looked in the call in progress.
    pub(crate) n_looks: u64,
}

/// Why the host ends a call in which no limit of the engine was met.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum Stop {
    #[error("cancelled")]
    Cancelled,
    #[error("out of processor time")]
    OverTime,
    #[error("out of program time")]
    OutOfProgramTime,
}

impl State {
    /// Forgets the call before.
    pub(crate) fn start_call(&mut self, limits: &Limits) {
        self.limiter.start_call();
        self.log.start_call();
        self.programs.start_call(limits.program_fuel());
        self.deadline = Deadline::new(limits.processor_ms);
        self.n_looks = 0;
        if let Some(sandbox) = &mut self.sandbox {
            sandbox.start_call();
        }
    }

    /// Hands what was said in the call to the sink: messages, and then what was written to standard output and standard error, as
    /// lines.
    pub(crate) fn deliver(&mut self, plugin: &str, sink: Option<&LogSink>) {
        if let Some(sandbox) = &mut self.sandbox {
            let [output, errors] = sandbox.take_written();
            let written = [(LogLevel::Info, output), (LogLevel::Warn, errors)];
            for (level, text) in &written {
                text.lines()
                    .filter(|line| !line.trim().is_empty())
                    .for_each(|line| self.log.push(*level, line));
            }
        }
        self.log.deliver(plugin, sink);
    }

    /// What the guest said last before it trapped: its last error in the log, or what it wrote to standard error.
    pub(crate) fn last_words(&self) -> Option<String> {
        if let Some(error) = self.log.last_error() {
            return Some(error.to_owned());
        }
        let written = self.sandbox.as_ref().map(|sandbox| sandbox.last_words()).unwrap_or_default();
        if let Some(exception) = exception_of(&written) {
            return Some(exception);
        }
        let lines: Vec<&str> = written.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        // Of a long one the beginning and the end: some languages give their reason first, some last.
        match lines.as_slice() {
            [] => None,
            [first @ .., last] if lines.len() <= MOST_LINES => Some([first, &[*last]].concat().join(" / ")),
            lines => {
                let (first, last) = (&lines[..MOST_LINES / 2], &lines[lines.len() - MOST_LINES / 2..]);
                Some(format!("{} / … / {}", first.join(" / "), last.join(" / ")))
            }
        }
    }

    /// Whether it has asked WASI more often than a call may: for what the host did it has not paid in fuel, and is out of it. A
    /// program has limits of its own.
    pub(crate) fn has_looked_too_often(&self) -> bool {
        self.n_looks > MOST_LOOKS && self.sandbox.as_ref().is_some_and(|sandbox| sandbox.is_of_plugin())
    }

    /// Whether the call in progress was called off.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(Cancel::is_cancelled)
    }
}

/// Of a traceback of Python the exception, and where it was raised: what its last lines say, with more after them.
fn exception_of(written: &str) -> Option<String> {
    let (_, traceback) = written.rsplit_once("Traceback (most recent call last):\n")?;
    let frames: Vec<&str> =
        traceback.lines().take_while(|line| line.starts_with(' ')).map(str::trim).collect();
    let exception = traceback.lines().nth(frames.len()).filter(|line| !line.trim().is_empty())?;
    let place = frames.iter().rfind(|line| line.starts_with("File "));
    Some(place.map_or_else(|| exception.to_owned(), |place| format!("{exception} / {place}")))
}

impl HasSandbox for State {
    /// What this instance sees of the world: nothing, unless it was given something.
    fn sandbox(&mut self) -> &mut Sandbox {
        self.n_looks += 1;
        let output_bytes = self.log.capacity();
        self.sandbox.get_or_insert_with(|| Box::new(Sandbox::of_plugin(output_bytes)))
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.sandbox().wasi()
    }
}

#[cfg(test)]
mod tests {
    use super::exception_of;

    #[test]
    fn the_exception_of_the_last_traceback_is_found() {
        let traceback = |place: &str, exception: &str| {
            format!(
                "Traceback (most recent call last):\n  File \"app.py\", line {place}\n    x[1]\n    ~^^^\n{exception}\n"
            )
        };
        let one = traceback("7, in grade", "KeyError: 'k'");
        let told = exception_of(&format!("looking\n{one}thread panicked at x\n"));
        assert_eq!(told.as_deref(), Some("KeyError: 'k' / File \"app.py\", line 7, in grade"));
        let during = "\nDuring handling of the above exception, another exception occurred:\n\n";
        let told = exception_of(&format!("{one}{during}{}", traceback("9, in place", "ValueError")));
        assert_eq!(told.as_deref(), Some("ValueError / File \"app.py\", line 9, in place"));
        // One that was cut before its exception, and none at all.
        assert_eq!(exception_of(&one[..one.len() - 14]), None);
        assert_eq!(exception_of("panicked at x"), None);
    }
}
