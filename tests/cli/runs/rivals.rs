//! Recipes of rivals of the method, each run whole at a tiny size: the terms of the loss that it is made of, and what of it cannot leave.

use serde_json::Value;

use crate::{Host, read};

/// Two problems of each level, as many responses as it takes for short and long, right and wrong ones.
const TINY: [&str; 7] = [
    "problems.max_train=14",
    "problems.max_heldout=2",
    "sample.n_samples=6",
    "sample.max_new_tokens=320",
    "eval.n_runs=1",
    "eval.max_new_tokens=60",
    "train.steps=3",
];

fn run(host: &Host, recipe: &str, out: &str, more: &[&str]) {
    let mut args = vec!["run", "--recipe", recipe, "--out", out];
    args.extend(TINY.iter().chain(more).flat_map(|setting| ["--set", setting]));
    host.run(&args);
}

fn lines(host: &Host, file: &str) -> Vec<Value> {
    let text = String::from_utf8(read(host.path(file))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every one, by the terms of its loss: of pairs, of imitation, of weighted sequences.
#[test]
fn every_rival_trains_by_the_terms_of_its_loss() {
    let host = Host::new();
    for (recipe, terms) in [
        ("kimi-dpo", [true, true, false]),
        ("shortest-rejection-sampling", [false, true, false]),
        ("kimi-rl", [false, false, true]),
        ("dast", [true, true, false]),
        ("sky-t1-flash", [true, true, false]),
        ("lcpo", [true, true, false]),
        ("o1-pruner", [false, false, true]),
        ("dler", [false, false, true]),
        ("l1", [false, false, true]),
    ] {
        run(&host, &format!("rivals/{recipe}"), recipe, &[]);
        let steps = lines(&host, &format!("{recipe}/train.jsonl"));
        assert_eq!(steps.len(), 3, "{recipe}");
        for step in &steps {
            // A chosen response is measured as imitated too, where that has no weight in the loss.
            let has = ["dpo_loss", "sft_loss", "sequence_loss"].map(|term| step[term].is_number());
            assert_eq!(has, terms, "{recipe}: {step}");
            let grad_norm = step["grad_norm"].as_f64().unwrap();
            assert!(grad_norm > 1e-6 && grad_norm.is_finite(), "{recipe}: {step}");
        }
        let report = String::from_utf8(read(host.path(recipe).join("report.md"))).unwrap();
        assert_eq!(report.contains("responses with weights of either sign"), terms[2], "{report}");
    }
}

#[test]
fn weights_of_either_sign_reach_the_loss_and_no_export() {
    let host = Host::new();
    run(&host, "rivals/o1-pruner", "one", &["run.workers=1"]);
    run(&host, "rivals/o1-pruner", "two", &["run.workers=2"]);
    for artefact in ["selection.jsonl", "examples.jsonl", "train.jsonl", "model/model.safetensors"] {
        assert!(read(host.path("one").join(artefact)) == read(host.path("two").join(artefact)), "{artefact}");
    }
    let examples = lines(&host, "one/examples.jsonl");
    // All responses to all problems: what was graded.
    assert_eq!(examples.len(), lines(&host, "one/grades.jsonl").len());
    assert!(examples.iter().all(|example| example["kind"] == "sequence"));
    let weights: Vec<f64> = examples.iter().map(|example| example["weight"].as_f64().unwrap()).collect();
    assert!(weights.iter().any(|weight| *weight > 0.0) && weights.iter().any(|weight| *weight < 0.0));
    // The first step is at the reference: ratios are 1, and normalised weights have a mean of 0.
    let first = &lines(&host, "one/train.jsonl")[0];
    assert!(first["sequence_loss"].as_f64().unwrap().abs() < 1e-5, "{first}");
    assert_eq!(first["loss"], first["sequence_loss"]);
    for trainer in ["trl", "verl"] {
        let told = host.fail(&["export", "one", "--to", trainer]);
        assert!(told.contains("gave 84 responses weights of either sign"), "{told}");
        assert!(!host.path("one/export").exists());
    }
    let card = String::from_utf8(read(host.path("one/model/README.md"))).unwrap();
    let loss =
        "1 × (SFT + clipped ratio (0.8 to 1.2) with weights of either sign, normalised within each step)";
    assert!(card.contains(loss), "{card}");

    // Other weights, another model; the samples are the same.
    let set = ["--set", "objective.normalise=group", "--set", "objective.sequence=nll"];
    host.run(&[&["run", "--from", "one", "--out", "three"], &set[..]].concat());
    assert_eq!(read(host.path("one/examples.jsonl")), read(host.path("three/examples.jsonl")));
    assert_ne!(
        read(host.path("one/model/model.safetensors")),
        read(host.path("three/model/model.safetensors"))
    );
}

#[test]
fn pairs_of_another_loss_are_not_exported() {
    let host = Host::new();
    run(&host, "rivals/dast", "run", &[]);
    let card = String::from_utf8(read(host.path("run/model/README.md"))).unwrap();
    assert!(card.contains("1 × SimPO (beta 2, gamma 0.5) + 0 × SFT"), "{card}");
    let told = host.fail(&["export", "run", "--to", "trl"]);
    assert!(told.contains("objective.pair is not \"dpo\"") && told.contains("hint: "), "{told}");
}

/// The baseline that only asks: sampling and evaluation see its prompt.
#[test]
fn being_asked_to_be_concise_changes_the_prompt_of_sampling_and_of_evaluation() {
    let host = Host::new();
    for (out, recipe) in [("asked", "rivals/be-concise"), ("plain", "default")] {
        let mut args = vec!["sample", "--recipe", recipe, "--out", out];
        args.extend(TINY.iter().flat_map(|setting| ["--set", *setting]));
        host.run(&args);
        // The model before is measured; there is none after.
        assert!(host.fail(&["eval", "--out", out]).contains("train"));
    }
    for artefact in ["samples.jsonl", "eval-baseline.jsonl"] {
        let [asked, plain] = ["asked", "plain"].map(|out| read(host.path(out).join(artefact)));
        assert!(!asked.is_empty() && asked != plain, "{artefact}");
    }
}
