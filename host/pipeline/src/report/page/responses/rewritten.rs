//! Which positives are shown before and after stage 2, step by step, with the rewrites that were taken.
//!
//! In: `refined.jsonl`, and of `samples.jsonl` the responses that are shown. Steps are those of the run's own splitter, by their numbers of tokens.

use std::collections::{BTreeSet, HashMap};

use ts_model::TextTokenizer;
use ts_run::Artefact;
use ts_run::records::{ProblemRecord, RefinedRecord, SampleRecord, StepRecord};

use super::excerpt::beginning;
use super::heldout::PROMPT_CHARACTERS;
use super::show::{Change, Row};
use super::{Given, Kind, Pair, SHOWN};
use crate::Error;
use crate::stage::Stage;

/// Characters of a response before stage 2, behind which its steps are not shown.
const MAX_CHARACTERS: usize = 16_000;

/// A positive, without its texts.
#[derive(Clone, Debug)]
struct Light {
    problem: String,
    saved: u32,
    /// Where its line begins, bytes.
    offset: u64,
}

/// The positives that are shown: those that lost the most tokens, and some that are no longer correct.
pub(super) fn kinds(given: &Given<'_>) -> Result<Vec<Kind>, Error> {
    let run = given.run;
    if !run.recipe.refine.enabled {
        return Ok(Vec::new());
    }
    let (mut kept, mut dropped) = (Vec::new(), Vec::new());
    let records = run.records::<RefinedRecord>(Stage::Refine)?;
    let mut texts = records.lookup()?;
    for row in records {
        let row = row?;
        let RefinedRecord { problem, tokens_before, tokens_after, .. } = &row.record;
        let saved = tokens_before.saturating_sub(*tokens_after);
        let light = Light { problem: problem.clone(), saved, offset: row.offset };
        if row.record.kept { kept.push(light) } else { dropped.push(light) }
    }
    let mut kinds = Vec::new();
    for (heading, what, all) in [
        ("Rewritten most in stage 2", "stayed correct", kept),
        ("Dropped after stage 2", "are no longer correct and train nothing", dropped),
    ] {
        let n = all.len();
        if n == 0 {
            continue;
        }
        let chosen = most_saved(all);
        let told = format!(
            "{n} positives {what}; {} are shown, one a problem, those that lost the most tokens. A divergence is that of the text after the step.",
            chosen.len()
        );
        let refined =
            chosen.iter().map(|light| Ok(texts.at(light.offset)?)).collect::<Result<Vec<_>, Error>>()?;
        kinds.push(Kind { heading, told, pairs: pairs(given, refined)? });
    }
    Ok(kinds)
}

/// The positives that lost the most tokens, one a problem; of equal ones the first.
fn most_saved(mut all: Vec<Light>) -> Vec<Light> {
    all.sort_by_key(|light| std::cmp::Reverse(light.saved));
    let mut seen = BTreeSet::new();
    all.into_iter().filter(|light| seen.insert(light.problem.clone())).take(SHOWN).collect()
}

