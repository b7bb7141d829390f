//! Compiling a stranger's component, which may take any memory and any time, in a process that may fail.
//!
//! The process is this program itself, started with [`ARGUMENT`]. In: its engine's settings and a component,
//! on its standard input. Out: the compiled code on its standard output, or why there is none. It lays limits
//! of memory and processor time on itself before it reads the component, so what is too much ends it and
//! nothing else; the host reports how it ended. The code is trusted because it comes from the same program
//! over a pipe that nobody else holds.
//!
//! What a component may take grows with its code, so that a small one is refused soon, up to what the limits
//! say. Memory is shared by the threads that compile functions: a component that takes too much on several is
//! tried once more on one, and that decides, so the outcome does not depend on how many there are.
//!
//! In a program that never calls [`crate::support_processes`] there is nothing to start, and `host` compiles
//! in the process itself.

use std::io::{Read, Write, stdin, stdout};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::load::load_error::LoadError;
use crate::load::preflight::Shape;
use crate::processes::messages;
use crate::{engine, text};

/// The only argument of such a process.
pub(crate) const ARGUMENT: &str = "--compile-plugin";

/// Bytes that compiling anything may take: the compiler's own tables, and a large function on each thread.
const BASE_MEMORY: u64 = 384 << 20;
/// Bytes that compiling may take for each byte of code; `math_grader` takes 90, its threads together.
const MEMORY_A_BYTE: u64 = 256;
/// Milliseconds of processor time that compiling anything may take.
const BASE_MS: u64 = 3_000;
/// Nanoseconds for each byte of code; `math_grader` takes 2,000.
const NS_A_BYTE: u64 = 20_000;
/// How much slower a compiler is that was itself compiled without optimisation.
const SLOWER: u64 = if cfg!(debug_assertions) { 20 } else { 1 };
/// Most threads that compile.
const MAX_THREADS: usize = 8;
/// What is read of the process's last words, bytes.
const LAST_WORDS: u64 = 64 << 10;

/// What one compilation may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    memory_bytes: u64,
    /// Of processor time: the system counts in seconds.
    seconds: u64,
}

impl Allowance {
    /// What a component of so much code may take.
    pub(crate) fn of(shape: Shape, limits: &Limits) -> Self {
        let memory = BASE_MEMORY.saturating_add(shape.code_bytes.saturating_mul(MEMORY_A_BYTE));
        let ms = BASE_MS.saturating_add(shape.code_bytes.saturating_mul(NS_A_BYTE) / 1_000_000);
        Self {
            memory_bytes: memory.min(limits.compile_memory_bytes()),
            seconds: ms.saturating_mul(SLOWER).min(limits.compile_ms).div_ceil(1000),
        }
    }

    /// After so long without an answer the process does not work but stands still, on the busiest machine.
    fn standstill(self) -> Duration {
        Duration::from_secs(self.seconds.saturating_mul(50).saturating_add(600))
    }
}

/// What a process is told before the component.
#[derive(Serialize, Deserialize)]
struct Job {
    limits: Limits,
    is_runner: bool,
    memory_bytes: u64,
    seconds: u64,
}

/// First byte of an answer: the code follows, why the component is not valid, or nothing: no memory was left.
const CODE: u8 = 0;
const INVALID: u8 = 1;
const NO_MEMORY: u8 = 2;

/// How a compilation ended.
enum Ended {
    Code(Vec<u8>),
    Invalid(String),
    TooMuchMemory,
    TooLong,
    Crashed { how: String, said: String },
}

/// Compiles a component in a process of its own.
pub(crate) fn compile(
    program: &Path,
    component: &[u8],
    shape: Shape,
    limits: &Limits,
    origin: &str,
) -> Result<Vec<u8>, LoadError> {
    let allowance = Allowance::of(shape, limits);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let job = Job {
        limits: limits.clone(),
        is_runner: shape.is_runner,
        memory_bytes: allowance.memory_bytes,
        seconds: allowance.seconds,
    };
    let attempt = |threads| {
        run(program, component, &job, threads, allowance)
            .map_err(|error| LoadError::Engine { reason: format!("no process to compile in: {error}") })
    };
    let mut ended = attempt(threads)?;
    if threads > 1 && matches!(ended, Ended::TooMuchMemory) {
        ended = attempt(1)?;
    }
    let origin = origin.to_owned();
    match ended {
        Ended::Code(code) => Ok(code),
        Ended::Invalid(reason) => Err(LoadError::Invalid { origin, reason: text::sentence(&reason) }),
        Ended::TooMuchMemory => {
            Err(LoadError::TooMuchMemoryToCompile { origin, limit_mib: allowance.memory_bytes >> 20 })
        }
        Ended::TooLong => Err(LoadError::TooLongToCompile { origin, limit_ms: 1000 * allowance.seconds }),
        Ended::Crashed { how, said } => Err(LoadError::CompilerCrashed { origin, how, said }),
    }
}

