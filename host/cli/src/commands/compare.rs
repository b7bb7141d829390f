//! `ts-host compare`: methods beside each other, of finished runs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ts_pipeline::ablation;
use ts_pipeline::compare::{Given, compare, gather, page};
use ts_run::atomic;

use super::training::{now, recipes};
use crate::args::training::CompareArgs;
use crate::progress::Terminal;
use crate::terminal::{say, say_page, say_value};

/// What orders the points of runs of which nothing else is said.
const STRENGTH: &str = "train.learning_rate";

/// Compares runs that are finished.
pub(super) fn report(runs: &[String], out: &Path, json: bool) -> Result<()> {
    let runs = runs.iter().map(|text| given(text)).collect::<Result<Vec<_>>>()?;
    write(&runs, STRENGTH, out, json)
}

/// Compares what was given, after running what is to be run.
pub(super) fn run(args: &CompareArgs) -> Result<()> {
    let mut runs = args.runs.iter().map(|text| given(text)).collect::<Result<Vec<_>>>()?;
    if !args.recipes.is_empty() {
        let comparison = ablation::Comparison {
            recipes: recipes(&args.recipes, &args.recipe, &args.set)?,
            seeds: args.seeds.clone(),
            strengths: args.strengths.clone(),
            tuning: None,
        };
        ablation::ablate(&comparison, &args.runs_in, &now(), &Terminal::default())?;
        let folders = ablation::folders(&comparison, &args.runs_in);
        runs.extend(folders.into_iter().map(|folder| Given { name: None, strength: None, folder }));
    }
    if runs.is_empty() {
        bail!("nothing to compare: name runs, or recipes with --recipes");
    }
    write(&runs, &args.strength, &args.out, args.json)
}

/// Writes the table, the plot and the page, and prints the table, or its JSON alone.
fn write(runs: &[Given], strength: &str, out: &Path, json: bool) -> Result<()> {
    let rivals = gather(runs, strength)?;
    let compared = compare(&rivals)?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let table = compared.to_markdown();
    let document = format!("# Comparison\n\n![Accuracy against length](compare.svg)\n\n{table}");
    atomic::write_file(&out.join("compare.svg"), compared.to_svg().as_bytes())?;
    atomic::write_file(&out.join("compare.md"), document.as_bytes())?;
    atomic::write_file(&out.join("compare.html"), page(&rivals, &compared)?.as_bytes())?;
    if json {
        return say_value(&compared);
    }
    say_page(table)?;
    say(out.display())
}

/// `FOLDER`, `NAME=FOLDER` or `NAME@STRENGTH=FOLDER`.
fn given(text: &str) -> Result<Given> {
    let folder = PathBuf::from(text);
    let Some((name, named)) = text.split_once('=').filter(|_| !folder.exists()) else {
        return Ok(Given { name: None, strength: None, folder });
    };
    let (name, strength) = match name.rsplit_once('@') {
        None => (name, None),
        Some((name, strength)) => {
            let number = strength.parse::<f64>().ok().filter(|number| number.is_finite());
            (name, Some(number.with_context(|| format!("{text}: the strength `{strength}` is no number"))?))
        }
    };
    if name.is_empty() || named.is_empty() {
        bail!("{text}: must be FOLDER, NAME=FOLDER or NAME@STRENGTH=FOLDER");
    }
    Ok(Given { name: Some(name.to_owned()), strength, folder: PathBuf::from(named) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_may_have_a_name_and_a_strength() {
        let of = |text: &str| {
            let Given { name, strength, folder } = given(text).unwrap();
            (name.unwrap_or_default(), strength, folder.display().to_string())
        };
        assert_eq!(of("runs/a"), (String::new(), None, "runs/a".into()));
        assert_eq!(of("a=runs/b=c"), ("a".into(), None, "runs/b=c".into()));
        assert_eq!(of("be concise@2.5=x"), ("be concise".into(), Some(2.5), "x".into()));
        for wrong in ["a@b=c", "a@=c", "=c", "@1=c", "a=", "a@nan=c"] {
            assert!(given(wrong).is_err(), "{wrong}");
        }
    }
}
