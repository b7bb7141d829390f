//! The command `cache`: what is kept of compiled plugins.

use std::time::SystemTime;

use anyhow::{Context, Result};
use ts_recipe::code_cache;

use crate::terminal::{note, say};

/// Says once that nothing is kept, and why, where that is so.
pub(super) fn warn() {
    if let Err(error) = code_cache() {
        note(format_args!("warning: {error}"));
        if let Some(hint) = error.hint() {
            note(format_args!("hint: {hint}"));
        }
    }
}

/// Shows what is kept, or removes it.
pub(super) fn run(clear: bool) -> Result<()> {
    let cache = code_cache().as_ref().map_err(Clone::clone)?;
    let folder = cache.place().folder.display();
    if clear {
        let (files, bytes) = cache.clear().with_context(|| format!("cannot clear {folder}"))?;
        return say(format_args!("removed {files} files, {}, from {folder}", mib(bytes)));
    }
    let entries = cache.entries().with_context(|| format!("cannot list {folder}"))?;
    let bytes = entries.iter().map(|entry| entry.bytes).sum();
    say(folder)?;
    say(format_args!("key: {}", cache.place().key.display()))?;
    say(format_args!(
        "{} compiled plugins, {} of at most {}",
        entries.len(),
        mib(bytes),
        mib(cache.max_bytes())
    ))?;
    for entry in &entries {
        let used = humantime::format_rfc3339_seconds(entry.used.max(SystemTime::UNIX_EPOCH));
        say(format_args!("{}  {:>9}  used {used}", entry.name, mib(entry.bytes)))?;
        if let Some(why) = &entry.not_trusted {
            say(format_args!("  not trusted, so not run: it {why}"))?;
        }
    }
    Ok(())
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
