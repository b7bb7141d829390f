//! Whole runs: what they leave, what they take from other runs, and what becomes of one that is stopped or
//! changed.

mod adaptive;
mod events;
mod formats;
#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod injector;
mod integrity;
#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod kills;
mod lora;
mod main_job;
mod memory;
mod resume;
mod reuse;
mod rivals;
mod rounds;
#[cfg(unix)]
mod schedulers;
#[cfg(unix)]
mod servers;
mod shards;
mod transfer;

use std::path::PathBuf;

use crate::{ARTEFACTS, Host, read, repository, small};

#[test]
fn the_main_job_leaves_a_table_and_a_checkpoint_and_goes_on_where_it_was() {
    let host = Host::new();
    let grader = repository("plugins/math_grader.wasm");
    let args = small(&["--plugin", &grader, "--out", "run"]);
    let first = host.run(&args);
    for row in ["Acc, %", "Len-T, tokens", "Len-A, tokens", "AUC, %", "steps", "tokens a step", "difficulty"]
    {
        assert!(first.contains(row), "no `{row}` in {first}");
    }
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        assert!(host.path("run/model").join(name).is_file(), "{name}");
    }
    let report: serde_json::Value = serde_json::from_slice(&read(host.path("run/report.json"))).unwrap();
    assert_eq!(report["baseline"]["summary"]["n_responses"], 12);
    assert_eq!(
        String::from_utf8(read(host.path("run/report.md"))).unwrap().trim(),
        first[..first.rfind("\nrun").unwrap()].trim()
    );

    // Again, with only the folder: nothing is left to do, and the table is the same.
    let weights = read(host.path("run/model/model.safetensors"));
    assert_eq!(host.run(&["run", "--out", "run"]), first);
    assert_eq!(host.run(&["report", "run"]), first);
    assert_eq!(read(host.path("run/model/model.safetensors")), weights);
}

#[test]
fn the_trained_model_is_a_model_for_the_next_round() {
    let host = Host::new();
    host.run(&small(&["run", "--out", "first"]));
    host.run(&small(&["run", "--out", "second", "--model", "first/model"]));
    // The second round's baseline is the first round's result: the same seeds on the same problems. Their
    // checksums differ, which say what the records were made from.
    let records = |file: &str| -> Vec<serde_json::Value> {
        let text = String::from_utf8(read(host.path(file))).unwrap();
        let mut records: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        records.iter_mut().for_each(|record| drop(record.as_object_mut().unwrap().remove("check")));
        records
    };
    assert!(records("first/eval-result.jsonl") == records("second/eval-baseline.jsonl"));
}

#[test]
fn stages_one_by_one_leave_what_all_at_once_leaves() {
    let host = Host::new();
    host.run(&small(&["run", "--out", "whole"]));
    host.run(&small(&["sample", "--out", "parts"]));
    for stage in ["grade", "select", "refine", "pair", "train", "eval"] {
        host.run(&[stage, "--out", "parts"]);
    }
    for artefact in ARTEFACTS {
        assert!(
            read(host.path("whole").join(artefact)) == read(host.path("parts").join(artefact)),
            "{artefact}"
        );
    }
}

#[test]
fn one_worker_and_two_leave_the_same_bytes() {
    let host = Host::new();
    for (workers, rows) in [("1", "7"), ("2", "64")] {
        let rows = [format!("sample.max_batch_rows={rows}"), format!("eval.max_batch_rows={rows}")];
        host.run(&small(&[
            "run",
            "--out",
            workers,
            "--workers",
            workers,
            "--set",
            &rows[0],
            "--set",
            &rows[1],
        ]));
    }
    for artefact in
        ["samples.jsonl", "refined.jsonl", "train.jsonl", "model/model.safetensors", "eval-result.jsonl"]
    {
        assert!(read(host.path("1").join(artefact)) == read(host.path("2").join(artefact)), "{artefact}");
    }
}

