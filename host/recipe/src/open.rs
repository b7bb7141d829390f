//! Opening plugins: by the recipe for a run, or one alone to look at it.
//!
//! In: a recipe's `[plugins]`. Out: [`Plugins`], each role loaded, pinned if the recipe says so, configured, and on record
//! for the manifest.

use std::path::Path;

use ts_plugin::{
    HostOptions, LengthFunction, LoadError, LogSink, Plugin, PluginHost, PluginSource, Role, SelectionPolicy,
    StepSplitter, Verifier,
};
use ts_registry::{Pins, Source};
use ts_run::manifest::PluginOrigin;

use crate::plugins_section::{PluginSection, RunnerSection};
use crate::user_folders::{code_cache, plugin_store};
use crate::{OpenError, Recipe};

/// The four roles, ready to call, and where they came from.
pub struct Plugins {
    /// Grades.
    pub verifier: Verifier,
    /// Splits reasoning into steps.
    pub step_splitter: StepSplitter,
    /// Chooses positives and pairs.
    pub selection_policy: SelectionPolicy,
    /// Measures length.
    pub length_function: LengthFunction,
    /// What the manifest says of them, in the recipe's order.
    pub origins: Vec<PluginOrigin>,
}

/// Loads one plugin outside of any run, to look at it or to test it. `limits` are the default recipe's.
///
/// # Errors
/// [`OpenError::Named`], [`OpenError::NamedElsewhere`].
pub fn open_plugin(recipe: &Recipe, source: &str) -> Result<Plugin, OpenError> {
    Ok(open_alone(recipe, source, None)?.1)
}

fn open_alone(
    recipe: &Recipe,
    source: &str,
    log: Option<LogSink>,
) -> Result<(PluginHost, Plugin), OpenError> {
    let host = plugin_host(recipe, log)?;
    let plugin = load_plugin(&host, source)?;
    Ok((host, plugin))
}

/// Loads one plugin, and the runners that it needs: those given, or those beside it. `log` hears what it logs.
///
/// # Errors
/// As [`open_plugin`]; [`OpenError::NoRunner`].
pub fn open_plugin_with_runners(
    recipe: &Recipe,
    source: &str,
    runners: &[String],
    log: Option<LogSink>,
) -> Result<Plugin, OpenError> {
    let (host, plugin) = open_alone(recipe, source, log)?;
    let runners: Vec<RunnerSection> = runners.iter().map(|source| source.as_str().into()).collect();
    add_runners(&host, &plugin, source, &runners)?;
    Ok(plugin)
}

/// Loads the plugin that a recipe names for a role, with its runners and its settings, and nothing else of it.
///
/// # Errors
/// Those of the plugin, its pin, its runners.
pub fn open_for(recipe: &Recipe, role: Role) -> Result<(Plugin, Settings), OpenError> {
    let (host, section) = (plugin_host(recipe, None)?, recipe.plugins.of(role));
    let opened = |plugin: &Plugin, settings: &Settings| Ok((plugin.clone(), settings.clone()));
    let opened = open_role(&host, section, &key_of(role), &mut Vec::new(), opened)?;
    add_runners(&host, &opened.0, &section.source, &recipe.plugins.runners)?;
    Ok(opened)
}

/// Opens the verifier that a recipe names, and nothing else of it.
///
/// # Errors
/// Those of the plugin, its settings, its pin, its runners.
pub fn open_verifier(recipe: &Recipe) -> Result<Verifier, OpenError> {
    let (plugin, settings) = open_for(recipe, Role::Verifier)?;
    let failed = |source| OpenError::Plugin { key: "plugins.verifier".to_owned(), source };
    plugin.verifier(&settings).map_err(failed)
}

/// A role as recipes and manifests write it.
pub fn key_of(role: Role) -> String {
    role.interface().replace('-', "_")
}

