//! A run on several machines: the shards, joined, have the bytes of one machine's run, and what does not fit
//! is named.

use std::fs;

use super::integrity::TINY;
use crate::{ARTEFACTS, Host, read};

/// Every stage that maps over problems, for one share.
fn share(host: &Host, out: &str, shard: &str) {
    host.run(&[&["run", "--out", out, "--shard", shard], TINY].concat());
}

#[test]
fn any_number_of_shards_is_one_run() {
    let host = Host::new();
    host.run(&[&["run", "--out", "whole"], TINY].concat());
    for of in [1, 2, 3, 7] {
        let out = format!("of-{of}");
        let shares: Vec<String> = (1..=of).map(|index| format!("{index}/{of}")).collect();
        shares.iter().for_each(|shard| share(&host, &out, shard));
        host.run(&["merge", &out]);
        host.run(&["train", "--out", &out]);
        shares.iter().for_each(|shard| share(&host, &out, shard));
        host.run(&["merge", &out]);
        for file in ARTEFACTS.iter().chain(&["problems-train.jsonl", "problems-heldout.jsonl", "recipe.toml"])
        {
            let (whole, joined) = (host.path("whole").join(file), host.path(&out).join(file));
            assert!(read(whole) == read(joined), "{file} of {of} shards");
        }
        let table =
            |folder: &str| host.run(&["report", folder]).lines().take(12).collect::<Vec<_>>().join("\n");
        assert_eq!(table(&out), table("whole"));
    }
}

#[test]
fn stage_by_stage_on_machines_of_their_own() {
    let host = Host::new();
    host.run(&[&["sample", "--out", "whole"], TINY].concat());
    host.run(&["grade", "--out", "whole"]);
    // Each machine has a disk of its own, samples its share, and grades it.
    for (machine, shard) in [("here", "1/2"), ("there", "2/2")] {
        for stage in ["sample", "grade"] {
            host.run(&[&[stage, "--out", machine, "--shard", shard], TINY].concat());
        }
    }
    host.run(&["merge", "joined", "here", "there"]);
    for file in ["samples.jsonl", "grades.jsonl"] {
        assert!(read(host.path("whole").join(file)) == read(host.path("joined").join(file)), "{file}");
    }
    // Another number of machines goes on from there.
    for shard in ["1/3", "2/3", "3/3"] {
        host.run(&[&["select", "--out", "joined", "--shard", shard], TINY].concat());
    }
    host.run(&["merge", "joined"]);
    host.run(&["select", "--out", "whole"]);
    assert!(read(host.path("whole/selection.jsonl")) == read(host.path("joined/selection.jsonl")));
}

#[test]
fn what_does_not_fit_is_named_and_nothing_is_written() {
    let host = Host::new();
    let sample = |out: &str, shard: &str, more: &[&str]| {
        host.run(&[&["sample", "--out", out, "--shard", shard], TINY, more].concat());
    };
    sample("run", "1/3", &[]);
    sample("run", "3/3", &[]);
    assert!(host.fail(&["merge", "run"]).contains("stage `sample`: shard 2/3 is missing"));
    sample("other", "1/3", &[]);
    let error = host.fail(&["merge", "run", "other"]);
    assert!(error.contains("shard 1/3 is a duplicate") && error.contains("other"), "{error}");
    sample("foreign", "2/3", &["--set", "sample.temperature=0.5"]);
    let error = host.fail(&["merge", "run", "foreign"]);
    assert!(
        error.contains("foreign/shards/2-of-3 is a shard of another run than run/shards/1-of-3: sample.temperature is 0.5 and not 0.9\n"),
        "{error}"
    );
    sample("half", "2/2", &[]);
    let error = host.fail(&["merge", "run", "half"]);
    assert!(error.contains("2/2") && error.contains("of 3"), "{error}");
    assert!(host.fail(&["merge", "nothing"]).contains("no shard in nothing"));
    assert!(!host.path("run/samples.jsonl").exists());

    sample("run", "2/3", &[]);
    // A shard that changed.
    let file = host.path("run/shards/2-of-3/samples.jsonl");
    let bytes = read(&file);
    fs::write(&file, [&bytes[..10], b"0", &bytes[11..]].concat()).unwrap();
    let error = host.fail(&["merge", "run"]);
    assert!(error.contains("samples.jsonl:1: "), "{error}");
    fs::write(&file, bytes).unwrap();
    host.run(&["merge", "run"]);
    // A share of another run's folder.
    let error = host.fail(&[&["grade", "--out", "run", "--shard", "1/2", "--seed", "7"], TINY].concat());
    assert!(error.contains("run belongs to another run: run.seed was 1 and is now 7\n"), "{error}");
    assert!(host.fail(&["train", "--out", "run", "--shard", "1/3"]).contains("not a map over problems"));
    for wrong in ["0/3", "4/3", "3", "a/b"] {
        let error = host.fail_with(2, &["sample", "--shard", wrong]);
        assert!(error.contains("must be I/N"), "{error}");
    }
}
