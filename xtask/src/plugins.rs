//! The two chores: build the plugins, and check that what is committed is what the sources give.
//!
//! In: the working tree. Out: `plugins/*.wasm` and the lock file, or an error that lists every disagreement.
//! All plugins are built at once, by one toolchain.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};

use crate::build;
use crate::lock::{Entry, Lock};
use crate::sources::{Sources, sha256};
use crate::toolchain::Toolchain;

/// Builds every plugin, then writes the components and the lock file.
pub(crate) fn build(root: &Path) -> Result<()> {
    let toolchain = Toolchain::find()?;
    let sources = Sources::read(root)?;
    let plugins = sources.plugins()?;
    let built = build::build(root, plugins.keys(), &toolchain)?;
    let mut plugin = BTreeMap::new();
    for (name, component) in &built {
        std::fs::write(root.join("plugins").join(name).with_extension("wasm"), component)?;
        let entry = Entry {
            sources: sources.hash(&plugins[name])?,
            wasm: sha256(component),
            bytes: component.len() as u64,
        };
        println!("{name:<20} {:>9} bytes  {}", entry.bytes, &entry.wasm[..16]);
        plugin.insert(name.clone(), entry);
    }
    Lock { toolchain: toolchain.identity, plugin }.write(root)
}

/// Compares sources, lock and components, rebuilds, and compares the bytes if the toolchain is the locked
/// one.
pub(crate) fn check(root: &Path) -> Result<()> {
    let lock = Lock::read(root)?;
    let sources = Sources::read(root)?;
    let plugins = sources.plugins()?;
    let mut found = BTreeMap::new();
    for (name, folder) in &plugins {
        let file = root.join("plugins").join(name).with_extension("wasm");
        // A component that cannot be read is reported as one that is missing.
        let component = std::fs::read(file).ok();
        found.insert(
            name.clone(),
            Found { sources: sources.hash(folder)?, wasm: component.as_deref().map(sha256) },
        );
    }
    let mut disagreements = compare(&lock.plugin, &found);

    let toolchain = Toolchain::find()?;
    let built = build::build(root, plugins.keys(), &toolchain)?;
    let same_toolchain = toolchain.identity == lock.toolchain;
    if same_toolchain {
        for (name, component) in &built {
            if lock.plugin.get(name).is_some_and(|entry| entry.wasm != sha256(component)) {
                disagreements.push(format!("{name}: the same toolchain built other bytes"));
            }
        }
    }
    if !disagreements.is_empty() {
        bail!("plugins and sources disagree:\n  {}\nrun `cargo xtask plugins`", disagreements.join("\n  "));
    }
    if same_toolchain {
        println!("{} plugins: sources, lock and rebuilt bytes agree", plugins.len());
    } else {
        println!(
            "{} plugins: sources and lock agree, all build; bytes were not compared, because the lock was \
             written with `{}` and this is `{}`",
            plugins.len(),
            lock.toolchain.rustc,
            toolchain.identity.rustc
        );
    }
    Ok(())
}

/// What the working tree holds of one plugin.
struct Found {
    /// The hash of its sources.
    sources: String,
    /// The hash of its component, if there is one.
    wasm: Option<String>,
}

/// Every disagreement between the lock and the working tree, in words.
fn compare(locked: &BTreeMap<String, Entry>, found: &BTreeMap<String, Found>) -> Vec<String> {
    let mut disagreements = Vec::new();
    for name in locked.keys().filter(|name| !found.contains_key(*name)) {
        disagreements.push(format!("{name}: locked, but there is no such crate"));
    }
    for (name, found) in found {
        let Some(entry) = locked.get(name) else {
            disagreements.push(format!("{name}: not in the lock"));
            continue;
        };
        if entry.sources != found.sources {
            disagreements.push(format!("{name}: the sources changed since the component was built"));
        }
        match &found.wasm {
            None => disagreements.push(format!("{name}: plugins/{name}.wasm is missing")),
            Some(wasm) if *wasm != entry.wasm => {
                disagreements.push(format!("{name}: plugins/{name}.wasm is not the locked component"));
            }
            Some(_) => {}
        }
    }
    disagreements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(name: &str) -> BTreeMap<String, Entry> {
        let entry = Entry { sources: "s".to_owned(), wasm: "w".to_owned(), bytes: 1 };
        BTreeMap::from([(name.to_owned(), entry)])
    }

    fn found(name: &str, sources: &str, wasm: Option<&str>) -> BTreeMap<String, Found> {
        let found = Found { sources: sources.to_owned(), wasm: wasm.map(str::to_owned) };
        BTreeMap::from([(name.to_owned(), found)])
    }

    #[test]
    fn agreement_is_silent() {
        assert!(compare(&locked("a"), &found("a", "s", Some("w"))).is_empty());
    }

    #[test]
    fn every_disagreement_is_named() {
        let changed = compare(&locked("a"), &found("a", "other", Some("other")));
        assert_eq!(changed.len(), 2);
        assert!(changed[0].contains("sources changed") && changed[1].contains("not the locked component"));
        assert!(compare(&locked("a"), &found("a", "s", None))[0].contains("missing"));
        let moved = compare(&locked("a"), &found("b", "s", Some("w")));
        assert!(moved[0].contains("no such crate") && moved[1].contains("not in the lock"));
    }
}
