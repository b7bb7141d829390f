//! Whether two answers say the same, kind by kind.
//!
//! | kind | file | policy |
//! |---|---|---|
//! | numbers, expressions | [`expression`] | by value; a decimal of six digits or more also by rounding |
//! | units, percent, money, ratios, times, bases | [`quantity`] | what both write must agree |
//! | equations, assignments, inequalities | [`relation`] | a name before `=` may be left out |
//! | lists, sets, tuples, vectors | [`lists::collection`] | order counts in tuples alone |
//! | intervals and their unions | [`region`] | as sets of numbers |
//! | matrices | [`lists::matrix`] | entry by entry |
//! | congruences, classes of whole numbers | [`residue`] | as sets |
//! | functions by cases | [`cases`] | branch by branch, by where they hold |
//! | conditions and definitions beside an answer | [`qualified`] | definitions put in, the rest on both sides |
//! | constants of integration, parameters | [`family`] | whatever they are called |
//! | words, letters of choices | [`text`] | without case and punctuation |
//!
//! The comparison is symmetric. It is not an equivalence where notation is loose: `5` is both `5 cm` and
//! `5 kg`.
//!
//! In: two trees. Out: yes or no, or [`Trouble`](crate::algebra::Trouble). The problem is not read; what is
//! asked for decides, and the reference says what is asked for.

mod cases;
mod expression;
mod family;
mod lists;
mod qualified;
mod quantity;
mod region;
mod relation;
mod residue;
pub(crate) mod text;

use lists::{collection, matrix};

use crate::algebra::{Outcome, Trouble, Work};
use crate::syntax::Node;

/// Whether two answers say the same.
///
/// # Errors
///
/// [`Trouble::TooExpensive`] if that cannot be told within the allowance.
pub fn same(a: &Node, b: &Node, work: &Work) -> Outcome<bool> {
    Ok(direct(a, b, work)? || family::same(a, b, work)?)
}

/// Whether two answers, or parts of them, say the same with the names that they have.
fn direct(a: &Node, b: &Node, work: &Work) -> Outcome<bool> {
    if a == b {
        return Ok(true);
    }
    work.spend(1)?;
    // Notation with several readings, and ± for two values.
    if let Node::Either(readings) = a {
        return any(readings.iter().map(|reading| direct(reading, b, work)));
    }
    if let Node::Either(readings) = b {
        return any(readings.iter().map(|reading| direct(a, reading, work)));
    }
    let (x, y) = (collection::both_signs(a), collection::both_signs(b));
    if x.is_some() || y.is_some() {
        return direct(x.as_ref().unwrap_or(a), y.as_ref().unwrap_or(b), work);
    }
    let kinds = [
        cases::same,
        residue::same,
        qualified::same,
        relation::same,
        quantity::same,
        collection::same,
        region::same,
        matrix::same,
        text::same,
    ];
    for kind in kinds {
        if let Some(answer) = kind(a, b, work)? {
            return Ok(answer);
        }
    }
    expression::same(a, b, work)
}

/// Whether any is so. One that is too expensive spoils only a no.
fn any(outcomes: impl Iterator<Item = Outcome<bool>>) -> Outcome<bool> {
    let mut trouble = None;
    for outcome in outcomes {
        match outcome {
            Ok(true) => return Ok(true),
            Ok(false) | Err(Trouble::Undefined(_)) => {}
            Err(expensive) => trouble = Some(expensive),
        }
    }
    trouble.map_or(Ok(false), Err)
}

/// Whether all are so. One that is too expensive spoils only a yes.
fn all(outcomes: impl Iterator<Item = Outcome<bool>>) -> Outcome<bool> {
    any(outcomes.map(|outcome| outcome.map(|is| !is))).map(|is| !is)
}
