//! Intervals around the metrics: a percentile bootstrap over problems, and a t interval over seeds.
//!
//! In go the scored responses of one model, or of two on the same problems; out come the estimate and the 95
//! % interval of every metric, or of its difference. Problems are resampled, each with all of its runs,
//! because the question is how the model would do on other problems of the kind (Efron and Tibshirani, 1993,
//! chapters 13, 16). Variation between trainings is not in these intervals: one trained model cannot show it;
//! [`mean_interval`] over the results of several seeds does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::{Metric, Scored, Sums};
use crate::seed::SplitMix64;
use crate::{Error, Result};

/// The share of the distribution that every interval here covers.
pub const CONFIDENCE: f64 = 0.95;

/// An estimate and the interval around it, in the unit of what is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate from the data as they are.
    pub estimate: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end of the 95 % interval.
    pub high: f64,
}

/// The interval of each metric. A metric that is not defined on the data is absent.
///
/// A resample on which a metric is not defined (no correct response) is passed over for that metric. A single
/// problem gives intervals of width 0, which say nothing.
///
/// # Errors
///
/// [`Error::NoResponses`], [`Error::ZeroBudget`], [`Error::NoResamples`].
pub fn bootstrap_intervals(
    responses: &[Scored],
    budget_tokens: u32,
    n_resamples: usize,
    seed: u64,
) -> Result<BTreeMap<Metric, Interval>> {
    let problems: Vec<Sums> = sums_by_problem(responses, budget_tokens).into_values().collect();
    let values = |resample: &[usize]| metrics_of(&problems, resample, budget_tokens);
    bootstrap(problems.len(), n_resamples, seed, values)
}

/// The interval of each metric's difference, result − baseline, problem by problem: both sides of a resample
/// hold the same problems, so what makes a problem hard for both cancels.
///
/// # Errors
///
/// [`Error::Unpaired`] if a problem has responses on one side only; else those of [`bootstrap_intervals`].
pub fn bootstrap_differences(
    baseline: &[Scored],
    result: &[Scored],
    budget_tokens: u32,
    n_resamples: usize,
    seed: u64,
) -> Result<BTreeMap<Metric, Interval>> {
    let baseline = sums_by_problem(baseline, budget_tokens);
    let result = sums_by_problem(result, budget_tokens);
    require_problems_of(&baseline, &result, "baseline")?;
    require_problems_of(&result, &baseline, "result")?;

    let baseline: Vec<Sums> = baseline.into_values().collect(); // both in the order of the problems
    let result: Vec<Sums> = result.into_values().collect();
    let values = |resample: &[usize]| {
        let before = metrics_of(&baseline, resample, budget_tokens)?;
        let mut differences = metrics_of(&result, resample, budget_tokens)?;
        for (after, before) in differences.iter_mut().zip(before) {
            *after = after.zip(before).map(|(after, before)| after - before);
        }
        Ok(differences)
    };
    bootstrap(baseline.len(), n_resamples, seed, values)
}

/// The mean of a few values, one for each seed, and its interval by Student's t: mean ± t · s / √n.
///
/// # Errors
///
/// [`Error::TooFewValues`] below two, [`Error::NotFinite`].
pub fn mean_interval(values: &[f64]) -> Result<Interval> {
    if values.len() < 2 {
        return Err(Error::TooFewValues { n: values.len() });
    }
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        let value = values[index];
        return Err(Error::NotFinite { index, value });
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half_width = t_quantile(values.len() - 1) * (variance / n).sqrt();
    Ok(Interval { estimate: mean, low: mean - half_width, high: mean + half_width })
}

/// A value for each of [`Metric::ALL`]; none where the metric is not defined.
type MetricValues = [Option<f64>; Metric::ALL.len()];

