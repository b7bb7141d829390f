//! Guests that misbehave in a call: every way out is an error of its own, and none costs more than its limit.

mod guests;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use guests::{GOOD, component, host, load, open, open_with_programs, problem, run, text};
use serde_json::Map;
use ts_plugin::{
    CallError, CallErrorKind, Cancel, Ending, FUEL_PER_MS, HostOptions, Isolation, Limits, LogLevel, Logged,
    PluginHost, Program, RunLimits, Verdict, Verifier, Version, converse,
};

/// Runs `grade` with this body once, on a fresh instance.
fn fails(body: &str, limits: Limits) -> CallError {
    open(body, limits, Isolation::PerCall).grade(&problem("p1"), "2").unwrap_err()
}

fn small() -> Limits {
    Limits { fuel: 1_000_000, memory_mib: 1, ..Limits::default() }
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

/// How busy the machine is changes nothing: the call's own processor time counts.
#[test]
fn an_endless_loop_with_endless_fuel_runs_out_of_time() {
    let limits = Limits { fuel: u64::MAX, processor_ms: 50, ..small() };
    assert_eq!(fails("(loop (br 0)) (unreachable)", limits).kind, CallErrorKind::OverTime);
}

/// What the host does for a guest, or the processor in one instruction, is paid for by what it is: a loop of
/// nothing else ends by its fuel.
#[test]
fn endless_work_by_others_runs_out_of_fuel() {
    let limits = || Limits { processor_ms: 1 << 40, ..small() };
    for work in [
        "(call $log (i32.const 1) (i32.const 1024) (i32.const 7))",
        "(call $log (i32.const 1) (i32.const 4096) (i32.const 120000))",
        "(drop (memory.grow (i32.const 0)))",
        "(drop (memory.grow (i32.const -1)))",
        "(memory.fill (i32.const 4096) (i32.const 0) (i32.const 120000))",
        "(memory.copy (i32.const 4096) (i32.const 5000) (i32.const 120000))",
    ] {
        let error = fails(&format!("(loop {work} (br 0)) (unreachable)"), limits());
        assert_eq!((error.kind, error.fuel), (CallErrorKind::OutOfFuel, Some(1_000_000)), "{work}");
    }
    for work in ["(call $languages (i32.const 8000))", &run(1206, 1)] {
        let error = open_with_programs(&format!("(loop {work} (br 0)) (unreachable)"), limits())
            .grade(&problem("p1"), "2")
            .unwrap_err();
        assert_eq!((error.kind, error.fuel), (CallErrorKind::OutOfFuel, Some(1_000_000)), "{work}");
    }
}

#[test]
fn bytes_that_pass_and_calls_of_the_host_have_a_price() {
    let fuel = |work: &str| {
        let verifier = open(&format!("{work} {GOOD}"), small(), Isolation::PerCall);
        verifier.grade(&problem("p1"), "2").unwrap().fuel
    };
    let log = |bytes: u32| fuel(&format!("(call $log (i32.const 1) (i32.const 4096) (i32.const {bytes}))"));
    assert_eq!(log(1000) - log(0), 1000);
    assert!(log(0) - fuel("") >= 500);
    assert!(fuel("(drop (memory.grow (i32.const 0)))") - fuel("") >= 255);
}

/// The guards change how bounds are kept, and no end of a call.
#[test]
fn the_guards_of_speculation_change_no_outcome() {
    let beyond = "(drop (i32.load (i32.const -64))) (unreachable)";
    for body in [
        GOOD,
        beyond,
        "(unreachable)",
        "(drop (i32.div_u (i32.const 1) (i32.const 0))) (unreachable)",
        "(call $recurse (i32.const 0))",
        "(loop (br 0)) (unreachable)",
        "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable)",
    ] {
        let ends = [false, true].map(|guard_speculation| {
            let limits = Limits { fuel: 1_000_000_000, guard_speculation, ..small() };
            let graded = open(body, limits, Isolation::PerCall).grade(&problem("p1"), "2");
            graded.map(|call| (call.value, call.fuel)).map_err(|error| error.kind)
        });
        assert_eq!(ends[0], ends[1], "{body}");
    }
}

/// What one call's programs may use together, whatever the guest makes of what came of them: here, a correct
/// answer.
#[test]
fn programs_have_a_total() {
    let three = run(1204, 1).repeat(3) + GOOD;
    let graded = |ms: u64| {
        let limits = Limits { program_ms: ms, ..small() };
        open_with_programs(&three, limits).grade(&problem("p1"), "2")
    };
    // Three of a millisecond each, and a little for compiling them.
    assert_eq!(graded(4).unwrap().value.verdict, Verdict::Correct);
    for ms in [1, 2, 3] {
        assert_eq!(graded(ms).unwrap_err().kind, CallErrorKind::OutOfProgramTime, "{ms}");
    }
    let error = graded(2).unwrap_err();
    assert!(error.to_string().ends_with("its programs ran out of the time that they have together"));
    assert!(error.kind.hint().unwrap().contains("program_ms"));
}

/// The next call has the whole again.
#[test]
fn the_total_is_that_of_one_call() {
    let limits = Limits { program_ms: 2, ..small() };
    let verifier = open_with_programs(&(run(1204, 1) + GOOD), limits);
    for _ in 0..3 {
        assert!(verifier.grade(&problem("p1"), "2").is_ok());
    }
}

/// Grades with a token, calls it off once `is_busy`, and asks for the kind of the error.
fn called_off(verifier: &Verifier, is_busy: impl Fn() -> bool) -> CallErrorKind {
    let cancel = Cancel::default();
    std::thread::scope(|scope| {
        let graded = scope.spawn(|| verifier.grade_unless(&problem("p1"), "2", &cancel));
        while !is_busy() {
            std::thread::sleep(Duration::from_millis(1));
        }
        cancel.cancel();
        graded.join().unwrap().unwrap_err().kind
    })
}

fn endless() -> Limits {
    Limits { fuel: u64::MAX, processor_ms: 1 << 40, program_ms: u64::MAX / FUEL_PER_MS, ..small() }
}

/// Some time, in which the call may or may not have got as far as it should: it ends in the same way.
fn after_a_while() -> impl Fn() -> bool {
    let began = Instant::now();
    move || began.elapsed() > Duration::from_millis(50)
}

#[test]
fn a_call_that_is_called_off_ends_in_the_guest() {
    let body = format!("(if (local.get $length) (then (loop (br 0)))) {GOOD}");
    let verifier = open(&body, endless(), Isolation::PerCall);
    for _ in 0..3 {
        assert_eq!(called_off(&verifier, after_a_while()), CallErrorKind::Cancelled);
        // Its lane, the only one, is free again.
        assert!(verifier.grade(&problem("p2"), "").is_ok());
    }
    let fired = Cancel::default();
    fired.cancel();
    let error = verifier.grade_unless(&problem("p1"), "2", &fired).unwrap_err();
    assert_eq!(error.to_string(), "plugin `hostile`, `grade`, problem `p1`: was cancelled");
    assert!(verifier.grade_unless(&problem("p1"), "", &Cancel::default()).is_ok());
}

#[test]
fn a_call_that_is_called_off_ends_while_it_waits_for_its_turn() {
    let verifier = open("(loop (br 0)) (unreachable)", endless(), Isolation::PerCall);
    let holds = Cancel::default();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| verifier.grade_unless(&problem("p1"), "2", &holds));
        let waits = [(); 3].map(|()| called_off(&verifier, after_a_while()));
        assert_eq!(waits, [(); 3].map(|()| CallErrorKind::Cancelled));
        holds.cancel();
        assert_eq!(first.join().unwrap().unwrap_err().kind, CallErrorKind::Cancelled);
    });
}

