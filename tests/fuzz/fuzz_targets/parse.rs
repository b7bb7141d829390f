//! Parsing: no text panics, nor does the normal form of what it says, and what is printed of a tree can be
//! read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ts_math::algebra::{Work, normal};
use ts_math::syntax::parse;

fuzz_target!(|text: &str| {
    let Ok(node) = parse(text) else { return };
    let _ = normal(&node, &Work::new(ts_math::WORK));
    let printed = node.to_string();
    if let Err(error) = parse(&printed) {
        panic!("printed {printed:?}: {}", error.0);
    }
});
