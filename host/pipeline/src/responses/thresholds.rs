//! The threshold of each difficulty, chosen from what calibration saw: `[refine.adaptive]`.
//!
//! In: the calibration's records. Out: for each difficulty the largest threshold whose expected loss of answers is controlled
//! (`ts_core::conformal`). The unit is a problem, whose loss is the mean over its responses: responses to one problem are no independent ones.
//! Difficulties with too few problems for any threshold are joined with their neighbours. Where no threshold is controlled, responses stay as
//! they were sampled: that loses nothing, whatever the number of problems.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_core::conformal::{Risk, fewest_units, join_neighbours, largest_controlled, risks};
use ts_recipe::AdaptiveSection;
use ts_run::records::CalibrationRecord;

/// What was counted of the calibration's records.
#[derive(Debug, Default)]
pub(crate) struct Calibration {
    by_difficulty: BTreeMap<Option<u32>, BTreeMap<String, OfProblem>>,
}

/// The responses to one problem.
#[derive(Debug, Default)]
struct OfProblem {
    n_responses: usize,
    /// Of all of them, the share of answers lost at each threshold.
    lost: Vec<f64>,
    tokens_before: u64,
    /// At each threshold.
    tokens_after: Vec<u64>,
}

/// Difficulties that have one threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdGroup {
    /// Which; none stands for problems of which none is given.
    pub difficulties: Vec<Option<u32>>,
    /// Problems that decided.
    pub n_problems: usize,
    /// Their responses.
    pub n_responses: usize,
    /// The threshold, nats; none is allowed: nothing is rewritten.
    pub max_kl_nats: Option<f64>,
    /// What is known of each threshold of the grid.
    pub grid: Vec<ThresholdRisk>,
    /// Tokens of the responses before.
    pub tokens_before: u64,
    /// Tokens after it, at the threshold.
    pub tokens_after: u64,
}

/// One threshold of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdRisk {
    /// Nats.
    pub max_kl_nats: f64,
    /// The share of answers lost, and its bound.
    #[serde(flatten)]
    pub risk: Risk,
}

impl Calibration {
    /// Takes a record of the artefact.
    pub(crate) fn add(&mut self, record: &CalibrationRecord) {
        let problems = self.by_difficulty.entry(record.difficulty).or_default();
        let problem = problems.entry(record.problem.clone()).or_default();
        problem.n_responses += 1;
        problem.tokens_before += u64::from(record.tokens_before);
        problem.lost.resize(record.thresholds.len(), 0.0);
        problem.tokens_after.resize(record.thresholds.len(), 0);
        for (index, at) in record.thresholds.iter().enumerate() {
            problem.lost[index] += f64::from(at.n_lost) / f64::from(record.n_rollouts.max(1));
            problem.tokens_after[index] += u64::from(at.tokens_after);
        }
    }

    /// The threshold of each difficulty, from the easiest up.
    pub(crate) fn choose(&self, adaptive: &AdaptiveSection) -> Vec<ThresholdGroup> {
        let counts: Vec<usize> = self.by_difficulty.values().map(BTreeMap::len).collect();
        let of_difficulties: Vec<_> = self.by_difficulty.iter().collect();
        let groups = join_neighbours(&counts, fewest_units(adaptive.max_loss));
        groups.into_iter().map(|places| group(&of_difficulties[places], adaptive)).collect()
    }
}

type OfDifficulty<'a> = (&'a Option<u32>, &'a BTreeMap<String, OfProblem>);

