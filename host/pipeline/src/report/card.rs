//! The model card: `README.md` of `model/`, so that the folder can be pushed to a hub as it is.
//!
//! In: a run and its report. Out: Markdown with the YAML front matter that hubs read. The base's name and licence stand in it where
//! the base says them itself, and are never guessed. Text from outside is text and nothing else.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use ts_core::objective::PairObjective;
use ts_core::sequences::{Normalise, SequenceObjective};
use ts_embedded::problem::Task;
use ts_hub::Place;
use ts_recipe::Recipe;
use ts_run::manifest::Manifest;
use ts_text::markdown;

use super::Report;
use crate::past_run::PastRun;

/// Most bytes of a base's README that are looked at.
const MAX_README_BYTES: u64 = 1 << 16;

/// The card of a run's model. `is_adapter` says what `model/` is.
pub(super) fn card(run: &PastRun, report: &Report, is_adapter: bool) -> String {
    let base = Base::of(&run.recipe.model.source);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = front_matter(&base, is_adapter, &mut out);
    let _ = text(&run.recipe, &run.manifest, report, &base, &mut out);
    ts_text::page(out).to_string()
}

fn front_matter(base: &Base, is_adapter: bool, out: &mut String) -> std::fmt::Result {
    writeln!(out, "---")?;
    if let Some(name) = &base.hub_name {
        writeln!(out, "base_model: {name}")?;
        writeln!(out, "base_model_relation: {}", if is_adapter { "adapter" } else { "finetune" })?;
    }
    writeln!(out, "library_name: {}", if is_adapter { "peft" } else { "transformers" })?;
    for (key, value) in &base.license {
        writeln!(out, "{key}: {value}")?;
    }
    writeln!(
        out,
        "pipeline_tag: text-generation\ntags:\n- tokensqueeze\n- reasoning\n- dpo\n- ts-host\n---\n"
    )
}

fn text(
    recipe: &Recipe,
    manifest: &Manifest,
    report: &Report,
    base: &Base,
    out: &mut String,
) -> std::fmt::Result {
    let (name, seed) = (markdown(&recipe.run.name), recipe.run.seed);
    writeln!(out, "# {name}, seed {seed}\n")?;
    writeln!(
        out,
        "A reasoning model that was trained to think shorter, by TokenSqueeze (arXiv 2511.13223) with ts-host {}.\n",
        markdown(&manifest.ts_host_version)
    )?;
    writeln!(out, "- base: {}", base.told)?;
    match base.license.iter().find(|(key, _)| *key == "license") {
        Some((_, license)) => {
            writeln!(out, "- licence of the base, as it says itself: {}", markdown(license))?
        }
        None if base.is_embedded => {
            writeln!(out, "- licence of the base: that of ts-host, MIT or Apache-2.0")?
        }
        None => writeln!(out, "- licence of the base: not known here; it is the base's to say")?,
    }
    let set = |split: &str| manifest.problems.iter().find(|set| set.split == split).map_or(0, |set| set.n);
    let verifiers = manifest.plugins.iter().filter(|plugin| plugin.role == "verifier");
    let verifiers: Vec<String> =
        verifiers.map(|plugin| format!("{} {}", markdown(&plugin.name), markdown(&plugin.version))).collect();
    writeln!(
        out,
        "- data: {} responses to each of {} problems, sampled from the base and graded by {}",
        recipe.sample.n_samples,
        set("train"),
        verifiers.join(", ")
    )?;
    let stages = &report.stages;
    write!(out, "- selected: {} positives and {} preference pairs", stages.n_positives, stages.n_pairs)?;
    match stages.refined_tokens {
        Some((before, after)) => writeln!(
            out,
            "; the positives were rewritten step by step from {before} to {after} tokens, under a divergence of {} nats",
            recipe.refine.max_kl_nats
        )?,
        None => writeln!(out)?,
    }
    let train = &recipe.train;
    writeln!(
        out,
        "- training, as the recipe has it: {} × {} + {} × {}, learning rate {:e}, {} examples a step",
        train.dpo_weight,
        term_of_pairs(recipe),
        1.0 - train.dpo_weight,
        term_of_responses(recipe, stages.n_sequences > 0),
        train.learning_rate,
        train.batch_size
    )?;
    if let Some(lora) = &train.lora {
        let modules = lora.target_modules.names().join(", ");
        writeln!(out, "- adapters (LoRA) of rank {} and alpha {} on {modules}", lora.rank, lora.alpha)?;
    }
    match &report.adopted {
        Some(adoption) => writeln!(out, "- {}", markdown(&super::markdown::told_of(adoption)))?,
        None => writeln!(out, "- {} optimiser steps by ts-host", stages.n_train_steps)?,
    }
    writeln!(out, "\n## What came of it\n\n{}\n", report.conditions())?;
    write!(out, "{}", report.metrics())?;
    let (before, after) = (super::percent(report.baseline.cut_off), super::percent(report.result.cut_off));
    writeln!(out, "\nCut off at the token limit: {before} before, {after} after.")
}

/// The loss of a pair, with its settings.
fn term_of_pairs(recipe: &Recipe) -> String {
    let (train, gamma) = (&recipe.train, recipe.objective.gamma);
    match recipe.objective.pair {
        PairObjective::Dpo => format!("DPO-L (beta {}, lambda {})", train.beta, train.lambda),
        PairObjective::Simpo => format!("SimPO (beta {}, gamma {gamma})", train.beta),
        PairObjective::Lcpo => "LCPO".to_owned(),
    }
}

