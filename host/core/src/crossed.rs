//! Intervals over problems and trainings at once, for what several seeds trained and measured on the same problems.
//!
//! In: for each seed the scored responses before and after. Out: every metric's difference with its standard error, of which an
//! interval and a p-value come. The question is how the method would do with another seed on other problems of the kind, so both
//! are drawn at random, and crossed: every seed meets every problem. A metric is a quotient of sums; by the delta method its
//! difference is a mean of cells u(s, p), one a seed s and a problem p, with
//!
//! ```text
//! u(s, p) = m + a(s) + b(p) + e(s, p)         what the training does, what the problem does, the rest with the draws
//! var(mean) = var(a) / S + var(b) / P + var(e) / (S·P)
//! ```
//!
//! The three variances are those of the two-way analysis of variance (Searle, Casella and McCulloch, Variance Components, 1992,
//! chapter 4), none below 0, and the degrees of freedom are Satterthwaite's (1946). Runs of the same seed and problem are in the cell: they are
//! draws of one trained model, and no trainings. With one seed what the training does cannot be seen, and the interval says nothing of it.
//! A test simulates how often such intervals hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::bootstrap::{CONFIDENCE, Interval, require_problems_of, sums_by_problem};
use crate::metrics::{Metric, Scored, Sums};
use crate::{Error, Result};

/// A difference below it is none: sums of the same numbers in another order come so near.
const ROUNDING: f64 = 1e-9;

/// A metric's difference, and how far it may be off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Of the data as they are, in the metric's unit.
    pub estimate: f64,
    /// The standard error of the estimate, in the same unit.
    pub standard_error: f64,
    /// Degrees of freedom of the standard error.
    pub degrees_of_freedom: f64,
}

/// What several seeds measured of one method, on the same problems.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Of each seed, the sums over each problem's responses.
    seeds: Vec<BTreeMap<usize, Sums>>,
    budget_tokens: u32,
}

impl Measured {
    /// Takes each seed's responses. `budget_tokens` is the largest budget of the area.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewValues`] for fewer than two problems; [`Error::Unpaired`] if a problem has responses with one seed and none
    /// with another; [`Error::NoResponses`], [`Error::ZeroBudget`].
    pub fn new<'a>(seeds: impl IntoIterator<Item = &'a [Scored]>, budget_tokens: u32) -> Result<Self> {
        if budget_tokens == 0 {
            return Err(Error::ZeroBudget);
        }
        let seeds: Vec<_> =
            seeds.into_iter().map(|responses| sums_by_problem(responses, budget_tokens)).collect();
        let problems = seeds.first().filter(|problems| !problems.is_empty()).ok_or(Error::NoResponses)?;
        if problems.len() < 2 {
            return Err(Error::TooFewValues { n: problems.len() });
        }
        for other in &seeds {
            require_problems_of(problems, other, "first seed's")?;
            require_problems_of(other, problems, "other seed's")?;
        }
        Ok(Self { seeds, budget_tokens })
    }

    /// The difference of each metric, this − `before`. A metric that is not defined on either side is absent.
    ///
    /// # Errors
    ///
    /// [`Error::Unpaired`] if a problem has responses on one side only.
    pub fn minus(&self, before: &Self) -> Result<BTreeMap<Metric, Difference>> {
        self.require_same_problems(before)?;
        let differences = Metric::ALL.into_iter().filter_map(|metric| {
            let (after, before) = (self.cells(metric)?, before.cells(metric)?);
            Some((metric, Difference::of(&after.plus(-1.0, &before))))
        });
        Ok(differences.collect())
    }

    /// How much more accurate a method is than this one at this one's Len-A. In: the method with two strengths or more, such as learning
    /// rates. Its accuracy at that length lies on the line between the two strengths whose lengths are around it.
    /// `None` if all of them are shorter, or all longer.
    ///
    /// # Errors
    ///
    /// As [`Self::minus`].
    pub fn matched_by(&self, strengths: &[Self]) -> Result<Option<Difference>> {
        strengths.iter().try_for_each(|strength| self.require_same_problems(strength))?;
        let of = |side: &Self| Some((side.cells(Metric::LenAll)?, side.cells(Metric::Accuracy)?));
        let Some((length, accuracy)) = of(self) else { return Ok(None) };
        let mut points: Vec<(Cells, Cells)> = strengths.iter().filter_map(of).collect();
        points.sort_by(|a, b| a.0.estimate.total_cmp(&b.0.estimate));
        let is_around = |pair: &&[(Cells, Cells)]| {
            let [low, high] = [&pair[0].0, &pair[1].0].map(|length| length.estimate);
            low < high && (low..=high).contains(&length.estimate)
        };
        let Some([(low_at, low), (high_at, high)]) = points.windows(2).find(is_around) else {
            return Ok(None);
        };
        let width = high_at.estimate - low_at.estimate;
        let share = (length.estimate - low_at.estimate) / width;
        let slope = (high.estimate - low.estimate) / width;
        // Each point moves the line by its accuracy, and by its length along the slope; so does the length that is matched.
        let of_low = low.plus(-slope, low_at).times(1.0 - share);
        let of_high = high.plus(-slope, high_at).times(share);
        let on_line = of_low.plus(1.0, &of_high).plus(slope, &length);
        Ok(Some(Difference::of(&on_line.plus(-1.0, &accuracy))))
    }

    fn require_same_problems(&self, other: &Self) -> Result<()> {
        let (n, n_other) = (self.seeds.len(), other.seeds.len());
        if n != n_other {
            return Err(Error::OtherSeeds { n, n_other });
        }
        // Within each of them all seeds have the same.
        require_problems_of(&other.seeds[0], &self.seeds[0], "baseline")?;
        require_problems_of(&self.seeds[0], &other.seeds[0], "result")
    }

    /// A metric of it, and what each seed and problem does to it.
    fn cells(&self, metric: Metric) -> Option<Cells> {
        let sums = self.seeds.iter().flat_map(BTreeMap::values);
        let terms: Vec<(f64, f64)> = sums.map(|sums| sums.terms(metric, self.budget_tokens)).collect();
        let (above, below) = terms.iter().fold((0.0, 0.0), |sums, term| (sums.0 + term.0, sums.1 + term.1));
        let estimate = (below > 0.0).then(|| above / below)?;
        let mean_below = below / terms.len() as f64;
        let influence = terms.iter().map(|(above, below)| (above - estimate * below) / mean_below).collect();
        Some(Cells { estimate, influence, n_seeds: self.seeds.len() })
    }
}

