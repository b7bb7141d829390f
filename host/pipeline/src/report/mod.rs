//! What a run came to: the metrics before and after with their intervals, and what each stage did.
//!
//! In: an evaluation's records before and after, and the stages' summaries. Out: [`Report`], which is `report.json`, and from it
//! `report.md` ([`Report::to_markdown`]) and `report.html`. Numbers are section 4.1.2's; the same code makes both columns. They are not
//! judged: the reader sees the interval of the difference.

pub mod ablation;
mod card;
pub mod compare;
mod markdown;
mod page;
mod refinement;
mod rounds;
pub mod summary;
mod table;
pub(crate) mod transfer;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_core::bootstrap::{Interval, bootstrap_differences, bootstrap_intervals};
use ts_core::metrics::{Metric, Scored, Summary, summarise, summarise_by_difficulty};
use ts_core::{auc, seed};
use ts_run::manifest::{Adoption, Manifest, PluginOrigin};
use ts_run::records::EvalRecord;

use crate::Error;
use crate::past_run::PastRun;
use crate::report::refinement::RefinementNumbers;
use crate::report::rounds::RoundsReport;
use crate::report::transfer::TransferReport;
use crate::responses::ungraded::Ungraded;
use crate::stage::Stage;
use ts_recipe::ReportSection;

/// Below it a corrected p-value is marked.
const SIGNIFICANCE: f64 = 0.05;

/// Points of the accuracy–budget curve, evenly spaced up to the budget.
const CURVE_POINTS: usize = 16;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run's name.
    pub name: String,
    /// The run's seed.
    pub seed: u64,
    /// The budget that the areas are divided by, in tokens.
    pub budget_tokens: usize,
    /// Independent runs over the held-out problems.
    pub n_runs: u32,
    /// Temperature of the evaluation.
    pub temperature: f64,
    /// The model before.
    pub baseline: Side,
    /// The model after.
    pub result: Side,
    /// Result − baseline on the same problems, 95 % intervals.
    pub differences: BTreeMap<Metric, Interval>,
    /// What the stages did; absent if their artefacts are.
    pub stages: StageNumbers,
    /// The plugins that did it, in the recipe's order.
    #[serde(default)]
    pub plugins: Vec<PluginUsed>,
    /// Where the model came from, if it was trained elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adoption>,
    /// All rounds, of a recipe with several. The numbers above are the first's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<RoundsReport>,
    /// What its model does on other domains, if that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<TransferReport>,
}

/// A plugin of the run, and what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginUsed {
    /// Its role, such as `verifier`.
    pub role: String,
    /// Its name, as it describes itself.
    pub name: String,
    /// Its version, as it describes itself.
    pub version: String,
    /// SHA-256 of its component.
    pub sha256: String,
}

impl PluginUsed {
    /// The plugins of a run.
    fn of(manifest: &Manifest) -> Vec<Self> {
        let plugin = |PluginOrigin { role, name, version, sha256, .. }: &PluginOrigin| Self {
            role: role.clone(),
            name: name.clone(),
            version: version.clone(),
            sha256: sha256.clone(),
        };
        manifest.plugins.iter().map(plugin).collect()
    }
}

/// One model's evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// The metrics.
    pub summary: Summary,
    /// Their 95 % intervals: bootstrap over problems.
    pub intervals: BTreeMap<Metric, Interval>,
    /// The metrics by difficulty.
    pub by_difficulty: Vec<(Option<u32>, Summary)>,
    /// Accuracy at each budget: tokens, share.
    pub curve: Vec<(u32, f64)>,
    /// Responses without a grade. Not in any number above.
    pub ungraded: Ungraded,
    /// Share of the responses that were cut off at the token limit.
    pub cut_off: f64,
}

