//! Components that attack the host while they are loaded, and bad ones beside good ones: each is contained,
//! in time and in memory, and what stands beside it goes on.
//!
//! In: files and texts of components. Out: nothing. Misbehaviour within one call is in `hostile.rs`.

mod guests;

use std::io::Write;

use guests::{GOOD, component, host, load, problem, text};
use serde_json::Map;
use ts_plugin::{
    CallErrorKind, HostOptions, Isolation, Limits, LoadError, Plugin, PluginHost, PluginSource, Verdict,
};

fn loaded(text: &str, limits: Limits) -> Result<Plugin, LoadError> {
    load(&host(limits, Isolation::PerCall), component(text))
}

#[test]
fn a_file_over_the_limit_is_not_read() {
    let mut file = tempfile::Builder::new().suffix(".wasm").tempfile().unwrap();
    file.write_all(b"\0asm\x0d\0\x01\0").unwrap();
    file.as_file().set_len(100 << 30).unwrap(); // a hole: no disk holds it, and no memory could
    let host = host(Limits::default(), Isolation::PerCall);
    let error = host.load(PluginSource::File(file.path().into())).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { bytes, .. } if bytes == 100 << 30), "{error:?}");
}

#[test]
fn a_trap_before_the_first_call_is_told_with_its_cause() {
    let starts = |body: &str| {
        let good = text(GOOD);
        let with_start = format!("(func $boom {body}) (start $boom) (func (export \"describe\")");
        let limits = Limits { fuel: 1_000_000, ..Limits::default() };
        loaded(&good.replacen("(func (export \"describe\")", &with_start, 1), limits).unwrap_err()
    };
    for (body, kind) in [
        ("unreachable", "trapped"),
        ("(loop (br 0))", "out_of_fuel"),
        ("(drop (call $recurse (i32.const 0)))", "stack_overflow"),
    ] {
        let LoadError::Start { source, .. } = starts(body) else { panic!("{body}") };
        assert_eq!(source.kind.name(), kind, "{source}");
    }
}

#[test]
fn types_as_deep_as_they_come_are_refused() {
    let deep = |levels: usize| {
        let lists = "(list ".repeat(levels) + "u8" + &")".repeat(levels);
        format!("(component (type {lists}))")
    };
    let nested = |levels: usize| "(component ".repeat(levels) + &")".repeat(levels);
    for text in [deep(50), deep(90), nested(50), nested(90)] {
        let error = loaded(&text, Limits::default()).unwrap_err();
        assert!(matches!(error, LoadError::TooComplex { .. } | LoadError::NotAPlugin { .. }), "{error:?}");
    }
}

/// A core module of many functions, each of which branches to everywhere.
fn bomb(functions: usize, cases: usize) -> String {
    let labels = "(block ".repeat(cases);
    let targets: Vec<String> = (0..cases).map(|at| at.to_string()).collect();
    let ends = ") (drop (i32.const 1))".repeat(cases);
    let function =
        format!("(func (param i32) {labels} (br_table {} (local.get 0)) {ends})", targets.join(" "));
    text(GOOD).replacen(
        "(func (export \"describe\")",
        &(function.repeat(functions) + "(func (export \"describe\")"),
        1,
    )
}

#[test]
fn a_bomb_for_the_compiler_is_given_up() {
    // Far less than the compiler takes on any machine.
    let limits = Limits { compile_ms: 1, ..Limits::default() };
    let text = bomb(400, 800);
    let bytes = component(&text);
    let error = load(&host(limits, Isolation::PerCall), bytes).unwrap_err();
    assert!(matches!(error, LoadError::TooLongToCompile { limit_ms: 1, .. }), "{error:?}");
}

#[test]
fn good_plugins_go_on_beside_bad_ones() {
    let limits = Limits { fuel: 20_000_000, memory_mib: 1, ..Limits::default() };
    let options = HostOptions { limits, max_parallel: 4, ..HostOptions::default() };
    let host = PluginHost::new(options).unwrap();
    let open = |body: &str| load(&host, component(&text(body))).unwrap().verifier(&Map::new()).unwrap();
    let bad = [
        ("(loop (br 0)) (unreachable)", CallErrorKind::OutOfFuel),
        ("(drop (call $recurse (i32.const 0))) (unreachable)", CallErrorKind::StackOverflow),
        (
            "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable)",
            CallErrorKind::OutOfMemory,
        ),
    ]
    .map(|(body, kind)| (open(body), kind));
    let good = open(GOOD);
    std::thread::scope(|scope| {
        for (verifier, kind) in &bad {
            scope.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(&verifier.grade(&problem("bad"), "2").unwrap_err().kind, kind);
                }
            });
        }
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    assert_eq!(good.grade(&problem("good"), "2").unwrap().value.verdict, Verdict::Correct);
                }
            });
        }
    });
}

/// A component of two, with a memory each: a text goes from one to the other.
#[test]
fn a_component_may_be_composed_of_others() {
    // It answers if the response has the one byte that the other one counts, and traps if not.
    let body = format!(
        "(if (i32.ne (call $length (local.get $response) (local.get $length)) (i32.const 1)) (then unreachable)) {GOOD}"
    );
    let grader = text(&body)
        .replacen("(component", "(component $grader", 1)
        .replacen(
            "(core module $main",
            r#"(import "other" (instance $other (export "length" (func (param "text" string) (result u32)))))
               (core func $length (canon lower (func $other "length") (memory $libc "memory")))
               (core module $main
                 (import "host" "length" (func $length (param i32 i32) (result i32)))"#,
            1,
        )
        .replacen(
            "(export \"log\" (func $log))",
            "(export \"log\" (func $log)) (export \"length\" (func $length))",
            1,
        );
    let (start, end) = (grader.find("(import").unwrap(), grader.find("(alias export").unwrap());
    let composed = format!(
        r#"(component {imports}
          (component $other
            (core module $m
              (memory (export "memory") 1)
              (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
              (func (export "length") (param i32 i32) (result i32) (local.get 1)))
            (core instance $m (instantiate $m))
            (func (export "length") (param "text" string) (result u32)
              (canon lift (core func $m "length") (memory $m "memory") (realloc (func $m "realloc")))))
          {grader}
          (instance $other (instantiate $other))
          (instance $grader (instantiate $grader
            (with "ts-host:plugin/types@0.3.0" (instance $types))
            (with "ts-host:plugin/log@0.3.0" (instance $log))
            (with "other" (instance $other))))
          (export "ts-host:plugin/plugin@0.3.0" (instance $grader "ts-host:plugin/plugin@0.3.0"))
          (export "ts-host:plugin/verifier@0.3.0" (instance $grader "ts-host:plugin/verifier@0.3.0")))"#,
        imports = &grader[start..end],
    );
    let verifier = loaded(&composed, Limits::default()).unwrap().verifier(&Map::new()).unwrap();
    assert_eq!(verifier.grade(&problem("p"), "2").unwrap().value.verdict, Verdict::Correct);
    assert!(verifier.grade(&problem("p"), "22").is_err());
}
