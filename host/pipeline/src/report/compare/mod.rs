//! Rivals beside each other: accuracy against length, each method at several strengths, on the same problems and seeds.
//!
//! In: runs that are finished, a [`Given`] each. Out: [`Compared`], with a table and a plot. Runs of one name are one method, those of one
//! strength one point of it, a run a seed. Differences, intervals and the correction are those of ablations ([`ts_core::crossed`]). Beside the methods stands
//! what costs no training: the model before, and its responses cut off at a budget.
//!
//! A method that pushes harder shortens more, so that points say little by themselves. What can be compared is accuracy at the same Len-A, on the
//! line through a method's points and the model before. Such a line is no assumption: whoever asks one of two models at random, is on it.

mod gather;
mod plot;
mod table;
mod truncation;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use ts_core::crossed::{Difference, Measured, holm};
use ts_core::metrics::{Metric, Scored, Summary, summarise};

pub use self::gather::{Given, gather};
pub(in crate::report) use self::truncation::stopped;
use self::truncation::{at_budget, budgets};
use crate::Error;
use crate::past_run::PastRun;

/// The responses to the held-out problems, of each seed.
pub type BySeed = BTreeMap<u64, Vec<Scored>>;

/// Methods to compare, on the same problems and seeds.
#[derive(Clone, Debug)]
pub struct Rivals {
    /// The largest budget of the area under accuracy against budget, tokens.
    pub budget_tokens: u32,
    /// What a strength is, in words.
    pub strength_is: String,
    /// The model before, which all of them began with.
    pub baseline: BySeed,
    /// The first is what the others are compared with. Each has a point at least, the weakest strength first.
    pub methods: Vec<Method>,
    /// The runs that all of this is read from, in the order in which they were given.
    pub sources: Vec<Source>,
}

/// A run of a comparison.
#[derive(Clone, Debug)]
pub struct Source {
    /// The method that it is a run of.
    pub method: String,
    /// The strength.
    pub strength: f64,
    /// Where it is.
    pub folder: PathBuf,
    /// What it was made from.
    pub run: PastRun,
}

/// A method.
#[derive(Clone, Debug)]
pub struct Method {
    /// What it is called.
    pub name: String,
    /// In the order of their strengths.
    pub points: Vec<MethodPoint>,
}

/// A method at one strength.
#[derive(Clone, Debug)]
pub struct MethodPoint {
    /// Orders the points of a method.
    pub strength: f64,
    /// What it answers.
    pub responses: BySeed,
}

/// A comparison: numbers for a table and a plot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// The seeds of every point.
    pub seeds: Vec<u64>,
    /// Problems that every seed answers.
    pub n_problems: usize,
    /// What a strength is, in words.
    pub strength_is: String,
    /// The model before.
    pub baseline: Summary,
    /// In the order in which they were given.
    pub methods: Vec<Curve>,
    /// The responses of the model before, cut off at budgets; those are its strengths, in tokens, the largest first.
    pub truncated: Curve,
    /// Accuracy − the first method's at its Len-A, a row for every other method and one for truncation, an entry for each of the first method's points;
    /// none where a method is nowhere so long.
    pub matched: Vec<Vec<Option<Tested>>>,
}

/// A method's points.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// What it is called.
    pub name: String,
    /// In the order of their strengths.
    pub points: Vec<PointOfCurve>,
}

/// A method at one strength, measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PointOfCurve {
    /// Its strength.
    pub strength: f64,
    /// All seeds together.
    pub summary: Summary,
    /// Accuracy − that of the model before; a share.
    pub accuracy: Tested,
    /// Len-A − that of the model before, tokens.
    pub length: Difference,
}

/// A difference that may be among those that are corrected together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tested {
    /// The difference.
    pub difference: Difference,
    /// Its p-value after Holm's correction over all that are tested; none for one that is not.
    pub p_corrected: Option<f64>,
}

/// The name of the curve that costs no training.
const TRUNCATION: &str = "truncation";

