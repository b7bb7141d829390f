//! What came from outside reaches the terminal, logs and reports as text: no door lets a control character, a
//! mark of direction or a line of its own through.

use std::process::Output;

use serde_json::{Value, json};
use ts_run::manifest::{read_manifest, write_manifest};

use crate::{Host, read, repository, small};

/// A name as an attacker would choose it: it would clear a screen, write a line of its own, and turn its end
/// round.
const HOSTILE: &str = "x\u{1b}[2J\u{9b}2J\r\n\tFORGED 6272 graded, 100 % correct\u{202e}\u{200b}\u{7f}";

/// How the middle of it is shown.
const SHOWN: &str = r"\n\tFORGED 6272 graded, 100 % correct";

/// Checks that a text holds no raw invisible character, and no line that begins with what was forged.
fn is_clean(text: &str) {
    let raw = text.chars().find(|&c| c != '\n' && ts_text::is_invisible(c));
    assert_eq!(raw, None, "{text:?}");
    assert!(!text.lines().any(|line| line.trim_start().starts_with("FORGED")), "{text}");
}

/// Both streams, checked: standard output, then standard error.
fn clean(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| std::str::from_utf8(bytes).unwrap()).concat();
    is_clean(&text);
    text
}

/// Checks that a command fails, and that its error shows the hostile name.
fn fails_with_it_shown(host: &Host, args: &[&str]) {
    let output = host.output(args);
    let text = clean(&output);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{args:?}: {text}");
    assert!(text.contains(SHOWN), "{args:?}: {text}");
}

#[test]
fn names_of_files_and_arguments() {
    let host = Host::new();
    for args in [
        &["check", "--recipe", HOSTILE][..],
        &["check", "--model", HOSTILE],
        &["check", "--train-problems", HOSTILE],
        &["check", "--plugin", HOSTILE],
        &["check", "--set", &format!("{HOSTILE}=1")],
        &["check", "--set", HOSTILE],
        &["check", "--seed", HOSTILE],
        &["report", HOSTILE],
        &["recipe", HOSTILE],
        &["plugin", "check", HOSTILE],
        &["plugin", "run", "tokens", "--input", HOSTILE],
        &["plugin", "test", "math_grader", "--cases", HOSTILE],
        &["plugin", "new", HOSTILE, "--role", "verifier", "--lang", "rust"],
        &["import", "mbpp", HOSTILE, "--out", "o"],
        &[HOSTILE],
    ] {
        fails_with_it_shown(&host, args);
    }
}

#[test]
fn recipes_and_problems() {
    let host = Host::new();
    let text = ts_text::toml(HOSTILE);
    for recipe in [
        format!("extends = {text}\n"),
        format!("extends = \"default\"\n[train]\n{text} = 1\n"),
        format!("extends = \"default\"\n[plugins.verifier]\nsource = {text}\n"),
        format!(
            "extends = \"default\"\n[plugins.verifier]\nsource = \"math_grader\"\nsettings = {{ {text} = 1 }}\n"
        ),
        format!("extends = \"default\"\n[model]\ndevice = {text}\n"),
    ] {
        std::fs::write(host.path("r.toml"), recipe).unwrap();
        fails_with_it_shown(&host, &["check", "--recipe", "r.toml"]);
    }
    let problem = |field: &str| json!({"id": HOSTILE, "prompt": "1", "reference": "1", field: 1}).to_string();
    for lines in [format!("{0}\n{0}\n", problem("n")), json!({HOSTILE: 1}).to_string()] {
        std::fs::write(host.path("p.jsonl"), &lines).unwrap();
        let output = host.output(&["check", "--train-problems", "p.jsonl"]);
        assert_eq!(output.status.code(), Some(1), "{}", clean(&output));
    }
    std::fs::write(host.path("p.jsonl"), format!("{0}\n{0}\n", problem("n"))).unwrap();
    fails_with_it_shown(&host, &["check", "--train-problems", "p.jsonl"]);
}

#[test]
fn what_a_chat_template_raises() {
    let host = Host::new();
    std::fs::create_dir(host.path("model")).unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        let from = format!("{}/{file}", repository("host/embedded/checkpoints/plain"));
        std::fs::copy(from, host.path("model").join(file)).unwrap();
    }
    let path = host.path("model/tokenizer_config.json");
    let mut config: Value = serde_json::from_slice(&read(&path)).unwrap();
    config["chat_template"] = format!("{{{{ raise_exception({}) }}}}", json!(HOSTILE)).into();
    std::fs::write(&path, config.to_string()).unwrap();
    fails_with_it_shown(&host, &["check", "--model", "model"]);
}

#[test]
fn cases_of_plugin_test() {
    let host = Host::new();
    let case = |id: &str| {
        let problem = json!({"id": id, "prompt": "", "reference": "1"});
        json!({"id": id, "problem": problem, "response": "2", "expected": true}).to_string() + "\n"
    };
    std::fs::write(host.path("cases.jsonl"), case(HOSTILE)).unwrap();
    fails_with_it_shown(&host, &["plugin", "test", "math_grader", "--cases", "cases.jsonl"]);
    let golden = json!({"id": HOSTILE, "input": {"text": "a", "tokens": 2}, "output": {"note": HOSTILE}});
    std::fs::write(host.path("golden.jsonl"), golden.to_string()).unwrap();
    fails_with_it_shown(&host, &["plugin", "test", "tokens", "--cases", "golden.jsonl"]);
}

