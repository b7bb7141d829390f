//! The commands that need a model or a run's folder: one function each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use ts_embedded::RECIPES;
use ts_embedded::problem::Task;
use ts_harness::Handle;
use ts_harness::fuzz::check_laws;
use ts_pipeline::report::Report;
use ts_pipeline::rounds::{Step, as_one, run_rounds};
use ts_pipeline::setup::check;
use ts_pipeline::summary::{report, report_with};
use ts_pipeline::{PastRun, Run, Stage, ablation, kept_recipe, merge, pretrain, run_stage};
use ts_plugin::{LogSink, Role};
use ts_recipe::{OpenError, Override, Recipe, key_of, n_threads, open_for, open_plugin, stem_of};

use super::{file_of, loader};
use crate::args::training::{
    AblateArgs, MainJobArgs, PretrainArgs, PretrainTask, ReportArgs, RunArgs, TrainingCommand,
};
use crate::interrupt;
use crate::plugin_log::PluginLog;
use crate::progress::Terminal;
use crate::terminal::{note, say, say_page, say_value};

/// The end of a quick run's name.
const QUICK: &str = "-quick";

/// Does what was asked for.
pub(super) fn dispatch(command: TrainingCommand) -> Result<()> {
    use TrainingCommand as Command;
    match command {
        Command::Run(args) => run(&args),
        Command::Sample(args) => stages(&args, &[Stage::Sample]),
        Command::Grade(args) => stages(&args, &[Stage::Grade]),
        Command::Select(args) => stages(&args, &[Stage::Select]),
        Command::Refine(args) => stages(&args, &[Stage::Calibrate, Stage::Refine]),
        Command::Pair(args) => stages(&args, &[Stage::Pair]),
        Command::Reference(args) => stages(&args, &[Stage::Reference]),
        Command::Train(args) if args.shard.is_some() => {
            bail!("training is not a map over problems: `ts-host merge` the shards, then train the whole run")
        }
        Command::Train(args) => stages(&args, &[Stage::Reference, Stage::Train]),
        Command::Eval(args) => stages(&args, &[Stage::EvalBaseline, Stage::EvalResult]),
        Command::Merge { run, folders } => merge(&run, &folders),
        Command::Report(args) => report_again(&args),
        Command::Export(args) => super::export::run(&args),
        Command::Adopt(args) => super::export::adopt(&args),
        Command::Check(args) => check_recipe(&args),
        Command::Ablate(args) => ablate(&args),
        Command::Compare(args) => super::compare::run(&args),
        Command::Transfer(args) => super::transfer::run(&args),
        Command::Pretrain(args) => pretrain(&args),
        Command::Model { command } => super::model::dispatch(&command),
    }
}

fn run(args: &MainJobArgs) -> Result<()> {
    let MainJobArgs { run: args, json } = args;
    if args.shard.is_some() {
        return stages(args, &Stage::ALL);
    }
    let recipe = recipe(args)?;
    let folder = run_folder(args, &recipe);
    interrupt::say_how_to_go_on(&folder)?;
    logged(|progress, log| match recipe.rounds.count {
        1 => run_logged(args, &Stage::ALL, recipe, &folder, progress, log),
        _ => run_rounds(&recipe, &folder, |step| run_step(args, step, progress, Arc::clone(&log))),
    })?;
    print_report(&report(&folder).context("report")?, &folder, *json)?;
    if args.quick {
        note("a quick run: it shows that everything works, and nothing of how well");
    }
    Ok(())
}

/// Runs what is to be done in one of the folders of several rounds.
fn run_step(args: &RunArgs, step: &Step, progress: &Terminal, log: LogSink) -> Result<()> {
    let Step { name, folder, recipe, stages, .. } = step;
    let mut run =
        Run::open(recipe.clone(), folder, None, now(), progress, Some(log)).with_context(|| name.clone())?;
    note(format_args!("{name}: {}", begun(&run, folder)));
    if let Some(donor) = args.from.as_ref().filter(|_| step.is_first()) {
        take_over(&mut run, donor)?;
    }
    step.prepare(&mut run)?;
    for &stage in *stages {
        run_stage(&mut run, stage).with_context(|| format!("{name}: stage {}", stage.name()))?;
    }
    Ok(())
}

