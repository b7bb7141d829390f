//! What made a run: models, plugins, problems, what its recipe has otherwise than the default one, and what it ran on.
//!
//! In: manifests and recipes, from runs' folders. Out: tables. The time of day is in the manifest and not here.

use std::collections::BTreeMap;

use maud::{Markup, html};
use ts_recipe::{Loader, Recipe};
use ts_run::manifest::Manifest;
use ts_text::line;

use crate::Error;
use crate::past_run::PastRun;
use crate::report::markdown::told_of;

/// What made runs, one after the other.
pub(super) fn section(runs: &[&PastRun]) -> Markup {
    html! {
        @for run in runs {
            @if runs.len() > 1 { h3 { (line(&run.recipe.run.name)) ", seed " (run.recipe.run.seed) } }
            (of_run(run, runs.len() > 1))
        }
    }
}

fn of_run(run: &PastRun, is_one_of_many: bool) -> Markup {
    let Manifest { ts_host_version, device, workers, model, problems, adopted, stages, .. } = &run.manifest;
    let trained = stages.get("train").and_then(|stage| stage.folder.as_ref());
    let weights =
        trained.map(|folder| folder.files.iter().filter(|(name, _)| name.ends_with(".safetensors")));
    let label = |what: &str| match is_one_of_many {
        true => {
            format!("{what}: {}, seed {}, {}", run.recipe.run.name, run.recipe.run.seed, run.folder.display())
        }
        false => what.to_owned(),
    };
    let what = label("What it was made from");
    html! {
        div.facts.scroll role="region" aria-label=(line(&what)) tabindex="0" { table {
            caption { (line(&what)) }
            tbody {
                tr { th scope="row" { "program" } td { "ts-host " (line(ts_host_version)) } }
                tr { th scope="row" { "ran on" } td { (line(device)) ", " (workers) " threads" } }
                tr { th scope="row" { "model before" } td { (line(&model.source)) " " (digest(&model.sha256)) } }
                @for (name, sha256) in weights.into_iter().flatten() {
                    tr { th scope="row" { "model after" } td { (line(name)) " " (digest(sha256)) } }
                }
                @if let Some(adoption) = adopted {
                    tr { th scope="row" { "model after" } td { (line(told_of(adoption))) } }
                }
                @for set in problems {
                    tr { th scope="row" { (line(&set.split)) " problems" } td { (set.n) " of " (line(&set.source)) " " (digest(&set.sha256)) } }
                }
                @for plugin in &run.manifest.plugins {
                    tr { th scope="row" { (line(plugin.role.replace('_', " "))) } td { (line(&plugin.name)) " " (line(&plugin.version)) " " (digest(&plugin.sha256)) } }
                }
            }
        } }
        (differences_table(&run.recipe, &label("What the recipe has otherwise than the default one")))
    }
}

fn digest(sha256: &str) -> Markup {
    html! { code { (line(sha256)) } }
}

fn differences_table(recipe: &Recipe, caption: &str) -> Markup {
    let differences = match differences(recipe) {
        Ok(differences) if differences.is_empty() => return html! { p { "Its recipe is the default one." } },
        Ok(differences) => differences,
        Err(error) => {
            return html! { p { "Its recipe cannot be held against the default one: " (line(error)) } };
        }
    };
    html! {
        div.facts.scroll role="region" aria-label=(line(caption)) tabindex="0" { table {
            caption { (line(caption)) }
            thead { tr { th scope="col" { "value" } th scope="col" { "here" } th scope="col" { "default" } } }
            tbody { @for (key, here, default) in &differences { tr {
                th scope="row" { code { (line(key)) } } td { code { (line(here)) } } td { code { (line(default)) } }
            } } }
        } }
    }
}

/// The values that a recipe has otherwise than the default one, by their keys: here, and there; `none` where one is not given.
fn differences(recipe: &Recipe) -> Result<Vec<(String, String, String)>, Error> {
    let default = Loader { shipped: ts_embedded::RECIPES }.load("default", Vec::new())?;
    let [here, there] = [flat(recipe)?, flat(&default)?];
    let keys: std::collections::BTreeSet<&String> = here.keys().chain(there.keys()).collect();
    let value = |of: &BTreeMap<String, String>, key: &String| {
        of.get(key).cloned().unwrap_or_else(|| "none".to_owned())
    };
    let rows = keys.into_iter().map(|key| (key.clone(), value(&here, key), value(&there, key)));
    Ok(rows.filter(|(_, here, there)| here != there).collect())
}

/// Every value of a recipe as TOML, by its dotted key.
fn flat(recipe: &Recipe) -> Result<BTreeMap<String, String>, Error> {
    let text = recipe.to_toml()?;
    let table: toml::Table = toml::from_str(&text).unwrap_or_default();
    let mut values = BTreeMap::new();
    collect("", &table, &mut values);
    Ok(values)
}

fn collect(before: &str, table: &toml::Table, values: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let key = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
        match value {
            toml::Value::Table(table) => collect(&key, table, values),
            value => drop(values.insert(key, value.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use ts_recipe::Override;

    use super::*;

    #[test]
    fn a_recipe_is_held_against_the_default_one() {
        let loader = Loader { shipped: ts_embedded::RECIPES };
        let of = |set: &[&str]| {
            let overrides = set.iter().map(|text| text.parse::<Override>().unwrap()).collect();
            differences(&loader.load("default", overrides).unwrap()).unwrap()
        };
        assert_eq!(of(&[]), []);
        let (learning_rate, rank) = ("train.learning_rate", "train.lora.rank");
        let found = of(&["train.learning_rate=0.5", "train.lora.rank=3"]);
        let of_key = |key: &str| found.iter().find(|row| row.0 == key).unwrap();
        assert_eq!((of_key(learning_rate).1.as_str(), of_key(learning_rate).2.as_str()), ("0.5", "0.00004"));
        assert_eq!((of_key(rank).1.as_str(), of_key(rank).2.as_str()), ("3", "none"));
    }
}