/// A number that is made of all seeds and problems.
#[derive(Debug, Clone)]
struct Cells {
    estimate: f64,
    /// How far each cell, one seed's of one problem, moves it; one seed after the other. The mean of these is 0.
    influence: Vec<f64>,
    n_seeds: usize,
}

impl Cells {
    /// This, and so many times the other.
    fn plus(&self, factor: f64, other: &Self) -> Self {
        let influence = self.influence.iter().zip(&other.influence).map(|(a, b)| a + factor * b).collect();
        Self { estimate: self.estimate + factor * other.estimate, influence, n_seeds: self.n_seeds }
    }

    fn times(&self, factor: f64) -> Self {
        let influence = self.influence.iter().map(|a| factor * a).collect();
        Self { estimate: factor * self.estimate, influence, n_seeds: self.n_seeds }
    }
}

impl Difference {
    /// What cells come to, with the standard error of their mean.
    fn of(cells: &Cells) -> Self {
        let n_problems = cells.influence.len() / cells.n_seeds;
        let seeds = || cells.influence.chunks(n_problems);
        let mut of_problem = vec![0.0; n_problems];
        let (n_seeds, n_problems) = (cells.n_seeds as f64, n_problems as f64);
        let of_seed: Vec<f64> = seeds().map(|seed| seed.iter().sum::<f64>() / n_problems).collect();
        for seed in seeds() {
            of_problem.iter_mut().zip(seed).for_each(|(mean, cell)| *mean += cell / n_seeds);
        }
        let mean = of_seed.iter().sum::<f64>() / n_seeds;
        let squares = |values: &[f64]| values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let problems = MeanSquare::new(n_seeds * squares(&of_problem), n_problems - 1.0);
        let n = n_seeds * n_problems;
        let parts = if cells.n_seeds == 1 {
            vec![problems]
        } else {
            let trainings = MeanSquare::new(n_problems * squares(&of_seed), n_seeds - 1.0);
            let rest = seeds().zip(&of_seed).flat_map(|(seed, a)| {
                seed.iter().zip(&of_problem).map(move |(cell, b)| (cell - a - b + mean).powi(2))
            });
            let rest = MeanSquare::new(rest.sum(), (n_seeds - 1.0) * (n_problems - 1.0));
            // One that is not above the rest has a variance of 0, and then the rest counts once.
            match (trainings.value > rest.value, problems.value > rest.value) {
                (true, true) => vec![trainings, problems, MeanSquare { value: -rest.value, ..rest }],
                (true, false) => vec![trainings],
                (false, true) => vec![problems],
                (false, false) => vec![rest],
            }
        };
        let variance = parts.iter().map(|part| part.value).sum::<f64>() / n;
        let spread = parts.iter().map(|part| (part.value / n).powi(2) / part.degrees_of_freedom).sum::<f64>();
        let least = parts.iter().map(|part| part.degrees_of_freedom).fold(f64::INFINITY, f64::min);
        let degrees_of_freedom = if spread > 0.0 { (variance * variance / spread).max(1.0) } else { least };
        Self { estimate: cells.estimate, standard_error: variance.sqrt(), degrees_of_freedom }
    }