fn group(members: &[OfDifficulty<'_>], adaptive: &AdaptiveSection) -> ThresholdGroup {
    let problems: Vec<&OfProblem> = members.iter().flat_map(|(_, problems)| problems.values()).collect();
    let loss = |problem: &&OfProblem| -> Vec<f64> {
        problem.lost.iter().map(|lost| lost / problem.n_responses as f64).collect()
    };
    let losses: Vec<Vec<f64>> = problems.iter().map(loss).collect();
    let risks = risks(losses.iter().map(Vec::as_slice), adaptive.thresholds.len());
    let place = largest_controlled(&risks, adaptive.max_loss);
    let tokens_after = |problem: &&OfProblem| match place {
        Some(place) => problem.tokens_after.get(place).copied().unwrap_or(0),
        None => problem.tokens_before,
    };
    let grid = adaptive.thresholds.iter().zip(risks);
    ThresholdGroup {
        difficulties: members.iter().map(|(difficulty, _)| **difficulty).collect(),
        n_problems: problems.len(),
        n_responses: problems.iter().map(|problem| problem.n_responses).sum(),
        max_kl_nats: place.map(|place| adaptive.thresholds[place]),
        grid: grid.map(|(&max_kl_nats, risk)| ThresholdRisk { max_kl_nats, risk }).collect(),
        tokens_before: problems.iter().map(|problem| problem.tokens_before).sum(),
        tokens_after: problems.iter().map(tokens_after).sum(),
    }
}

/// The threshold of a difficulty, in nats; 0 where nothing is to be rewritten. One that decided nothing has that of the difficulty below it, or of the
/// easiest.
pub(crate) fn threshold_of(groups: &[ThresholdGroup], difficulty: Option<u32>) -> f64 {
    let from = |group: &&ThresholdGroup| group.difficulties.first().is_some_and(|first| *first <= difficulty);
    let group = groups.iter().rev().find(from).or(groups.first());
    group.and_then(|group| group.max_kl_nats).unwrap_or(0.0)
}

impl ThresholdGroup {
    /// Its difficulties, such as `difficulties 1 to 3`.
    pub(crate) fn name(&self) -> String {
        let word =
            |difficulty: &Option<u32>| difficulty.map_or_else(|| "none".to_owned(), |it| it.to_string());
        match self.difficulties.as_slice() {
            [] => "no difficulty".to_owned(),
            [one] => format!("difficulty {}", word(one)),
            [first, .., last] => format!("difficulties {} to {}", word(first), word(last)),
        }
    }

    /// The threshold and what it loses, in words.
    pub(crate) fn verdict(&self, max_loss: f64) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        match self.grid.iter().find(|at| Some(at.max_kl_nats) == self.max_kl_nats) {
            Some(ThresholdRisk { max_kl_nats, risk }) => format!(
                "rewrites below {max_kl_nats} nats pass, where {} of the answers are lost, at most {} in expectation",
                percent(risk.mean_loss),
                percent(risk.bound)
            ),
            None => {
                let least = self.grid.first().map_or(1.0, |at| at.risk.bound);
                let (least, most) = (percent(least), percent(max_loss));
                format!(
                    "no rewriting: the strictest threshold may lose {least} of the answers, and {most} may be lost"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ts_run::records::ThresholdRecord;

    use super::*;

    /// A response of 100 tokens; 4 rollouts, of which so many are lost at each of three thresholds, with 90, 80 and 70 tokens.
    fn record(problem: &str, draw: u32, difficulty: Option<u32>, lost: [u32; 3]) -> CalibrationRecord {
        let thresholds = [0.01, 0.02, 0.05].iter().zip(lost).enumerate();
        let at = |(place, (&max_kl_nats, n_lost)): (usize, (&f64, u32))| ThresholdRecord {
            max_kl_nats,
            tokens_after: 90 - 10 * place as u32,
            n_correct: 4 - n_lost,
            n_lost,
        };
        CalibrationRecord {
            problem: problem.to_owned(),
            draw,
            difficulty,
            tokens_before: 100,
            n_rollouts: 4,
            n_correct_before: 4,
            thresholds: thresholds.map(at).collect(),
        }
    }

    fn section(max_loss: f64) -> AdaptiveSection {
        AdaptiveSection { max_loss, thresholds: vec![0.01, 0.02, 0.05], ..AdaptiveSection::default() }
    }

    fn calibration(records: impl IntoIterator<Item = CalibrationRecord>) -> Calibration {
        let mut calibration = Calibration::default();
        records.into_iter().for_each(|record| calibration.add(&record));
        calibration
    }

    /// Difficulty 1: four problems, one of which has two responses of which one loses 2 of 4 answers at 0.02 and both lose all at 0.05:
    /// its losses are 0, 1/4 and 1. Difficulty 2: four problems that lose nothing. Delta 0.25: bounds (sum + 1) / 5.
    #[test]
    fn by_hand() {
        let losing = [record("a", 0, Some(1), [0, 2, 4]), record("a", 3, Some(1), [0, 0, 4])];
        let mut records = losing.to_vec();
        records.extend(["b", "c", "d"].map(|problem| record(problem, 0, Some(1), [0; 3])));
        records.extend(["e", "f", "g", "h"].map(|problem| record(problem, 0, Some(2), [0; 3])));
        let calibration = calibration(records);
        let groups = calibration.choose(&section(0.25));
        assert_eq!(groups.len(), 2);
        let [one, two] = &groups[..] else { panic!() };
        assert_eq!((one.n_problems, one.n_responses, &one.difficulties[..]), (4, 5, &[Some(1)][..]));
        let bounds: Vec<f64> = one.grid.iter().map(|at| at.risk.bound).collect();
        assert_eq!(bounds, [0.2, 0.25, 0.4]);
        assert_eq!((one.max_kl_nats, one.tokens_before, one.tokens_after), (Some(0.02), 500, 400));
        assert_eq!((two.max_kl_nats, two.tokens_after), (Some(0.05), 280));
        assert_eq!(calibration.choose(&section(0.24))[0].max_kl_nats, Some(0.01));
        // What was not seen has its neighbour's.
        let of = |difficulty| threshold_of(&groups, difficulty);
        assert_eq!([None, Some(0), Some(1), Some(2), Some(9)].map(of), [0.02, 0.02, 0.02, 0.05, 0.05]);
    }

    #[test]
    fn too_few_problems_are_joined_and_too_few_in_all_are_not_rewritten() {
        let records = (1..=6).map(|difficulty| record(&difficulty.to_string(), 0, Some(difficulty), [0; 3]));
        let calibration = calibration(records);
        // It takes 3 problems for a quarter, and 9 for a tenth.
        let groups = calibration.choose(&section(0.25));
        let names: Vec<String> = groups.iter().map(ThresholdGroup::name).collect();
        assert_eq!(names, ["difficulties 1 to 3", "difficulties 4 to 6"]);
        assert!(groups.iter().all(|group| group.max_kl_nats == Some(0.05)));
        let groups = calibration.choose(&section(0.1));
        assert_eq!((groups.len(), groups[0].max_kl_nats, groups[0].tokens_after), (1, None, 600));
        assert_eq!(threshold_of(&groups, Some(3)), 0.0);
        assert!(groups[0].verdict(0.1).starts_with("no rewriting: the strictest threshold may lose 14.3 %"));
        assert_eq!(threshold_of(&[], Some(3)), 0.0);
        assert_eq!(Calibration::default().choose(&section(0.1)), []);
    }

    #[test]
    fn problems_without_a_difficulty_are_a_group_like_any() {
        let records = ["a", "b", "c"].map(|problem| record(problem, 0, None, [0, 0, 4]));
        let groups = calibration(records).choose(&section(0.25));
        assert_eq!((groups.len(), groups[0].max_kl_nats), (1, Some(0.02)));
        assert_eq!((threshold_of(&groups, None), groups[0].name()), (0.02, "difficulty none".to_owned()));
    }
}