#[test]
fn a_call_that_is_called_off_ends_in_its_programs() {
    // Longer than anybody waits: the end comes from outside.
    let verifier = open_with_programs(&(run(1204, 4_000_000) + GOOD), endless());
    assert_eq!(called_off(&verifier, after_a_while()), CallErrorKind::Cancelled);
    // Two of whom one waits for a line that never comes, while the other loops.
    let program = |at: u32, letter: u32| {
        let fields = [1200, 4, letter, 1, 0, 0, 4_000_000, 64, 10];
        let store = |(i, field): (usize, &u32)| {
            format!("(i32.store (i32.const {}) (i32.const {field}))", at as usize + 4 * i)
        };
        fields.iter().enumerate().map(store).collect::<String>()
    };
    let body = format!(
        "{}{}(call $converse (i32.const 9000) (i32.const 8000)) {GOOD}",
        program(9000, 1205),
        program(9036, 1204)
    );
    let verifier = open_with_programs(&body, endless());
    assert_eq!(called_off(&verifier, after_a_while()), CallErrorKind::Cancelled);
}

/// One that waits for its partner uses no processor time: the pair ends by the fuel of the one that loops.
#[test]
fn a_program_that_waits_is_not_out_of_time() {
    let host = host(Limits { processor_ms: 1, ..small() }, Isolation::PerCall);
    let text = include_str!("guests/runner.wat");
    // As it is, and as it was built against the version before: the same language, the same streams, the same endings.
    for (version, text) in [
        (Version::NEWEST, text.to_owned()),
        (Version::V0_2, text.replace(&format!("@{}", Version::NEWEST), "@0.2.0")),
    ] {
        let plugin = load(&host, component(&text)).unwrap();
        assert_eq!(plugin.contract(), version);
        let runner = plugin.runner().unwrap();
        assert_eq!(runner.language(), "test");
        let limits = RunLimits { time_ms: 50, memory_mib: 64, output_bytes: 10 };
        let program = |source| Program { source, input: "", limits };
        let (waits, loops) = converse((&runner, &program("w")), (&runner, &program("l"))).unwrap();
        assert_eq!((waits.ending, loops.ending), (Ending::Exited(0), Ending::TimeLimit));
        assert_eq!(loops.fuel, 50 * FUEL_PER_MS);
    }
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
    assert!(matches!(&kind, CallErrorKind::Trapped(how) if how.starts_with("Misbehaves. (")), "{kind:?}");
}

