//! The plugins that ship, as built, on the real host: one family of snapshots for each.
//!
//! In: `plugins/*.wasm`. Out: what each describes and answers, beside this file in `snapshots/`. How
//! they compute it, their own crates test without a host.

mod descriptions;
mod determinism;
mod gsm8k;
mod lengths;
mod linear;
mod math_answers;
mod math_kinds;
mod math_page;
mod policies;
mod splitters;
mod verifiers;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use ts_plugin::{HostOptions, Isolation, Plugin, PluginHost, PluginSource};

/// The plugins that ship.
const PLUGINS: [&str; 22] = [
    "characters",
    "choice_grader",
    "code_grader",
    "dast",
    "dler",
    "exact_grader",
    "kimi_dpo",
    "kimi_rl",
    "l1",
    "lcpo",
    "math_grader",
    "o1_pruner",
    "paragraph_splitter",
    "q_dyn",
    "q_dyn_extra",
    "q_fix",
    "sentence_splitter",
    "shortest",
    "sky_t1",
    "text_grader",
    "tokens",
    "vouched",
];

/// Loads one plugin. Instances are reused, so that a plugin that remembers calls would be found out by its
/// answers.
fn plugin(name: &str) -> Plugin {
    let options = HostOptions { isolation: Isolation::Reused, ..HostOptions::default() };
    let file = repository().join("plugins").join(name).with_extension("wasm");
    PluginHost::new(options).unwrap().load(PluginSource::File(file)).unwrap()
}

/// Settings out of `json!({…})`.
fn settings(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(settings) => settings,
        other => panic!("settings are an object, not {other}"),
    }
}

/// Compares with `snapshots/NAME.snap`. A name begins with the plugin's, so that its family stands together.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_component_in_the_folder_is_tested_here() {
    let mut found: Vec<String> = std::fs::read_dir(repository().join("plugins"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        // Built where they are wanted, and tested by the target `runners`.
        .filter(|name| !name.ends_with("_runner"))
        .collect();
    found.sort();
    assert_eq!(found, PLUGINS);
}
