//! A server that is started here, and stopped again.
//!
//! In: a command such as `vllm serve {model} --host 127.0.0.1 --port {port}`, a model's folder, and a file for what the server prints. Out: a
//! [`ServerProcess`], which answers. It and every process that it started end with the value; on Linux also if this process is
//! killed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::fleet::{Fleet, Options};

/// Between two looks at whether it answers, or has ended.
const PAUSE: Duration = Duration::from_millis(200);
/// How long it may take to end by itself.
const TO_END: Duration = Duration::from_secs(30);
/// Of what it printed last, shown with an error.
const SHOWN_BYTES: u64 = 8 << 10;
const SHOWN_LINES: usize = 20;

/// A command that starts a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCommand(Vec<String>);

/// Why a command is none.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotACommand(&'static str);

impl ServerCommand {
    /// Reads a command as a shell would, without running one: words, quotes, backslashes.
    ///
    /// # Errors
    /// [`NotACommand`] if a quote is open, there is no word, or `{model}` or `{port}` is missing.
    pub fn parse(command: &str) -> Result<Self, NotACommand> {
        let words = shlex::split(command).ok_or(NotACommand("a quote is not closed"))?;
        let says = |what| words.iter().any(|word| word.contains(what));
        if !says("{model}") || !says("{port}") {
            return Err(NotACommand(
                "it must say where the model's folder, {model}, and the port, {port}, go",
            ));
        }
        Ok(Self(words))
    }

    /// The command for a model and a port.
    fn words(&self, model: &Path, port: u16) -> Vec<String> {
        let (model, port) = (model.to_string_lossy(), port.to_string());
        self.0.iter().map(|word| word.replace("{port}", &port).replace("{model}", &model)).collect()
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No process.
    #[error("cannot start `{command}`")]
    Start {
        /// The command's first word.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ended before it answered.
    #[error("the server ended before it answered ({status}); its last lines, from {}:\n{}", log.display(), last)]
    Ended {
        /// How.
        status: ExitStatus,
        /// The file with all that it printed.
        log: PathBuf,
        /// The end of it.
        last: String,
    },
    /// It took too long.
    #[error(
        "the server did not answer within {} s ({reason}); its last lines, from {}:\n{}",
        waited.as_secs(), log.display(), last
    )]
    Silent {
        /// How long.
        waited: Duration,
        /// What came instead of an answer.
        reason: String,
        /// The file with all that it printed.
        log: PathBuf,
        /// The end of it.
        last: String,
    },
}

/// A server that was started here. Stops when it is dropped.
pub struct ServerProcess {
    child: Child,
    address: Address,
    log: PathBuf,
}