fn stages(args: &RunArgs, stages: &[Stage]) -> Result<()> {
    let recipe = recipe(args)?;
    let folder = run_folder(args, &recipe);
    interrupt::say_how_to_go_on(&folder)?;
    logged(|progress, log| run_logged(args, stages, recipe, &folder, progress, log))
}

/// Does work of which progress is shown, and what plugins log.
pub(super) fn logged(work: impl FnOnce(&Terminal, LogSink) -> Result<()>) -> Result<()> {
    let progress = Arc::new(Terminal::default());
    let log = PluginLog::new(&progress);
    let done = work(&progress, log.sink());
    log.close();
    done
}

/// Runs stages in a folder; plugins log to `log`.
fn run_logged(
    args: &RunArgs,
    stages: &[Stage],
    recipe: Recipe,
    folder: &Path,
    progress: &Terminal,
    log: LogSink,
) -> Result<()> {
    let mut run = Run::open(recipe, folder, args.shard, now(), progress, Some(log))?;
    note(begun(&run, folder));
    if let Some(donor) = &args.from {
        take_over(&mut run, donor)?;
    }
    for &stage in stages {
        if args.shard.is_some() && !stage.maps_over_problems() {
            continue; // the whole run's
        }
        if run.waits_for_others(stage) {
            let trained = if stage == Stage::EvalResult { " and trained" } else { "" };
            note(format_args!("{:>16}  waits until the whole run is merged{trained}", stage.name()));
            continue;
        }
        run_stage(&mut run, stage).with_context(|| format!("stage {}", stage.name()))?;
    }
    Ok(())
}

/// Whether a run that was opened in a folder is a new one, and where it is.
fn begun(run: &Run<'_>, folder: &Path) -> String {
    let verb = if run.folder.resumed() { "going on in" } else { "running in" };
    format!("{verb} {}", folder.display())
}

/// Takes finished stages over from another run, and says which.
fn take_over(run: &mut Run<'_>, folder: &Path) -> Result<()> {
    let taken = run.take_from(&PastRun::open(folder)?)?;
    let names: Vec<&str> = taken.iter().map(|stage| stage.name()).collect();
    let what = match names.is_empty() {
        true => "nothing (no stage that it finished is the same work and missing here)".to_owned(),
        false => names.join(", "),
    };
    note(format_args!("took {what} from {}", folder.display()));
    Ok(())
}

/// The time, RFC 3339.
pub(super) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// The recipe that the flags mean; what it names of elsewhere is here afterwards.
pub(super) fn recipe(args: &RunArgs) -> Result<Recipe> {
    // What the folder keeps, or another run's, is by digest: a recipe's own file alone has a lock beside it.
    present(recipe_of(args)?, args.recipe.as_deref().and_then(file_of))
}

/// The recipe by digest; what it names of the hub, of registries and of URLs is here afterwards. `file` is its own.
pub(super) fn present(mut recipe: Recipe, file: Option<&Path>) -> Result<Recipe> {
    super::hub::fetch(&recipe)?;
    super::elsewhere::pin(&mut recipe, file)?;
    Ok(recipe)
}

/// The recipe that the flags mean: over the one that is named, or that the folder keeps, or that of the other run.
fn recipe_of(args: &RunArgs) -> Result<Recipe> {
    let in_folder = |folder: &PathBuf| folder.join("recipe.toml");
    let kept = args.out.as_ref().filter(|folder| in_folder(folder).is_file());
    if let Some(folder) = kept {
        let recipe = kept_recipe(folder)?;
        if !has_recipe_flags(args) {
            return Ok(recipe);
        }
    }
    if let Some(donor) = &args.from {
        kept_recipe(donor)?; // or an error that says what is missing there
    }
    let base = kept.or(args.from.as_ref()).map(|folder| in_folder(folder).display().to_string());
    let name = args.recipe.as_deref().or(base.as_deref()).unwrap_or("default");
    let mut overrides = Vec::new();
    let mut set = |path: &str, value: Option<toml::Value>| {
        overrides.extend(value.map(|value| Override::new(path, value)));
    };
    set("run.seed", args.seed.map(Into::into));
    set("run.workers", args.workers.map(|n| (n as i64).into()));
    set("model.source", args.model.clone().map(Into::into));
    set("problems.train", args.train_problems.clone().map(Into::into));
    set("problems.heldout", args.heldout_problems.clone().map(Into::into));
    if !args.plugin.is_empty() {
        overrides.extend(plugin_overrides(name, &args.plugin)?);
    }
    if let Some(rounds) = args.from.as_ref().filter(|_| args.as_one_round) {
        let all = as_one(rounds)?;
        overrides.push(Override::new("rounds.count", 1));
        overrides.push(Override::new("sample.n_samples", i64::from(all.n_samples)));
        overrides.push(Override::new("train.steps", all.n_train_steps as i64));
    }
    if args.quick {
        overrides.extend(quick(&loader().load(name, vec![])?));
    }
    overrides.extend(args.set.iter().cloned());
    Ok(loader().load(name, overrides)?)
}

