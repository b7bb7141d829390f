//! Names of the hub: what the cache has, and what a stub of the hub on this machine has, with every fault.

mod stub;

use std::path::Path;
use std::process::Output;

use sha2::{Digest, Sha256};

use self::stub::{Fault, Stub};
use crate::{Host, SMALL, repository};
use ts_embedded::problem::Task;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TOKEN: &str = "hf_thisIsSecret";

/// A hub with the embedded model, and with a data set.
fn hub() -> Stub {
    let mut stub = Stub::start(COMMIT);
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "README.md"] {
        stub.has("org/small", name, read(name), false);
    }
    stub.has("org/small", "model.safetensors", read("model.safetensors"), true);
    stub.has("org/small", "pytorch_model.bin", b"not wanted".to_vec(), true);
    stub.has("datasets/org/sums", "data/train set.jsonl", Task::Plain.train_problems().into_bytes(), true);
    stub.has("datasets/org/sums", "heldout.jsonl", Task::Plain.heldout_problems().into_bytes(), false);
    stub
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(repository(&format!("host/embedded/checkpoints/plain/{name}"))).unwrap()
}

fn ask(host: &Host, stub: &Stub, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = host.command(args);
    for variable in [
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "HF_HUB_CACHE",
        "HF_HUB_OFFLINE",
        "HF_TOKEN_PATH",
    ] {
        command.env_remove(variable);
    }
    command.env("HF_ENDPOINT", stub.endpoint()).env("HF_HOME", host.path("hf")).env("HF_TOKEN", TOKEN);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains("ThisIs") && !said.contains("thisIs"), "the token is shown: {said}");
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_run_from_the_hub_downloads_once() {
    let host = Host::new();
    let stub = hub();
    let names: &[&str] = &[
        "--model",
        "org/small@main",
        "--train-problems",
        "hub:org/sums@v1/data/train set.jsonl",
        "--heldout-problems",
        "hub:org/sums/heldout.jsonl",
    ];
    let args = [&["sample"], names, &["--out", "run"], SMALL].concat();
    let output = ask(&host, &stub, &args, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("downloading model.safetensors of org/small@"), "{said}");
    assert!(!stub.log().iter().any(|line| line.contains("pytorch_model.bin")));

    // The layout is the hub's.
    let model = host.path("hf/hub/models--org--small");
    assert_eq!(std::fs::read_to_string(model.join("refs/main")).unwrap(), COMMIT);
    let weights = model.join("snapshots").join(COMMIT).join("model.safetensors");
    let target = std::fs::read_link(&weights).unwrap();
    let digest: String =
        Sha256::digest(read("model.safetensors")).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(target, Path::new("../../blobs").join(digest));
    let data = host.path("hf/hub/datasets--org--sums/snapshots").join(COMMIT).join("data/train set.jsonl");
    assert_eq!(std::fs::read_to_string(data).unwrap(), Task::Plain.train_problems());

    // What is there is not asked for again, and needs no hub.
    let asked = stub.log().len();
    for variables in [&[][..], &[("HF_HUB_OFFLINE", "1")], &[("HF_ENDPOINT", "http://127.0.0.1:1")]] {
        let output = ask(&host, &stub, &[&["check"], names].concat(), variables);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert_eq!(stub.log().len(), asked);
    let manifest = std::fs::read_to_string(host.path("run/manifest.json")).unwrap();
    assert!(manifest.contains("org/small@main") && manifest.contains("hub:org/sums@v1/data/train set.jsonl"));
    let output = ask(&host, &stub, &["grade", "--out", "run"], &[("HF_HUB_OFFLINE", "1")]);
    assert!(output.status.success(), "{}", stderr(&output));
    // By the commit too, and by a command that looks at a checkpoint.
    let by_commit = format!("org/small@{COMMIT}");
    let output = ask(&host, &stub, &["model", "inspect", &by_commit], &[("HF_HUB_OFFLINE", "1")]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn the_token_goes_to_the_hub_and_nowhere_else() {
    let host = Host::new();
    let stub = hub();
    let output = ask(&host, &stub, &["model", "inspect", "org/small"], &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let log = stub.log();
    let of = |place: &str| log.iter().filter(|line| line.starts_with(place)).collect::<Vec<_>>();
    assert!(
        !of("hub ").is_empty() && of("hub ").iter().all(|line| line.ends_with(&format!("Bearer {TOKEN}"))),
        "{log:?}"
    );
    assert!(of("store ").len() == 1 && of("store ")[0].ends_with(" -"), "{log:?}");

    // From the file that `hf auth login` writes.
    std::fs::remove_dir_all(host.path("hf")).unwrap();
    std::fs::create_dir(host.path("hf")).unwrap();
    std::fs::write(host.path("hf/token"), format!("{TOKEN}\n")).unwrap();
    let mut command = host.command(&["model", "inspect", "org/small"]);
    command
        .env_remove("HF_TOKEN")
        .env_remove("HTTP_PROXY")
        .env_remove("http_proxy")
        .env_remove("HF_HUB_CACHE");
    command.env("HF_ENDPOINT", stub.endpoint()).env("HF_HOME", host.path("hf"));
    assert!(command.output().unwrap().status.success());
    assert!(stub.log().last().unwrap().starts_with("store "));
    assert!(stub.log().iter().filter(|line| line.starts_with("hub ")).all(|line| line.ends_with(TOKEN)));

    // A token that is none is not said.
    let output = ask(&host, &stub, &["model", "inspect", "org/other"], &[("HF_TOKEN", "hf_thisIs secret")]);
    assert!(stderr(&output).contains("HF_TOKEN is not a token"), "{}", stderr(&output));
}

#[test]
fn faults_are_tried_again_and_a_download_goes_on_where_it_stopped() {
    let host = Host::new();
    let stub = hub();
    let size = read("model.safetensors").len();
    stub.fault("model.safetensors", Fault::CutOff(size / 3));
    stub.fault("model.safetensors", Fault::Status(503));
    stub.fault("config.json", Fault::TooMany);
    stub.fault("tokenizer.json", Fault::WrongBytes);
    let output = ask(&host, &stub, &["model", "inspect", "org/small"], &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let ranges: Vec<String> = stub.log().into_iter().filter(|line| line.starts_with("store ")).collect();
    assert!(ranges.last().unwrap().contains(&format!("bytes={}-", size / 3)), "{ranges:?}");
    let weights = host.path("hf/hub/models--org--small/snapshots").join(COMMIT).join("model.safetensors");
    assert_eq!(std::fs::read(weights).unwrap(), read("model.safetensors"));
    let blobs = std::fs::read_dir(host.path("hf/hub/models--org--small/blobs")).unwrap();
    assert!(
        blobs.map(|it| it.unwrap().path()).all(|it| it.extension().is_none()),
        "an incomplete file is left"
    );
}

#[test]
fn a_download_that_was_killed_goes_on_and_bytes_that_are_others_are_not_taken() {
    let host = Host::new();
    let stub = hub();
    let weights = read("model.safetensors");
    let digest: String = Sha256::digest(&weights).iter().map(|b| format!("{b:02x}")).collect();
    let blobs = host.path("hf/hub/models--org--small/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    // Of what an earlier process left the first half is right, or is not.
    std::fs::write(blobs.join(format!("{digest}.incomplete")), &weights[..1000]).unwrap();
    let output = ask(&host, &stub, &["model", "inspect", "org/small"], &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stub.log().iter().any(|line| line.contains("bytes=1000-")), "{:?}", stub.log());
    std::fs::remove_dir_all(host.path("hf/hub/models--org--small/snapshots")).unwrap();
    std::fs::remove_file(blobs.join(&digest)).unwrap();
    std::fs::write(blobs.join(format!("{digest}.incomplete")), vec![7; weights.len()]).unwrap();
    let output = ask(&host, &stub, &["model", "inspect", "org/small"], &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(std::fs::read(blobs.join(&digest)).unwrap(), weights);

    // Always others: an error that says so, and nothing in the snapshot.
    std::fs::remove_dir_all(host.path("hf")).unwrap();
    for _ in 0..10 {
        stub.fault("config.json", Fault::WrongBytes);
    }
    let output = ask(&host, &stub, &["model", "inspect", "org/small"], &[]);
    let said = stderr(&output);
    assert!(
        !output.status.success() && said.contains("tried 5 times: the digest of what it sends is"),
        "{said}"
    );
    assert!(!host.path("hf/hub/models--org--small/snapshots").join(COMMIT).join("config.json").exists());
}

#[test]
fn what_is_not_to_be_had_is_told_apart() {
    let host = Host::new();
    let stub = hub();
    let fails = |args: &[&str], variables: &[(&str, &str)], reasons: &[&str]| {
        let output = ask(&host, &stub, args, variables);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        for reason in reasons {
            assert!(said.contains(reason), "{args:?}: {said}");
        }
    };
    let inspect = |name: &'static str| ["model", "inspect", name];
    fails(
        &inspect("org/none"),
        &[],
        &["does not have org/none@main, or not for you (404 RepoNotFound)", "HF_TOKEN"],
    );
    fails(
        &inspect("org/gated"),
        &[],
        &["does not give org/gated@main to you (403 GatedRepo)", "accept its conditions"],
    );
    fails(&inspect("org/small"), &[("HF_HUB_OFFLINE", "1")], &["HF_HUB_OFFLINE forbids to download it"]);
    fails(&inspect("org/small"), &[("HF_ENDPOINT", "hub.example")], &["HF_ENDPOINT is not a URL"]);
    fails(&["check", "--train-problems", "hub:org/sums"], &[], &["hub:org/name@revision/path"]);
    fails(
        &["check", "--train-problems", "hub:org/sums/none.jsonl"],
        &[],
        &["none.jsonl of org/sums@main", "404 EntryNotFound"],
    );
    stub.has_also("org/bare", "config.json", b"{}".to_vec());
    fails(
        &inspect("org/bare"),
        &[],
        &["org/bare@main holds no checkpoint: it needs config.json, tokenizer.json"],
    );
    stub.fault("api", Fault::Status(302));
    fails(&inspect("org/small"), &[], &["a redirect to nowhere"]);
    // A folder that is there is no name of the hub.
    std::fs::create_dir_all(host.path("org/small")).unwrap();
    fails(&inspect("org/small"), &[], &["org/small holds no model: there is no config.json"]);
    assert!(ask(&host, &stub, &["model", "inspect", "hub:org/small"], &[]).status.success());
}

#[test]
fn an_import_takes_a_file_of_the_hub() {
    let host = Host::new();
    let mut stub = hub();
    let file = std::fs::read(repository("tests/data/import/gsm8k.parquet")).unwrap();
    stub.has("datasets/openai/gsm8k", "main/train-00000-of-00001.parquet", file, true);
    let name = "hub:openai/gsm8k@main/main/train-00000-of-00001.parquet";
    let output = ask(&host, &stub, &["import", "gsm8k", name], &[]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3, "{}", stderr(&output));
}

#[test]
fn an_adapter_and_its_base_come_from_the_hub_and_an_adapter_of_a_run_names_its_base_there() {
    let host = Host::new();
    let stub = hub();
    let tiny = [
        "problems.max_train=4",
        "problems.max_heldout=2",
        "sample.n_samples=4",
        "train.steps=1",
        "train.lora.rank=2",
    ];
    let settings: Vec<&str> = tiny.iter().flat_map(|setting| ["--set", setting]).collect();
    let run = [&["run", "--out", "run", "--model", "org/small"], SMALL, &settings].concat();
    let output = ask(&host, &stub, &run, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let model = host.path("run/model");
    let written = |name: &str| std::fs::read(model.join(name)).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&written("adapter_config.json")).unwrap();
    assert_eq!(
        (&config["base_model_name_or_path"], &config["revision"]),
        (&"org/small".into(), &COMMIT.into())
    );
    let card = String::from_utf8(written("README.md")).unwrap();
    assert!(card.starts_with("---\nbase_model: org/small\nbase_model_relation: adapter\n"), "{card}");

    // Pushed as it is, and taken from there on another machine, with its base.
    for name in ["adapter_config.json", "adapter_model.safetensors", "tokenizer.json"] {
        stub.has_also("org/short", name, written(name));
    }
    let inspect =
        |args: &[&str], variables| ask(&host, &stub, &[&["model", "inspect"], args].concat(), variables);
    std::fs::remove_dir_all(host.path("hf")).unwrap();
    for variables in [&[][..], &[("HF_HUB_OFFLINE", "1")]] {
        let output = inspect(&["org/short"], variables);
        let said = String::from_utf8_lossy(&output.stdout);
        let named = format!("adapter to org/small@{COMMIT}: ");
        assert!(output.status.success() && said.contains(&named), "{said}{}", stderr(&output));
    }
    assert!(
        stub.log().iter().any(|line| line.contains(&format!("org/small/resolve/{COMMIT}/model.safetensors"))),
        "{:?}",
        stub.log()
    );

    // The run's own folder needs the base too, and says which if it is not to be had.
    std::fs::remove_dir_all(host.path("hf/hub/models--org--small")).unwrap();
    let error = stderr(&inspect(&[model.to_str().unwrap()], &[("HF_HUB_OFFLINE", "1")]));
    assert!(
        error.contains(&format!("org/small@{COMMIT}")) && error.contains("the base of the adapter "),
        "{error}"
    );
    let embedded = repository("host/embedded/checkpoints/plain");
    let merge = ["model", "merge", model.to_str().unwrap(), "merged", "--base", &embedded];
    let output = ask(&host, &stub, &merge, &[("HF_HUB_OFFLINE", "1")]);
    assert!(output.status.success(), "another base was given: {}", stderr(&output));
    assert!(inspect(&[model.to_str().unwrap()], &[]).status.success());
}
