//! Transfer: what a finished run's model, trained on one domain, does on others, with other verifiers. Beyond the paper.
//!
//! In: a finished run's folder, and sets of problems. Out: for each set two run folders below `transfer/NAME/` in it, `before` and `after`, each with
//! an `eval-baseline.jsonl` alone: of the model that the run started from, and of its result. Both have the run's recipe but for the problems, the
//! verifier and what is said of the set, and the same seeds. There is no state beside these folders, so what is done is only checked, and what was
//! interrupted goes on. The training problems stay the run's: a set that has one of their prompts is refused. The table is `report::transfer`.

use std::path::{Path, PathBuf};

use ts_recipe::{Override, Recipe, RoundsSection};
use ts_run::Artefact;
use ts_run::folder::folder_of_transfer;

use crate::Error;
use crate::past_run::PastRun;
use crate::rounds::result_folder;
use crate::stage::Stage;

/// Problems of another domain.
#[derive(Clone, Debug)]
pub struct TransferSet {
    /// What it is called: letters, digits, `-` and `_`.
    pub name: String,
    /// A file, a name of the hub, or an embedded task's.
    pub problems: String,
    /// The verifier's file or name; none is the run's.
    pub verifier: Option<String>,
    /// Further values of the recipe, for this set alone.
    pub changes: Vec<Override>,
}

/// One evaluation: a run's folder, of which the stage `eval-baseline` is to be run.
#[derive(Clone, Debug)]
pub struct TransferStep {
    /// What it is, for people.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
    /// Its recipe.
    pub recipe: Recipe,
}

/// The two sides of a set, and the names of their folders.
pub(crate) const SIDES: [&str; 2] = ["before", "after"];

/// The evaluations of the sets, in their order: of each before and after.
///
/// # Errors
/// [`Error::MissingStage`] for a run that is not measured; [`Error::Transfer`] for sets that cannot be, and for a run whose result is the model that it
/// started from; [`ts_recipe::RecipeError`].
pub fn transfer_steps(folder: &Path, sets: &[TransferSet]) -> Result<Vec<TransferStep>, Error> {
    let run = PastRun::open(folder)?;
    if !run.is_done(Stage::EvalResult) {
        return Err(Error::MissingStage { stage: Stage::EvalResult, folder: folder.to_owned() });
    }
    let refuse = |reason: String| Err(Error::Transfer { reason });
    let Some(result) = result_folder(&run)? else {
        return refuse(
            "no round was accepted, and the result is the model that the run started from".to_owned(),
        );
    };
    let model = std::path::absolute(Artefact::Model.path_in(&result))
        .map_err(|source| Error::File { path: result.clone(), source })?;
    let mut steps = Vec::new();
    for (place, set) in sets.iter().enumerate() {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if set.name.is_empty() || !set.name.chars().all(is_plain) {
            return refuse(format!("the name `{}` of a set must be letters, digits, `-` or `_`", set.name));
        }
        if sets[..place].iter().any(|other| other.name == set.name) {
            return refuse(format!("two sets are called `{}`", set.name));
        }
        let before = recipe_of(&run.recipe, set)?;
        let after = before.with(vec![Override::new("model.source", model.display().to_string())])?;
        for (side, recipe) in SIDES.into_iter().zip([before, after]) {
            let folder = folder_of_transfer(folder, &[&set.name, side])?;
            steps.push(TransferStep { name: format!("{}, the model {side}", set.name), folder, recipe });
        }
    }
    Ok(steps)
}

/// The recipe of the evaluation of the model before.
fn recipe_of(of_run: &Recipe, set: &TransferSet) -> Result<Recipe, Error> {
    let mut recipe = Recipe { rounds: RoundsSection::default(), ..of_run.clone() };
    recipe.run.name = format!("{}-on-{}", of_run.run.name, set.name);
    (recipe.problems.heldout, recipe.problems.max_heldout) = (set.problems.clone(), 0);
    if let Some(verifier) = &set.verifier {
        let section = &mut recipe.plugins.verifier;
        if section.source != *verifier {
            (section.source, section.sha256) = (verifier.clone(), String::new());
            section.settings.clear();
        }
    }
    let changed = recipe.with(set.changes.clone())?;
    let same = (&changed.model, changed.run.seed, &changed.problems.train, changed.problems.max_train)
        == (&recipe.model, recipe.run.seed, &recipe.problems.train, recipe.problems.max_train);
    match same {
        true => Ok(changed),
        false => {
            let reason =
                format!("set `{}`: the model, the seed and the training problems are the run's", set.name);
            Err(Error::Transfer { reason })
        }
    }
}
