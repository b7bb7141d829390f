//! The whole squeeze on programs: a stand-in for a model that writes code, `code_grader`, and the runner
//! beside it.
//!
//! No checkpoint that writes programs can be had here, so a small one is trained on the spot to answer two
//! dozen problems: mostly with more words than it needs, sometimes briefly, sometimes wrongly. What is shown
//! is that the path holds, from problems with tests to a checkpoint that was trained on what its programs
//! did. That is not a result about models.

use std::path::Path;
use std::process::Command;

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use ts_model::bpe::{Marker, train_byte_level_bpe};
use ts_model::checkpointed::gradients;
use ts_model::log_prob::{Packed, Sequence};
use ts_model::optim::{AdamW, AdamWConfig};
use ts_model::weights::SaveOptions;
use ts_model::{LanguageModel, ModelConfig, TextTokenizer};

use crate::repository;

const STEPS: usize = 300;
const BATCH: usize = 20;

/// A problem: its word and its sign, and a number.
#[derive(Clone, Copy)]
struct Task {
    word: &'static str,
    sign: char,
    number: i64,
}

fn tasks() -> Vec<Task> {
    let words = [("adds", '+'), ("subtracts", '-'), ("multiplies by", '*')];
    let of = |(word, sign)| (2..10).map(move |number| Task { word, sign, number });
    words.into_iter().flat_map(of).collect()
}

impl Task {
    fn prompt(self) -> String {
        format!("Write f(x) that {} {}.", self.word, self.number)
    }

    /// A response: every fifth is wrong, every third brief.
    fn response(self, which: usize) -> String {
        let Task { sign, number, .. } = self;
        let number = if which % 5 == 4 { number + 1 } else { number };
        let reasoning = if which % 3 == 2 {
            format!("It gives x {sign} {number}.\n")
        } else {
            format!(
                "I need to write a function that takes x.\n\nIt gives x {sign} {number}.\n\n\
                 Let me look at it again, to be sure that it is what was asked for.\n\nYes, it gives x {sign} {number}.\n"
            )
        };
        format!("{reasoning}</think>\n```python\ndef f(x):\n    return x {sign} {number}\n```")
    }

    fn problem(self, at: usize) -> Value {
        let value = |x: i64| match self.sign {
            '+' => x + self.number,
            '-' => x - self.number,
            _ => x * self.number,
        };
        json!({
            "id": format!("f{at}"), "prompt": self.prompt(), "reference": "", "entry_point": "f",
            "tests": [{"args": [11], "expected": value(11)}, {"check": format!("assert f(-4) == {}", value(-4))}],
        })
    }
}

const MARKERS: [Marker<'_>; 5] = [
    Marker { text: "<|endoftext|>", special: true },
    Marker { text: "<|user|>", special: true },
    Marker { text: "<|assistant|>", special: true },
    Marker { text: "<think>", special: false },
    Marker { text: "</think>", special: false },
];
const TOKENIZER_CONFIG: &str = r#"{
  "eos_token": "<|endoftext|>",
  "chat_template": "{% for message in messages %}{{ '<|user|>' + message['content'] }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|><think>\n' }}{% endif %}"
}"#;

