//! A verifier as a service for other trainers.

use std::io::{BufReader, BufWriter, stdin, stdout};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use ts_harness::Handle;
use ts_harness::bench::bench;
use ts_harness::handle::Input;
use ts_plugin::{Isolation, Role};
use ts_recipe::{OpenError, Override, n_threads, open_plugin_with_runners};
use ts_serve::{Door, Options, Service};

use super::loader;
use crate::args::serve::ServeArgs;
use crate::plugin_log::ServiceLog;
use crate::terminal::note;

/// Where keys stand in the environment: lines as in a file of keys.
const KEYS: &str = "TS_HOST_SERVE_KEYS";

/// Serves until the input ends or the process is told to stop.
pub(super) fn run(args: &ServeArgs) -> Result<()> {
    let settings = args.setting.iter().cloned().collect();
    let max_body_bytes = args.max_body_mib << 20;
    let options = Options {
        workers: n_threads(args.workers),
        queue: args.queue,
        max_body_bytes,
        deadline: Duration::from_secs(args.deadline),
        door: door(args)?,
        ..Options::default()
    };
    let workers = options.workers;
    let mut overrides = args.set.clone();
    overrides.push(Override::new("run.workers", options.places() as i64));
    let recipe = loader().load("default", overrides.clone())?;
    let (source, runners) = args.plugin.split_first().context("--plugin: a verifier must be given")?;
    super::elsewhere::have(&recipe, &args.plugin)?;
    let log = args.verbose.then(ServiceLog::sink);
    let verifier = open_plugin_with_runners(&recipe, source, runners, log)?
        .verifier(&settings)
        .map_err(OpenError::Named)?;
    let is_fresh = verifier.plugin().isolation() == Isolation::PerCall && !verifier.plugin().runs_programs();
    let hint =
        if is_fresh && !args.stdio { what_would_be_faster(&overrides, source, &settings) } else { None };
    let identity = verifier.plugin().identity();
    let who = format!("{} {}", identity.name, identity.version);
    let service = Service::start(verifier, options).context("cannot start the workers")?;
    if args.stdio {
        let (input, mut output) = (BufReader::new(stdin()), BufWriter::new(stdout().lock()));
        return ts_serve::stdio(&service, input, &mut output).context("standard input or output failed");
    }
    let ready = |address| {
        note(format_args!("{who} at http://{address}, {workers} workers"));
        hint.iter().for_each(note);
    };
    ts_serve::serve(&service, args.listen, ready)
        .with_context(|| format!("cannot serve at {}; --listen takes another address", args.listen))
}

/// How many times as fast a verifier must be for that to be worth a hint.
const MUCH_FASTER: f64 = 4.0;

/// How long calls are made to find out.
const CALLS_FOR: Duration = Duration::from_millis(50);

/// Fuel of such a call, units: who takes more for a small example, takes his time in what he does and not in starting.
const LITTLE_FUEL: i64 = 20_000_000;

/// That calls in instances that are used again would be much faster, if that is so and was not asked for: a fresh instance of an
/// interpreter takes longer to start than most responses to grade. The host does not choose that by itself, since an instance may
/// then remember earlier calls.
fn what_would_be_faster(
    overrides: &[Override],
    source: &str,
    settings: &Map<String, Value>,
) -> Option<String> {
    let calls_a_second = |isolation: &str| {
        let mut overrides = overrides.to_vec();
        overrides.push(Override::new("plugins.isolation", isolation));
        overrides.push(Override::new("plugins.limits.fuel", LITTLE_FUEL));
        let recipe = loader().load("default", overrides).ok()?;
        let verifier = open_plugin_with_runners(&recipe, source, &[], None).ok()?.verifier(settings).ok()?;
        let cost = bench(&Handle::Verifier(verifier), &[Input::example(Role::Verifier)], 1, CALLS_FOR);
        (cost.failed == 0).then_some(cost.calls_per_second)
    };
    let (fresh, reused) = (calls_a_second("per_call")?, calls_a_second("reused")?);
    (reused > MUCH_FASTER * fresh).then(|| {
        format!(
            "hint: {fresh:.0} responses a second on a core, each in a fresh instance; --set plugins.isolation=reused grades {reused:.0}, in \
             instances that may remember earlier ones"
        )
    })
}

/// Who may ask, as the flags and the environment say.
fn door(args: &ServeArgs) -> Result<Door> {
    let mut door = Door::default();
    if let Some(path) = &args.key_file {
        door.add_key_file(path).map_err(anyhow::Error::msg).context("--key-file")?;
    }
    match std::env::var(KEYS) {
        Ok(lines) => door.add_keys(&lines).map_err(anyhow::Error::msg).context(KEYS)?,
        Err(std::env::VarError::NotPresent) => {}
        Err(error) => bail!("{KEYS}: {error}"),
    }
    if !args.stdio && !args.listen.ip().is_loopback() && door.n_keys() == 0 && !args.no_key {
        bail!(
            "--listen {}: other machines reach this address, and there is no key; give --key-file FILE or {KEYS}, or --no-key \
             where something else keeps strangers out",
            args.listen
        );
    }
    args.allow_host.iter().for_each(|name| door.allow_host(name));
    args.allow_origin.iter().for_each(|origin| door.allow_origin(origin));
    Ok(door)
}
