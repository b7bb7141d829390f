//! Thresholds by difficulty and the drift of whole responses: what calibration leaves, that it is killed, resumed and shared out as any stage is,
//! and that a run without them is what it was.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::integrity::TINY;
use super::resume::kill_after;
use crate::{ARTEFACTS, Host, read, small};

/// A grid of three thresholds, of which one problem of a difficulty is enough to choose.
const ADAPTIVE: &[&str] = &[
    "--set",
    "refine.adaptive.max_loss=0.5",
    "--set",
    "refine.adaptive.thresholds=[0.001, 0.03, 0.5]",
    "--set",
    "refine.adaptive.n_rollouts=2",
];

fn records(path: PathBuf) -> Vec<Value> {
    let text = String::from_utf8(read(path)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// By problem and draw.
fn by_key(records: Vec<Value>) -> BTreeMap<String, Value> {
    records.into_iter().map(|it| (format!("{} {}", it["problem"], it["draw"]), it)).collect()
}

/// Runs the stages before stage 2.
fn select(host: &Host, args: &[&str]) {
    for stage in ["sample", "grade", "select"] {
        host.run(&[&[stage], args].concat());
    }
}

#[test]
fn each_threshold_is_calibrated_on_what_it_refines_alone_and_the_choice_is_the_rule_s() {
    let host = Host::new();
    for context in ["refined", "original"] {
        let out = |name: &str| format!("{name}-{context}");
        let context = format!("refine.context={context}");
        let run = out("run");
        let args = [&["--out", &run, "--set", &context], ADAPTIVE].concat();
        select(&host, &small(&args));
        host.run(&["refine", "--out", &out("run")]);
        let calibration = by_key(records(host.path(&out("run")).join("calibration.jsonl")));
        assert!(calibration.len() > 8, "{}", calibration.len());

        let mut n_parted = 0;
        for (place, threshold) in ["0.001", "0.03", "0.5"].into_iter().enumerate() {
            let alone = out(&format!("alone{place}"));
            // A recipe without the section, which otherwise is the same.
            let args = [
                "refine",
                "--out",
                &alone,
                "--set",
                &context,
                "--set",
                &format!("refine.max_kl_nats={threshold}"),
            ];
            host.run(
                &small(&args[..])
                    .into_iter()
                    .chain(["--from", &out("run"), "--recipe", "default"])
                    .collect::<Vec<_>>(),
            );
            assert!(!host.path(&alone).join("calibration.jsonl").exists());
            let refined = by_key(records(host.path(&alone).join("refined.jsonl")));
            assert_eq!(refined.len(), calibration.len());
            for (key, refined) in refined {
                let at = &calibration[&key]["thresholds"][place];
                assert_eq!(at["max_kl_nats"].to_string(), threshold);
                assert_eq!(at["tokens_after"], refined["tokens_after"], "{key} at {threshold}");
                n_parted +=
                    usize::from(at["tokens_after"] != calibration[&key]["thresholds"][0]["tokens_after"]);
            }
        }
        assert!(n_parted > 5, "thresholds hardly ever parted: {n_parted}");

        // The rule, by hand: a problem's loss is the mean over its responses of the largest share that any threshold so far has lost.
        let mut lost: BTreeMap<String, BTreeMap<String, Vec<[f64; 3]>>> = BTreeMap::new();
        for record in calibration.values() {
            let at = |place: usize| record["thresholds"][place]["n_lost"].as_f64().unwrap() / 2.0;
            let of_problem = lost.entry(record["difficulty"].to_string()).or_default();
            of_problem.entry(record["problem"].to_string()).or_default().push([at(0), at(1), at(2)]);
        }
        let chosen = |difficulty: &str| -> f64 {
            let problems: Vec<[f64; 3]> = lost[difficulty]
                .values()
                .map(|responses| {
                    let mean = |place| {
                        responses.iter().map(|r: &[f64; 3]| r[place]).sum::<f64>() / responses.len() as f64
                    };
                    let (a, b, c) = (mean(0), mean(1), mean(2));
                    [a, a.max(b), a.max(b).max(c)]
                })
                .collect();
            let is_allowed = |place: usize| {
                (problems.iter().map(|losses| losses[place]).sum::<f64>() + 1.0)
                    / (problems.len() as f64 + 1.0)
                    <= 0.5
            };
            (0..3)
                .filter(|&place| is_allowed(place))
                .map(|place| [0.001, 0.03, 0.5][place])
                .next_back()
                .unwrap_or(0.0)
        };
        let difficulties: BTreeMap<String, String> = calibration
            .values()
            .map(|it| (it["problem"].to_string(), it["difficulty"].to_string()))
            .collect();
        for refined in records(host.path(&out("run")).join("refined.jsonl")) {
            let threshold = chosen(&difficulties[&refined["problem"].to_string()]);
            assert_eq!(refined["max_kl_nats"].as_f64().unwrap(), threshold);
            let of_calibration = &calibration[&format!("{} {}", refined["problem"], refined["draw"])];
            let at = of_calibration["thresholds"].as_array().unwrap();
            let at = at.iter().find(|at| at["max_kl_nats"].as_f64() == Some(threshold));
            let tokens = at.map_or(&of_calibration["tokens_before"], |at| &at["tokens_after"]);
            assert_eq!(&refined["tokens_after"], tokens);
        }
    }
}

#[test]
fn killed_while_it_calibrates_shared_out_or_on_one_thread_it_leaves_the_same_bytes() {
    let host = Host::new();
    let run = |out: &str, more: &[&str]| host.run(&[&["run", "--out", out], TINY, ADAPTIVE, more].concat());
    let report = run("whole", &[]);
    assert!(report.contains("- difficult") && report.contains(" nats pass, where "), "{report}");
    run("one", &["--workers", "1"]);
    select(&host, &[&["--out", "killed"], TINY, ADAPTIVE].concat());
    kill_after(&host, &["refine", "--out", "killed"], "calibration.jsonl", 1);
    run("killed", &[]);
    // Two shares: stage 2 waits until both have calibrated.
    let share = |command: &str, shard: &str| {
        let args = [&[command, "--out", "shared", "--shard", shard], TINY, ADAPTIVE].concat();
        String::from_utf8(host.output(&args).stderr).unwrap()
    };
    for shard in ["1/2", "2/2"] {
        let told = share("run", shard);
        assert!(told.contains("refine  waits until the whole run is merged"), "{told}");
        assert!(!host.path(&format!("shared/shards/{}/refined.jsonl", shard.replace('/', "-of-"))).exists());
    }
    host.run(&["merge", "shared"]);
    ["1/2", "2/2"].iter().for_each(|shard| drop(share("run", shard)));
    host.run(&["merge", "shared"]);
    host.run(&["train", "--out", "shared"]);
    ["1/2", "2/2"].iter().for_each(|shard| drop(share("run", shard)));
    host.run(&["merge", "shared"]);
    for file in ARTEFACTS.iter().chain(&["calibration.jsonl"]) {
        for other in ["one", "killed", "shared"] {
            let (whole, other_file) = (host.path("whole").join(file), host.path(other).join(file));
            assert!(read(whole) == read(other_file), "{file} of {other}");
        }
    }
    // Another loss that may be lost calibrates nothing again.
    let args = ["run", "--from", "whole", "--out", "stricter", "--set", "refine.adaptive.max_loss=0.000001"];
    let told = String::from_utf8(host.output(&args).stderr).unwrap();
    assert!(told.contains("select, calibrate from whole") && told.contains("no rewriting"), "{told}");
    let refined = records(host.path("stricter/refined.jsonl"));
    assert!(refined.iter().all(|it| it["tokens_before"] == it["tokens_after"] && it["max_kl_nats"] == 0.0));
}

#[test]
fn drift_is_recorded_and_its_limits_hold() {
    let host = Host::new();
    select(&host, &small(&["--out", "plain"]));
    let refine = |out: &str, more: &[&str]| -> Vec<Value> {
        host.run(
            &[&["refine", "--out", out, "--from", "plain", "--set", "refine.max_kl_nats=0.2"], more].concat(),
        );
        records(host.path(out).join("refined.jsonl"))
    };
    let plain = refine("without", &[]);
    assert!(plain.iter().all(|it| it.get("drift").is_none() && it.get("max_kl_nats").is_none()));
    let drop = ["--set", "refine.drift.beyond=drop"];
    let recorded = refine("recorded", &drop);
    let mut n_changed = 0;
    for (plain, with) in plain.iter().zip(&recorded) {
        // The same text, with what was measured of it.
        assert_eq!(
            (&plain["tokens"], &plain["steps"], &plain["kept"]),
            (&with["tokens"], &with["steps"], &with["kept"])
        );
        let drift = &with["drift"];
        let is_same = with["tokens_before"] == with["tokens_after"];
        n_changed += usize::from(!is_same);
        let of = |key: &str| drift[key].as_f64().unwrap();
        assert_eq!(of("nll_before") == of("nll_after"), is_same);
        assert_eq!(of("answer_kl_nats") == 0.0, is_same);
        assert!(of("answer_kl_nats") <= of("answer_kl_tail_nats") && drift.get("is_beyond").is_none());
    }
    assert!(n_changed > 3, "{n_changed}");
    let limit = ["--set", "refine.drift.max_answer_kl_nats=0"];
    let dropped = refine("dropped", &[drop, limit].concat());
    let samples = by_key(records(host.path("plain/samples.jsonl")));
    let kept = refine("kept", &limit);
    for ((with, dropped), kept) in recorded.iter().zip(&dropped).zip(&kept) {
        let is_same = with["tokens_before"] == with["tokens_after"];
        assert_eq!(dropped["tokens"], with["tokens"]);
        assert_eq!(
            dropped["kept"], is_same,
            "every response that changed has drifted further than not at all"
        );
        assert_eq!(dropped["drift"].get("is_beyond").is_some(), !is_same);
        assert_eq!(kept["tokens"], samples[&format!("{} {}", kept["problem"], kept["draw"])]["tokens"]);
        assert_eq!(kept["kept"], true);
        assert_eq!(
            kept["drift"]["nll_after"], with["drift"]["nll_after"],
            "of the refined text, which is not used"
        );
        let steps = kept["steps"].as_array().unwrap();
        assert!(steps.iter().all(|step| is_same || step["tokens_before"] == step["tokens_after"]));
    }
    let report = host.run(&["run", "--out", "kept"]);
    assert!(
        report.contains("- drift of ") && report.contains("had drifted further than the recipe allows"),
        "{report}"
    );
}