/// Compares methods.
///
/// # Errors
/// [`Error::Compare`] for fewer seeds on one side; [`Error::Metrics`] for other problems, or too few.
pub fn compare(rivals: &Rivals) -> Result<Compared, Error> {
    let Rivals { budget_tokens, baseline, methods, .. } = rivals;
    let measured = |responses: &BySeed| Measured::new(responses.values().map(Vec::as_slice), *budget_tokens);
    let of_baseline = measured(baseline)?;
    let curve = |name: &str, points: &[MethodPoint]| -> Result<(Curve, Vec<Measured>), Error> {
        let mut all = Vec::with_capacity(points.len());
        let points = points.iter().map(|point| {
            require_seeds(baseline, name, point)?;
            let own = measured(&point.responses)?;
            let mut differences = own.minus(&of_baseline)?;
            all.push(own);
            let mut of = |metric| differences.remove(&metric).ok_or(ts_core::Error::NoResponses);
            let accuracy = Tested { difference: of(Metric::Accuracy)?, p_corrected: None };
            let (summary, length) = (summary(&point.responses, *budget_tokens)?, of(Metric::LenAll)?);
            Ok(PointOfCurve { strength: point.strength, summary, accuracy, length })
        });
        let points = points.collect::<Result<Vec<_>, Error>>()?;
        Ok((Curve { name: name.to_owned(), points }, all))
    };
    let mut curves = Vec::with_capacity(methods.len());
    for method in methods {
        curves.push(curve(&method.name, &method.points)?);
    }
    let truncated: Vec<MethodPoint> = budgets(baseline, *budget_tokens)
        .map(|budget| MethodPoint { strength: f64::from(budget), responses: at_budget(baseline, budget) })
        .collect();
    let (truncated, truncated_measured) = curve(TRUNCATION, &truncated)?;

    let mut matched = Vec::new();
    if let Some((_, first)) = curves.first() {
        let others = curves.iter().skip(1).map(|(_, points)| points).chain([&truncated_measured]);
        for points in others {
            let line: Vec<Measured> = points.iter().chain([&of_baseline]).cloned().collect();
            let at = |point: &Measured| -> Result<Option<Tested>, Error> {
                Ok(point.matched_by(&line)?.map(|difference| Tested { difference, p_corrected: None }))
            };
            matched.push(first.iter().map(at).collect::<Result<Vec<_>, Error>>()?);
        }
    }
    let mut compared = Compared {
        seeds: baseline.keys().copied().collect(),
        n_problems: summary(baseline, *budget_tokens)?.n_problems,
        strength_is: rivals.strength_is.clone(),
        baseline: summary(baseline, *budget_tokens)?,
        methods: curves.into_iter().map(|(curve, _)| curve).collect(),
        truncated,
        matched,
    };
    compared.correct();
    Ok(compared)
}

/// A comparison as a page, HTML: what is in it, and what made each run.
///
/// # Errors
/// [`Error::Metrics`] where there is nothing to draw.
pub fn page(rivals: &Rivals, compared: &Compared) -> Result<String, Error> {
    super::page::comparison(rivals, compared)
}

impl Compared {
    /// The differences that are claims: of every method at every strength from the model before, and those at matched lengths. That a response that
    /// is cut off is wrong needs no test.
    fn tested(&mut self) -> impl Iterator<Item = &mut Tested> {
        let points = self.methods.iter_mut().flat_map(|method| &mut method.points);
        points.map(|point| &mut point.accuracy).chain(self.matched.iter_mut().flatten().flatten())
    }

    fn correct(&mut self) {
        let p_values: Vec<f64> = self.tested().map(|tested| tested.difference.p_value()).collect();
        for (tested, p) in self.tested().zip(holm(&p_values)) {
            tested.p_corrected = Some(p);
        }
    }
}

/// The metrics of all seeds together.
fn summary(responses: &BySeed, budget_tokens: u32) -> Result<Summary, Error> {
    let all: Vec<Scored> = responses.values().flatten().copied().collect();
    Ok(summarise(&all, budget_tokens)?)
}

