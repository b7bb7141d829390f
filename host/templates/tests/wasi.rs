//! What a module finds that was compiled for WASI: answers, and nothing behind them.

use std::sync::{Arc, Mutex};

use serde_json::Map;
use ts_plugin::{
    CallError, CallErrorKind, HostOptions, Isolation, LengthFunction, LogLevel, Logged, PluginHost,
    PluginSource, Role, Version,
};
use ts_templates::{Encoding, Options, componentize};

/// What a plugin logged.
type Lines = Arc<Mutex<Vec<(LogLevel, String)>>>;

/// The length function with this body; it may print the text.
fn open(measure: &str, text: &str) -> (LengthFunction, Lines) {
    let module = include_str!("wasi.wat").replace("{measure}", measure).replace("{text}", text);
    let module = wat::parse_str(module.replace("VERSION", Version::NEWEST.name())).unwrap();
    let options = Options { encoding: Encoding::Utf8 };
    let component = componentize(&module, &[Role::LengthFunction], options).unwrap();
    let lines = Lines::default();
    let heard = Arc::clone(&lines);
    let log = Arc::new(move |_: &str, logged: Logged<'_>| {
        if let Logged::Message(level, message) = logged {
            heard.lock().unwrap().push((level, message.to_owned()));
        }
    });
    let options = HostOptions { log: Some(log), isolation: Isolation::Reused, ..HostOptions::default() };
    let source = PluginSource::Embedded { name: "wasi".to_owned(), bytes: component.into() };
    let plugin = PluginHost::new(options).unwrap().load(source).unwrap();
    (plugin.length_function(&Map::new()).unwrap(), lines)
}

fn measure(body: &str) -> f64 {
    open(body, "").0.measure("p", "", 0).unwrap().value
}

fn fails(body: &str, text: &str) -> (CallError, Vec<(LogLevel, String)>) {
    let (length, lines) = open(body, text);
    let error = length.measure("p", "", 0).unwrap_err();
    let lines = std::mem::take(&mut *lines.lock().unwrap());
    (error, lines)
}

#[test]
fn a_traceback_is_in_the_error_and_in_the_log() {
    let (error, lines) = fails(
        "(call $print (i32.const 2) (i32.const 85)) unreachable",
        r"Traceback (most recent call last):\0a  File \22app.py\22, line 7, in measure\0aKeyError: 'k'\0a",
    );
    let CallErrorKind::Trapped(how) = &error.kind else { panic!("{error}") };
    let told =
        r#"KeyError: 'k' / File "app.py", line 7, in measure (wasm `unreachable` instruction executed"#;
    assert!(how.starts_with(told), "{how}");
    let said: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(
        said[..3],
        ["Traceback (most recent call last):", "  File \"app.py\", line 7, in measure", "KeyError: 'k'"]
    );
    assert!(lines.iter().all(|(level, _)| *level == LogLevel::Warn));
}

#[test]
fn what_is_printed_is_logged_and_bounded() {
    let (length, lines) = open("(call $print (i32.const 1) (i32.const 6))", r"hello\0a");
    length.measure("p", "", 0).unwrap();
    assert_eq!(*lines.lock().unwrap(), [(LogLevel::Info, "hello".to_owned())]);
    let body = "(local $i i32) (loop $again (call $print (i32.const 1) (i32.const 6))
        (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $again (i32.lt_u (local.get $i) (i32.const 20000))))";
    let (length, lines) = open(body, r"hello\0a");
    length.measure("p", "", 0).unwrap();
    let n_lines = lines.lock().unwrap().len();
    assert!((1..1000).contains(&n_lines), "{n_lines}");
}

#[test]
fn an_exit_is_a_failed_call() {
    let (error, _) = fails("(call $exit (i32.const 3))", "");
    // WASI's modules tell success from failure alone.
    assert!(
        matches!(&error.kind, CallErrorKind::Trapped(how) if how.contains("it exited with status 1")),
        "{error}"
    );
}

#[test]
fn clock_and_chance_are_the_same_in_every_call() {
    for look in [
        "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 2048)))",
        "(drop (call $clock (i32.const 1) (i64.const 0) (i32.const 2048)))",
        "(drop (call $random (i32.const 2048) (i32.const 8)))",
    ] {
        let body = format!("{look} (global.set $value (f64.convert_i64_u (i64.load (i32.const 2048))))");
        let (length, _) = open(&body, "");
        let values: Vec<f64> = (0..3).map(|_| length.measure("p", "", 0).unwrap().value).collect();
        assert!(values[0] == values[1] && values[1] == values[2], "{look}: {values:?}");
    }
}

#[test]
fn there_are_no_variables_and_no_folders() {
    let variables = "(drop (call $environ (i32.const 2048) (i32.const 2052)))
        (global.set $value (f64.convert_i32_u (i32.load (i32.const 2048))))";
    assert_eq!(measure(variables), 1.0, "none");
    let folder = "(global.set $value (f64.convert_i32_u (call $prestat (i32.const 3) (i32.const 2048))))";
    assert_eq!(measure(folder), 9.0, "EBADF, and one more");
}

/// Nobody waits, and what the host does for a guest that asks without end is paid for.
#[test]
fn to_ask_without_end_is_to_run_out_of_fuel() {
    let body = "(loop $again (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 2048))) (br $again))";
    assert_eq!(fails(body, "").0.kind, CallErrorKind::OutOfFuel);
    // A little more often than it may, and then an answer.
    let body = "(local $i i32) (loop $again (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 2048)))
        (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $again (i32.lt_u (local.get $i) (i32.const 1000100))))";
    assert_eq!(fails(body, "").0.kind, CallErrorKind::OutOfFuel);
}
