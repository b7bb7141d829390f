//! Which rows of a packed batch belong to one sequence.
//!
//! A batch of sequences is one matrix whose rows are all their tokens, one sequence after another. In: the
//! sequences' lengths. Out: their row ranges, which tile the rows in order. Attention stays inside a segment,
//! and positions begin at 0 in each.
//!
//! There is no padding.

use std::ops::Range;
use std::sync::Arc;

/// The row ranges of packed sequences; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments(Arc<[Range<usize>]>);

impl Segments {
    /// Segments of these lengths (rows), one after another from row 0. A length of 0 gives an empty segment.
    pub fn from_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut end = 0;
        let ranges = lengths.into_iter().map(|length| {
            let start = end;
            end += length;
            start..end
        });
        Self(ranges.collect())
    }

    /// The range of rows of each sequence, in order.
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.0
    }

    /// How many sequences there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many rows all sequences have together.
    pub fn n_rows(&self) -> usize {
        self.0.last().map_or(0, |range| range.end)
    }

    /// The rows of the longest sequence.
    pub fn longest(&self) -> usize {
        self.0.iter().map(Range::len).max().unwrap_or(0)
    }

    /// Cuts a row-major matrix (`n_rows`, `width`) into one piece a segment.
    pub(crate) fn split_mut<'a>(&self, mut rows: &'a mut [f32], width: usize) -> Vec<&'a mut [f32]> {
        let mut pieces = Vec::with_capacity(self.len());
        for range in self.0.iter() {
            let (piece, rest) = rows.split_at_mut(range.len() * width);
            pieces.push(piece);
            rows = rest;
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_tile_the_rows() {
        let segments = Segments::from_lengths([2, 0, 3]);
        assert_eq!(segments.ranges(), [0..2, 2..2, 2..5]);
        assert_eq!((segments.len(), segments.n_rows(), segments.longest()), (3, 5, 3));
        let none = Segments::from_lengths([]);
        assert_eq!((none.len(), none.n_rows(), none.longest()), (0, 0, 0));
    }

    #[test]
    fn a_matrix_is_cut_at_the_segments() {
        let mut rows = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let pieces = Segments::from_lengths([1, 2]).split_mut(&mut rows, 2);
        assert_eq!(pieces, [&[0.0, 1.0][..], &[2.0, 3.0, 4.0, 5.0]]);
    }
}
