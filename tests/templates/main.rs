//! `plugin new` as its users meet it: what it writes, what it refuses.
//!
//! In: the real binary. Out: nothing. Left out on purpose: building what it writes, which takes the languages' tools.

use std::path::Path;
use std::process::{Command, Output};

fn new(folder: &Path, name: &str, language: &str) -> Output {
    let args = ["plugin", "new", name, "--role", "verifier", "--lang", language];
    Command::new(env!("CARGO_BIN_EXE_ts-host")).args(args).current_dir(folder).output().unwrap()
}

#[test]
fn every_language_has_a_project() {
    let folder = tempfile::tempdir().unwrap();
    for (language, source) in [("rust", "src/lib.rs")] {
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
    assert!(new(folder.path(), "mine", "rust").status.success());
    let source = folder.path().join("mine/src/lib.rs");
    std::fs::write(&source, "mine").unwrap();
    let output = new(folder.path(), "mine", "rust");
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not empty"), "{output:?}");
    assert_eq!(std::fs::read_to_string(&source).unwrap(), "mine");
}
