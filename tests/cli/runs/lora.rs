//! Runs that train adapters: what they leave, where they go on, and what is made of an adapter afterwards.

use std::fs;

use serde_json::{Value, json};

use super::resume::kill_after;
use crate::{Host, read, repository};

const ADAPTER: &str = "model/adapter_model.safetensors";

/// Settings under which a whole run takes seconds, and trains on pairs.
const TINY: &[&str] = &[
    "--set",
    "problems.max_train=6",
    "--set",
    "problems.max_heldout=3",
    "--set",
    "sample.n_samples=6",
    "--set",
    "refine.enabled=false",
    "--set",
    "train.batch_size=2",
    "--set",
    "train.epochs=3",
    "--set",
    "train.checkpoint_every=2",
    "--set",
    "eval.n_runs=1",
    "--set",
    "report.bootstrap_resamples=100",
];

/// Settings of adapters of rank 4 beside every projection, which learn fast and drop inputs.
const LORA: &[&str] = &[
    "--set",
    "train.lora.rank=4",
    "--set",
    "train.lora.target_modules=all-linear",
    "--set",
    "train.lora.dropout=0.1",
    "--set",
    "train.learning_rate=0.002",
];

fn adapted<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, TINY, LORA].concat()
}

fn json_of(host: &Host, file: &str) -> Value {
    serde_json::from_slice(&read(host.path(file))).unwrap()
}

/// The records of a file without their checksums, which say what they were made from.
fn records(host: &Host, file: &str) -> Vec<Value> {
    let text = String::from_utf8(read(host.path(file))).unwrap();
    let mut records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    records.iter_mut().for_each(|record| drop(record.as_object_mut().unwrap().remove("check")));
    records
}

