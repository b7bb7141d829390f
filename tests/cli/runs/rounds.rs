//! Several rounds: what they leave, that they are killed and resumed as one round is, and which of them count.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::resume::kill_after;
use crate::{ARTEFACTS, Host, SMALL, read, repository, small};

/// Two rounds of which none is refused.
const TWO: &[&str] = &[
    "--set",
    "rounds.count=2",
    "--set",
    "rounds.max_loss=1",
    "--set",
    "rounds.max_tuning=4",
    "--set",
    "rounds.token_limit_quantile=0.9",
];

/// Where in two rounds to kill: a file, and how many of its records to wait for.
const KILLS: &[(&str, usize)] = &[
    ("samples.jsonl", 9),
    ("train.jsonl", 3),
    ("rounds/tuning/0/eval-baseline.jsonl", 2),
    ("rounds/tuning/1/eval-baseline.jsonl", 1),
    ("rounds/2/eval-baseline.jsonl", 1),
    ("rounds/2/samples.jsonl", 5),
    ("rounds/2/grades.jsonl", 3),
    ("rounds/2/refined.jsonl", 1),
    ("rounds/2/train.jsonl", 3),
    ("rounds/2/eval-result.jsonl", 1),
    ("rounds/tuning/2/eval-baseline.jsonl", 2),
];

fn json(path: PathBuf) -> Value {
    serde_json::from_slice(&read(path)).unwrap()
}