/// Positives with what they were sampled as.
fn pairs(given: &Given<'_>, refined: Vec<RefinedRecord>) -> Result<Vec<Pair>, Error> {
    let run = given.run;
    let tokenizer = tokenizer(given)?;
    let wanted: BTreeSet<(&str, u32)> = refined.iter().map(|it| (it.problem.as_str(), it.draw)).collect();
    let mut samples: HashMap<(String, u32), SampleRecord> = HashMap::new();
    for row in run.records::<SampleRecord>(Stage::Sample)? {
        let sample = row?.record;
        if wanted.contains(&(sample.problem.as_str(), sample.draw)) {
            samples.insert((sample.problem.clone(), sample.draw), sample);
            if samples.len() == wanted.len() {
                break;
            }
        }
    }
    let mut problems: HashMap<String, ProblemRecord> = HashMap::new();
    for problem in run.problems(Artefact::ProblemsTrain)?.problems()? {
        let problem = problem?;
        if wanted.iter().any(|(name, _)| *name == problem.id) {
            problems.insert(problem.id.clone(), problem);
        }
    }
    let pair = |refined: &RefinedRecord| -> Result<Pair, Error> {
        let key = (refined.problem.clone(), refined.draw);
        let sample = samples.get(&key).ok_or_else(|| Error::Inconsistent {
            file: "refined.jsonl",
            message: format!("problem `{}` has no draw {}", key.0, key.1),
        })?;
        let problem = problems.get(&refined.problem);
        let prompt = problem.map(|problem| problem.prompt.question().into_owned()).unwrap_or_default();
        let reference = problem.map(|problem| problem.reference.clone()).unwrap_or_default();
        let n_rewritten = refined.steps.iter().filter(|step| step.kl_nats.is_some()).count();
        let rows = match &tokenizer {
            Some(tokenizer) => steps(tokenizer, sample, refined)?,
            None => whole(sample, refined),
        };
        Ok(Pair {
            summary: format!(
                "{}, draw {}: {n_rewritten} of {} steps rewritten, {} to {} tokens",
                refined.problem,
                refined.draw,
                refined.steps.len(),
                refined.tokens_before,
                refined.tokens_after
            ),
            prompt: beginning(&prompt, PROMPT_CHARACTERS),
            reference: beginning(&reference, PROMPT_CHARACTERS),
            rows,
        })
    };
    refined.iter().map(pair).collect()
}

/// The tokenizer that the run's model has beside it; none where there is no model.
fn tokenizer(given: &Given<'_>) -> Result<Option<TextTokenizer>, Error> {
    let model = Artefact::Model.path_in(&given.run.folder);
    if !model.join("tokenizer.json").is_file() {
        return Ok(None);
    }
    Ok(Some(TextTokenizer::read(&model)?))
}

/// The steps of a positive, before and after.
fn steps(
    tokenizer: &TextTokenizer,
    sample: &SampleRecord,
    refined: &RefinedRecord,
) -> Result<Vec<Row>, Error> {
    let text = |tokens: &[u32], from: usize, to: usize| -> Result<String, Error> {
        let text = tokenizer.decode_plain(tokens.get(from..to).unwrap_or_default())?;
        Ok(beginning(text.trim_matches('\n'), MAX_CHARACTERS))
    };
    let (mut rows, mut shown) = (Vec::new(), 0);
    let (mut at, mut now) = (0, 0);
    for (index, step) in refined.steps.iter().enumerate() {
        if shown >= MAX_CHARACTERS {
            let rest = &refined.steps[index..];
            let n_rewritten = rest.iter().filter(|step| step.kl_nats.is_some()).count();
            let told = format!("{} more steps, {n_rewritten} of them rewritten, are not shown", rest.len());
            rows.push(Row { change: Change::Same, told, before: None, after: None });
            at += rest.iter().map(|step| step.tokens_before as usize).sum::<usize>();
            now += rest.iter().map(|step| step.tokens_after as usize).sum::<usize>();
            break;
        }
        let (end, new_end) = (at + step.tokens_before as usize, now + step.tokens_after as usize);
        let (before, after) = (text(&sample.tokens, at, end)?, text(&refined.tokens, now, new_end)?);
        // A step of no characters counts too, so that the rows have a bound.
        shown += before.chars().count().max(MAX_CHARACTERS / 400);
        let change = if step.kl_nats.is_some() { Change::Changed } else { Change::Same };
        rows.push(Row { change, told: told(step), before: Some(before), after: Some(after) });
        (at, now) = (end, new_end);
    }
    // What is behind the reasoning is as it was; what a policy left out of it stands between.
    let tail = refined.tokens.len().saturating_sub(now);
    let tail_at = sample.tokens.len().saturating_sub(tail);
    if at < tail_at {
        let before = Some(text(&sample.tokens, at, tail_at)?);
        rows.push(Row {
            change: Change::One,
            told: "left out by the policy".to_owned(),
            before,
            after: None,
        });
    }
    let behind = text(&refined.tokens, now, refined.tokens.len())?;
    if !behind.is_empty() {
        let told = "after the reasoning".to_owned();
        rows.push(Row { change: Change::Same, told, before: Some(behind.clone()), after: Some(behind) });
    }
    Ok(rows)
}

