//! `math_grader` against OpenAI's labels for 5,276 responses of four models to GSM8K.
//!
//! The figure is committed: a change of the grader that moves it must say so here.

use serde_json::Map;
use ts_harness::{Report, read_cases, run};

use crate::plugin;

#[test]
fn math_grader_agrees_with_the_published_labels() {
    let file = crate::repository().join("tests/data/gsm8k_labelled.jsonl");
    let cases = read_cases(&[file]).unwrap();
    let verifier = plugin("math_grader").verifier(&Map::new()).unwrap();
    let report = Report::of(&cases, &run(&verifier, &cases, 2));
    assert_eq!((report.counted, report.agreed), (5276, 5276));
    assert_eq!(report.false_negatives, Vec::<String>::new());
    assert_eq!(report.false_positives, Vec::<String>::new());
    assert!(report.nulls.is_empty(), "{:?}", report.nulls);
}
