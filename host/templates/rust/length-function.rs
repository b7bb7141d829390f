//! Length function `NAME`: the number of Unicode characters, plus one.
//!
//! In: a text and its number of tokens. Out: a length. A letter and its combining accent count as two
//! characters. The one is for the end of the text: a length must be above 0.

wit_bindgen::generate!({ path: "wit", world: "ROLE-plugin" });

use exports::ts_host::plugin::length_function::Guest;
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
    fn measure(text: String, _tokens: u32) -> Result<f64, String> {
        log_panics();
        Ok(text.chars().count() as f64 + 1.0)
    }
}

/// Has a panic say what and where, in the plugin's log and in the error of the call.
fn log_panics() {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| log::log(log::Level::Error, &panic.to_string()))));
}

export!(Component);
