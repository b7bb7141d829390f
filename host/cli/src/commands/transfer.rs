//! `ts-host transfer`: a finished run's model on other domains.

use anyhow::{Context, Result, anyhow, bail};
use ts_pipeline::summary::report;
use ts_pipeline::transfer::{TransferSet, TransferStep, transfer_steps};
use ts_pipeline::{Run, Stage, run_stage};
use ts_recipe::Override;

use super::training::{logged, now, present};
use crate::args::training::TransferArgs;
use crate::terminal::{note, say, say_page};

/// Runs what is not done of the evaluations, prints their table, and puts it into the run's report.
pub(super) fn run(args: &TransferArgs) -> Result<()> {
    let steps = transfer_steps(&args.folder, &sets(args)?)?;
    let with_all = |step: TransferStep| -> Result<_> {
        let recipe = present(step.recipe, None)?;
        Ok(TransferStep { recipe, ..step })
    };
    let steps = steps.into_iter().map(with_all).collect::<Result<Vec<_>>>()?;
    logged(|progress, log| {
        for TransferStep { name, folder, recipe } in steps {
            note(format_args!("{name}: {}", folder.display()));
            let mut run = Run::open(recipe, &folder, None, now(), progress, Some(log.clone()))
                .with_context(|| name.clone())?;
            run_stage(&mut run, Stage::EvalBaseline).with_context(|| name)?;
        }
        Ok(())
    })?;
    match report(&args.folder).context("report")?.transfer {
        Some(transfer) => say_page(transfer.to_markdown())?,
        None => bail!("nothing is measured yet: name a set with --on NAME=FILE"),
    }
    say(args.folder.display())
}

/// The sets that the flags name.
fn sets(args: &TransferArgs) -> Result<Vec<TransferSet>> {
    let mut sets = Vec::new();
    for text in &args.on {
        let (name, problems) = named(text, '=', "--on NAME=FILE")?;
        sets.push(TransferSet { name, problems, verifier: None, changes: Vec::new() });
    }
    for text in &args.verifier {
        let (name, verifier) = named(text, '=', "--verifier NAME=FILE")?;
        of(&mut sets, &name)?.verifier = Some(verifier);
    }
    for text in &args.set {
        let (name, change) = named(text, '.', "--set NAME.KEY=VALUE")?;
        let change: Override = change.parse().map_err(|must| anyhow!("--set {text}: {must}"))?;
        of(&mut sets, &name)?.changes.push(change);
    }
    Ok(sets)
}

fn named(text: &str, separator: char, form: &str) -> Result<(String, String)> {
    match text.split_once(separator).filter(|(name, rest)| !name.is_empty() && !rest.is_empty()) {
        Some((name, rest)) => Ok((name.to_owned(), rest.to_owned())),
        None => bail!("{text}: must be {form}"),
    }
}

fn of<'s>(sets: &'s mut [TransferSet], name: &str) -> Result<&'s mut TransferSet> {
    sets.iter_mut()
        .find(|set| set.name == name)
        .with_context(|| format!("no set is called `{name}`: --on {name}=FILE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(on: &[&str], verifier: &[&str], set: &[&str]) -> TransferArgs {
        let [on, verifier, set] =
            [on, verifier, set].map(|texts| texts.iter().map(|&text| text.to_owned()).collect());
        TransferArgs { folder: "run".into(), on, verifier, set }
    }

    #[test]
    fn each_set_has_what_is_said_of_it() {
        let args = args(
            &["code=a=b.jsonl", "mcq=c.jsonl"],
            &["code=code_grader"],
            &["code.eval.temperature=0.2", "code.eval.n_runs=3"],
        );
        let sets = sets(&args).unwrap();
        let of = |set: &TransferSet| {
            (set.name.clone(), set.problems.clone(), set.verifier.clone(), set.changes.len())
        };
        assert_eq!(of(&sets[0]), ("code".into(), "a=b.jsonl".into(), Some("code_grader".into()), 2));
        assert_eq!(of(&sets[1]), ("mcq".into(), "c.jsonl".into(), None, 0));
    }

    #[test]
    fn what_is_no_set_is_named() {
        for (on, verifier, set, reason) in [
            ("file.jsonl", "a=b", "a.b=c", "file.jsonl: must be --on NAME=FILE"),
            ("=file.jsonl", "a=b", "a.b=c", "must be --on NAME=FILE"),
            ("a=x", "b=y", "a.b=c", "no set is called `b`"),
            ("a=x", "a=y", "eval.n_runs=2", "no set is called `eval`"),
            ("a=x", "a=y", "a", "must be --set NAME.KEY=VALUE"),
        ] {
            let error = sets(&args(&[on], &[verifier], &[set])).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
