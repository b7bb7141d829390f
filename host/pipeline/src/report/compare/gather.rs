//! From runs' folders to [`Rivals`]: which run is which point of which method, and that all of them can be compared.
//!
//! In: folders, each a finished run's or one that holds such folders (an ablation's). Out: every method's responses to the held-out problems, by strength
//! and seed. Nothing is written. A run of several rounds counts with the model that is their result; a run that was evaluated and not trained, such as
//! one with another prompt, counts with what it answered.

use std::path::{Path, PathBuf};

use ts_core::metrics::Scored;
use ts_recipe::Recipe;
use ts_run::Artefact;
use ts_run::manifest::Manifest;

use super::{BySeed, Method, MethodPoint, Rivals, Source};
use crate::Error;
use crate::past_run::PastRun;
use crate::report::scored_in;
use crate::rounds::result_folder;
use crate::stage::Stage;

/// A run to compare, or a folder of runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The method; none: the recipe's `run.name`.
    pub name: Option<String>,
    /// The strength; none: the value in the recipe.
    pub strength: Option<f64>,
    /// Where it is.
    pub folder: PathBuf,
}

/// Reads runs. `strength_key` is the value of the recipe that orders a method's points, such as `train.learning_rate`.
///
/// # Errors
/// [`Error::NoRun`]; [`Error::MissingStage`] for a run that is not finished; [`Error::Compare`] for runs that cannot be compared; records that cannot be read.
pub fn gather(given: &[Given], strength_key: &str) -> Result<Rivals, Error> {
    let mut first: Option<PastRun> = None;
    let mut rivals = Rivals {
        budget_tokens: 0,
        strength_is: strength_key.to_owned(),
        baseline: BySeed::new(),
        methods: Vec::new(),
        sources: Vec::new(),
    };
    for Given { name, strength, folder } in given {
        for folder in runs_in(folder)? {
            let run = PastRun::open(&folder)?;
            match &first {
                Some(first) => require_comparable(first, &run)?,
                None => {
                    rivals.budget_tokens = run.recipe.report.budget_tokens as u32;
                    first = Some(run.clone());
                }
            }
            let name = name.clone().unwrap_or_else(|| run.recipe.run.name.clone());
            let strength = strength.map_or_else(|| strength_of(&run.recipe, strength_key), Ok)?;
            let (seed, (before, after)) = (run.recipe.run.seed, responses(&run)?);
            if let Some(before) = before {
                rivals.baseline.entry(seed).or_insert(before);
            }
            point_of(&mut rivals.methods, &name, strength, seed, &folder)?.insert(seed, after);
            rivals.sources.push(Source { method: name, strength, folder, run });
        }
    }
    // The seeds of the first method; another's are held against them where they are compared.
    let seeds = rivals.methods.first().map(|method| method.points[0].responses.clone()).unwrap_or_default();
    rivals.baseline.retain(|seed, _| seeds.contains_key(seed));
    if rivals.baseline.is_empty() {
        return Err(Error::Compare { reason: "no run that was trained is among them".to_owned() });
    }
    Ok(rivals)
}

/// The folder, if it is a run's, or else the runs' in it, by their names.
fn runs_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let is_run = |folder: &Path| Artefact::Manifest.path_in(folder).is_file();
    if is_run(folder) {
        return Ok(vec![folder.to_owned()]);
    }
    let file = |source| Error::File { path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NoRun { folder: folder.to_owned() });
        }
        entries => entries.map_err(file)?,
    };
    let mut runs = Vec::new();
    for entry in entries {
        let path = entry.map_err(file)?.path();
        if is_run(&path) {
            runs.push(path);
        }
    }
    runs.sort();
    if runs.is_empty() { Err(Error::NoRun { folder: folder.to_owned() }) } else { Ok(runs) }
}

/// The number that a recipe has at a dotted key.
fn strength_of(recipe: &Recipe, key: &str) -> Result<f64, Error> {
    let text = recipe.to_toml()?;
    let refuse =
        || Error::Compare { reason: format!("the recipe of `{}` has no number at {key}", recipe.run.name) };
    let table: toml::Value = toml::from_str(&text).map_err(|_| refuse())?;
    let value = key.split('.').try_fold(&table, |at, part| at.get(part));
    value
        .and_then(|value| value.as_float().or_else(|| value.as_integer().map(|n| n as f64)))
        .ok_or_else(refuse)
}

