//! The command `cache`: what is kept of compiled plugins.

use std::time::SystemTime;

use anyhow::{Context, Result};
use serde_json::json;
use ts_recipe::code_cache;

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
    if clear {
        let (files, bytes) = cache.clear().with_context(|| format!("cannot clear {folder}"))?;
        if json {
            return say_value(
                &json!({"folder": folder.to_string(), "removed_files": files, "removed_bytes": bytes}),
            );
        }
        return say(format_args!("removed {files} files, {}, from {folder}", mib(bytes)));
    }
    let entries = cache.entries().with_context(|| format!("cannot list {folder}"))?;
    let bytes = entries.iter().map(|entry| entry.bytes).sum();
    let used =
        |used: SystemTime| humantime::format_rfc3339_seconds(used.max(SystemTime::UNIX_EPOCH)).to_string();
    if json {
        let plugins: Vec<_> = entries
            .iter()
            .map(|it| json!({"name": it.name, "bytes": it.bytes, "used": used(it.used), "not_trusted": it.not_trusted}))
            .collect();
        return say_value(&json!({
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
    Ok(())
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
