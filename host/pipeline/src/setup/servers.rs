//! The servers that sample for a run: those that a recipe names, or one that the run starts itself.
//!
//! In: a recipe's `[sampler]`, and which model is meant. Out: a [`Sampler`], servers with that model. A server that was started stays
//! for the stages after, until another model is asked for or the run stops it.

use std::fs;
use std::io::Read;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ts_recipe::{SamplerKind, SamplerSection};
use ts_servers::{Address, Fleet, Key, ServerCommand, ServerProcess, fleet};

use crate::Error;

/// How long a server is left alone after its first failure.
const BACK_OFF: Duration = Duration::from_millis(500);

/// Bytes of a file that are read for a key.
const MOST_OF_KEY: u64 = 1 << 16;

/// Which model is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// The one that the run starts from.
    Base,
    /// The one that it trained.
    Trained,
}

/// Servers with one model. A server that was started for it runs at least as long.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    fleet: Arc<Fleet>,
    _started: Option<Arc<Started>>,
}

impl Deref for Sampler {
    type Target = Fleet;

    fn deref(&self) -> &Fleet {
        &self.fleet
    }
}

/// A server that was started, and the model's folder, if that was made for it.
#[derive(Debug)]
struct Started {
    address: Address,
    /// The model's folder, as the server was told it.
    model: String,
    process: Mutex<ServerProcess>,
    _folder: Option<tempfile::TempDir>,
}

impl Started {
    fn ended(&self) -> Option<String> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).ended()
    }
}

/// A run's servers.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    running: Mutex<Option<(Served, Arc<Started>)>>,
}

impl Servers {
    /// Servers with a model. `model` gives its folder, and perhaps a temporary one that holds it, if a server has to be started; what
    /// that prints goes to `log`.
    pub(crate) fn sampler(
        &self,
        section: &SamplerSection,
        served: Served,
        log: &Path,
        trained: &Path,
        model: impl FnOnce() -> Result<(PathBuf, Option<tempfile::TempDir>), Error>,
    ) -> Result<Sampler, Error> {
        debug_assert!(section.kind == SamplerKind::Openai);
        let key = key(section)?;
        let options = |addresses: Vec<Address>, model: &str| fleet::Options {
            addresses,
            model: model.to_owned(),
            key,
            concurrency: section.concurrency,
            timeout: Duration::from_secs(section.timeout_s),
            retries: section.retries,
            back_off: BACK_OFF,
        };
        if section.serve_command.is_empty() {
            let (urls, name) = match served {
                Served::Base => (&section.urls, section.model.as_str()),
                // What is another model has another name.
                Served::Trained => (&section.trained_urls, ""),
            };
            if urls.is_empty() {
                return Err(Error::NoTrainedServer { model: trained.to_owned() });
            }
            // A recipe's addresses were checked when it was read.
            let addresses = urls.iter().filter_map(|url| url.parse().ok()).collect();
            return Ok(Sampler { fleet: Arc::new(Fleet::new(options(addresses, name))), _started: None });
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let started = match &*running {
            Some((model, started)) if *model == served && started.ended().is_none() => Arc::clone(started),
            _ => {
                *running = None;
                let started = Arc::new(start(section, log, model)?);
                *running = Some((served, Arc::clone(&started)));
                started
            }
        };
        let name = section.model.replace("{model}", &started.model);
        let fleet = Fleet::new(options(vec![started.address.clone()], &name));
        let watched = Arc::clone(&started);
        let fleet = Arc::new(fleet.watched(Box::new(move || watched.ended())));
        Ok(Sampler { fleet, _started: Some(started) })
    }

    /// Stops the server that was started, if there is one: its memory is for others.
    pub(crate) fn stop(&self) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn start(
    section: &SamplerSection,
    log: &Path,
    model: impl FnOnce() -> Result<(PathBuf, Option<tempfile::TempDir>), Error>,
) -> Result<Started, Error> {
    let (model, folder) = model()?;
    let file = |source| Error::File { path: log.to_owned(), source };
    // Whatever stands there, a link too, makes way.
    match fs::remove_file(log) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file(error)),
        _ => {}
    }
    let output = fs::File::create_new(log).map_err(file)?;
    // The recipe's command was checked when it was read.
    let command = ServerCommand::parse(&section.serve_command).expect("a command that was checked");
    let patience = Duration::from_secs(section.start_timeout_s);
    let process = ServerProcess::start(&command, &model, (output, log), patience)?;
    let (address, model) = (process.address().clone(), model.to_string_lossy().into_owned());
    Ok(Started { address, model, process: Mutex::new(process), _folder: folder })
}

fn key(section: &SamplerSection) -> Result<Option<Key>, Error> {
    let no_key = |reason: String| Error::NoKey { reason };
    let (key, from) = if !section.api_key_env.is_empty() {
        let name = &section.api_key_env;
        let key =
            std::env::var(name).map_err(|_| no_key(format!("the variable {name} is not set, or no text")))?;
        (key, format!("the variable {name}"))
    } else if !section.api_key_file.is_empty() {
        let path = PathBuf::from(&section.api_key_file);
        let mut key = String::new();
        let read = fs::File::open(&path).and_then(|file| file.take(MOST_OF_KEY).read_to_string(&mut key));
        read.map_err(|source| Error::File { path, source })?;
        (key, section.api_key_file.clone())
    } else {
        return Ok(None);
    };
    match Key::new(&key) {
        Some(key) => Ok(Some(key)),
        None => Err(no_key(format!("what {from} holds is empty, or no one word of plain characters"))),
    }
}
