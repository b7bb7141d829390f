//! Selection policies: the same three groups for each, written as in `ts-policy-sdk`'s tests: outcome and
//! length.

use std::fmt::Write;

use serde_json::{Value, json};
use ts_plugin::{Candidate, CandidateOutcome, Group, LoadError};

use crate::{plugin, settings, snapshot};

/// Mixed; hard, with many responses; always solved; never solved; not graded.
const GROUPS: [&str; 5] = [
    "C30 W50 C10 C20 N40 W5 U60 C45",
    "C40 C30 C20 C10 W99 W98 W97 W96 W95 W94 W93 W92 W91 W90 W15 W25 W35 W45 W55 W65",
    "C30 C10 C16 C15",
    "W10 W20 N5",
    "U10 U20",
];

fn group(line: &str) -> Group {
    let candidate = |word: &str| {
        let tokens: u32 = word[1..].parse().unwrap();
        let outcome = match &word[..1] {
            "C" => CandidateOutcome::Correct,
            "W" => CandidateOutcome::Incorrect,
            "N" => CandidateOutcome::NoAnswer,
            _ => CandidateOutcome::Ungraded,
        };
        Candidate {
            outcome,
            score: f64::from(u8::from(outcome == CandidateOutcome::Correct)),
            length: f64::from(tokens),
            tokens,
            finished: true,
            step_tokens: vec![tokens],
            first_correct_steps: None,
        }
    };
    Group {
        problem_id: "p".into(),
        responses: line.split(' ').map(candidate).collect(),
        token_limit: 8192,
        seed: 7,
    }
}

fn selections(name: &str, given: Value) -> String {
    let policy = plugin(name).selection_policy(&settings(given.clone())).unwrap();
    let mut table = format!("{name} {given}\n");
    for line in GROUPS {
        let words: Vec<&str> = line.split(' ').collect();
        let selection = policy.select(&group(line)).unwrap().value;
        assert!(selection.positives.iter().all(|positive| positive.weight == 1.0));
        let positives: Vec<&str> =
            selection.positives.iter().map(|positive| words[positive.response]).collect();
        let pairs = selection.pairs.iter().map(|pair| {
            let weight = if pair.weight == 1.0 { String::new() } else { format!(":{}", pair.weight) };
            format!("{}>{}{weight}", words[pair.chosen], words[pair.rejected])
        });
        writeln!(table, "{line}\n    positives {}", positives.join(" ")).unwrap();
        writeln!(table, "    pairs     {}", pairs.collect::<Vec<_>>().join(" ")).unwrap();
        if !selection.sequences.is_empty() {
            let weights =
                selection.sequences.iter().map(|s| format!("{}:{:+.3}", words[s.response], s.weight));
            writeln!(table, "    weights   {}", weights.collect::<Vec<_>>().join(" ")).unwrap();
        }
    }
    table
}

#[test]
fn policies() {
    for name in [
        "dast",
        "kimi_dpo",
        "kimi_rl",
        "lcpo",
        "o1_pruner",
        "q_dyn",
        "q_dyn_extra",
        "q_fix",
        "shortest",
        "sky_t1",
        "vouched",
    ] {
        snapshot(&format!("{name}__selections"), &selections(name, json!({})));
    }
    snapshot("dler__selections", &selections("dler", json!({"target_tokens": 25})));
    for at_most in [true, false] {
        let given = json!({"target_tokens": 30, "alpha": 0.02, "at_most": at_most});
        let name = if at_most { "l1__selections_at_most" } else { "l1__selections_exact" };
        snapshot(name, &selections("l1", given));
    }
    let given = json!({"depth_alpha": 1.0, "neighbours": 1, "shorter_weight": 0.5});
    snapshot("vouched__selections_both_sides", &selections("vouched", given));
    let table = selections("q_dyn", json!({"all_correct": 2, "depth_alpha": 1.0}));
    snapshot("q_dyn__selections_deep", &table);
}

#[test]
fn a_setting_out_of_range_is_refused() {
    for (name, given) in [
        ("kimi_dpo", json!({"factor": 1})),
        ("kimi_rl", json!({"length_weight": -1.0})),
        ("o1_pruner", json!({"most": -1.0})),
        ("dler", json!({"target_tokens": 0})),
        ("l1", json!({"alpha": 1.5})),
        ("dast", json!({"min_margin": 3.0})),
        ("lcpo", json!({"min_pass_rate": 1.5})),
        ("q_dyn", json!({"depth_alpha": 0})),
        ("q_dyn", json!({"all_correct": -1})),
        ("q_dyn_extra", json!({"factor": 0.5})),
        ("q_fix", json!({"quantile": 1.5})),
        ("sky_t1", json!({"extra_steps": -1})),
        ("vouched", json!({"depth_alpha": 0})),
        ("vouched", json!({"neighbours": 0})),
        ("vouched", json!({"tolerance": 1.5})),
        ("vouched", json!({"shorter_weight": 1.5})),
    ] {
        let error = plugin(name).selection_policy(&settings(given.clone())).unwrap_err();
        let setting = given.as_object().unwrap().keys().next().unwrap();
        match error {
            LoadError::SettingsRefused { reason, .. } => assert!(reason.starts_with(setting), "{reason}"),
            other => panic!("{name} {given}: {other}"),
        }
    }
}