/// Gives a host the runners that a plugin needs, if it needs any, and says what they are.
fn add_runners(
    host: &PluginHost,
    plugin: &Plugin,
    source: &str,
    given: &[RunnerSection],
) -> Result<Vec<PluginOrigin>, OpenError> {
    if !plugin.runs_programs() {
        return Ok(vec![]);
    }
    let found = if given.is_empty() { runners_beside(plugin, source) } else { given.to_vec() };
    if found.is_empty() {
        return Err(OpenError::NoRunner { verifier: source.to_owned() });
    }
    let add = |RunnerSection { source, sha256 }: &RunnerSection| {
        let failed = |error| OpenError::Plugin { key: "plugins.runners".to_owned(), source: error };
        let plugin = load(host, source, sha256).map_err(|cause| cause.of("plugins.runners"))?;
        check_pin("plugins.runners", source, sha256, &plugin)?;
        host.add_runner(plugin.runner().map_err(failed)?);
        Ok(origin("runner", &plugin))
    };
    found.iter().map(add).collect()
}

/// The runners in the folder of a plugin's file, by name; one of elsewhere has none.
fn runners_beside(plugin: &Plugin, source: &str) -> Vec<RunnerSection> {
    let Some(file) = plugin.file().filter(|_| matches!(Source::parse(source), Ok(None))) else {
        return vec![];
    };
    // A name alone is a file in the folder where this runs.
    let folder = file.parent().unwrap_or(Path::new(""));
    let list = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let files = std::fs::read_dir(list).into_iter().flatten().flatten();
    let mut runners: Vec<_> = files
        .map(|file| folder.join(file.file_name()))
        .filter(|path| path.to_string_lossy().ends_with("_runner.wasm"))
        .map(|path| path.display().to_string())
        .collect();
    runners.sort();
    runners.iter().map(|source| source.as_str().into()).collect()
}

fn origin(role: &str, plugin: &Plugin) -> PluginOrigin {
    let identity = plugin.identity();
    PluginOrigin {
        role: role.to_owned(),
        name: identity.name.clone(),
        version: identity.version.clone(),
        sha256: identity.sha256.clone(),
        origin: identity.origin.clone(),
    }
}

/// Opens the four roles that a recipe names.
pub fn open_plugins(recipe: &Recipe, log: Option<LogSink>) -> Result<Plugins, OpenError> {
    let section = &recipe.plugins;
    let host = plugin_host(recipe, log)?;
    let mut origins = Vec::new();
    let verifier = open_role(&host, &section.verifier, "verifier", &mut origins, Plugin::verifier)?;
    let step_splitter =
        open_role(&host, &section.step_splitter, "step_splitter", &mut origins, Plugin::step_splitter)?;
    let selection_policy = open_role(
        &host,
        &section.selection_policy,
        "selection_policy",
        &mut origins,
        Plugin::selection_policy,
    )?;
    let length_function =
        open_role(&host, &section.length_function, "length_function", &mut origins, Plugin::length_function)?;
    origins.extend(add_runners(&host, verifier.plugin(), &section.verifier.source, &section.runners)?);
    Ok(Plugins { verifier, step_splitter, selection_policy, length_function, origins })
}

/// A plugin's own settings.
pub type Settings = serde_json::Map<String, serde_json::Value>;

/// Loads the plugin of one role, checks its pin, and configures it.
fn open_role<R>(
    host: &PluginHost,
    section: &PluginSection,
    role: &str,
    origins: &mut Vec<PluginOrigin>,
    open: impl FnOnce(&Plugin, &Settings) -> Result<R, ts_plugin::LoadError>,
) -> Result<R, OpenError> {
    let key = format!("plugins.{role}");
    let failed = |source| OpenError::Plugin { key: key.clone(), source };
    let plugin = load(host, &section.source, &section.sha256).map_err(|cause| cause.of(&key))?;
    check_pin(&key, &section.source, &section.sha256, &plugin)?;
    origins.push(origin(role, &plugin));
    let settings = section.settings.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    open(&plugin, &settings).map_err(failed)
}

/// Fails where a recipe pins another component than the one loaded.
fn check_pin(key: &str, source: &str, pinned: &str, plugin: &Plugin) -> Result<(), OpenError> {
    let found = &plugin.identity().sha256;
    if pinned.is_empty() || pinned.eq_ignore_ascii_case(found) {
        return Ok(());
    }
    Err(OpenError::Hash {
        key: key.to_owned(),
        source_name: source.to_owned(),
        found: found.clone(),
        pinned: pinned.to_owned(),
    })
}

