//! Guests that misbehave in a call: every way out is an error of its own, and none costs more than its limit.

mod guests;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use guests::{GOOD, component, host, load, open, problem, text};
use serde_json::Map;
use ts_plugin::{CallError, CallErrorKind, HostOptions, Isolation, Limits, LogLevel, PluginHost, Verdict};

/// Runs `grade` with this body once, on a fresh instance.
fn fails(body: &str, limits: Limits) -> CallError {
    open(body, limits, Isolation::PerCall).grade(&problem("p1"), "2").unwrap_err()
}

fn small() -> Limits {
    Limits { fuel_per_call: 1_000_000, memory_bytes: 1 << 20, ..Limits::default() }
}

/// Sets fields of the answer, then returns it.
fn answer(stores: &str) -> String {
    format!("{stores} {GOOD}")
}

#[test]
fn a_good_guest_answers() {
    let call = open(GOOD, small(), Isolation::PerCall).grade(&problem("p1"), "2").unwrap();
    assert_eq!(call.value.verdict, Verdict::Correct);
    assert_eq!(call.value.score, 1.0);
    assert!(call.fuel > 0 && call.fuel < 1000, "{}", call.fuel);
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let error = fails("(loop (br 0)) (unreachable)", small());
    assert_eq!(error.kind, CallErrorKind::OutOfFuel);
    assert_eq!(error.fuel, Some(1_000_000));
    assert_eq!(error.to_string(), "plugin `hostile`, `grade`, problem `p1`: ran out of fuel");
}

#[test]
fn an_endless_loop_with_endless_fuel_runs_out_of_time() {
    let began = Instant::now();
    let limits = Limits { fuel_per_call: u64::MAX, processor_ms_per_call: 50, ..small() };
    assert_eq!(fails("(loop (br 0)) (unreachable)", limits).kind, CallErrorKind::OverTime);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn hoarded_memory_is_refused_and_the_crash_that_follows_is_called_by_its_name() {
    let hoard = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable)";
    assert_eq!(fails(hoard, small()).kind, CallErrorKind::OutOfMemory);
    let gives_up = format!("(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) {GOOD}");
    assert!(
        open(&gives_up, small(), Isolation::PerCall).grade(&problem("p1"), "2").is_ok(),
        "copes with a refusal"
    );
}

#[test]
fn a_trap_says_how() {
    let kind = fails("(unreachable)", small()).kind;
    assert!(matches!(&kind, CallErrorKind::Trapped(how) if how.contains("unreachable")), "{kind:?}");
    let kind = fails("(drop (i32.div_u (i32.const 1) (i32.const 0))) (unreachable)", small()).kind;
    assert!(matches!(&kind, CallErrorKind::Trapped(how) if how.contains("divide by zero")), "{kind:?}");
}

#[test]
fn a_trap_repeats_the_last_error_that_was_logged() {
    let kind = fails("(call $log (i32.const 3) (i32.const 1056) (i32.const 11)) (unreachable)", small()).kind;
    assert!(matches!(&kind, CallErrorKind::Trapped(how) if how.ends_with("(Misbehaves.)")), "{kind:?}");
}

#[test]
fn recursion_overflows_the_stack() {
    let limits = Limits { fuel_per_call: 1_000_000_000, ..small() };
    assert_eq!(fails("(call $recurse (i32.const 0))", limits).kind, CallErrorKind::StackOverflow);
}

#[test]
fn too_much_output() {
    let note = "(i32.store (i32.const 3116) (i32.const 4096)) (i32.store (i32.const 3120) (i32.const 60000))";
    let limits = Limits { return_bytes: 10_000, ..small() };
    assert_eq!(fails(&answer(note), limits).kind, CallErrorKind::OutputTooLarge);
    let note =
        open(&answer(note), small(), Isolation::PerCall).grade(&problem("p1"), "2").unwrap().value.note;
    assert!(note.len() < 7000, "a note is cut: {} bytes", note.len());
}

#[test]
fn answers_that_break_the_contract_are_not_believed() {
    let bad = |stores: &str, part: &str| {
        let kind = fails(&answer(stores), small()).kind;
        assert!(matches!(&kind, CallErrorKind::BadOutput(why) if why.contains(part)), "{kind:?}");
    };
    bad("(f64.store (i32.const 3096) (f64.const 2))", "score 2 is not between 0 and 1");
    bad(
        "(i32.store8 (i32.const 3104) (i32.const 1)) (i32.store (i32.const 3112) (i32.const 9))",
        "span 0..9",
    );
    bad("(i32.store (i32.const 3116) (i32.const 1100)) (i32.store (i32.const 3120) (i32.const 2))", "utf-8");
    bad("(i32.store (i32.const 3116) (i32.const -8)) (i32.store (i32.const 3120) (i32.const 4))", "bounds");
    bad("(i32.store8 (i32.const 3080) (i32.const 200))", "");
}

#[test]
fn a_refusal_is_the_guest_s_own_word() {
    let refuses = "(i32.store8 (i32.const 3072) (i32.const 1))
        (i32.store (i32.const 3080) (i32.const 1056)) (i32.store (i32.const 3084) (i32.const 11))";
    let error = fails(&answer(refuses), small());
    assert_eq!(error.kind, CallErrorKind::Refused("Misbehaves.".into()));
}

