//! The same inputs give the same outputs, byte for byte: with one thread and with two, compiled just now or
//! found in the cache, on fresh instances and on used ones; and on fresh instances with the same fuel.

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use ts_harness::Handle;
use ts_harness::handle::Input;
use ts_plugin::{CachePlace, CodeCache, HostOptions, Isolation, PluginHost, PluginSource};

use crate::{PLUGINS, repository};

/// Ways to run a plugin: its instances, threads, and whether it is compiled before.
const WAYS: [(Isolation, usize); 5] = [
    (Isolation::PerCall, 1),
    (Isolation::PerCall, 2),
    (Isolation::PerProblem, 1),
    (Isolation::Reused, 1),
    (Isolation::Reused, 2),
];

/// Inputs for a role.
fn inputs(handle: &Handle) -> Vec<Input> {
    let values: Vec<Value> = match handle {
        Handle::Verifier(_) => {
            let files = ["symbolic_answers.jsonl", "gsm8k_labelled.jsonl"];
            let cases = files.map(|file| repository().join("tests/data").join(file));
            let cases = ts_harness::read_cases(&cases).unwrap();
            return cases
                .into_iter()
                .step_by(41)
                .map(|case| Input::Grade(case.problem, case.response))
                .collect();
        }
        Handle::StepSplitter(_) => ["", "a", "a\n\nb", "So 1 + 1 = 2. Wait. Is it?\n\nYes, e.g. 3.5. π!"]
            .map(|text| json!({"text": text}))
            .into(),
        Handle::LengthFunction(_) => (1..20).map(|n| json!({"text": "π ".repeat(n), "tokens": n})).collect(),
        Handle::SelectionPolicy(_) => (0..40).map(group).collect(),
    };
    values.iter().map(|value| handle.input(value).unwrap()).collect()
}

fn group(seed: u64) -> Value {
    let response = |at: u64| {
        let random = (seed * 97 + at * 61) % 23;
        let (outcome, score) = if random.is_multiple_of(3) { ("incorrect", 0) } else { ("correct", 1) };
        json!({
            "outcome": outcome, "score": score, "length": random + 1, "tokens": random + 1, "finished": random != 7,
            "step_tokens": [1, random], "first_correct_steps": if random.is_multiple_of(2) { json!(1) } else { Value::Null },
        })
    };
    let responses: Vec<Value> = (0..16).map(response).collect();
    json!({"problem_id": format!("p{seed}"), "responses": responses, "token_limit": 64, "seed": seed})
}

/// Every output, with its fuel, of one way to run a plugin.
fn outputs(
    name: &str,
    (isolation, threads): (Isolation, usize),
    cache: &Arc<CodeCache>,
) -> Vec<(String, Option<u64>)> {
    let options = HostOptions {
        isolation,
        max_parallel: threads,
        cache: Some(Arc::clone(cache)),
        ..HostOptions::default()
    };
    let file = repository().join("plugins").join(name).with_extension("wasm");
    let plugin = PluginHost::new(options).unwrap().load(PluginSource::File(file)).unwrap();
    let handle = Handle::open(&plugin, None, &Map::new()).unwrap();
    let inputs = inputs(&handle);
    let found = Mutex::new(vec![(String::new(), None); inputs.len()]);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (inputs, handle, found) = (&inputs, &handle, &found);
            scope.spawn(move || {
                for at in (thread..inputs.len()).step_by(threads) {
                    let answered = handle.call(&inputs[at]);
                    found.lock().unwrap()[at] = (answered.output.to_string(), answered.fuel);
                }
            });
        }
    });
    found.into_inner().unwrap()
}

#[test]
fn outputs_depend_on_the_inputs_alone() {
    for name in PLUGINS {
        let folder = tempfile::tempdir().unwrap();
        let place = CachePlace { folder: folder.path().join("code"), key: folder.path().join("key") };
        let cache = Arc::new(CodeCache::open(place).unwrap());
        // The first one finds no compiled code, all others do.
        let first = outputs(name, WAYS[0], &cache);
        assert!(!first.is_empty());
        for way in WAYS {
            let again = outputs(name, way, &cache);
            for ((one, fuel), (other, other_fuel)) in first.iter().zip(&again) {
                assert_eq!(one, other, "{name} {way:?}");
                // A splitter's instances are used again under every isolation.
                let is_fresh = way.0 == Isolation::PerCall && !name.ends_with("_splitter");
                assert!(!is_fresh || fuel == other_fuel, "{name} {way:?}: {one}");
            }
        }
    }
}
