//! The rotary embedding of tokens at given positions of several sequences, in candle's own operations.

use candle_core::{Device, Result, Tensor};

use crate::ops::RotaryTable;

/// Cosines and sines, each (batch, 1, n, head_dim/2); batch is 1 where all sequences have the same.
pub(crate) struct Rotation {
    cos: Tensor,
    sin: Tensor,
}

impl Rotation {
    /// For `n` tokens of each sequence, of which `lens` (first position, tokens) are real; the rest turn like the last of these.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn new(
        rotary: &RotaryTable,
        lens: &[(usize, usize)],
        n: usize,
        like: &Tensor,
    ) -> Result<Self> {
        let first = lens.first().map_or(0, |(first, _)| *first);
        let is_shared = lens.iter().all(|(other, _)| *other == first) && !rotary.follows_length(first + n);
        let shared = [(first, n)];
        let lens = if is_shared { &shared } else { lens };
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for &(first, len) in lens {
            let angles = rotary.angles(first..first + len);
            for offset in 0..n {
                let (of_cos, of_sin) = angles.of(first + offset.min(len.saturating_sub(1)));
                cos.extend_from_slice(of_cos);
                sin.extend_from_slice(of_sin);
            }
        }
        let shape = (lens.len(), 1, n, rotary.head_dim() / 2);
        let table = |entries: Vec<f32>| {
            Tensor::from_vec(entries, shape, &Device::Cpu)?.to_device(like.device())?.to_dtype(like.dtype())
        };
        Ok(Self { cos: table(cos)?, sin: table(sin)? })
    }

    /// Turns x (batch·n, heads·head_dim): (batch, heads, n, head_dim).
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn apply(&self, x: &Tensor, n_heads: usize) -> Result<Tensor> {
        let x = self.split(x, n_heads)?;
        let half = x.dim(3)? / 2;
        let (first, second) = (x.narrow(3, 0, half)?, x.narrow(3, half, half)?);
        let turned_first = (first.broadcast_mul(&self.cos)? - second.broadcast_mul(&self.sin)?)?;
        let turned_second = (second.broadcast_mul(&self.cos)? + first.broadcast_mul(&self.sin)?)?;
        Tensor::cat(&[turned_first, turned_second], 3)
    }

    /// x (batch·n, heads·head_dim) by heads: (batch, heads, n, head_dim).
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn split(&self, x: &Tensor, n_heads: usize) -> Result<Tensor> {
        let (_, _, n, half) = self.cos.dims4()?;
        x.reshape(((), n, n_heads, 2 * half))?.transpose(1, 2)?.contiguous()
    }
}
