//! The command `cache`: what is kept of plugins, compiled ones and those of registries and URLs.

use std::time::SystemTime;

use anyhow::{Context, Result};
use serde_json::json;
use ts_recipe::{code_cache, plugin_store};

use crate::terminal::{note, say, say_value};

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
pub(super) fn run(clear: bool, json: bool) -> Result<()> {
    let cache = code_cache().as_ref().map_err(Clone::clone)?;
    let folder = cache.place().folder.display();
    let store = plugin_store()?;
    let downloads = store.folder().display();
    if clear {
        let (files, bytes) = cache.clear().with_context(|| format!("cannot clear {folder}"))?;
        let (downloaded, size) = store.clear().with_context(|| format!("cannot clear {downloads}"))?;
        if json {
            return say_value(&json!({
                "folder": folder.to_string(),
                "removed_files": files,
                "removed_bytes": bytes,
                "downloaded": {"folder": downloads.to_string(), "removed_files": downloaded, "removed_bytes": size},
            }));
        }
        say(format_args!("removed {files} files, {}, from {folder}", mib(bytes)))?;
        return say(format_args!("removed {downloaded} files, {}, from {downloads}", mib(size)));
    }
    let downloaded = store.entries().with_context(|| format!("cannot list {downloads}"))?;
    let size = downloaded.iter().map(|entry| entry.bytes).sum();
    let entries = cache.entries().with_context(|| format!("cannot list {folder}"))?;
    let bytes = entries.iter().map(|entry| entry.bytes).sum();
    let used =
        |used: SystemTime| humantime::format_rfc3339_seconds(used.max(SystemTime::UNIX_EPOCH)).to_string();
    if json {
        let plugins: Vec<_> = entries
            .iter()
            .map(|it| json!({"name": it.name, "bytes": it.bytes, "used": used(it.used), "not_trusted": it.not_trusted}))
            .collect();
        let of_elsewhere: Vec<_> = downloaded
            .iter()
            .map(|it| json!({"sha256": it.sha256.hex(), "bytes": it.bytes, "written": used(it.written)}))
            .collect();
        return say_value(&json!({
            "downloaded": {"folder": downloads.to_string(), "bytes": size, "plugins": of_elsewhere},
            "folder": folder.to_string(),
            "key": cache.place().key.display().to_string(),
            "bytes": bytes,
            "max_bytes": cache.max_bytes(),
            "plugins": plugins,
        }));
    }
    say(folder)?;
    say(format_args!("key: {}", cache.place().key.display()))?;
    say(format_args!(
        "{} compiled plugins, {} of at most {}",
        entries.len(),
        mib(bytes),
        mib(cache.max_bytes())
    ))?;
    for entry in &entries {
        say(format_args!("{}  {:>9}  used {}", entry.name, mib(entry.bytes), used(entry.used)))?;
        if let Some(why) = &entry.not_trusted {
            say(format_args!("  not trusted, so not run: it {why}"))?;
        }
    }
    say(downloads)?;
    say(format_args!("{} downloaded plugins, {}", downloaded.len(), mib(size)))?;
    for entry in &downloaded {
        let (digest, size, written) = (&entry.sha256, mib(entry.bytes), used(entry.written));
        say(format_args!("{digest}  {size:>9}  written {written}"))?;
    }
    Ok(())
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
