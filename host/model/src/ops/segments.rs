//! Which rows of a packed batch belong to one sequence.
//!
//! A batch of sequences is one matrix of their tokens' rows. A [`Segment`] says which rows a sequence has: first its stem, the rows of
//! an earlier sequence that begins with the same tokens, then rows of its own. Own rows tile the matrix in order, so that what
//! sequences have in common stands there once. Attention stays inside a segment, stem included, and positions begin at 0 in each.
//!
//! There is no padding.

use std::ops::Range;
use std::sync::Arc;

/// The rows of one sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Rows of its first tokens, which are another segment's; mostly there are none.
    pub stem: Range<usize>,
    /// Rows of its other tokens.
    pub own: Range<usize>,
}

impl Segment {
    /// How many tokens it has.
    pub fn len(&self) -> usize {
        self.stem.len() + self.own.len()
    }

    /// Whether it has no tokens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its rows, one for each position from 0 on.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        (0..self.len()).map(|position| match position.checked_sub(self.stem.len()) {
            None => self.stem.start + position,
            Some(offset) => self.own.start + offset,
        })
    }
}

/// The rows of packed sequences; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments(Arc<[Segment]>);

impl Segments {
    /// Segments of these lengths (rows) without stems, one after another from row 0. A length of 0 gives an empty segment.
    pub fn from_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        Self::with_stems(lengths.into_iter().map(|length| (0..0, length)))
    }

    /// Segments of these stems and numbers of own rows.
    ///
    /// # Panics
    /// If a stem has rows that are not rows of one earlier segment from its first on, or of one that has a stem.
    pub fn with_stems(segments: impl IntoIterator<Item = (Range<usize>, usize)>) -> Self {
        let (mut all, mut end) = (Vec::<Segment>::new(), 0);
        for (stem, n_own) in segments {
            let begins = |earlier: &Segment| {
                earlier.stem.is_empty() && earlier.own.start == stem.start && stem.end <= earlier.own.end
            };
            assert!(
                stem.is_empty() || all.iter().any(begins),
                "no earlier sequence begins with the rows {stem:?}"
            );
            all.push(Segment { stem, own: end..end + n_own });
            end += n_own;
        }
        Self(all.into())
    }

    /// Each sequence's rows, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Segment> {
        self.0.iter()
    }

    /// The same as a slice.
    pub(crate) fn as_slice(&self) -> &[Segment] {
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
        self.0.last().map_or(0, |segment| segment.own.end)
    }

    /// Cuts a row-major matrix (`n_rows`, `width`) into the own rows of each segment.
    pub(crate) fn split_mut<'a>(&self, mut rows: &'a mut [f32], width: usize) -> Vec<&'a mut [f32]> {
        let mut pieces = Vec::with_capacity(self.len());
        for Segment { own, .. } in self.iter() {
            let (piece, rest) = rows.split_at_mut(own.len() * width);
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
    fn own_rows_tile_the_matrix() {
        let segments = Segments::from_lengths([2, 0, 3]);
        let own: Vec<_> = segments.iter().map(|segment| segment.own.clone()).collect();
        assert_eq!(own, [0..2, 2..2, 2..5]);
        assert_eq!((segments.len(), segments.n_rows()), (3, 5));
        assert!(segments.as_slice()[1].is_empty());
        assert_eq!(Segments::from_lengths([]).n_rows(), 0);
    }

    #[test]
    fn a_stem_comes_before_its_own_rows() {
        let segments = Segments::with_stems([(0..0, 2), (0..0, 4), (2..5, 2), (0..1, 0)]);
        let rows: Vec<Vec<usize>> = segments.iter().map(|segment| segment.rows().collect()).collect();
        assert_eq!(rows, [vec![0, 1], vec![2, 3, 4, 5], vec![2, 3, 4, 6, 7], vec![0]]);
        assert_eq!(segments.n_rows(), 8);
        assert_eq!(segments.as_slice()[2].len(), 5);
    }

    #[test]
    #[should_panic(expected = "no earlier sequence begins with the rows 1..3")]
    fn a_stem_from_the_middle_of_a_sequence_is_refused() {
        Segments::with_stems([(0..0, 4), (1..3, 1)]);
    }

    #[test]
    fn a_matrix_is_cut_at_the_segments() {
        let mut rows = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let segments = Segments::with_stems([(0..0, 2), (0..1, 1)]);
        assert_eq!(segments.split_mut(&mut rows, 2), [&[0.0, 1.0, 2.0, 3.0][..], &[4.0, 5.0]]);
    }
}