/// Trains a model to answer the tasks, and writes its folder.
fn write_stand_in(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    let texts =
        tasks().into_iter().flat_map(|task| (0..15).map(move |which| task.prompt() + &task.response(which)));
    let json = train_byte_level_bpe(texts, 420, &MARKERS)?;
    std::fs::write(folder.join("tokenizer.json"), &json)?;
    std::fs::write(folder.join("tokenizer_config.json"), TOKENIZER_CONFIG)?;
    let tokenizer = TextTokenizer::from_bytes(&json, &folder.join("tokenizer.json"))?;
    let config = ModelConfig {
        eos_token_ids: vec![0],
        ..ModelConfig::tiny(tokenizer.vocab_size(), 64, 192, 3, (4, 2))
    };
    let model = LanguageModel::random(config, 1, DType::F32, &Device::Cpu)?;
    let settings = AdamWConfig { beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 0.0, max_grad_norm: 1.0 };
    let mut optimiser = AdamW::new(model.parameters(), settings)?;
    let tasks = tasks();
    for step in 0..STEPS {
        let sequences = (0..BATCH).map(|at| {
            let drawn = step * BATCH + at;
            let task = tasks[drawn % tasks.len()];
            let prompt = tokenizer.encode(&format!("<|user|>{}<|assistant|><think>\n", task.prompt()))?;
            // A step of 7 through the kinds of response, so that each task meets each of them.
            let response = tokenizer.encode(&(task.response(drawn / tasks.len() * 7) + MARKERS[0].text))?;
            Ok(Sequence::new(&prompt, &response))
        });
        let packed = Packed::new(&sequences.collect::<ts_model::Result<Vec<_>>>()?)?;
        let mean = |logp: &Tensor| Ok(logp.mean_all()?.neg()?);
        let gradients = gradients(&model, &packed, mean)?;
        let rate = 4e-3 * (1.0 - step as f64 / STEPS as f64);
        optimiser.step(&gradients.of_parameters, rate)?;
    }
    Ok(model.save(folder, &SaveOptions::default())?)
}

fn write_lines(path: &Path, lines: impl Iterator<Item = Value>) {
    std::fs::write(path, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn a_model_that_writes_programs_is_squeezed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_stand_in(&path("model")).unwrap();
    let is_heldout = |at: usize| at % 4 == 1;
    let problems = || tasks().into_iter().enumerate().map(|(at, task)| (at, task.problem(at)));
    write_lines(
        &path("train.jsonl"),
        problems().filter(|(at, _)| !is_heldout(*at)).map(|(_, problem)| problem),
    );
    write_lines(
        &path("heldout.jsonl"),
        problems().filter(|(at, _)| is_heldout(*at)).map(|(_, problem)| problem),
    );

    let mut command = Command::new(env!("CARGO_BIN_EXE_ts-host"));
    command.current_dir(folder.path()).args(["run", "--out", "run", "--model", "model", "--plugin"]);
    command.arg(repository().join("plugins/code_grader.wasm"));
    command.args(["--train-problems", "train.jsonl", "--heldout-problems", "heldout.jsonl"]);
    for setting in [
        "sample.n_samples=12",
        "sample.max_new_tokens=160",
        "refine.n_rewrites=8",
        "train.learning_rate=0.0001",
        "train.batch_size=4",
        "train.epochs=2",
        "eval.n_runs=6",
        "eval.max_new_tokens=160",
        "report.budget_tokens=160",
        "report.bootstrap_resamples=100",
    ] {
        command.args(["--set", setting]);
    }
    let output = command.output().unwrap();
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");

    let grades = lines(&path("run/grades.jsonl"));
    let graded = |verdict: &str| grades.iter().filter(|grade| grade.to_string().contains(verdict)).count();
    assert_eq!(grades.len(), 18 * 12);
    assert!(graded("\"correct\"") > 60 && graded("\"incorrect\"") > 10, "{}", grades[0]);
    let manifest: Value = serde_json::from_slice(&std::fs::read(path("run/manifest.json")).unwrap()).unwrap();
    let is_runner = |plugin: &Value| plugin["role"] == "runner" && plugin["name"] == "python_runner";
    assert!(manifest["plugins"].as_array().unwrap().iter().any(is_runner), "{}", manifest["plugins"]);
    let report: Value = serde_json::from_slice(&std::fs::read(path("run/report.json")).unwrap()).unwrap();
    let summary = |of: &str, what: &str| report[of]["summary"][what].as_f64().unwrap();
    assert!(summary("baseline", "accuracy") > 0.5, "the stand-in did not learn to write programs: {said}");
    assert!(report["stages"]["n_pairs"].as_u64().unwrap() > 0, "{said}");
    assert!(summary("result", "len_correct") < 0.95 * summary("baseline", "len_correct"), "{said}");
}