    /// The interval that covers the difference in 95 of 100 such experiments.
    pub fn interval(&self) -> Interval {
        let half_width = match self.students_t() {
            Some(t) if self.standard_error > 0.0 => {
                t.inverse_cdf(0.5 + CONFIDENCE / 2.0) * self.standard_error
            }
            _ => 0.0,
        };
        Interval {
            estimate: self.estimate,
            low: self.estimate - half_width,
            high: self.estimate + half_width,
        }
    }

    /// The probability of a difference at least as large in either direction if there were none.
    pub fn p_value(&self) -> f64 {
        if self.estimate.abs() < ROUNDING {
            return 1.0;
        }
        let t = self.estimate.abs() / self.standard_error;
        self.students_t().map_or(0.0, |law| (2.0 * law.sf(t)).min(1.0))
    }

    fn students_t(&self) -> Option<StudentsT> {
        StudentsT::new(0.0, 1.0, self.degrees_of_freedom).ok()
    }
}

/// A sum of squares over its degrees of freedom.
#[derive(Clone, Copy)]
struct MeanSquare {
    value: f64,
    degrees_of_freedom: f64,
}

impl MeanSquare {
    fn new(sum: f64, degrees_of_freedom: f64) -> Self {
        Self { value: sum / degrees_of_freedom, degrees_of_freedom }
    }
}

