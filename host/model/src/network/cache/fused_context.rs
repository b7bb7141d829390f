//! The cache of one growing sequence for f32 on the CPU.
//!
//! In: tokens, any number at a time. Out: their final hidden states. Attention goes block by block through
//! matrix products, as in [`crate::ops::causal_attention`], but over keys that were stored before. Clones
//! share what they hold until one of them grows, and what is only read after a context copies none of it.
//!
//! There is no backward pass: nothing is trained through a cache.

use std::ops::Range;
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
            let one_head = |head: usize| {
                let kv_head = head / heads.group_size();
                let (keys, values) = (cache.keys(index, kv_head), cache.values(index, kv_head));
                let stored = Stored { keys, values, capacity: cache.capacity };
                let mut out = vec![0.0; n * heads.head_dim];
                attend_block(&mut out, &queries, stored, (head, heads), layer.window(), first);
                out
            };
            let attended = by_head(heads, n, one_head);
            x = layer.finish(&x, &Tensor::from_vec(attended, (n, heads.query_width()), &Device::Cpu)?)?;
        }
        cache.len += n;
        decoder.final_norm(&x)
    }

    /// Final hidden states of several continuations of this context, (tokens of all, D), one after another. They are read together
    /// and see the context, but not each other; nothing of them is kept. The bits are those of [`Self::extend`] with each alone.
    pub(crate) fn read(&self, decoder: &Decoder, continuations: &[&[u32]]) -> Result<Tensor> {
        let context = &*self.key_values;
        let (heads, first) = (context.heads, context.len);
        // Of each continuation, because dynamic scaling turns its rows by the length that it reaches.
        let angles_of = |tokens: &&[u32]| decoder.rotary().angles(first..first + tokens.len());
        let angles: Vec<Arc<Angles>> = continuations.iter().map(angles_of).collect();
        let mut ranges = Vec::with_capacity(continuations.len());
        let mut n = 0;
        for tokens in continuations {
            ranges.push(n..n + tokens.len());
            n += tokens.len();
        }
        let mut x = decoder.embed(continuations.concat().into())?;
        for (index, layer) in decoder.layers().iter().enumerate() {
            let [queries, keys, values] = layer.project(&x)?;
            let mut keys = Contents::of(&keys)?.to_vec();
            let mut queries = Contents::of(&queries)?.to_vec();
            for (range, angles) in ranges.iter().zip(&angles) {
                let rows = |width: usize| range.start * width..range.end * width;
                rotate_from(angles, &mut keys[rows(heads.kv_width())], heads.kv_width(), first);
                rotate_from(angles, &mut queries[rows(heads.query_width())], heads.query_width(), first);
            }
            let new =
                NewRows { queries: &queries, keys: &keys, values: &Contents::of(&values)?, ranges: &ranges };
            let group = |kv_head: usize| new.attend(context, index, kv_head, layer.window());
            let groups: Vec<Vec<f32>> = (0..heads.n_kv_heads).into_par_iter().map(group).collect();
            let of_heads = groups.iter().flat_map(|group| group.chunks_exact(n * heads.head_dim));
            let attended = side_by_side(heads, n, of_heads);
            x = layer.finish(&x, &Tensor::from_vec(attended, (n, heads.query_width()), &Device::Cpu)?)?;
        }
        decoder.final_norm(&x)
    }
}

/// Continuations in one layer: rotated queries (n, H·hd) and keys (n, KH·hd), and values (n, KH·hd).
struct NewRows<'a> {
    queries: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
    /// Rows of each continuation.
    ranges: &'a [Range<usize>],
}

impl NewRows<'_> {
    /// Attention over the context and each continuation's own rows, in the query heads of one key-value head: (group, n, hd).
    fn attend(&self, context: &KeyValues, layer: usize, kv_head: usize, window: Option<usize>) -> Vec<f32> {
        let (heads, first) = (context.heads, context.len);
        let (head_dim, kv_width, query_width) = (heads.head_dim, heads.kv_width(), heads.query_width());
        let longest = self.ranges.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        let n = self.ranges.last().map_or(0, |range| range.end);
        let capacity = first + longest;
        // The context of this head, with room for one continuation after it.
        let mut keys = vec![0.0; head_dim * capacity];
        let mut values = vec![0.0; capacity * head_dim];
        if first > 0 {
            let stored = context.keys(layer, kv_head).chunks_exact(context.capacity);
            for (to, from) in keys.chunks_exact_mut(capacity).zip(stored) {
                to[..first].copy_from_slice(&from[..first]);
            }
            let stored = &context.values(layer, kv_head)[..first * head_dim];
            values[..first * head_dim].copy_from_slice(stored);
        }
        let group = heads.group_size();
        let mut out = vec![0.0; group * n * head_dim];
        for range in self.ranges.iter().filter(|range| !range.is_empty()) {
            for (offset, row) in range.clone().enumerate() {
                let entries = row * kv_width + kv_head * head_dim..row * kv_width + (kv_head + 1) * head_dim;
                let key = &self.keys[entries.clone()];
                for (column, entry) in keys.chunks_exact_mut(capacity).zip(key) {
                    column[first + offset] = *entry;
                }
                values[(first + offset) * head_dim..][..head_dim].copy_from_slice(&self.values[entries]);
            }
            let stored = Stored { keys: &keys, values: &values, capacity };
            let queries = &self.queries[range.start * query_width..range.end * query_width];
            for place in 0..group {
                let out = &mut out[(place * n + range.start) * head_dim..][..range.len() * head_dim];
                attend_block(out, queries, stored, (kv_head * group + place, heads), window, first);
            }
        }
        out
    }
}

/// Keys (hd, capacity) and values (capacity, hd) of one head.
#[derive(Clone, Copy)]
struct Stored<'a> {
    keys: &'a [f32],
    values: &'a [f32],
    capacity: usize,
}

fn rotate_from(angles: &Angles, rows: &mut [f32], width: usize, first: usize) {
    for (offset, row) in rows.chunks_exact_mut(width).enumerate() {
        angles.rotate_row(row, first + offset, Turn::Forward);
    }
}

/// Causal attention of one query head: `queries` (n, H·hd) are rotated, at positions from `first` on; writes `out` (n, hd).
fn attend_block(
    out: &mut [f32],
    queries: &[f32],
    Stored { keys, values, capacity }: Stored<'_>,
    (head, heads): (usize, Heads),
    window: Option<usize>,
    first: usize,
) {
    let (head_dim, width) = (heads.head_dim, heads.query_width());
    let n = queries.len() / width;
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
            Matrix::strided(&keys[oldest..], head_dim, visible, capacity),
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
}

/// Runs `attend`, which gives (n, hd), for every head on the current rayon pool: (n, H·hd).
pub(super) fn by_head(heads: Heads, n: usize, attend: impl Fn(usize) -> Vec<f32> + Send + Sync) -> Vec<f32> {
    let of_heads: Vec<Vec<f32>> = (0..heads.n_heads).into_par_iter().map(attend).collect();
    side_by_side(heads, n, of_heads.iter().map(Vec::as_slice))
}

/// Puts the results of the heads, (n, hd) each, side by side: (n, H·hd).
fn side_by_side<'a>(heads: Heads, n: usize, of_heads: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let mut attended = vec![0.0; n * heads.query_width()];
    for (head, of_head) in of_heads.enumerate() {
        let rows = attended.chunks_exact_mut(heads.query_width()).zip(of_head.chunks_exact(heads.head_dim));
        for (out, of_head) in rows {
            out[head * heads.head_dim..][..heads.head_dim].copy_from_slice(of_head);
        }
    }
    attended
}
