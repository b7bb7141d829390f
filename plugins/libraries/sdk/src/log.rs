//! Messages to the people who run the plugin, panics included.
//!
//! A panic in a guest is a trap, and a trap carries no text: the hook sends the text ahead of it.
//!
//! In: messages. Out: lines in the host's log. The host caps and filters.

use std::sync::Once;

pub use crate::bindings::plugin::ts_host::plugin::log::Level;

/// Writes one message to the host's log. Outside a component there is no host, and it does nothing.
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::plugin::ts_host::plugin::log::log(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = (level, message);
}

/// Makes panics reach the host's log. Calls after the first do nothing.
pub fn log_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| log(Level::Error, &panic.to_string()))));
}
