//! The cache of compiled plugins from the command line: whose folder it is, what is shown, and that nothing
//! fails without it.

use std::fs;
use std::process::Output;

use crate::{Host, repository};

fn check(host: &Host, variables: &[(&str, &str)]) -> Output {
    let plugin = repository("plugins/tokens.wasm");
    let mut command = host.command(&["plugin", "check", &plugin]);
    command.env("HOME", host.path("home")).env_remove("XDG_CACHE_HOME").env_remove("XDG_STATE_HOME");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn warnings(output: &Output) -> usize {
    String::from_utf8_lossy(&output.stderr).matches("warning: compiled plugins are not kept").count()
}

fn entries(host: &Host, folder: &str) -> usize {
    fs::read_dir(host.path(folder)).map_or(0, |entries| entries.count())
}

#[test]
fn a_variable_that_is_empty_or_relative_counts_as_unset() {
    let host = Host::new();
    for folder in ["ts-host/compiled", "here/ts-host/compiled", "home"] {
        fs::create_dir_all(host.path(folder)).unwrap();
    }
    for value in ["", "here", "./here", "."] {
        assert_eq!(warnings(&check(&host, &[("XDG_CACHE_HOME", value), ("XDG_STATE_HOME", value)])), 0);
    }
    assert_eq!(entries(&host, "home/.cache/ts-host/compiled"), 1);
    assert_eq!(fs::read(host.path("home/.local/state/ts-host/cache.key")).unwrap().len(), 32);
    assert_eq!(entries(&host, "ts-host/compiled") + entries(&host, "here/ts-host/compiled"), 0);
}

#[test]
#[cfg(unix)]
fn without_a_cache_there_is_one_warning_and_no_error() {
    let host = Host::new();
    fs::create_dir(host.path("home")).unwrap();
    fs::create_dir(host.path("real")).unwrap();
    std::os::unix::fs::symlink(host.path("real"), host.path("link")).unwrap();
    fs::write(host.path("file"), "").unwrap();
    for name in ["link", "file"] {
        let path = host.path(name).display().to_string();
        let output = check(&host, &[("XDG_CACHE_HOME", &path)]);
        assert_eq!(warnings(&output), 1, "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(warnings(&check(&host, &[("HOME", "")])), 1);
    assert_eq!(entries(&host, "real"), 0);
}

#[test]
fn what_is_kept_is_shown_and_cleared() {
    let host = Host::with_own_cache();
    host.run(&["plugin", "check", "tokens"]);
    let shown = host.run(&["cache"]);
    assert!(
        shown.contains("cache/ts-host/compiled\nkey: ") && shown.contains("\n1 compiled plugins, "),
        "{shown}"
    );
    let folder = host.path("cache/ts-host/compiled");
    fs::write(folder.join("put-here.code"), "by somebody").unwrap();
    let shown = host.run(&["cache"]);
    assert!(shown.contains("not trusted, so not run: it is not of this version"), "{shown}");
    fs::write(folder.join("mine.txt"), "").unwrap();
    let cleared = host.run(&["cache", "--clear"]);
    assert!(cleared.starts_with("removed 2 files, "), "{cleared}");
    assert_eq!(entries(&host, "cache/ts-host/compiled"), 1, "what is not an entry stays");
}
