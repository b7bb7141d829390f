//! Templates in a process of their own.
//!
//! Fuel pays for what a template does, but not for all that the engine does for it: a list that holds another
//! twice, sixty times over, is small, and writing it out or comparing it is not. So a program that calls
//! [`support_processes`] first renders in another process, which is this program again, started with
//! [`ARGUMENT`], and which the system ends at a limit of processor time or of memory.
//!
//! In: what is to be rendered, a line of JSON. Out: its text or why there is none, a line of JSON. A process
//! is kept for the next rendering. A limit that was reached once is reached again, so nothing is tried twice.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::render::{Failed, Values, render_here};

/// The only argument of such a process.
const ARGUMENT: &str = "--render-templates";

/// Seconds of processor time for one rendering. Those of known templates take a thousandth of one.
const CPU_SECONDS: u64 = 2;

/// Bytes of address space beyond what the process begins with, the stack of the template included.
const MEMORY_BYTES: u64 = 768 << 20;

/// Lets this program render templates in a process of their own: this program, started again. To be called
/// first in `main`. In such a process it renders until its input ends, and returns what came of that: then
/// `main` is to end, with a status of failure for an error. In every other process it returns `None` at once.
/// A program that never calls it renders on a thread, with fuel as the only limit.
#[must_use = "a process that has done its work is to end"]
pub fn support_processes() -> Option<std::io::Result<()>> {
    if ts_confined::started_with(ARGUMENT, 0).is_some() {
        return Some(serve());
    }
    ts_confined::allow();
    None
}

/// What is to be rendered.
#[derive(Serialize, Deserialize)]
struct Request {
    source: String,
    values: Values,
}

/// A process that waits, if there is one.
#[derive(Debug, Default)]
pub(super) struct Process(Mutex<Option<Running>>);

#[derive(Debug)]
struct Running {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Process {
    /// Renders there; `None` if this program has no such processes.
    pub(super) fn render(&self, source: &str, values: &Values) -> Option<Result<String, Failed>> {
        let program = ts_confined::program()?;
        let request = Request { source: source.to_owned(), values: values.clone() };
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let running = match waiting.take() {
            Some(running) => Ok(running),
            None => Running::start(program),
        };
        let mut running = match running {
            Ok(running) => running,
            Err(error) => return Some(Err(Failed::Bounds(format!("has no process to run in: {error}")))),
        };
        Some(match running.ask(&request) {
            Ok(answer) => {
                *waiting = Some(running);
                answer
            }
            Err(_) => Err(Failed::Bounds(format!(
                "took more than {CPU_SECONDS} seconds of processor time, or {} MiB of memory",
                MEMORY_BYTES >> 20
            ))),
        })
    }
}

impl Running {
    fn start(program: &Path) -> std::io::Result<Self> {
        let mut command = Command::new(program);
        // What the process says as it ends is said better by whoever started it.
        command.arg(ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("no pipes"));
        };
        Ok(Self { child, to, from: BufReader::new(from) })
    }

    fn ask(&mut self, request: &Request) -> std::io::Result<Result<String, Failed>> {
        write_line(&mut self.to, request)?;
        let mut line = String::new();
        match self.from.read_line(&mut line)? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(serde_json::from_str(&line)?),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It holds nothing that it would have to put away.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Renders what standard input says until it ends.
fn serve() -> std::io::Result<()> {
    ts_confined::limit_memory(MEMORY_BYTES)?;
    for line in std::io::stdin().lines() {
        let Request { source, values } = serde_json::from_str(&line?)?;
        ts_confined::limit_time(CPU_SECONDS)?;
        let answer = render_here(&source, &values);
        write_line(&mut std::io::stdout(), &answer)?;
    }
    Ok(())
}

fn write_line(to: &mut impl Write, value: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}
