//! The commands for people who write plugins.

use crate::{Host, hostile, read, repository};

#[test]
fn inspect_says_what_a_plugin_is() {
    let host = Host::new();
    let text = host.run(&["plugin", "inspect", &repository("plugins/q_dyn.wasm")]);
    for thing in [
        "q_dyn",
        "selection-policy",
        "ts-host:plugin@",
        "sha256",
        "setting depth_alpha = 0.2",
        "selection-policy: a call on",
    ] {
        assert!(text.contains(thing), "`{thing}` is not in: {text}");
    }
    // All but what a start took.
    let lasting = |text: &str| text.lines().filter(|line| !line.contains("microseconds")).count();
    let embedded = host.run(&["plugin", "inspect", "q_dyn"]);
    assert_eq!(lasting(&embedded), lasting(&text));
    assert!(text.contains("imports: ts-host:plugin/log@") && text.contains("KiB of memory"), "{text}");
}

#[test]
fn check_says_that_a_plugin_runs_or_why_not() {
    let host = Host::new();
    let text = host.run(&["plugin", "check", &repository("plugins/math_grader.wasm")]);
    assert!(text.starts_with("math_grader 0.1.0 runs on this host"), "{text}");
    std::fs::write(host.path("x.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let error = host.fail(&["plugin", "check", "x.wasm"]);
    assert!(
        error.contains("a core WebAssembly module") && error.contains("hint: `ts-host plugin componentize`"),
        "{error}"
    );
    let error = host.fail(&["plugin", "check", "y.wasm"]);
    assert!(error.contains("there is no plugin `y.wasm`"), "{error}");
}

#[test]
fn docs_is_a_page_whose_recipe_is_one() {
    let host = Host::new();
    let page = host.run(&["plugin", "docs", "q_dyn"]);
    assert!(page.contains("| `depth_alpha` | a finite number | `0.2` |"), "{page}");
    let recipe = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    std::fs::write(host.path("recipe.toml"), format!("extends = \"default\"\n{recipe}")).unwrap();
    host.run(&["check", "--recipe", "recipe.toml"]);
}

#[test]
fn run_makes_one_call_of_any_role() {
    let host = Host::new();
    let call = |plugin: &str, input: &str| {
        std::fs::write(host.path("input.json"), input).unwrap();
        let output = host.run(&["plugin", "run", plugin, "--input", "input.json"]);
        serde_json::from_str::<serde_json::Value>(&output).unwrap()
    };
    let grade = call("exact_grader", r#"{"problem": {"reference": "7"}, "response": "<answer>7</answer>"}"#);
    assert_eq!(
        (&grade["verdict"], &grade["score"], &grade["answer"]),
        (&"correct".into(), &1.0.into(), &[8, 9].into())
    );
    assert_eq!(call("tokens", r#"{"text": "a", "tokens": 7}"#)["length"], 7.0);
    assert_eq!(
        call("paragraph_splitter", r#"{"text": "a\n\nb"}"#)["steps"],
        serde_json::json!([[0, 3], [3, 4]])
    );
    let response = |outcome: &str, length: u32| serde_json::json!({"outcome": outcome, "score": 1, "length": length, "tokens": length, "finished": true, "step_tokens": []});
    let responses = [response("correct", 20), response("correct", 10), response("incorrect", 5)];
    let group = serde_json::json!({"problem_id": "p", "responses": responses, "token_limit": 99, "seed": 1});
    assert_eq!(call("shortest", &group.to_string())["positives"][0]["response"], 1);

    std::fs::write(host.path("input.json"), r#"{"txt": "a"}"#).unwrap();
    let error = host.fail(&["plugin", "run", "tokens", "--input", "input.json"]);
    assert!(error.contains("input.json does not fit") && error.contains("`txt`"), "{error}");
    std::fs::write(host.path("input.json"), r#"{"text": "a", "tokens": 7}"#).unwrap();
    let set = ["--set", "plugins.limits.fuel=1"];
    let error =
        host.fail_with(14, &[&["plugin", "run", "tokens", "--input", "input.json"], &set[..]].concat());
    assert!(error.contains("fuel"), "{error}");
}

#[test]
fn every_way_to_fail_has_its_exit_code() {
    let host = Host::new();
    std::fs::write(host.path("input.json"), r#"{"problem": {"reference": "2"}, "response": "2"}"#).unwrap();
    let refuses = "(i32.store8 (i32.const 3072) (i32.const 1)) (i32.store (i32.const 3084) (i32.const 0))";
    let hoards = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable)";
    let floods =
        "(i32.store (i32.const 3116) (i32.const 4096)) (i32.store (i32.const 3120) (i32.const 60000))";
    let lies = "(f64.store (i32.const 3096) (f64.const 2))";
    let answer = |stores: &str| format!("{stores} (i32.const 3072)");
    for (body, set, code, name) in [
        (answer(refuses), "plugins.limits.fuel=1000000", 11, "refused"),
        ("(unreachable)".into(), "plugins.limits.fuel=1000000", 12, "trapped"),
        ("(call $recurse (i32.const 0))".into(), "plugins.limits.stack_kib=64", 13, "stack_overflow"),
        ("(loop (br 0)) (unreachable)".into(), "plugins.limits.fuel=1000000", 14, "out_of_fuel"),
        ("(loop (br 0)) (unreachable)".into(), "plugins.limits.processor_ms=1", 15, "over_time"),
        (hoards.into(), "plugins.limits.memory_mib=2", 16, "out_of_memory"),
        (answer(floods), "plugins.limits.output_kib=8", 17, "output_too_large"),
        (answer(lies), "plugins.limits.fuel=1000000", 18, "bad_output"),
    ] {
        std::fs::write(host.path("hostile.wasm"), hostile(&body)).unwrap();
        let output = host.output(&["plugin", "run", "hostile.wasm", "--input", "input.json", "--set", set]);
        let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{name}: {said} {told}");
        assert!(said.contains(&format!("\"kind\": \"{name}\"")), "{name}: {said}");
        assert!(told.contains(&format!("the call failed: {name}")), "{name}: {told}");
    }
}

/// The service and the tools for plugin authors can be had without a model.
#[test]
fn without_training_no_tensor_is_linked() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", "ts-host", "--no-default-features"])
        .args(["--edges", "normal", "--prefix", "none"])
        .output()
        .unwrap();
    let crates = String::from_utf8(tree.stdout).unwrap();
    assert!(
        tree.status.success() && crates.contains("ts-serve"),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    for name in ["candle", "tokenizers", "ts-model", "ts-pipeline", "safetensors"] {
        assert!(!crates.contains(name), "{name} in\n{crates}");
    }
}

#[test]
fn golden_cases_show_differences_until_they_are_accepted() {
    let host = Host::new();
    std::fs::write(
        host.path("golden.jsonl"),
        "{\"id\": \"seven\", \"input\": {\"text\": \"a\", \"tokens\": 7}}\n",
    )
    .unwrap();
    let test = ["plugin", "test", "tokens", "--cases", "golden.jsonl"];
    let output = host.output(&test);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("1 golden cases, 1 differ\n  seven\n  - null\n  + {\"length\":7.0}"), "{text}");
    host.run(&[&test[..], &["--update"]].concat());
    assert!(host.run(&test).contains("1 golden cases, 0 differ"));
    let error = host.fail(&["plugin", "test", "q_dyn", "--cases", "golden.jsonl"]);
    assert!(error.contains("golden.jsonl:1") && error.contains("the input is"), "{error}");
}

#[test]
fn bench_prints_a_row_for_each_way_to_call() {
    let host = Host::new();
    std::fs::write(host.path("golden.jsonl"), "{\"input\": {\"text\": \"a\", \"tokens\": 7}}\n").unwrap();
    let text = host.run(&[
        "plugin",
        "bench",
        "tokens",
        "--cases",
        "golden.jsonl",
        "--seconds",
        "0.05",
        "--workers",
        "2",
    ]);
    for row in ["| per_call | 1 |", "| per_call | 2 |", "| reused | 1 |", "| reused | 2 |"] {
        assert!(text.contains(row), "{text}");
    }
    std::fs::write(host.path("golden.jsonl"), "").unwrap();
    assert!(host.fail(&["plugin", "bench", "tokens", "--cases", "golden.jsonl"]).contains("no cases"));
}

#[test]
fn replay_grades_again_what_a_run_saw() {
    let host = Host::new();
    host.run(&crate::small(&["sample", "--out", "run"]));
    let replay = ["plugin", "replay", "run", "--problem", "train-000"];
    assert!(host.run(&replay).contains("draw 0: not graded yet, is"));
    host.run(&["grade", "--out", "run"]);
    let text = host.run(&replay);
    assert!(text.ends_with("8 responses, 0 graded otherwise than in the run\n"), "{text}");
    // The grader that wants the answer letter by letter, between tags, finds none.
    let other = host.run(&[&replay[..], &["--plugin", "exact_grader"]].concat());
    assert!(
        other.contains("was correct 1, is no_answer 0") || other.contains("was correct 1, is incorrect 0"),
        "{other}"
    );
    let splits =
        host.run(&[&replay[..], &["--role", "step-splitter", "--plugin", "sentence_splitter"]].concat());
    assert!(splits.contains("\n  + {\"steps\":[[0,"), "{splits}");
    assert!(
        splits.contains("8 calls, ") && splits.ends_with(" answered otherwise by sentence_splitter\n"),
        "{splits}"
    );
    let recipes: &[&str] = &["--setting", "all_correct=1"];
    for (role, plugin, settings) in [
        ("verifier", "math_grader", &[][..]),
        ("selection-policy", "q_dyn", recipes),
        ("length-function", "tokens", &[]),
    ] {
        let golden = host.run(&[&replay[..], &["--role", role, "--golden"]].concat());
        std::fs::write(host.path("golden.jsonl"), golden).unwrap();
        let told = host.run(&[&["plugin", "test", plugin, "--cases", "golden.jsonl"], settings].concat());
        assert!(told.ends_with("golden cases, 0 differ\n") && !told.contains(" 0 golden"), "{told}");
    }
    let error = host.fail(&["plugin", "replay", "elsewhere", "--problem", "train-000"]);
    assert!(error.contains("elsewhere holds no run") && error.contains("hint: "), "{error}");
    let error = host.fail(&["plugin", "replay", "run", "--problem", "nope"]);
    assert!(error.contains("no problem `nope`"), "{error}");
}

#[test]
fn test_compares_verdicts_and_writes_a_line_a_case() {
    let host = Host::new();
    let cases = concat!(
        r#"{"id":"right","gold":"1/2","pred":"\\boxed{0.5}","form":"response","expected":true,"fair":true}"#,
        "\n",
        r#"{"id":"wrong","gold":"3","pred":"4","form":"answer","expected":false,"fair":true}"#,
        "\n",
        r#"{"id":"disagrees","gold":"3","pred":"4","form":"answer","expected":true,"fair":true}"#,
        "\n",
        r#"{"id":"unfair","gold":"3","pred":"4","form":"answer","expected":true,"fair":false}"#,
        "\n",
    );
    std::fs::write(host.path("cases.jsonl"), cases).unwrap();
    let test = ["plugin", "test", "math_grader", "--cases", "cases.jsonl"];
    let text = host.run(&[&test[..], &["--out", "out.jsonl", "--allow", "1"]].concat());
    assert!(host.fail(&test).contains("not as expected: 1; --allow 1"));
    assert!(text.contains("4 cases, 3 with an expected verdict: 66.67 % agree"), "{text}");
    assert!(text.contains("false negatives: 1\n  disagrees: expected correct, got incorrect in "), "{text}");
    let lines = String::from_utf8(read(host.path("out.jsonl"))).unwrap();
    let verdicts: Vec<_> = lines
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line["ms"].is_number() && line["fuel"].is_number(), "{line}");
            (line["id"].as_str().unwrap().to_owned(), line["verdict"].as_bool())
        })
        .collect();
    let expected = [("right", true), ("wrong", false), ("disagrees", false), ("unfair", false)];
    assert_eq!(verdicts, expected.map(|(id, verdict)| (id.to_owned(), Some(verdict))));

    std::fs::write(host.path("cases.jsonl"), "\n").unwrap();
    assert!(host.fail(&test).contains("there are no cases"), "none agree, and none do not");
    std::fs::write(host.path("cases.jsonl"), "{\"id\":\"x\"}\n").unwrap();
    assert!(host.fail(&["plugin", "test", "math_grader", "--cases", "cases.jsonl"]).contains("cases.jsonl"));
}

/// A splitter that cuts every text in half: what it gives tiles the text, and moves as the text grows.
const HALVES: &str = r#"(module
  (memory (export "memory") 8)
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $place i32)
    (local.set $place (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $place) (local.get 3)))
    (drop (memory.grow (i32.shr_u (local.get 3) (i32.const 16))))
    (local.get $place))
  (data (i32.const 16) "half0.1.0")
  (data (i32.const 64) "\10\00\00\00\04\00\00\00\14\00\00\00\05\00\00\00\10\00\00\00\04\00\00\00\08\00\00\00\00\00\00\00")
  (func (export "ts-host:plugin/plugin@VERSION#describe") (result i32) (i32.const 64))
  (func (export "ts-host:plugin/plugin@VERSION#configure") (param i32 i32) (result i32) (i32.const 128))
  (func (export "ts-host:plugin/step-splitter@VERSION#split") (param $text i32) (param $bytes i32) (result i32)
    (local $half i32)
    (local.set $half (i32.shr_u (local.get $bytes) (i32.const 1)))
    (i32.store (i32.const 260) (i32.const 512))
    (i32.store (i32.const 264) (select (i32.const 2) (i32.ne (local.get $bytes) (i32.const 0)) (local.get $half)))
    (i32.store (i32.const 516) (select (local.get $half) (local.get $bytes) (local.get $half)))
    (i32.store (i32.const 520) (local.get $half))
    (i32.store (i32.const 524) (local.get $bytes))
    (i32.const 256)))"#;