/// Holm's correction (1979): p-values of which one below α is below it by chance, in any of the comparisons, with a probability of α at most.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &index) in order.iter().enumerate() {
        largest = largest.max((p_values[index] * (p_values.len() - rank) as f64).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::scored;
    use crate::seed::SplitMix64;

    const BUDGET: u32 = 1000;

    fn measured(seeds: &[&[Scored]]) -> Measured {
        Measured::new(seeds.iter().copied(), BUDGET).unwrap()
    }

    fn of_cells(cells: &[&[f64]]) -> Difference {
        let influence = cells.concat();
        let estimate = influence.iter().sum::<f64>() / influence.len() as f64;
        Difference::of(&Cells { estimate, influence, n_seeds: cells.len() })
    }

    /// Means of seeds 2, 4; of problems 1, 3, 5; the grand mean 3. Sums of squares: 3·(1 + 1) = 6 over 1, 2·(4 + 0 + 4) = 16 over 2, and
    /// of the rest (±1, 0, ∓1) 4 over 2. The variance of the mean: (6 + 8 − 2) / 6 = 2.
    #[test]
    fn a_hand_worked_analysis() {
        let difference = of_cells(&[&[1.0, 2.0, 3.0], &[1.0, 4.0, 7.0]]);
        assert_eq!(difference.estimate, 3.0);
        assert!((difference.standard_error - 2_f64.sqrt()).abs() < 1e-12, "{difference:?}");
        // 2² / (1² / 1 + (8/6)² / 2 + (2/6)² / 2) = 4 / (1 + 0.8889 + 0.0556).
        assert!((difference.degrees_of_freedom - 4.0 / (1.0 + 32.0 / 36.0 + 2.0 / 36.0)).abs() < 1e-12);
    }

    #[test]
    fn one_seed_gives_the_interval_over_problems() {
        // Mean 2, s = 1, n = 3: 2 ± 4.303 / √3.
        let difference = of_cells(&[&[1.0, 2.0, 3.0]]);
        assert!((difference.interval().high - 4.4843).abs() < 1e-3, "{:?}", difference.interval());
        // t = 2 / 0.577 = 3.464 with 2 degrees of freedom: p = 0.0742.
        assert!((difference.p_value() - 0.0742).abs() < 1e-4, "{}", difference.p_value());
        assert_eq!(of_cells(&[&[0.0, 0.0]]).p_value(), 1.0);
        assert_eq!(of_cells(&[&[1e-17, 1e-17]]).p_value(), 1.0);
    }

    #[test]
    fn quotients_are_linearised() {
        // Len-T of two problems: (10 + 30) / 2 = 20 before; after, one correct response more at 50: 30.
        let before = [scored(0, 0, true, 10), scored(1, 0, true, 30), scored(1, 1, false, 99)];
        let after = [scored(0, 0, true, 10), scored(1, 0, true, 30), scored(1, 1, true, 50)];
        let differences = measured(&[&after]).minus(&measured(&[&before])).unwrap();
        let length = differences[&Metric::LenCorrect];
        assert!((length.estimate - 10.0).abs() < 1e-12);
        // Influence before: (10 − 20) / 1, (30 − 20) / 1; after: (10 − 30) / 1.5, (80 − 60) / 1.5. Differences ∓ 3.333: error 3.333.
        assert!((length.standard_error - 10.0 / 3.0).abs() < 1e-12, "{length:?}");
        let accuracy = differences[&Metric::Accuracy];
        assert!((accuracy.estimate - 1.0 / 3.0).abs() < 1e-12);
        let alone = measured(&[&before]).minus(&measured(&[&before])).unwrap();
        assert!(alone.values().all(|it| (it.estimate, it.standard_error, it.p_value()) == (0.0, 0.0, 1.0)));
    }

    #[test]
    fn what_cannot_be_compared_is_an_error() {
        let two = [scored(0, 0, true, 10), scored(1, 0, true, 30)];
        let three = [two[0], two[1], scored(2, 0, true, 30)];
        let error = |seeds: &[&[Scored]]| Measured::new(seeds.iter().copied(), BUDGET).unwrap_err();
        assert_eq!(error(&[]), Error::NoResponses);
        assert_eq!(error(&[&[]]), Error::NoResponses);
        assert_eq!(error(&[&two[..1]]), Error::TooFewValues { n: 1 });
        assert_eq!(error(&[&two, &three]), Error::Unpaired { problem: 2, present: "other seed's" });
        assert_eq!(error(&[&three, &two]), Error::Unpaired { problem: 2, present: "first seed's" });
        assert!(matches!(Measured::new([&two[..]], 0), Err(Error::ZeroBudget)));
        let error = |after: &Measured, before: &Measured| after.minus(before).unwrap_err();
        assert_eq!(
            error(&measured(&[&two]), &measured(&[&three])),
            Error::Unpaired { problem: 2, present: "baseline" }
        );
        assert_eq!(
            error(&measured(&[&three]), &measured(&[&two])),
            Error::Unpaired { problem: 2, present: "result" }
        );
        assert_eq!(
            error(&measured(&[&two]), &measured(&[&two, &two])),
            Error::OtherSeeds { n: 1, n_other: 2 }
        );
    }

    /// Two strengths, of which one solves 1 of 2 at 100 tokens, and one 2 of 2 at 200. At 150 tokens the line has 75 %, and
    /// what is compared has 50 % there: 25 points less.
    #[test]
    fn accuracy_at_matched_length_by_hand() {
        let of = |correct: [bool; 2], tokens: [u32; 2]| {
            measured(&[&[scored(0, 0, correct[0], tokens[0]), scored(1, 0, correct[1], tokens[1])]])
        };
        let strengths = [of([true, true], [200, 200]), of([true, false], [90, 110])];
        let compared = of([false, true], [140, 160]);
        let matched = compared.matched_by(&strengths).unwrap().unwrap();
        assert!((matched.estimate - 0.25).abs() < 1e-12, "{matched:?}");
        // Influences of the two problems: of the short one half of (½, −½) − 0.005·(−10, 10), of the long one nothing, of the
        // length that is matched 0.005·(−10, 10), less (−½, ½): (0.725, −0.725). Their mean has an error of 0.725.
        assert!((matched.standard_error - 0.725).abs() < 1e-12, "{matched:?}");
        // A method is as accurate as itself at its own length, and none of its points says what it would be beyond them.
        for strength in &strengths {
            let same = strength.matched_by(&strengths).unwrap().unwrap();
            assert!(same.estimate.abs() < 1e-12 && same.standard_error < 1e-12, "{same:?}");
        }
        for tokens in [[300, 300], [10, 10]] {
            assert_eq!(of([true, true], tokens).matched_by(&strengths), Ok(None));
        }
        assert_eq!(compared.matched_by(&strengths[..1]), Ok(None));
    }

    /// By hand: 0.01·3, 0.03·2 and 0.04·1, which is raised to what stands before it.
    #[test]
    fn holm_by_hand() {
        let adjusted = holm(&[0.04, 0.01, 0.03]);
        for (found, expected) in adjusted.iter().zip([0.06, 0.03, 0.06]) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.7, 0.9]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    /// A normal number, by Box and Muller.
    fn normal(rng: &mut SplitMix64) -> f64 {
        let uniform = |rng: &mut SplitMix64| (rng.below(1 << 52) as f64 + 0.5) / (1_u64 << 52) as f64;
        (-2.0 * uniform(rng).ln()).sqrt() * (std::f64::consts::TAU * uniform(rng)).cos()
    }

    /// An experiment like ours: problems of their own hardness, on which a method acts more or less, trainings that turn out better or
    /// worse, and 8 responses of each model to each problem. How often, in 100, the interval has the difference that the whole
    /// population has.
    fn coverage(n_seeds: usize, n_problems: usize, of_training: f64, of_problem: f64) -> f64 {
        let mut rng = SplitMix64::new(7);
        let chance = |logit: f64| 1.0 / (1.0 + (-logit).exp());
        let hardness = |rng: &mut SplitMix64| (1.5 + 2.0 * normal(rng), -0.2 + of_problem * normal(rng));
        let n_population = 400_000;
        let truth = (0..n_population)
            .map(|_| {
                let (base, shift) = hardness(&mut rng);
                chance(base + shift + of_training * normal(&mut rng)) - chance(base)
            })
            .sum::<f64>()
            / n_population as f64;
        let share = |rng: &mut SplitMix64, chance: f64| {
            (0..8).filter(|_| (rng.below(1 << 52) as f64) < chance * (1_u64 << 52) as f64).count() as f64
                / 8.0
        };
        let n_experiments = 2000;
        let held = (0..n_experiments).filter(|_| {
            let problems: Vec<_> = (0..n_problems).map(|_| hardness(&mut rng)).collect();
            let mut influence = Vec::with_capacity(n_seeds * n_problems);
            for _ in 0..n_seeds {
                let training = of_training * normal(&mut rng);
                for (base, shift) in &problems {
                    influence.push(
                        share(&mut rng, chance(base + shift + training)) - share(&mut rng, chance(*base)),
                    );
                }
            }
            let estimate = influence.iter().sum::<f64>() / influence.len() as f64;
            let interval = Difference::of(&Cells { estimate, influence, n_seeds }).interval();
            (interval.low..=interval.high).contains(&truth)
        });
        100.0 * held.count() as f64 / f64::from(n_experiments)
    }

    /// With 8 seeds 95 % intervals hold in 93 to 97 of 100 experiments, whichever of trainings and problems differ more; with no difference
    /// between trainings at all somewhat more often. With 3 seeds a training's effect on hard problems is seen by 2 degrees of freedom, and
    /// they hold in 92 or more.
    #[test]
    fn intervals_hold_as_often_as_they_say() {
        let cases = [(0.0, 0.5), (0.1, 0.5), (0.3, 0.3), (0.6, 1.0)];
        for (of_training, of_problem) in cases {
            for n_problems in [60, 196] {
                let held = coverage(8, n_problems, of_training, of_problem);
                println!("8 seeds, {n_problems} problems, {of_training}, {of_problem}: {held}");
                assert!((93.0..=97.5).contains(&held), "{n_problems} {of_training} {of_problem}: {held}");
                let held = coverage(3, n_problems, of_training, of_problem);
                println!("3 seeds, {n_problems} problems, {of_training}, {of_problem}: {held}");
                assert!((91.5..=98.0).contains(&held), "{n_problems} {of_training} {of_problem}: {held}");
            }
        }
    }
}
