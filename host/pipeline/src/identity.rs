//! What makes two stages the same work: everything that decides their artefact.
//!
//! In: a stage, a recipe and a manifest. Out: a value that is equal for equal work. It decides which stages a
//! run can take over from another, and it seals the records, so that a record of other work is not taken for
//! one of this.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use ts_run::manifest::{Difference, Manifest};
use ts_run::{Seal, digest};

use crate::Error;
use crate::stage::Stage;
use ts_recipe::{AdaptiveSection, DivergenceBy, PluginSection, Recipe, RefineSection, SamplerKind};

/// The seal of a stage's records.
pub(crate) fn seal(stage: Stage, recipe: &Recipe, manifest: &Manifest) -> Seal {
    let decides = digest::sha256_bytes(decides(stage, recipe, manifest).to_string().as_bytes());
    Seal::of(&format!("{} {decides}", stage.name()))
}

/// Everything that decides a stage's artefact, in a form that can be compared.
pub(crate) fn decides(stage: Stage, recipe: &Recipe, manifest: &Manifest) -> Value {
    let before = |stage: Stage| decides(stage, recipe, manifest);
    let recipe = recipe.what_decides_records();
    let plugin = |role: &str, section: &PluginSection| {
        let origin = manifest.plugins.iter().find(|plugin| plugin.role == role);
        json!([origin.map(|origin| &origin.sha256), section.settings])
    };
    let set = |split: &str| manifest.problems.iter().find(|set| set.split == split);
    let problems = |split: &str| set(split).map(|set| json!([set.sha256, set.n]));
    let prompts = |split: &str| set(split).map(|set| json!([set.prompts_sha256, set.n]));
    let plugins = &recipe.plugins;
    let runners = manifest.plugins.iter().filter(|plugin| plugin.role == "runner");
    let runners: Vec<&String> = runners.map(|runner| &runner.sha256).collect();
    let verifier = json!([plugin("verifier", &plugins.verifier), plugins.limits, plugins.isolation, runners]);
    let splitter = plugin("step_splitter", &plugins.step_splitter);
    let policy = plugin("selection_policy", &plugins.selection_policy);
    let length = plugin("length_function", &plugins.length_function);
    let mut model = vec![
        json!(recipe.run.seed),
        json!(manifest.model.sha256),
        json!(recipe.model.dtype),
        json!(recipe.prompt),
    ];
    // Runs from before there were servers go on.
    if recipe.sampler.kind != SamplerKind::Local {
        model.push(json!(recipe.sampler.kind));
    }
    let sampler = &recipe.sampler;
    let servers_tell = sampler.kind != SamplerKind::Local
        && (sampler.refuse_first || recipe.refine.divergence == DivergenceBy::TopK);
    match stage {
        Stage::EvalBaseline => json!([model, problems("heldout"), recipe.eval, verifier, splitter]),
        // No reference answer changes a response.
        Stage::Sample => json!([model, prompts("train"), recipe.sample]),
        Stage::Grade => json!([before(Stage::Sample), problems("train"), verifier]),
        Stage::Select => json!([before(Stage::Grade), splitter, policy, length, recipe.select]),
        // Which loss is allowed changes no record of it, and neither does the threshold that is not used.
        Stage::Calibrate => match &recipe.refine.adaptive {
            None => before(Stage::Select),
            Some(adaptive) => {
                let adaptive = Some(AdaptiveSection { max_loss: 0.0, ..adaptive.clone() });
                let refine =
                    RefineSection { max_kl_nats: 0.0, drift: None, adaptive, ..recipe.refine.clone() };
                let limit = recipe.sample.max_new_tokens;
                json!([before(Stage::Select), refine, limit])
            }
        },
        Stage::Refine if recipe.refine.adaptive.is_some() => {
            let refine = RefineSection { max_kl_nats: 0.0, ..recipe.refine.clone() };
            json!([before(Stage::Calibrate), refine])
        }
        Stage::Refine if servers_tell => {
            json!([before(Stage::Select), recipe.refine, sampler.refuse_first, sampler.top_logprobs])
        }
        Stage::Refine => json!([before(Stage::Select), recipe.refine]),
        Stage::Pair | Stage::Reference => before(Stage::Refine),
        Stage::Train => {
            let mut training = vec![before(Stage::Pair), json!(recipe.train)];
            // Runs from before there was a choice go on.
            if !recipe.objective.is_default() {
                training.push(json!({"objective": recipe.objective}));
            }
            if let Some(adoption) = &manifest.adopted {
                training.push(json!({"adopted": adoption.sha256}));
            }
            json!(training)
        }
        Stage::EvalResult => json!([before(Stage::Train), before(Stage::EvalBaseline)]),
    }
}