/// A verifier that describes a setting whose default, and whose meaning, are hostile, and logs hostile lines
/// in every call.
fn plugin() -> Vec<u8> {
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let number = |n: usize| bytes(&(n as u32).to_le_bytes());
    let text = |at: usize, len: usize| number(at) + &number(len);
    // A setting: its name, its kind (a text), its default, its meaning.
    let hostile = text(8400, HOSTILE.len());
    let setting =
        [text(8300, 4), number(3), number(0), number(3), number(0), hostile.clone(), hostile].concat();
    let data = format!(
        "(data (i32.const 8192) \"{setting}\") (data (i32.const 8300) \"mark\") (data (i32.const 8400) \"{}\")\n    ",
        bytes(HOSTILE.as_bytes())
    );
    let flood = format!(
        "(loop (call $log (i32.const 2) (i32.const 8400) (i32.const {}))
            (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
         (i32.const 3072)",
        HOSTILE.len()
    );
    let guest = include_str!("../../../host/plugin/tests/guests/hostile.wat")
        .replace("{grade}", &flood)
        .replace("(data (i32.const 1100)", &format!("{data}(data (i32.const 1100)"))
        .replace(
            "\"\\00\\00\\00\\00\\00\\00\\00\\00\")\n    ;; the answer of",
            "\"\\00\\20\\00\\00\\01\\00\\00\\00\")\n    ;; the answer of",
        );
    wat::parse_str(guest).unwrap()
}

#[test]
fn what_a_plugin_says_of_itself() {
    let host = Host::new();
    std::fs::write(host.path("p.wasm"), plugin()).unwrap();
    for command in ["inspect", "docs", "check"] {
        let output = host.output(&["plugin", command, "p.wasm"]);
        let text = clean(&output);
        assert!(output.status.success(), "{text}");
        assert!(
            command == "check" || text.contains(r"\n\tFORGED") || text.contains(r"\\n\\tFORGED"),
            "{text}"
        );
    }
}

#[test]
fn what_a_plugin_logs_is_a_line_of_its_own_kind_and_has_an_end() {
    let host = Host::new();
    std::fs::write(host.path("p.wasm"), plugin()).unwrap();
    let output = host.output(&small(&["sample", "--out", "run"]));
    assert!(output.status.success(), "{}", clean(&output));
    let output = host.output(&small(&["grade", "--out", "graded", "--from", "run", "--plugin", "p.wasm"]));
    let text = clean(&output);
    assert!(output.status.success(), "{text}");
    let logged: Vec<&str> = text.lines().filter(|line| line.contains("FORGED")).collect();
    assert_eq!(logged.len(), 100, "{text}");
    assert!(logged.iter().all(|line| line.starts_with("[plugin hostile] warn: x\\u{1b}[2J")), "{text}");
    // 12 problems, 8 samples each, 1000 lines a call.
    let left_out = 12 * 8 * 1000 - 100;
    let end = format!("[plugin hostile] … {left_out} more lines were left out");
    assert_eq!(text.lines().last(), Some(end.as_str()), "{text}");
}

#[test]
fn reports_and_manifests() {
    let host = Host::new();
    let args = small(&["run", "--out", "run"]);
    host.run(&args);
    // A way to fail that no grader of ours has: a line that the run did not write is not reported at all.
    let path = host.path("run/grades.jsonl");
    let grades = String::from_utf8(read(&path)).unwrap();
    let (first, rest) = grades.split_once('\n').unwrap();
    let mut grade: Value = serde_json::from_str(first).unwrap();
    (grade["outcome"], grade["failure"]) = ("grader_failed".into(), HOSTILE.into());
    std::fs::write(&path, format!("{grade}\n{rest}")).unwrap();
    let output = host.output(&["report", "run"]);
    let text = clean(&output);
    assert!(!output.status.success() && text.contains("grades.jsonl:1: "), "{text}");
    std::fs::write(&path, grades).unwrap();
    for file in ["report.md", "report.html", "report.json", "manifest.json"] {
        is_clean(&String::from_utf8(read(host.path("run").join(file))).unwrap());
    }
    let path = host.path("run/manifest.json");
    let whole = read_manifest(&path).unwrap();
    for (field, fails) in [("recipe_sha256", true), ("device", false)] {
        let mut manifest = whole.clone();
        *(if fails { &mut manifest.recipe_sha256 } else { &mut manifest.device }) = HOSTILE.to_owned();
        write_manifest(&path, &manifest).unwrap();
        let output = host.output(&args);
        let text = clean(&output);
        assert!(output.status.success() != fails && text.contains(SHOWN), "{field}: {text}");
    }
}
