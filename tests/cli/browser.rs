//! `tests/browser`: reports in a real browser, at two widths, in the light and in the dark.
//!
//! In: pages of small runs whose problems, identifiers and names in a comparison are as hostile as text can be. Out: what `check.mjs` finds wrong. Chromium is
//! installed from npm under the target folder, once for each version of the lock file, so the test is ignored unless asked for:
//! `cargo test --release --workspace --test cli -- --ignored browser`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use ts_embedded::problem::Task;

use crate::{Host, repository, small};

/// What is dangerous in HTML, in a terminal, and to a reader's eyes.
const HOSTILE: &str =
    "</td></script><script>alert(1)</script><img src=x onerror=alert(1)>&lt;\u{202e}abc\u{1b}[2J\u{9b}";

/// The plots of a run's page, and of a comparison's.
const PLOTS: [&str; 2] = [
    "budget,plane,lengths,difficulty-accuracy,difficulty-length,divergences,step-lengths,losses,rewards,margins",
    "plane,budget",
];

/// Runs a command, whose output is shown if it fails.
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{told}", output.status);
}

/// A folder with the scripts, and with the packages that they import.
fn tools() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    std::fs::create_dir_all(home.join("tmp")).unwrap();
    let copy =
        |name: &str| std::fs::copy(repository(&format!("tests/browser/{name}")), home.join(name)).unwrap();
    for name in ["browser.mjs", "check.mjs", "package.json", "package-lock.json", ".npmrc"] {
        copy(name);
    }
    let (installed, wanted) =
        (home.join("installed"), std::fs::read_to_string(home.join("package-lock.json")).unwrap());
    if !std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        run(Command::new("npm").args(["ci", "--silent"]).current_dir(&home));
        // Written last: an installation that was cut short begins anew.
        std::fs::write(installed, wanted).unwrap();
    }
    home
}

/// Some of the embedded problems, with hostile text in their identifiers, their prompts and, held out, in the references.
fn problems(of: &str, in_reference: bool) -> String {
    let hostile = |line: &str| {
        let mut problem: Value = serde_json::from_str(line).unwrap();
        let mut append =
            |key: &str| problem[key] = format!("{}{HOSTILE}", problem[key].as_str().unwrap()).into();
        append("id");
        append("prompt");
        if in_reference {
            append("reference");
        }
        format!("{problem}\n")
    };
    of.lines()
        .enumerate()
        .map(|(at, line)| if at % 4 == 3 { hostile(line) } else { format!("{line}\n") })
        .collect()
}

#[test]
#[ignore = "installs Chromium"]
fn reports_are_looked_at_in_a_browser() {
    let (host, tools) = (Host::new(), tools());
    std::fs::write(host.path("train.jsonl"), problems(&Task::Plain.train_problems(), false)).unwrap();
    std::fs::write(host.path("heldout.jsonl"), problems(&Task::Plain.heldout_problems(), true)).unwrap();
    let sets = ["--train-problems", "train.jsonl", "--heldout-problems", "heldout.jsonl"];
    let first = [&["run", "--out", "first"], &sets[..], &["--set", "plugins.max_failed_share=1.0"]].concat();
    host.run(&small(&first));
    host.run(&["run", "--out", "second", "--from", "first", "--set", "train.learning_rate=0.0004"]);
    // A method's name ends at the first `=`.
    let (ours, other) = ("ours=first".to_owned(), format!("{}=second", HOSTILE.replace('=', "")));
    host.run(&["report", &ours, &other, "--out", "compare"]);
    for (page, plots) in [("first/report.html", PLOTS[0]), ("compare/compare.html", PLOTS[1])] {
        let mut check = Command::new("node");
        check.arg(tools.join("check.mjs")).arg(plots).arg(host.path(page));
        // The browser is unpacked into the one, and keeps what it keeps in the other.
        check.env("TMPDIR", tools.join("tmp")).env("HOME", host.path(""));
        run(&mut check);
    }
}