fn require_seeds(baseline: &BySeed, name: &str, point: &MethodPoint) -> Result<(), Error> {
    if baseline.keys().eq(point.responses.keys()) {
        return Ok(());
    }
    let seeds = |of: &BySeed| of.keys().map(u64::to_string).collect::<Vec<_>>().join(",");
    let (own, first) = (seeds(&point.responses), seeds(baseline));
    let reason =
        format!("`{name}` at strength {} has the seeds {own}, and the first method {first}", point.strength);
    Err(Error::Compare { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Responses to problems 0, 1, …: whether each is correct, and its tokens.
    fn responses(all: &[(bool, u32)]) -> Vec<Scored> {
        let one = |(problem, &(correct, tokens))| Scored {
            problem,
            run: 0,
            difficulty: None,
            correct,
            tokens,
            n_steps: 1,
            step_tokens: tokens,
        };
        all.iter().enumerate().map(one).collect()
    }

    fn point(strength: f64, all: &[(bool, u32)]) -> MethodPoint {
        MethodPoint { strength, responses: [(1, responses(all))].into() }
    }

    /// Four problems, a seed. Before: 3 of 4 correct, Len-A (40 + 60 + 80 + 100) / 4 = 70.
    pub(super) fn example() -> Rivals {
        let baseline = [(true, 40), (true, 60), (true, 80), (false, 100)];
        let first = [(true, 20), (true, 40), (true, 50), (false, 50)]; // 3 of 4 @ 40
        let weak = [(true, 30), (true, 50), (false, 60), (false, 60)]; // 2 of 4 @ 50
        let strong = [(true, 10), (false, 30), (false, 40), (false, 40)]; // 1 of 4 @ 30
        Rivals {
            budget_tokens: 100,
            strength_is: "train.learning_rate".to_owned(),
            baseline: [(1, responses(&baseline))].into(),
            methods: vec![
                Method { name: "ours".to_owned(), points: vec![point(1.0, &first)] },
                Method { name: "rival <b>".to_owned(), points: vec![point(0.5, &weak), point(2.0, &strong)] },
            ],
            sources: Vec::new(),
        }
    }

    #[test]
    fn a_comparison_by_hand() {
        let compared = compare(&example()).unwrap();
        assert_eq!((compared.seeds.as_slice(), compared.n_problems), (&[1][..], 4));
        assert_eq!((compared.baseline.accuracy, compared.baseline.len_all), (0.75, 70.0));
        let of = |point: &PointOfCurve| {
            (
                point.summary.accuracy,
                point.summary.len_all,
                point.accuracy.difference.estimate,
                point.length.estimate,
            )
        };
        assert_eq!(of(&compared.methods[0].points[0]), (0.75, 40.0, 0.0, -30.0));
        assert_eq!(of(&compared.methods[1].points[0]), (0.5, 50.0, -0.25, -20.0));
        assert_eq!(of(&compared.methods[1].points[1]), (0.25, 30.0, -0.5, -40.0));
        // The rival at 40 tokens is half-way between its two points: 0.375, which is 0.375 less than the 0.75 of the first.
        let at_length = compared.matched[0][0].unwrap();
        assert!((at_length.difference.estimate + 0.375).abs() < 1e-12, "{at_length:?}");
        // What is between truncations: see there. 0 at the budget 37 (Len-A 37), 1/4 at 43 (Len-A (40 + 3 · 43) / 4 = 42.25).
        let truncated = compared.matched[1][0].unwrap().difference.estimate;
        let share = (40.0 - 37.0) / (42.25 - 37.0);
        assert!((truncated - (0.25 * share - 0.75)).abs() < 1e-12, "{truncated}");
        // Three points and two matched differences are corrected together; truncations are not.
        let p = |tested: &Tested| tested.difference.p_value();
        let points = compared.methods.iter().flat_map(|method| &method.points).map(|point| point.accuracy);
        let tested: Vec<Tested> =
            points.chain(compared.matched.iter().flatten().flatten().copied()).collect();
        let expected = holm(&tested.iter().map(p).collect::<Vec<_>>());
        assert_eq!(tested.iter().map(|it| it.p_corrected.unwrap()).collect::<Vec<_>>(), expected);
        assert!(compared.truncated.points.iter().all(|point| point.accuracy.p_corrected.is_none()));
    }

    #[test]
    fn the_model_before_is_on_every_line() {
        let mut rivals = example();
        rivals.methods[1].points.truncate(1);
        let alone = compare(&rivals).unwrap();
        assert_eq!(alone.matched[0], [None], "40 tokens are below its 50");
        // A first method at 60 tokens is half-way between 70 and 50: the rival has (0.75 + 0.5) / 2 there.
        rivals.methods[0].points = vec![point(1.0, &[(true, 50), (true, 60), (true, 60), (true, 70)])];
        let difference = compare(&rivals).unwrap().matched[0][0].unwrap().difference.estimate;
        assert!((difference - (0.625 - 1.0)).abs() < 1e-12, "{difference}");
    }

    #[test]
    fn other_seeds_or_problems_are_no_comparison() {
        let mut rivals = example();
        let again = rivals.methods[1].points[1].responses[&1].clone();
        rivals.methods[1].points[1].responses.insert(2, again);
        let error = compare(&rivals).unwrap_err().to_string();
        assert!(
            error.contains("`rival <b>` at strength 2 has the seeds 1,2, and the first method 1"),
            "{error}"
        );
        let mut rivals = example();
        rivals.methods[0].points[0].responses.get_mut(&1).unwrap().pop();
        assert!(matches!(compare(&rivals), Err(Error::Metrics(ts_core::Error::Unpaired { problem: 3, .. }))));
    }
}
