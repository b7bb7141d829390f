//! A runner for tests: an interpreter as a subprocess, without a sandbox.
//!
//! In: a program of ours or of a data set that is trusted. Out: how it ended, as a runner would say. Left out on purpose:
//! fuel and denial of anything; the host's tests have these.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ts_code::{Ending, Limits, Ran, Runner};

/// `python3` and `node`.
pub(crate) struct Subprocess;

impl Runner for Subprocess {
    fn languages(&self) -> Vec<String> {
        vec!["python".to_owned(), "javascript".to_owned()]
    }

    fn run(&self, language: &str, source: &str, input: &str, limits: &Limits) -> Result<Ran, String> {
        let mut command = match language {
            "python" => {
                let mut command = Command::new("sh");
                let memory = format!("ulimit -v {}; exec python3 -c \"$0\"", limits.memory_mib * 1024);
                command.args(["-c", &memory, source]);
                command
            }
            "javascript" => {
                let mut command = Command::new("node");
                command.args(["-e", source]);
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
        let (mut stdin, stdout, stderr) =
            (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let input = input.to_owned();
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let most = u64::from(limits.output_bytes);
        let reader = std::thread::spawn(move || kept(stdout, most));
        let errors = std::thread::spawn(move || kept(stderr, 1 << 20));
        let end = Instant::now() + Duration::from_millis(u64::from(limits.time_ms));
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                break Some(status);
            }
            if Instant::now() > end {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let _ = writer.join();
        let (output, output_cut) = reader.join().unwrap();
        let errors = String::from_utf8_lossy(&errors.join().unwrap().0).into_owned();
        let told = errors.trim_end().lines().last().unwrap_or_default().to_owned();
        let ending = match status.map(|status| status.code()) {
            None => Ending::TimeLimit,
            Some(Some(1)) if !errors.contains("Traceback") && errors.contains("Error: ") => {
                Ending::NotCompiled(told)
            }
            Some(Some(1)) if errors.contains("Traceback") => Ending::Failed(told),
            Some(Some(status)) => Ending::Exited(status as u8),
            Some(None) => Ending::Failed("a signal".to_owned()),
        };
        Ok(Ran { ending, output, output_cut })
    }
}

/// What a stream holds, so many bytes of it.
fn kept(mut stream: impl Read, most: u64) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let _ = (&mut stream).take(most).read_to_end(&mut bytes);
    let dropped = std::io::copy(&mut stream, &mut std::io::sink()).unwrap_or(0);
    (bytes, dropped > 0)
}
