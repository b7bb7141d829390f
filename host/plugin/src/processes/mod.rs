//! Programs in processes of their own.
//!
//! Fresh instances change the address space all the time, and every thread of a process waits for such changes: two threads
//! that run programs are slower than one. Processes do not wait for each other. So a host that runs programs on several
//! threads keeps a process for each, which is this program itself, started with [`ARGUMENT`]; and a fault of the engine would end one
//! of them instead of a training run.
//!
//! In: programs. Out: what came of them, the same as without processes. A process that ends in the middle of a program is
//! taken to be the machine's fault: another one tries again, once.
//!
//! Left out on purpose: limits. Each process keeps them as one process would.

mod serve;
mod wire;

use std::io::{BufReader, BufWriter};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::call_error::{CallError, CallErrorKind};
use crate::limits::Limits;
use crate::runner::{Program, Ran, Runner};
use wire::{Answer, Job, Request, Setup, read, write};

/// The only argument of such a process.
const ARGUMENT: &str = "--serve-programs";

/// This program, if it can be started as such a process.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Lets hosts of this program run other programs in processes of their own. To be called first in `main`: in such a
/// process it serves, and does not return. A program that never calls it runs all in one process.
pub fn support_processes() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == ARGUMENT) && arguments.next().is_none() {
        std::process::exit(serve::serve());
    }
    // On Linux this is the running program, even if another one has taken the place of its file.
    let running = PathBuf::from("/proc/self/exe");
    let program = if running.exists() { Ok(running) } else { std::env::current_exe() };
    if let Ok(program) = program {
        // A second call changes nothing.
        let _ = PROGRAM.set(program);
    }
}

/// The processes of one host.
pub(crate) struct Processes {
    program: PathBuf,
    setup: Setup,
    idle: Mutex<Vec<Process>>,
}

impl Processes {
    /// None yet; the first ones start with the first programs. Without a folder for compiled code each would compile the runners for
    /// itself, which takes longer than it saves.
    pub(crate) fn new(cache_dir: Option<PathBuf>, limits: &Limits) -> Option<Self> {
        let setup = Setup { cache_dir: cache_dir?, limits: limits.clone() };
        Some(Self { program: PROGRAM.get()?.clone(), setup, idle: Mutex::default() })
    }

    /// Runs one program; `None` where no process can be had.
    pub(crate) fn run(&self, runner: &Runner, program: &Program<'_>) -> Option<Result<Ran, CallError>> {
        let answer = self.ask(&Request::Run(job(runner, program)?))?;
        Some(ran(runner, answer).map(|[ran]| ran))
    }

    /// Runs two programs that converse; `None` where no process can be had.
    pub(crate) fn converse(
        &self,
        first: (&Runner, &Program<'_>),
        second: (&Runner, &Program<'_>),
    ) -> Option<Result<(Ran, Ran), CallError>> {
        let request = Request::Converse(job(first.0, first.1)?, job(second.0, second.1)?);
        let answer = self.ask(&request)?;
        Some(ran(first.0, answer).map(|[first, second]| (first, second)))
    }

    /// Asks an idle process, or a new one. `None` where none can be started; an error where two ended.
    fn ask(&self, request: &Request<'_>) -> Option<std::io::Result<Answer>> {
        let mut failed = std::io::Error::other("no process");
        for _ in 0..2 {
            let idle = self.idle().pop();
            let mut process = match idle {
                Some(idle) => idle,
                None => Process::start(&self.program, &self.setup).ok()?,
            };
            match process.ask(request) {
                Ok(answer) => {
                    self.idle().push(process);
                    return Some(Ok(answer));
                }
                Err(error) => failed = error,
            }
        }
        Some(Err(failed))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A program as it is sent; `None` for a runner that is no file.
fn job<'a>(runner: &'a Runner, program: &Program<'a>) -> Option<Job<'a>> {
    let plugin = runner.plugin();
    let file = plugin.file()?;
    Some(Job { file: file.into(), sha256: (&*plugin.identity().sha256).into(), program: *program })
}

/// The runs of an answer, as many as were asked for.
fn ran<const N: usize>(runner: &Runner, answer: std::io::Result<Answer>) -> Result<[Ran; N], CallError> {
    let lost = |why: &dyn std::fmt::Display| CallError {
        plugin: runner.plugin().identity().name.clone(),
        function: "run",
        problem: None,
        kind: CallErrorKind::Unavailable(format!("the process that runs programs ended, twice: {why}")),
        fuel: None,
    };
    match answer {
        Ok(Ok(ran)) => ran.try_into().map_err(|_| lost(&"it gave another number of runs")),
        Ok(Err(failed)) => Err(failed.into_call_error()),
        Err(error) => Err(lost(&error)),
    }
}

/// A process that waits for programs. It ends when it is dropped.
struct Process {
    child: Child,
    to: Option<BufWriter<ChildStdin>>,
    from: BufReader<ChildStdout>,
}

impl Process {
    fn start(program: &PathBuf, setup: &Setup) -> std::io::Result<Self> {
        let mut command = Command::new(program);
        command.arg(ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped());
        // What the terminal sends to a run that is interrupted ends the run, and that ends this.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("no pipes"));
        };
        let mut process = Self { child, to: Some(BufWriter::new(to)), from: BufReader::new(from) };
        process.send(setup)?;
        Ok(process)
    }

    fn ask(&mut self, request: &Request<'_>) -> std::io::Result<Answer> {
        self.send(request)?;
        read(&mut self.from)?.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }

    fn send(&mut self, message: &impl serde::Serialize) -> std::io::Result<()> {
        match &mut self.to {
            Some(to) => write(to, message),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It finds the end of its input.
        self.to = None;
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::RunLimits;
    use std::borrow::Cow;
    use std::path::Path;

    fn ask(program: &str) -> Option<std::io::Result<Answer>> {
        let setup = Setup { cache_dir: "/nowhere".into(), limits: Limits::default() };
        let processes = Processes { program: program.into(), setup, idle: Mutex::default() };
        let limits = RunLimits { time_ms: 1, memory_mib: 1, output_bytes: 1 };
        let program = Program { source: "pass", input: "", limits };
        let file = Cow::Borrowed(Path::new("x.wasm"));
        processes.ask(&Request::Run(Job { file, sha256: "".into(), program }))
    }

    #[test]
    fn without_processes_programs_run_here() {
        assert!(ask("/no/such/program").is_none());
    }

    #[cfg(unix)]
    #[test]
    fn processes_that_end_are_an_error_and_no_verdict() {
        assert!(ask("/bin/false").is_none_or(|answer| answer.is_err()));
    }
}
