//! Plugins of a recipe that are in a registry or behind a URL: which digests they have, and having them here.
//!
//! In: a recipe, and the lock file beside it if it is a file. Out: the same recipe by digest, every component in the user's store. A run's
//! folder keeps the recipe in this form, and so needs no lock: going on, shards and `--from` mean the same bytes, whatever a tag means by
//! then.

use std::path::{Path, PathBuf};

use ts_plugin::Role;
use ts_registry::{Error, Fetched, Line, Lock, Pins, Source, Store, fetch, fetch_first};

use crate::open::{key_of, pin_of};
use crate::user_folders::plugin_store;
use crate::{OpenError, Recipe};

/// Hears of what is downloaded, before it is: what, and its bytes.
type Listener<'a> = &'a mut dyn FnMut(&str, Option<u64>);

/// What has plugins here that are elsewhere.
pub struct Elsewhere<'a> {
    listener: Listener<'a>,
}

/// A recipe's plugins of elsewhere, here, and the lock that says so.
pub struct Locked {
    lock: Lock,
    /// Where the lock file is.
    pub path: PathBuf,
    /// The plugins, in the recipe's order.
    pub fetched: Vec<Fetched>,
}

impl Locked {
    /// Writes the lock file, if there is anything to lock: whether it changed.
    ///
    /// # Errors
    /// [`OpenError::NamedElsewhere`].
    pub fn write(&self) -> Result<bool, OpenError> {
        if self.lock.lines.is_empty() && !self.path.exists() {
            return Ok(false);
        }
        self.lock.write(&self.path).map_err(OpenError::NamedElsewhere)
    }
}

/// A plugin of elsewhere, as a recipe names it.
struct Named<'r> {
    key: String,
    source: &'r mut String,
    sha256: &'r mut String,
}

impl<'a> Elsewhere<'a> {
    /// `listener` hears of what is downloaded, before it is: what, and its bytes.
    pub fn new(listener: Listener<'a>) -> Self {
        Self { listener }
    }

    /// Has the plugins of a recipe here, and writes their digests into it. `file` is the recipe's, whose lock file counts.
    ///
    /// # Errors
    /// [`OpenError::Elsewhere`]; of the lock file, [`OpenError::NamedElsewhere`].
    pub fn pin(&mut self, recipe: &mut Recipe, file: Option<&Path>) -> Result<(), OpenError> {
        let most = recipe.plugins.limits.component_bytes();
        let (nothing, mut lock) = (Lock::default(), None);
        for Named { key, source, sha256 } in named(recipe) {
            let failed = |error| OpenError::Elsewhere { key: key.clone(), source: error };
            let Some(elsewhere) = Source::parse(source).map_err(failed)? else { continue };
            if lock.is_none() {
                let read = file.map(|file| Lock::read(&Lock::beside(file))).transpose();
                lock = Some(read.map_err(OpenError::NamedElsewhere)?.unwrap_or_default());
            }
            let lock = lock.as_ref().unwrap_or(&nothing);
            let beside = known(lock, &elsewhere, source, sha256).map_err(failed)?;
            let fetched = fetch(&plugin_store().map_err(failed)?, &elsewhere, &beside, most, self.listener);
            let fetched = fetched.map_err(|error| failed(not_locked(error, file)))?;
            if let Source::Oci(_) = elsewhere {
                *source = elsewhere.pinned(&beside).to_string();
            }
            *sha256 = fetched.sha256.hex().to_owned();
        }
        Ok(())
    }

    /// Has the plugins of a recipe's file here, and makes its lock: a line for each that has no digest in the recipe. Lines of before
    /// count, unless they are to be updated.
    ///
    /// # Errors
    /// [`OpenError::Elsewhere`]; of the lock file, [`OpenError::NamedElsewhere`].
    pub fn lock(&mut self, recipe: &Recipe, file: &Path, update: bool) -> Result<Locked, OpenError> {
        let most = recipe.plugins.limits.component_bytes();
        let path = Lock::beside(file);
        let before = Lock::read(&path).map_err(OpenError::NamedElsewhere)?;
        let (mut lock, mut fetched) = (Lock::default(), Vec::new());
        for Named { key, source, sha256 } in named(&mut recipe.clone()) {
            let failed = |error| OpenError::Elsewhere { key: key.clone(), source: error };
            let Some(elsewhere) = Source::parse(source).map_err(failed)? else { continue };
            let store = plugin_store().map_err(failed)?;
            let in_recipe = known(&Lock::default(), &elsewhere, source, sha256).map_err(failed)?;
            let beside = match update {
                true => in_recipe.clone(),
                false => known(&before, &elsewhere, source, sha256).map_err(failed)?,
            };
            let here = match elsewhere.pins(&beside).map_err(failed)? == Pins::default() {
                true => fetch_first(&store, &elsewhere, most, self.listener),
                false => fetch(&store, &elsewhere, &beside, most, self.listener),
            };
            let here = here.map_err(failed)?;
            let is_pinned = elsewhere.pins(&in_recipe).map_err(failed)? != Pins::default();
            if !is_pinned && lock.lines.iter().all(|line| line.source != *source) {
                let pins = Pins { manifest: here.manifest.clone(), sha256: Some(here.sha256.clone()) };
                lock.lines.push(Line { source: source.clone(), pins });
            }
            fetched.push(here);
        }
        Ok(Locked { lock, path, fetched })
    }