/// The values of `--quick`: a recipe on a small part of everything, under a name that says so.
fn quick(recipe: &Recipe) -> Vec<Override> {
    let name = recipe.run.name.trim_end_matches(QUICK);
    let small = |key: &str, value: i64| Override::new(key, value);
    vec![
        Override::new("run.name", format!("{name}{QUICK}")),
        small("problems.max_train", 24),
        small("problems.max_heldout", 24),
        small("sample.n_samples", 8),
        small("refine.n_rewrites", 8),
        small("train.batch_size", 4),
        small("eval.n_runs", 2),
        small("report.bootstrap_resamples", 200),
    ]
}

fn has_recipe_flags(args: &RunArgs) -> bool {
    let RunArgs {
        plugin,
        recipe,
        out: _,
        from: _,
        as_one_round,
        quick,
        shard: _,
        seed,
        model,
        train_problems,
        heldout_problems,
        workers,
        set,
    } = args;
    !plugin.is_empty()
        || *as_one_round
        || *quick
        || recipe.is_some()
        || seed.is_some()
        || model.is_some()
        || train_problems.is_some()
        || heldout_problems.is_some()
        || workers.is_some()
        || !set.is_empty()
}

/// Puts each plugin into the roles that it has. Settings of the recipe are kept if they are for a plugin of that name.
fn plugin_overrides(recipe: &str, files: &[String]) -> Result<Vec<Override>> {
    let recipe = loader().load(recipe, vec![])?;
    let (mut overrides, mut runners, mut taken) = (Vec::new(), Vec::new(), BTreeMap::new());
    for file in files {
        super::elsewhere::have(&recipe, [file])?;
        let plugin = open_plugin(&recipe, file)?;
        for role in plugin.roles() {
            if let Some(other) = taken.insert(role.interface(), file).filter(|_| *role != Role::Runner) {
                bail!("--plugin {other} and --plugin {file} are both a {role}, and a run has one");
            }
            if *role == Role::Runner {
                runners.push(toml::Value::from(file.clone()));
                continue;
            }
            let (key, section) = (key_of(*role), recipe.plugins.of(*role));
            overrides.push(Override::new(&format!("plugins.{key}.source"), file.clone()));
            if stem_of(&section.source) != plugin.identity().name {
                overrides.push(Override::new(&format!("plugins.{key}.settings"), toml::Table::new()));
            }
        }
    }
    if !runners.is_empty() {
        overrides.push(Override::new("plugins.runners", runners));
    }
    Ok(overrides)
}

/// Where the run is: `--out`, or a folder named after the recipe.
pub(super) fn run_folder(args: &RunArgs, recipe: &Recipe) -> PathBuf {
    let named = || PathBuf::from("runs").join(format!("{}-seed{}", recipe.run.name, recipe.run.seed));
    args.out.clone().unwrap_or_else(named)
}

fn merge(run: &Path, folders: &[PathBuf]) -> Result<()> {
    let joined = merge::merge(run, folders).context("merge")?;
    for (stage, shards) in &joined {
        note(format_args!("{:>16}  joined {shards} shards", stage.name()));
    }
    if joined.is_empty() {
        note("nothing to join: the run has every stage that its shards have");
    }
    say(run.display())
}

/// Prints a report and where it is, or its JSON alone.
fn print_report(report: &Report, folder: &Path, json: bool) -> Result<()> {
    if json {
        return say_value(report);
    }
    say_page(report.to_markdown())?;
    say(folder.display())
}