#[test]
fn recursion_overflows_the_stack() {
    let limits = Limits { fuel: 1_000_000_000, ..small() };
    assert_eq!(fails("(call $recurse (i32.const 0))", limits).kind, CallErrorKind::StackOverflow);
}

#[test]
fn too_much_output() {
    let note = "(i32.store (i32.const 3116) (i32.const 4096)) (i32.store (i32.const 3120) (i32.const 60000))";
    let limits = Limits { output_kib: 10, ..small() };
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
        limits: Limits { log_kib: 1, ..small() },
        log: Some(Arc::new(move |plugin, logged| {
            let (text, left_out) = match logged {
                Logged::Message(_, message) => (message.to_string(), 0),
                Logged::LeftOut(_, count) => (String::new(), count),
            };
            ears.lock().unwrap().push((plugin.to_string(), logged.level(), text, left_out));
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
    let first = ("hostile".to_string(), LogLevel::Warn, "hostile".to_string(), 0);
    assert_eq!(heard[..2], [first.clone(), first]);
    let (said, left_out): (Vec<_>, Vec<_>) = heard.iter().partition(|(.., left_out)| *left_out == 0);
    assert_eq!((said.len() as u64) + left_out.iter().map(|(.., count)| count).sum::<u64>(), 1000);
    assert!(said.len() <= 1024 / 7, "{} messages", said.len());
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