    /// Has a plugin here that a command names by its digest. What is local is left to whoever opens it. `most` is its largest size, bytes.
    ///
    /// # Errors
    /// [`OpenError::NamedElsewhere`].
    pub fn have(&mut self, source: &str, most: u64) -> Result<(), OpenError> {
        let had = self.store_and(source)?.map(|(store, elsewhere)| {
            fetch(&store, &elsewhere, &Pins::default(), most, self.listener).map(drop)
        });
        had.transpose().map(Option::unwrap_or_default).map_err(OpenError::NamedElsewhere)
    }

    /// Has a plugin here that a command names, by its digest or as it is now; none if it is local.
    ///
    /// # Errors
    /// [`OpenError::NamedElsewhere`].
    pub fn first(&mut self, source: &str, most: u64) -> Result<Option<Fetched>, OpenError> {
        let had = self
            .store_and(source)?
            .map(|(store, elsewhere)| fetch_first(&store, &elsewhere, most, self.listener));
        had.transpose().map_err(OpenError::NamedElsewhere)
    }

    fn store_and(&self, source: &str) -> Result<Option<(Store, Source)>, OpenError> {
        let elsewhere = Source::parse(source).map_err(OpenError::NamedElsewhere)?;
        let with_store = |elsewhere| Ok((plugin_store()?, elsewhere));
        elsewhere.map(with_store).transpose().map_err(OpenError::NamedElsewhere)
    }
}

/// The plugins of a recipe, as it names them.
fn named(recipe: &mut Recipe) -> Vec<Named<'_>> {
    let section = &mut recipe.plugins;
    let roles = [
        (Role::Verifier, &mut section.verifier),
        (Role::StepSplitter, &mut section.step_splitter),
        (Role::SelectionPolicy, &mut section.selection_policy),
        (Role::LengthFunction, &mut section.length_function),
    ];
    let role_of = |(role, section)| {
        let section: &mut crate::PluginSection = section;
        let key = format!("plugins.{}", key_of(role));
        Named { key, source: &mut section.source, sha256: &mut section.sha256 }
    };
    let runner_of = |runner| {
        let runner: &mut crate::RunnerSection = runner;
        Named { key: "plugins.runners".to_owned(), source: &mut runner.source, sha256: &mut runner.sha256 }
    };
    roles.into_iter().map(role_of).chain(section.runners.iter_mut().map(runner_of)).collect()
}

/// What is known of a source beside its text: its line in the lock, and the recipe's pin.
fn known(lock: &Lock, elsewhere: &Source, source: &str, sha256: &str) -> Result<Pins, Error> {
    let Pins { manifest, sha256: locked } = lock.pins(source);
    match (pin_of(elsewhere, sha256)?, locked) {
        (Some(one), Some(other)) if one != other => {
            Err(Error::Contradiction { name: source.to_owned(), one, other })
        }
        (pin, locked) => Ok(Pins { manifest, sha256: pin.or(locked) }),
    }
}

/// Of a recipe's file, it is the lock that says no digest.
fn not_locked(error: Error, file: Option<&Path>) -> Error {
    match (error, file) {
        (Error::NoDigest { name }, Some(file)) => {
            Error::NotLocked { name, lock: Lock::beside(file), recipe: file.display().to_string() }
        }
        (error, _) => error,
    }
}

#[cfg(test)]
mod tests {
    use ts_registry::Digest;

    use super::*;
    use crate::testing::DEFAULT;
    use crate::{Loader, Override};

    fn recipe(source: &str) -> Recipe {
        let loader = Loader { shipped: &[("default", DEFAULT)] };
        loader.load("default", vec![Override::new("plugins.verifier.source", source)]).unwrap()
    }

    #[test]
    fn a_recipe_of_what_is_here_needs_no_store() {
        let mut with_file = recipe("x.wasm");
        let nothing = &mut |_: &str, _: Option<u64>| panic!("nothing is downloaded");
        Elsewhere::new(nothing).pin(&mut with_file, None).unwrap();
        assert_eq!(with_file, recipe("x.wasm"));
    }

    #[test]
    fn what_has_no_digest_is_refused_and_the_remedy_is_said() {
        let nothing = &mut |_: &str, _: Option<u64>| panic!("nothing is downloaded");
        let mut elsewhere = Elsewhere::new(nothing);
        let source = "oci://ghcr.io/org/grader:1";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        let error = elsewhere.pin(&mut recipe(source), Some(&file)).unwrap_err();
        assert!(
            error.hint().unwrap().contains("plugin fetch --recipe ")
                && format!("{error}").contains("verifier")
        );
        let error = elsewhere.pin(&mut recipe(source), None).unwrap_err();
        assert!(error.hint().unwrap().contains(&format!("plugin fetch {source}")), "{error}");
        let error = elsewhere.have(source, 1).unwrap_err();
        assert_eq!(error.to_string(), format!("plugin {source} is elsewhere, and nothing says its digest"));
        elsewhere.have("x.wasm", 1).unwrap();
    }

    #[test]
    fn a_pin_and_a_lock_must_say_the_same() {
        let elsewhere = Source::parse("https://host.example/x.wasm").unwrap().unwrap();
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let pins = Pins { manifest: None, sha256: Some(one.clone()) };
        let lock = Lock { lines: vec![Line { source: elsewhere.to_string(), pins: pins.clone() }] };
        let known = |sha256: &str| known(&lock, &elsewhere, &elsewhere.to_string(), sha256);
        assert_eq!(known("").unwrap(), pins);
        assert_eq!(known(&one.hex().to_uppercase()).unwrap(), pins);
        let error = known(other.hex()).unwrap_err().to_string();
        assert!(error.contains(one.hex()) && error.contains(other.hex()), "{error}");
        assert!(known("abc").unwrap_err().to_string().contains("64 hexadecimal"));
    }
}
