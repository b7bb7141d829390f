//! The cache of one growing sequence for f32 on the CPU.
//!
//! In: tokens, any number at a time. Out: their final hidden states. Attention goes block by block through
//! matrix products, as in [`crate::ops::causal_attention`], but over keys that were stored before. Clones
//! share what they hold until one of them grows.
//!
//! There is no backward pass: nothing is trained through a cache.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use gemm::Parallelism;
use rayon::prelude::*;

use super::key_values::KeyValues;
use crate::decoder::Decoder;
use crate::error::Result;
use crate::ops::matmul::{Matrix, MatrixMut, Update, multiply};
use crate::ops::{Angles, Contents, Heads, Turn, first_visible, kernels};

/// Query rows that are handled at once; their scores stay in the processor's cache.
const QUERY_BLOCK: usize = 64;

/// One growing sequence.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(super) key_values: Arc<KeyValues>,
}

impl Context {
    /// A context of no tokens.
    pub(crate) fn new(decoder: &Decoder) -> Self {
        Self { key_values: Arc::new(KeyValues::new(decoder.layers().len(), decoder.heads())) }
    }

    /// Appends `tokens` (n) and gives their final hidden states (n, D).
    pub(crate) fn extend(&mut self, decoder: &Decoder, tokens: &[u32]) -> Result<Tensor> {
        let cache = Arc::make_mut(&mut self.key_values);
        let (heads, first, n) = (cache.heads, cache.len, tokens.len());
        let angles = decoder.rotary().angles(first..first + n);
        cache.reserve(n);
        let mut x = decoder.embed(tokens.into())?;
        for (index, layer) in decoder.layers().iter().enumerate() {
            let [queries, keys, values] = layer.project(&x)?;
            let mut keys = Contents::of(&keys)?.to_vec();
            let mut queries = Contents::of(&queries)?.to_vec();
            rotate_from(&angles, &mut keys, heads.kv_width(), first);
            rotate_from(&angles, &mut queries, heads.query_width(), first);
            let values = Contents::of(&values)?;
            let rows = keys.chunks_exact(heads.kv_width()).zip(values.chunks_exact(heads.kv_width()));
            for (offset, (key, value)) in rows.enumerate() {
                cache.write(index, first + offset, key, value);
            }
            let attended = attend_block(&queries, cache, (index, layer.window()), first, n);
            x = layer.finish(&x, &Tensor::from_vec(attended, (n, heads.query_width()), &Device::Cpu)?)?;
        }
        cache.len += n;
        decoder.final_norm(&x)
    }
}

fn rotate_from(angles: &Angles, rows: &mut [f32], width: usize, first: usize) {
    for (offset, row) in rows.chunks_exact_mut(width).enumerate() {
        angles.rotate_row(row, first + offset, Turn::Forward);
    }
}

/// Causal attention of `n` rotated queries at positions from `first` on, in the layer of that index and window: (n, H·hd).
fn attend_block(
    queries: &[f32],
    cache: &KeyValues,
    (layer, window): (usize, Option<usize>),
    first: usize,
    n: usize,
) -> Vec<f32> {
    let heads = cache.heads;
    let (head_dim, width) = (heads.head_dim, heads.query_width());
    let one_head = |head: usize| {
        let kv_head = head / heads.group_size();
        let (keys, values) = (cache.keys(layer, kv_head), cache.values(layer, kv_head));
        let mut out = vec![0.0; n * head_dim];
        let mut scores = Vec::new();
        for start in (0..n).step_by(QUERY_BLOCK) {
            let rows = QUERY_BLOCK.min(n - start);
            // Of all rows together.
            let oldest = first_visible(first + start, window);
            let visible = first + start + rows - oldest;
            scores.resize(rows * visible, 0.0);
            multiply(
                MatrixMut::new(&mut scores, rows, visible),
                Update::Overwrite,
                heads.scale(),
                Matrix::strided(&queries[start * width + head * head_dim..], rows, head_dim, width),
                Matrix::strided(&keys[oldest..], head_dim, visible, cache.capacity),
                Parallelism::None,
            );
            for (row, scores) in scores.chunks_exact_mut(visible).enumerate() {
                let position = first + start + row;
                let (until, after) = scores.split_at_mut(position + 1 - oldest);
                let (before, seen) = until.split_at_mut(first_visible(position, window) - oldest);
                kernels::softmax_in_place(seen);
                before.fill(0.0);
                after.fill(0.0);
            }
            multiply(
                MatrixMut::new(&mut out[start * head_dim..][..rows * head_dim], rows, head_dim),
                Update::Overwrite,
                1.0,
                Matrix::new(&scores, rows, visible),
                Matrix::new(&values[oldest * head_dim..][..visible * head_dim], visible, head_dim),
                Parallelism::None,
            );
        }
        out
    };
    by_head(heads, n, one_head)
}

/// Runs `attend`, which gives (n, hd), for every head on the current rayon pool: (n, H·hd).
pub(super) fn by_head(heads: Heads, n: usize, attend: impl Fn(usize) -> Vec<f32> + Send + Sync) -> Vec<f32> {
    let of_heads: Vec<Vec<f32>> = (0..heads.n_heads).into_par_iter().map(attend).collect();
    let mut attended = vec![0.0; n * heads.query_width()];
    for (row, out) in attended.chunks_exact_mut(heads.query_width()).enumerate() {
        for (out, of_head) in out.chunks_exact_mut(heads.head_dim).zip(&of_heads) {
            out.copy_from_slice(&of_head[row * heads.head_dim..][..heads.head_dim]);
        }
    }
    attended
}
