//! Whether two lists hold the same in some order.
//!
//! Sameness is not an equivalence (`5` is both `5 cm` and `5 kg`), so which element is paired with which
//! matters: this is a perfect matching of a bipartite graph, found along augmenting paths. Each pair is
//! compared at most once.
//!
//! In: two lists of one length and what compares their elements. Out: yes, no, or too expensive.

use crate::algebra::{Outcome, Trouble};

/// Whether each element of `a` can be paired with one of `b` that is the same, and no two with one.
///
/// # Errors
///
/// [`Trouble::TooExpensive`] if it takes a pair that could not be compared.
pub(super) fn paired<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> Outcome<bool>) -> Outcome<bool> {
    let mut pairs = Pairs { a, b, same, known: vec![None; a.len() * b.len()] };
    if pairs.match_all(|outcome| outcome == Ok(true)) {
        return Ok(true);
    }
    let may_be = |outcome| matches!(outcome, Ok(true) | Err(Trouble::TooExpensive));
    if pairs.match_all(may_be) { Err(Trouble::TooExpensive) } else { Ok(false) }
}

struct Pairs<'a, T, F> {
    a: &'a [T],
    b: &'a [T],
    same: F,
    /// What each pair compared to, if it was compared: row by row.
    known: Vec<Option<Outcome<bool>>>,
}

impl<T, F: Fn(&T, &T) -> Outcome<bool>> Pairs<'_, T, F> {
    /// Whether all of `a` can be paired, by pairs whose comparison counts.
    fn match_all(&mut self, counts: impl Fn(Outcome<bool>) -> bool) -> bool {
        let mut partners = vec![None; self.b.len()];
        (0..self.a.len()).all(|at| {
            let mut seen = vec![false; self.b.len()];
            self.finds_partner(at, &counts, &mut partners, &mut seen)
        })
    }

    /// Pairs an element of `a`, moving those that stand in its way; `seen` are those of `b` that were asked.
    fn finds_partner(
        &mut self,
        at: usize,
        counts: &impl Fn(Outcome<bool>) -> bool,
        partners: &mut [Option<usize>],
        seen: &mut [bool],
    ) -> bool {
        for other in 0..self.b.len() {
            if seen[other] || !counts(self.outcome(at, other)) {
                continue;
            }
            seen[other] = true;
            let is_free = match partners[other] {
                None => true,
                Some(rival) => self.finds_partner(rival, counts, partners, seen),
            };
            if is_free {
                partners[other] = Some(at);
                return true;
            }
        }
        false
    }

    fn outcome(&mut self, at: usize, other: usize) -> Outcome<bool> {
        let place = at * self.b.len() + other;
        *self.known[place].get_or_insert_with(|| (self.same)(&self.a[at], &self.b[other]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0 is any number, and what is above 9 cannot be compared.
    fn loosely(a: &i32, b: &i32) -> Outcome<bool> {
        if *a > 9 || *b > 9 { Err(Trouble::TooExpensive) } else { Ok(a == b || *a == 0 || *b == 0) }
    }

    #[test]
    fn pairs_are_given_back_where_another_needs_them() {
        for (a, b, expected) in [
            ([1, 2, 3], [3, 1, 2], Ok(true)),
            ([1, 1, 2], [1, 2, 2], Ok(false)),
            ([0, 0, 1], [0, 2, 0], Ok(true)),
            ([0, 1, 2], [1, 4, 3], Ok(false)),
            ([0, 1, 2], [2, 0, 0], Ok(true)),
            ([1, 2, 10], [2, 1, 3], Err(Trouble::TooExpensive)),
            ([1, 2, 10], [4, 5, 6], Ok(false)),
        ] {
            assert_eq!(paired(&a, &b, loosely), expected, "{a:?} and {b:?}");
            assert_eq!(paired(&b, &a, loosely), expected, "{b:?} and {a:?}");
        }
    }
}
