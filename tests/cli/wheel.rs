//! The wheel that carries the program: built, installed where nothing else is, and run.

use std::path::PathBuf;
use std::process::Command;

use crate::{Host, repository};

#[test]
#[ignore = "installs hatchling"]
fn a_wheel_installs_the_program() {
    let host = Host::new();
    let run = |command: &mut Command| {
        let output = command.current_dir(host.path("")).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // It takes the program from the folder of release builds: this one's.
    let program = PathBuf::from(host.command(&[]).get_program());
    assert_eq!(
        program.canonicalize().unwrap(),
        PathBuf::from(repository("target/release/ts-host")).canonicalize().unwrap()
    );
    run(Command::new("python3").args(["-m", "venv", "python"]));
    let python = host.path("python/bin/python");
    let pip = |args: &[&str]| run(Command::new(&python).args(["-m", "pip", "--quiet"]).args(args));
    pip(&["wheel", "--no-deps", "--wheel-dir", "dist", &repository("clients/wheel")]);
    let built: Vec<_> =
        std::fs::read_dir(host.path("dist")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let [wheel] = built.as_slice() else { panic!("{built:?}") };
    let wheel = wheel.to_str().unwrap();
    let begins = format!("ts_host-{}-py3-none-", env!("CARGO_PKG_VERSION"));
    assert!(wheel.starts_with(&begins) && !wheel.contains("none-any"), "{wheel}");
    pip(&["install", "--no-index", &format!("dist/{wheel}")]);
    let installed = host.path("python/bin/ts-host");
    let mut command = Command::new(&installed);
    assert_eq!(run(command.arg("--version")).trim(), format!("ts-host {}", env!("CARGO_PKG_VERSION")));
    let listed = run(host.keeps(Command::new(&installed).args(["plugin", "list"])));
    assert!(listed.starts_with("math_grader "), "{listed}");
}
