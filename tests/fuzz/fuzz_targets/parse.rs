//! Parsing: no text panics, and what is read equals itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ts_math::algebra::{Work, normal};
use ts_math::compare::same;
use ts_math::syntax::parse;

fuzz_target!(|text: &str| {
    if text.len() > ts_math::MAX_BYTES {
        return;
    }
    if let Ok(node) = parse(text) {
        let _ = node.to_string();
        let _ = normal(&node, &Work::new(ts_math::WORK));
        assert_eq!(same(&node, &node.clone(), &Work::new(ts_math::WORK)), Ok(true));
    }
});