impl fmt::Debug for ServerProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerProcess").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ServerProcess {
    /// Starts a server for the model in that folder and waits until it answers. What it prints goes to `log`, the file at `log_path`.
    /// On Linux the calling thread must outlive it.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub fn start(
        command: &ServerCommand,
        model: &Path,
        (log, log_path): (File, &Path),
        patience: Duration,
    ) -> Result<Self, StartError> {
        let cannot =
            |source| StartError::Start { command: command.0.first().cloned().unwrap_or_default(), source };
        let port = free_port().map_err(cannot)?;
        let words = command.words(model, port);
        let mut process = Command::new(&words[0]);
        process.args(&words[1..]).stdin(Stdio::null());
        process.stdout(log.try_clone().map_err(cannot)?).stderr(log);
        apart(&mut process);
        let child = process.spawn().map_err(cannot)?;
        let address: Address = format!("http://127.0.0.1:{port}").parse().expect("an address of this form");
        // From here on it is stopped with the value.
        let mut started = Self { child, address, log: log_path.to_owned() };
        let asked = Fleet::new(Options {
            addresses: vec![started.address.clone()],
            model: String::new(),
            key: None,
            concurrency: 1,
            timeout: patience,
            retries: 0,
            back_off: Duration::ZERO,
        });
        let begun = Instant::now();
        loop {
            if let Some(status) = started.child.try_wait().map_err(cannot)? {
                return Err(StartError::Ended {
                    status,
                    log: log_path.to_owned(),
                    last: last_lines(log_path),
                });
            }
            let Err(reason) = asked.is_ready() else { return Ok(started) };
            if begun.elapsed() > patience {
                let (log, last) = (log_path.to_owned(), last_lines(log_path));
                return Err(StartError::Silent { waited: patience, reason, log, last });
            }
            sleep(PAUSE);
        }
    }

    /// Where it answers.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        let log = &self.log;
        Some(format!(
            "the server ended ({status}); its last lines, from {}:\n{}",
            log.display(),
            last_lines(log)
        ))
    }

    /// Ends it and what it started: asks first, and does not ask for ever.
    fn stop(&mut self) {
        signal(&self.child, false);
        let begun = Instant::now();
        while begun.elapsed() < TO_END {
            match self.child.try_wait() {
                Ok(None) => sleep(PAUSE),
                _ => break,
            }
        }
        signal(&self.child, true);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port that nobody listens at.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Makes a process the first of a group of its own, which a terminal's interrupt does not reach and which is ended as a whole.
#[cfg(unix)]
fn apart(process: &mut Command) {
    use std::os::unix::process::CommandExt;
    process.process_group(0);
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        let with_parent = || Ok(set_parent_process_death_signal(Some(Signal::TERM))?);
        // SAFETY: between fork and exec this does one system call, and takes no lock and no memory.
        unsafe { process.pre_exec(with_parent) };
    }
}

#[cfg(not(unix))]
fn apart(_: &mut Command) {}

/// Signals a process's group to end, or ends it.
#[cfg(unix)]
fn signal(child: &Child, at_once: bool) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let signal = if at_once { Signal::KILL } else { Signal::TERM };
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, signal);
    }
}

#[cfg(not(unix))]
fn signal(_: &Child, _: bool) {}

/// The end of what a server printed.
fn last_lines(log: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let from = file.metadata()?.len().saturating_sub(SHOWN_BYTES);
        file.seek(SeekFrom::Start(from))?;
        let mut end = Vec::new();
        file.take(SHOWN_BYTES).read_to_end(&mut end)?;
        Ok(end)
    };
    let end = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&end);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn start(command: &str, patience: u64) -> (Result<ServerProcess, StartError>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("server.log");
        let command = ServerCommand::parse(command).unwrap();
        let file = File::create(&log).unwrap();
        let started = ServerProcess::start(
            &command,
            Path::new("/a model"),
            (file, &log),
            Duration::from_millis(patience),
        );
        (started, folder)
    }

    #[test]
    fn a_command_is_read_as_a_shell_reads_it() {
        let command = ServerCommand::parse("'my vllm' serve {model} --port={port}").unwrap();
        assert_eq!(command.words(Path::new("/a {port}"), 7), ["my vllm", "serve", "/a {port}", "--port=7"]);
        for wrong in ["", "vllm serve {model}", "vllm --port {port}", "vllm '{model} {port}"] {
            assert!(ServerCommand::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_that_ends_is_told_with_what_it_printed() {
        let (started, _folder) = start("sh -c 'echo no model in $0 >&2; exit 3' {model} {port}", 60_000);
        let error = started.unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("no model in /a model"), "{error}");
        let (started, _folder) = start("/nowhere/vllm {model} {port}", 60_000);
        assert!(started.unwrap_err().to_string().starts_with("cannot start `/nowhere/vllm`"));
    }

    #[test]
    fn one_that_does_not_answer_is_stopped_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        // The shell's child would outlive the shell.
        let command = format!("sh -c 'sleep 300 & echo $! > {}; wait' {{model}} {{port}}", pid.display());
        let (started, _log) = start(&command, 5_000);
        assert!(matches!(started.unwrap_err(), StartError::Silent { .. }));
        let pid: i32 = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
        let is_gone = || {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        };
        let begun = Instant::now();
        while !is_gone() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it still runs");
            sleep(PAUSE);
        }
    }
}