/// The contract lets a policy shorten a response to its first steps: Sky-T1's data, as a plugin.
#[test]
fn a_policy_may_cut_a_response_where_it_first_had_the_answer() {
    let host = Host::new();
    // Of two responses even the shorter one often goes on after it has the answer.
    let settings = [
        "problems.max_train=28",
        "problems.max_heldout=6",
        "sample.n_samples=2",
        "select.first_correct_steps=true",
        "refine.enabled=false",
    ];
    let mut args = vec!["sample", "--out", "run", "--plugin", "sky_t1"];
    args.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    host.run(&args);
    for stage in ["grade", "select", "refine", "pair"] {
        host.run(&[stage, "--out", "run"]);
    }
    let records = |name: &str| -> Vec<serde_json::Value> {
        let text = String::from_utf8(read(host.path("run").join(name))).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let positives: Vec<_> =
        records("selection.jsonl").iter().flat_map(|r| r["positives"].as_array().unwrap().clone()).collect();
    let refined = records("refined.jsonl");
    assert!(positives.len() > 4 && positives.len() == refined.len());
    let mut n_cut = 0;
    for (positive, refined) in positives.iter().zip(&refined) {
        let keep = positive["keep_steps"].as_u64().expect("a correct response has a first correct solution");
        assert_eq!(refined["steps"].as_array().unwrap().len() as u64, keep);
        // What follows the reasoning stays, so the answer is still there.
        assert_eq!(refined["outcome"], "correct");
        assert!(refined["text"].as_str().unwrap().contains("</think>"));
        n_cut += usize::from(refined["tokens_after"].as_u64() < refined["tokens_before"].as_u64());
    }
    assert!(n_cut > 2, "{n_cut} of {} were cut", refined.len());
}

/// The weights have the number format of those that the run started from, and the configuration says so.
#[test]
fn a_checkpoint_keeps_its_number_format() {
    let host = Host::new();
    let checkpoint = repository("host/embedded/checkpoints/plain");
    host.run(&small(&["run", "--model", &checkpoint, "--out", "run"]));
    let config: serde_json::Value =
        serde_json::from_slice(&read(host.path("run/model/config.json"))).unwrap();
    assert_eq!(config["torch_dtype"], "bfloat16");
    let bytes_of_weights = |folder: PathBuf| read(folder.join("model.safetensors")).len();
    assert!(bytes_of_weights(host.path("run/model")).abs_diff(bytes_of_weights(checkpoint.into())) < 1000);
}

#[test]
fn every_shipped_recipe_is_complete_and_in_range() {
    let host = Host::new();
    let recipes = host.run(&["recipe"]);
    let n_files: usize = ["recipes", "recipes/ablation", "recipes/rivals"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(repository(folder)).unwrap())
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "toml"))
        .count();
    assert_eq!(recipes.lines().count(), n_files, "{recipes}");
    for name in recipes.lines() {
        assert!(host.run(&["recipe", name]).contains('#'), "{name} has no comment");
        if name.starts_with("deepseek") {
            // Its checkpoint and problems have to be given; everything before them is checked.
            assert!(
                host.fail(&["check", "--recipe", name, "--set", "model.device=cpu"]).contains("train.jsonl")
            );
        } else {
            assert!(host.run(&["check", "--recipe", name]).contains("ready to run"), "{name}");
        }
    }
}

