//! Runs cases and compares: labelled ones with their labels, golden ones with what the plugin gave before.
//!
//! In: a plugin and files of cases. Out: agreement, or differences; a failing exit status where there are
//! more of them than are allowed. Every case runs with the settings of the command. With `--watch` all of that again whenever a file
//! changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use ts_harness::golden::{Difference, GoldenFile};
use ts_harness::handle::{Handle, Input};
use ts_harness::{Answer, Case, CaseResult, Expected};
use ts_recipe::n_threads;

use super::handle_of;
use super::heard::Heard;
use super::watch::again_and_again;
use crate::args::plugin::PluginTestArgs;
use crate::terminal::{note, say, say_value};

/// Characters of a text that are shown of a case.
const SHOWN: usize = 300;

pub(super) fn test(args: &PluginTestArgs) -> Result<()> {
    if !args.watch {
        return test_once(args);
    }
    let files = [std::slice::from_ref(&args.called.file), &args.called.runner].concat();
    let files = files.into_iter().map(PathBuf::from).chain(args.cases.iter().cloned()).collect();
    again_and_again(files, || test_once(args))
}

fn test_once(args: &PluginTestArgs) -> Result<()> {
    let heard = Heard::default();
    let handle = handle_of(&args.called, Some(heard.sink()))?;
    let files = args.cases.iter().map(|path| GoldenFile::read(path)).collect::<Result<Vec<_>, _>>()?;
    let golden: Vec<GoldenFile> = files.into_iter().flatten().collect();
    match golden.len() {
        0 => labelled(args, &handle, &heard),
        count if count == args.cases.len() => {
            let files = golden.into_iter().zip(&args.cases);
            let compared = files.map(|(file, path)| accept_or_show(args, &handle, file, path));
            let compared = compared.collect::<Result<Vec<_>>>()?;
            if args.json {
                say_value(&compared.iter().map(|(_, json)| json).collect::<Vec<_>>())?;
            }
            match compared.iter().map(|(differences, _)| differences).sum::<usize>() {
                0 => Ok(()),
                _ if args.update => Ok(()),
                count => bail!("outputs that differ: {count}; --update accepts them"),
            }
        }
        _ => bail!("some of the files hold labelled cases and some golden ones: test them one by one"),
    }
}

/// Compares the cases of one file with what the plugin gives now; how many differ, and the same as JSON.
fn accept_or_show(
    args: &PluginTestArgs,
    handle: &Handle,
    mut golden: GoldenFile,
    path: &Path,
) -> Result<(usize, Value)> {
    let differences = golden.compare(handle)?;
    let n_cases = golden.cases().count();
    let is_accepted = args.update && !differences.is_empty();
    if is_accepted {
        golden.write()?;
    }
    let different = |one: &Difference| json!({"id": one.id, "before": one.before, "now": one.now});
    let json = json!({
        "file": path.display().to_string(),
        "cases": n_cases,
        "differences": differences.iter().map(different).collect::<Vec<_>>(),
        "accepted": is_accepted,
    });
    if args.json {
        return Ok((differences.len(), json));
    }
    say(format_args!("{}: {} golden cases, {} differ", path.display(), n_cases, differences.len()))?;
    for one in differences.iter().take(args.show) {
        say(format_args!("  {}", one.id))?;
        say(format_args!("  - {}", one.before))?;
        say(format_args!("  + {}", one.now))?;
    }
    if is_accepted {
        say(format_args!("{}: accepted", path.display()))?;
    }
    Ok((differences.len(), json))
}

/// Grades labelled cases and compares.
fn labelled(args: &PluginTestArgs, handle: &Handle, heard: &Heard) -> Result<()> {
    let Handle::Verifier(verifier) = handle else {
        bail!("labelled cases are for verifiers; those of this role have `input` and `output`");
    };
    let cases = ts_harness::read_cases(&args.cases)?;
    if cases.is_empty() {
        bail!("there are no cases in {}", named(&args.cases));
    }
    let unread = unread(&cases);
    if !unread.is_empty() {
        let fields: Vec<_> = unread.iter().map(|(name, n)| format!("`{name}` ({n} cases)")).collect();
        note(format_args!(
            "warning: nobody reads these fields of {}: {}",
            named(&args.cases),
            fields.join(", ")
        ));
    }
    let threads = n_threads(args.workers);
    let run = ts_harness::run(verifier, &cases, threads);
    if let Some(path) = &args.out {
        ts_harness::write_results(path, &cases, &run).context("the cases were run")?;
    }
    let report = ts_harness::Report::of(&cases, &run);
    if args.json {
        say_value(&json!({
            "cases": report.cases,
            "expected": report.counted,
            "agreement": report.agreement(),
            "false_negatives": report.false_negatives,
            "false_positives": report.false_positives,
            "other_verdicts": report.otherwise_wrong,
            "wrong_scores": cases
                .iter()
                .zip(&run.results)
                .filter(|(case, _)| report.wrong_scores.contains(&case.id))
                .map(|(case, result)| {
                    let expected = case.score.map(|score| [score.low, score.high]);
                    json!({"id": case.id, "expected": expected, "score": result.score})
                })
                .collect::<Vec<_>>(),
            "unread_fields": unread,
            "over_limits": report.broken_limits,
            "no_verdict": report.nulls,
            "seconds": report.seconds,
            "threads": threads,
            "cases_per_second_per_core": report.cases_per_second_per_core,
        }))?;
    } else {
        show(args, &cases, &run, &report, |case| explain(handle, heard, case))?;
    }
    let what = if report.wrong_scores.is_empty() { "verdicts" } else { "verdicts and scores" };
    match report.disagreements() {
        wrong if wrong > args.allow => {
            bail!("{what} that are not as expected: {wrong}; --allow {wrong} lets as many pass")
        }
        _ => Ok(()),
    }
}

