//! A runner for tests: an interpreter as a subprocess, without a sandbox. Its time is the processor's, in
//! whole seconds.
//!
//! In: a program of ours or of a data set that is trusted. Out: how it ended, as a runner would say. Fuel and
//! denials are in the host's tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use ts_code::{Ending, Program, Ran, Runner};

/// `python3` and `node`.
pub(crate) struct Subprocess;

impl Runner for Subprocess {
    fn languages(&self) -> Vec<String> {
        vec!["python".to_owned(), "javascript".to_owned()]
    }

    fn run(&self, program: Program<'_>) -> Result<Ran, String> {
        let mut process = Process::start(&program)?;
        let (mut stdin, stdout) = process.pipes();
        let input = program.input.to_owned();
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let most = u64::from(program.limits.output_bytes);
        let reader = std::thread::spawn(move || kept(stdout, most));
        let ending = process.wait()?;
        let _ = writer.join();
        let (output, output_cut) = reader.join().unwrap();
        Ok(Ran { ending, output, output_cut, fuel: 0 })
    }

    fn converse(&self, first: Program<'_>, second: Program<'_>) -> Result<(Ran, Ran), String> {
        let mut processes = [Process::start(&first)?, Process::start(&second)?];
        let [(mut to_first, from_first), (mut to_second, from_second)] =
            processes.each_mut().map(Process::pipes);
        // A driver reads its input before it writes.
        to_first.write_all(first.input.as_bytes()).map_err(|error| error.to_string())?;
        to_second.write_all(second.input.as_bytes()).map_err(|error| error.to_string())?;
        let forth = std::thread::spawn(move || passed_on(from_first, to_second));
        let back = std::thread::spawn(move || passed_on(from_second, to_first));
        let [one, other] = &mut processes;
        let endings = std::thread::scope(|scope| {
            let other = scope.spawn(|| other.wait());
            (one.wait(), other.join().unwrap())
        });
        let ran = |ending, output| Ran { ending, output, output_cut: false, fuel: 0 };
        Ok((ran(endings.0?, forth.join().unwrap()), ran(endings.1?, back.join().unwrap())))
    }
}

/// A process, and the thread that reads its errors.
struct Process {
    child: Child,
    errors: Option<JoinHandle<(Vec<u8>, bool)>>,
}

impl Process {
    fn start(program: &Program<'_>) -> Result<Self, String> {
        let seconds = program.limits.time_ms.div_ceil(1000);
        let mut command = match program.language {
            "python" => {
                let mut command = Command::new("sh");
                let memory = program.limits.memory_mib * 1024;
                let limited = format!("ulimit -v {memory}; ulimit -t {seconds}; exec python3 -c \"$0\"");
                command.args(["-c", &limited, program.source]);
                command
            }
            "javascript" => {
                let mut command = Command::new("node");
                command.args(["-e", program.source]);
                command
            }
            other => return Err(format!("no runner for `{other}`")),
        };
        command
            .env("PYTHONHASHSEED", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let stderr = child.stderr.take().unwrap();
        let errors = Some(std::thread::spawn(move || kept(stderr, 1 << 20)));
        Ok(Self { child, errors })
    }

    fn pipes(&mut self) -> (ChildStdin, ChildStdout) {
        (self.child.stdin.take().unwrap(), self.child.stdout.take().unwrap())
    }

    fn wait(&mut self) -> Result<Ending, String> {
        const OUT_OF_TIME: &[i32] = &[9, 24]; // SIGKILL, SIGXCPU
        let status = self.child.wait().map_err(|error| error.to_string())?;
        let errors = self.errors.take().unwrap().join().unwrap().0;
        let errors = String::from_utf8_lossy(&errors).into_owned();
        let told = errors.trim_end().lines().last().unwrap_or_default().to_owned();
        Ok(match status.code() {
            None if status.signal().is_some_and(|signal| OUT_OF_TIME.contains(&signal)) => Ending::TimeLimit,
            Some(1) if !errors.contains("Traceback") && errors.contains("Error: ") => {
                Ending::NotCompiled(told)
            }
            Some(1) if errors.contains("Traceback") => Ending::Failed(told),
            Some(status) => Ending::Exited(status as u8),
            None => Ending::Failed("a signal".to_owned()),
        })
    }
}

/// Passes on what one process writes to another one's input, up to U+0004; and keeps it.
fn passed_on(from: ChildStdout, to: ChildStdin) -> Vec<u8> {
    let (mut from, mut to, mut all) = (BufReader::new(from), Some(to), Vec::new());
    loop {
        let at = all.len();
        match from.read_until(b'\n', &mut all) {
            Ok(0) | Err(_) => return all,
            Ok(_) => {}
        }
        let line = &all[at..];
        if line.contains(&4) {
            to = None;
        }
        if to.as_mut().is_some_and(|to| to.write_all(line).is_err()) {
            to = None;
        }
    }
}

/// What a stream holds, so many bytes of it.
fn kept(mut stream: impl Read, most: u64) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let _ = (&mut stream).take(most).read_to_end(&mut bytes);
    let dropped = std::io::copy(&mut stream, &mut std::io::sink()).unwrap_or(0);
    (bytes, dropped > 0)
}
