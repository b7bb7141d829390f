//! The plugin without bindings that `docs/plugins.md` shows in a language without templates.
//!
//! In: the page, and ziglang, which the template for C takes too. Out: nothing, or a failure. The page's
//! example has one role.

use crate::{host, readme, told};

const PAGE: &str = include_str!("../../docs/plugins.md");
const REQUIREMENTS: &str = include_str!("../../host/templates/c/requirements.txt");

/// Builds what the page shows by the commands that it shows, and measures a text with it.
pub(crate) fn builds() {
    let folder = tempfile::tempdir().unwrap();
    let source = PAGE.split("```zig\n").nth(1).unwrap().split("```").next().unwrap();
    std::fs::write(folder.path().join("length.zig"), source).unwrap();
    std::fs::write(folder.path().join("requirements.txt"), REQUIREMENTS).unwrap();
    let install =
        "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt\nPATH=$PWD/.venv/bin:$PATH\n";
    let shown = |wanted: &str| PAGE.lines().map(str::trim).find(|line| line.starts_with(wanted)).unwrap();
    let commands =
        ["python3 -m ziglang build-exe", "ts-host plugin componentize", "ts-host plugin check bytes"];
    let commands = format!("{install}{}", commands.map(shown).join("\n"));
    readme::run(folder.path(), folder.path(), "zig", &commands);
    let input = r#"{"text": "größe", "tokens": 3}"#;
    std::fs::write(folder.path().join("input.json"), input).unwrap();
    let output = host(folder.path(), &["plugin", "run", "bytes.wasm", "--input", "input.json"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("8.0"), "{said}\n{}", told(&output));
}
