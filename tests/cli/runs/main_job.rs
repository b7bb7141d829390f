//! The main job as the README has it, at full size: that it does what the README says it does.

use crate::{Host, read, repository};

/// Bounds are wide, because another processor rounds otherwise and then draws other responses; README and
/// docs/ablations.md have what was measured.
#[test]
#[ignore = "takes minutes; the gate runs it"]
fn it_cuts_a_third_of_the_tokens_at_least_and_keeps_the_accuracy() {
    let host = Host::new();
    host.run(&["--plugin", &repository("plugins/math_grader.wasm"), "--out", "run"]);
    let report: serde_json::Value = serde_json::from_slice(&read(host.path("run/report.json"))).unwrap();
    let number = |path: &str| report.pointer(path).and_then(serde_json::Value::as_f64).unwrap();
    let shorter = 1.0 - number("/result/summary/len_all") / number("/baseline/summary/len_all");
    assert!(shorter > 0.35, "only {:.1} % shorter", 100.0 * shorter);
    let accuracy = number("/differences/accuracy/estimate");
    assert!(accuracy > -0.06, "accuracy fell by {:.1} points", -100.0 * accuracy);
    assert!(number("/differences/auc/low") > 0.0, "the area under accuracy against budget did not grow");
}
