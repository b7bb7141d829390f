//! The caches of sequences that grow by one token each, for f32 on the CPU.
//!
//! In: one token a row. Out: one final hidden state a row. A row is a context that it may share with others
//! and a tail of its own, so that 64 rewrites of one step hold their context once. Rows that share a context
//! meet it in one matrix product; each meets its tail alone. The softmax runs over both. In a layer with a window the product
//! begins with the first key that a token after the context could see, so that its bounds do not depend on the rows.
//!
//! A row's bits do not depend on its neighbours: matrix products promise that for their rows
//! ([`crate::ops::matmul`]), and the rest looks at one row at a time. Heads are spread over the current rayon
//! pool.
//!
//! A row stands for all draws whose tokens are the same so far; where they part, its tail is copied.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use gemm::Parallelism;

use super::fused_context::{Context, by_head};
use super::key_values::KeyValues;
use super::{runs, tail};
use crate::decoder::Decoder;
use crate::error::Result;
use crate::ops::matmul::{Matrix, MatrixMut, Update, multiply};
use crate::ops::{Angles, Contents, Turn, first_visible};

/// Sequences that grow by a token each at every step.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    context: Arc<KeyValues>,
    tail: KeyValues,
}

impl Batch {
    /// Adds a row that continues `context`.
    pub(crate) fn push(&mut self, context: &Context) {
        let context = Arc::clone(&context.key_values);
        let tail = KeyValues::like(&context);
        self.rows.push(Row { context, tail });
    }

    /// Makes the rows copies of those at `places`.
    pub(crate) fn select(&mut self, places: &[usize]) {
        let mut n_left = vec![0; self.rows.len()];
        places.iter().for_each(|&place| n_left[place] += 1);
        let mut rows: Vec<Option<Row>> = std::mem::take(&mut self.rows).into_iter().map(Some).collect();
        let copy = |&place: &usize| {
            n_left[place] -= 1;
            if n_left[place] == 0 { rows[place].take() } else { rows[place].clone() }
        };
        self.rows = places.iter().filter_map(copy).collect();
    }

    /// Appends one token to each row and gives their final hidden states (rows, D).
    pub(crate) fn step(&mut self, decoder: &Decoder, tokens: &[u32]) -> Result<Tensor> {
        let heads = decoder.heads();
        let (query_width, kv_width) = (heads.query_width(), heads.kv_width());
        let angles_of = |row: &Row| decoder.rotary().angles(row.len()..row.len() + 1);
        let angles: Vec<Arc<Angles>> = self.rows.iter().map(angles_of).collect();
        let families = runs(&self.rows, |a, b| Arc::ptr_eq(&a.context, &b.context));
        for row in &mut self.rows {
            row.tail.reserve(1);
        }
        let mut x = decoder.embed(tokens.into())?;
        for (index, layer) in decoder.layers().iter().enumerate() {
            let [queries, keys, values] = layer.project(&x)?;
            let mut queries = Contents::of(&queries)?.to_vec();
            let mut keys = Contents::of(&keys)?.to_vec();
            let values = Contents::of(&values)?;
            let projected = queries
                .chunks_exact_mut(query_width)
                .zip(keys.chunks_exact_mut(kv_width))
                .zip(values.chunks_exact(kv_width));
            for ((row, angles), ((query, key), value)) in self.rows.iter_mut().zip(&angles).zip(projected) {
                angles.rotate_row(query, row.len(), Turn::Forward);
                angles.rotate_row(key, row.len(), Turn::Forward);
                row.tail.write(index, row.tail.len, key, value);
            }
            let n = self.rows.len();
            let place = (index, layer.window());
            let attended = by_head(heads, n, |head| self.attend(&families, place, head, &queries));
            x = layer.finish(&x, &Tensor::from_vec(attended, (n, query_width), &Device::Cpu)?)?;
        }
        for row in &mut self.rows {
            row.tail.len += 1;
        }
        decoder.final_norm(&x)
    }

    /// Attention of every row's newest token in one head, (rows, hd), in the layer of that index and window; `queries` (rows,
    /// H·hd) are rotated.
    fn attend(
        &self,
        families: &[Range<usize>],
        (layer, window): (usize, Option<usize>),
        head: usize,
        queries: &[f32],
    ) -> Vec<f32> {
        let Some(first) = self.rows.first() else { return Vec::new() };
        let heads = first.tail.heads;
        let (head_dim, query_width) = (heads.head_dim, heads.query_width());
        let kv_head = head / heads.group_size();
        let mut out = vec![0.0; self.rows.len() * head_dim];
        let mut scores = Vec::new();
        for family in families {
            let rows = &self.rows[family.clone()];
            let queries = &queries[family.start * query_width + head * head_dim..];
            let out = &mut out[family.start * head_dim..family.end * head_dim];
            let context = &rows[0].context;
            // A row's scores are those of the context from `oldest` on, and then those of its tail.
            let oldest = first_visible(context.len, window).min(context.len);
            let n_context = context.len - oldest;
            let longest_tail = rows.iter().map(|row| row.visible_tail(window).len()).max().unwrap_or(0);
            let width = n_context + longest_tail;
            scores.clear();
            scores.resize(rows.len() * width, 0.0);

            let keys = context.keys(layer, kv_head);
            multiply(
                MatrixMut::strided(&mut scores, rows.len(), n_context, width),
                Update::Overwrite,
                heads.scale(),
                Matrix::strided(queries, rows.len(), head_dim, query_width),
                Matrix::strided(&keys[oldest..], head_dim, n_context, context.capacity),
                Parallelism::None,
            );
            let of_rows = rows.iter().zip(scores.chunks_exact_mut(width)).zip(queries.chunks(query_width));
            for ((row, scores), query) in of_rows {
                let tail = row.visible_tail(window);
                let scores = &mut scores[..n_context + tail.len()];
                let n_hidden = (first_visible(row.len(), window).max(oldest) - oldest).min(n_context);
                scores[..n_hidden].fill(0.0);
                let keys = &row.tail.keys(layer, kv_head)[tail.start..];
                let (visible, n_visible_context) = (&mut scores[n_hidden..], n_context - n_hidden);
                let keys = tail::Keys { entries: keys, capacity: row.tail.capacity };
                tail::finish_weights(visible, n_visible_context, &query[..head_dim], heads.scale(), keys);
            }
            multiply(
                MatrixMut::new(out, rows.len(), head_dim),
                Update::Overwrite,
                1.0,
                Matrix::strided(&scores, rows.len(), n_context, width),
                Matrix::new(
                    &context.values(layer, kv_head)[oldest * head_dim..context.len * head_dim],
                    n_context,
                    head_dim,
                ),
                Parallelism::None,
            );
            let of_rows = rows.iter().zip(scores.chunks_exact(width)).zip(out.chunks_exact_mut(head_dim));
            for ((row, scores), out) in of_rows {
                let tail = row.visible_tail(window);
                let weights = &scores[n_context..][..tail.len()];
                tail::add_values(out, weights, &row.tail.values(layer, kv_head)[tail.start * head_dim..]);
            }
        }
        out
    }
}

impl Row {
    /// Positions that are filled, the newest token's not included.
    fn len(&self) -> usize {
        self.context.len + self.tail.len
    }

    /// Positions of the tail that its newest token sees, itself included.
    fn visible_tail(&self, window: Option<usize>) -> Range<usize> {
        first_visible(self.len(), window).saturating_sub(self.context.len)..self.tail.len + 1
    }
}
