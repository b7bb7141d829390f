//! `export`: what is written is what the run has, and what cannot be carried is said.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json as value};

use super::{host, json, lines, run_to_pairs, text, tiny};
use crate::{Host, repository};

const TRAINERS: [&str; 5] = ["trl", "llama-factory", "axolotl", "openrlhf", "verl"];

/// Token ids of a run's responses, by problem and draw; of refined ones by the refined text.
fn ids_of(host: &Host, run: &str) -> BTreeMap<(String, u64, bool), Value> {
    let key = |row: &Value, refined| {
        (row["problem"].as_str().unwrap().to_owned(), row["draw"].as_u64().unwrap(), refined)
    };
    let of = |file: &str, refined| {
        let rows = lines(host.path(run).join(file)).into_iter();
        rows.map(move |row| (key(&row, refined), row["tokens"].clone())).collect::<Vec<_>>()
    };
    of("samples.jsonl", false).into_iter().chain(of("refined.jsonl", true)).collect()
}

#[test]
fn trl_is_given_the_runs_own_tokens_weights_and_order() {
    let host = host();
    host.run(&["reference", "--from", "trained", "--out", "run"]);
    let said = host.run(&["export", "run", "--to", "trl"]);
    assert!(said.ends_with("accelerate launch --config_file accelerate/one_gpu.yaml train.py\n"), "{said}");
    let folder = host.path("run/export/trl");
    let (ids, reference) = (ids_of(&host, "run"), lines(host.path("run/reference.jsonl")));
    let examples = lines(host.path("run/examples.jsonl"));
    let rows = lines(folder.join("train.jsonl"));
    let (mut n_pairs, mut n_imitated) = (0, 0);
    for row in &rows {
        let example = examples.iter().find(|example| example["id"] == row["id"]).unwrap();
        let logp = reference.iter().find(|logp| logp["id"] == row["id"]).unwrap();
        let problem = example["problem"].as_str().unwrap().to_owned();
        let chosen = &ids[&(problem.clone(), example["chosen"].as_u64().unwrap(), true)];
        assert_eq!(&row["chosen_ids"], chosen, "{}", row["id"]);
        assert_eq!(row["ref_chosen_logps"], logp["chosen_logp"]);
        assert_eq!(row["sft_weight"], example["weight"]);
        let number = |value: &Value| value.as_f64().unwrap();
        match example["rejected"].as_u64() {
            Some(draw) => {
                n_pairs += 1;
                assert_eq!(row["rejected_ids"], ids[&(problem, draw, false)]);
                let margin = (number(&example["len_rejected"]) / number(&example["len_chosen"])).ln();
                let expected = number(&logp["rejected_logp"]) + margin / 0.1;
                assert!((number(&row["ref_rejected_logps"]) - expected).abs() < 1e-9);
                assert_eq!(row["pair_weight"], example["weight"]);
            }
            None => {
                n_imitated += 1;
                assert_eq!(&row["rejected_ids"], chosen);
                assert_eq!(
                    (number(&row["pair_weight"]), &row["ref_rejected_logps"]),
                    (0.0, &row["ref_chosen_logps"])
                );
            }
        }
    }
    assert!(n_pairs > 0 && n_imitated > 0, "{n_pairs} pairs, {n_imitated} to imitate");
    assert!(said.contains(&format!("{n_pairs} pairs and {n_imitated} responses to imitate")), "{said}");
    let order = lines(folder.join("order.jsonl"));
    assert_eq!(order.len(), 3);
    assert!(order.iter().all(|step| step.as_array().unwrap().len() == 4));
    let settings = json(folder.join("settings.json"));
    let expected = value!({
        "model": "model", "adapter": null, "dtype": "float32", "beta": 0.1, "dpo_weight": 0.5, "learning_rate": 0.00004,
        "schedule": "cosine", "warmup_steps": 1, "n_steps": 3, "batch_size": 4, "max_grad_norm": 1.0, "adam_beta1": 0.9,
        "adam_beta2": 0.999, "adam_eps": 1e-8, "weight_decay": 0.0, "activation_checkpointing": false, "lora_dropout": 0.0, "seed": 1
    });
    assert_eq!(settings, expected);
    let files = ["one_gpu", "fsdp2", "zero2", "zero3", "cpu"].map(|name| format!("accelerate/{name}.yaml"));
    for name in files.iter().map(String::as_str).chain([
        "train.py",
        "requirements.txt",
        "README.md",
        "model/config.json",
    ]) {
        assert!(folder.join(name).is_file(), "{name}");
    }
    assert!(text(folder.join("accelerate/fsdp2.yaml")).contains("mixed_precision: \"no\""));
    // The run goes on beside it, and its order is the one that was exported.
    host.run(&["run", "--out", "run"]);
}