/// What became of a step, in words.
fn told(step: &StepRecord) -> String {
    match step.kl_nats {
        Some(divergence) => {
            format!("rewritten, {} to {} tokens, {divergence:.5} nats", step.tokens_before, step.tokens_after)
        }
        None if step.n_candidates == 0 => format!("kept, {} tokens: no shorter rewrite", step.tokens_before),
        None => format!("kept, {} tokens: no shorter rewrite passed", step.tokens_before),
    }
}

/// A positive whose steps cannot be told apart here.
fn whole(sample: &SampleRecord, refined: &RefinedRecord) -> Vec<Row> {
    let told = "whole: there is no tokenizer beside the run to cut it into steps".to_owned();
    let [before, after] = [&sample.text, &refined.text].map(|text| Some(beginning(text, MAX_CHARACTERS)));
    vec![Row { change: Change::Changed, told, before, after }]
}

#[cfg(test)]
mod tests {
    use ts_core::Outcome;

    use super::*;

    /// Letters as tokens.
    fn tokenizer() -> TextTokenizer {
        let vocab: serde_json::Map<String, serde_json::Value> =
            ('a'..='z').zip(0..).map(|(letter, id)| (letter.to_string(), id.into())).collect();
        let json = serde_json::json!({
            "version": "1.0", "added_tokens": [], "normalizer": null, "post_processor": null,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
            "model": {"type": "BPE", "vocab": vocab, "merges": []},
        });
        TextTokenizer::from_bytes(json.to_string().as_bytes(), std::path::Path::new("t.json")).unwrap()
    }

    fn tokens(text: &str) -> Vec<u32> {
        text.bytes().map(|byte| u32::from(byte - b'a')).collect()
    }

    fn step(tokens_before: u32, tokens_after: u32, kl_nats: Option<f64>) -> StepRecord {
        let (n_candidates, n_scored, n_tokens, n_refused) = (u32::from(kl_nats.is_some()), 0, 0, 0);
        StepRecord {
            tokens_before,
            tokens_after,
            n_candidates,
            n_scored,
            n_tokens,
            kl_nats,
            n_refused,
            estimate: None,
        }
    }

    /// "abc" becomes "x", "de" stays, "fg" is left out by the policy, "z" is behind the reasoning.
    #[test]
    fn steps_by_hand() {
        let sample = SampleRecord {
            problem: "p".into(),
            draw: 0,
            seed: 0,
            tokens: tokens("abcdefgz"),
            text: "abcdefgz".into(),
            finished: true,
            retokenised: false,
            imported: None,
        };
        let refined = RefinedRecord {
            problem: "p".into(),
            draw: 0,
            tokens: tokens("xdez"),
            text: "xdez".into(),
            steps: vec![step(3, 1, Some(0.001)), step(2, 2, None)],
            tokens_before: 8,
            tokens_after: 4,
            outcome: Outcome::Correct,
            kept: true,
            retokenised: false,
            max_kl_nats: None,
            drift: None,
        };
        let rows = steps(&tokenizer(), &sample, &refined).unwrap();
        let shown: Vec<_> =
            rows.iter().map(|row| (row.change, row.before.as_deref(), row.after.as_deref())).collect();
        assert_eq!(
            shown,
            [
                (Change::Changed, Some("abc"), Some("x")),
                (Change::Same, Some("de"), Some("de")),
                (Change::One, Some("fg"), None),
                (Change::Same, Some("z"), Some("z")),
            ]
        );
        assert_eq!(rows[0].told, "rewritten, 3 to 1 tokens, 0.00100 nats");
    }

    #[test]
    fn those_that_lost_the_most_come_first_and_each_problem_once() {
        let light = |problem: &str, saved, offset| Light { problem: problem.into(), saved, offset };
        let all = [("a", 3), ("b", 9), ("b", 8), ("c", 3), ("d", 3)];
        let all = all.iter().zip(0..).map(|((problem, saved), offset)| light(problem, *saved, offset));
        let chosen = most_saved(all.collect());
        let places: Vec<_> = chosen.iter().map(|it| (it.problem.as_str(), it.offset)).collect();
        assert_eq!(places, [("b", 1), ("a", 0), ("c", 3)]);
    }
}
