//! A finished run's model on other domains: the evaluations are those of any run, and go on where they were interrupted.

use serde_json::Value;

use super::integrity::TINY;
use super::resume::kill_after;
use crate::{Host, read};

const SETS: &[&str] =
    &["--on", "sums=sums.jsonl", "--verifier", "sums=exact_grader", "--set", "sums.eval.n_runs=3"];

fn records(path: std::path::PathBuf) -> Vec<Value> {
    let text = String::from_utf8(read(path)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_model_is_measured_before_and_after_on_other_problems_with_another_verifier() {
    let host = Host::new();
    host.run(&[&["run", "--out", "killed"], TINY].concat());
    let problems: String = (3..8)
        .map(|n| {
            format!(
                "{{\"id\": \"s{n}\", \"prompt\": \"{n}1 + {n}2 + 5\", \"reference\": \"{}\"}}\n",
                20 * n + 8
            )
        })
        .collect();
    std::fs::write(host.path("sums.jsonl"), problems).unwrap();
    let command = [&["transfer", "killed"], SETS].concat();
    kill_after(&host, &command, "transfer/sums/after/eval-baseline.jsonl", 2);
    let table = host.run(&command);
    assert!(
        table.contains("| sums ") && table.contains("exact_grader") && table.contains("| held-out problems "),
        "{table}"
    );

    // Five problems, three runs; the same seeds on both sides, and the models of the run.
    let [before, after] = ["before", "after"]
        .map(|side| records(host.path(&format!("killed/transfer/sums/{side}/eval-baseline.jsonl"))));
    assert_eq!((before.len(), after.len()), (15, 15));
    assert!(before.iter().zip(&after).all(|(a, b)| a["seed"] == b["seed"] && a["problem"] == b["problem"]));
    assert!(before.iter().zip(&after).any(|(a, b)| a["text"] != b["text"]), "two models");
    // What a run of its own with that model answers.
    let other = ["eval", "--out", "other", "--model", "killed/model", "--heldout-problems", "sums.jsonl"];
    let other = [
        &other[..],
        TINY,
        &["--plugin", "exact_grader", "--set", "eval.n_runs=3", "--set", "problems.max_heldout=0"],
    ]
    .concat();
    host.output(&other); // there is no trained model for the second evaluation
    let own = records(host.path("other/eval-baseline.jsonl"));
    let told = |records: &[Value]| -> Vec<Value> {
        records.iter().map(|it| serde_json::json!([it["problem"], it["text"], it["outcome"]])).collect()
    };
    assert_eq!(told(&own), told(&after));

    // It is a part of the report from now on, and the table is made again without a set.
    let report: Value = serde_json::from_slice(&read(host.path("killed/report.json"))).unwrap();
    let sets = report["transfer"]["sets"].as_array().unwrap();
    assert_eq!(sets.len(), 2);
    assert_eq!((&sets[1]["name"], &sets[1]["before"]["n_problems"]), (&"sums".into(), &5.into()));
    let right =
        |records: &[Value]| records.iter().filter(|it| it["outcome"] == "correct").count() as f64 / 15.0;
    assert_eq!(sets[1]["after"]["accuracy"].as_f64().unwrap(), right(&after));
    assert!(String::from_utf8(read(host.path("killed/report.md"))).unwrap().contains("## Other domains"));
    assert_eq!(host.run(&["transfer", "killed"]), table);
    // Another recipe for the same set is none of this run's.
    let error = host.fail(&["transfer", "killed", "--on", "sums=sums.jsonl"]);
    assert!(error.contains("eval.n_runs was 3 and is now "), "{error}");
}

#[test]
fn what_cannot_be_is_named() {
    let host = Host::new();
    host.run(&[&["sample", "--out", "half"], TINY].concat());
    let error = host.fail(&["transfer", "half", "--on", "a=embedded-teeth"]);
    assert!(error.contains("needs `eval-result`, which is not done"), "{error}");
    host.run(&[&["run", "--out", "run"], TINY].concat());
    for (args, reason) in [
        (&["--on", "a b=embedded-teeth"][..], "must be letters, digits"),
        (&["--on", "a=embedded", "--on", "a=embedded"], "two sets are called `a`"),
        (
            &["--on", "a=embedded", "--set", "a.model.source=embedded-teeth"],
            "set `a`: the model, the seed and the training problems",
        ),
        (
            &["--on", "a=embedded", "--set", "a.run.seed=7"],
            "set `a`: the model, the seed and the training problems",
        ),
        (
            &["--on", "a=embedded", "--set", "a.eval.n_run=7"],
            "a recipe has no `eval.n_run`; did you mean `eval.n_runs`?",
        ),
        (&["--on", "../a=embedded"], "must be letters, digits"),
        (&["--on", "a=run/problems-train.jsonl"], "is also training problem"),
        (&[], "nothing is measured yet"),
    ] {
        let error = host.fail(&[&["transfer", "run"], args].concat());
        assert!(error.contains(reason), "{args:?}: {error}");
    }
}
