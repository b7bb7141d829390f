//! Rotary position embedding: at position p, entries j and j + head_dim/2 of a head are a point in the plane that is
//! turned by the angle p·theta^(−2j/head_dim), or by the frequencies that a [`RotaryScaling`] makes of these.
//!
//! In: the head's size, theta, the scaling, and which positions are needed. Out: cosines and sines. The angle is rounded to f32
//! as in the models' reference implementation, whatever the dtype of the weights; cosine and sine are taken in f64.
//!
//! They come from a table that grows when a longer sequence comes; a position's entries never change. Dynamic scaling is the
//! exception: tokens that are read together are turned by the frequencies of the length that is reached with them. So a
//! sequence that is read whole has the frequencies of its own length, whatever it is packed with, and with a cache each
//! further token has those of its own position, while keys that are stored stay as they were turned. That is what transformers
//! does in training and in generation, and with this scaling the two differ there too.
//!
//! Reference: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.
//! Not here: the variant that pairs neighbouring entries.

mod scaling;

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use candle_core::{Result, bail};

pub use scaling::RotaryScaling;

/// Positions that a table begins with.
const FIRST_POSITIONS: usize = 256;

/// The table of a model, shared by all layers.
#[derive(Debug)]
pub struct RotaryTable {
    head_dim: usize,
    theta: f64,
    scaling: RotaryScaling,
    /// Radians a position, of sequences that have no frequencies of their own.
    frequencies: Vec<f32>,
    angles: RwLock<Arc<Angles>>,
}

/// Cosines and sines of some positions, each row-major (positions, head_dim/2).
#[derive(Debug)]
pub(crate) struct Angles {
    cos: Vec<f32>,
    sin: Vec<f32>,
    /// The position of the first row.
    first: usize,
    half_dim: usize,
}

/// Which way to turn. (With YaRN both also lengthen, by the same factor.)
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// As the model does.
    Forward,
    /// Back again: the transpose, which takes gradients through the rotation.
    Back,
}

impl RotaryTable {
    /// The table for heads of `head_dim` entries and the base `theta` (10,000 in the first models), without scaling.
    ///
    /// # Errors
    /// If `head_dim` is 0 or odd, or `theta` is not a finite number above 0.
    pub fn new(head_dim: usize, theta: f64) -> Result<Self> {
        Self::scaled(head_dim, theta, RotaryScaling::Default)
    }

    /// The same for a longer context.
    ///
    /// # Errors
    /// As [`Self::new`], and for dynamic scaling if `head_dim` is 2.
    pub fn scaled(head_dim: usize, theta: f64, scaling: RotaryScaling) -> Result<Self> {
        if head_dim == 0 || !head_dim.is_multiple_of(2) {
            bail!("rotary table: head_dim must be even and above 0, got {head_dim}");
        }
        if !(theta.is_finite() && theta > 0.0) {
            bail!("rotary table: theta must be finite and above 0, got {theta}");
        }
        if head_dim == 2 && matches!(scaling, RotaryScaling::Dynamic { .. }) {
            bail!("rotary table: dynamic scaling needs heads of more than 2 entries");
        }
        let frequencies = scaling.frequencies(head_dim, theta, 0);
        let angles = Angles::new(&frequencies, scaling.amplitude(), 0..FIRST_POSITIONS);
        Ok(Self { head_dim, theta, scaling, frequencies, angles: RwLock::new(Arc::new(angles)) })
    }

    /// Entries of a head.
    pub fn head_dim(&self) -> usize {
        self.head_dim
    }

    /// Whether a sequence of `length` tokens has angles of its own, and not those of the table.
    pub(crate) fn follows_length(&self, length: usize) -> bool {
        self.scaling.follows_length(length)
    }

    /// The angles of these positions, and perhaps of others, for tokens that are read together in a sequence that ends with them.
    pub(crate) fn angles(&self, positions: Range<usize>) -> Arc<Angles> {
        let amplitude = self.scaling.amplitude();
        if self.follows_length(positions.end) {
            let frequencies = self.scaling.frequencies(self.head_dim, self.theta, positions.end);
            return Arc::new(Angles::new(&frequencies, amplitude, positions));
        }
        // A thread that panicked while it held the lock left a whole table behind, the old one or the new one.
        let current = Arc::clone(&self.angles.read().unwrap_or_else(PoisonError::into_inner));
        if current.n_positions() >= positions.end {
            return current;
        }
        let mut held = self.angles.write().unwrap_or_else(PoisonError::into_inner);
        if held.n_positions() < positions.end {
            let all = 0..positions.end.next_power_of_two();
            *held = Arc::new(Angles::new(&self.frequencies, amplitude, all));
        }
        Arc::clone(&held)
    }
}

impl Angles {
    fn new(frequencies: &[f32], amplitude: f32, positions: Range<usize>) -> Self {
        let angles = || {
            positions.clone().flat_map(|position| {
                frequencies.iter().map(move |frequency| f64::from(position as f32 * frequency))
            })
        };
        Self {
            cos: angles().map(|angle| angle.cos() as f32 * amplitude).collect(),
            sin: angles().map(|angle| angle.sin() as f32 * amplitude).collect(),
            first: positions.start,
            half_dim: frequencies.len(),
        }
    }