/// One attempt.
fn run(
    program: &Path,
    component: &[u8],
    job: &Job,
    threads: usize,
    allowance: Allowance,
) -> std::io::Result<Ended> {
    let mut child = Command::new(program)
        .arg(ARGUMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("RAYON_NUM_THREADS", threads.to_string())
        // The program's allocator would set aside a gibibyte at once, more than there may be: 32 MiB in KiB.
        .env("MIMALLOC_ARENA_RESERVE", "32768")
        .env_remove("RUST_BACKTRACE")
        .spawn()?;
    let answer = converse(&mut child, component, job, allowance);
    // After an answer it is at its end; without one it is stopped.
    if answer.is_none() {
        let _ = child.kill();
    }
    let status = child.wait()?;
    Ok(match answer {
        Some((answer, said)) => ended(answer, status, &said),
        None => Ended::Crashed { how: "it stood still".into(), said: String::new() },
    })
}

/// Tells the process what to do; its answer and its last words, if it ends before it seems to stand still.
fn converse(
    child: &mut Child,
    component: &[u8],
    job: &Job,
    allowance: Allowance,
) -> Option<(Vec<u8>, String)> {
    let (mut to, from, words) = (child.stdin.take()?, child.stdout.take()?, child.stderr.take()?);
    let (answered, answer) = channel();
    thread::scope(|scope| {
        // A process that ends early breaks its pipes, and its status says why.
        let write = move || {
            let _ = messages::write(&mut to, job).and_then(|()| to.write_all(component));
        };
        let read = move || drop(answered.send(read_most(from, allowance.memory_bytes)));
        let talk = || -> std::io::Result<_> {
            thread::Builder::new().spawn_scoped(scope, write)?;
            let said = thread::Builder::new().spawn_scoped(scope, move || read_most(words, LAST_WORDS))?;
            thread::Builder::new().spawn_scoped(scope, read)?;
            Ok(said)
        };
        let Ok(said) = talk() else {
            let _ = child.kill();
            return None;
        };
        let answer = answer.recv_timeout(allowance.standstill()).ok();
        if answer.is_none() {
            // Its pipes close, so that the threads here end.
            let _ = child.kill();
        }
        let said = said.join().unwrap_or_default();
        answer.map(|answer| (answer, String::from_utf8_lossy(&said).into_owned()))
    })
}

/// So much of what a pipe carries; the rest is read and dropped.
fn read_most(mut from: impl Read, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.by_ref().take(most).read_to_end(&mut bytes);
    let _ = std::io::copy(&mut from, &mut std::io::sink());
    bytes
}

/// What an answer, a status and last words mean.
fn ended(mut answer: Vec<u8>, status: ExitStatus, said: &str) -> Ended {
    if status.success() {
        match answer.first() {
            Some(&CODE) => {
                answer.drain(..1);
                return Ended::Code(answer);
            }
            Some(&INVALID) => return Ended::Invalid(String::from_utf8_lossy(&answer[1..]).into_owned()),
            Some(&NO_MEMORY) => return Ended::TooMuchMemory,
            _ => {}
        }
    }
    // The standard library says so before it ends a program that finds no memory, and so does the allocator of `ts-host`; the
    // test of `compile_process` fails if the texts change.
    if said.contains("memory allocation of") || said.contains("out of memory") {
        return Ended::TooMuchMemory;
    }
    if out_of_time(status) {
        return Ended::TooLong;
    }
    Ended::Crashed { how: status.to_string(), said: text::sentence(said.trim()) }
}

#[cfg(unix)]
fn out_of_time(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(rustix::process::Signal::XCPU.as_raw())
}

#[cfg(not(unix))]
fn out_of_time(_: ExitStatus) -> bool {
    false
}

/// The other side: compiles what standard input brings. An error is a broken pipe or a message of another
/// program: whoever started this is gone.
pub(crate) fn serve() -> std::io::Result<()> {
    let (first, rest) = answer(&mut stdin())?;
    let mut to = stdout();
    to.write_all(&[first])?;
    to.write_all(&rest)?;
    to.flush()
}

fn answer(from: &mut impl Read) -> std::io::Result<(u8, Vec<u8>)> {
    let Some(Job { limits, is_runner, memory_bytes, seconds }) = messages::read(from)? else {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    confine(memory_bytes, seconds)?;
    let mut component = Vec::new();
    from.read_to_end(&mut component)?;
    let compiled =
        engine::to_compile(&limits, is_runner).and_then(|engine| engine.precompile_component(&component));
    Ok(match compiled {
        Ok(code) => (CODE, code),
        Err(error) if is_no_memory(&error) => (NO_MEMORY, Vec::new()),
        Err(error) => (INVALID, format!("{error:#}").into_bytes()),
    })
}

fn is_no_memory(error: &wasmtime::Error) -> bool {
    let no_memory = |error: &std::io::Error| error.kind() == std::io::ErrorKind::OutOfMemory;
    error.downcast_ref::<wasmtime::OutOfMemory>().is_some()
        || error.chain().any(|cause| cause.downcast_ref().is_some_and(no_memory))
}

/// Lays limits on this process: of memory beyond what it has now, and of processor time.
#[cfg(unix)]
fn confine(memory_bytes: u64, seconds: u64) -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // A limit that it was started with may be lower, and stays.
    let lay = |resource, soft: u64, hard: u64| {
        let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        setrlimit(resource, Rlimit { current: Some(soft.min(most)), maximum: Some(hard.min(most)) })
    };
    lay(Resource::Core, 0, 0)?;
    let memory = mapped_bytes().saturating_add(memory_bytes);
    lay(Resource::As, memory, memory)?;
    // At the first number of seconds it is told, which ends it; at the second it is killed.
    Ok(lay(Resource::Cpu, seconds, seconds + 1)?)
}

/// Bytes of address space that this process has: the program itself, and its libraries.
#[cfg(unix)]
fn mapped_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split(' ').next()?.parse::<u64>().ok());
    // Where the system does not say, more than any has.
    pages.map_or(1 << 30, |pages| pages.saturating_mul(rustix::param::page_size() as u64))
}

#[cfg(not(unix))]
fn confine(_: u64, _: u64) -> std::io::Result<()> {
    Ok(())
}
