//! Runs that take over what another has done.

use crate::{ARTEFACTS, Host, read, small};
use ts_embedded::problem::Task;

#[test]
fn another_setting_costs_only_the_stages_that_depend_on_it() {
    let host = Host::new();
    host.run(&small(&["run", "--out", "a"]));
    let changed = ["--set", "train.beta=0.3"];
    // The recipe is the other run's, so its small settings need not be said again.
    let output = host.output(&[&["run", "--from", "a", "--out", "b"], &changed[..]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    let taken = "took eval-baseline, sample, grade, select, refine, pair, reference from a";
    assert!(output.status.success() && stderr.contains(taken), "{stderr}");

    host.run(&small(&[&["run", "--out", "c"], &changed[..]].concat()));
    for artefact in ARTEFACTS.iter() {
        assert!(read(host.path("b").join(artefact)) == read(host.path("c").join(artefact)), "{artefact}");
    }
    assert!(read(host.path("a/train.jsonl")) != read(host.path("b/train.jsonl")));
}

#[test]
fn a_run_with_nothing_changed_takes_everything_over() {
    let host = Host::new();
    host.run(&small(&["run", "--out", "a"]));
    host.run(&["run", "--from", "a", "--out", "b"]);
    for artefact in ARTEFACTS.iter().chain(&["model/tokenizer.json"]) {
        assert!(read(host.path("a").join(artefact)) == read(host.path("b").join(artefact)), "{artefact}");
    }
}

#[test]
fn a_grader_that_fails_stops_the_run_and_the_samples_are_kept() {
    let host = Host::new();
    host.run(&small(&["sample", "--out", "a", "--set", "plugins.limits.fuel=4000"]));
    // 14: every call failed in the same way, out of fuel.
    let stderr = host.fail_with(14, &["grade", "--out", "a"]);
    for thing in ["no grade for 96 of 96", "grader failed on 96 (out_of_fuel 96)", "hint: ", "--from"] {
        assert!(stderr.contains(thing), "{stderr}");
    }
    // Raising the limit in the same folder would mix two runs; in another, only the grades are new.
    let raised = ["--set", "plugins.limits.fuel=2000000000"];
    let stderr = host.fail(&small(&[&["grade", "--out", "a"], &raised[..]].concat()));
    assert!(stderr.contains("--from a"), "{stderr}");
    host.run(&[&["grade", "--from", "a", "--out", "b"], &raised[..]].concat());
    assert!(read(host.path("a/samples.jsonl")) == read(host.path("b/samples.jsonl")));
    let grades = String::from_utf8(read(host.path("b/grades.jsonl"))).unwrap();
    assert!(grades.lines().count() == 96 && !grades.contains("grader_failed"), "{grades}");
}

#[test]
fn a_run_that_stopped_for_its_grader_goes_on_where_more_failures_are_allowed() {
    let host = Host::new();
    host.run(&small(&["sample", "--out", "a", "--set", "plugins.limits.fuel=4000"]));
    host.fail_with(14, &["grade", "--out", "a"]);
    host.run(&["grade", "--out", "a", "--set", "plugins.max_failed_share=1"]);
    let grades = String::from_utf8(read(host.path("a/grades.jsonl"))).unwrap();
    assert!(grades.lines().all(|line| line.contains("grader_failed")), "{grades}");
}

#[test]
fn what_only_the_report_needs_draws_nothing_again() {
    let host = Host::new();
    host.run(&small(&["run", "--out", "a"]));
    let before: Vec<_> = ARTEFACTS.iter().map(|artefact| read(host.path("a").join(artefact))).collect();
    let budget = |host: &Host| {
        let report: serde_json::Value = serde_json::from_slice(&read(host.path("a/report.json"))).unwrap();
        report["budget_tokens"].as_u64().unwrap()
    };
    let table = host.run(&["report", "a", "--set", "report.budget_tokens=40"]);
    assert!(table.contains("budget 40 tokens") && budget(&host) == 40, "{table}");
    // The run keeps its own values, until it is started with others.
    assert!(host.run(&["report", "a"]).contains("budget 640 tokens"));
    host.run(&["run", "--out", "a", "--set", "report.budget_tokens=80"]);
    assert!(host.run(&["report", "a"]).contains("budget 80 tokens"));
    for (artefact, before) in ARTEFACTS.iter().zip(before) {
        assert!(read(host.path("a").join(artefact)) == before, "{artefact}");
    }
    let stderr = host.fail(&["report", "a", "--set", "eval.n_runs=3"]);
    assert!(stderr.contains("only values of [report]"), "{stderr}");
    let stderr = host.fail(&["report", "a", "--set", "eval.budget_tokens=2"]);
    assert!(stderr.contains("eval.budget_tokens is now report.budget_tokens"), "{stderr}");
}

#[test]
fn a_grader_that_does_not_decide_stops_the_run_and_calls_nothing_wrong() {
    let host = Host::new();
    // No answer is this number, and to say how far off one is, the grader would need arithmetic on 10,000
    // digits.
    let embedded = Task::Plain.train_problems();
    let problems = embedded.lines().map(|line| {
        let mut problem: serde_json::Value = serde_json::from_str(line).unwrap();
        problem["reference"] = "1e9999".into();
        format!("{problem}\n")
    });
    std::fs::write(host.path("far.jsonl"), problems.collect::<String>()).unwrap();
    let grader = [
        "--plugin",
        "text_grader",
        "--set",
        "plugins.verifier.settings={ mode = \"numeric\", relative_tolerance = 0.01 }",
    ];
    let sample = [&["sample", "--out", "a", "--train-problems", "far.jsonl"], &grader[..]].concat();
    host.run(&small(&sample));
    let stderr = host.fail_with(3, &["grade", "--out", "a"]);
    for thing in ["no grade for ", " of 96", "did not decide ", "too long to compute", "hint: "] {
        assert!(stderr.contains(thing), "{stderr}");
    }
    host.run(&["grade", "--from", "a", "--out", "b", "--set", "plugins.max_failed_share=1"]);
    let grades = String::from_utf8(read(host.path("b/grades.jsonl"))).unwrap();
    assert!(grades.contains("\"undecided\"") && !grades.contains("\"incorrect\""), "{grades}");
    host.run(&["select", "--out", "b"]);
    let selection = String::from_utf8(read(host.path("b/selection.jsonl"))).unwrap();
    assert!(
        selection.lines().all(|line| line.contains("\"positives\":[],\"pairs\":[],\"check\":")),
        "{selection}"
    );
}

#[test]
fn a_folder_that_is_no_run_is_refused() {
    let host = Host::new();
    assert!(host.fail(&["run", "--from", "nowhere", "--out", "b"]).contains("nowhere"));
}