/// What the stages before training did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageNumbers {
    /// Responses sampled.
    pub n_samples: usize,
    /// Share of those with a grade that are correct.
    pub sample_accuracy: f64,
    /// Share of the responses sampled that were cut off at the token limit.
    #[serde(default)]
    pub sample_cut_off: f64,
    /// Responses without a grade.
    pub ungraded: Ungraded,
    /// Problems with at least one positive.
    pub n_problems_selected: usize,
    /// Positives.
    pub n_positives: usize,
    /// Preference pairs.
    pub n_pairs: usize,
    /// Responses with weights of either sign.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_sequences: usize,
    /// Tokens of the positives before and after stage 2.
    pub refined_tokens: Option<(u64, u64)>,
    /// Positives that the verifier refused after stage 2, and that were dropped.
    pub n_refined_dropped: usize,
    /// What stage 2 did beyond the paper, if the recipe asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refinement: Option<RefinementNumbers>,
    /// Examples made of them; a recipe that switches off a term of the loss trains on some of them only.
    pub n_examples: usize,
    /// Optimiser steps.
    pub n_train_steps: usize,
    /// Files of other programs that the samples come from: each as `file (format, sha256 …)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imported: Vec<String>,
    /// Where servers drew: what of it is not as if it were drawn and measured here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<OfServers>,
    /// Seconds in each stage, all starts together.
    pub seconds: Vec<(String, f64)>,
}

/// What servers did in a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OfServers {
    /// Responses, of both evaluations too, whose tokens are those that their text is tokenised to.
    pub n_retokenised: usize,
    /// Tokens of each position by which divergences were estimated; none where they were computed.
    pub estimated_by: Option<u32>,
}

impl Side {
    /// Makes one side from its records, in the problems' order; gives those that have a grade too.
    ///
    /// # Errors
    /// Those of the records; nothing to measure.
    pub fn of(
        records: impl IntoIterator<Item = Result<EvalRecord, Error>>,
        section: &ReportSection,
        run_seed: u64,
    ) -> Result<(Self, Vec<Scored>), Error> {
        let Counted { scored, ungraded, n_records, n_cut_off } = scored_of(records)?;
        let budget = section.budget_tokens as u32;
        let points: Vec<u32> =
            (1..=CURVE_POINTS).map(|i| (section.budget_tokens * i / CURVE_POINTS) as u32).collect();
        let accuracies = auc::accuracy_curve(&scored, &points)?;
        let resamples = section.bootstrap_resamples as usize;
        let side = Self {
            summary: summarise(&scored, budget)?,
            intervals: bootstrap_intervals(&scored, budget, resamples, bootstrap_seed(run_seed))?,
            by_difficulty: summarise_by_difficulty(&scored, budget)?,
            curve: points.into_iter().zip(accuracies).collect(),
            ungraded,
            cut_off: n_cut_off as f64 / n_records.max(1) as f64,
        };
        Ok((side, scored))
    }
}

/// An evaluation's records, counted.
struct Counted {
    /// Those that have a grade.
    scored: Vec<Scored>,
    ungraded: Ungraded,
    n_records: usize,
    n_cut_off: usize,
}

/// The responses of a finished evaluation that have a grade.
pub(crate) fn scored_in(run: &PastRun, stage: Stage) -> Result<Vec<Scored>, Error> {
    Ok(scored_of(run.records::<EvalRecord>(stage)?.map(|row| Ok(row?.record)))?.scored)
}

/// Counts an evaluation's records, in the problems' order.
fn scored_of(records: impl IntoIterator<Item = Result<EvalRecord, Error>>) -> Result<Counted, Error> {
    let mut index = BTreeMap::new();
    let (mut scored, mut ungraded) = (Vec::new(), Ungraded::default());
    let (mut n_records, mut n_cut_off) = (0_usize, 0_usize);
    for record in records {
        let record = record?;
        n_records += 1;
        n_cut_off += usize::from(!record.finished);
        ungraded.count(record.outcome, record.failure.as_deref());
        let next = index.len();
        let problem = *index.entry(record.problem).or_insert(next);
        if record.outcome.is_gradable() {
            scored.push(Scored {
                problem,
                run: record.run,
                difficulty: record.difficulty,
                correct: record.outcome.is_correct(),
                tokens: record.tokens,
                n_steps: record.n_steps,
                step_tokens: record.step_tokens,
            });
        }
    }
    Ok(Counted { scored, ungraded, n_records, n_cut_off })
}

/// Result − baseline, problem by problem.
pub(crate) fn differences(
    baseline: &[Scored],
    result: &[Scored],
    section: &ReportSection,
    run_seed: u64,
) -> Result<BTreeMap<Metric, Interval>, Error> {
    let resamples = section.bootstrap_resamples as usize;
    let budget = section.budget_tokens as u32;
    Ok(bootstrap_differences(baseline, result, budget, resamples, bootstrap_seed(run_seed))?)
}

