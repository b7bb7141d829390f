//! A result whose columns are computed on several threads, where its rows are too few to be shared out.

use std::ops::Range;

use rayon::prelude::*;

/// Computes `out` (rows, n), `share` columns at a time on the threads of the current rayon pool. `compute` gets a range of columns, and
/// what `out` has in them as a matrix of its own, (rows, columns in the range), which takes their place afterwards.
pub(super) fn in_shares(
    out: &mut [f32],
    (rows, n): (usize, usize),
    share: usize,
    compute: impl Fn(Range<usize>, &mut [f32]) + Sync,
) {
    let starts: Vec<usize> = (0..n).step_by(share).collect();
    let whole = &*out;
    let part = |&start: &usize| {
        let columns = start..n.min(start + share);
        let mut part = Vec::with_capacity(rows * columns.len());
        whole.chunks_exact(n).for_each(|row| part.extend_from_slice(&row[columns.clone()]));
        compute(columns, &mut part);
        part
    };
    let parts: Vec<Vec<f32>> = starts.par_iter().map(part).collect();
    for (start, part) in starts.into_iter().zip(parts) {
        let width = part.len() / rows;
        for (out, part) in out.chunks_exact_mut(n).zip(part.chunks_exact(width)) {
            out[start..start + width].copy_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_computed_from_what_was_there_and_in_its_place() {
        let mut out = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];
        in_shares(&mut out, (2, 5), 2, |columns, part| {
            assert_eq!(part.len(), 2 * columns.len());
            part.iter_mut().for_each(|entry| *entry += 100.0 * (columns.start + 1) as f32);
        });
        assert_eq!(out, [101.0, 102.0, 303.0, 304.0, 505.0, 106.0, 107.0, 308.0, 309.0, 510.0]);
    }
}