#[test]
fn an_ablation_shares_samples_and_writes_its_table() {
    let host = Host::new();
    let settings: Vec<&str> = crate::SMALL.to_vec();
    let args =
        ["ablate", "--rows", "default,ablation/sft", "--seeds", "1,2", "--out", "ab", "--document", "ab.md"];
    let output = host.output(&[&args[..], &settings].concat());
    let (table, told) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    for turn in ["run 1 of 4: default-seed1\n", "run 4 of 4: ablation-sft-seed2\n"] {
        assert!(told.contains(turn), "{told}");
    }
    for row in ["baseline", "default", "ablation-sft"] {
        assert!(table.contains(row), "{table}");
    }
    assert_eq!(
        read(host.path("ab/default-seed1/samples.jsonl")),
        read(host.path("ab/ablation-sft-seed1/samples.jsonl"))
    );
    assert_ne!(
        read(host.path("ab/default-seed1/samples.jsonl")),
        read(host.path("ab/default-seed2/samples.jsonl"))
    );
    let document = String::from_utf8(read(host.path("ab.md"))).unwrap();
    assert!(document.contains("Seeds 1,2") && document.contains("ablation-sft"));
    assert!(
        table.contains("over problems and trainings, crossed") && table.contains("over the 6 differences"),
        "{table}"
    );

    // A recipe of one's own in place of the default one is what the rows change.
    std::fs::write(
        host.path("own.toml"),
        "extends = \"default\"\n[run]\nname = \"own\"\n[train]\nbeta = 0.3\n",
    )
    .unwrap();
    let own =
        ["ablate", "--recipe", "own.toml", "--rows", "default,ablation/sft", "--seeds", "1", "--out", "own"];
    assert!(host.run(&[&own[..], &settings].concat()).contains("| own "));
    for row in ["own/own-seed1", "own/ablation-sft-seed1"] {
        let recipe = String::from_utf8(read(host.path(row).join("recipe.toml"))).unwrap();
        assert!(recipe.contains("beta = 0.3"), "{recipe}");
    }

    // More strengths share what is there, and rows are compared at the same length too.
    let more = ["--strengths", "2,1", "--tuning-problems", "embedded"];
    let table = host.run(&[&args[..], &more, &settings].concat());
    for part in ["best area on the tuning problems", "at its Len-A", "× 2 |", "strength |"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert_eq!(table.matches("**").count(), 4, "one strength of each row is its own: {table}");
    for (one, other) in [
        ("ab/default-seed2/samples.jsonl", "ab/ablation-sft-x2-seed2/samples.jsonl"),
        ("ab/default-x2-seed1/train.jsonl", "ab/tuning/default-x2-seed1/train.jsonl"),
    ] {
        assert_eq!(read(host.path(one)), read(host.path(other)));
    }
    assert_ne!(
        read(host.path("ab/default-x2-seed1/eval-result.jsonl")),
        read(host.path("ab/tuning/default-x2-seed1/eval-result.jsonl"))
    );
    a_comparison_of_its_runs_has_the_same_differences(&host, &table);
}

fn a_comparison_of_its_runs_has_the_same_differences(host: &Host, ablation: &str) {
    let folders = ["default", "default-x2", "ablation-sft", "ablation-sft-x2"]
        .map(|row| [1, 2].map(|seed| format!("ab/{row}-seed{seed}")));
    let folders: Vec<&str> = folders.as_flattened().iter().map(String::as_str).collect();
    let table = host.run(&[&["compare"], &folders[..], &["--out", "compared"]].concat());
    // Of a folder, by their names; here the other method is first.
    let of_folder = host.run(&["compare", "ab"]);
    assert!(
        of_folder.contains("− that of ablation-sft at the Len-A of ablation-sft")
            && of_folder.contains("| default "),
        "{of_folder}"
    );
    let cells = |table: &str, begins: &[&str]| -> Vec<String> {
        let rows = table
            .lines()
            .map(|line| line.split('|').map(str::trim).skip(1).map(str::to_owned).collect::<Vec<_>>());
        let mut found = rows.filter(|row| {
            row.len() > begins.len() && row.iter().zip(begins).all(|(cell, begin)| cell == begin)
        });
        found.next_back().unwrap_or_else(|| panic!("no {begins:?} in {table}"))
    };
    // Of the row's own strength, which is the one in bold among the curves.
    let own = cells(ablation, &["ablation-sft"]);
    let learning_rate = if own[1].starts_with("**") { "0.00004" } else { "0.00008" };
    let change = cells(&table, &["ablation-sft", learning_rate])[5].replace(" \\*", "");
    assert!(ablation.contains(&format!(" {change} ")), "{change}: {ablation}");
    assert!(table.contains("Seeds 1,2, 6 held-out problems") && table.contains("crossed"), "{table}");
    assert!(table.contains("| truncation") && table.contains("at 0.00004 ("), "{table}");
    let svg = String::from_utf8(read(host.path("compared/compare.svg"))).unwrap();
    assert!(
        svg.contains("<title>ablation-sft, strength 0.00008: ") && svg.contains("prefers-color-scheme:dark")
    );
    let document = String::from_utf8(read(host.path("compared/compare.md"))).unwrap();
    assert!(
        document.trim_end().ends_with(table[..table.rfind("compared").unwrap()].trim_end()),
        "{document}"
    );

    let fail = |args: &[&str]| host.fail(&[&["compare"], args].concat());
    assert!(fail(&[]).contains("nothing to compare"));
    assert!(fail(&["nowhere"]).contains("nowhere"));
    let seeds = fail(&["ours=ab/default-seed1", "theirs@2=ab/ablation-sft-seed2"]);
    assert!(seeds.contains("`theirs` at strength 2 has the seeds 2, and the first method 1"), "{seeds}");
    let twice = fail(&["ab/default-seed1", "default=ab/default-seed1"]);
    assert!(twice.contains("is another run of `default` at strength 0.00004 with seed 1"), "{twice}");
    let other = fail(&["ab/default-seed1", "tuned=ab/tuning/default-seed1"]);
    assert!(other.contains("has other held-out problems than"), "{other}");
    assert!(fail(&["a@b=ab/default-seed1"]).contains("the strength `b` is no number"));
    assert!(fail(&["ab", "--strength", "train.schedule"]).contains("no number at train.schedule"));
    assert!(host.fail_with(2, &["compare", "ab", "--seeds", "1"]).contains("--recipes"));

    // Recipes that are run are the same runs.
    let settings: Vec<&str> = crate::SMALL.to_vec();
    let recipes = [
        "compare",
        "--recipes",
        "default,ablation/sft",
        "--seeds",
        "1,2",
        "--strengths",
        "2,1",
        "--runs-in",
        "ab",
        "--out",
        "again",
    ];
    let again = host.run(&[&recipes[..], &settings].concat());
    assert_eq!(again.replace("again", "compared"), table);
}
