//! That a plugin is being compiled, which takes seconds for a small one and up to minutes for one that carries an interpreter.
//!
//! In: the beginning and the end of a compilation. Out, on standard error, if it takes more than [`SILENT_FOR`]: on a terminal a line with
//! the time that has gone by, which goes when it is done; elsewhere, as in a log, one line that it is being compiled; then how long it took.

use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use ts_plugin::{Compilation, WhenCompiled};

use crate::terminal::{note, note_over, note_over_nothing};

/// A compilation that takes no longer is not told of.
const SILENT_FOR: Duration = Duration::from_secs(1);

/// Characters of a plugin's name that are shown: a line that is written over itself must be one line of a terminal.
const NAME_CHARACTERS: usize = 40;

/// From now on compilations are told of.
pub(crate) fn tell() {
    ts_plugin::on_compile(begin);
}

fn begin(compilation: Compilation<'_>) -> WhenCompiled {
    let (started, what) = (Instant::now(), named(compilation));
    let (end, ended) = channel::<()>();
    let name = what.clone();
    // Where there is no thread to tell it, it goes on in silence.
    let teller = thread::Builder::new().name("compiling".into()).spawn(move || watch(&name, started, &ended));
    Box::new(move |is_compiled| {
        drop(end);
        let was_told = teller.is_ok_and(|teller| teller.join().unwrap_or_default());
        if was_told && is_compiled {
            note(format_args!("compiled {what} in {:.0} s", started.elapsed().as_secs_f64()));
        }
    })
}

/// Tells of a compilation until it ends; whether there was anything to tell.
fn watch(what: &str, started: Instant, ended: &Receiver<()>) -> bool {
    let still = |wait| matches!(ended.recv_timeout(wait), Err(RecvTimeoutError::Timeout));
    if !still(SILENT_FOR) {
        return false;
    }
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    if is_dumb || !stderr().is_terminal() {
        note(format_args!("compiling {what}"));
        // The sender says nothing, and goes when it is done.
        let _ = ended.recv();
        return true;
    }
    loop {
        note_over(format_args!("compiling {what} … {} s", started.elapsed().as_secs()));
        if !still(Duration::from_secs(1)) {
            note_over_nothing();
            return true;
        }
    }
}

/// A plugin's name and size.
fn named(Compilation { origin, bytes }: Compilation<'_>) -> String {
    let name = match origin.strip_prefix("embedded:") {
        Some(name) => name,
        None => Path::new(origin).file_name().and_then(|name| name.to_str()).unwrap_or(origin),
    };
    let name = ts_text::line(name).at_most(NAME_CHARACTERS);
    match bytes as f64 / 1e6 {
        tiny if tiny < 1.0 => format!("{name} ({:.0} KB)", tiny * 1e3),
        small if small < 10.0 => format!("{name} ({small:.1} MB)"),
        large => format!("{name} ({large:.0} MB)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_named_by_its_file_and_its_size() {
        let named = |origin: &str, bytes| named(Compilation { origin, bytes });
        assert_eq!(named("/home/a/my_grader.wasm", 18_400_000), "my_grader.wasm (18 MB)");
        assert_eq!(named("embedded:math_grader", 640_000), "math_grader (640 KB)");
        assert_eq!(named("a\u{1b}[2K.wasm", 0), "a\\u{1b}[2K.wasm (0 KB)");
        assert!(named(&"x".repeat(500), 0).chars().count() < 80);
    }

    #[test]
    fn what_ends_soon_is_not_told_of() {
        let (end, ended) = channel();
        let teller = thread::spawn(move || watch("a", Instant::now(), &ended));
        drop(end);
        assert!(!teller.join().unwrap());
    }
}