fn bootstrap_seed(run_seed: u64) -> u64 {
    seed::derive_seed(run_seed, "bootstrap", "", 0)
}

/// A share in per cent.
fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A value in its metric's unit: shares as per cent.
pub(crate) fn show(metric: Metric, value: f64, signed: bool) -> String {
    let value = match metric {
        Metric::Accuracy | Metric::Auc => 100.0 * value,
        _ => value,
    };
    if signed { format!("{value:+.1}") } else { format!("{value:.1}") }
}

/// `estimate [low, high]`.
pub(crate) fn show_interval(metric: Metric, interval: &Interval, signed: bool) -> String {
    let show = |x| show(metric, x, signed);
    format!("{} [{}, {}]", show(interval.estimate), show(interval.low), show(interval.high))
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use ts_core::Outcome;

    fn section() -> ReportSection {
        ReportSection { budget_tokens: 100, bootstrap_resamples: 200 }
    }

    fn record(problem: &str, run: u32, outcome: Outcome, tokens: u32) -> EvalRecord {
        EvalRecord {
            problem: problem.into(),
            run,
            seed: 0,
            difficulty: Some(1),
            outcome,
            failure: None,
            tokens,
            n_steps: 2,
            step_tokens: 10,
            finished: tokens < 100,
            text: String::new(),
            retokenised: false,
        }
    }

    #[test]
    fn what_comes_from_outside_is_text_in_the_report() {
        let hostile = "x\u{1b}[2J\n| 100.0 | <img src=x>\u{202e}";
        let failed = EvalRecord { failure: Some(hostile.into()), ..record("a", 1, Outcome::GraderFailed, 7) };
        let (side, scored) =
            Side::of([Ok(record("a", 0, Outcome::Correct, 40)), Ok(failed)], &section(), 1).unwrap();
        let report = Report {
            name: hostile.into(),
            seed: 1,
            budget_tokens: 100,
            n_runs: 2,
            temperature: 0.6,
            differences: differences(&scored, &scored, &section(), 1).unwrap(),
            baseline: side.clone(),
            result: side.clone(),
            stages: StageNumbers { ungraded: side.ungraded, ..StageNumbers::default() },
            plugins: vec![PluginUsed {
                role: "verifier".into(),
                name: hostile.into(),
                version: "1".into(),
                sha256: "ab".repeat(32),
            }],
            adopted: None,
            rounds: None,
            transfer: None,
        };
        let text = report.to_markdown();
        let shown = r"x\\u{1b}\[2J\\n\| 100.0 \| \<img src=x\>\\u{202e}";
        assert_eq!(text.matches(shown).count(), 5, "{text}");
        assert!(text.chars().all(|c| c == '\n' || !ts_text::is_invisible(c)));
        assert!(!text.contains("\n| 100.0"));
    }

    /// Six responses, three of them ungraded: accuracy 2/3, lengths (40 + 60) / 2 and (40 + 60 + 100) / 3.
    #[test]
    fn a_side_by_hand() {
        let records = [
            record("a", 0, Outcome::Correct, 40),
            record("a", 1, Outcome::Correct, 60),
            record("b", 0, Outcome::Incorrect, 100),
            record("b", 1, Outcome::GraderFailed, 7),
            record("b", 2, Outcome::BadReference, 7),
            record("b", 3, Outcome::Undecided, 100),
        ];
        let (side, scored) = Side::of(records.map(Ok), &section(), 1).unwrap();
        assert_eq!(scored.len(), 3);
        assert_eq!(
            side.ungraded,
            Ungraded { n_grader_failed: 1, n_bad_reference: 1, n_undecided: 1, failures: [].into() }
        );
        assert!((side.summary.accuracy - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(side.summary.len_correct, Some(50.0));
        assert!((side.summary.len_all - 200.0 / 3.0).abs() < 1e-12);
        assert!((side.summary.auc - 2.0 / 3.0 * 0.5).abs() < 1e-12);
        assert!((side.cut_off - 2.0 / 6.0).abs() < 1e-12);
        let at_50 = side.curve.iter().find(|(budget, _)| *budget == 50).unwrap();
        assert!((at_50.1 - 1.0 / 3.0).abs() < 1e-12);
    }
}
