//! The other side: a process that runs programs until its input ends.
//!
//! In: messages on standard input, see `wire.rs`. Out: answers on standard output. When its input ends, so does this process, also in
//! the middle of a program: whoever started it is gone, however that came, or does not want the answer. Left out on purpose: processes
//! of its own.

use std::collections::HashMap;
use std::io::{BufWriter, Stdin, Stdout, stdin, stdout};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::cache::CodeCache;
use crate::call_error::CallErrorKind;
use crate::host::{HostOptions, PluginHost};
use crate::runner::{Runner, Share, converse_here};
use crate::source::PluginSource;

use super::wire::{Answer, Asked, Failed, Job, Request, Setup, read, read_bytes, write};

/// Serves; the exit status.
pub(super) fn serve() -> i32 {
    // What goes wrong here is a broken pipe or a message of another program: whoever started this is gone.
    match run(stdin(), &mut BufWriter::new(stdout())) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

fn run(mut from: Stdin, to: &mut BufWriter<Stdout>) -> std::io::Result<()> {
    let Some(Setup { cache, limits }) = read(&mut from)? else { return Ok(()) };
    // Without it each runner is compiled once more here.
    let cache = CodeCache::open(cache).ok().map(Arc::new);
    let messages = listen(from)?;
    // Two programs converse at most.
    let options = HostOptions { cache, limits, max_parallel: 1, ..HostOptions::default() };
    let mut runners =
        Runners { host: PluginHost::new(options).map_err(std::io::Error::other)?, by_hash: HashMap::new() };
    for bytes in messages {
        let Asked { request, fuel } = postcard::from_bytes(&bytes).map_err(std::io::Error::other)?;
        write(to, &runners.answer(&request, &Share { fuel, cancel: None }))?;
    }
    Ok(())
}

/// Hears messages on a thread of its own, which ends the process with its input.
fn listen(mut from: Stdin) -> std::io::Result<Receiver<Vec<u8>>> {
    let (heard, messages) = channel();
    let listen = move || {
        while let Ok(Some(bytes)) = read_bytes(&mut from) {
            // The other thread has ended only if this process is about to.
            let _ = heard.send(bytes);
        }
        std::process::exit(0)
    };
    thread::Builder::new().name("listen".into()).spawn(listen)?;
    Ok(messages)
}

struct Runners {
    host: PluginHost,
    by_hash: HashMap<String, Runner>,
}

impl Runners {
    fn answer(&mut self, request: &Request<'_>, share: &Share) -> Answer {
        match request {
            Request::Run(job) => Ok(vec![self.runner(job)?.run_here(&job.program, share)?]),
            Request::Converse(first, second) => {
                let runners = (self.runner(first)?, self.runner(second)?);
                let ran = converse_here((&runners.0, &first.program), (&runners.1, &second.program), share)?;
                Ok(vec![ran.0, ran.1])
            }
        }
    }

    fn runner(&mut self, job: &Job<'_>) -> Result<Runner, Failed> {
        if let Some(runner) = self.by_hash.get(&*job.sha256) {
            return Ok(runner.clone());
        }
        let failed = |reason: String| {
            let name = job.file.display().to_string();
            Failed::new(&name, "instantiate", CallErrorKind::Unavailable(reason), None)
        };
        let file: &Path = &job.file;
        let plugin =
            self.host.load(PluginSource::File(file.into())).map_err(|error| failed(error.to_string()))?;
        if plugin.identity().sha256 != *job.sha256 {
            return Err(failed("the file changed while it was in use".into()));
        }
        let runner = plugin.runner().map_err(|error| failed(error.to_string()))?;
        self.by_hash.insert(job.sha256.clone().into_owned(), runner.clone());
        Ok(runner)
    }
}
