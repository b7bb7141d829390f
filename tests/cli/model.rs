//! A checkpoint without a run: inspect, generate, score.

use std::fs;

use serde_json::{Value, json};

use crate::{Host, repository};
use ts_embedded::problem::Task;

fn checkpoint() -> String {
    repository("host/embedded/checkpoints/plain")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write_lines(host: &Host, name: &str, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(host.path(name), text).unwrap();
}

fn questions() -> Vec<Value> {
    let problems = Task::Plain.heldout_problems();
    let problems: Vec<Value> =
        problems.lines().take(5).map(|line| serde_json::from_str(line).unwrap()).collect();
    problems
        .iter()
        .map(|problem| json!({"id": problem["id"], "messages": [{"role": "user", "content": problem["prompt"]}]}))
        .collect()
}

#[test]
fn inspect_says_what_a_checkpoint_is() {
    let host = Host::new();
    let text = host.run(&["model", "inspect", &checkpoint()]);
    for thing in ["Qwen2ForCausalLM: ", " in bf16", "end of text: ", "delimiter: ", "chat template: its own"]
    {
        assert!(text.contains(thing), "{thing}: {text}");
    }
    let told: Value =
        serde_json::from_str(&host.run(&["model", "inspect", &checkpoint(), "--json"])).unwrap();
    assert!(told["parameters"].as_u64().unwrap() > 1_000_000);
    assert_eq!(told["notes"], json!([]));
    assert!(told["delimiters"]["</think>"].is_u64(), "{told}");
}

#[test]
fn inspect_says_how_much_memory_a_run_takes() {
    let host = Host::new();
    let text = host.run(&["model", "inspect", &checkpoint()]);
    for thing in
        ["memory with recipe `default` on cpu, ", "  sampling: up to ", "  training adapters (LoRA) of rank "]
    {
        assert!(text.contains(thing), "{thing}: {text}");
    }
    let planned = |settings: &[&str]| -> Value {
        let args = ["model", "inspect", &checkpoint(), "--json", "--set", "run.workers=2"];
        serde_json::from_str::<Value>(&host.run(&[&args[..], settings].concat())).unwrap()["memory"].take()
    };
    let memory = planned(&[]);
    let bytes = |memory: &Value, stage: &str| memory[stage]["bytes"].as_u64().unwrap();
    for stage in ["sampling", "refining", "training", "training_adapters"] {
        let parts = memory[stage]["parts"].as_object().unwrap().values();
        assert_eq!(
            parts.map(|bytes| bytes.as_u64().unwrap()).sum::<u64>(),
            bytes(&memory, stage),
            "{memory}"
        );
    }
    let smaller = planned(&["--set", "sample.max_batch_rows=8"]);
    assert!(bytes(&smaller, "sampling") < bytes(&memory, "sampling"));
    assert_eq!(bytes(&smaller, "training"), bytes(&memory, "training"));
}

#[test]
fn answers_depend_on_nothing_but_the_prompt_and_the_seed() {
    let host = Host::new();
    write_lines(&host, "five.jsonl", &questions());
    let args = ["model", "generate", &checkpoint(), "--input", "five.jsonl", "--max-new-tokens", "60"];
    let drawn = ["--temperature", "0.9", "--draws", "3", "--seed", "7"];
    for settings in [&[][..], &drawn] {
        let run = |more: &[&str]| host.run(&[&args[..], settings, more].concat());
        let first = run(&[]);
        assert_eq!(first, run(&["--max-batch-rows", "1", "--workers", "1"]));
        let answers = lines(&first);
        assert_eq!(answers.len(), if settings.is_empty() { 5 } else { 15 });
        // Alone, and in another place.
        write_lines(&host, "one.jsonl", &questions()[3..4]);
        let alone = ["model", "generate", &checkpoint(), "--input", "one.jsonl", "--max-new-tokens", "60"];
        let alone = lines(&host.run(&[&alone[..], settings].concat()));
        let here: Vec<&Value> = answers.iter().filter(|line| line["id"] == alone[0]["id"]).collect();
        assert_eq!(here, alone.iter().collect::<Vec<_>>());
    }
    let other = host.run(&[&args[..], &drawn[..5], &["8"]].concat());
    assert_ne!(other, host.run(&[&args[..], &drawn].concat()));
}

#[test]
fn what_is_drawn_greedily_is_likeliest_and_scores_alike_in_any_company() {
    let host = Host::new();
    write_lines(&host, "five.jsonl", &questions());
    let args = ["model", "generate", &checkpoint(), "--input", "five.jsonl", "--max-new-tokens", "40"];
    let answers = lines(&host.run(&args));
    // The same tokens as a prompt go on in the same way.
    let texts: Vec<Value> =
        answers.iter().map(|answer| json!({"id": answer["id"], "tokens": answer["tokens"]})).collect();
    write_lines(&host, "texts.jsonl", &texts);
    let scored = host.run(&["model", "score", &checkpoint(), "--input", "texts.jsonl"]);
    let scores = lines(&scored);
    for (text, score) in texts.iter().zip(&scores) {
        let (tokens, log_probs) =
            (text["tokens"].as_array().unwrap(), score["log_probs"].as_array().unwrap());
        assert_eq!((score["id"].clone(), log_probs.len()), (text["id"].clone(), tokens.len() - 1));
        assert!(log_probs.iter().all(|log_prob| log_prob.as_f64().unwrap() <= 0.0), "{score}");
    }
    write_lines(&host, "texts.jsonl", &texts[2..3]);
    let alone = lines(&host.run(&["model", "score", &checkpoint(), "--input", "texts.jsonl"]));
    assert_eq!(alone, scores[2..3]);
}

#[test]
fn a_line_that_cannot_be_used_is_named() {
    let host = Host::new();
    let good = json!({"tokens": [1, 2, 3]});
    let fails = |command: &str, line: Value| {
        write_lines(&host, "in.jsonl", &[good.clone(), line]);
        host.fail(&["model", command, &checkpoint(), "--input", "in.jsonl", "--workers", "1"])
    };
    for (command, line, reason) in [
        ("generate", json!({"id": 1}), "in.jsonl:2: one of `tokens`, `prompt` and `messages` must be given"),
        ("generate", json!({"tokens": [1], "prompt": "x"}), "in.jsonl:2: one of"),
        ("generate", json!({"tokens": [999_999]}), "in.jsonl:2: token 999999 is not in the vocabulary"),
        ("generate", json!({"tokens": []}), "in.jsonl:2: a prompt of 0 tokens"),
        ("generate", json!({"promt": "x"}), "in.jsonl:2: unknown field `promt`"),
        (
            "score",
            json!({"tokens": [1]}),
            "in.jsonl:2: 1 tokens: only what follows a token has a probability",
        ),
        ("score", json!({"tokens": vec![1; 100_000]}), "in.jsonl:2: 100000 tokens, and the model has"),
        ("score", json!([1, [1, 2]]), "in.jsonl:2: must be a JSON object"),
    ] {
        let stderr = fails(command, line);
        assert!(stderr.contains(reason), "{reason}: {stderr}");
    }
    let stderr = host.fail(&["model", "inspect", "nowhere"]);
    assert!(stderr.contains("nowhere"), "{stderr}");
}

#[test]
fn encode_shows_the_prompt_as_the_template_writes_it() {
    let host = Host::new();
    fs::create_dir(host.path("model")).unwrap();
    fs::copy(format!("{}/tokenizer.json", checkpoint()), host.path("model/tokenizer.json")).unwrap();
    let template = "{% for m in messages %}{% generation %}{{ m.role }}: {{ m.content }}{% endgeneration %}\n\
        {% endfor %}{{ strftime_now('%d %b %Y') if strftime_now is defined else 'no date' }} \
        {{ 'thinking' if enable_thinking else 'brief' }} {{ {'b': 1, 'a': '<'}|tojson }}";
    fs::write(host.path("model/chat_template.jinja"), template).unwrap();
    write_lines(
        &host,
        "in.jsonl",
        &[json!({"messages": [{"role": "tool", "content": "4"}]}), json!({"id": "p", "prompt": "1 + 1"})],
    );
    let encode = |more: &[&str]| {
        lines(&host.run(&[&["model", "encode", "model", "--input", "in.jsonl"], more].concat()))
    };
    let plain = encode(&[]);
    assert_eq!(plain[0]["text"], "tool: 4no date brief {\"b\": 1, \"a\": \"<\"}");
    assert_eq!(
        (&plain[0]["id"], &plain[1]["id"], &plain[1]["text"]),
        (&json!(1), &json!("p"), &json!("1 + 1"))
    );
    assert_eq!(plain[1]["tokens"].as_array().unwrap().len(), 4);
    let told = encode(&["--date", "2026-03-07", "--template", "enable_thinking=true"]);
    assert_eq!(told[0]["text"], "tool: 407 Mar 2026 thinking {\"b\": 1, \"a\": \"<\"}");
}