/// The digest of a recipe's [`Recipe::what_decides_records`].
pub(crate) fn recipe_sha256(recipe: &Recipe) -> Result<String, Error> {
    Ok(digest::sha256_bytes(recipe.what_decides_records().to_toml()?.as_bytes()))
}

/// What two runs differ in, told with the values of their recipes in place of the digests of these.
pub(crate) fn with_values(differences: Vec<Difference>, old: &Recipe, new: &Recipe) -> Vec<Difference> {
    let (old, new) = (values(old), values(new));
    let value = |values: &BTreeMap<String, String>, key: &String| {
        values.get(key).map_or_else(|| "not set".to_owned(), String::clone)
    };
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut told: Vec<Difference> = keys
        .into_iter()
        .map(|key| Difference {
            field: key.clone(),
            old: value(&old, key),
            new: value(&new, key),
            stops: true,
        })
        .filter(|difference| difference.old != difference.new)
        .collect();
    // The digest differs by these values, and the seed is one of them.
    let says_nothing = |difference: &Difference| match difference.field.as_str() {
        "recipe_sha256" => !told.is_empty(),
        "run_seed" => told.iter().any(|value| value.field == "run.seed"),
        _ => false,
    };
    let others: Vec<_> = differences.into_iter().filter(|difference| !says_nothing(difference)).collect();
    told.extend(others);
    told
}

/// The values of a recipe that decide its records, by their keys.
fn values(recipe: &Recipe) -> BTreeMap<String, String> {
    fn add(key: String, value: &Value, values: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(table) => {
                let within =
                    |name: &String| if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                table.iter().for_each(|(name, value)| add(within(name), value, values));
            }
            value => drop(values.insert(key, value.to_string())),
        }
    }
    let recipe = recipe.what_decides_records();
    // Two sections are not written where they are as by default; their values are what they are all the same.
    let sections =
        [("", json!(recipe)), ("sampler", json!(recipe.sampler)), ("objective", json!(recipe.objective))];
    let mut values = BTreeMap::new();
    for (key, section) in sections {
        add(key.to_owned(), &section, &mut values);
    }
    values
}

#[cfg(test)]
mod tests {

    use ts_run::manifest::{ModelOrigin, PluginOrigin, ProblemSetOrigin};

    use super::*;
    use ts_recipe::{Loader, Override};

    fn manifest() -> Manifest {
        let plugin = |role: &str| PluginOrigin {
            role: role.into(),
            name: "p".into(),
            version: "1".into(),
            sha256: format!("{role}-bytes"),
            origin: "embedded".into(),
        };
        let set = |split: &str| ProblemSetOrigin {
            split: split.into(),
            source: "embedded".into(),
            sha256: "a".into(),
            prompts_sha256: "a".into(),
            n: 1,
        };
        Manifest {
            format: ts_run::manifest::FORMAT,
            created: String::new(),
            ts_host_version: String::new(),
            run_seed: 1,
            device: "cpu".into(),
            workers: 1,
            recipe_sha256: String::new(),
            model: ModelOrigin { source: "embedded".into(), sha256: "m".into() },
            plugins: ["verifier", "step_splitter", "selection_policy", "length_function"].map(plugin).into(),
            problems: ["train", "heldout"].map(set).into(),
            stages: BTreeMap::new(),
            adopted: None,
            shard: None,
            check: String::new(),
        }
    }

    fn recipe(change: &str) -> Recipe {
        let loader = Loader { shipped: ts_embedded::RECIPES };
        loader.load("default", vec![change.parse::<Override>().unwrap()]).unwrap()
    }

