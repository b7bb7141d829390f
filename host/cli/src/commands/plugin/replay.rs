//! Calls a plugin again on what a run saw.
//!
//! In: a run's folder, a problem, a role, perhaps another plugin. Out: a line a response, then and now, or the same as JSON; or
//! golden cases. The run is not changed.

use anyhow::Result;
use serde_json::json;
use ts_harness::Handle;
use ts_harness::golden::Golden;
use ts_harness::handle::Input;
use ts_pipeline::kept_recipe;
use ts_pipeline::replay::{Regraded, Replay};
use ts_plugin::Role;
use ts_recipe::OpenError;
use ts_run::records::GradeRecord;

use crate::args::plugin::PluginReplayArgs;
use crate::commands::elsewhere::have;
use crate::commands::training::present;
use crate::terminal::{say, say_json, say_value};

pub(super) fn replay(args: &PluginReplayArgs) -> Result<()> {
    let kept = Replay::open(&args.run, &args.problem)?;
    let recipe = present(kept_recipe(&args.run)?, None)?;
    have(&recipe, &args.plugin)?;
    match args.role {
        Role::Verifier if !args.golden => regrade(&kept, args),
        role => ask(&kept, role, args),
    }
}

/// Grades again, and compares with the grades that the run wrote down.
fn regrade(kept: &Replay, args: &PluginReplayArgs) -> Result<()> {
    let regraded = kept.regrade(args.plugin.as_deref())?;
    let changed = regraded.iter().filter(|one| one.before.is_some() && !one.is_same()).count();
    if args.json {
        let grade = |grade: &GradeRecord| json!({"outcome": grade.outcome, "score": grade.score, "answer": grade.answer, "note": grade.note});
        let response = |one: &Regraded<'_>| json!({"draw": one.sample.draw, "before": one.before.map(grade), "now": grade(&one.now)});
        let responses: Vec<_> = regraded.iter().map(response).collect();
        return say_value(&json!({"responses": responses, "changed": changed}));
    }
    let told = |grade: &GradeRecord| {
        let outcome = serde_json::to_value(grade.outcome).unwrap_or_default();
        let note = if grade.note.is_empty() { String::new() } else { format!(" ({})", grade.note) };
        format!("{} {}{note}", outcome.as_str().unwrap_or_default(), grade.score)
    };
    for one in &regraded {
        let text = &one.sample.text;
        let answer = one.now.answer.and_then(|[start, end]| text.get(start as usize..end as usize));
        let answer = answer.map(|answer| format!(", at `{answer}`")).unwrap_or_default();
        let now = told(&one.now);
        match one.before {
            Some(_) if one.is_same() => say(format_args!("draw {}: {now}{answer}", one.sample.draw))?,
            Some(before) => {
                say(format_args!("draw {}: was {}, is {now}{answer}", one.sample.draw, told(before)))?
            }
            None => say(format_args!("draw {}: not graded yet, is {now}{answer}", one.sample.draw))?,
        }
    }
    say(format_args!("{} responses, {changed} graded otherwise than in the run", regraded.len()))
}

/// Asks the run's plugin in any role, and another one if one is given, and compares the two.
fn ask(kept: &Replay, role: Role, args: &PluginReplayArgs) -> Result<()> {
    let open = |other: Option<&str>| -> Result<Handle> {
        let (plugin, settings) = kept.plugin(role, other)?;
        Ok(Handle::open(&plugin, Some(role), &settings).map_err(OpenError::Named)?)
    };
    let (ours, other) = (open(None)?, args.plugin.as_deref().map(|file| open(Some(file))).transpose()?);
    let asked = asked(kept, role)?;
    let (n, mut changed, mut calls) = (asked.len(), 0, Vec::new());
    for (name, input) in asked {
        let before = ours.call(&input).output;
        let now = other.as_ref().map(|other| other.call(&input).output);
        if args.golden {
            let output = now.unwrap_or(before);
            let golden =
                Golden { id: Some(format!("{} {name}", args.problem)), input: input.to_json(), output };
            say_json(&serde_json::to_string(&golden)?)?;
            continue;
        }
        let is_changed = now.as_ref().is_some_and(|now| *now != before);
        if args.json {
            changed += usize::from(is_changed);
            calls.push(json!({"name": name, "run": before, "plugin": now}));
            continue;
        }
        match now.filter(|_| is_changed) {
            None => say(format_args!("{name}: {before}"))?,
            Some(now) => {
                changed += 1;
                say(format_args!("{name}:"))?;
                say(format_args!("  - {before}"))?;
                say(format_args!("  + {now}"))?;
            }
        }
    }
    if args.json {
        return say_value(&json!({"calls": calls, "changed": changed}));
    }
    match (args.golden, &args.plugin) {
        (true, _) => Ok(()),
        (false, None) => say(format_args!("{n} calls")),
        (false, Some(plugin)) => say(format_args!("{n} calls, {changed} answered otherwise by {plugin}")),
    }
}

/// What a role is asked about the problem, by name.
fn asked(kept: &Replay, role: Role) -> Result<Vec<(String, Input)>> {
    if role == Role::SelectionPolicy {
        return Ok(vec![("group".to_owned(), Input::Select(kept.group()?))]);
    }
    let input = |sample: &ts_run::records::SampleRecord| match role {
        Role::StepSplitter => Input::Split(kept.reasoning(sample).to_owned()),
        Role::LengthFunction => Input::Measure(sample.text.clone(), sample.tokens.len() as u32),
        _ => Input::Grade(kept.problem(), sample.text.clone()),
    };
    Ok(kept.samples().iter().map(|sample| (format!("draw {}", sample.draw), input(sample))).collect())
}
