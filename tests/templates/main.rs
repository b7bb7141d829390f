//! `plugin new` as its users meet it: what it writes, what it refuses.
//!
//! In: the real binary; for the tests that are ignored unless asked for, the languages' tools, from their package registries.
//! Out: nothing. Left out on purpose: whether the tools can be had.

use std::path::Path;
use std::process::{Command, Output};

fn new(folder: &Path, name: &str, language: &str) -> Output {
    let args = ["plugin", "new", name, "--role", "verifier", "--lang", language];
    Command::new(env!("CARGO_BIN_EXE_ts-host")).args(args).current_dir(folder).output().unwrap()
}

#[test]
fn every_language_has_a_project() {
    let folder = tempfile::tempdir().unwrap();
    for (language, source) in [("rust", "src/lib.rs"), ("python", "app.py"), ("javascript", "app.js")] {
        let name = format!("my-{language}");
        let output = new(folder.path(), &name, language);
        assert!(output.status.success(), "{output:?}");
        for file in [source, "README.md", "cases.jsonl", "wit/worlds.wit"] {
            assert!(folder.path().join(&name).join(file).is_file(), "{file} of {language}");
        }
        let source = std::fs::read_to_string(folder.path().join(&name).join(source)).unwrap();
        assert!(source.contains(&format!("Verifier `my_{language}`")), "{source}");
    }
}

#[test]
fn a_bad_name_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["MyGrader", "../up", "a__b"] {
        let output = new(folder.path(), name, "rust");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(&format!("`{name}` is no name of a plugin")), "{text}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    assert!(new(folder.path(), "mine", "python").status.success());
    let source = folder.path().join("mine/app.py");
    std::fs::write(&source, "mine").unwrap();
    let output = new(folder.path(), "mine", "python");
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not empty"), "{output:?}");
    assert_eq!(std::fs::read_to_string(&source).unwrap(), "mine");
}

/// Makes a project and does what its README says: the same cases, the same verdicts, whatever the language.
fn builds_and_agrees(language: &str) {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("my_{language}");
    assert!(new(folder.path(), &name, language).status.success());
    let project = folder.path().join(&name);
    let readme = std::fs::read_to_string(project.join("README.md")).unwrap();
    let commands = readme.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let host = Path::new(env!("CARGO_BIN_EXE_ts-host")).parent().unwrap();
    let path = format!("{}:{}", host.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", commands]).current_dir(&project).env("PATH", path);
    let output = shell.env("XDG_CACHE_HOME", folder.path().join("cache")).output().unwrap();
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{told}");
    assert!(said.contains("9 cases, 9 with an expected verdict: 100.00 % agree"), "{said}\n{told}");
}

#[test]
#[ignore = "installs componentize-py"]
fn python_builds_and_agrees() {
    builds_and_agrees("python");
}

#[test]
#[ignore = "installs componentize-qjs"]
fn javascript_builds_and_agrees() {
    builds_and_agrees("javascript");
}

#[test]
#[ignore = "needs rustup, which this workspace does without"]
fn rust_builds_and_agrees() {
    builds_and_agrees("rust");
}