    /// The stages that are no longer the same work after a change.
    fn redone(recipe: &Recipe, manifest: &Manifest) -> Vec<&'static str> {
        let (old, old_manifest) = (self::recipe("run.workers=1"), self::manifest());
        let differs =
            |stage: &Stage| decides(*stage, &old, &old_manifest) != decides(*stage, recipe, manifest);
        Stage::ALL.iter().filter(|stage| differs(stage)).map(|stage| stage.name()).collect()
    }

    #[test]
    fn a_change_costs_the_stages_that_depend_on_it_and_no_others() {
        let by_recipe = |change: &str| redone(&recipe(change), &manifest());
        assert_eq!(by_recipe("run.workers=7"), [""; 0]);
        assert_eq!(by_recipe("sample.max_batch_rows=7"), [""; 0]);
        assert_eq!(by_recipe("run.name=other"), [""; 0]);
        assert_eq!(by_recipe("report.budget_tokens=7"), [""; 0]);
        assert_eq!(by_recipe("plugins.max_failed_share=1"), [""; 0]);
        assert_eq!(by_recipe("sampler.concurrency=3"), [""; 0]);
        assert_eq!(by_recipe("rounds.count=3"), [""; 0]);
        let all_after_sampling = by_recipe("sample.first_draw=32");
        assert!(all_after_sampling[0] == "sample" && all_after_sampling.len() == Stage::ALL.len() - 1);
        assert_eq!(by_recipe("train.beta=0.5"), ["train", "eval-result"]);
        assert_eq!(by_recipe("objective.normalise=group"), ["train", "eval-result"]);
        assert_eq!(by_recipe("eval.n_runs=2"), ["eval-baseline", "eval-result"]);
        let from_refine = ["refine", "pair", "reference", "train", "eval-result"];
        assert_eq!(by_recipe("refine.n_rewrites=8"), from_refine);
        // What is a section's own default is no change, but the section is.
        assert_eq!(by_recipe("refine.drift.beyond=original"), from_refine);
        let from_calibrate = [&["calibrate"][..], &from_refine].concat();
        assert_eq!(by_recipe("refine.adaptive.max_loss=0.02"), from_calibrate);
        assert_eq!(by_recipe("plugins.selection_policy.settings.depth_alpha=0.5")[0], "select");
        let all_but_samples = by_recipe("plugins.limits.fuel=5");
        assert!(all_but_samples.contains(&"eval-baseline") && !all_but_samples.contains(&"sample"));
        assert_eq!(by_recipe("run.seed=9").len(), Stage::ALL.len());
    }

    #[test]
    fn another_loss_that_is_allowed_calibrates_nothing_again() {
        let decided = |changes: &[&str]| {
            let loader = Loader { shipped: ts_embedded::RECIPES };
            let changes = changes.iter().map(|change| change.parse::<Override>().unwrap()).collect();
            let recipe = loader.load("default", changes).unwrap();
            [Stage::Calibrate, Stage::Refine].map(|stage| decides(stage, &recipe, &manifest()))
        };
        let [calibrate, refine] = decided(&["refine.adaptive.max_loss=0.02"]);
        let changes = |changes: &[&str]| {
            let [other_calibrate, other_refine] =
                decided(&[&["refine.adaptive.share=1.0"], changes].concat());
            (other_calibrate != calibrate, other_refine != refine)
        };
        assert_eq!(changes(&[]), (false, false));
        assert_eq!(changes(&["refine.adaptive.max_loss=0.05"]), (false, true));
        assert_eq!(changes(&["refine.drift.max_answer_kl_nats=0.05"]), (false, true));
        assert_eq!(changes(&["refine.max_kl_nats=0.05"]), (false, false));
        assert_eq!(changes(&["refine.adaptive.n_rollouts=5"]), (true, true));
        assert_eq!(changes(&["refine.max_nll_increase=0.5"]), (true, true));
    }

    #[test]
    fn a_plugin_s_bytes_and_the_problems_count_not_where_they_lie() {
        let mut other = manifest();
        other.plugins[0].origin = "elsewhere.wasm".into();
        other.problems[1].source = "elsewhere.jsonl".into();
        assert_eq!(redone(&recipe("run.workers=1"), &other), [""; 0]);
        other.plugins[0].sha256 = "other".into();
        assert!(!redone(&recipe("run.workers=1"), &other).contains(&"sample"));
        let mut other = manifest();
        other.problems[1].sha256 = "other".into();
        assert_eq!(redone(&recipe("run.workers=1"), &other), ["eval-baseline", "eval-result"]);
    }

    #[test]
    fn a_corrected_reference_grades_again_and_samples_nothing() {
        let mut other = manifest();
        other.problems[0].sha256 = "corrected".into();
        let redone = redone(&recipe("run.workers=1"), &other);
        assert_eq!(redone[..2], ["grade", "select"]);
        other.problems[0].prompts_sha256 = "another question".into();
        assert!(self::redone(&recipe("run.workers=1"), &other).contains(&"sample"));
    }
}