/// Draws `n_problems` indices again and again, and takes the percentiles of what `values` makes of them.
fn bootstrap(
    n_problems: usize,
    n_resamples: usize,
    seed: u64,
    values: impl Fn(&[usize]) -> Result<MetricValues>,
) -> Result<BTreeMap<Metric, Interval>> {
    if n_resamples == 0 {
        return Err(Error::NoResamples);
    }
    let mut resample: Vec<usize> = (0..n_problems).collect();
    let estimates = values(&resample)?;

    let mut rng = SplitMix64::new(seed);
    let mut resampled: [Vec<f64>; Metric::ALL.len()] = Default::default();
    for _ in 0..n_resamples {
        resample.fill_with(|| rng.below(n_problems as u64) as usize);
        for (all, value) in resampled.iter_mut().zip(values(&resample)?) {
            all.extend(value);
        }
    }

    let tail = (1.0 - CONFIDENCE) / 2.0;
    let mut intervals = BTreeMap::new();
    for ((metric, estimate), mut values) in Metric::ALL.into_iter().zip(estimates).zip(resampled) {
        let Some(estimate) = estimate.filter(|_| !values.is_empty()) else {
            continue;
        };
        values.sort_by(f64::total_cmp);
        let (low, high) = (percentile(&values, tail), percentile(&values, 1.0 - tail));
        intervals.insert(metric, Interval { estimate, low, high });
    }
    Ok(intervals)
}

/// The metrics of the problems at these indices, one that occurs twice counting twice.
fn metrics_of(problems: &[Sums], indices: &[usize], budget_tokens: u32) -> Result<MetricValues> {
    let mut sums = Sums::default();
    for &index in indices {
        sums.add(&problems[index]);
    }
    let summary = sums.summary(indices.len(), budget_tokens)?;
    Ok(Metric::ALL.map(|metric| metric.of(&summary)))
}

pub(crate) fn sums_by_problem(responses: &[Scored], budget_tokens: u32) -> BTreeMap<usize, Sums> {
    let mut problems: BTreeMap<usize, Sums> = BTreeMap::new();
    for response in responses {
        problems.entry(response.problem).or_default().add(&Sums::of(response, budget_tokens));
    }
    problems
}

pub(crate) fn require_problems_of(
    side: &BTreeMap<usize, Sums>,
    other: &BTreeMap<usize, Sums>,
    present: &'static str,
) -> Result<()> {
    match side.keys().find(|problem| !other.contains_key(problem)) {
        Some(&problem) => Err(Error::Unpaired { problem, present }),
        None => Ok(()),
    }
}

/// The value below which the share `q` of sorted, non-empty values lies, between neighbours by linear
/// interpolation (Hyndman and Fan's definition 7).
fn percentile(sorted: &[f64], q: f64) -> f64 {
    let position = q * (sorted.len() - 1) as f64;
    let below = position.floor();
    let fraction = position - below;
    let low = sorted[below as usize];
    let high = sorted[position.ceil() as usize];
    low + fraction * (high - low)
}

