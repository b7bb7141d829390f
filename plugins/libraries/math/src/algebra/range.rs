//! Sums and products over ranges of whole numbers: written out if they are short, an atom if not.

use super::substitute::substituted;
use super::sum::{Atom, Sum};
use super::work::{Outcome, Work};

/// The running variable in the term of every range.
pub(crate) const RUNNING: &str = "#";

/// Ranges are written out up to so many terms.
const MAX_TERMS: i64 = 1000;

/// The sum (or product) of a term in [`RUNNING`], from a first value to a last.
///
/// # Errors
///
/// [`super::Trouble`], of a term or for too much work.
pub(super) fn over_range(product: bool, parts: [Sum; 3], work: &Work) -> Outcome<Sum> {
    let [from, to, body] = &parts;
    let (first, last) = match (from.whole_number(), to.whole_number()) {
        (Some(first), Some(last)) if last.saturating_sub(first) < MAX_TERMS => (first, last),
        _ => return Sum::nested(Atom::Range(product, parts.into()), work),
    };
    let mut result = if product { Sum::one() } else { Sum::ZERO };
    for value in first..=last {
        let at = |atom: &Atom| match atom {
            Atom::Name(name) if **name == *RUNNING => Some(Sum::integer(value)),
            Atom::Name(name) => {
                let stem = name.strip_suffix(RUNNING)?;
                Some(Sum::atom(Atom::Name(format!("{stem}{value}").as_str().into())))
            }
            _ => None,
        };
        let term = substituted(body, &at, work)?;
        result = if product { result.times(&term, work)? } else { result.plus(&term, work)? };
    }
    Ok(result)
}
