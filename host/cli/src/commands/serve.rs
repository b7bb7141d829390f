//! A verifier as a service for other trainers.

use std::io::{BufReader, BufWriter, stdin, stdout};
use std::time::Duration;

use anyhow::{Context, Result};
use ts_pipeline::Error;
use ts_pipeline::recipe::{Override, n_threads};
use ts_pipeline::setup::open_plugin_with_runners;
use ts_serve::{Options, Service};

use super::{loader, parse_overrides, plugin};
use crate::args::ServeArgs;
use crate::terminal::note;

/// Serves until the input ends or the process is told to stop.
pub(super) fn run(args: &ServeArgs) -> Result<()> {
    let settings = plugin::settings(&args.setting)?;
    let workers = n_threads(args.workers);
    let mut overrides = parse_overrides(&args.set)?;
    overrides.push(Override::new("run.workers", workers as i64));
    let recipe = loader().load("default", overrides).map_err(Error::from)?;
    let (source, runners) = args.plugin.split_first().context("--plugin: a verifier must be given")?;
    let verifier = open_plugin_with_runners(&recipe, source, runners)?
        .verifier(&settings)
        .map_err(|error| Error::Plugin { key: source.clone(), source: error })?;
    let identity = verifier.plugin().identity();
    let who = format!("{} {}", identity.name, identity.version);
    let max_body_bytes = args.max_body_mib << 20;
    let options = Options {
        workers,
        queue: args.queue,
        max_body_bytes,
        max_held_bytes: Options::default().max_held_bytes.max(2 * max_body_bytes),
        deadline: Duration::from_secs(args.deadline),
        ..Options::default()
    };
    let service = Service::start(verifier, options).context("cannot start the workers")?;
    if args.stdio {
        let (input, mut output) = (BufReader::new(stdin()), BufWriter::new(stdout().lock()));
        return ts_serve::stdio(&service, input, &mut output).context("standard input or output failed");
    }
    let ready = |address| note(format_args!("{who} at http://{address}, {workers} workers"));
    ts_serve::serve(&service, args.listen, ready)
        .with_context(|| format!("cannot serve at {}; --listen takes another address", args.listen))
}
