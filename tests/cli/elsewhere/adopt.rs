//! `adopt`: a trained model comes back and is measured as the run's own; another model does not.

use std::fs;
use std::path::Path;

use serde_json::json as value;

use super::{copy, host, json, lines, run_to_pairs, text, tiny};
use crate::{Host, read, repository};

/// A run that trained a model, and one that has done everything before training.
fn trained_and_not() -> Host {
    let host = host();
    host.run(&["pair", "--from", "trained", "--out", "run", "--set", "train.lambda=0.5"]);
    host
}

#[test]
fn a_model_is_measured_and_reported_as_the_runs_own() {
    let host = trained_and_not();
    let said = host.run(&["adopt", "run", "trained/model", "--trained-with", "TRL 1.16 on *2* cores"]);
    assert_eq!(said, "run/model\n");
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        assert!(
            read(host.path("run/model").join(file)) == read(host.path("trained/model").join(file)),
            "{file}"
        );
    }
    let table = host.run(&["run", "--out", "run"]);
    assert!(
        table.contains(r"trained elsewhere with TRL 1.16 on \*2\* cores, and adopted: SHA-256 "),
        "{table}"
    );
    let adopted = json(host.path("run/manifest.json"))["adopted"].clone();
    assert_eq!(adopted["trained_with"], "TRL 1.16 on *2* cores");
    assert_eq!(json(host.path("run/report.json"))["adopted"], adopted);
    assert!(text(host.path("run/model/README.md")).contains("trained elsewhere with TRL"));
    // The same model, the same measurement; its records are sealed with what was adopted.
    let tokens = |run: &str| {
        lines(host.path(run).join("eval-result.jsonl"))
            .into_iter()
            .map(|mut row| {
                row.as_object_mut().unwrap().remove("check");
                row
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(tokens("run"), tokens("trained"));
    // `reference` is only training's: it was taken over here, and a run without it goes on too.
    assert_eq!(host.run(&["run", "--out", "run"]), table);
    let told = host.fail(&["run", "--out", "run", "--set", "train.lambda=1"]);
    assert!(told.contains("run belongs to another run: train.lambda was "), "{told}");

    // What it left is held fast.
    fs::write(host.path("run/model/more.bin"), "x").unwrap();
    assert!(host.fail(&["run", "--out", "run"]).contains("run/model/more.bin was added"));
    fs::remove_file(host.path("run/model/more.bin")).unwrap();
    fs::write(host.path("run/model/README.md"), "a card of one's own").unwrap();
    host.run(&["run", "--out", "run"]);
}

/// A run `other` of the same examples, with another model.
fn train_another(host: &Host) {
    host.run(&[
        "run",
        "--out",
        "other",
        "--from",
        "trained",
        "--set",
        "train.steps=2",
        "--set",
        "train.learning_rate=0.01",
    ]);
}

#[test]
fn another_model_takes_the_place_of_an_adopted_one_and_of_what_was_measured_of_it() {
    let host = trained_and_not();
    train_another(&host);
    host.run(&["adopt", "run", "trained/model"]);
    host.run(&["run", "--out", "run"]);
    let first = read(host.path("run/eval-result.jsonl"));
    host.run(&["adopt", "run", "other/model"]);
    for gone in ["eval-result.jsonl", "report.json", "report.md", "report.html", "model/README.md"] {
        assert!(!host.path("run").join(gone).exists(), "{gone}");
    }
    assert!(host.fail(&["report", "run"]).contains("needs `eval-result`"));
    host.run(&["run", "--out", "run"]);
    assert!(first != read(host.path("run/eval-result.jsonl")));
    // Another run does not take an adopted model for one that this recipe trained.
    host.run(&["train", "--from", "run", "--out", "heir"]);
    assert!(lines(host.path("heir/train.jsonl")).len() == 3);
}

#[test]
fn a_run_that_trains_by_itself_keeps_its_model() {
    let host = host();
    let before = read(host.path("trained/model/model.safetensors"));
    let told = host.fail(&["adopt", "trained", "trained/model"]);
    assert!(told.contains("trained has trained its model itself") && told.contains("--out NEW"), "{told}");
    assert!(before == read(host.path("trained/model/model.safetensors")));
    // In another run, with all that was done before training.
    host.run(&["adopt", "trained", "trained/model", "--out", "new"]);
    let table = host.run(&["run", "--out", "new"]);
    assert!(table.contains("trained elsewhere, and adopted"), "{table}");

    // One that is in the middle of it.
    host.run(&["pair", "--from", "trained", "--out", "begun", "--set", "train.lambda=0.5"]);
    fs::write(host.path("begun/train.jsonl"), "{\"step\":1").unwrap();
    assert!(host.fail(&["adopt", "begun", "trained/model"]).contains("begun is in training itself"));
    // One that has nothing to train on yet.
    host.run(&tiny(&["sample", "--out", "young"]));
    let told = host.fail(&["adopt", "young", "trained/model"]);
    assert!(told.contains("needs `pair`, which is not done in young"), "{told}");
}

#[test]
fn an_adapter_is_adopted_beside_the_runs_base() {
    let host = host();
    let lora = ["--set", "train.lora.rank=4", "--set", "train.learning_rate=0.01"];
    host.run(&[&["run", "--out", "adapted", "--from", "trained"][..], &lora].concat());
    host.run(&["pair", "--from", "pairs", "--out", "run"]);
    // As another trainer leaves it: the base is named by where that had it.
    copy(&host.path("adapted/model"), &host.path("adapter"));
    let path = host.path("adapter/adapter_config.json");
    let mut config = json(&path);
    config["base_model_name_or_path"] = value!("/elsewhere/base");
    fs::write(&path, config.to_string()).unwrap();
    host.run(&["adopt", "run", "adapter"]);
    assert_eq!(json(host.path("run/model/adapter_config.json"))["base_model_name_or_path"], "embedded");
    host.run(&["run", "--out", "run"]);
    assert!(text(host.path("run/model/README.md")).contains("library_name: peft"));
    let tokens = |run: &str| -> Vec<_> {
        lines(host.path(run).join("eval-result.jsonl")).iter().map(|row| row["text"].clone()).collect()
    };
    assert_eq!(tokens("run"), tokens("adapted"));

    // Beside a base that is an adapter itself it cannot stand.
    run_to_pairs(&host, "second", &["--model", "adapted/model"]);
    let told = host.fail(&["adopt", "second", "adapter"]);
    assert!(told.contains("an adapter; merge it first"), "{told}");
}

#[test]
fn another_model_is_refused_by_what_it_differs_in_and_leaves_the_run_as_it_was() {
    let host = trained_and_not();
    let refused = |name: &str, expected: &str, change: &dyn Fn(&Path)| {
        let folder = host.path(name);
        copy(&host.path("trained/model"), &folder);
        change(&folder);
        let before = text(host.path("run/manifest.json"));
        let told = host.fail(&["adopt", "run", name]);
        assert!(told.contains(expected), "{name}: {told}");
        assert_eq!(text(host.path("run/manifest.json")), before);
        assert!(!host.path("run/model").exists());
    };
    let set = |folder: &Path, file: &str, field: &str, new: serde_json::Value| {
        let mut fields = json(folder.join(file));
        fields[field] = new;
        fs::write(folder.join(file), fields.to_string()).unwrap();
    };
    refused("family", "family is not the run's model, trained: model_type is ", &|folder| {
        set(folder, "config.json", "model_type", value!("llama"));
        set(folder, "config.json", "architectures", value!(["LlamaForCausalLM"]));
    });
    refused("layers", "num_hidden_layers is 4, and 5 in the run's", &|folder| {
        set(folder, "config.json", "num_hidden_layers", value!(4));
    });
    refused("theta", "rope_theta is 500000, and 10000 in the run's", &|folder| {
        set(folder, "config.json", "rope_theta", value!(500000.0));
    });
    refused("ends", "eos_token_id is [3], and [0] in the run's", &|folder| {
        set(folder, "config.json", "eos_token_id", value!(3));
    });
    refused("tokens", "of its tokenizer is ", &|folder| {
        let path = folder.join("tokenizer.json");
        let mut fields = json(&path);
        let vocab = fields["model"]["vocab"].as_object_mut().unwrap();
        let (a, b) = (vocab["a"].clone(), vocab["b"].clone());
        vocab.insert("a".to_owned(), b);
        vocab.insert("b".to_owned(), a);
        fs::write(path, fields.to_string()).unwrap();
    });
    refused("cut", "model.safetensors", &|folder| {
        let path = folder.join("model.safetensors");
        let bytes = read(&path);
        fs::write(path, &bytes[..bytes.len() - 2]).unwrap();
    });
    refused("nan", "model.safetensors", &|folder| {
        let path = folder.join("model.safetensors");
        let mut bytes = read(&path);
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        fs::write(path, bytes).unwrap();
    });
    refused("empty", "config.json", &|folder| {
        fs::remove_file(folder.join("config.json")).unwrap();
    });
    assert!(host.fail(&["adopt", "run", "nowhere"]).contains("nowhere"));
    let tiny_qwen2 = repository("host/model/tests/data/tiny-qwen2");
    assert!(host.fail(&["adopt", "run", &tiny_qwen2]).contains("vocab_size is "));
    assert!(host.fail(&["adopt", "nowhere", "trained/model"]).contains("nowhere holds no run"));
    let long = "x".repeat(5000);
    assert!(host.fail(&["adopt", "run", "trained/model", "--trained-with", &long]).contains("4096 at most"));
    // Without a tokenizer of its own it is taken.
    copy(&host.path("trained/model"), &host.path("bare"));
    fs::remove_file(host.path("bare/tokenizer.json")).unwrap();
    host.run(&["adopt", "run", "bare"]);
    assert!(host.path("run/model/tokenizer.json").is_file());
}

#[test]
fn shards_measure_the_model_that_the_whole_run_adopted() {
    let host = trained_and_not();
    let set = ["--set", "train.lambda=0.5"];
    for shard in ["1/2", "2/2"] {
        host.run(&[&tiny(&["run", "--out", "many", "--shard", shard])[..], &set].concat());
    }
    host.run(&["merge", "many"]);
    host.run(&["adopt", "many", "trained/model"]);
    host.run(&["eval", "--out", "many", "--shard", "1/2"]);
    train_another(&host);
    // One share has measured the first model, the other the second: that is no whole.
    copy(&host.path("many/shards/1-of-2"), &host.path("old"));
    host.run(&["adopt", "many", "other/model"]);
    host.run(&["eval", "--out", "many", "--shard", "2/2"]);
    fs::remove_dir_all(host.path("many/shards/1-of-2")).unwrap();
    let told = host.fail(&["merge", "many", "old"]);
    assert!(told.contains("has measured another model than the run has adopted"), "{told}");
    copy(&host.path("old"), &host.path("many/shards/1-of-2"));
    host.run(&["eval", "--out", "many", "--shard", "1/2"]);
    host.run(&["merge", "many"]);
    host.run(&["adopt", "run", "other/model"]);
    host.run(&["eval", "--out", "run"]);
    assert!(read(host.path("many/eval-result.jsonl")) == read(host.path("run/eval-result.jsonl")));
    host.run(&["report", "many"]);
}

#[test]
fn a_model_that_was_not_trained_is_adopted_with_a_warning() {
    let host = trained_and_not();
    host.run(&["export", "run", "--to", "trl", "--out", "export"]);
    let told = |model: &str| {
        let output = host.output(&["adopt", "run", model]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let warned = "warning: its weights are those of the run's own model: nothing was trained";
    assert!(told("export/model").contains(warned), "{}", told("export/model"));
    assert!(!told("trained/model").contains("warning"));
}