fn records(path: PathBuf) -> Vec<Value> {
    let text = String::from_utf8(read(path)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn one_round_is_a_run_as_it_is_without_rounds() {
    let host = Host::new();
    host.run(&small(&["run", "--out", "plain"]));
    // What is said of rounds decides nothing as long as there is one.
    host.run(&small(&[
        "run",
        "--out",
        "one",
        "--set",
        "rounds.max_loss=0.5",
        "--set",
        "rounds.max_tuning=2",
    ]));
    for artefact in ARTEFACTS {
        assert!(
            read(host.path("plain").join(artefact)) == read(host.path("one").join(artefact)),
            "{artefact}"
        );
    }
    let recipe = String::from_utf8(read(host.path("plain/recipe.toml"))).unwrap();
    assert!(!recipe.contains("rounds") && !recipe.contains("first_draw"), "{recipe}");
    let sha256 = |run: &str| json(host.path(run).join("manifest.json"))["recipe_sha256"].clone();
    assert_eq!(sha256("plain"), sha256("one"));
    assert!(!host.path("one/rounds").exists());
    assert!(json(host.path("one/report.json")).get("rounds").is_none());
}

#[test]
fn rounds_that_are_killed_and_resumed_end_with_the_same_bytes() {
    let host = Host::new();
    let args = |out| small(&[&["run", "--out", out], TWO].concat());
    let whole = host.run(&args("whole"));
    for (index, &(file, n_records)) in KILLS.iter().enumerate() {
        // Without flags from the second start on: the folder keeps its recipe, and how many rounds it has.
        let again = vec!["run", "--out", "killed"];
        let args = if index == 0 { args("killed") } else { again };
        kill_after(&host, &args, file, n_records);
        assert!(host.path("killed").join(file).exists(), "{file}");
    }
    assert_eq!(table_of(&host.run(&["run", "--out", "killed"])), table_of(&whole));
    for (folder, artefacts) in folders_of_two() {
        for artefact in artefacts {
            let name = Path::new(folder).join(artefact);
            assert!(
                read(host.path("whole").join(&name)) == read(host.path("killed").join(&name)),
                "{}",
                name.display()
            );
        }
    }

    // Every folder is a run like any other, and the rounds are there to be gone on with.
    assert!(host.run(&["report", "whole/rounds/2"]).contains("default-round2, seed 1"));
    host.run(&["run", "--out", "whole/rounds/2"]);
    // A table for another budget changes a model card, which is none of the next round's model.
    host.run(&["report", "whole", "--set", "report.budget_tokens=320"]);
    assert_eq!(table_of(&host.run(&["run", "--out", "whole"])), table_of(&whole));

    the_second_round_begins_where_the_first_ended(&host);
    the_control_has_the_samples_and_steps_of_both(&host);

    // With no loss allowed a round must show a gain, which these do not.
    let refused = host.run(&["run", "--out", "whole", "--set", "rounds.max_loss=0"]);
    for part in [
        "| refused |",
        "round 1 lost more accuracy than is allowed, or may have",
        "no rounds after it",
        "is the model before all rounds",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let report = json(host.path("whole/report.json"));
    assert_eq!(
        (&report["rounds"]["result"], report["rounds"]["rounds"].as_array().unwrap().len()),
        (&0.into(), 1)
    );
}

/// The folders of two rounds, and what is in each.
fn folders_of_two() -> Vec<(&'static str, Vec<&'static str>)> {
    let round = |folder| (folder, ARTEFACTS.to_vec());
    let tuning = |folder| (folder, vec!["eval-baseline.jsonl", "problems-heldout.jsonl"]);
    let tunings = ["rounds/tuning/0", "rounds/tuning/1", "rounds/tuning/2"].map(tuning);
    [round(""), round("rounds/2")].into_iter().chain(tunings).collect()
}

/// The table of the rounds, without times.
fn table_of(report: &str) -> Vec<&str> {
    let lines: Vec<&str> = report.lines().skip_while(|line| !line.starts_with("## 2 rounds")).collect();
    lines.into_iter().take_while(|line| !line.starts_with("- seconds")).collect()
}

fn the_second_round_begins_where_the_first_ended(host: &Host) {
    let without_check = |file: &str| -> Vec<Value> {
        let mut records = records(host.path("whole").join(file));
        records.iter_mut().for_each(|record| drop(record.as_object_mut().unwrap().remove("check")));
        records
    };
    assert!(without_check("eval-result.jsonl") == without_check("rounds/2/eval-baseline.jsonl"));
    let report = json(host.path("whole/report.json"));
    let [first, second] = &report["rounds"]["rounds"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&first["model"], &second["model"]), (&"model".into(), &"rounds/2/model".into()));
    assert_eq!(report["rounds"]["result"], 2);

    // The token limit is the smallest length that nine tenths of the first round's correct samples keep to.
    let correct =
        records(host.path("whole/grades.jsonl")).into_iter().map(|grade| grade["outcome"] == "correct");
    let lengths = records(host.path("whole/samples.jsonl"))
        .into_iter()
        .map(|it| it["tokens"].as_array().unwrap().len());
    let mut lengths: Vec<usize> =
        lengths.zip(correct).filter(|(_, correct)| *correct).map(|(length, _)| length).collect();
    lengths.sort_unstable();
    let n_within = |limit: usize| lengths.iter().filter(|length| **length <= limit).count();
    let limit = second["max_new_tokens"].as_u64().unwrap() as usize;
    assert!(
        n_within(limit) * 10 >= lengths.len() * 9 && n_within(limit - 1) * 10 < lengths.len() * 9,
        "{limit} of {lengths:?}"
    );
    let longest = records(host.path("whole/rounds/2/samples.jsonl"))
        .iter()
        .map(|it| it["tokens"].as_array().unwrap().len())
        .max();
    assert!(limit < 640 && longest <= Some(limit), "{longest:?}");
}

fn the_control_has_the_samples_and_steps_of_both(host: &Host) {
    host.run(&["run", "--from", "whole", "--as-one-round", "--out", "control"]);
    let n_lines = |file: &str| records(host.path(file)).len();
    assert_eq!(
        n_lines("control/train.jsonl"),
        n_lines("whole/train.jsonl") + n_lines("whole/rounds/2/train.jsonl")
    );
    assert!(!host.path("control/rounds").exists());
    let seeds = |run: &str| -> BTreeMap<(String, u64), u64> {
        let key = |it: &Value| (it["problem"].as_str().unwrap().to_owned(), it["draw"].as_u64().unwrap());
        records(host.path(run).join("samples.jsonl"))
            .iter()
            .map(|it| (key(it), it["seed"].as_u64().unwrap()))
            .collect()
    };
    // Both rounds draw with seeds of their own, and the control with those of both.
    let (first, second, control) = (seeds("whole"), seeds("whole/rounds/2"), seeds("control"));
    assert_eq!(control.len(), first.len() + second.len());
    for ((problem, draw), seed) in control {
        let of_round = if draw < 8 { &first[&(problem, draw)] } else { &second[&(problem, draw - 8)] };
        assert_eq!(seed, *of_round);
    }
}

#[test]
fn a_round_that_ruins_the_model_is_refused_and_the_model_before_it_is_the_result() {
    let host = Host::new();
    let ruinous =
        ["--set", "rounds.count=3", "--set", "rounds.max_tuning=14", "--set", "train.learning_rate=0.1"];
    let report = host.run(&small(&[&["run", "--out", "run"], &ruinous[..]].concat()));
    for part in ["| refused |", "round 1 lost more accuracy", "the result is the model before all rounds"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let rounds = &json(host.path("run/report.json"))["rounds"];
    let verdict = &rounds["rounds"][0]["verdict"];
    assert_eq!((&rounds["result"], &verdict["accepted"]), (&0.into(), &false.into()));
    assert!(verdict["change"]["estimate"].as_f64().unwrap() < -0.3, "{verdict}");
    assert!(!host.path("run/rounds/2").exists());
    // Started again, it is refused again, and nothing else is done.
    assert_eq!(host.run(&["run", "--out", "run"]), report);
}

#[test]
fn rounds_that_cannot_be_are_refused_before_anything_is_done() {
    let host = Host::new();
    let fail = |set: &[&str]| {
        let set: Vec<&str> = set.iter().flat_map(|value| ["--set", *value]).collect();
        let error = host.fail(&[&["run", "--out", "run"], &set[..], SMALL].concat());
        assert!(!host.path("run").exists(), "{error}");
        error
    };
    for (value, must) in [
        ("rounds.count=0", "rounds.count must be 1 to 64, not 0"),
        ("rounds.count=65", "rounds.count must be 1 to 64, not 65"),
        ("rounds.max_loss=-0.1", "rounds.max_loss must be 0 to 1, not -0.1"),
        ("rounds.max_loss=nan", "rounds.max_loss must be 0 to 1, not NaN"),
        ("rounds.token_limit_quantile=1.5", "rounds.token_limit_quantile must be 0 to 1, not 1.5"),
        ("rounds.tuning=", "rounds.tuning must be `embedded` or a file of problems, not empty"),
        ("rounds.deltas=3", "a recipe has no `rounds.deltas`"),
    ] {
        let error = fail(&[value]);
        assert!(error.contains(must), "{error}");
    }
    let train = "{\"id\":\"a\",\"prompt\":\"2 + 2\",\"reference\":\"4\"}\n{\"id\":\"b\",\"prompt\":\"3 + 2\",\"reference\":\"5\"}\n";
    std::fs::write(host.path("train.jsonl"), train).unwrap();
    let other_problems = fail(&["rounds.count=2", "problems.train=train.jsonl"]);
    assert!(
        other_problems.contains("rounds.tuning is the set `embedded`, and the run trains on other problems"),
        "{other_problems}"
    );
    std::fs::write(host.path("heldout.jsonl"), train).unwrap();
    let shared = fail(&["rounds.count=2", "problems.heldout=heldout.jsonl", "rounds.tuning=train.jsonl"]);
    assert!(shared.contains("tuning problem `a` is also held-out problem `a`"), "{shared}");
    let servers = fail(&["rounds.count=2", "sampler.kind=openai", "sampler.urls=[\"http://127.0.0.1:9\"]"]);
    assert!(servers.contains("give sampler.serve_command instead"), "{servers}");

    let ablation =
        host.fail(&["ablate", "--rows", "default", "--seeds", "1", "--out", "ab", "--set", "rounds.count=2"]);
    assert!(ablation.contains("`default` has 2 rounds"), "{ablation}");
    host.run(&small(&["run", "--out", "one"]));
    let control = host.fail(&["run", "--from", "one", "--as-one-round", "--out", "control"]);
    assert!(control.contains("one is a run of one round"), "{control}");
    assert!(host.fail_with(2, &["run", "--as-one-round"]).contains("--from"));
}

/// A report writes the card of a model again, and a run that began with that model goes on all the same.
#[test]
fn a_model_card_that_is_written_again_is_no_other_model() {
    let host = Host::new();
    host.run(&small(&["run", "--out", "first"]));
    host.run(&small(&["run", "--out", "second", "--model", "first/model"]));
    let card = read(host.path("first/model/README.md"));
    host.run(&["report", "first", "--set", "report.budget_tokens=320"]);
    assert!(read(host.path("first/model/README.md")) != card);
    host.run(&["run", "--out", "second"]);
    // Of a checkpoint that no run made everything counts.
    let copy = host.path("copy");
    std::fs::create_dir(&copy).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(Path::new(&repository("host/embedded/checkpoints/plain")).join(name), copy.join(name))
            .unwrap();
    }
    host.run(&small(&["sample", "--out", "third", "--model", "copy"]));
    std::fs::write(copy.join("README.md"), "# other\n").unwrap();
    assert!(host.fail(&["grade", "--out", "third"]).contains("model.sha256"));
}
