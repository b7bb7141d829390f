//! What a plugin answers, as text for a snapshot test:
//! `insta::assert_snapshot!(snapshot(plugin, cases, &settings)?)`.
//!
//! In: a component's file and a file of cases with `input`s. Out: for each case its name, and its output as
//! indented JSON. Fuel and time are not part of an answer.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value};
use ts_plugin::{HostOptions, PluginHost, PluginSource};

use crate::golden::GoldenFile;
use crate::handle::Handle;
use crate::{Error, Result};

/// Every output of a plugin on these cases, under the host's default limits, in a fresh instance each.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::path::Path;
/// let settings = serde_json::Map::new();
/// let text = ts_harness::snapshot(Path::new("my_grader.wasm"), Path::new("cases.jsonl"), &settings)?;
/// // insta::assert_snapshot!(text);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Error::Plugin`]; those of reading the cases.
pub fn snapshot(plugin: &Path, cases: &Path, settings: &Map<String, Value>) -> Result<String> {
    let failed = |source| Error::Plugin { path: plugin.to_path_buf(), source };
    let host = PluginHost::new(HostOptions::default()).map_err(failed)?;
    let loaded = host.load(PluginSource::File(plugin.to_path_buf())).map_err(failed)?;
    let handle = Handle::open(&loaded, None, settings).map_err(failed)?;
    let mut golden = GoldenFile::read(cases)?.ok_or_else(|| Error::Malformed {
        path: cases.to_path_buf(),
        line: 1,
        reason: "the case has no `input`".to_owned(),
    })?;
    golden.compare(&handle)?;
    let mut text = String::new();
    for (line, case) in golden.cases() {
        // A text takes whatever is written into it.
        let _ = writeln!(text, "{}: {:#}", case.name(line), case.output);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_become_text() {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
        let folder = tempfile::tempdir().unwrap();
        let cases = folder.path().join("cases.jsonl");
        let lines = "{\"id\": \"seven\", \"input\": {\"text\": \"a\", \"tokens\": 7}}\n{\"input\": {\"text\": \"\", \"tokens\": 0}}\n";
        std::fs::write(&cases, lines).unwrap();
        let text = snapshot(&plugins.join("tokens.wasm"), &cases, &Map::new()).unwrap();
        assert!(text.starts_with("seven: {\n  \"length\": 7.0\n}\nline 2: {\n  \"error\": {"), "{text}");
        let missing = snapshot(&plugins.join("no.wasm"), &cases, &Map::new()).unwrap_err();
        assert!(missing.to_string().contains("no.wasm"), "{missing}");
    }
}
