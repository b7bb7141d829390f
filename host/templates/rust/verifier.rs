//! Verifier `NAME`: the last line of the response is the reference, but for the case of ASCII's letters and a
//! `\boxed{}` around it.
//!
//! In: a problem and a response. Out: a grade with the place of the answer. Only the text is compared: `0.5`
//! is not `1/2`.

wit_bindgen::generate!({ path: "wit", world: "ROLE-plugin" });

use exports::ts_host::plugin::verifier::{Graded, Guest, Problem, Verdict};
use ts_host::plugin::log;
use ts_host::plugin::types::{Description, Setting, Span};

/// What is white space in every language of the templates.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

struct Component;

impl exports::ts_host::plugin::plugin::Guest for Component {
    fn describe() -> Description {
        Description {
            name: "NAME".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "SUMMARY".to_owned(),
            settings: vec![],
        }
    }

    fn configure(_settings: Vec<Setting>) -> Result<(), String> {
        Ok(())
    }
}

impl Guest for Component {
    fn grade(problem: Problem, response: String) -> Result<Graded, String> {
        log_panics();
        let reference = problem.reference.trim_matches(SPACE);
        let written = response.trim_end_matches(SPACE);
        let line = written.rsplit('\n').next().unwrap_or_default().trim_matches(SPACE);
        let boxed = line.strip_prefix(r"\boxed{").and_then(|rest| rest.strip_suffix('}'));
        let answer = boxed.unwrap_or(line).trim_matches(SPACE);
        if reference.is_empty() {
            return Ok(graded(Verdict::BadReference("the reference is empty".to_owned()), None));
        }
        if answer.is_empty() {
            return Ok(graded(Verdict::NoAnswer, None));
        }
        let same = answer.eq_ignore_ascii_case(reference);
        let start = answer.as_ptr() as usize - response.as_ptr() as usize; // it is a part of the response
        let place = Span { start: start as u32, end: (start + answer.len()) as u32 };
        Ok(graded(if same { Verdict::Correct } else { Verdict::Incorrect }, Some(place)))
    }
}

/// A grade without partial credit, note and tests.
fn graded(verdict: Verdict, answer: Option<Span>) -> Graded {
    let score = if matches!(verdict, Verdict::Correct) { 1.0 } else { 0.0 };
    Graded { verdict, score, answer, note: String::new(), tests: vec![] }
}

/// Has a panic say what and where, in the plugin's log and in the error of the call.
fn log_panics() {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| log::log(log::Level::Error, &panic.to_string()))));
}

export!(Component);
