//! Programs in processes of their own.
//!
//! Fresh instances change the address space all the time, and every thread of a process waits for such
//! changes: two threads that run programs are slower than one. Processes do not wait for each other. So a
//! host that runs programs on several threads keeps a process for each, which is this program itself, started
//! with [`ARGUMENT`]; and a fault of the engine would end one of them instead of a training run.
//!
//! In: programs. Out: what came of them, the same as without processes. A process that ends in the middle of
//! a program is taken to be the machine's fault: another one tries again, once. When a call is called off,
//! the process that works for it is killed, which works for no other, and the next program has a new one.
//! Processes end with their host, however that ends.
//!
//! Each process keeps its limits as one process would.

use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::call::call_error::{CallError, CallErrorKind};
use crate::call::cancel::Cancel;
use crate::limits::Limits;
use crate::load::cache::CachePlace;
use crate::processes::messages::{read, write};
use crate::processes::this_program;
use crate::processes::wire::{Answer, Asked, Job, Request, Setup};
use crate::programs::program::{Program, Ran, Share};

/// The only argument of such a process.
pub(crate) const ARGUMENT: &str = "--serve-programs";

/// The file of a runner, for processes that load it themselves.
pub(crate) struct RunnerFile<'a> {
    /// The runner's name, for errors.
    pub(crate) name: &'a str,
    pub(crate) file: &'a Path,
    pub(crate) sha256: &'a str,
}

/// The processes of one host.
pub(crate) struct Workers {
    program: PathBuf,
    setup: Setup,
    idle: Mutex<Vec<Worker>>,
}

impl Workers {
    /// None yet; the first ones start with the first programs. Without a folder for compiled code each would
    /// compile the runners for itself, which takes longer than it saves.
    pub(crate) fn new(cache: Option<CachePlace>, limits: &Limits) -> Option<Self> {
        let setup = Setup { cache: cache?, limits: limits.clone() };
        Some(Self { program: this_program::file()?.into(), setup, idle: Mutex::default() })
    }

    /// Runs one program; `None` where no process can be had.
    pub(crate) fn run(
        &self,
        runner: &RunnerFile<'_>,
        program: &Program<'_>,
        share: &Share,
    ) -> Option<Result<Ran, CallError>> {
        let heard = self.ask(Request::Run(job(runner, program)), share)?;
        Some(ran(runner, heard).map(|[ran]| ran))
    }

    /// Runs two programs that converse; `None` where no process can be had.
    pub(crate) fn converse(
        &self,
        first: (&RunnerFile<'_>, &Program<'_>),
        second: (&RunnerFile<'_>, &Program<'_>),
        share: &Share,
    ) -> Option<Result<(Ran, Ran), CallError>> {
        let request = Request::Converse(job(first.0, first.1), job(second.0, second.1));
        let heard = self.ask(request, share)?;
        Some(ran(first.0, heard).map(|[first, second]| (first, second)))
    }