/// The engine that a recipe's plugins run in.
///
/// # Errors
/// The engine cannot be set up.
fn plugin_host(recipe: &Recipe, log: Option<LogSink>) -> Result<PluginHost, OpenError> {
    let options = HostOptions {
        cache: code_cache().as_ref().ok().cloned(),
        limits: recipe.plugins.limits.clone(),
        isolation: recipe.plugins.isolation,
        log,
        max_parallel: recipe.run.n_workers(),
    };
    PluginHost::new(options).map_err(OpenError::Host)
}

/// Loads an embedded plugin by its name, a component file, that of a folder, or one of elsewhere that is here and named by its digest.
///
/// # Errors
/// Those of [`PluginHost::load`] and of [`ts_registry::Store::find`].
pub fn load_plugin(host: &PluginHost, source: &str) -> Result<Plugin, OpenError> {
    load(host, source, "").map_err(|cause| match cause {
        Cause::Load(error) => OpenError::Named(error),
        Cause::Elsewhere(error) => OpenError::NamedElsewhere(error),
    })
}

/// Why a plugin is not loaded, before it is said which one.
enum Cause {
    Load(LoadError),
    Elsewhere(ts_registry::Error),
}

impl Cause {
    /// As an error about one of a recipe's plugins.
    fn of(self, key: &str) -> OpenError {
        let key = key.to_owned();
        match self {
            Self::Load(source) => OpenError::Plugin { key, source },
            Self::Elsewhere(source) => OpenError::Elsewhere { key, source },
        }
    }
}

/// [`load_plugin`], of a plugin with a pin: of elsewhere, that is what it is found by.
fn load(host: &PluginHost, source: &str, sha256: &str) -> Result<Plugin, Cause> {
    let place = match embedded(source) {
        Some((name, bytes)) => PluginSource::Embedded { name: name.to_owned(), bytes: bytes.into() },
        None => match Source::parse(source).map_err(Cause::Elsewhere)? {
            None => PluginSource::local(Path::new(source)).map_err(Cause::Load)?,
            Some(elsewhere) => kept(&elsewhere, sha256).map_err(Cause::Elsewhere)?,
        },
    };
    host.load(place).map_err(Cause::Load)
}

/// What the store has of a plugin of elsewhere.
fn kept(elsewhere: &Source, sha256: &str) -> Result<PluginSource, ts_registry::Error> {
    let beside = Pins { manifest: None, sha256: pin_of(elsewhere, sha256)? };
    let found = plugin_store()?.find(elsewhere, &beside)?;
    let (origin, sha256) = (elsewhere.to_string(), found.sha256.hex().to_owned());
    Ok(PluginSource::Pinned { origin, path: found.path, sha256 })
}

/// The pin of a plugin of elsewhere, which must be a digest where there is one.
pub(crate) fn pin_of(
    elsewhere: &Source,
    sha256: &str,
) -> Result<Option<ts_registry::Digest>, ts_registry::Error> {
    let bad = |must: &str| ts_registry::Error::BadSource {
        name: elsewhere.to_string(),
        fault: format!("its sha256 in the recipe is `{sha256}`, and {must}"),
    };
    let pin = Some(sha256).filter(|sha256| !sha256.is_empty());
    pin.map(|sha256| sha256.parse().map_err(bad)).transpose()
}

/// What a plugin is called by whoever names it so: the last part of its place, without `.wasm`.
pub fn stem_of(source: &str) -> String {
    match Source::parse(source) {
        Ok(Some(elsewhere)) => elsewhere.stem().to_owned(),
        _ => {
            Path::new(source).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
        }
    }
}

/// The embedded plugin of this name.
fn embedded(source: &str) -> Option<(&'static str, &'static [u8])> {
    ts_embedded::PLUGINS.iter().copied().find(|(name, _)| *name == source)
}
