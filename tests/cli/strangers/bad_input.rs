//! What users get wrong, and what they are told: what, where, what to do.

use crate::{Host, read, repository, small};

/// Checks that an error says all of these things.
fn says(stderr: &str, things: &[&str]) {
    assert!(stderr.starts_with("error: ") || stderr.contains("\nerror: "), "{stderr}");
    for thing in things {
        assert!(stderr.contains(thing), "`{thing}` is not in: {stderr}");
    }
}

#[test]
fn plugins() {
    let host = Host::new();
    std::fs::write(host.path("text.wasm"), "not a component").unwrap();
    std::fs::write(host.path("module.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let whole = read(repository("plugins/math_grader.wasm"));
    std::fs::write(host.path("torn.wasm"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(host.path("newer.wasm"), in_version(&whole, "0.9.0")).unwrap();
    let check = |set: &str| host.fail(&["check", "--set", set]);
    says(&host.fail(&["--plugin", "nowhere.wasm"]), &["nowhere.wasm", "hint: "]);
    says(
        &check("plugins.verifier.source=nowhere.wasm"),
        &["plugins.verifier", "there is no plugin", "hint: "],
    );
    says(
        &check("plugins.verifier.source=text.wasm"),
        &["plugins.verifier", "text.wasm", "not a WebAssembly component"],
    );
    says(&check("plugins.verifier.source=module.wasm"), &["module.wasm", "core WebAssembly module"]);
    says(&check("plugins.verifier.source=torn.wasm"), &["torn.wasm"]);
    says(
        &check("plugins.verifier.source=newer.wasm"),
        &[
            "plugins.verifier",
            "newer.wasm",
            "in version 0.9.0; this host takes 0.1.0, 0.2.0 or 0.3.0",
            "hint: ",
        ],
    );
    says(
        &check("plugins.verifier.source=tokens"),
        &["plugins.verifier", "tokens", "verifier", "length-function"],
    );
    says(&check("plugins.verifier.sha256=00"), &["plugins.verifier", "00", "hint: "]);
    let grader = format!("plugins.verifier.source={}", repository("plugins/code_grader.wasm"));
    let with_runner = |entry: String| {
        host.fail(&["check", "--set", &grader, "--set", &format!("plugins.runners=[{entry}]")])
    };
    let tokens = repository("plugins/tokens.wasm");
    let pinned = with_runner(format!("{{ source = '{tokens}', sha256 = '00' }}"));
    says(&pinned, &["tokens.wasm has sha256", "plugins.runners allows only 00", "hint: "]);
    says(&with_runner(format!("'{tokens}'")), &["tokens", "is not a runner"]);
    says(&with_runner("3".into()), &["a runner is a file, or a table with `source` and `sha256`"]);
    says(&check("plugins.selection_policy.settings.depth=1"), &["depth", "depth_alpha"]);
    says(&check("plugins.selection_policy.settings.depth_alpha=\"deep\""), &["depth_alpha"]);
}

/// A component as one for another version of the contract would be: the version is written out in its bytes.
fn in_version(component: &[u8], version: &str) -> Vec<u8> {
    let (ours, theirs) = (b"@0.3.0", format!("@{version}").into_bytes());
    assert_eq!(ours.len(), theirs.len(), "the component keeps its layout");
    let mut component = component.to_vec();
    let at: Vec<usize> =
        component.windows(ours.len()).enumerate().filter(|(_, w)| w == ours).map(|(i, _)| i).collect();
    assert!(!at.is_empty());
    for start in at {
        component[start..start + theirs.len()].copy_from_slice(&theirs);
    }
    component
}

#[test]
fn recipes() {
    let host = Host::new();
    let check = |set: &str| host.fail(&["check", "--set", set]);
    says(&check("train.beta=-1"), &["train.beta must be above 0, not -1"]);
    says(&check("train.betta=1"), &["betta", "hint: "]);
    says(&host.fail_with(2, &["check", "--set", "train"]), &["'train' for '--set", "KEY=VALUE"]);
    says(
        &check("sample.max_new_tokens=1010"),
        &["problem `train-000`", "sample.max_new_tokens = 1010", "1024", "hint: lower"],
    );
    says(
        &check("eval.max_new_tokens=1010"),
        &["problem `heldout-000`", "eval.max_new_tokens", "hint: lower"],
    );
    says(&host.fail(&["check", "--recipe", "nowhere"]), &["nowhere", "hint: "]);
    std::fs::write(host.path("torn.toml"), "extends = \"default\"\n[train\nbeta = 1\n").unwrap();
    says(&host.fail(&["check", "--recipe", "torn.toml"]), &["torn.toml", "line 2"]);
    std::fs::write(host.path("half.toml"), "[run]\nname = \"half\"\n").unwrap();
    says(&host.fail(&["check", "--recipe", "half.toml"]), &["half.toml", "is missing", "extends"]);
}

#[test]
fn problems() {
    let host = Host::new();
    let good = "{\"id\":\"a\",\"prompt\":\"1+1\",\"reference\":\"2\"}\n";
    let write = |name: &str, text: &str| std::fs::write(host.path(name), text).unwrap();
    write("torn.jsonl", &format!("{good}{{\"id\":\"b\",\"prompt\":\n"));
    write("lacks.jsonl", &format!("{good}{{\"id\":\"b\",\"prompt\":\"2+2\"}}\n"));
    write("twice.jsonl", &format!("{good}{good}"));
    write("empty.jsonl", "\n");
    write("good.jsonl", good);
    let check = |file: &str| host.fail(&["check", "--train-problems", file]);
    says(&check("torn.jsonl"), &["torn.jsonl", "2"]);
    says(&check("lacks.jsonl"), &["lacks.jsonl", "2", "reference"]);
    says(&check("twice.jsonl"), &["twice.jsonl", "`a`"]);
    says(&check("empty.jsonl"), &["empty.jsonl"]);
    says(&check("nowhere.jsonl"), &["nowhere.jsonl"]);
    says(
        &host.fail(&["check", "--train-problems", "good.jsonl", "--heldout-problems", "good.jsonl"]),
        &["`a`", "hint: "],
    );
}

#[test]
fn checkpoints() {
    let host = Host::new();
    says(&host.fail(&["check", "--model", "nowhere"]), &["nowhere"]);
    host.run(&["check"]);
    let copy = |name: &str| {
        let folder = host.path(name);
        std::fs::create_dir(&folder).unwrap();
        for file in std::fs::read_dir(repository("host/embedded/checkpoints/plain")).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        folder
    };
    let folder = copy("torn");
    let weights = read(folder.join("model.safetensors"));
    std::fs::write(folder.join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    says(
        &host.fail(&small(&["sample", "--out", "a", "--model", "torn"])),
        &["model.safetensors", "is truncated", "hint: "],
    );
    let folder = copy("other");
    let config = String::from_utf8(read(folder.join("config.json"))).unwrap();
    std::fs::write(
        folder.join("config.json"),
        config.replace("Qwen2ForCausalLM", "MambaForCausalLM").replace("\"qwen2\"", "\"mamba\""),
    )
    .unwrap();
    says(&host.fail(&["check", "--model", "other"]), &["amba", "Qwen2"]);
}

#[test]
fn folders() {
    let host = Host::new();
    host.run(&small(&["sample", "--out", "run"]));
    // Another recipe in the same folder would mix two runs.
    says(
        &host.fail(&small(&["sample", "--out", "run", "--set", "sample.temperature=0.5"])),
        &["run", "sample.temperature was 0.9 and is now 0.5", "hint: "],
    );
    says(&host.fail(&["train", "--out", "run"]), &["reference", "needs `pair`", "hint: run `ts-host pair"]);
    std::fs::write(host.path("file"), "").unwrap();
    says(&host.fail(&small(&["sample", "--out", "file"])), &["file"]);
    std::fs::create_dir(host.path("other")).unwrap();
    std::fs::write(host.path("other/thesis.tex"), "").unwrap();
    says(&host.fail(&small(&["sample", "--out", "other"])), &["other"]);
    says(&host.fail(&["report", "nowhere"]), &["nowhere"]);
}

#[test]
fn numbers_and_rows_that_make_no_sense() {
    let host = Host::new();
    let usage = |args: &[&str]| {
        let output = host.output(args);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(
        usage(&["check", "--seed", "-1"]).contains("must be a whole number from 0 to 9223372036854775807")
    );
    assert!(usage(&["check", "--seed", "18446744073709551615"]).contains("--seed"));
    for workers in ["1025", "9223372036854775807"] {
        assert!(usage(&["pretrain", "--out", "new", "--workers", workers]).contains("--workers"));
        let setting = format!("run.workers={workers}");
        says(&host.fail(&["check", "--set", &setting]), &["run.workers", "0 to 1024", workers, "hint: "]);
    }
    says(&host.fail(&["ablate", "--seeds", "1,1"]), &["1 is a duplicate among the seeds", "hint: "]);
    says(&host.fail(&["ablate", "--strengths", "2"]), &["1 is not among them", "hint: "]);
    says(&host.fail(&["ablate", "--rows", "default,default"]), &["default is a duplicate among the rows"]);
    std::fs::create_dir(host.path("full")).unwrap();
    std::fs::write(host.path("full/thesis.tex"), "").unwrap();
    let pretrain = |tokens: &str| host.fail(&["pretrain", "--out", "full", "--million-tokens", tokens]);
    says(&pretrain("0.001"), &["full is not empty", "hint: "]);
    assert!(
        usage(&["pretrain", "--out", "full", "--million-tokens", "-1"]).contains("must be a number above 0")
    );
    // Of both tasks a model can be had, in one step here, that says how it would be run.
    for task in ["plain", "teeth"] {
        host.run(&["pretrain", "--task", task, "--out", task, "--million-tokens", "0.001"]);
        assert!(host.run(&["model", "inspect", task]).contains("Qwen2"), "{task}");
    }
}

/// `ts-host … | head` reads what it wants and goes.
#[test]
#[cfg(unix)]
fn a_reader_that_goes_is_no_panic() {
    let host = Host::new();
    let script = "{ \"$0\" recipe default; echo \"rc $?\" >&2; } | true";
    let output = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(host.command(&[]).get_program())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "rc 0\n");
}

#[test]
fn a_device_that_is_not_there() {
    let host = Host::new();
    says(&host.fail(&["check", "--set", "model.device=cuda:0"]), &["cuda:0", "hint: "]);
}