/// Prints what came of labelled cases.
fn show(
    args: &PluginTestArgs,
    cases: &[Case],
    run: &ts_harness::Run,
    report: &ts_harness::Report,
    explain: impl Fn(&Case) -> Result<()>,
) -> Result<()> {
    let threads = run.threads;
    let has_scores = cases.iter().any(|case| case.score.is_some());
    say(format_args!(
        "{} cases, {} with an expected verdict{}: {:.2} % agree",
        report.cases,
        report.counted,
        if has_scores { " or score" } else { "" },
        100.0 * report.agreement()
    ))?;
    for (what, ids) in [
        ("false negatives", &report.false_negatives),
        ("false positives", &report.false_positives),
        ("other verdicts than expected", &report.otherwise_wrong),
        ("other scores than expected", &report.wrong_scores),
        ("over their limits", &report.broken_limits),
    ] {
        if ids.is_empty() && what.starts_with("other") {
            continue;
        }
        say(format_args!("{what}: {}", ids.len()))?;
        for id in ids.iter().take(args.show) {
            let Some((case, result)) = cases.iter().zip(&run.results).find(|(case, _)| case.id == *id) else {
                continue;
            };
            say(format_args!("  {id}: {}", told(case, result)))?;
            explain(case)?;
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
    ))
}

/// Files, as a sentence has them.
pub(super) fn named(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Grades a case again, and shows what there is to see of it: reference, response, what was judged of it, note, score, how it failed,
/// and what the plugin said meanwhile.
fn explain(handle: &Handle, heard: &Heard, case: &Case) -> Result<()> {
    let (problem, response) = (&case.problem, case.response.as_str());
    let (answered, lines) = heard.during(|| handle.call(&Input::Grade(problem.clone(), response.to_owned())));
    let output = &answered.output;
    let line =
        |name: &str, text: &str| say(format_args!("    {name:<10} {}", ts_text::line(text).at_most(SHOWN)));
    line("reference", &problem.reference)?;
    let end: String = response.chars().rev().take(SHOWN).collect::<Vec<_>>().into_iter().rev().collect();
    line(if end.len() == response.len() { "response" } else { "… response" }, &end)?;
    let place: Option<[usize; 2]> = serde_json::from_value(output["answer"].clone()).unwrap_or_default();
    if let Some((judged, [start, end])) =
        place.and_then(|place| Some((response.get(place[0]..place[1])?, place)))
    {
        line("judged", &format!("{judged} (bytes {start} to {end})"))?;
    }
    for (name, text) in
        [("note", &output["note"]), ("why", &output["why"]), ("failed", &output["error"]["message"])]
    {
        text.as_str().filter(|text| !text.is_empty()).map_or(Ok(()), |text| line(name, text))?;
    }
    if let Some(score) = output["score"].as_f64() {
        line("score", &score.to_string())?;
    }
    lines.iter().try_for_each(|said| line("said", said))
}

/// What was expected of a case, and what came; scores where one was expected.
fn told(case: &Case, result: &CaseResult) -> String {
    let got = match &result.answer {
        Answer::Failed(how) => (*how).to_owned(),
        Answer::Graded(verdict) => match verdict.reason() {
            Some(why) => format!("{} ({why})", verdict.name()),
            None => verdict.name().to_owned(),
        },
    };
    let milliseconds = result.elapsed.as_secs_f64() * 1e3;
    let expected = match (case.expected, case.score) {
        (expected, None) => expected.name().to_owned(),
        (Expected::Anything, Some(score)) => format!("score {score}"),
        (expected, Some(score)) => format!("{} with score {score}", expected.name()),
    };
    let scored = case.score.and(result.score).map(|score| format!(" with score {score}")).unwrap_or_default();
    format!("expected {expected}, got {got}{scored} in {milliseconds:.1} ms")
}

/// Fields of cases that nobody reads, and how many cases have each.
fn unread(cases: &[Case]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for name in cases.iter().flat_map(|case| &case.unread) {
        *counts.entry(name.as_str()).or_default() += 1;
    }
    counts
}
