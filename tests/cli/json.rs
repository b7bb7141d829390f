//! `--json`: of every command that prints a table, one JSON value on standard output, and nothing else there.

use serde_json::Value;

use crate::{Host, read, repository, small};

/// Standard output of a command that must succeed, as one value.
fn json(host: &Host, args: &[&str]) -> Value {
    let said = host.run(args);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{args:?}: {error}: {said}"))
}

#[test]
fn a_report_a_comparison_and_an_ablation() {
    let host = Host::new();
    let of_run = json(&host, &small(&["run", "--out", "run", "--json"]));
    let kept: Value = serde_json::from_slice(&read(host.path("run/report.json"))).unwrap();
    assert_eq!(of_run, kept);
    assert_eq!(of_run["plugins"][0]["name"], "math_grader");
    assert_eq!(json(&host, &["report", "run", "--json"]), kept);
    let other = json(&host, &["report", "run", "--json", "--set", "report.budget_tokens=320"]);
    assert_eq!((&other["budget_tokens"], &kept["budget_tokens"]), (&320.into(), &640.into()));

    let compared = json(&host, &["compare", "a=run", "b=run", "--json"]);
    let names: Vec<&str> = compared["methods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|method| method["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "b"]);
    let point = &compared["methods"][0]["points"][0];
    assert_eq!(point["summary"]["accuracy"], kept["result"]["summary"]["accuracy"]);
    assert!(host.path("runs/compare/compare.html").is_file());
    // Several runs make a comparison, with the same numbers.
    assert_eq!(json(&host, &["report", "a=run", "b=run", "--json", "--out", "both"]), compared);
    assert_eq!(read(host.path("both/compare.html")), read(host.path("runs/compare/compare.html")));
    let stderr = host.fail(&["report", "a=run", "b=run", "--set", "report.budget_tokens=320"]);
    assert!(stderr.contains("several are compared"), "{stderr}");

    let ablation =
        json(&host, &small(&["ablate", "--rows", "default", "--seeds", "1", "--json", "--document", "a.md"]));
    assert_eq!(ablation["rows"][0]["name"], "default");
    assert_eq!(ablation["rows"][0]["points"][0]["reports"][0]["seed"], 1);
}

#[test]
fn plugins_models_and_the_cache() {
    let host = Host::with_own_cache();
    let grader = repository("plugins/math_grader.wasm");
    let plugin = json(&host, &["plugin", "inspect", &grader, "--json"]);
    assert_eq!(
        (&plugin["name"], &plugin["roles"]),
        (&"math_grader".into(), &serde_json::json!(["verifier"]))
    );
    assert!(
        plugin["calls"][0]["fuel"].as_u64().unwrap() > 0
            && plugin["start"]["microseconds"].as_f64().unwrap() > 0.0
    );

    std::fs::write(host.path("no.wasm"), b"nothing").unwrap();
    let output = host.output(&["plugin", "check", &grader, "no.wasm", "--json"]);
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&checked[0]["runs"], &checked[1]["runs"]), (&true.into(), &false.into()));
    assert!(!output.status.success() && checked[1]["error"].as_str().unwrap().contains("no.wasm"));

    let cases = repository("tests/data/symbolic_answers.jsonl");
    let tested = json(&host, &["plugin", "test", &grader, "--cases", &cases, "--json"]);
    assert_eq!((&tested["agreement"], &tested["false_positives"]), (&1.0.into(), &serde_json::json!([])));
    let bench = json(
        &host,
        &["plugin", "bench", &grader, "--cases", &cases, "--seconds", "0.1", "--workers", "1", "--json"],
    );
    let instances: Vec<&Value> = bench.as_array().unwrap().iter().map(|row| &row["instances"]).collect();
    assert_eq!(instances, ["per_call", "reused"]);
    assert!(bench[0]["calls_per_second"].as_f64().unwrap() > 0.0);

    // Golden cases: the first disagrees with what the plugin gives, and the command fails, with the difference as JSON.
    let input = r#"{"problem":{"id":"a","prompt":"1+1?","reference":"2"},"response":"\\boxed{2}"}"#;
    std::fs::write(host.path("golden.jsonl"), format!("{{\"input\":{input},\"output\":{{}}}}\n")).unwrap();
    let output = host.output(&["plugin", "test", &grader, "--cases", "golden.jsonl", "--json"]);
    let golden: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((golden[0]["cases"].as_u64(), golden[0]["accepted"].as_bool()), (Some(1), Some(false)));
    assert!(!output.status.success() && golden[0]["differences"][0]["before"] == serde_json::json!({}));
    let accepted = json(&host, &["plugin", "test", &grader, "--cases", "golden.jsonl", "--json", "--update"]);
    assert_eq!(accepted[0]["accepted"], true);

    let model = json(&host, &["model", "inspect", &repository("host/embedded/checkpoints/plain"), "--json"]);
    assert!(model["parameters"].as_u64().unwrap() > 0);
    let cache = json(&host, &["cache", "--json"]);
    assert_eq!(cache["plugins"].as_array().unwrap().len(), 1);
    assert!(json(&host, &["cache", "--clear", "--json"])["removed_files"].as_u64().unwrap() >= 1);
}