#[test]
fn a_verdict_that_says_nothing_of_the_response_brings_its_reason() {
    let why = |case: u32| {
        let stores = format!(
            "(i32.store8 (i32.const 3080) (i32.const {case}))
             (i32.store (i32.const 3084) (i32.const 1056)) (i32.store (i32.const 3088) (i32.const 11))"
        );
        let verifier = open(&answer(&stores), small(), Isolation::PerCall);
        verifier.grade(&problem("p1"), "2").unwrap().value.verdict
    };
    assert_eq!(why(3), Verdict::BadReference("Misbehaves.".into()));
    assert_eq!(why(4), Verdict::Undecided("Misbehaves.".into()));
}

/// A guest that scores 1 on its first call and 0 on every later one.
fn remembers() -> String {
    answer(
        "(f64.store (i32.const 3096) (f64.convert_i32_u (i32.eqz (i32.load (i32.const 4000)))))
         (i32.store (i32.const 4000) (i32.const 1))",
    )
}

#[test]
fn isolation_decides_what_an_instance_remembers() {
    let scores = |isolation| {
        let verifier = open(&remembers(), small(), isolation);
        ["a", "a", "b", "a"].map(|id| verifier.grade(&problem(id), "2").unwrap().value.score)
    };
    assert_eq!(scores(Isolation::PerCall), [1.0, 1.0, 1.0, 1.0]);
    assert_eq!(scores(Isolation::Reused), [1.0, 0.0, 0.0, 0.0]);
    // One idle instance is kept (`max_parallel` is 1): `b` takes the place of `a`.
    assert_eq!(scores(Isolation::PerProblem), [1.0, 0.0, 1.0, 1.0]);
}

#[test]
fn a_failure_on_a_used_instance_is_tried_again_on_a_fresh_one() {
    let once = format!(
        "(if (i32.load (i32.const 4000)) (then unreachable)) (i32.store (i32.const 4000) (i32.const 1)) {GOOD}"
    );
    let verifier = open(&once, small(), Isolation::Reused);
    for _ in 0..5 {
        assert!(verifier.grade(&problem("a"), "2").is_ok());
    }
}

#[test]
fn a_trapped_instance_is_not_used_again() {
    let traps_on_empty = format!("(if (i32.eqz (local.get $length)) (then unreachable)) {GOOD}");
    let verifier = open(&traps_on_empty, small(), Isolation::Reused);
    for _ in 0..3 {
        assert!(verifier.grade(&problem("a"), "").is_err());
        assert!(verifier.grade(&problem("a"), "2").is_ok());
    }
}

#[test]
fn logs_reach_the_sink_and_are_capped() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    let options = HostOptions {
        limits: Limits { log_bytes_per_call: 100, ..small() },
        log: Some(Arc::new(move |plugin, level, message| {
            ears.lock().unwrap().push((plugin.to_string(), level, message.to_string()));
        })),
        ..HostOptions::default()
    };
    let flood = format!(
        "(loop (call $log (i32.const 2) (i32.const 1024) (i32.const 7))
            (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000)))) {GOOD}"
    );
    let host = PluginHost::new(options).unwrap();
    let verifier = load(&host, component(&text(&flood))).unwrap().verifier(&Map::new()).unwrap();
    verifier.grade(&problem("a"), "2").unwrap();
    let heard = heard.lock().unwrap();
    let first = ("hostile".to_string(), LogLevel::Warn, "hostile".to_string());
    assert_eq!(heard[..2], [first.clone(), first]);
    assert!(heard.len() <= 3, "{} messages", heard.len());
}

#[test]
fn one_handle_serves_many_threads() {
    for isolation in [Isolation::PerCall, Isolation::PerProblem, Isolation::Reused] {
        let options = HostOptions { limits: small(), isolation, max_parallel: 2, ..HostOptions::default() };
        let plugin = load(&PluginHost::new(options).unwrap(), component(&text(GOOD))).unwrap();
        let verifier = plugin.verifier(&Map::new()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let verifier = &verifier;
                scope.spawn(move || {
                    for call in 0..50 {
                        let id = format!("{thread}-{}", call % 7);
                        assert_eq!(verifier.grade(&problem(&id), "2").unwrap().value.score, 1.0);
                    }
                });
            }
        });
    }
}

#[test]
fn many_handles_share_one_host() {
    let host = host(small(), Isolation::Reused);
    let plugin = load(&host, component(&text(GOOD))).unwrap();
    let handles: Vec<_> = (0..40).map(|_| plugin.verifier(&Map::new()).unwrap()).collect();
    assert!(handles.iter().all(|verifier| verifier.grade(&problem("a"), "2").is_ok()));
}

#[test]
fn fuel_is_equal_on_every_run() {
    let fuel = || open(GOOD, small(), Isolation::PerCall).grade(&problem("p1"), "2").unwrap().fuel;
    assert_eq!(fuel(), fuel());
}