#[test]
fn the_others_are_given_texts_that_are_the_tokens_and_told_what_they_lose() {
    let host = host();
    host.run(&["pair", "--from", "pairs", "--out", "run"]);
    // Without `reference`, which they compute themselves.
    for (trainer, config) in
        [("llama-factory", "train.yaml"), ("axolotl", "train.yaml"), ("openrlhf", "train.sh")]
    {
        let output = host.output(&["export", "run", "--to", trainer, "--out", trainer]);
        let told = String::from_utf8(output.stderr).unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{told}");
        assert!(said.contains("every text tokenises back to the ids"), "{said}");
        assert!(!said.contains("came as text alone"), "{said}");
        assert!(told.contains("the length margin (lambda 1) is not carried"), "{told}");
        assert!(told.contains("responses that are only imitated, in no pair, are not in the rows"), "{told}");
        let readme = text(host.path(trainer).join("README.md"));
        assert!(readme.contains("length margin (lambda 1) is not carried"), "{readme}");
        assert!(text(host.path(trainer).join(config)).contains("0.1"));
        let examples = lines(host.path("run/examples.jsonl"));
        let rows = lines(host.path(trainer).join("train.jsonl"));
        assert_eq!(rows.len(), examples.iter().filter(|example| example["kind"] == "pair").count());
        for row in rows {
            let of = |name: &str| row[name].as_str().unwrap().to_owned();
            assert!(of("prompt").contains("<|problem|>") || !of("prompt").is_empty());
            // Specials are spelt out: what was not cut off has its end.
            assert!(of("chosen").contains("</think>"), "{row}");
        }
    }
    assert_eq!(
        json(host.path("llama-factory/dataset_info.json"))["tokensqueeze"],
        value!({"file_name": "train.jsonl", "ranking": true, "columns": {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}})
    );
    // Their loss is the recipe's divided by eta, 0.5, and so is all that a gradient is measured by.
    let yaml = text(host.path("llama-factory/train.yaml"));
    for line in ["pref_ftx: 1\n", "max_grad_norm: 2\n", "adam_epsilon: 2.0e-8\n"] {
        assert!(yaml.contains(line), "{line}: {yaml}");
    }
    let script = text(host.path("openrlhf/train.sh"));
    for flag in ["--model.nll_loss_coef 1 ", "--max_norm 2 ", "--adam.eps 0.00000002 "] {
        assert!(script.contains(flag), "{flag}: {script}");
    }
    assert!(text(host.path("axolotl/train.yaml")).contains("adam_epsilon: 1.0e-8\n"));

    let output = host.output(&["export", "run", "--to", "verl", "--out", "verl"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("verl has no DPO in its core"));
    let rl = lines(host.path("verl/rl.jsonl"));
    assert_eq!(rl.len(), 8);
    let problems = lines(host.path("run/problems-train.jsonl"));
    assert_eq!(rl[0]["reward_model"]["ground_truth"], problems[0]["reference"]);
    assert_eq!(rl[0]["prompt"][0]["role"], "user");
    let ids = ids_of(&host, "run");
    for row in lines(host.path("verl/sft.jsonl")) {
        assert!(ids.values().any(|tokens| *tokens == row["response_ids"]));
    }
}

#[test]
fn the_same_export_twice_is_the_same_bytes() {
    let host = host();
    host.run(&["reference", "--from", "trained", "--out", "run"]);
    for trainer in TRAINERS {
        for out in ["one", "two"] {
            host.run(&["export", "run", "--to", trainer, "--out", &format!("{out}-{trainer}")]);
        }
        let (one, two) = (host.path(&format!("one-{trainer}")), host.path(&format!("two-{trainer}")));
        for entry in fs::read_dir(&one).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                assert!(
                    fs::read(&path).unwrap() == fs::read(two.join(path.file_name().unwrap())).unwrap(),
                    "{path:?}"
                );
            }
        }
    }
}

#[test]
fn a_length_margin_as_derived_has_the_other_sign() {
    let host = host();
    host.run(&["reference", "--from", "trained", "--out", "printed"]);
    host.run(&[
        "reference",
        "--from",
        "printed",
        "--out",
        "derived",
        "--set",
        "train.length_margin=as_derived",
    ]);
    host.run(&["reference", "--from", "printed", "--out", "plain", "--set", "train.lambda=0"]);
    let folded = |run: &str| -> Vec<f64> {
        host.run(&["export", run, "--to", "trl"]);
        let rows = lines(host.path(run).join("export/trl/train.jsonl"));
        rows.iter().map(|row| row["ref_rejected_logps"].as_f64().unwrap()).collect()
    };
    let (printed, derived, plain) = (folded("printed"), folded("derived"), folded("plain"));
    for ((printed, derived), plain) in printed.iter().zip(&derived).zip(&plain) {
        assert!(((printed - plain) + (derived - plain)).abs() < 1e-9);
    }
    assert!(printed.iter().zip(&plain).any(|(printed, plain)| printed > plain));
}