/// Prints a finished run's table again, by its recipe or by other values of `[report]`, or compares several.
fn report_again(args: &ReportArgs) -> Result<()> {
    let folder = match args.runs.as_slice() {
        [folder] => Path::new(folder),
        _ if !args.set.is_empty() => bail!("--set changes the table of one run, and several are compared"),
        runs => return super::compare::report(runs, &args.out, args.json),
    };
    if args.set.is_empty() {
        return print_report(&report(folder).context("report")?, folder, args.json);
    }
    let run = PastRun::open(folder)?;
    let kept = run.recipe();
    let recipe = kept.with(args.set.clone())?;
    if (Recipe { report: kept.report.clone(), ..recipe.clone() }) != *kept {
        bail!(
            "--set: only values of [report], such as report.budget_tokens, change a table that is printed again"
        );
    }
    print_report(&report_with(&run, &recipe.report).context("report")?, folder, args.json)
}

fn check_recipe(args: &RunArgs) -> Result<()> {
    let recipe = recipe(args)?;
    check_folder(&run_folder(args, &recipe))?;
    for line in check(&recipe)? {
        say(line)?;
    }
    let (splitter, settings) = open_for(&recipe, Role::StepSplitter)?;
    let splitter = Handle::open(&splitter, Some(Role::StepSplitter), &settings).map_err(OpenError::Named)?;
    if let Err(fault) = check_laws(&splitter) {
        bail!("the step splitter's steps move as a text grows: {}, {}", fault.input, fault.told);
    }
    say("ready to run")
}

/// Whether a run could write into a folder that need not exist: into what there is of its path.
fn check_folder(folder: &Path) -> Result<()> {
    let there =
        folder.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let there = there.into_iter().find(|path| path.exists()).unwrap_or(Path::new("."));
    if !there.is_dir() {
        bail!("a run cannot be in {}: {} is a file", folder.display(), there.display());
    }
    let cannot = || {
        format!("a run cannot be in {}: nothing can be written into {}", folder.display(), there.display())
    };
    tempfile::tempfile_in(there).map(drop).with_context(cannot)
}

fn ablate(args: &AblateArgs) -> Result<()> {
    let rows: Vec<String> = match args.rows.is_empty() {
        true => {
            let shipped = RECIPES.iter().map(|(name, _)| (*name).to_owned());
            shipped.filter(|name| name == "default" || name.starts_with("ablation/")).collect()
        }
        false => args.rows.clone(),
    };
    let comparison = ablation::Comparison {
        recipes: recipes(&rows, &args.recipe, &args.set)?,
        seeds: args.seeds.clone(),
        strengths: args.strengths.clone(),
        tuning: args.tuning_problems.clone(),
    };
    interrupt::say_how_to_go_on(&args.out)?;
    let ablation = ablation::ablate(&comparison, &args.out, &now(), &Terminal::default())?;
    let tables = ablation.to_markdown();
    let document = args.document.clone().unwrap_or_else(|| args.out.join("ablations.md"));
    ablation::write_document(&document, &tables)?;
    if args.json {
        return say_value(&ablation);
    }
    say_page(&tables)?;
    say(document.display())
}

/// Recipes by their names, with `base` in place of the default one and the values of `--set`; what they name of elsewhere is here afterwards.
pub(super) fn recipes(names: &[String], base: &str, set: &[Override]) -> Result<Vec<Recipe>> {
    let load = |name: &String| -> Result<Recipe> { Ok(loader().load_over(base, name, set.to_vec())?) };
    let recipes = names.iter().map(load).collect::<Result<Vec<_>>>()?;
    names.iter().zip(recipes).map(|(name, recipe)| present(recipe, file_of(name).or(file_of(base)))).collect()
}

fn pretrain(args: &PretrainArgs) -> Result<()> {
    let settings = pretrain::Pretraining {
        task: match args.task {
            PretrainTask::Plain => Task::Plain,
            PretrainTask::Teeth => Task::Teeth,
        },
        seed: args.seed,
        n_tokens: (args.million_tokens * 1e6) as u64,
        n_workers: n_threads(args.workers),
    };
    pretrain::pretrain(&settings, &args.out, &Terminal::default())?;
    say(args.out.display())
}
