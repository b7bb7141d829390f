//! The other side: a process that runs programs until its input ends.
//!
//! In: messages on standard input, see `wire.rs`. Out: answers on standard output. When its input ends, so
//! does its work, also in the middle of a program: whoever started it is gone, however that came, or does not
//! want the answer. It runs programs itself.

use std::collections::HashMap;
use std::io::{BufWriter, Error, Result, stdin, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::call::call_error::CallErrorKind;
use crate::host::{HostOptions, PluginHost};
use crate::load::cache::CodeCache;
use crate::load::source::PluginSource;
use crate::processes::messages::{read, read_bytes, write};
use crate::processes::wire::{Answer, Asked, Failed, Job, Request, Setup};
use crate::programs::program::Share;
use crate::programs::runner::{Runner, converse_here};

/// Serves until the input ends. An error is a broken pipe or a message of another program: whoever started
/// this is gone.
pub(crate) fn serve() -> Result<()> {
    let mut from = stdin();
    let Some(setup) = read(&mut from)? else { return Ok(()) };
    let (done, ended) = channel();
    let (heard, messages) = channel();
    let works = done.clone();
    let work = move || {
        let worked = catch_unwind(AssertUnwindSafe(|| answer_all(setup, messages)));
        works.send(worked.unwrap_or_else(|_| Err(Error::other("a fault while it worked"))))
    };
    let listen = move || {
        while let Ok(Some(bytes)) = read_bytes(&mut from) {
            // The other thread has ended only if this process is about to.
            let _ = heard.send(bytes);
        }
        done.send(Ok(()))
    };
    thread::Builder::new().name("work".into()).spawn(work)?;
    thread::Builder::new().name("listen".into()).spawn(listen)?;
    // Whichever is first; the other one may be in the middle of something.
    ended.recv().map_err(Error::other)?
}

/// Answers messages until there are no more.
fn answer_all(Setup { cache, limits }: Setup, messages: Receiver<Vec<u8>>) -> Result<()> {
    let to = &mut BufWriter::new(stdout());
    // Without it each runner is compiled once more here.
    let cache = CodeCache::open(cache).ok().map(Arc::new);
    // Two programs converse at most.
    let options = HostOptions { cache, limits, max_parallel: 1, ..HostOptions::default() };
    let mut runners =
        Runners { host: PluginHost::new(options).map_err(Error::other)?, by_hash: HashMap::new() };
    for bytes in messages {
        let Asked { request, fuel } = postcard::from_bytes(&bytes).map_err(Error::other)?;
        write(to, &runners.answer(&request, &Share { fuel, cancel: None }))?;
    }
    Ok(())
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

    fn runner(&mut self, job: &Job<'_>) -> std::result::Result<Runner, Failed> {
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
