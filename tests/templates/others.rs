//! The verifiers that `docs/plugins.md` shows in languages without templates: C++ on the bindings of C, AssemblyScript without any.
//!
//! In: the page, and the languages' tools. Out: nothing, or a failure. Built as the page says, they answer as the templates do.

use std::path::Path;

use crate::{answers, host, new, readme, told};

const PAGE: &str = include_str!("../../docs/plugins.md");

/// A part of the page, under a heading.
fn section(heading: &str) -> &'static str {
    let section = PAGE.split(&format!("\n### {heading}\n")).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    section.split("\n### ").next().unwrap()
}

/// The first block of code in a language.
fn block(section: &'static str, language: &str) -> &'static str {
    let block = section.split(&format!("```{language}\n")).nth(1).unwrap_or_else(|| panic!("no {language}"));
    block.split("```").next().unwrap()
}

/// A verifier's project for C, whose contract, cases and requirements the page takes.
fn project(folder: &Path) -> std::path::PathBuf {
    let made = new(folder, "last_line", "verifier", "c");
    assert!(made.status.success(), "{}", told(&made));
    folder.join("last_line")
}

/// Runs the page's commands, whose last one tests the template's cases, and holds what was built to the templates' answers.
fn agrees(folder: &Path, project: &Path, commands: &str) {
    let said = readme::run(folder, project, "other", commands);
    let n = std::fs::read_to_string(project.join("cases.jsonl")).unwrap().lines().count();
    assert!(said.contains(&format!("{n} cases, {n} with an expected verdict: 100.00 % agree")), "{said}");
    let n = answers::of_verifiers(&project.join("more.jsonl"));
    for isolation in ["per_call", "reused"] {
        let set = format!("plugins.isolation={isolation}");
        let args = ["plugin", "test", "last_line.wasm", "--cases", "more.jsonl", "--set", &set];
        let output = host(project, &args);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(&format!("{n} golden cases, 0 differ")), "{said}\n{}", told(&output));
    }
}

/// What a call on a response that the verifier fails on says.
fn failure(project: &Path) -> String {
    let input = r#"{"problem": {"reference": "7"}, "response": "crash"}"#;
    std::fs::write(project.join("input.json"), input).unwrap();
    let output = host(project, &["plugin", "run", "last_line.wasm", "--input", "input.json"]);
    assert_eq!(output.status.code(), Some(12), "{}", told(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn cpp() {
    let (folder, section) = (tempfile::tempdir().unwrap(), section("C++"));
    let (project, source) = (project(folder.path()), block(section, "cpp"));
    std::fs::write(project.join("grader.cpp"), source).unwrap();
    let commands = block(section, "sh");
    agrees(folder.path(), &project, commands);

    let crashes = source
        .replace("  *ret = {};\n", "  if (answer == \"crash\") reference.at(answer.size());\n  *ret = {};\n");
    assert_ne!(crashes, source);
    std::fs::write(project.join("grader.cpp"), crashes).unwrap();
    let build = commands.split_once('\n').unwrap().1.rsplit_once("ts-host plugin test").unwrap().0;
    readme::run(folder.path(), &project, "other", &build.replace("-Wall -Wextra", ""));
    let said = failure(&project);
    assert!(said.contains("out_of_range was thrown in -fno-exceptions mode"), "{said}");
}

pub(crate) fn assembly_script() {
    let (folder, section) = (tempfile::tempdir().unwrap(), section("AssemblyScript"));
    let (project, source) = (project(folder.path()), block(section, "typescript"));
    std::fs::write(project.join("grader.ts"), source).unwrap();
    std::fs::write(project.join("names.mjs"), block(section, "js")).unwrap();
    let commands = block(section, "sh");
    agrees(folder.path(), &project, commands);

    let fails = "  if (answer == \"crash\") throw new Error(\"no such thing\");\n";
    let before = "  memory.fill(GRADED, 0, 64);\n";
    let crashes = source.replace(before, &format!("{fails}{before}"));
    let line = 1 + crashes[..crashes.find(fails).unwrap()].lines().count();
    std::fs::write(project.join("grader.ts"), crashes).unwrap();
    let build = commands.split_once('\n').unwrap().1.rsplit_once("ts-host plugin test").unwrap().0;
    readme::run(folder.path(), &project, "other", build);
    let said = failure(&project);
    assert!(said.contains(&format!("trapped: no such thing (grader.ts:{line}:")), "{said}");
}
