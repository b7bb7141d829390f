//! The client of `ts-host serve` in the trainers that it is for: TRL's and verl's own code, from their
//! packages, on the CPU. And what passes between them and `ts-host` as files: chat templates, and adapters with PEFT.
//!
//! In: the real binary, a grader that fails in every way, and the Python files beside this one. Out: their
//! output where one fails. TRL and verl are installed under the target folder, once for each version of
//! `requirements.txt`, which takes minutes and gigabytes. So the tests are ignored unless asked for:
//! `cargo test --release --workspace --test trainers -- --ignored`.
//!
//! There are no GPUs, and but for the embedded model no weights that have learnt anything. What is tested of the trainers is the way
//! from a response to its reward. LLaMA-Factory, trackio and wandb stand in folders before that environment, since they take other
//! versions of some packages, or packages that nothing else takes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The body of the grader: it goes by the first byte of the response. `l` loops for ever, `t` crashes, `r`
/// has a bad reference, an empty text is no answer, anything else scores its distance from `a` in eighths.
const BODY: &str = r#"
    (if (i32.eqz (local.get $length)) (then
      (i32.store8 (i32.const 3080) (i32.const 2))
      (f64.store (i32.const 3096) (f64.const 0))
      (return (i32.const 3072))))
    (local.set $i (i32.load8_u (local.get $response)))
    (if (i32.eq (local.get $i) (i32.const 108)) (then (loop (br 0))))
    (if (i32.eq (local.get $i) (i32.const 116)) (then unreachable))
    (if (i32.eq (local.get $i) (i32.const 114)) (then
      (i32.store8 (i32.const 3080) (i32.const 3))
      (i32.store (i32.const 3084) (i32.const 1024))
      (i32.store (i32.const 3088) (i32.const 7))
      (return (i32.const 3072))))
    (f64.store (i32.const 3096)
      (f64.div (f64.convert_i32_u (i32.sub (local.get $i) (i32.const 97))) (f64.const 8)))
    (i32.const 3072)"#;

/// One at a time: the environment is made once, and the tests have times to keep.
static ALONE: Mutex<()> = Mutex::new(());

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/trainers")
}

/// Runs a command, whose output is shown if it fails.
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{told}", output.status);
}

/// What pip is told: without its cache, which would keep all of it a second time.
const PIP: [&str; 7] = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-cache-dir", "--requirement"];

/// Makes what a file of requirements describes, unless it is there: `home`, which is told the file.
fn installed(home: &Path, requirements: &str, make: impl FnOnce(&Path)) {
    let (requirements, installed) = (folder().join(requirements), home.join("installed"));
    let wanted = std::fs::read_to_string(&requirements).unwrap();
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return;
    }
    make(&requirements);
    // Written last: an installation that was cut short begins anew.
    std::fs::write(installed, wanted).unwrap();
}

/// A Python that has TRL and verl.
fn python() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trainers");
    let python = home.join("bin/python");
    installed(&home, "requirements.txt", |requirements| {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home));
        run(Command::new(&python).args(PIP).arg(requirements));
    });
    python
}

/// A folder of packages to stand before those of [`python`].
fn packages(requirements: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(requirements.trim_end_matches(".txt"));
    installed(&home, requirements, |requirements| {
        let _ = std::fs::remove_dir_all(&home);
        run(Command::new(python()).args(PIP).arg(requirements).arg("--target").arg(&home));
    });
    home
}

/// Runs one of the Python files with a grader and the server to start.
fn passes(python: &Path, file: &str) {
    passes_with(python, file, &[]);
}

/// [`passes`], with more in its environment.
fn passes_with(python: &Path, file: &str, environment: &[(&str, &std::ffi::OsStr)]) {
    let scratch = tempfile::tempdir().unwrap();
    let grader = scratch.path().join("letters.wasm");
    let text = include_str!("../../host/plugin/tests/guests/hostile.wat").replace("{grade}", BODY);
    std::fs::write(&grader, wat::parse_str(text).unwrap()).unwrap();
    let mut command = Command::new(python);
    command.arg("-B").arg(file).arg("--verbose").current_dir(folder());
    command.env("TS_HOST", env!("CARGO_BIN_EXE_ts-host")).env("TS_GRADER", grader);
    command.env("TS_TOKENIZER", folder().join("../../host/embedded/checkpoints/plain/tokenizer.json"));
    command.env("TS_PACKAGES", Path::new(env!("CARGO_TARGET_TMPDIR")).join("tokenizers"));
    // Nothing is asked of a hub, nothing is told to Ray's makers, and a GPU stays unused.
    command.env("HF_HUB_OFFLINE", "1").env("RAY_USAGE_STATS_ENABLED", "0").env("CUDA_VISIBLE_DEVICES", "");
    command.envs(environment.iter().copied());
    run(&mut command);
}

#[test]
#[ignore = "takes Python"]
fn the_client_is_held_by_no_server() {
    passes(Path::new("python3"), "test_client.py");
}

#[test]
#[ignore = "installs TRL and PyTorch"]
fn trl_trains_with_the_servers_rewards() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    passes(&python(), "test_trl.py");
}

#[test]
#[ignore = "installs TRL and PyTorch"]
fn trl_trains_from_an_export_and_the_model_comes_back() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    passes(&python(), "test_export.py");
}

#[test]
#[ignore = "installs TRL and PyTorch"]
fn trl_has_the_losses_of_rivals() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    passes(&python(), "test_rivals.py");
}

#[test]
#[ignore = "installs LLaMA-Factory and PyTorch"]
fn llama_factory_trains_from_an_export_and_the_model_comes_back() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let packages = packages("llama_factory.txt");
    // Its own bounds on versions are those of its time.
    let environment = [("PYTHONPATH", packages.as_os_str()), ("DISABLE_VERSION_CHECK", "1".as_ref())];
    passes_with(&python(), "test_llama_factory.py", &environment);
}

#[test]
#[ignore = "installs trackio and wandb"]
fn trackers_take_a_runs_events() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    passes_with(&python(), "test_trackers.py", &[("PYTHONPATH", packages("trackers.txt").as_os_str())]);
}

#[test]
#[ignore = "installs TensorBoard"]
fn tensorboard_reads_a_runs_events() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    passes(&python(), "test_events.py");
}

#[test]
#[ignore = "installs PEFT and PyTorch"]
fn adapters_go_to_peft_and_come_from_it() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    passes(&python(), "test_peft.py");
}

#[test]
#[ignore = "installs verl, Ray and PyTorch"]
fn verl_scores_with_the_servers_rewards() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    passes(&python(), "test_verl.py");
}

#[test]
#[ignore = "installs TRL and PyTorch"]
fn templates_are_rendered_as_transformers_does() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    passes(&python(), "test_templates.py");
}

#[test]
#[ignore = "installs TRL and PyTorch, and takes npm"]
fn prompts_of_real_tokenizers_are_those_of_transformers() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    passes(&python(), "test_tokenizers.py");
}
