//! Step splitter `NAME`: a step ends with a blank line, which belongs to the step that it ends.
//!
//! In: a text. Out: places that tile it. Headings, lists and other structure are ignored. Where a step starts
//! depends on the text up to its first character alone, so a text that grows keeps its steps.

wit_bindgen::generate!({ path: "wit", world: "ROLE-plugin" });

use exports::ts_host::plugin::step_splitter::Guest;
use ts_host::plugin::log;
use ts_host::plugin::types::{Description, Setting, Span};

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
    fn split(text: String) -> Result<Vec<Span>, String> {
        log_panics();
        let mut steps = vec![];
        let (mut start, mut line_breaks, mut has_text) = (0, 0, false);
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                b'\n' => line_breaks += 1,
                b' ' | b'\t' | b'\r' => {}
                _ => {
                    if has_text && line_breaks > 1 {
                        steps.push(Span { start, end: at as u32 });
                        start = at as u32;
                    }
                    (line_breaks, has_text) = (0, true);
                }
            }
        }
        if !text.is_empty() {
            steps.push(Span { start, end: text.len() as u32 });
        }
        Ok(steps)
    }
}

/// Has a panic say what and where, in the plugin's log and in the error of the call.
fn log_panics() {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| log::log(log::Level::Error, &panic.to_string()))));
}

export!(Component);
