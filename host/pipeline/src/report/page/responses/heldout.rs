//! Which held-out responses are shown: some that became wrong, some that became right, some that were shortened most.
//!
//! In: both evaluations. Out: pairs of a response before and the one after to the same problem with the same seed. Of those that changed sides the
//! problems come first that lost or gained the most, since a draw alone may fall either way; of each problem one pair is shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ts_core::Outcome;
use ts_run::Artefact;
use ts_run::records::EvalRecord;

use super::align::align;
use super::excerpt::{Piece, beginning, excerpt};
use super::show::{Change, Row};
use super::{Given, Kind, Pair, SHOWN};
use crate::Error;
use crate::stage::Stage;

/// Characters of a problem that are shown.
pub(super) const PROMPT_CHARACTERS: usize = 4_000;

/// A response, without its text.
#[derive(Clone, Copy, Debug)]
struct Light {
    outcome: Outcome,
    tokens: u32,
    /// Where its line begins, bytes.
    offset: u64,
}

/// The two responses of one problem and run.
#[derive(Clone, Debug)]
struct Both {
    /// The problem's place in the set.
    problem: usize,
    run: u32,
    before: Light,
    after: Light,
}

/// The pairs that are shown.
pub(super) fn kinds(given: &Given<'_>) -> Result<Vec<Kind>, Error> {
    let (names, pairs) = read(given)?;
    let n = pairs.len();
    let [wrong, right, shortened] = choose(&pairs);
    let mut kinds = Vec::new();
    for (heading, what, order, chosen) in [
        ("Became wrong", "were correct and are wrong", "of the problems that lost the most", wrong),
        ("Became right", "were wrong and are correct", "of the problems that gained the most", right),
        ("Shortened most", "are correct before and after", "those that lost the most tokens", shortened),
    ] {
        let told = format!(
            "{} of {n} pairs of held-out responses, before and after with the same seed, {what}; {} are shown, one a problem, {order}.",
            chosen.n,
            chosen.pairs.len()
        );
        kinds.push(Kind { heading, told, pairs: texts(given, &names, &chosen.pairs)? });
    }
    Ok(kinds)
}

/// Both evaluations: the names of the problems, and the pairs in their order.
fn read(given: &Given<'_>) -> Result<(Vec<String>, Vec<Both>), Error> {
    let mut names: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut before: HashMap<(usize, u32), Light> = HashMap::new();
    let light =
        |record: &EvalRecord, offset| Light { outcome: record.outcome, tokens: record.tokens, offset };
    for row in given.run.records::<EvalRecord>(Stage::EvalBaseline)? {
        let row = row?;
        let next = names.len();
        let problem = *places.entry(row.record.problem.clone()).or_insert(next);
        if problem == next {
            names.push(row.record.problem.clone());
        }
        before.insert((problem, row.record.run), light(&row.record, row.offset));
    }
    let mut pairs = Vec::new();
    for row in given.run.records::<EvalRecord>(Stage::EvalResult)? {
        let row = row?;
        let run = row.record.run;
        let Some(&problem) = places.get(&row.record.problem) else { continue };
        let Some(&before) = before.get(&(problem, run)) else { continue };
        pairs.push(Both { problem, run, before, after: light(&row.record, row.offset) });
    }
    Ok((names, pairs))
}

/// Pairs of one kind: how many there are, and some of them.
struct Chosen {
    n: usize,
    pairs: Vec<Both>,
}

/// Those that became wrong, became right, and were shortened most.
fn choose(pairs: &[Both]) -> [Chosen; 3] {
    let mut gained: BTreeMap<usize, i64> = BTreeMap::new();
    for pair in pairs {
        let correct = |side: &Light| i64::from(side.outcome.is_correct());
        *gained.entry(pair.problem).or_default() += correct(&pair.after) - correct(&pair.before);
    }
    let changed = |pair: &&Both, from: fn(Outcome) -> bool, to: fn(Outcome) -> bool| {
        from(pair.before.outcome) && to(pair.after.outcome)
    };
    let of = |is_kind: &dyn Fn(&&Both) -> bool, rank: &dyn Fn(&Both) -> i64| {
        let mut all: Vec<&Both> = pairs.iter().filter(is_kind).collect();
        let n = all.len();
        all.sort_by_key(|pair| (rank(pair), pair.problem, pair.run));
        let mut seen = BTreeSet::new();
        let first = all.into_iter().filter(|pair| seen.insert(pair.problem)).take(SHOWN);
        Chosen { n, pairs: first.cloned().collect() }
    };
    let saved = |pair: &Both| i64::from(pair.before.tokens) - i64::from(pair.after.tokens);
    [
        of(&|pair| changed(pair, Outcome::is_correct, Outcome::is_wrong), &|pair| gained[&pair.problem]),
        of(&|pair| changed(pair, Outcome::is_wrong, Outcome::is_correct), &|pair| -gained[&pair.problem]),
        of(&|pair| changed(pair, Outcome::is_correct, Outcome::is_correct), &|pair| -saved(pair)),
    ]
}

