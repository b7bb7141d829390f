//! Opening plugins: by the recipe for a run, or one alone to look at it.
//!
//! In: a recipe's `[plugins]`. Out: [`Plugins`], each role loaded, pinned if the recipe says so, configured, and on record
//! for the manifest. Calling them is left out on purpose: the stages do.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ts_plugin::{
    CacheError, CachePlace, CodeCache, FUEL_PER_MS, HostOptions, LengthFunction, Limits, LogSink, Plugin,
    PluginHost, PluginSource, Role, SelectionPolicy, StepSplitter, Verifier,
};
use ts_run::manifest::PluginOrigin;

use crate::Error;
use crate::recipe::{PluginSection, Recipe, RunnerSection};

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
/// [`Error::Plugin`], under the name that was given.
pub fn open_plugin(recipe: &Recipe, source: &str) -> Result<Plugin, Error> {
    Ok(open_alone(recipe, source)?.1)
}

fn open_alone(recipe: &Recipe, source: &str) -> Result<(PluginHost, Plugin), Error> {
    let host = plugin_host(recipe, None)?;
    let plugin = load_plugin(&host, source)
        .map_err(|error| Error::Plugin { key: source.to_owned(), source: error })?;
    Ok((host, plugin))
}

/// Loads one plugin, and the runners that it needs: those given, or those beside it.
///
/// # Errors
/// As [`open_plugin`]; [`Error::NoRunner`].
pub fn open_plugin_with_runners(recipe: &Recipe, source: &str, runners: &[String]) -> Result<Plugin, Error> {
    let (host, plugin) = open_alone(recipe, source)?;
    let runners: Vec<RunnerSection> = runners.iter().map(|source| source.as_str().into()).collect();
    add_runners(&host, &plugin, source, &runners)?;
    Ok(plugin)
}

/// Loads the plugin that a recipe names for a role, with its runners and its settings, and nothing else of it.
///
/// # Errors
/// Those of the plugin, its pin, its runners.
pub(crate) fn open_for(recipe: &Recipe, role: Role) -> Result<(Plugin, Settings), Error> {
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
pub(crate) fn open_verifier(recipe: &Recipe) -> Result<Verifier, Error> {
    let (plugin, settings) = open_for(recipe, Role::Verifier)?;
    let failed = |source| Error::Plugin { key: "plugins.verifier".to_owned(), source };
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
) -> Result<Vec<PluginOrigin>, Error> {
    if !plugin.runs_programs() {
        return Ok(vec![]);
    }
    let found = if given.is_empty() { runners_beside(source) } else { given.to_vec() };
    if found.is_empty() {
        return Err(Error::NoRunner { verifier: source.to_owned() });
    }
    let add = |RunnerSection { source, sha256 }: &RunnerSection| {
        let failed = |error| Error::Plugin { key: source.clone(), source: error };
        let plugin = load_plugin(host, source).map_err(failed)?;
        check_pin("plugins.runners", source, sha256, &plugin)?;
        host.add_runner(plugin.runner().map_err(failed)?);
        Ok(origin("runner", &plugin))
    };
    found.iter().map(add).collect()
}

/// The runners in the folder of a plugin's file, by name.
fn runners_beside(source: &str) -> Vec<RunnerSection> {
    if embedded(source).is_some() {
        return vec![];
    }
    // A name alone is a file in the folder where this runs.
    let folder = Path::new(source).parent().unwrap_or(Path::new(""));
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
pub(crate) fn open_plugins(recipe: &Recipe, log: Option<LogSink>) -> Result<Plugins, Error> {
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
) -> Result<R, Error> {
    let key = format!("plugins.{role}");
    let failed = |source| Error::Plugin { key: key.clone(), source };
    let plugin = load_plugin(host, &section.source).map_err(failed)?;
    check_pin(&key, &section.source, &section.sha256, &plugin)?;
    origins.push(origin(role, &plugin));
    let settings = section.settings.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    open(&plugin, &settings).map_err(failed)
}

/// Fails where a recipe pins another component than the one loaded.
fn check_pin(key: &str, source: &str, pinned: &str, plugin: &Plugin) -> Result<(), Error> {
    let found = &plugin.identity().sha256;
    if pinned.is_empty() || pinned.eq_ignore_ascii_case(found) {
        return Ok(());
    }
    Err(Error::PluginHash {
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
fn plugin_host(recipe: &Recipe, log: Option<LogSink>) -> Result<PluginHost, Error> {
    let limits = &recipe.plugins.limits;
    let options = HostOptions {
        cache: code_cache().as_ref().ok().cloned(),
        limits: Limits {
            fuel_per_call: limits.fuel,
            processor_ms_per_call: limits.processor_ms,
            program_fuel_per_call: limits.program_ms * FUEL_PER_MS,
            memory_bytes: (limits.memory_mib as usize) << 20,
            table_elements: limits.table_elements as usize,
            instances: limits.instances,
            return_bytes: (limits.output_kib as usize) << 10,
            log_bytes_per_call: (limits.log_kib as usize) << 10,
            stack_bytes: (limits.stack_kib as usize) << 10,
            component_bytes: limits.component_mib << 20,
            compile_ms: limits.compile_ms,
            compile_memory_bytes: limits.compile_memory_mib << 20,
            guard_speculation: limits.guard_speculation,
        },
        isolation: recipe.plugins.isolation,
        log,
        max_parallel: recipe.run.n_workers(),
    };
    PluginHost::new(options).map_err(Error::PluginHost)
}

/// The user's compiled plugins, kept between runs, or why none are; opened once in a process. A run goes on without.
pub fn code_cache() -> &'static Result<Arc<CodeCache>, CacheError> {
    static CACHE: OnceLock<Result<Arc<CodeCache>, CacheError>> = OnceLock::new();
    CACHE.get_or_init(|| CodeCache::open(cache_place()?).map(Arc::new))
}

/// Where compiled plugins are kept.
fn cache_place() -> Result<CachePlace, CacheError> {
    let place = |variable: &str, below_home: &str| {
        user_folder(variable, below_home).ok_or_else(|| CacheError {
            path: below_home.into(),
            reason: format!("has no place: neither {variable} nor HOME is an absolute path"),
        })
    };
    Ok(CachePlace {
        folder: place("XDG_CACHE_HOME", ".cache")?.join("compiled"),
        key: place("XDG_STATE_HOME", ".local/state")?.join("cache.key"),
    })
}

/// The user's folder for what can be made again.
pub(crate) fn user_cache() -> Option<PathBuf> {
    user_folder("XDG_CACHE_HOME", ".cache")
}

/// One of the user's folders for what is kept, as the XDG Base Directory Specification has them: a variable that is empty or
/// not absolute counts as unset.
fn user_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))?;
    Some(folder.join("ts-host"))
}

/// Loads an embedded plugin by its name, or a component file.
///
/// # Errors
/// Those of [`PluginHost::load`].
pub fn load_plugin(host: &PluginHost, source: &str) -> Result<Plugin, ts_plugin::LoadError> {
    host.load(match embedded(source) {
        Some((name, bytes)) => PluginSource::Embedded { name: name.to_owned(), bytes: bytes.into() },
        None => PluginSource::File(PathBuf::from(source)),
    })
}

/// The embedded plugin of this name.
fn embedded(source: &str) -> Option<(&'static str, &'static [u8])> {
    ts_embedded::PLUGINS.iter().copied().find(|(name, _)| *name == source)
}
