//! Every released version of the contract goes on working: components that were built against it are loaded
//! and called.
//!
//! In: `wit/released`, and in `tests/released` a component for each role, built when its version was the
//! newest and never since. Out: nothing. Runners are not kept, because they are too big; `hostile.rs` has a small one of each
//! version.

use std::path::{Path, PathBuf};

use serde_json::{Map, json};
use ts_plugin::{
    Candidate, CandidateOutcome, Group, HostOptions, LoadError, Plugin, PluginHost, PluginSource, Problem,
    Role, Verdict, Version,
};

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")
}

/// A plugin as it was when a version was released.
fn released(version: Version, name: &str) -> Result<Plugin, LoadError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released").join(version.name());
    let host = PluginHost::new(HostOptions { max_parallel: 1, ..HostOptions::default() })?;
    host.load(PluginSource::File(folder.join(name).with_extension("wasm")))
}

/// The package in a folder, without what is documentation.
fn package(folder: &Path) -> Vec<(String, Vec<String>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "wit")).collect();
    files.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("///"));
        (path.file_name().unwrap().to_string_lossy().into_owned(), lines.map(str::to_owned).collect())
    };
    files.into_iter().map(read).collect()
}

fn candidate(outcome: CandidateOutcome, length: f64) -> Candidate {
    let step_tokens = vec![length as u32];
    let tokens = length as u32;
    Candidate { outcome, score: 0.5, length, tokens, finished: true, step_tokens, first_correct_steps: None }
}

#[test]
fn a_released_contract_is_frozen() {
    let newest = package(&wit());
    assert!(newest.len() > 5, "{newest:?}");
    let name = Version::NEWEST.name();
    assert!(
        package(&wit().join("released").join(name)) == newest,
        "wit/ is no longer what was released as {name}: give it another version and adapt {name}, as docs/contract.md says"
    );
}

#[test]
fn every_released_version_is_spoken() {
    let folders = std::fs::read_dir(wit().join("released")).unwrap();
    let mut released: Vec<_> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    released.sort();
    assert_eq!(released, Version::ALL.map(Version::name));
}

#[test]
fn verifiers_grade() {
    for version in Version::ALL {
        let plugin = released(version, "exact_grader").unwrap();
        assert_eq!((plugin.contract(), plugin.roles()), (version, &[Role::Verifier][..]));
        let settings = Map::from_iter([("ignore_case".to_owned(), json!(true))]);
        let verifier = plugin.verifier(&settings).unwrap();
        let problem = Problem { reference: "Seven".into(), ..Problem::default() };
        let grade = |response| verifier.grade(&problem, response).unwrap().value;
        let right = grade("so <answer>Seven</answer>");
        assert_eq!(
            (right.verdict, right.score, right.answer),
            (Verdict::Correct, 1.0, Some(11..16)),
            "{version}"
        );
        assert_eq!(grade("<answer>seven</answer>").verdict, Verdict::Correct, "{version}");
        assert_eq!(grade("<answer>eleven</answer>").verdict, Verdict::Incorrect, "{version}");
        assert_eq!(grade("").verdict, Verdict::NoAnswer, "{version}");
        assert!(right.tests.is_empty());
    }
}

#[test]
fn step_splitters_split() {
    for version in Version::ALL {
        let plugin = released(version, "paragraph_splitter").unwrap();
        assert_eq!((plugin.contract(), plugin.roles()), (version, &[Role::StepSplitter][..]));
        let splitter = plugin.step_splitter(&Map::new()).unwrap();
        assert_eq!(splitter.split("p", "one\n\ntwo").unwrap().value, [0..5, 5..8], "{version}");
    }
}

#[test]
fn selection_policies_select() {
    for version in Version::ALL {
        let plugin = released(version, "q_dyn").unwrap();
        assert_eq!((plugin.contract(), plugin.roles()), (version, &[Role::SelectionPolicy][..]));
        let policy = plugin.selection_policy(&Map::new()).unwrap();
        let outcomes = [
            CandidateOutcome::Ungraded,
            CandidateOutcome::Correct,
            CandidateOutcome::Incorrect,
            CandidateOutcome::NoAnswer,
            CandidateOutcome::Correct,
        ];
        let responses = outcomes.into_iter().zip([50.0, 300.0, 200.0, 400.0, 100.0]);
        let group = Group {
            problem_id: "p".into(),
            responses: responses.map(|(outcome, length)| candidate(outcome, length)).collect(),
            token_limit: 640,
            seed: 1,
        };
        let selection = policy.select(&group).unwrap().value;
        let positives: Vec<usize> = selection.positives.iter().map(|positive| positive.response).collect();
        let mut pairs: Vec<_> = selection.pairs.iter().map(|pair| (pair.chosen, pair.rejected)).collect();
        pairs.sort_unstable();
        assert_eq!((positives, pairs), (vec![4], vec![(4, 2), (4, 3)]), "{version}");
    }
}

/// The first version whose policies give weights of either sign; those of the others give none.
#[test]
fn policies_of_0_3_weigh_sequences() {
    let plugin = released(Version::V0_3, "kimi_rl").unwrap();
    assert_eq!((plugin.contract(), plugin.roles()), (Version::V0_3, &[Role::SelectionPolicy][..]));
    let outcomes = [CandidateOutcome::Correct, CandidateOutcome::Ungraded, CandidateOutcome::Incorrect];
    let group = Group {
        problem_id: "p".into(),
        responses: outcomes
            .into_iter()
            .zip([10.0, 30.0, 50.0])
            .map(|(o, length)| candidate(o, length))
            .collect(),
        token_limit: 640,
        seed: 1,
    };
    let weights = |plugin: &Plugin| -> Vec<(usize, f64)> {
        let policy = plugin.selection_policy(&Map::new()).unwrap();
        policy.select(&group).unwrap().value.sequences.iter().map(|s| (s.response, s.weight)).collect()
    };
    assert_eq!(weights(&plugin), [(0, 1.5), (2, -0.5)]);
    for version in Version::ALL {
        assert!(weights(&released(version, "q_dyn").unwrap()).is_empty(), "{version}");
    }
}

#[test]
fn length_functions_measure() {
    for version in Version::ALL {
        let plugin = released(version, "tokens").unwrap();
        assert_eq!((plugin.contract(), plugin.roles()), (version, &[Role::LengthFunction][..]));
        let length = plugin.length_function(&Map::new()).unwrap();
        assert_eq!(length.measure("p", "some text", 17).unwrap().value, 17.0, "{version}");
    }
}

#[test]
fn verifiers_of_programs_want_runners() {
    for version in [Version::V0_2, Version::V0_3] {
        wants_runners(&released(version, "code_grader").unwrap());
    }
}

fn wants_runners(plugin: &Plugin) {
    assert!(plugin.runs_programs());
    let problem = Problem {
        metadata: vec![("tests".into(), r#"[{"input": "", "output": "1"}]"#.into())],
        ..Problem::default()
    };
    let error =
        plugin.verifier(&Map::new()).unwrap().grade(&problem, "```python\nprint(1)\n```").unwrap_err();
    assert!(error.to_string().contains("no runner"), "{error}");
}
