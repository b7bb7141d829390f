//! The commands for people who write plugins.

use crate::{Host, read, repository};

#[test]
fn inspect_says_what_a_plugin_is() {
    let host = Host::new();
    let text = host.run(&["plugin", "inspect", &repository("plugins/q_dyn.wasm")]);
    for thing in ["q_dyn", "selection-policy", "ts-host:plugin@", "sha256", "setting depth_alpha = 0.2"] {
        assert!(text.contains(thing), "`{thing}` is not in: {text}");
    }
    assert_eq!(host.run(&["plugin", "inspect", "q_dyn"]), text);
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
    let text = host.run(&["plugin", "test", "math_grader", "--cases", "cases.jsonl", "--out", "out.jsonl"]);
    assert!(text.contains("4 cases, 3 with an expected verdict: 66.67 % agree"), "{text}");
    assert!(text.contains("false negatives: 1\n  disagrees"), "{text}");
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

    std::fs::write(host.path("cases.jsonl"), "{\"id\":\"x\"}\n").unwrap();
    assert!(host.fail(&["plugin", "test", "math_grader", "--cases", "cases.jsonl"]).contains("cases.jsonl"));
}