/// Refuses a run that answered other problems than the first, or in another way, or whose model was another before.
fn require_comparable(first: &PastRun, run: &PastRun) -> Result<(), Error> {
    let heldout = |manifest: &Manifest| {
        manifest
            .problems
            .iter()
            .find(|set| set.split == "heldout")
            .map(|set| set.sha256.clone())
            .unwrap_or_default()
    };
    let verifier = |manifest: &Manifest| {
        let plugin = manifest.plugins.iter().find(|plugin| plugin.role == "verifier");
        plugin.map(|plugin| plugin.sha256.clone()).unwrap_or_default()
    };
    let eval = |run: &PastRun| {
        let eval = &run.recipe.eval;
        format!(
            "{} runs, temperature {}, top_p {}, {} tokens",
            eval.n_runs, eval.temperature, eval.top_p, eval.max_new_tokens
        )
    };
    let (a, b) = (&first.manifest, &run.manifest);
    for (what, found, expected) in [
        ("other held-out problems", heldout(b), heldout(a)),
        ("another model before training", b.model.sha256.clone(), a.model.sha256.clone()),
        ("another [eval]", eval(run), eval(first)),
        ("another verifier", verifier(b), verifier(a)),
    ] {
        if found != expected {
            let (own, other) = (run.folder.display(), first.folder.display());
            let reason = format!("{own} has {what} than {other}: {found}, and {expected}");
            return Err(Error::Compare { reason });
        }
    }
    Ok(())
}

/// The responses before, of a run that was trained, and those that count as the method's.
fn responses(run: &PastRun) -> Result<(Option<Vec<Scored>>, Vec<Scored>), Error> {
    let before = scored_in(run, Stage::EvalBaseline)?;
    let is_of_evaluation =
        |stage: &String| [Stage::EvalBaseline, Stage::EvalResult].iter().any(|it| it.name() == stage);
    if !run.is_done(Stage::EvalResult) && run.manifest.stages.keys().all(is_of_evaluation) {
        return Ok((None, before));
    }
    let after = match result_folder(run)? {
        None => before.clone(),
        Some(folder) if folder == run.folder => scored_in(run, Stage::EvalResult)?,
        Some(folder) => scored_in(&PastRun::open(&folder)?, Stage::EvalResult)?,
    };
    Ok((Some(before), after))
}

/// Where a run's responses belong; methods in the order in which they are met, points in that of their strengths.
fn point_of<'m>(
    methods: &'m mut Vec<Method>,
    name: &str,
    strength: f64,
    seed: u64,
    folder: &Path,
) -> Result<&'m mut BySeed, Error> {
    let at = methods.iter().position(|method| method.name == name).unwrap_or_else(|| {
        methods.push(Method { name: name.to_owned(), points: Vec::new() });
        methods.len() - 1
    });
    let points = &mut methods[at].points;
    let at = points.partition_point(|point| point.strength < strength);
    if points.get(at).is_none_or(|point| point.strength != strength) {
        points.insert(at, MethodPoint { strength, responses: BySeed::new() });
    }
    let responses = &mut points[at].responses;
    if responses.contains_key(&seed) {
        let reason = format!(
            "{} is another run of `{name}` at strength {strength} with seed {seed}; NAME@STRENGTH=FOLDER says what it is",
            folder.display()
        );
        return Err(Error::Compare { reason });
    }
    Ok(responses)
}

#[cfg(test)]
mod tests {
    use ts_recipe::{Loader, Override};

    use super::*;

    #[test]
    fn a_strength_is_a_number_of_the_recipe() {
        let loader = Loader { shipped: ts_embedded::RECIPES };
        let recipe =
            loader.load("default", vec!["train.learning_rate=0.5".parse::<Override>().unwrap()]).unwrap();
        assert_eq!(strength_of(&recipe, "train.learning_rate").unwrap(), 0.5);
        assert_eq!(strength_of(&recipe, "sample.n_samples").unwrap(), 32.0);
        for key in ["train.schedule", "train", "train.nothing", ""] {
            assert!(strength_of(&recipe, key).unwrap_err().to_string().contains("no number"), "{key}");
        }
    }

    #[test]
    fn points_are_in_the_order_of_their_strengths_and_no_run_counts_twice() {
        let mut methods = Vec::new();
        for (name, strength, seed) in
            [("a", 2.0, 1), ("b", 1.0, 1), ("a", 0.5, 1), ("a", 1.0, 1), ("a", 0.5, 2)]
        {
            point_of(&mut methods, name, strength, seed, Path::new("f")).unwrap().insert(seed, Vec::new());
        }
        let strengths = |at: usize| methods[at].points.iter().map(|point| point.strength).collect::<Vec<_>>();
        assert_eq!((strengths(0), strengths(1)), (vec![0.5, 1.0, 2.0], vec![1.0]));
        assert_eq!(methods[0].points[0].responses.len(), 2);
        let error = point_of(&mut methods, "a", 0.5, 2, Path::new("f")).unwrap_err().to_string();
        assert!(error.contains("f is another run of `a` at strength 0.5 with seed 2"), "{error}");
    }
}