/// The loss of single responses, with its settings.
fn term_of_responses(recipe: &Recipe, has_sequences: bool) -> String {
    let objective = &recipe.objective;
    if !has_sequences {
        return "SFT".to_owned();
    }
    let loss = match objective.sequence {
        SequenceObjective::Nll => "negative log-likelihood".to_owned(),
        SequenceObjective::ClippedRatio => {
            let (least, most) = (1.0 - objective.clip_low, 1.0 + objective.clip_high);
            format!("clipped ratio ({least} to {most})")
        }
    };
    let normalised = match objective.normalise {
        Normalise::None => "",
        Normalise::Group => ", normalised within each problem",
        Normalise::Batch => ", normalised within each step",
    };
    format!("(SFT + {loss} with weights of either sign{normalised})")
}

/// What is known of the model that the run started from.
#[derive(Debug, Default, PartialEq)]
struct Base {
    /// Its name on a hub.
    hub_name: Option<String>,
    /// `license`, and what else of it its README says, ready for YAML.
    license: Vec<(&'static str, String)>,
    /// What a sentence calls it, as Markdown.
    told: String,
    is_embedded: bool,
}

impl Base {
    fn of(source: &str) -> Self {
        if let Some(task) = Task::named(source) {
            let told = match task {
                Task::Plain => "the model that ts-host has embedded",
                Task::Teeth => "the model that ts-host has embedded for its task with teeth",
            };
            return Self { told: told.to_owned(), is_embedded: true, ..Self::default() };
        }
        let place = ts_hub::model_place(source);
        let on_hub = match &place {
            Place::Hub(name) => Some(name.clone()),
            Place::Local(path) => ts_hub::name_of(path),
        };
        let hub_name = on_hub.map(|name| name.repository);
        let name = Path::new(source)
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let told = markdown(hub_name.as_deref().unwrap_or(&name));
        // The report of a run may be made where its base is not.
        let license = place.on_disk().map_or_else(|_| Vec::new(), |folder| license(&folder));
        Self { hub_name, license, told, is_embedded: false }
    }
}

/// What the front matter of a folder's README says of the licence: plain words, and addresses.
fn license(folder: &Path) -> Vec<(&'static str, String)> {
    let path = folder.join("README.md");
    let mut text = String::new();
    let is_file = std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_file());
    let read = || File::open(&path)?.take(MAX_README_BYTES).read_to_string(&mut text);
    if !is_file || { read }().is_err() {
        return Vec::new();
    }
    let mut lines = text.lines();
    if lines.next().map(str::trim_end) != Some("---") {
        return Vec::new();
    }
    let fields = lines.take_while(|line| line.trim_end() != "---").filter_map(|line| line.split_once(':'));
    let fields: Vec<(&str, &str)> =
        fields.map(|(key, value)| (key, value.trim().trim_matches(['"', '\'']))).collect();
    let of = |name: &'static str, is_good: fn(&str) -> bool| {
        let value = fields.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        value.filter(|value| is_good(value)).map(|value| (name, value.to_owned()))
    };
    let Some(license) = of("license", is_word) else { return Vec::new() };
    [Some(license), of("license_name", is_word), of("license_link", is_address)]
        .into_iter()
        .flatten()
        .collect()
}

/// Whether it is a word that YAML and Markdown take as it is.
fn is_word(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ['.', '-', '_'].contains(&c);
    !text.is_empty()
        && text.len() <= 96
        && text.chars().all(is_plain)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Whether it is an address on the web, or a file's name.
fn is_address(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/%".contains(c);
    is_word(text)
        || text.strip_prefix("https://").is_some_and(|rest| rest.len() <= 256 && rest.chars().all(is_plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_that_has_a_name_on_the_hub_is_called_by_it() {
        let called = |source: &str| Base::of(source).hub_name;
        let commit = "0123456789abcdef0123456789abcdef01234567";
        for source in [
            "Qwen/Qwen2.5-0.5B",
            "Qwen/Qwen2.5-0.5B@v1",
            "hub:Qwen/Qwen2.5-0.5B",
            &format!("/cache/models--Qwen--Qwen2.5-0.5B/snapshots/{commit}"),
        ] {
            assert_eq!(called(source).as_deref(), Some("Qwen/Qwen2.5-0.5B"), "{source}");
        }
        for source in ["/models/Qwen", "./Qwen/Qwen2.5-0.5B", "embedded"] {
            assert_eq!(called(source), None, "{source}");
        }
    }

    #[test]
    fn a_licence_is_what_the_base_says_and_nothing_that_is_not_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let says = |text: &str| {
            std::fs::write(folder.path().join("README.md"), text).unwrap();
            license(folder.path())
        };
        assert_eq!(
            says("---\nlanguage:\n- en\nlicense: apache-2.0\n---\n# x"),
            [("license", "apache-2.0".to_owned())]
        );
        let other = says(
            "---\nlicense: \"other\"\nlicense_name: qwen\nlicense_link: https://hub.example/LICENSE\n---\n",
        );
        assert_eq!(
            other.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
            ["license", "license_name", "license_link"]
        );
        for text in [
            "# no front matter\nlicense: mit",
            "---\nlicense: [mit]\n---",
            "---\nlicense: a b\n---",
            "---\n---\nlicense: mit",
            "",
        ] {
            assert_eq!(says(text), [], "{text}");
        }
        assert_eq!(license(Path::new("/nowhere")), []);
    }

    #[test]
    fn the_front_matter_is_what_hubs_take() {
        let base = Base {
            hub_name: Some("org/name".into()),
            license: vec![("license", "mit".into())],
            ..Base::default()
        };
        let mut out = String::new();
        front_matter(&base, true, &mut out).unwrap();
        assert_eq!(
            out,
            "---\nbase_model: org/name\nbase_model_relation: adapter\nlibrary_name: peft\nlicense: mit\npipeline_tag: text-generation\n\
             tags:\n- tokensqueeze\n- reasoning\n- dpo\n- ts-host\n---\n\n"
        );
    }
}