#[test]
fn adapters_are_written_as_they_begin() {
    let host = host();
    let lora = ["--set", "train.lora.rank=4", "--set", "train.lora.alpha=8.0"];
    host.run(&[&["reference", "--from", "trained", "--out", "run"][..], &lora].concat());
    host.run(&["export", "run", "--to", "trl"]);
    let folder = host.path("run/export/trl");
    assert_eq!(json(folder.join("settings.json"))["adapter"], "adapter");
    assert_eq!(json(folder.join("adapter/adapter_config.json"))["r"], 4);
    assert!(folder.join("adapter/adapter_model.safetensors").is_file());
    host.run(&["export", "run", "--to", "llama-factory"]);
    let config = text(host.path("run/export/llama-factory/train.yaml"));
    assert!(config.contains("finetuning_type: lora\nlora_rank: 4\nlora_alpha: 8\n"), "{config}");
}

#[test]
fn a_checkpoint_is_named_where_it_is_and_one_that_is_an_adapter_is_merged() {
    let host = host();
    let base = repository("host/embedded/checkpoints/plain");
    host.run(&tiny(&["run", "--out", "first", "--model", &base, "--set", "train.lora.rank=4"]));
    host.run(&["export", "first", "--to", "trl", "--out", "named"]);
    let named = json(host.path("named/settings.json"))["model"].as_str().unwrap().to_owned();
    assert_eq!(fs::canonicalize(named).unwrap(), fs::canonicalize(base).unwrap());
    assert!(!host.path("named/model").exists());

    run_to_pairs(&host, "second", &["--model", "first/model"]);
    host.run(&["reference", "--out", "second"]);
    host.run(&["export", "second", "--to", "trl", "--out", "merged"]);
    assert_eq!(json(host.path("merged/settings.json"))["model"], "model");
    assert!(host.path("merged/model/model.safetensors").is_file());
    assert!(!host.path("merged/model/adapter_config.json").exists());
}

#[test]
fn what_cannot_be_exported_is_told_and_leaves_nothing() {
    let host = host();
    assert!(host.fail(&["export", "nowhere", "--to", "trl"]).contains("nowhere holds no run"));
    assert!(!host.path("nowhere").exists());
    host.run(&tiny(&["sample", "--out", "run"]));
    for trainer in TRAINERS {
        let told = host.fail(&["export", "run", "--to", trainer]);
        assert!(told.contains("which is not done in run") && told.contains("hint: run `ts-host"), "{told}");
        assert!(!host.path("run/export").join(trainer).exists());
    }
    fs::remove_dir_all(host.path("run")).unwrap();
    host.run(&["pair", "--from", "pairs", "--out", "run"]);
    let told = host.fail(&["export", "run", "--to", "trl"]);
    assert!(told.contains("needs `reference`, which is not done"), "{told}");
    host.run(&["reference", "--out", "run"]);
    host.run(&["export", "run", "--to", "trl"]);
    let told = host.fail(&["export", "run", "--to", "trl"]);
    assert!(
        told.contains("run/export/trl exists already") && told.contains("hint: choose a new folder"),
        "{told}"
    );
    let told = host.fail_with(2, &["export", "run", "--to", "nemo"]);
    assert!(told.contains("llama-factory"), "{told}");

    // A recipe without preferences, and one that leaves every example out.
    host.run(&["reference", "--from", "run", "--out", "sft", "--set", "train.dpo_weight=0"]);
    let told = host.fail(&["export", "sft", "--to", "llama-factory"]);
    assert!(told.contains("train.dpo_weight is 0") && told.contains("--to trl"), "{told}");
    host.run(&["export", "sft", "--to", "trl"]);
    host.run(&["reference", "--from", "run", "--out", "short", "--set", "train.max_context_tokens=16"]);
    let told = host.fail(&["export", "short", "--to", "axolotl"]);
    assert!(told.contains("no example to train on"), "{told}");
    host.run(&["reference", "--from", "run", "--out", "few", "--set", "train.batch_size=64"]);
    let told = host.fail(&["export", "few", "--to", "openrlhf"]);
    assert!(told.contains("fewer than a step") && told.contains("--to trl"), "{told}");
    host.run(&["export", "few", "--to", "llama-factory"]);

    // What was changed is not given away.
    let path = host.path("run/refined.jsonl");
    let changed = text(&path).replacen("\"kept\":true", "\"kept\":false", 1);
    fs::write(&path, changed).unwrap();
    let told = host.fail(&["export", "run", "--to", "trl", "--out", "changed"]);
    assert!(told.contains("refined.jsonl:1: not a whole record of this run"), "{told}");
    assert!(!host.path("changed").exists());
}
