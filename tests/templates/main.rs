//! `plugin new` and `plugin componentize` as their users meet them: what they write, what they refuse, and
//! that what a README says works.
//!
//! In: the real binary; for the tests that are ignored unless asked for, the languages' tools, from their
//! package registries. Out: nothing.

mod answers;
mod fifth;
mod go;
mod others;
mod readme;
mod session;

use std::path::Path;
use std::process::{Command, Output};

/// Language, and where a project has its source.
const LANGUAGES: [(&str, &str); 5] = [
    ("rust", "src/lib.rs"),
    ("python", "app.py"),
    ("javascript", "app.js"),
    ("c", "plugin.c"),
    ("go", "plugin/plugin.go"),
];

/// Role, and how its source begins.
const ROLES: [(&str, &str); 4] = [
    ("verifier", "Verifier"),
    ("step-splitter", "Step splitter"),
    ("selection-policy", "Selection policy"),
    ("length-function", "Length function"),
];

fn host(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ts-host")).args(args).current_dir(folder).output().unwrap()
}

fn new(folder: &Path, name: &str, role: &str, language: &str) -> Output {
    host(folder, &["plugin", "new", name, "--role", role, "--lang", language])
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_language_has_a_project_of_every_role() {
    let folder = tempfile::tempdir().unwrap();
    for (language, source) in LANGUAGES {
        for (role, title) in ROLES {
            let name = format!("my-{role}-{language}");
            let output = new(folder.path(), &name, role, language);
            assert!(output.status.success(), "{output:?}");
            let project = folder.path().join(&name);
            for file in [source, "README.md", "cases.jsonl", "wit/worlds.wit"] {
                assert!(project.join(file).is_file(), "{file} of {name}");
            }
            let source = std::fs::read_to_string(project.join(source)).unwrap();
            let named = format!("{} `{}`", title.to_lowercase(), name.replace('-', "_"));
            assert!(source.to_lowercase().contains(&named), "{source}");
        }
    }
}

#[test]
fn a_bad_name_or_role_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, role, why) in [
        ("MyGrader", "verifier", "`MyGrader` is not a name of a plugin"),
        ("../up", "verifier", "`../up` is not a name of a plugin"),
        ("a__b", "length-function", "`a__b` is not a name of a plugin"),
        ("mine", "grader", "'grader' for '--role <ROLE>': must be one of verifier"),
        ("mine", "runner", "a runner is called by verifiers alone"),
    ] {
        let output = new(folder.path(), name, role, "rust");
        assert!(matches!(output.status.code(), Some(1 | 2)), "{output:?}");
        assert!(told(&output).contains(why), "{output:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    assert!(new(folder.path(), "mine", "verifier", "python").status.success());
    let source = folder.path().join("mine/app.py");
    std::fs::write(&source, "mine").unwrap();
    let output = new(folder.path(), "mine", "verifier", "python");
    assert!(told(&output).contains("is not empty"), "{output:?}");
    assert_eq!(std::fs::read_to_string(&source).unwrap(), "mine");
}

#[test]
fn what_cannot_become_a_component_is_refused_by_name_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.wasm"), b"\0asm\x01\0\0\0").unwrap();
    std::fs::write(folder.path().join("text.wasm"), "(module)").unwrap();
    for (file, why) in [
        ("empty.wasm", "empty.wasm: it does not export `memory`, `cabi_realloc`, `ts-host:plugin/"),
        ("text.wasm", "text.wasm: it is not a WebAssembly module: it does not begin as one"),
        ("none.wasm", "cannot read none.wasm"),
    ] {
        let output = host(folder.path(), &["plugin", "componentize", file, "--role", "length-function"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(told(&output).contains(why), "{output:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
#[ignore = "installs componentize-py"]
fn python_builds_and_agrees() {
    readme::builds_and_agrees("python");
}

#[test]
#[ignore = "installs componentize-qjs"]
fn javascript_builds_and_agrees() {
    readme::builds_and_agrees("javascript");
}

#[test]
#[ignore = "builds for WebAssembly, with rustup's target or the toolchain of the plugins"]
fn rust_builds_and_agrees() {
    readme::builds_and_agrees("rust");
}

#[test]
#[ignore = "installs ziglang"]
fn c_builds_and_agrees() {
    readme::builds_and_agrees("c");
}

#[test]
#[ignore = "installs Go"]
fn go_builds_and_agrees() {
    readme::builds_and_agrees("go");
}

#[test]
#[ignore = "installs componentize-py"]
fn the_guides_session_works() {
    session::runs();
}

#[test]
#[ignore = "installs ziglang"]
fn fifth_language_builds_without_bindings() {
    fifth::builds();
}

#[test]
#[ignore = "installs ziglang"]
fn cpp_builds_and_agrees() {
    others::cpp();
}

#[test]
#[ignore = "installs AssemblyScript"]
fn assembly_script_builds_and_agrees() {
    others::assembly_script();
}