    fn n_positions(&self) -> usize {
        self.cos.len() / self.half_dim
    }

    /// Cosines and sines of one position, (head_dim/2,) each. The table must have it.
    pub(crate) fn of(&self, position: usize) -> (&[f32], &[f32]) {
        let start = (position - self.first) * self.half_dim;
        (&self.cos[start..][..self.half_dim], &self.sin[start..][..self.half_dim])
    }

    /// Turns one row, all heads of one token, for `position`. The table must reach it.
    pub(crate) fn rotate_row(&self, row: &mut [f32], position: usize, turn: Turn) {
        let half = self.half_dim;
        let (cos, sin) = self.of(position);
        let sign = if turn == Turn::Forward { 1.0 } else { -1.0 };
        for head in row.chunks_exact_mut(2 * half) {
            let (first, second) = head.split_at_mut(half);
            for j in 0..half {
                let (x, y, sin) = (first[j], second[j], sign * sin[j]);
                first[j] = x * cos[j] - y * sin;
                second[j] = y * cos[j] + x * sin;
            }
        }
    }

    /// Turns rows that follow one another, each `width` entries wide; the first is at position `first`.
    pub(crate) fn rotate_rows(&self, rows: &mut [f32], width: usize, first: usize, turn: Turn) {
        for (row, position) in rows.chunks_exact_mut(width).zip(first..) {
            self.rotate_row(row, position, turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::values;

    #[test]
    fn a_quarter_turn_by_hand() -> Result<()> {
        // With head_dim 2 the only frequency is 1: position p turns by p radians.
        let table = RotaryTable::new(2, 10_000.0)?;
        let mut row = [1.0, 0.0, 0.0, 1.0];
        table.angles(0..3).rotate_row(&mut row, 2, Turn::Forward);
        let (cos, sin) = (2.0_f32.cos(), 2.0_f32.sin());
        for (actual, expected) in row.iter().zip([cos, sin, -sin, cos]) {
            assert!((actual - expected).abs() < 1e-7);
        }
        Ok(())
    }

    #[test]
    fn turning_back_undoes_it() -> Result<()> {
        let angles = RotaryTable::new(8, 10_000.0)?.angles(0..20);
        let before = values(20 * 16, 1);
        let mut rows = before.clone();
        angles.rotate_rows(&mut rows, 16, 0, Turn::Forward);
        assert_eq!(rows[..16], before[..16], "position 0 does not turn");
        assert!(rows[16..] != before[16..]);
        angles.rotate_rows(&mut rows, 16, 0, Turn::Back);
        assert!(rows.iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-6));
        Ok(())
    }

    #[test]
    fn growth_leaves_positions_as_they_are() -> Result<()> {
        let table = RotaryTable::new(4, 1_000_000.0)?;
        let (short, long) = (table.angles(0..10), table.angles(0..1000));
        assert!(long.n_positions() >= 1000);
        assert_eq!(short.cos[..], long.cos[..short.cos.len()]);
        assert!(Arc::ptr_eq(&long, &table.angles(0..999)));
        Ok(())
    }

    #[test]
    fn odd_heads_are_refused() {
        assert!(RotaryTable::new(3, 10_000.0).is_err());
        assert!(RotaryTable::new(4, f64::NAN).is_err());
    }

    #[test]
    fn dynamic_angles_are_those_of_the_length_that_is_reached() -> Result<()> {
        let scaling = RotaryScaling::Dynamic { factor: 2.0, original_positions: 8 };
        let (table, plain) = (RotaryTable::scaled(4, 10_000.0, scaling)?, RotaryTable::new(4, 10_000.0)?);
        assert_eq!(table.angles(0..8).of(7), plain.angles(0..8).of(7));
        assert!(table.angles(0..16).of(7) != plain.angles(0..16).of(7));
        // Read one by one, a token has the angles that it would have at the end of the whole.
        assert_eq!(table.angles(15..16).of(15), table.angles(0..16).of(15));
        assert!(RotaryTable::scaled(2, 10_000.0, scaling).is_err());
        Ok(())
    }

    #[test]
    fn yarn_lengthens_what_it_turns() -> Result<()> {
        let scaling = RotaryScaling::Yarn {
            factor: 1.0,
            attention_factor: 1.25,
            beta_fast: 32.0,
            beta_slow: 1.0,
            original_positions: 100,
            truncate: true,
        };
        let (table, plain) = (RotaryTable::scaled(4, 10_000.0, scaling)?, RotaryTable::new(4, 10_000.0)?);
        let (mut long, mut short) = (values(4, 1), values(4, 1));
        table.angles(0..10).rotate_row(&mut long, 9, Turn::Forward);
        plain.angles(0..10).rotate_row(&mut short, 9, Turn::Forward);
        assert!(long.iter().zip(short).all(|(long, short)| (long - 1.25 * short).abs() < 1e-6));
        Ok(())
    }
}
