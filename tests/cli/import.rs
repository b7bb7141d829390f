//! `import`: every set as it is published, whole and damaged, as JSON lines, a list, CSV and parquet.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::{Host, repository, small};

const SETS: [(&str, &str); 11] = [
    ("gsm8k", "gsm8k.parquet"),
    ("math-500", "math-500.parquet"),
    ("aime", "aime.parquet"),
    ("openr1-math", "openr1-math.parquet"),
    ("deepscaler", "deepscaler.parquet"),
    ("verl", "verl.parquet"),
    ("gpqa", "gpqa.parquet"),
    ("humaneval", "humaneval.parquet"),
    ("mbpp", "mbpp.parquet"),
    ("mbpp", "mbpp-sanitized.parquet"),
    ("livecodebench", "livecodebench.parquet"),
];

fn fixture(name: &str) -> String {
    repository(&format!("tests/data/import/{name}"))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Ids and references of what a set's file holds.
fn imported(host: &Host, set: &str, file: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = lines(&host.run(&["import", set, file]));
    lines.iter().map(|line| (text(&line["id"]), text(&line["reference"]))).collect()
}

#[test]
fn every_set_in_parquet() {
    let host = Host::new();
    let expected: [&[(&str, &str)]; 11] = [
        &[("gsm8k-1", "12"), ("gsm8k-2", "2000"), ("gsm8k-3", "-4")],
        &[("test/prealgebra/1.json", "\\frac{3}{4}"), ("test/algebra/2.json", "2")],
        &[("60", "204")],
        &[("u-1", "2"), ("u-2", "B")],
        &[("deepscaler-1", "1024"), ("deepscaler-2", "4")],
        &[("openai/gsm8k/train/0", "12"), ("openai/gsm8k/train/1", "-4")],
        &[("rec1", "A")],
        &[("HumanEval/0", "    return 2 * x\n")],
        &[("MBPP/601", "def add(a, b):\r\n  return a + b")],
        &[("MBPP/2", "def halve(x): return x / 2")],
        &[("abc300_a", "its tests"), ("2828", "its tests")],
    ];
    for ((set, file), expected) in SETS.iter().zip(expected) {
        let found = imported(&host, set, &fixture(file));
        let found: Vec<_> = found.iter().map(|(id, reference)| (id.as_str(), reference.as_str())).collect();
        assert_eq!(found, expected, "{set}");
    }
    let verl = lines(&host.run(&["import", "verl", &fixture("verl.parquet")]));
    assert_eq!(verl[1]["prompt"], json!([{"role": "user", "content": "What is 7 less than 3?"}]));
    let contests = lines(&host.run(&["import", "livecodebench", &fixture("livecodebench.parquet")]));
    let expected = json!([{"input": "1 2\n", "output": "3\n"}, {"input": "3 4\n", "output": "7\n"}]);
    assert_eq!(contests[0]["tests"], expected, "public, and those that are packed");
    assert_eq!(contests[1]["tests"], json!([{"args": [[1, 2], 1], "expected": true}]));
    let output =
        host.output(&["import", "openr1-math", &fixture("openr1-math.parquet"), "--out", "r1.jsonl"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2 problems in r1.jsonl\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "2 of them for the verifier math_grader\n");
    assert_eq!(lines(&std::fs::read_to_string(host.path("r1.jsonl")).unwrap())[1]["question_type"], "MCQ");
}

#[test]
fn the_same_rows_as_lines_as_a_list_and_as_csv() {
    let host = Host::new();
    let rows = [("Ann has 3 bags, \"big\" ones.\nHow many?", "so #### 3"), ("And 1,000?", "#### 1,000")];
    let objects = rows.map(|(question, answer)| json!({"question": question, "answer": answer}));
    std::fs::write(host.path("set.jsonl"), objects.clone().map(|it| it.to_string()).join("\n\n")).unwrap();
    std::fs::write(host.path("set.json"), serde_json::to_string_pretty(&objects).unwrap()).unwrap();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let csv = rows.map(|(question, answer)| format!("{},{}\r\n", quoted(question), quoted(answer)));
    std::fs::write(host.path("set.csv"), format!("question,answer\r\n{}", csv.concat())).unwrap();
    let expected = host.run(&["import", "gsm8k", "set.jsonl"]);
    assert_eq!(lines(&expected).len(), 2);
    for file in ["set.json", "set.csv"] {
        assert_eq!(host.run(&["import", "gsm8k", file]), expected, "{file}");
    }
}

#[test]
fn gpqa_as_it_is_published() {
    let host = Host::new();
    let csv = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3,Record ID,Subdomain\n\
               \"Why, and\nhow?\",right,w1,w2,w3,rec1,Optics\n";
    std::fs::write(host.path("gpqa_diamond.csv"), csv).unwrap();
    let problem = &lines(&host.run(&["import", "gpqa", "gpqa_diamond.csv"]))[0];
    let place = problem["choices"].as_array().unwrap().iter().position(|it| it == "right").unwrap();
    assert_eq!(problem["reference"], ["A", "B", "C", "D"][place]);
    std::fs::write(host.path("gpqa_diamond.csv"), format!("{csv}only,one\n")).unwrap();
    let error = host.fail(&["import", "gpqa", "gpqa_diamond.csv", "--out", "o.jsonl"]);
    assert!(error.contains("gpqa_diamond.csv:4: the row has 2 columns, and the header 7"), "{error}");
    assert!(error.contains("o.jsonl is not written") && !host.path("o.jsonl").exists(), "{error}");
    assert_eq!(
        std::fs::read_dir(host.path("")).unwrap().filter(|it| it.as_ref().unwrap().path().is_file()).count(),
        1
    );
}

#[test]
fn any_table_by_its_columns() {
    let host = Host::new();
    let by = |more: &[&str]| {
        let args = [
            "import",
            "columns",
            &fixture("verl.parquet"),
            "--prompt-column",
            "prompt",
            "--reference-column",
        ];
        host.output(&[&args, more].concat())
    };
    let output =
        by(&["reward_model.ground_truth", "--id-column", "extra_info.index", "--keep-column", "data_source"]);
    let problems = lines(&String::from_utf8(output.stdout).unwrap());
    assert_eq!((&problems[1]["id"], &problems[1]["reference"]), (&json!("1"), &json!("-4")));
    assert_eq!(problems[1]["data_source"], "openai/gsm8k");
    let error = String::from_utf8(by(&["truth"]).stderr).unwrap();
    assert!(
        error.contains(
            "verl.parquet, row 1: no column `truth`, or it is empty; there are ability, data_source,"
        ),
        "{error}"
    );
    let error = host.fail_with(2, &["import", "columns", "x.jsonl"]);
    assert!(error.contains("--prompt-column"), "{error}");
    let error = host.fail(&["import", "gsm8k", "x.jsonl", "--id-column", "id"]);
    assert!(error.contains("only the set `columns` takes names of columns"), "{error}");
}

#[test]
fn rows_that_lack_something_are_named_or_passed_over() {
    let host = Host::new();
    let rows = [
        "{\"question\": \"Q\", \"answer\": \"#### 1\"}",
        "{\"question\": \"Q\"}",
        "{\"question\": \"Q\", \"answer\": \"1\"}",
    ];
    std::fs::write(host.path("set.jsonl"), rows.join("\n")).unwrap();
    let error = host.fail(&["import", "gsm8k", "set.jsonl", "--out", "o.jsonl"]);
    assert!(error.contains("set.jsonl:2: no column `answer`, or it is empty"), "{error}");
    assert!(error.contains("hint: --skip-faulty"), "{error}");
    let output = host.output(&["import", "gsm8k", "set.jsonl", "--out", "o.jsonl", "--skip-faulty"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && error.contains("passed over 2 rows that lack something"), "{error}");
    assert!(error.contains("passed over set.jsonl:3: column `answer` has no `####`"), "{error}");
    assert_eq!(std::fs::read_to_string(host.path("o.jsonl")).unwrap().lines().count(), 1);

    let row = "{\"id\": 1, \"problem\": \"P\", \"answer\": \"2\"}\n";
    std::fs::write(host.path("twice.jsonl"), row.repeat(3)).unwrap();
    let error = host.fail(&["import", "aime", "twice.jsonl"]);
    assert!(error.contains("hint: --skip-duplicates"), "{error}");
    let problems = host.run(&["import", "aime", "twice.jsonl", "--skip-duplicates"]);
    assert_eq!(lines(&problems).len(), 1);
}

#[test]
fn files_that_are_no_tables_are_told_what_they_are() {
    let host = Host::new();
    for (name, bytes, reason) in [
        (
            "a.parquet",
            &b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"[..],
            "a pointer of Git LFS",
        ),
        ("b.parquet", b"PARX and so on", "a parquet file begins with `PAR1`"),
        ("c.parquet", b"PAR1", "the parquet file is damaged"),
        ("d.jsonl.gz", b"\x1f\x8b\x08", "compressed with gzip"),
        ("e.jsonl", b"", "no problem in e.jsonl"),
        ("f.csv", b"question,answer\n", "no problem in f.csv"),
        ("g.csv", b"question,answer\na,\xff\n", "g.csv:2: not UTF-8 in column 2"),
    ] {
        std::fs::write(host.path(name), bytes).unwrap();
        let error = host.fail(&["import", "gsm8k", name]);
        assert!(error.contains(reason), "{name}: {error}");
    }
}

/// Runs an import that may fail, but not by a fault of ts-host, nor by a signal.
fn ends_in_order(host: &Host, set: &str, file: &Path) -> (bool, String) {
    let output = host.output(&["import", set, file.to_str().unwrap()]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}: {:?} {error}", file.display(), output.status);
    assert!(
        !error.contains("panicked") && !error.contains("fault of ts-host"),
        "{}: {error}",
        file.display()
    );
    (output.status.success(), error)
}

#[test]
fn damaged_parquet_is_an_error_with_the_name_of_its_file() {
    let host = Host::new();
    let (n_cases, n_refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for (set, name) in SETS {
            let (host, n_cases, n_refused) = (&host, &n_cases, &n_refused);
            scope.spawn(move || {
                let whole = std::fs::read(fixture(name)).unwrap();
                let path = host.path(&format!("damaged-{name}"));
                let mut damaged: Vec<Vec<u8>> =
                    (0..12).map(|n| whole[..whole.len() * n / 12].to_vec()).collect();
                // Bytes spread over the file, and those of its metadata at the end.
                for at in (4..whole.len()).step_by(whole.len() / 24).chain(whole.len() - 24..whole.len()) {
                    for change in [0x01, 0xff] {
                        let mut bytes = whole.clone();
                        bytes[at] ^= change;
                        damaged.push(bytes);
                    }
                }
                for bytes in damaged {
                    std::fs::write(&path, bytes).unwrap();
                    let (is_read, error) = ends_in_order(host, set, &path);
                    n_cases.fetch_add(1, Ordering::Relaxed);
                    n_refused.fetch_add(usize::from(!is_read), Ordering::Relaxed);
                    assert!(is_read || error.contains(name), "{error}");
                }
            });
        }
    });
    let (n_cases, n_refused) = (n_cases.into_inner(), n_refused.into_inner());
    assert!(n_cases > 1000 && n_refused > n_cases / 3, "{n_refused} of {n_cases} refused");
}

#[test]
fn a_parquet_file_cannot_take_memory_without_bound() {
    let host = Host::new();
    let error = host.fail(&["import", "gsm8k", &fixture("long.parquet")]);
    assert!(error.contains("long.parquet, row 1: the row has more than 134217728 bytes"), "{error}");

    // The header of the first page says how many bytes it unpacks to: here 140,000,004, and then as many as there can be.
    let mut bytes = std::fs::read(fixture("long.parquet")).unwrap();
    let varint = |value: u64| -> Vec<u8> {
        (0..5).map(|n| ((value >> (7 * n)) & 0x7f) as u8 | if n < 4 { 0x80 } else { 0 }).collect()
    };
    let said = varint(2 * 140_000_004);
    let at = bytes.windows(5).position(|five| five == said).unwrap();
    bytes[at..at + 5].copy_from_slice(&varint(2 * i32::MAX as u64));
    let path = host.path("bomb.parquet");
    std::fs::write(&path, bytes).unwrap();
    let (is_read, error) = ends_in_order(&host, "gsm8k", &path);
    assert!(!is_read && error.contains("bomb.parquet: the parquet file is damaged"), "{error}");
}

#[test]
fn a_run_takes_problems_in_parquet_and_conversations() {
    let host = Host::new();
    let problems = fixture("problems.parquet");
    let heldout = "{\"id\": \"h\", \"prompt\": \"What is 4 + 5?\", \"reference\": \"9\"}\n";
    std::fs::write(host.path("heldout.jsonl"), heldout).unwrap();
    let sets = ["--train-problems", &problems, "--heldout-problems", "heldout.jsonl"];
    let said = host.run(&[&["check"], &sets[..], &["--set", "prompt.instruction=Box it."]].concat());
    assert!(said.contains("2 training problems, 1 held-out problems"), "{said}");
    assert!(
        said.contains(r#"the first is "<|user|>What is 20 + 3?\nBox it.<|assistant|><think>\n""#),
        "{said}"
    );
    for stage in ["sample", "grade"] {
        host.run(&small(&[&[stage], &sets[..], &["--out", "run"]].concat()));
    }
    let kept = lines(&std::fs::read_to_string(host.path("run/problems-train.jsonl")).unwrap());
    assert_eq!(kept[0]["prompt"][1], json!({"role": "user", "content": "What is 20 + 3?"}));
    assert_eq!(std::fs::read_to_string(host.path("run/grades.jsonl")).unwrap().lines().count(), 16);

    // The same question is the same problem, asked as a text or in a conversation.
    std::fs::write(host.path("heldout.jsonl"), heldout.replace("4 + 5", "20 + 3")).unwrap();
    let error = host.fail(&[&["check"], &sets[..]].concat());
    assert!(error.contains("`h`"), "{error}");
    std::fs::write(host.path("bad.jsonl"), "{\"prompt\": [{\"role\": \"user\"}], \"reference\": \"1\"}\n")
        .unwrap();
    let error = host.fail(&["check", "--train-problems", "bad.jsonl"]);
    assert!(
        error.contains("bad.jsonl:1: field `prompt` must be a text, or messages: each with a `role`"),
        "{error}"
    );
}
