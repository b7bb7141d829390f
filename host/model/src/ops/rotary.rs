//! Rotary position embedding: at position p, entries j and j + head_dim/2 of a head are a point in the plane
//! that is turned by the angle p·theta^(−2j/head_dim).
//!
//! In: the head's size, theta, and how many positions are needed. Out: the table of cosines and sines, which
//! grows when a longer sequence comes; a position's entries never change. The angle is rounded to f32 as in
//! the models' reference implementation, whatever the dtype of the weights; cosine and sine are taken in f64.
//!
//! Reference: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.

use std::sync::{Arc, PoisonError, RwLock};

use candle_core::{Result, bail};

/// Positions that a table begins with.
const FIRST_POSITIONS: usize = 256;

/// The table of a model, shared by all layers.
#[derive(Debug)]
pub struct RotaryTable {
    inverse_frequencies: Vec<f32>,
    angles: RwLock<Arc<Angles>>,
}

/// Cosines and sines, each row-major (positions, head_dim/2).
#[derive(Debug)]
pub(crate) struct Angles {
    pub(crate) cos: Vec<f32>,
    pub(crate) sin: Vec<f32>,
    half_dim: usize,
}

/// Which way to turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// As the model does.
    Forward,
    /// Back again: the transpose, which takes gradients through the rotation.
    Back,
}

impl RotaryTable {
    /// The table for heads of `head_dim` entries and the base `theta` (10,000 in the first models).
    ///
    /// # Errors
    /// If `head_dim` is 0 or odd, or `theta` is not a finite number above 0.
    pub fn new(head_dim: usize, theta: f64) -> Result<Self> {
        if head_dim == 0 || !head_dim.is_multiple_of(2) {
            bail!("rotary table: head_dim must be even and above 0, got {head_dim}");
        }
        if !(theta.is_finite() && theta > 0.0) {
            bail!("rotary table: theta must be finite and above 0, got {theta}");
        }
        let exponent = |j: usize| 2.0 * j as f64 / head_dim as f64;
        let inverse_frequencies: Vec<f32> =
            (0..head_dim / 2).map(|j| theta.powf(-exponent(j)) as f32).collect();
        let angles = Angles::new(&inverse_frequencies, FIRST_POSITIONS);
        Ok(Self { inverse_frequencies, angles: RwLock::new(Arc::new(angles)) })
    }

    /// Entries of a head.
    pub fn head_dim(&self) -> usize {
        2 * self.inverse_frequencies.len()
    }

    /// A table of at least `n_positions` positions.
    pub(crate) fn angles(&self, n_positions: usize) -> Arc<Angles> {
        // A thread that panicked while it held the lock left a whole table behind, the old one or the new
        // one.
        let current = Arc::clone(&self.angles.read().unwrap_or_else(PoisonError::into_inner));
        if current.n_positions() >= n_positions {
            return current;
        }
        let mut held = self.angles.write().unwrap_or_else(PoisonError::into_inner);
        if held.n_positions() < n_positions {
            *held = Arc::new(Angles::new(&self.inverse_frequencies, n_positions.next_power_of_two()));
        }
        Arc::clone(&held)
    }
}

impl Angles {
    fn new(inverse_frequencies: &[f32], n_positions: usize) -> Self {
        let angles = || {
            (0..n_positions).flat_map(|position| {
                inverse_frequencies.iter().map(move |frequency| f64::from(position as f32 * frequency))
            })
        };
        Self {
            cos: angles().map(|angle| angle.cos() as f32).collect(),
            sin: angles().map(|angle| angle.sin() as f32).collect(),
            half_dim: inverse_frequencies.len(),
        }
    }

    fn n_positions(&self) -> usize {
        self.cos.len() / self.half_dim
    }

    /// Turns one row, all heads of one token, for `position`. The table must reach it.
    pub(crate) fn rotate_row(&self, row: &mut [f32], position: usize, turn: Turn) {
        let half = self.half_dim;
        let cos = &self.cos[position * half..][..half];
        let sin = &self.sin[position * half..][..half];
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

    /// Turns the rows of one sequence, each `width` entries wide; the first is at position 0.
    pub(crate) fn rotate_rows(&self, rows: &mut [f32], width: usize, turn: Turn) {
        for (position, row) in rows.chunks_exact_mut(width).enumerate() {
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
        table.angles(3).rotate_row(&mut row, 2, Turn::Forward);
        let (cos, sin) = (2.0_f32.cos(), 2.0_f32.sin());
        for (actual, expected) in row.iter().zip([cos, sin, -sin, cos]) {
            assert!((actual - expected).abs() < 1e-7);
        }
        Ok(())
    }

    #[test]
    fn turning_back_undoes_it() -> Result<()> {
        let angles = RotaryTable::new(8, 10_000.0)?.angles(20);
        let before = values(20 * 16, 1);
        let mut rows = before.clone();
        angles.rotate_rows(&mut rows, 16, Turn::Forward);
        assert_eq!(rows[..16], before[..16], "position 0 does not turn");
        assert!(rows[16..] != before[16..]);
        angles.rotate_rows(&mut rows, 16, Turn::Back);
        assert!(rows.iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-6));
        Ok(())
    }

    #[test]
    fn growth_leaves_positions_as_they_are() -> Result<()> {
        let table = RotaryTable::new(4, 1_000_000.0)?;
        let (short, long) = (table.angles(10), table.angles(1000));
        assert!(long.n_positions() >= 1000);
        assert_eq!(short.cos[..], long.cos[..short.cos.len()]);
        assert!(Arc::ptr_eq(&long, &table.angles(999)));
        Ok(())
    }

    #[test]
    fn odd_heads_are_refused() {
        assert!(RotaryTable::new(3, 10_000.0).is_err());
        assert!(RotaryTable::new(4, f64::NAN).is_err());
    }
}