/// However it is computed: killed and resumed, by another number of workers, with activations kept or computed again.
#[test]
fn adapters_are_trained_to_the_same_bytes() {
    let host = Host::new();
    host.run(&adapted(&["run", "--out", "whole", "--workers", "2"]));
    let files = [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    for name in files {
        assert!(host.path("whole/model").join(name).is_file(), "{name}");
    }
    assert_eq!(fs::read_dir(host.path("whole/model")).unwrap().count(), files.len());
    let config = json_of(&host, "whole/model/adapter_config.json");
    assert_eq!(config["base_model_name_or_path"], "embedded");
    assert_eq!(
        (&config["r"], &config["lora_alpha"], &config["lora_dropout"]),
        (&json!(4), &json!(8), &json!(0.1))
    );

    for stage in ["sample", "grade", "select", "refine", "pair"] {
        let args = if stage == "sample" {
            adapted(&[stage, "--out", "killed"])
        } else {
            vec![stage, "--out", "killed"]
        };
        host.run(&args);
    }
    kill_after(&host, &["train", "--out", "killed"], "train.jsonl", 5);
    let checkpoints: Vec<_> =
        fs::read_dir(host.path("killed/checkpoints")).into_iter().flatten().flatten().collect();
    for checkpoint in checkpoints {
        let folder = checkpoint.path();
        assert!(!folder.join("model.safetensors").exists(), "{}", folder.display());
    }
    host.run(&["train", "--out", "killed", "--workers", "1"]);
    for file in ["reference.jsonl", "train.jsonl", ADAPTER] {
        assert!(read(host.path("whole").join(file)) == read(host.path("killed").join(file)), "{file}");
    }
    assert!(!host.path("killed/checkpoints").exists());

    // The reference is the model without adapters: the same numbers as for training in full.
    let again = ["--from", "whole", "--set", "train.activation_checkpointing=true"];
    host.run(&[&["run", "--out", "again"][..], &again].concat());
    assert!(read(host.path("again").join(ADAPTER)) == read(host.path("whole").join(ADAPTER)));
    host.run(&[&["run", "--out", "full"], TINY].concat());
    assert_eq!(records(&host, "full/reference.jsonl"), records(&host, "whole/reference.jsonl"));
    assert!(read(host.path("whole/eval-result.jsonl")) != read(host.path("full/eval-result.jsonl")));

    // A matrix that was changed afterwards is refused.
    let mut bytes = read(host.path("killed").join(ADAPTER));
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(host.path("killed").join(ADAPTER), bytes).unwrap();
    let error = host.fail(&["eval", "--out", "killed"]);
    assert!(error.contains("adapter_model.safetensors"), "{error}");
}

#[test]
fn an_adapter_is_a_model_for_tools_for_merging_and_for_the_next_round() {
    let host = Host::new();
    host.run(&adapted(&["run", "--out", "first"]));
    let told: Value =
        serde_json::from_str(&host.run(&["model", "inspect", "first/model", "--json"])).unwrap();
    let expected =
        json!({"base": "embedded", "rank": 4, "scaling": 2.0, "n_adapted": 35, "parameters": 48640});
    assert_eq!(told["adapter"], expected);
    assert!(
        host.run(&["model", "inspect", "first/model"])
            .contains("adapter to embedded: 48640 parameters, rank 4")
    );

    // Merged, it answers the same.
    let said = host.run(&["model", "merge", "first/model", "merged"]);
    assert!(said.contains("35 projections merged with adapters of rank 4, in f32"), "{said}");
    let question = json!({"id": 1, "messages": [{"role": "user", "content": "What is 17 plus 25 times 3?"}]});
    fs::write(host.path("in.jsonl"), format!("{question}\n")).unwrap();
    let answer = |folder: &str| host.run(&["model", "generate", folder, "--input", "in.jsonl"]);
    assert_eq!(answer("merged"), answer("first/model"));
    fs::write(host.path("text.jsonl"), "{\"tokens\": [1, 316, 225, 21, 27]}\n").unwrap();
    let scores = |folder: &str| host.run(&["model", "score", folder, "--input", "text.jsonl"]);
    assert_eq!(scores("merged"), scores("first/model"));
    assert_ne!(scores("merged"), scores(&repository("host/embedded/checkpoints/plain")));
    let error = host.fail(&["model", "merge", "first/model", "merged"]);
    assert!(
        error.contains("merged exists already") && error.contains("hint: choose a new folder"),
        "{error}"
    );
    // Averaged with its base, it is neither; with all of the weight on one side it is that one.
    let base = repository("host/embedded/checkpoints/plain");
    let said = host.run(&["model", "average", "first/model", &base, "--out", "mean"]);
    assert!(said.contains(" tensors, 0.5 of the first and 0.5 of the second, in f32"), "{said}");
    host.run(&["model", "average", "first/model", &base, "--weight", "1", "--out", "all"]);
    assert_eq!(scores("all"), scores("first/model"));
    assert!(scores("mean") != scores("all") && scores("mean") != scores(&base));
    assert_eq!(answer("all"), answer("first/model"));
    host.fail_with(2, &["model", "average", "all", "mean", "--weight", "1.5", "--out", "none"]);
    let error = host.fail(&["model", "merge", "merged", "again"]);
    assert!(error.contains("there is no adapter_config.json"), "{error}");
    assert!(!host.path("again").exists());

    // The next round starts from it, and leaves one adapter that does what both do, of the same base.
    host.run(&adapted(&["run", "--out", "second", "--model", "first/model"]));
    assert_eq!(records(&host, "first/eval-result.jsonl"), records(&host, "second/eval-baseline.jsonl"));
    let config = json_of(&host, "second/model/adapter_config.json");
    assert_eq!((&config["r"], &config["base_model_name_or_path"]), (&json!(8), &json!("embedded")));
    host.run(&adapted(&["run", "--out", "third", "--model", "second/model"]));
    assert_eq!(records(&host, "second/eval-result.jsonl"), records(&host, "third/eval-baseline.jsonl"));
    // Trained in full, the merged model is a whole one.
    host.run(&[&["run", "--out", "whole", "--model", "first/model"], TINY].concat());
    assert!(host.path("whole/model/model.safetensors").is_file());
    assert!(!host.path("whole/model/adapter_config.json").exists());
}

#[test]
fn an_adapter_that_cannot_be_used_is_refused_with_what_to_do() {
    let host = Host::new();
    let checkpoint = repository("host/embedded/checkpoints/plain");
    host.run(&adapted(&["run", "--out", "run", "--model", &checkpoint]));
    let path = host.path("run/model/adapter_config.json");
    let good = json_of(&host, "run/model/adapter_config.json");
    assert!(good["base_model_name_or_path"].as_str().unwrap().starts_with('/'), "{good}");
    let said = host.run(&["model", "merge", "run/model", "merged", "--base", &checkpoint]);
    assert!(said.contains("in bf16"), "{said}");
    for (field, value, reason) in [
        ("base_model_name_or_path", json!("no/such/folder"), "`no/such/folder`, is not a folder here"),
        ("use_dora", json!(true), "use_dora: true is not implemented"),
        ("r", json!(5), "where the base has room for [5, 128]"),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        fs::write(&path, bad.to_string()).unwrap();
        for args in [&["model", "inspect", "run/model"][..], &["check", "--model", "run/model"]] {
            let error = host.fail(args);
            assert!(error.contains(reason) && error.contains("hint: "), "{args:?}: {error}");
        }
    }
    for (setting, reason) in [
        ("train.lora.rank=0", "train.lora.rank must be 1 to 65536, not 0"),
        ("train.lora.target_modules=[\"lm_head\"]", "train.lora.target_modules must be"),
        ("train.lora.dropout=1", "train.lora.dropout must be 0 or above and below 1"),
    ] {
        let error = host.fail(&["check", "--set", setting]);
        assert!(error.contains(reason), "{error}");
    }
    let checked = host.run(&["check", "--set", "train.lora.rank=16"]);
    assert!(checked.contains("trains 35840 numbers of adapters of rank 16, and no weight"), "{checked}");
}

/// The other embedded model and its problems, in full and as adapters.
#[test]
fn the_task_with_teeth_has_a_model_of_its_own() {
    let host = Host::new();
    let name = "embedded-teeth";
    let of_teeth = [
        "--model",
        name,
        "--set",
        "problems.train=embedded-teeth",
        "--set",
        "problems.heldout=embedded-teeth",
    ];
    host.run(&[&adapted(&["run", "--out", "run"])[..], &of_teeth].concat());
    let samples = String::from_utf8(read(host.path("run/samples.jsonl"))).unwrap();
    assert!(samples.to_lowercase().contains("check:"), "{samples}");
    let manifest = json_of(&host, "run/manifest.json");
    assert_eq!(manifest["model"]["source"], name);
    assert_eq!(json_of(&host, "run/model/adapter_config.json")["base_model_name_or_path"], name);
    // Its base is found again.
    let said = host.run(&["model", "merge", "run/model", "merged"]);
    assert!(said.contains("35 projections merged"), "{said}");
}
