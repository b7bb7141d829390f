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

#[test]
fn lists_recipes_imports_and_what_was_replayed() {
    let host = Host::new();
    let names = json(&host, &["recipe", "--json"]);
    assert!(names.as_array().unwrap().contains(&"default".into()), "{names}");
    let recipe = json(&host, &["recipe", "default", "--json"]);
    let text: toml::Table = toml::from_str(&host.run(&["recipe", "default"])).unwrap();
    assert_eq!(recipe, serde_json::to_value(text).unwrap());
    assert!(host.fail(&["recipe", "defualt", "--json"]).contains("default"));

    std::fs::create_dir(host.path("plugins")).unwrap();
    std::fs::write(host.path("plugins/no.wasm"), b"nothing").unwrap();
    let plugins = json(&host, &["plugin", "list", "plugins", "--json"]);
    let of = |name: &str| plugins.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!(of("q_dyn")["roles"], serde_json::json!(["selection-policy"]));
    assert!(of("plugins/no.wasm")["error"].as_str().unwrap().contains("no.wasm"));

    let gsm8k = repository("tests/data/import/gsm8k.parquet");
    let imported = json(&host, &["import", "gsm8k", &gsm8k, "--out", "set.jsonl", "--json"]);
    assert_eq!((&imported["problems"], &imported["out"]), (&3.into(), &"set.jsonl".into()));
    assert_eq!(imported["verifiers"], serde_json::json!({"math_grader": 3}));
    let stderr = host.fail_with(2, &["import", "gsm8k", &gsm8k, "--json"]);
    assert!(stderr.contains("--out"), "{stderr}");

    std::fs::write(host.path("traps.wasm"), crate::hostile("unreachable")).unwrap();
    let output = host.output(&["plugin", "fuzz", "traps.wasm", "-n", "20", "--json"]);
    let fuzzed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&fuzzed["inputs"], output.status.code()), (&20.into(), Some(1)));
    assert_eq!(fuzzed["faults"][0]["fault"], "trapped");
    assert!(fuzzed["faults"][0]["input"]["problem"].is_object());

    host.run(&small(&["sample", "--out", "run"]));
    host.run(&["grade", "--out", "run"]);
    let replay = ["plugin", "replay", "run", "--problem", "train-000", "--json"];
    let graded = json(&host, &replay);
    assert_eq!((graded["responses"].as_array().unwrap().len(), &graded["changed"]), (8, &0.into()));
    let first = &graded["responses"][0];
    assert!(first["before"] == first["now"] && first["now"]["outcome"].is_string(), "{first}");
    let other = json(&host, &[&replay[..], &["--plugin", "exact_grader"]].concat());
    let changed = |one: &&Value| one["before"]["outcome"] != one["now"]["outcome"];
    let n_changed = other["responses"].as_array().unwrap().iter().filter(changed).count();
    assert!(n_changed > 0 && other["changed"].as_u64().unwrap() as usize >= n_changed, "{other}");
    let splits =
        json(&host, &[&replay[..], &["--role", "step-splitter", "--plugin", "sentence_splitter"]].concat());
    let call = &splits["calls"][0];
    assert!(
        call["name"] == "draw 0" && call["run"]["steps"].is_array() && call["plugin"]["steps"].is_array(),
        "{call}"
    );
    let alone = json(&host, &[&replay[..], &["--role", "step-splitter"]].concat());
    assert_eq!((&alone["calls"][0]["plugin"], &alone["changed"]), (&Value::Null, &0.into()));
}
