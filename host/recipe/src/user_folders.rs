//! The user's folders for what is kept between runs.
//!
//! As the XDG Base Directory Specification has them, on macOS too: a variable that is empty or not an absolute path counts as
//! unset. On Windows they are the system's own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use etcetera::BaseStrategy;
use ts_plugin::{CacheError, CachePlace, CodeCache};
use ts_registry::Store;

/// The variables that name them, on Unix.
const CACHE: &str = "XDG_CACHE_HOME";
const STATE: &str = "XDG_STATE_HOME";

/// Their name among those of other programs.
const NAME: &str = "ts-host";

/// The user's folder for what can be made again, if the user has one.
pub fn user_cache() -> Option<PathBuf> {
    ours(CACHE, |folders| folders.cache_dir())
}

/// The user's folder for what is not worth a backup but cannot be made again.
fn user_state() -> Option<PathBuf> {
    ours(STATE, |folders| folders.state_dir().unwrap_or_else(|| folders.data_dir()))
}

/// Our folder in one of the user's. Whoever has no home by its variable has one by that folder's own variable, or none.
fn ours(variable: &str, folder: impl FnOnce(&dyn BaseStrategy) -> PathBuf) -> Option<PathBuf> {
    let is_absolute = |name: &str| std::env::var_os(name).is_some_and(|path| Path::new(&path).is_absolute());
    if cfg!(unix) && !is_absolute(variable) && !is_absolute("HOME") {
        return None;
    }
    let folder = folder(&etcetera::choose_base_strategy().ok()?);
    folder.is_absolute().then(|| folder.join(NAME))
}

/// The user's compiled plugins, kept between runs, or why none are; opened once in a process. A run goes on without.
pub fn code_cache() -> &'static Result<Arc<CodeCache>, CacheError> {
    static CACHE: OnceLock<Result<Arc<CodeCache>, CacheError>> = OnceLock::new();
    CACHE.get_or_init(|| CodeCache::open(cache_place()?).map(Arc::new))
}

/// The user's plugins of registries and URLs, beside the compiled ones.
///
/// # Errors
/// [`ts_registry::Error::NoPlace`].
pub fn plugin_store() -> Result<Store, ts_registry::Error> {
    let folder = user_cache().ok_or(ts_registry::Error::NoPlace)?;
    Ok(Store::at(folder.join("plugins")))
}

/// Where compiled plugins are kept, and the key under which they are.
fn cache_place() -> Result<CachePlace, CacheError> {
    let place = |folder: Option<PathBuf>, variable: &str, below_home: &str| {
        folder.ok_or_else(|| CacheError {
            path: below_home.into(),
            reason: format!("has no place: neither {variable} nor HOME is an absolute path"),
        })
    };
    Ok(CachePlace {
        folder: place(user_cache(), CACHE, ".cache")?.join("compiled"),
        key: place(user_state(), STATE, ".local/state")?.join("cache.key"),
    })
}
