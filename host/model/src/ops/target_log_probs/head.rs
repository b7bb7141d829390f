//! The products of the output head, of f32 numbers or of bf16 ones.
//!
//! In: rows of hidden states (n, D) or of logits' gradients (n, V). Out: logits, and the gradients of hidden states and head.

use std::sync::RwLockReadGuard;

use candle_core::Result;

use crate::ops::bf16::{self, Packings, View};
use crate::ops::matmul::{Matrix, MatrixMut, Update, multiply, pool_parallelism};

/// The head, (V, D).
pub(super) enum Head<'a> {
    Dense { head: &'a [f32], shape: (usize, usize) },
    Packed(RwLockReadGuard<'a, Packings>),
}

impl Head<'_> {
    /// (V, D).
    pub(super) fn shape(&self) -> (usize, usize) {
        match self {
            Self::Dense { shape, .. } => *shape,
            Self::Packed(packings) => (packings.forward.rows(), packings.forward.depth()),
        }
    }

    /// Writes the logits (n, V) of `hidden` (n, D).
    pub(super) fn logits(&self, out: &mut [f32], hidden: &[f32], n: usize) {
        let (vocab_size, width) = self.shape();
        match self {
            Self::Dense { head, .. } => multiply(
                MatrixMut::new(out, n, vocab_size),
                Update::Overwrite,
                1.0,
                Matrix::new(hidden, n, width),
                Matrix::new(head, vocab_size, width).transposed(),
                pool_parallelism(),
            ),
            Self::Packed(packings) => {
                bf16::multiply(out, Update::Overwrite, View::rows(hidden, n, width), &packings.forward);
            }
        }
    }

    /// Writes the gradient of the hidden states (n, D), given that of the logits (n, V).
    ///
    /// # Errors
    /// If the head was loaded to be read only.
    pub(super) fn hidden_gradient(&self, out: &mut [f32], grad_logits: &[f32], n: usize) -> Result<()> {
        let (vocab_size, width) = self.shape();
        match self {
            Self::Dense { head, .. } => multiply(
                MatrixMut::new(out, n, width),
                Update::Overwrite,
                1.0,
                Matrix::new(grad_logits, n, vocab_size),
                Matrix::new(head, vocab_size, width),
                pool_parallelism(),
            ),
            Self::Packed(packings) => {
                let grads = View::rows(grad_logits, n, vocab_size);
                bf16::multiply(out, Update::Overwrite, grads, packings.backward()?);
            }
        }
        Ok(())
    }

    /// Writes or adds the gradient of the head (V, D), given that of the logits (n, V) and the hidden states (n, D).
    pub(super) fn gradient(
        &self,
        out: &mut [f32],
        update: Update,
        grad_logits: &[f32],
        hidden: &[f32],
        n: usize,
    ) {
        let (vocab_size, width) = self.shape();
        match self {
            Self::Dense { .. } => multiply(
                MatrixMut::new(out, vocab_size, width),
                update,
                1.0,
                Matrix::new(grad_logits, n, vocab_size).transposed(),
                Matrix::new(hidden, n, width),
                pool_parallelism(),
            ),
            Self::Packed(_) => {
                let (grads, hidden) =
                    (View::columns(grad_logits, vocab_size, n), View::columns(hidden, width, n));
                bf16::multiply_once(out, update, grads, hidden);
            }
        }
    }
}
