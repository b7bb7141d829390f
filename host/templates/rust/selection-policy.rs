//! Selection policy `NAME`: imitate the shortest correct response, and prefer it to each wrong one.
//!
//! In: a graded group. Out: indices. How hard the problem is does not count. Of equally short responses the
//! first drawn is taken; a response without an answer is a wrong one, and one that was not graded is neither.

wit_bindgen::generate!({ path: "wit", world: "ROLE-plugin" });

use exports::ts_host::plugin::selection_policy::{Group, Guest, Outcome, Pair, Positive, Selection};
use ts_host::plugin::log;
use ts_host::plugin::types::{Description, Setting};

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
    fn select(group: Group) -> Result<Selection, String> {
        log_panics();
        let responses = || (0..).zip(&group.responses);
        let correct = responses().filter(|(_, one)| one.outcome == Outcome::Correct);
        let Some((chosen, _)) = correct.min_by(|(_, a), (_, b)| a.length.total_cmp(&b.length)) else {
            return Ok(Selection { positives: vec![], pairs: vec![], sequences: vec![] });
        };
        let wrong = responses().filter(|(_, one)| matches!(one.outcome, Outcome::Incorrect | Outcome::NoAnswer));
        Ok(Selection {
            positives: vec![Positive { response: chosen, weight: 1.0, keep_steps: None }],
            pairs: wrong.map(|(rejected, _)| Pair { chosen, rejected, weight: 1.0 }).collect(),
            sequences: vec![],
        })
    }
}

/// Has a panic say what and where, in the plugin's log and in the error of the call.
fn log_panics() {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| log::log(log::Level::Error, &panic.to_string()))));
}

export!(Component);