/// The 97.5 % quantile of Student's t with `df` degrees of freedom: from the table up to 30, beyond it the
/// first terms of its expansion about the normal quantile (Abramowitz and Stegun, 26.7.5), good to 4 digits.
fn t_quantile(df: usize) -> f64 {
    const Z: f64 = 1.959_964;
    match TABLE.get(df.saturating_sub(1)) {
        Some(&t) => t,
        None => {
            let df = df as f64;
            let first = (Z.powi(3) + Z) / 4.0;
            let second = (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / 96.0;
            Z + first / df + second / (df * df)
        }
    }
}

const TABLE: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::scored;

    const BUDGET: u32 = 1000;

    /// 100 problems with 2 runs each; the first `n_correct` are solved, at 200 tokens, the others take 600.
    fn responses(n_correct: usize) -> Vec<Scored> {
        let of = |problem, run| {
            let correct = problem < n_correct;
            scored(problem, run, correct, if correct { 200 } else { 600 })
        };
        (0..100).flat_map(|problem| [of(problem, 0), of(problem, 1)]).collect()
    }

    #[test]
    fn accuracy_gets_the_binomial_interval_over_problems_not_responses() {
        let intervals = bootstrap_intervals(&responses(40), BUDGET, 4000, 1).unwrap();
        let accuracy = intervals[&Metric::Accuracy];
        assert_eq!(accuracy.estimate, 0.4);
        // Standard error √(0.4 · 0.6 / 100) = 0.049. Were the 200 responses independent, it would be 0.035.
        assert!((accuracy.low - 0.304).abs() < 0.015, "{accuracy:?}");
        assert!((accuracy.high - 0.496).abs() < 0.015, "{accuracy:?}");
        let len_correct = intervals[&Metric::LenCorrect];
        assert_eq!((len_correct.low, len_correct.high), (200.0, 200.0));
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let run = |seed| bootstrap_intervals(&responses(40), BUDGET, 200, seed).unwrap();
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn pairing_removes_what_both_sides_share() {
        // The result solves 40 problems where the baseline solves 35, all of them and five more.
        let differences = bootstrap_differences(&responses(35), &responses(40), BUDGET, 2000, 1).unwrap();
        let accuracy = differences[&Metric::Accuracy];
        assert!((accuracy.estimate - 0.05).abs() < 1e-12);
        // Standard error √(0.05 · 0.95 / 100) = 0.022; unpaired it would be 0.068.
        assert!(accuracy.low >= 0.0 && accuracy.high < 0.11, "{accuracy:?}");

        let same = bootstrap_differences(&responses(35), &responses(35), BUDGET, 100, 1).unwrap();
        assert!(same.values().all(|i| (i.estimate, i.low, i.high) == (0.0, 0.0, 0.0)));
    }

    #[test]
    fn a_metric_without_values_is_absent() {
        let intervals = bootstrap_intervals(&responses(0), BUDGET, 50, 1).unwrap();
        assert!(!intervals.contains_key(&Metric::LenCorrect));
        assert_eq!(intervals.len(), 5);
        // One solved problem: some resamples lack it and are passed over.
        let intervals = bootstrap_intervals(&responses(1), BUDGET, 50, 1).unwrap();
        assert_eq!(intervals[&Metric::LenCorrect].high, 200.0);
    }

    #[test]
    fn what_cannot_be_resampled_is_an_error() {
        let two = responses(40);
        assert_eq!(bootstrap_intervals(&[], BUDGET, 10, 1), Err(Error::NoResponses));
        assert_eq!(bootstrap_intervals(&two, 0, 10, 1), Err(Error::ZeroBudget));
        assert_eq!(bootstrap_intervals(&two, BUDGET, 0, 1), Err(Error::NoResamples));
        assert_eq!(
            bootstrap_differences(&two, &two[2..], BUDGET, 10, 1),
            Err(Error::Unpaired { problem: 0, present: "baseline" })
        );
    }

    #[test]
    fn hand_worked_t_interval() {
        // Mean 2, s = 1, n = 3: 2 ± 4.303 / √3.
        let interval = mean_interval(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(interval.estimate, 2.0);
        assert!((interval.high - 4.4843).abs() < 1e-4, "{interval:?}");
        assert_eq!(mean_interval(&[1.0]), Err(Error::TooFewValues { n: 1 }));
        assert!(matches!(mean_interval(&[1.0, f64::NAN]), Err(Error::NotFinite { index: 1, .. })));
    }

    #[test]
    fn t_quantiles_fall_towards_the_normal() {
        assert!((t_quantile(31) - 2.0395).abs() < 1e-3);
        assert!((t_quantile(60) - 2.0003).abs() < 1e-3);
        assert!((1..200).all(|df| t_quantile(df) > t_quantile(df + 1)));
    }

    #[test]
    fn percentiles_interpolate() {
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.25), 2.0);
        assert_eq!(percentile(&[1.0, 2.0], 0.75), 1.75);
        assert_eq!(percentile(&[7.0], 0.975), 7.0);
    }
}
