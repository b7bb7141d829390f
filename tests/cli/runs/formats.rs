//! Runs in another number format than f32.

use std::fs;

use crate::{ARTEFACTS, Host, read, small};

/// Sampled, refined, trained and evaluated in bf16: the same bytes by one worker and by three, and again where a stage is taken back;
/// other records than in f32.
#[test]
fn a_run_in_bf16_leaves_the_same_bytes_however_it_is_worked_on() {
    let host = Host::new();
    let bf16 = ["--set", "model.dtype=bf16"];
    host.run(&small(&[&["run", "--out", "one", "--workers", "1"], &bf16[..]].concat()));
    host.run(&small(&[&["run", "--out", "three", "--workers", "3"], &bf16[..]].concat()));
    host.run(&small(&["sample", "--out", "in-f32"]));
    for file in ARTEFACTS {
        assert!(read(host.path("one").join(file)) == read(host.path("three").join(file)), "{file}");
    }
    assert_ne!(read(host.path("one/samples.jsonl")), read(host.path("in-f32/samples.jsonl")));

    let train = host.path("one/train.jsonl");
    let whole = fs::read_to_string(&train).unwrap();
    assert!(whole.lines().count() > 0, "a run that trains nothing tests nothing");
    let adapted =
        [&["train", "--from", "one", "--out", "adapted"], &["--set", "train.lora.rank=4"][..]].concat();
    host.run(&adapted);
    assert!(host.path("adapted/model/adapter_model.safetensors").is_file());
    host.run(&["eval", "--out", "adapted"]);
}