#[test]
fn fuzz_finds_what_fails_and_a_splitter_whose_steps_move() {
    let host = Host::new();
    let sound = host.run(&["plugin", "fuzz", "paragraph_splitter", "-n", "200"]);
    assert!(sound.starts_with("200 inputs with seed 0: 0 refused, faults: 0"), "{sound}");

    let module = wat::parse_str(HALVES.replace("VERSION", "0.3.0")).unwrap();
    std::fs::write(host.path("module.wasm"), module).unwrap();
    host.run(&["plugin", "componentize", "module.wasm", "--role", "step-splitter", "-o", "half.wasm"]);
    let fuzz = ["plugin", "fuzz", "half.wasm", "-n", "300", "--out", "found.jsonl"];
    let (output, again) = (host.output(&fuzz), host.output(&[&fuzz[..], &["--workers", "1"]].concat()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("steps move: of the") && said.contains("what is split must stay split"), "{said}");
    assert_eq!(output.stdout, again.stdout);
    // What was found is short, and an input of `plugin run`.
    let found = String::from_utf8(read(host.path("found.jsonl"))).unwrap();
    let moved = found.lines().find(|line| line.len() < 40).unwrap_or_else(|| panic!("{found}"));
    std::fs::write(host.path("input.json"), moved).unwrap();
    host.output(&["plugin", "run", "half.wasm", "--input", "input.json"]);

    std::fs::write(host.path("traps.wasm"), hostile("unreachable")).unwrap();
    let output = host.output(&["plugin", "fuzz", "traps.wasm", "-n", "20"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("20 inputs with seed 0: 0 refused, faults: ") && said.contains("input 0: trapped: "),
        "{said}"
    );
}