    /// Asks an idle process, or a new one. `None` where none can be started; what the second one said, where
    /// one ended.
    fn ask(&self, request: Request<'_>, share: &Share) -> Option<Heard> {
        let asked = Asked { request, fuel: share.fuel };
        let mut heard = Heard::Cancelled;
        for _ in 0..2 {
            let idle = self.idle().pop();
            let mut process = match idle {
                Some(idle) => idle,
                None => Worker::start(&self.program, &self.setup).ok()?,
            };
            heard = process.ask(&asked, share.cancel.as_ref());
            match heard {
                Heard::Answer(_) => {
                    self.idle().push(process);
                    break;
                }
                Heard::Cancelled => {
                    process.abandon();
                    break;
                }
                Heard::Ended(_) => {}
            }
        }
        Some(heard)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A program as it is sent.
fn job<'a>(runner: &RunnerFile<'a>, program: &Program<'a>) -> Job<'a> {
    Job { file: runner.file.into(), sha256: runner.sha256.into(), program: *program }
}

/// The runs of an answer, as many as were asked for.
fn ran<const N: usize>(runner: &RunnerFile<'_>, heard: Heard) -> Result<[Ran; N], CallError> {
    let failed =
        |kind| CallError { plugin: runner.name.to_owned(), function: "run", problem: None, kind, fuel: None };
    let lost = |why: &dyn std::fmt::Display| {
        let reason = format!("the process that runs programs ended, twice: {why}");
        failed(CallErrorKind::Unavailable(reason))
    };
    match heard {
        Heard::Answer(Ok(ran)) => ran.try_into().map_err(|_| lost(&"it gave another number of runs")),
        Heard::Answer(Err(failed)) => Err(failed.into_call_error()),
        Heard::Cancelled => Err(failed(CallErrorKind::Cancelled)),
        Heard::Ended(error) => Err(lost(&error)),
    }
}

/// What was heard of a process that was asked something.
enum Heard {
    Answer(Answer),
    /// The call was called off, and the process killed.
    Cancelled,
    Ended(std::io::Error),
}

/// A process that waits for programs. It ends when it is dropped.
struct Worker {
    child: Arc<Mutex<Child>>,
    to: Option<BufWriter<ChildStdin>>,
    /// What its thread hears, and who asks it to stop.
    heard: Receiver<Heard>,
    says: Sender<Heard>,
    listens: Option<JoinHandle<()>>,
}

impl Worker {
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
        let child = Arc::new(Mutex::new(child));
        let (says, heard) = channel();
        let listens = listen(from, says.clone(), Arc::clone(&child))?;
        let mut process = Self { child, to: Some(BufWriter::new(to)), heard, says, listens: Some(listens) };
        process.send(setup)?;
        Ok(process)
    }

    fn ask(&mut self, asked: &Asked<'_>, cancel: Option<&Cancel>) -> Heard {
        let kills = cancel.map(|cancel| {
            let (child, says) = (Arc::clone(&self.child), self.says.clone());
            cancel.watch(move || {
                // It is locked only while it is waited for, and then it has ended.
                if let Ok(mut child) = child.try_lock() {
                    let _ = child.kill();
                }
                let _ = says.send(Heard::Cancelled);
            })
        });
        let heard = match self.send(asked) {
            Ok(()) => self.heard.recv().unwrap_or_else(|gone| Heard::Ended(std::io::Error::other(gone))),
            Err(error) => Heard::Ended(error),
        };
        // From here on nobody kills it: it is asked again, or it was killed by now.
        drop(kills);
        if cancel.is_some_and(Cancel::is_cancelled) { Heard::Cancelled } else { heard }
    }

    fn send(&mut self, message: &impl serde::Serialize) -> std::io::Result<()> {
        match &mut self.to {
            Some(to) => write(to, message),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Does not wait for its end: the system takes its time to take back the memory of a process that was
    /// killed.
    fn abandon(mut self) {
        self.listens = None;
    }
}

/// Hears what a process says, on a thread of its own, which ends with it.
fn listen(
    from: ChildStdout,
    says: Sender<Heard>,
    child: Arc<Mutex<Child>>,
) -> std::io::Result<JoinHandle<()>> {
    let listen = move || {
        let mut from = BufReader::new(from);
        loop {
            let heard = match read(&mut from) {
                Ok(Some(answer)) => Heard::Answer(answer),
                Ok(None) => Heard::Ended(std::io::ErrorKind::UnexpectedEof.into()),
                Err(error) => Heard::Ended(error),
            };
            let is_over = matches!(heard, Heard::Ended(_));
            // Nobody asks any more only if nobody wants to know.
            let _ = says.send(heard);
            if is_over {
                break;
            }
        }
        let _ = child.lock().unwrap_or_else(PoisonError::into_inner).wait();
    };
    std::thread::Builder::new().name("programs".into()).spawn(listen)
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It finds the end of its input.
        self.to = None;
        if let Some(listens) = self.listens.take() {
            let _ = listens.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::program::RunLimits;
    use std::borrow::Cow;
    use std::path::Path;

    fn ask(program: &str) -> Option<Heard> {
        ask_unless(program, None)
    }

    fn ask_unless(program: &str, cancel: Option<Cancel>) -> Option<Heard> {
        let cache = CachePlace { folder: "/nowhere".into(), key: "/nowhere/key".into() };
        let setup = Setup { cache, limits: Limits::default() };
        let workers = Workers { program: program.into(), setup, idle: Mutex::default() };
        let limits = RunLimits { time_ms: 1, memory_mib: 1, output_bytes: 1 };
        let program = Program { source: "pass", input: "", limits };
        let file = Cow::Borrowed(Path::new("x.wasm"));
        workers.ask(Request::Run(Job { file, sha256: "".into(), program }), &Share { fuel: 1, cancel })
    }

    #[test]
    fn without_processes_programs_run_here() {
        assert!(ask("/no/such/program").is_none());
    }

    /// A stand-in for this program: it does what the text says.
    #[cfg(unix)]
    fn script(text: &str) -> (tempfile::TempDir, String) {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (folder, path)
    }

    /// It would answer never; what is called off ends all the same, and the process goes.
    #[cfg(unix)]
    #[test]
    fn a_process_whose_call_is_called_off_is_killed() {
        let (folder, program) = script("echo $$ > \"$0.number\"\nexec sleep 100000");
        let number = folder.path().join("program.number");
        let cancel = Cancel::default();
        std::thread::scope(|scope| {
            let asks = scope.spawn(|| ask_unless(&program, Some(cancel.clone())));
            let started = || std::fs::read_to_string(&number).ok().filter(|text| text.ends_with('\n'));
            while started().is_none() {
                std::thread::yield_now();
            }
            cancel.cancel();
            assert!(matches!(asks.join().unwrap(), Some(Heard::Cancelled)));
            let id = started().unwrap();
            let is_there = || {
                Command::new("kill").args(["-0", id.trim()]).stderr(Stdio::null()).status().unwrap().success()
            };
            while is_there() {
                std::thread::yield_now();
            }
        });
    }

    #[cfg(unix)]
    #[test]
    fn processes_that_end_are_an_error_and_no_verdict() {
        assert!(ask("/bin/false").is_none_or(|heard| matches!(heard, Heard::Ended(_))));
    }
}
