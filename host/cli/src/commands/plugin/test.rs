//! Runs cases and compares: labelled ones with their labels, golden ones with what the plugin gave before.
//!
//! In: a plugin and files of cases. Out: agreement, or differences; a failing exit status where there are
//! more of them than are allowed. Every case runs with the settings of the command.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ts_harness::golden::GoldenFile;
use ts_harness::handle::Handle;
use ts_harness::{Answer, Case};
use ts_recipe::n_threads;

use super::handle;
use crate::args::plugin::PluginTestArgs;
use crate::terminal::say;

pub(super) fn test(args: &PluginTestArgs) -> Result<()> {
    let handle = handle(&args.called)?;
    let files = args.cases.iter().map(|path| GoldenFile::read(path)).collect::<Result<Vec<_>, _>>()?;
    let golden: Vec<GoldenFile> = files.into_iter().flatten().collect();
    match golden.len() {
        0 => labelled(args, &handle),
        count if count == args.cases.len() => {
            let files = golden.into_iter().zip(&args.cases);
            let differences = files.map(|(file, path)| accept_or_show(args, &handle, file, path));
            match differences.sum::<Result<usize>>()? {
                0 => Ok(()),
                _ if args.update => Ok(()),
                count => bail!("outputs that differ: {count}; --update accepts them"),
            }
        }
        _ => bail!("some of the files hold labelled cases and some golden ones: test them one by one"),
    }
}

/// Compares the cases of one file with what the plugin gives now; how many differ.
fn accept_or_show(
    args: &PluginTestArgs,
    handle: &Handle,
    mut golden: GoldenFile,
    path: &Path,
) -> Result<usize> {
    let differences = golden.compare(handle)?;
    say(format_args!(
        "{}: {} golden cases, {} differ",
        path.display(),
        golden.cases().count(),
        differences.len()
    ))?;
    for one in differences.iter().take(args.show) {
        say(format_args!("  {}", one.id))?;
        say(format_args!("  - {}", one.before))?;
        say(format_args!("  + {}", one.now))?;
    }
    if args.update && !differences.is_empty() {
        golden.write()?;
        say(format_args!("{}: accepted", path.display()))?;
    }
    Ok(differences.len())
}

/// Grades labelled cases and compares.
fn labelled(args: &PluginTestArgs, handle: &Handle) -> Result<()> {
    let Handle::Verifier(verifier) = handle else {
        bail!("labelled cases are for verifiers; those of this role have `input` and `output`");
    };
    let cases = ts_harness::read_cases(&args.cases)?;
    if cases.is_empty() {
        bail!("there are no cases in {}", named(&args.cases));
    }
    let threads = n_threads(args.workers);
    let run = ts_harness::run(verifier, &cases, threads);
    if let Some(path) = &args.out {
        ts_harness::write_results(path, &cases, &run).context("the cases were run")?;
    }
    let report = ts_harness::Report::of(&cases, &run);
    say(format_args!(
        "{} cases, {} with an expected verdict: {:.2} % agree",
        report.cases,
        report.counted,
        100.0 * report.agreement()
    ))?;
    for (what, ids) in [
        ("false negatives", &report.false_negatives),
        ("false positives", &report.false_positives),
        ("other verdicts than expected", &report.otherwise_wrong),
        ("over their limits", &report.broken_limits),
    ] {
        if ids.is_empty() && what.starts_with("other") {
            continue;
        }
        say(format_args!("{what}: {}", ids.len()))?;
        for id in ids.iter().take(args.show) {
            say(format_args!("  {id}: {}", told(&cases, &run, id)))?;
        }
        if ids.len() > args.show {
            say(format_args!("  and {} more (--show, --out)", ids.len() - args.show))?;
        }
    }
    for (reason, n) in &report.nulls {
        say(format_args!("no verdict, {reason}: {n}"))?;
    }
    say(format_args!(
        "{:.2} s on {threads} threads, {:.0} cases a second a core",
        report.seconds, report.cases_per_second_per_core
    ))?;
    match report.disagreements() {
        wrong if wrong > args.allow => {
            bail!("verdicts that are not as expected: {wrong}; --allow {wrong} lets as many pass")
        }
        _ => Ok(()),
    }
}

/// Files, as a sentence has them.
pub(super) fn named(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// What was expected of a case, and what came.
fn told(cases: &[Case], run: &ts_harness::Run, id: &str) -> String {
    let pair = cases.iter().zip(&run.results).find(|(case, _)| case.id == id);
    let Some((case, result)) = pair else { return String::new() };
    let got = match &result.answer {
        Answer::Failed(how) => (*how).to_owned(),
        Answer::Graded(verdict) => match verdict.reason() {
            Some(why) => format!("{} ({why})", verdict.name()),
            None => verdict.name().to_owned(),
        },
    };
    let milliseconds = result.elapsed.as_secs_f64() * 1e3;
    format!("expected {}, got {got} in {milliseconds:.1} ms", case.expected.name())
}
