//! The plugins that ship, as the host sees them: each loads, and each role answers within the contract.

use std::path::Path;

use serde_json::{Map, Value, json};
use ts_plugin::{
    Candidate, CandidateOutcome, Group, HostOptions, Isolation, Plugin, PluginHost, PluginSource, Problem,
    Role, Verdict,
};

fn host(isolation: Isolation) -> PluginHost {
    PluginHost::new(HostOptions { isolation, ..HostOptions::default() }).unwrap()
}

fn load(host: &PluginHost, name: &str) -> Plugin {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(format!("{name}.wasm"));
    host.load(PluginSource::File(path)).unwrap_or_else(|error| panic!("{error}; {:?}", error.hint()))
}

fn settings(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[test]
fn each_says_who_it_is_and_has_one_role() {
    let host = host(Isolation::PerCall);
    for (name, role) in [
        ("exact_grader", Role::Verifier),
        ("math_grader", Role::Verifier),
        ("text_grader", Role::Verifier),
        ("paragraph_splitter", Role::StepSplitter),
        ("sentence_splitter", Role::StepSplitter),
        ("q_dyn", Role::SelectionPolicy),
        ("q_dyn_extra", Role::SelectionPolicy),
        ("q_fix", Role::SelectionPolicy),
        ("shortest", Role::SelectionPolicy),
        ("kimi_dpo", Role::SelectionPolicy),
        ("dast", Role::SelectionPolicy),
        ("dler", Role::SelectionPolicy),
        ("kimi_rl", Role::SelectionPolicy),
        ("l1", Role::SelectionPolicy),
        ("lcpo", Role::SelectionPolicy),
        ("o1_pruner", Role::SelectionPolicy),
        ("vouched", Role::SelectionPolicy),
        ("tokens", Role::LengthFunction),
        ("characters", Role::LengthFunction),
    ] {
        let plugin = load(&host, name);
        assert_eq!((plugin.identity().name.as_str(), plugin.roles()), (name, &[role][..]));
    }
}

#[test]
fn the_verifier_grades_under_every_isolation() {
    let problem = Problem {
        id: "sum-1".into(),
        prompt: "1+1?".into(),
        reference: "zwölf".into(),
        metadata: vec![("level".into(), "1".into())],
    };
    for isolation in [Isolation::PerCall, Isolation::PerProblem, Isolation::Reused] {
        let verifier = load(&host(isolation), "exact_grader").verifier(&Map::new()).unwrap();
        let response = "<think>ä</think><answer> zwölf </answer>";
        for _ in 0..3 {
            let grade = verifier.grade(&problem, response).unwrap().value;
            assert_eq!((grade.verdict, grade.score), (Verdict::Correct, 1.0));
            assert_eq!(&response[grade.answer.unwrap()], "zwölf");
        }
        assert_eq!(verifier.grade(&problem, "13").unwrap().value.verdict, Verdict::Incorrect);
        assert_eq!(verifier.grade(&problem, "").unwrap().value.verdict, Verdict::NoAnswer);
    }
}

#[test]
fn settings_reach_the_plugin() {
    let plugin = load(&host(Isolation::PerCall), "exact_grader");
    let verifier = plugin.verifier(&settings(json!({"ignore_case": true}))).unwrap();
    let problem = Problem { id: "a".into(), reference: "Blue".into(), ..Problem::default() };
    assert_eq!(verifier.grade(&problem, "blue").unwrap().value.verdict, Verdict::Correct);
    let error = plugin.verifier(&settings(json!({"ignore_cases": true}))).unwrap_err();
    assert_eq!(error.hint().unwrap(), "it takes trim, ignore_case");
}

#[test]
fn a_plugin_judges_the_range_of_its_settings() {
    let plugin = load(&host(Isolation::PerCall), "q_dyn");
    let error = plugin.selection_policy(&settings(json!({"depth_alpha": 0}))).unwrap_err().to_string();
    assert!(error.starts_with("plugin `q_dyn` refuses its settings: depth_alpha"), "{error}");
}

#[test]
fn the_splitters_tile_growing_texts_and_keep_finished_steps() {
    let host = host(Isolation::PerCall);
    let text = "Erst 1. Dann 2.\n\nÜber 3 Zeilen.\n\n\n  Fertig! ☃";
    for name in ["paragraph_splitter", "sentence_splitter"] {
        let splitter = load(&host, name).step_splitter(&Map::new()).unwrap();
        assert_eq!(splitter.split("p", "").unwrap().value, []);
        let mut before: Vec<std::ops::Range<usize>> = Vec::new();
        for (at, c) in text.char_indices() {
            let steps = splitter.split("p", &text[..at + c.len_utf8()]).unwrap().value;
            let finished = before.len().saturating_sub(1);
            assert_eq!(steps[..finished], before[..finished], "{name} at {at}");
            before = steps;
        }
        assert!(before.len() > 2, "{name}: {before:?}");
    }
}

#[test]
fn the_policies_select_within_the_rules() {
    let host = host(Isolation::PerCall);
    // Correct at 10, 20, 30, 40 tokens; wrong at 15, 25, 35, 45; one not graded.
    let responses: Vec<Candidate> = (2..=9)
        .map(|i| (5 * i, if i % 2 == 0 { CandidateOutcome::Correct } else { CandidateOutcome::Incorrect }))
        .chain([(50, CandidateOutcome::Ungraded)])
        .map(|(tokens, outcome)| Candidate {
            outcome,
            score: f64::from(u8::from(outcome == CandidateOutcome::Correct)),
            length: f64::from(tokens),
            tokens,
            finished: true,
            step_tokens: vec![tokens / 5; 5],
            first_correct_steps: Some(3),
        })
        .collect();
    let group = Group { problem_id: "p".into(), responses, token_limit: 100, seed: 7 };
    for name in ["q_dyn", "q_dyn_extra", "q_fix", "shortest", "kimi_dpo"] {
        let policy = load(&host, name).selection_policy(&Map::new()).unwrap();
        let selection = policy.select(&group).unwrap().value;
        assert!(!selection.pairs.is_empty(), "{name}");
        let empty = Group { responses: vec![], ..group.clone() };
        assert!(policy.select(&empty).unwrap().value.pairs.is_empty(), "{name}");
    }
}

#[test]
fn the_length_functions_measure() {
    let host = host(Isolation::PerCall);
    let measure = |name| {
        load(&host, name).length_function(&Map::new()).unwrap().measure("p", "zwölf", 3).unwrap().value
    };
    assert_eq!(measure("tokens"), 3.0);
    assert_eq!(measure("characters"), 6.0);
}
