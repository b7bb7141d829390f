//! Checkpoints that a stranger wrote: each is answered with what is wrong, within bounds, and without a
//! signal.
//!
//! Each case changes one thing of the embedded checkpoint. Whether the answer comes is not timed: what has no
//! bound has no end, and the test would not end either.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::{Host, read, repository, small};

/// KiB of address space for each command: what the engine of plugins reserves, and little more.
const ADDRESS_SPACE_KIB: u64 = 9_000_000;

/// A copy of the embedded checkpoint, in a folder of its own.
fn copy(host: &Host, name: &str) -> PathBuf {
    let folder = host.path(name);
    fs::create_dir(&folder).unwrap();
    for file in fs::read_dir(repository("host/embedded/checkpoints/plain")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    folder
}

fn change_json(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&read(path)).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// The weights with another header, and other bytes behind it.
fn change_weights(folder: &Path, change: impl FnOnce(&mut Value, &mut Vec<u8>)) {
    let path = folder.join("model.safetensors");
    let bytes = read(&path);
    let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header = serde_json::from_slice(&bytes[8..8 + n]).unwrap();
    let mut data = bytes[8 + n..].to_vec();
    change(&mut header, &mut data);
    let header = header.to_string().into_bytes();
    fs::write(path, [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()).unwrap();
}

/// What `check` says of a checkpoint that it must refuse.
#[track_caller]
fn refused(host: &Host, name: &str, things: &[&str]) {
    let program = host.command(&[]).get_program().to_owned();
    let script = format!("ulimit -v {ADDRESS_SPACE_KIB}; exec \"$0\" check --model {name}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(program).current_dir(host.path("."));
    let output = host.keeps(&mut command).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{name}: {stderr}");
    assert!(!stderr.contains("panicked") && stderr.len() < 10_000, "{name}: {stderr}");
    for thing in things {
        assert!(stderr.contains(thing), "{name}: `{thing}` is not in: {stderr}");
    }
}

#[test]
fn weights() {
    let host = Host::new();
    let norm = "model.norm.weight";
    let case = |name: &str, things: &[&str], change: &dyn Fn(&mut Value, &mut Vec<u8>)| {
        change_weights(&copy(&host, name), change);
        refused(&host, name, things);
    };
    case("truncated", &["truncated"], &|_, data| data.truncate(data.len() - 1));
    case("longer", &["header accounts for"], &|_, data| data.push(0));
    case("dtype", &[norm, "i16"], &|header, _| header[norm]["dtype"] = json!("I16"));
    case("format", &[norm, "Q4"], &|header, _| header[norm]["dtype"] = json!("Q4"));
    case("overflow", &[norm, "no memory holds"], &|header, _| {
        header[norm]["shape"] = json!([u64::MAX, u64::MAX])
    });
    case("offsets", &[norm, "data_offsets"], &|header, _| header[norm]["data_offsets"] = json!([9, 3]));
    case("far", &[norm, "data_offsets"], &|header, _| header[norm]["data_offsets"] = json!([0, 1_u64 << 60]));
    case("missing", &[norm], &|header, _| {
        let tensor = header.as_object_mut().unwrap().remove(norm).unwrap();
        header["model.norm.other"] = tensor;
    });
    case("extra", &["extra.weight", "none that config.json asks for"], &|header, data| {
        header["extra.weight"] =
            json!({"dtype": "F32", "shape": [1], "data_offsets": [data.len(), data.len() + 4]});
        data.extend([0; 4]);
    });
    for (name, bits) in [("nan", 0xFFFF_u16), ("infinite", 0x7F80)] {
        case(name, &[norm, "at index 0", "not finite"], &|header, data| {
            let start = header[norm]["data_offsets"][0].as_u64().unwrap() as usize;
            // The high half of an f32, or the whole of a bf16 or, as NaN, of an f16.
            let wide = header[norm]["dtype"] == "F32";
            let bits = if header[norm]["dtype"] == "F16" && name == "infinite" { 0x7C00 } else { bits };
            let at = if wide { start + 2 } else { start };
            data[at..at + 2].copy_from_slice(&bits.to_le_bytes());
        });
    }
    for (name, header) in
        [("text", &b"<!DOCTYPE html>"[..]), ("huge", &[0xFF; 64]), ("short", b"abc"), ("nothing", b"")]
    {
        fs::write(copy(&host, name).join("model.safetensors"), header).unwrap();
        refused(&host, name, &["model.safetensors"]);
    }
}

#[test]
fn files() {
    let host = Host::new();
    let index = |name: &str, shard: &str| {
        let folder = copy(&host, name);
        fs::rename(folder.join("model.safetensors"), folder.join("shard.safetensors")).unwrap();
        let map = json!({"weight_map": {"model.embed_tokens.weight": shard}});
        fs::write(folder.join("model.safetensors.index.json"), map.to_string()).unwrap();
        folder
    };
    index("upwards", "../secret");
    refused(&host, "upwards", &["../secret", "outside"]);
    index("absolute", "/etc/passwd");
    refused(&host, "absolute", &["/etc/passwd", "outside"]);
    for (name, file) in [("pipe", "model.safetensors"), ("pipe_beside", "README.md")] {
        let folder = copy(&host, name);
        fs::remove_file(folder.join(file)).unwrap();
        assert!(Command::new("mkfifo").arg(folder.join(file)).status().unwrap().success());
        refused(&host, name, &[file, "regular file"]);
    }
    for (name, target) in [("device", "/dev/zero"), ("secret", "/etc/passwd"), ("circle", ".")] {
        let folder = copy(&host, name);
        fs::remove_file(folder.join("tokenizer.json")).unwrap();
        symlink(target, folder.join("tokenizer.json")).unwrap();
        refused(&host, name, &["tokenizer.json"]);
    }
}

#[test]
fn configurations() {
    let host = Host::new();
    for (field, value) in [
        ("num_hidden_layers", json!(10_000_000)),
        ("num_hidden_layers", json!(1_000_000_000_000_000_000_u64)),
        ("num_hidden_layers", json!(1000)),
        ("vocab_size", json!(u64::MAX)),
        ("hidden_size", json!(1 << 20)),
        ("head_dim", json!(1_u64 << 40)),
        ("intermediate_size", json!(-1)),
        ("num_attention_heads", json!(1e300)),
        ("max_position_embeddings", json!(u64::MAX)),
        ("eos_token_id", json!(vec![1; 100_000])),
    ] {
        let name = format!("{field}-{}", value.to_string().len());
        change_json(&copy(&host, &name).join("config.json"), |config| config[field] = value);
        refused(&host, &name, &[]);
    }
    for (field, value) in [
        ("quantization_config", json!({"quant_method": "awq"})),
        ("final_logit_softcapping", json!(30.0)),
        ("rope_scaling", json!({"type": "longrope", "long_factor": [1.0]})),
        ("hidden_act", json!("gelu")),
        ("num_experts", json!(8)),
        ("layer_types", json!(vec!["chunked_attention"; 5])),
    ] {
        change_json(&copy(&host, field).join("config.json"), |config| config[field] = value);
        refused(&host, field, &["config.json", field, "hint: "]);
    }
    change_json(&copy(&host, "endless").join("config.json"), |config| config["eos_token_id"] = Value::Null);
    refused(&host, "endless", &["ends a response", "eos_token_id"]);
    fs::write(copy(&host, "deep").join("config.json"), "[".repeat(1_000_000)).unwrap();
    refused(&host, "deep", &["config.json"]);
    fs::write(copy(&host, "many").join("config.json"), format!("[{}0]", "{},".repeat(4_000_000))).unwrap();
    refused(&host, "many", &["config.json", "values"]);
}

/// Two rows of the embedding that no token has, of which one has the largest logit at every step.
#[test]
fn a_padded_vocabulary() {
    let host = Host::new();
    let folder = copy(&host, "rows");
    let mut n_tokens = 0;
    change_json(&folder.join("config.json"), |config| {
        n_tokens = config["vocab_size"].as_u64().unwrap();
        config["vocab_size"] = json!(n_tokens + 2);
    });
    change_weights(&folder, |header, data| {
        let embedding = header["model.embed_tokens.weight"].clone();
        let width = embedding["shape"][1].as_u64().unwrap();
        let end = embedding["data_offsets"][1].as_u64().unwrap();
        // 64 and -64 in bf16.
        let row = |number: u16| number.to_le_bytes().repeat(width as usize);
        let rows = [row(0x4280), row(0xC280)].concat();
        let grown = rows.len() as u64;
        data.splice(end as usize..end as usize, rows);
        header["model.embed_tokens.weight"]["shape"][0] = json!(n_tokens + 2);
        let is_tensor = |name: &str| name != "__metadata__";
        for (_, tensor) in header.as_object_mut().unwrap().iter_mut().filter(|(name, _)| is_tensor(name)) {
            for offset in tensor["data_offsets"].as_array_mut().unwrap() {
                let moved = offset.as_u64().unwrap();
                if moved >= end {
                    *offset = json!(moved + grown);
                }
            }
        }
    });
    host.run(&small(&["sample", "--model", "rows", "--out", "run"]));
    let samples = String::from_utf8(read(host.path("run/samples.jsonl"))).unwrap();
    let mut n_drawn = 0;
    for line in samples.lines() {
        let sample: Value = serde_json::from_str(line).unwrap();
        let tokens = sample["tokens"].as_array().unwrap();
        assert!(tokens.iter().all(|token| token.as_u64().unwrap() < n_tokens), "{line}");
        n_drawn += tokens.len();
    }
    assert!(n_drawn > 1000, "{n_drawn}");
}

/// A text that ends the reasoning and is no token is worth a note.
#[test]
fn the_end_of_the_reasoning() {
    let host = Host::new();
    assert!(!host.run(&["check"]).contains("note: "));
    let said = host.run(&["check", "--set", "prompt.reasoning_end=\"Answer:\""]);
    assert!(
        said.contains("note: prompt.reasoning_end = \"Answer:\" is no token of this tokenizer"),
        "{said}"
    );
}

#[test]
fn tokenizers() {
    let host = Host::new();
    let case = |name: &str, things: &[&str], change: &dyn Fn(&mut Value)| {
        change_json(&copy(&host, name).join("tokenizer.json"), change);
        refused(&host, name, &[&["tokenizer.json"], things].concat());
    };
    let split = |pattern: &str| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
    case("id", &["4294967295"], &|t| t["model"]["vocab"]["far away"] = json!(u32::MAX));
    case("same", &["same id"], &|t| t["model"]["vocab"]["again"] = json!(0));
    case("added", &["added token"], &|t| t["added_tokens"][0]["id"] = json!(3));
    case("long", &["bytes"], &|t| t["added_tokens"][0]["content"] = json!("a".repeat(5000)));
    case("merge", &["merge"], &|t| t["model"]["merges"][0] = json!(["no such", "token"]));
    case("prefix", &["continuing_subword_prefix"], &|t| {
        t["model"]["continuing_subword_prefix"] = json!("aaaa")
    });
    case("behind", &["looks behind"], &|t| t["pre_tokenizer"] = split("(?<=a+)b"));
    case("repeated", &["instructions"], &|t| t["pre_tokenizer"] = split("((a{1000}){1000}){1000}"));
    case("replace", &["Replace"], &|t| {
        t["normalizer"] = json!({"type": "Replace", "pattern": {"String": ""}, "content": "aa"})
    });
    case("prepend", &["Prepend"], &|t| {
        t["normalizer"] = json!({"type": "Prepend", "prepend": "a".repeat(100_000)})
    });
    case("sections", &["values"], &|t| t["pre_tokenizer"] = json!(vec![json!({}); 200_000]));
    fs::write(copy(&host, "deep").join("tokenizer.json"), "[".repeat(1_000_000)).unwrap();
    refused(&host, "deep", &["tokenizer.json"]);

    // Truncation and padding are not asked of it, and a pattern that takes others for ever is as fast as any.
    change_json(&copy(&host, "padded").join("tokenizer.json"), |t| {
        t["truncation"] =
            json!({"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0});
        t["padding"] = json!({"strategy": {"Fixed": 1_000_000_000}, "direction": "Left", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "a"});
        let theirs = t["pre_tokenizer"].clone();
        let cut = split(r"(\w*)*!|(\w|\w\w)+$!|\w*\w*\w*\w*!");
        t["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": [cut, theirs]});
    });
    host.run(&["check", "--model", "padded"]);
}

#[test]
fn templates() {
    let host = Host::new();
    let doubled = "{% set n = namespace(x=['a'], y=['a']) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}";
    for (name, template) in [
        ("loops", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}".to_owned()),
        ("doubled", "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}".to_owned()),
        ("written", format!("{doubled}{{{{ n.x }}}}")),
        ("compared", format!("{doubled}{{{{ n.x == n.y }}}}")),
        ("as_json", format!("{doubled}{{{{ n.x|tojson }}}}")),
        ("added", "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x|length }}".to_owned()),
        ("large", "a".repeat(1_000_000)),
        ("raised", "{{ raise_exception('a' * 100000) }}".to_owned()),
    ] {
        fs::write(copy(&host, name).join("chat_template.jinja"), template).unwrap();
        refused(&host, name, &["template"]);
    }
    // Deep, and as good as any.
    let nots = format!("{{{{ {} true }}}}", "not ".repeat(60_000));
    fs::write(copy(&host, "nots").join("chat_template.jinja"), nots).unwrap();
    host.run(&["check", "--model", "nots"]);
}
