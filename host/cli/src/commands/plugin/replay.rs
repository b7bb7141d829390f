//! Grades again what a run saw.
//!
//! In: a run's folder, a problem, perhaps another verifier. Out: a line a response, then and now. Left out on purpose: changing the
//! run.

use anyhow::Result;
use ts_pipeline::replay::replay as grade_again;
use ts_run::records::GradeRecord;

use crate::args::PluginReplayArgs;
use crate::terminal::say;

pub(super) fn replay(args: &PluginReplayArgs) -> Result<()> {
    let replayed = grade_again(&args.run, &args.problem, args.plugin.as_deref())?;
    let told = |grade: &GradeRecord| {
        let outcome = serde_json::to_value(grade.outcome).unwrap_or_default();
        let note = if grade.note.is_empty() { String::new() } else { format!(" ({})", grade.note) };
        format!("{} {}{note}", outcome.as_str().unwrap_or_default(), grade.score)
    };
    for one in &replayed {
        let text = &one.sample.text;
        let answer = one.now.answer.and_then(|[start, end]| text.get(start as usize..end as usize));
        let answer =
            answer.map(|answer| format!(", at `{}`", answer.replace('\n', "\\n"))).unwrap_or_default();
        let now = told(&one.now);
        match &one.before {
            Some(_) if one.is_same() => say(format_args!("draw {}: {now}{answer}", one.sample.draw))?,
            Some(before) => {
                say(format_args!("draw {}: was {}, is {now}{answer}", one.sample.draw, told(before)))?
            }
            None => say(format_args!("draw {}: not graded yet, is {now}{answer}", one.sample.draw))?,
        }
    }
    let changed = replayed.iter().filter(|one| one.before.is_some() && !one.is_same()).count();
    say(format_args!("{} responses, {changed} graded otherwise than in the run", replayed.len()))
}
