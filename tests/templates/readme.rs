//! Projects made and built as their README says, role by role.
//!
//! In: a language. Out: nothing, or a failure. A role's tools are not installed again; what the first project
//! of a language installed, the next ones take over.

use std::path::Path;
use std::process::Command;

use crate::{ROLES, answers, go, host, new, told};

/// Makes a project of every role and does what its README says: its cases must agree, and so must what every
/// language answers alike.
pub(crate) fn builds_and_agrees(language: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut previous = None;
    for (role, _) in ROLES {
        let name = format!("my_{}", role.replace('-', "_"));
        assert!(new(folder.path(), &name, role, language).status.success());
        let project = folder.path().join(&name);
        if let Some(previous) = previous.replace(project.clone()) {
            take_over(&previous, &project);
        }
        let readme = std::fs::read_to_string(project.join("README.md")).unwrap();
        let commands = readme.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
        let said = run(folder.path(), &project, language, commands);
        let n = std::fs::read_to_string(project.join("cases.jsonl")).unwrap().lines().count();
        let agreed = match role {
            "verifier" => format!("{n} cases, {n} with an expected verdict: 100.00 % agree"),
            _ => format!("{n} golden cases, 0 differ"),
        };
        assert!(said.contains(&agreed), "{said}");
        let component = match language {
            "rust" => format!("target/wasm32-unknown-unknown/release/{name}.wasm"),
            _ => format!("{name}.wasm"),
        };
        let more = project.join("more.jsonl");
        match role {
            "verifier" => {
                let n = answers::of_verifiers(&more);
                let said = test(&project, &component, &[]);
                assert!(said.contains(&format!("{n} golden cases, 0 differ")), "{said}");
                if language == "javascript" {
                    says_where_it_threw(folder.path(), &project, &component, commands);
                }
            }
            "step-splitter" => {
                answers::for_splitters(&more);
                test(&project, &component, &["--update"]);
                answers::assert_splits_by_the_laws(&more);
            }
            _ => {}
        }
    }
}

/// What a test of `more.jsonl` said.
fn test(project: &Path, component: &str, flags: &[&str]) -> String {
    let args = [&["plugin", "test", component, "--cases", "more.jsonl"], flags].concat();
    let output = host(project, &args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", told(&output));
    said
}

/// An error that is thrown within a call within `grade` is shown with its message and its line; a text that is thrown as it stands.
fn says_where_it_threw(folder: &Path, project: &Path, component: &str, commands: &str) {
    let source = std::fs::read_to_string(project.join("app.js")).unwrap();
    let begin = "  grade(problem, response) {\n";
    let added = format!(
        "{begin}    if (response === \"crash\") return helper(problem);\n    if (response === \"no\") throw \"as it stands\";\n"
    );
    let helper = "function helper(problem) {\n  return problem.nothing.length;\n}\n";
    let crashes = source.replace(begin, &added) + helper;
    assert!(crashes.contains(&added), "{source}");
    std::fs::write(project.join("app.js"), &crashes).unwrap();
    let build = commands.split_once('\n').unwrap().1.split_once("ts-host").unwrap().0;
    run(folder, project, "javascript", build);
    let said = |response: &str| {
        let input = format!("{{\"problem\": {{\"reference\": \"7\"}}, \"response\": \"{response}\"}}");
        std::fs::write(project.join("input.json"), input).unwrap();
        let output = host(project, &["plugin", "run", component, "--input", "input.json"]);
        assert_eq!(output.status.code(), Some(11), "{}", told(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let line = |part: &str| 1 + crashes[..crashes.find(part).unwrap()].lines().count();
    let (inner, outer) = (line("  return problem.nothing"), line("    if (response === \"crash\")"));
    let crash = said("crash");
    let wanted =
        format!("refused: TypeError: cannot read property 'length' of undefined at helper (/app.js:{inner}:");
    assert!(crash.contains(&wanted) && crash.contains(&format!(", at grade (/app.js:{outer}:")), "{crash}");
    assert!(said("no").contains("refused: as it stands\""), "{}", said("no"));
    std::fs::write(project.join("app.js"), source).unwrap();
}

/// Moves what a build installed or compiled on to the next project.
fn take_over(from: &Path, to: &Path) {
    for moved in ["target", "node_modules"] {
        if from.join(moved).is_dir() {
            std::fs::rename(from.join(moved), to.join(moved)).unwrap();
        }
    }
    // Its programs name the folder that they were installed in.
    #[cfg(unix)]
    if from.join(".venv").exists() {
        std::os::unix::fs::symlink(from.join(".venv"), to.join(".venv")).unwrap();
    }
}

/// Runs commands as a user would, with this program on the path.
pub(crate) fn run(folder: &Path, project: &Path, language: &str, commands: &str) -> String {
    let host = Path::new(env!("CARGO_BIN_EXE_ts-host")).parent().unwrap();
    let mut path = format!("{}:{}", host.display(), std::env::var("PATH").unwrap());
    let mut shell = match language {
        "rust" if !has_target() => {
            path = format!("{}:{path}", without_rustup(folder).display());
            with_toolchain_of_plugins()
        }
        "go" => {
            let (bin, variables) = go::environment();
            path = format!("{}:{path}", bin.display());
            let mut shell = Command::new("sh");
            shell.envs(variables);
            shell
        }
        _ => Command::new("sh"),
    };
    // Named in the commands, and not for the shell: `cargo xtask` runs in its workspace and has a cache of
    // its own.
    let (project, cache) = (project.display(), folder.join("cache"));
    let commands = format!("cd '{project}'\nexport XDG_CACHE_HOME='{}'\n{commands}", cache.display());
    let output = shell.args(["-e", "-c", &commands]).env("PATH", path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", told(&output));
    said.into_owned()
}

/// Whether the active Rust has a standard library for WebAssembly.
fn has_target() -> bool {
    let mut rustc = Command::new("rustc");
    let output =
        rustc.args(["--print", "target-libdir", "--target", "wasm32-unknown-unknown"]).output().unwrap();
    Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
}

/// A shell in which `cargo` builds for WebAssembly as `cargo xtask plugins` does.
fn with_toolchain_of_plugins() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).args(["xtask", "guest", "sh"]);
    command
}

/// A folder with a `rustup` that has the target already and can do nothing else.
#[cfg(unix)]
fn without_rustup(folder: &Path) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;

    let bin = folder.join("bin");
    let file = bin.join("rustup");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::write(&file, "#!/bin/sh\n[ \"$*\" = \"target add wasm32-unknown-unknown\" ]\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

#[cfg(not(unix))]
fn without_rustup(_: &Path) -> std::path::PathBuf {
    panic!("run `rustup target add wasm32-unknown-unknown` first")
}