/// The pairs with their texts.
fn texts(given: &Given<'_>, names: &[String], pairs: &[Both]) -> Result<Vec<Pair>, Error> {
    let mut before = given.run.records::<EvalRecord>(Stage::EvalBaseline)?.lookup()?;
    let mut after = given.run.records::<EvalRecord>(Stage::EvalResult)?.lookup()?;
    let wanted: BTreeSet<&str> = pairs.iter().map(|pair| names[pair.problem].as_str()).collect();
    let mut problems = HashMap::new();
    if !wanted.is_empty() {
        for problem in given.run.problems(Artefact::ProblemsHeldout)?.problems()? {
            let problem = problem?;
            if wanted.contains(problem.id.as_str()) {
                problems.insert(problem.id.clone(), problem);
            }
        }
    }
    let pair = |pair: &Both| -> Result<Pair, Error> {
        let name = &names[pair.problem];
        let (was, is) = (before.at(pair.before.offset)?, after.at(pair.after.offset)?);
        let problem = problems.get(name);
        let prompt = problem.map(|problem| problem.prompt.question().into_owned()).unwrap_or_default();
        let reference = problem.map(|problem| problem.reference.clone()).unwrap_or_default();
        Ok(Pair {
            summary: format!(
                "{name}, run {}: {} to {}, {} to {} tokens",
                pair.run,
                was.outcome.name().replace('_', " "),
                is.outcome.name().replace('_', " "),
                was.tokens,
                is.tokens
            ),
            prompt: beginning(&prompt, PROMPT_CHARACTERS),
            reference: beginning(&reference, PROMPT_CHARACTERS),
            rows: rows(&was.text, &is.text),
        })
    };
    pairs.iter().map(pair).collect()
}

/// Two texts, step by step.
fn rows(before: &str, after: &str) -> Vec<Row> {
    let (before, after) = (excerpt(before), excerpt(after));
    let text = |piece: &Piece<'_>| match piece {
        Piece::Step(text) => (*text).to_owned(),
        Piece::LeftOut(n) => format!("… {n} characters that are not shown …"),
    };
    let row = |(left, right): (Option<usize>, Option<usize>)| {
        let (left, right) = (left.map(|at| &before[at]), right.map(|at| &after[at]));
        let (change, told) = match (left, right) {
            (Some(Piece::LeftOut(_)), _) | (_, Some(Piece::LeftOut(_))) => (Change::Same, "not shown"),
            (Some(left), Some(right)) if left == right => (Change::Same, "the same"),
            (Some(_), Some(_)) => (Change::Changed, "changed"),
            (Some(_), None) => (Change::One, "before alone"),
            (None, _) => (Change::One, "after alone"),
        };
        Row { change, told: told.to_owned(), before: left.map(text), after: right.map(text) }
    };
    align(&before, &after).into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(problem: usize, run: u32, before: (Outcome, u32), after: (Outcome, u32)) -> Both {
        let light = |(outcome, tokens)| Light { outcome, tokens, offset: 0 };
        Both { problem, run, before: light(before), after: light(after) }
    }

    #[test]
    fn the_most_surprising_problems_come_first_and_each_once() {
        use Outcome::{Correct, GraderFailed, Incorrect, NoAnswer};
        let pairs = [
            both(0, 0, (Correct, 10), (Incorrect, 5)),
            both(0, 1, (Incorrect, 10), (Correct, 5)),
            both(1, 0, (Correct, 10), (NoAnswer, 5)),
            both(1, 1, (Correct, 10), (Incorrect, 5)),
            both(2, 0, (Correct, 90), (Correct, 20)),
            both(2, 1, (Correct, 99), (Correct, 20)),
            both(3, 0, (Correct, 50), (Correct, 49)),
            both(3, 1, (Correct, 50), (GraderFailed, 1)),
        ];
        let [wrong, right, shortened] = choose(&pairs);
        let places =
            |chosen: &Chosen| chosen.pairs.iter().map(|pair| (pair.problem, pair.run)).collect::<Vec<_>>();
        // Problem 1 lost two, problem 0 none in all.
        assert_eq!((wrong.n, places(&wrong)), (3, vec![(1, 0), (0, 0)]));
        assert_eq!((right.n, places(&right)), (1, vec![(0, 1)]));
        assert_eq!((shortened.n, places(&shortened)), (3, vec![(2, 1), (3, 0)]));
    }

    #[test]
    fn rows_by_hand() {
        let rows = rows("a b c\n\nd e\n\nf", "a b x\n\nf\n\nnew");
        let shown: Vec<_> =
            rows.iter().map(|row| (row.change, row.before.as_deref(), row.after.as_deref())).collect();
        assert_eq!(
            shown,
            [
                (Change::Changed, Some("a b c"), Some("a b x")),
                (Change::One, Some("d e"), None),
                (Change::Same, Some("f"), Some("f")),
                (Change::One, None, Some("new")),
            ]
        );
    }
}
