//! Guests for tests, written as component text (`hostile.wat`), so that they can loop, hoard, recurse, and
//! hand over nonsense.
//!
//! In: the body of `grade`. Out: the bytes of a component that describes itself as `hostile` 0.1.0 and has
//! the verifier role. The product accepts no text; only these tests can read it. `runner.wat` is a runner of
//! its own, for a guest that has programs run.
//!
//! All other roles share every line of the host that these guests attack.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use serde_json::Map;
use ts_plugin::{
    HostOptions, Isolation, Limits, LoadError, Plugin, PluginHost, PluginSource, Problem, Verifier,
};

/// Body of a `grade` that answers within the contract: the address of its answer.
pub(crate) const GOOD: &str = "(i32.const 3072)";

/// The text of a component whose `grade` has this body.
pub(crate) fn text(grade: &str) -> String {
    include_str!("hostile.wat").replace("{grade}", grade)
}

/// The text of a component whose `grade` has this body, in which `(call $run)` takes the eight numbers of a
/// program of the language `test` and where to put what came of it: the places and lengths of its language,
/// text and input, its milliseconds and MiB. `(call $converse)` takes two such programs. At 1200 stands
/// `test`, at 1204 `l`, at 1205 `w`, at 1206 `x`.
pub(crate) fn text_with_programs(grade: &str) -> String {
    let runners = r#"
  (import "ts-host:plugin/runners@0.3.0" (instance $runners
    (type $limits' (record (field "time-ms" u32) (field "memory-mib" u32) (field "output-bytes" u32)))
    (export "limits" (type $limits (eq $limits')))
    (type $program' (record
      (field "language" string) (field "source" string) (field "input" string) (field "limits" $limits)))
    (export "program" (type $program (eq $program')))
    (type $ending' (variant
      (case "exited" u8) (case "failed" string) (case "not-compiled" string) (case "time-limit")
      (case "memory-limit")))
    (export "ending" (type $ending (eq $ending')))
    (type $ran' (record
      (field "ending" $ending) (field "output" (list u8)) (field "output-cut" bool) (field "fuel" u64)
      (field "memory" u64)))
    (export "ran" (type $ran (eq $ran')))
    (export "languages" (func (result (list string))))
    (export "run" (func (param "program" $program) (result (result $ran (error string)))))
    (export "converse" (func
      (param "first" $program) (param "second" $program) (result (result (tuple $ran $ran) (error string)))))))
"#;
    let lower = r#"
  (core func $languages (canon lower (func $runners "languages")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $run (canon lower (func $runners "run") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $converse (canon lower (func $runners "converse")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
"#;
    let import = r#"
    (import "host" "languages" (func $languages (param i32)))
    (import "host" "run" (func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "host" "converse" (func $converse (param i32 i32)))
    (data (i32.const 1200) "testlwx")
"#;
    let given = r#"(export "languages" (func $languages)) (export "run" (func $run)) (export "converse" (func $converse))"#;
    let (imports, lowered) = ("  (alias export $types \"description\"", "\n  (core module $main");
    text(grade)
        .replacen(imports, &format!("{runners}{imports}"), 1)
        .replacen(lowered, &format!("{lower}{lowered}"), 1)
        .replacen("    (data (i32.const 1024)", &format!("{import}    (data (i32.const 1024)"), 1)
        .replacen("(export \"log\" (func $log))))))", &format!("(export \"log\" (func $log)) {given}))))"), 1)
}

/// Runs the one-letter program that stands there, for so many milliseconds.
pub(crate) fn run(letter: u32, time_ms: u32) -> String {
    format!(
        "(call $run (i32.const 1200) (i32.const 4) (i32.const {letter}) (i32.const 1) (i32.const 0) (i32.const 0)
            (i32.const {time_ms}) (i32.const 64) (i32.const 10) (i32.const 8000))"
    )
}

/// The component that a text stands for.
pub(crate) fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A host with these limits, one call at a time.
pub(crate) fn host(limits: Limits, isolation: Isolation) -> PluginHost {
    PluginHost::new(HostOptions { limits, isolation, max_parallel: 1, ..HostOptions::default() }).unwrap()
}

/// Loads bytes under the name `test`.
pub(crate) fn load(host: &PluginHost, bytes: Vec<u8>) -> Result<Plugin, LoadError> {
    host.load(PluginSource::Embedded { name: "test".into(), bytes: bytes.into() })
}

/// A verifier whose `grade` has this body.
pub(crate) fn open(grade: &str, limits: Limits, isolation: Isolation) -> Verifier {
    load(&host(limits, isolation), component(&text(grade))).unwrap().verifier(&Map::new()).unwrap()
}

/// The same of a guest that has programs run, with a runner for them.
pub(crate) fn open_with_programs(grade: &str, limits: Limits) -> Verifier {
    let host = host(limits, Isolation::PerCall);
    host.add_runner(load(&host, component(include_str!("runner.wat"))).unwrap().runner().unwrap());
    load(&host, component(&text_with_programs(grade))).unwrap().verifier(&Map::new()).unwrap()
}

/// A problem with this identifier.
pub(crate) fn problem(id: &str) -> Problem {
    Problem { id: id.into(), prompt: "1+1?".into(), reference: "2".into(), metadata: vec![] }
}
