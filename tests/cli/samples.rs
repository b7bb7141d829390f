//! `import samples`: what another program sampled, as a run's samples.

use serde_json::{Value, json};

use crate::{Host, SMALL, small};

/// A recipe of three problems with two responses each, and the run that sampled them itself.
const FEW: &[&str] = &["--set", "problems.max_train=3", "--set", "sample.n_samples=2"];

fn few<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, SMALL, FEW].concat()
}

fn lines(host: &Host, path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(host.path(path)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write(host: &Host, name: &str, rows: &[Value]) {
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(host.path(name), text).unwrap();
}

/// The run's own samples, and its problems.
fn sampled(host: &Host) -> (Vec<Value>, Vec<Value>) {
    host.run(&few(&["sample", "--out", "own"]));
    (lines(host, "own/samples.jsonl"), lines(host, "own/problems-train.jsonl"))
}

fn of<'a>(samples: &'a [Value], problem: &Value) -> Vec<&'a Value> {
    samples.iter().filter(|sample| sample["problem"] == problem["id"]).collect()
}

/// What the other programs would have written of these samples, by format.
fn files(host: &Host, samples: &[Value], problems: &[Value]) -> [(&'static str, String); 4] {
    let texts = |problem: &Value| {
        of(samples, problem).iter().map(|it| it["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let reason = |sample: &&Value| if sample["finished"] == true { "stop" } else { "length" };
    let reasons = |problem: &Value| of(samples, problem).iter().map(reason).collect::<Vec<_>>();
    // In another order than the run's, and of open-r1 with what opens the reasoning.
    let reversed = || problems.iter().rev();
    let verl = |problem: &Value| json!({"data_source": "x", "prompt": [{"role": "user", "content": problem["prompt"]}], "responses": texts(problem)});
    let open_r1 = |problem: &Value| {
        let texts: Vec<_> = texts(problem).iter().map(|text| format!("<think>\n{text}")).collect();
        json!({"problem": problem["prompt"], "uuid": "u", "generations": texts, "finish_reasons": reasons(problem)})
    };
    let lighteval = |problem: &Value| {
        let tokens: Vec<_> = of(samples, problem).iter().map(|it| it["tokens"].clone()).collect();
        let query = format!("Solve this.\n\n{}\n\nBox it.", problem["prompt"].as_str().unwrap());
        json!({"doc": {"query": query, "id": "0"}, "metric": {}, "model_response": {"text": texts(problem), "output_tokens": tokens}})
    };
    write(host, "verl.jsonl", &reversed().map(verl).collect::<Vec<_>>());
    write(host, "open-r1.jsonl", &reversed().map(open_r1).collect::<Vec<_>>());
    write(host, "lighteval.jsonl", &reversed().map(lighteval).collect::<Vec<_>>());
    let plain = |sample: &Value| json!({"problem": sample["problem"], "tokens": sample["tokens"], "finished": sample["finished"]});
    write(host, "jsonl.jsonl", &samples.iter().rev().map(plain).collect::<Vec<_>>());
    ["verl", "open-r1", "lighteval", "jsonl"].map(|format| (format, format!("{format}.jsonl")))
}

fn import(file: &str, format: &str, out: &str, more: &[&str]) -> Vec<String> {
    let args = few(&["import", "samples", file, "--format", format, "--out", out]);
    args.into_iter().chain(more.iter().copied()).map(str::to_owned).collect()
}

fn run(host: &Host, args: &[String]) -> String {
    host.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

fn fail(host: &Host, args: &[String]) -> String {
    host.fail(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn every_program_s_samples_are_the_same_samples() {
    let host = Host::new();
    let (samples, problems) = sampled(&host);
    let without = |samples: &[Value], fields: &[&str]| -> Vec<Value> {
        let mut samples = samples.to_vec();
        for sample in &mut samples {
            fields.iter().for_each(|field| drop(sample.as_object_mut().unwrap().remove(*field)));
        }
        samples
    };
    for (format, file) in files(&host, &samples, &problems) {
        let said = run(&host, &import(&file, format, format, &[]));
        assert_eq!(said, format!("6 samples in {format}\n"));
        let found = lines(&host, &format!("{format}/samples.jsonl"));
        let place = found[0]["imported"].as_str().unwrap();
        assert!(place.starts_with(&format!("{file}:")) && place.contains(", response "), "{place}");
        assert_eq!(found[0]["retokenised"] == true, format == "verl" || format == "open-r1");
        // Tokens are the same where they were there; text always, in the run's order. Of JSON lines, draws are in the file's order.
        let mut of_run = found.clone();
        if format == "jsonl" {
            of_run.chunks_mut(2).for_each(|two| two.swap(0, 1));
            of_run.iter_mut().enumerate().for_each(|(at, sample)| sample["draw"] = json!(at % 2));
        }
        let ours: &[&str] = if format == "lighteval" || format == "jsonl" {
            &["seed", "imported", "retokenised", "check"]
        } else if format == "verl" {
            &["seed", "imported", "retokenised", "check", "tokens", "finished"]
        } else {
            &["seed", "imported", "retokenised", "check", "tokens"]
        };
        assert_eq!(without(&of_run, ours), without(&samples, ours), "{format}");
        let manifest: Value =
            serde_json::from_slice(&std::fs::read(host.path(format).join("manifest.json")).unwrap()).unwrap();
        let state = &manifest["stages"]["sample"];
        let digest = format!("{:x}", DigestOf(&std::fs::read(host.path(&file)).unwrap()));
        assert_eq!(state["imported"], json!([{"source": file, "sha256": digest, "format": format}]));
        assert_eq!((&state["done"], &state["records"]), (&json!(true), &json!(6)));
    }
    // Graded alike, and the whole job goes on from them.
    host.run(&["grade", "--out", "own"]);
    host.run(&["grade", "--out", "lighteval"]);
    let outcomes = |run: &str| without(&lines(&host, &format!("{run}/grades.jsonl")), &["check"]);
    assert_eq!(outcomes("lighteval"), outcomes("own"));
    host.run(&few(&["grade", "--out", "again", "--from", "lighteval"]));
    let kept = std::fs::read_to_string(host.path("again/manifest.json")).unwrap();
    assert!(kept.contains("lighteval.jsonl"), "what was taken over keeps where it comes from: {kept}");
}

struct DigestOf<'a>(&'a [u8]);

impl std::fmt::LowerHex for DigestOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use sha2::Digest;
        sha2::Sha256::digest(self.0).iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

#[test]
fn a_whole_run_goes_on_from_imported_samples_and_its_report_says_so() {
    let host = Host::new();
    let short =
        [SMALL, &["--set", "refine.n_rewrites=4", "--set", "train.epochs=1", "--set", "eval.n_runs=1"]]
            .concat();
    host.run(&[&["sample", "--out", "own"], &short[..]].concat());
    let samples = lines(&host, "own/samples.jsonl");
    let plain = |sample: &Value| json!({"problem": sample["problem"], "text": sample["text"], "finished": sample["finished"]});
    write(&host, "theirs.jsonl", &samples.iter().map(plain).collect::<Vec<_>>());
    host.run(
        &[&["import", "samples", "theirs.jsonl", "--format", "jsonl", "--out", "run"], &short[..]].concat(),
    );
    let table = host.run(&["run", "--out", "run"]);
    assert!(table.contains("took over 96 responses"), "{table}");
    assert!(table.contains("another program sampled them: theirs.jsonl"), "{table}");
    let report: Value =
        serde_json::from_slice(&std::fs::read(host.path("run/report.json")).unwrap()).unwrap();
    assert!(report["stages"]["imported"][0].as_str().unwrap().starts_with("theirs.jsonl (jsonl, sha256 "));
}

#[test]
fn what_does_not_fit_is_named_and_a_failed_import_is_not_gone_on_from() {
    let host = Host::new();
    let (samples, problems) = sampled(&host);
    let text = |problem: &Value| of(&samples, problem)[0]["text"].clone();
    let row = |problem: &Value, text: Value| json!({"problem": problem["id"], "text": text});
    let two = |problem: &Value| vec![row(problem, text(problem)), row(problem, text(problem))];
    let all: Vec<Value> = problems.iter().flat_map(two).collect();
    let fails = |rows: &[Value], more: &[&str], reasons: &[&str]| {
        write(&host, "rows.jsonl", rows);
        let error = fail(&host, &import("rows.jsonl", "jsonl", "run", more));
        for reason in reasons {
            assert!(error.contains(reason), "{error}");
        }
    };
    let id = problems[2]["id"].as_str().unwrap();
    let lacking = format!(
        "problem `{id}` has 1 responses, and sample.n_samples is 2; 1 problems have too few, and 0 of them none"
    );
    fails(&all[..5], &[], &[&lacking, "hint: --set sample.n_samples=1 takes so many of each"]);
    fails(&all[..4], &[], &["and 1 of them none", "leave problems without responses out"]);
    fails(
        &[json!({"problem": "z", "text": "a"})],
        &[],
        &["none of 1 rows answers a training problem", "the first answers \"z\""],
    );
    fails(&[json!({"text": "a"})], &[], &["rows.jsonl:1: nothing says which problem it answers"]);
    let other = json!({"problem": problems[0]["id"], "tokens": samples[0]["tokens"], "text": "another"});
    fails(&[other], &[], &["its tokens are another text than the one beside them: at byte 0, \"another\""]);
    fails(
        &[json!({"problem": problems[0]["id"], "tokens": [99_999_999]})],
        &[],
        &["token 99999999 is none of the tokenizer's"],
    );
    let long = json!({"problem": problems[0]["id"], "tokens": vec![5; 700]});
    fails(std::slice::from_ref(&long), &[], &["it has 700 tokens, more than sample.max_new_tokens = 640"]);

    // What failed is no beginning of a stage: sampling refuses it, and the import begins again.
    let error = host.fail(&["sample", "--out", "run"]);
    assert!(error.contains("an import of samples into run was interrupted"), "{error}");
    let mut rows = all.clone();
    rows.extend([long, row(&problems[0], text(&problems[0])), json!({"problem": "z", "text": "a"})]);
    rows.rotate_right(3);
    write(&host, "rows.jsonl", &rows);
    let args = import("rows.jsonl", "jsonl", "run", &["--skip-faulty"]);
    let output = host.output(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for part in [
        "passed over rows.jsonl:1, response 1: it has 700 tokens",
        "passed over 1 rows or responses that cannot be taken",
        "passed over 1 responses beyond sample.n_samples",
        "passed over 1 rows about problems that the run does not train on",
        "6 of 6 responses came as text",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let error = fail(&host, &args);
    assert!(error.contains("run has samples already"), "{error}");
    let error = fail(&host, &import("rows.jsonl", "jsonl", "own", &[]));
    assert!(error.contains("own has samples already"), "{error}");
    host.run(&["grade", "--out", "run"]);
}

/// What the two scripts make of a run's samples: the reasoning of correct responses becomes another, by a checkpoint or by a server, and nothing
/// else changes.
#[test]
fn the_reasoning_of_correct_responses_is_transformed_and_nothing_else() {
    let host = crate::readme::furnished();
    host.run(&small(&["sample", "--out", "own"]));
    host.run(&["grade", "--out", "own"]);
    let outcomes = lines(&host, "own/grades.jsonl");
    let correct: Vec<bool> = outcomes.iter().map(|grade| grade["outcome"] == "correct").collect();
    let before = lines(&host, "own/samples.jsonl");
    assert!(correct.contains(&true) && correct.contains(&false));

    let n_tokens = |row: &Value| row["tokens"].as_array().unwrap().len();
    let skip = |keep: &str| {
        crate::readme::shell(
            &host,
            &format!(
                "python3 examples/transformed/tokenskip.py own --model my-model --keep {keep} --out {keep}.jsonl"
            ),
        );
        lines(&host, &format!("{keep}.jsonl"))
    };
    for (row, sample) in skip("1").iter().zip(&before) {
        assert_eq!(row["tokens"], sample["tokens"]);
    }
    let shorter = skip("0.6");
    assert_eq!(shorter.len(), before.len());
    for ((row, sample), &correct) in shorter.iter().zip(&before).zip(&correct) {
        if !correct {
            assert_eq!(row["tokens"], sample["tokens"]);
            continue;
        }
        // The end of reasoning, the answer and the end of the text are some ten tokens.
        let share = n_tokens(row) as f64 / n_tokens(sample) as f64;
        assert!((0.55..0.75).contains(&share), "{share}: {row}");
    }
    // Each answer is there: whatever was correct is so again.
    host.run(&small(&["import", "samples", "0.6.jsonl", "--format", "jsonl", "--out", "shorter"]));
    host.run(&["grade", "--out", "shorter"]);
    for (grade, &correct) in lines(&host, "shorter/grades.jsonl").iter().zip(&correct) {
        assert_eq!(grade["outcome"] == "correct", correct, "{grade}");
    }

    let program = r#"
import http.server, json, subprocess, sys
http.server.ThreadingHTTPServer.request_queue_size = 64
class Chat(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def answer(self, value):
        self.send_response(200); self.end_headers(); self.wfile.write(json.dumps(value).encode())
    def do_GET(self):
        self.answer({"data": [{"id": "writer"}]})
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asks.append(asked)
        if len(asks) == 3: # is asked again
            return self.connection.close()
        assert asked["model"] == "writer" and asked["temperature"] == 0, asked
        assert "Problem: " in asked["messages"][0]["content"], asked
        ended = "stop" if "add" in asked["messages"][0]["content"] else "length"
        self.answer({"choices": [{"message": {"content": "In short.</think> 7"}, "finish_reason": ended}]})
asks = []
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Chat)
import threading
threading.Thread(target=server.serve_forever, daemon=True).start()
by = f"http://127.0.0.1:{server.server_port}/v1"
sys.exit(subprocess.run([sys.executable, "examples/transformed/rewrite.py", "own", "--by", by, "--out", "rewritten.jsonl"]).returncode)
"#;
    std::fs::write(host.path("chat.py"), program).unwrap();
    crate::readme::shell(&host, "python3 chat.py");
    let rewritten = lines(&host, "rewritten.jsonl");
    let mut n_rewritten = 0;
    for ((row, sample), &correct) in rewritten.iter().zip(&before).zip(&correct) {
        let Some(text) = row["text"].as_str() else {
            assert_eq!(row["tokens"], sample["tokens"]);
            continue;
        };
        let was = sample["text"].as_str().unwrap();
        let answer = &was[was.find("</think>").unwrap()..];
        assert!(correct && text.starts_with("In short.") && text.ends_with(answer), "{text}");
        assert_eq!(text.matches("</think>").count(), 1, "{text}");
        n_rewritten += 1;
    }
    assert!(n_rewritten > 0 && n_rewritten < correct.iter().filter(|correct| **correct).count());
}
