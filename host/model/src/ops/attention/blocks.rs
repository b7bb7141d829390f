//! Causal attention in candle's own operations, a block of queries at a time, forward and backward.
//!
//! In: queries (B, KH, G, n, hd), G query heads to each of KH key-value heads, and keys and values (B, KH, T, hd), all turned by their
//! positions. Out: (B, KH, G, n, hd). Scores exist of one block of [`QUERY_BLOCK`] queries over the keys that it sees, and no
//! mask but of the keys at a block's diagonal and at its window's edge.
//!
//! The forward pass keeps log Σ e^S of each query, from which the backward pass makes the probabilities of a block again; the
//! formulas stand at the head of [`super`].

use std::ops::Range;

use candle_core::{D, Result, Tensor};

use super::first_visible;
use super::partial::{Partial, mask, scores};
use crate::ops::known::with_backward;
use crate::ops::wide;

/// Queries of a sequence that are handled at once.
pub(crate) const QUERY_BLOCK: usize = 128;

/// Keys and values of consecutive positions, (B, KH, T, hd) each; with B = 1 all queries share them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch<'a> {
    /// The position of the first.
    pub(crate) first: usize,
    pub(crate) keys: &'a Tensor,
    pub(crate) values: &'a Tensor,
}

/// Some keys of a [`Stretch`].
struct Piece {
    keys: Tensor,
    values: Tensor,
    /// To add to scores (…, n, keys), where not every query of the block sees all of them.
    mask: Option<Tensor>,
}

impl Piece {
    /// Scores (batch, KH, rows, keys) of queries (batch, KH, rows, hd), of which `n` that follow one another are a block.
    fn scores(&self, queries: &Tensor, scale: f32, n: usize) -> Result<Tensor> {
        let scores = scores(queries, &self.keys, scale)?;
        let Some(mask) = &self.mask else { return Ok(scores) };
        let (batch, kv_heads, rows, columns) = scores.dims4()?;
        let by_block = scores.reshape((batch, kv_heads, rows / n, n, columns))?;
        by_block.broadcast_add(mask)?.reshape((batch, kv_heads, rows, columns))
    }
}

/// How the queries of a layer look at keys, and the masks that were made so far; for all layers of a pass.
pub(crate) struct Attention {
    scale: f32,
    /// Positions that a query sees, itself included; all of them if none.
    pub(crate) window: Option<usize>,
    masks: Vec<(MaskKey, Tensor)>,
}

/// What a mask depends on: the window, first query − first key, queries, keys.
type MaskKey = (Option<usize>, usize, usize, usize);

impl Attention {
    /// With scores multiplied by `scale`, over the last `window` positions.
    pub(crate) fn new(scale: f32, window: Option<usize>) -> Self {
        Self { scale, window, masks: Vec::new() }
    }

    /// Attention of queries (B, KH, G, n, hd) at positions from `first` on over all keys that they see in the stretches.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn attend(
        &mut self,
        queries: &Tensor,
        first: usize,
        stretches: &[Stretch<'_>],
    ) -> Result<Partial> {
        let mut blocks = Vec::new();
        for rows in blocks_of(queries.dim(3)?) {
            let block = queries.narrow(3, rows.start, rows.len())?.contiguous()?;
            blocks.push(self.attend_block(&block, first + rows.start, stretches)?);
        }
        Partial::cat(&blocks, 3)
    }

    /// The same of one block.
    fn attend_block(&mut self, queries: &Tensor, first: usize, stretches: &[Stretch<'_>]) -> Result<Partial> {
        let mut whole: Option<Partial> = None;
        for stretch in stretches {
            for piece in self.pieces(queries, first, stretch)? {
                let part = self.attend_piece(queries, &piece)?;
                whole = Some(match whole {
                    None => part,
                    Some(whole) => whole.and(&part)?,
                });
            }
        }
        whole.map_or_else(|| candle_core::bail!("attention over no keys"), Ok)
    }

    fn attend_piece(&self, queries: &Tensor, piece: &Piece) -> Result<Partial> {
        let (batch, kv_heads, group, n, _) = queries.dims5()?;
        // Query heads of a group, and where keys are shared the sequences too, lie one below the other, so that they meet their
        // keys in one product.
        let is_shared = piece.keys.dim(0)? < batch;
        let (outer, inner) = if is_shared { (1, batch) } else { (batch, 1) };
        let queries = if is_shared { queries.transpose(0, 1)?.contiguous()? } else { queries.clone() };
        let queries = queries.reshape((outer, kv_heads, inner * group * n, ()))?;
        let scores = piece.scores(&queries, self.scale, n)?;
        Partial::new(&scores, &piece.values)?.map(|tensor| {
            if is_shared {
                tensor.reshape((kv_heads, batch, group, n, ()))?.transpose(0, 1)?.contiguous()
            } else {
                tensor.reshape((batch, kv_heads, group, n, ()))
            }
        })
    }

    /// What queries at positions from `first` on see of a stretch.
    fn pieces(&mut self, queries: &Tensor, first: usize, stretch: &Stretch<'_>) -> Result<Vec<Piece>> {
        let rows = first..first + queries.dim(3)?;
        let stored = stretch.first..stretch.first + stretch.keys.dim(2)?;
        let mut pieces = Vec::new();
        for (columns, all_seen) in visible_ranges(&rows, self.window) {
            let columns = columns.start.max(stored.start)..columns.end.min(stored.end);
            if columns.is_empty() {
                continue;
            }
            let of =
                |tensor: &Tensor| tensor.narrow(2, columns.start - stored.start, columns.len())?.contiguous();
            let mask = if all_seen { None } else { Some(self.mask(&rows, &columns, queries)?) };
            pieces.push(Piece { keys: of(stretch.keys)?, values: of(stretch.values)?, mask });
        }
        Ok(pieces)
    }

    /// What hides some `columns` from some `rows`, (rows, columns); both are positions.
    fn mask(&mut self, rows: &Range<usize>, columns: &Range<usize>, like: &Tensor) -> Result<Tensor> {
        let key = (self.window, rows.start.wrapping_sub(columns.start), rows.len(), columns.len());
        if let Some((_, mask)) = self.masks.iter().find(|(known, _)| *known == key) {
            return Ok(mask.clone());
        }
        let window = self.window;
        let sees = |row: usize, column: usize| {
            let (query, key) = (rows.start + row, columns.start + column);
            (first_visible(query, window)..=query).contains(&key)
        };
        let mask = mask((rows.len(), columns.len()), sees, like)?;
        self.masks.push((key, mask.clone()));
        Ok(mask)
    }
}

/// The ranges that `n` queries are handled in.
fn blocks_of(n: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(QUERY_BLOCK).map(move |start| start..(start + QUERY_BLOCK).min(n))
}

/// The positions that queries at the positions `rows` see, in ranges that follow one another, and of each whether all of the queries
/// see all of it.
fn visible_ranges(rows: &Range<usize>, window: Option<usize>) -> Vec<(Range<usize>, bool)> {
    let oldest = first_visible(rows.start, window);
    if rows.len() == 1 {
        return vec![(oldest..rows.end, true)];
    }
    // What the last query still sees, the first one must too.
    let from = first_visible(rows.end - 1, window);
    if from > rows.start {
        return vec![(oldest..rows.end, false)];
    }
    let ranges = [(oldest..from, false), (from..rows.start, true), (rows.start..rows.end, false)];
    ranges.into_iter().filter(|(range, _)| !range.is_empty()).collect()
}

/// Causal attention of whole sequences on candle's graph: queries (B, KH, G, L, hd), keys and values (B, KH, L, hd); gives (B,
/// KH·G, L, hd).
///
/// # Errors
/// If a tensor operation fails.
pub(super) fn causal(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    scale: f32,
    window: Option<usize>,
) -> Result<Tensor> {
    let (batch, kv_heads, group, length, head_dim) = queries.dims5()?;
    let n_heads = kv_heads * group;
    let dtype = queries.dtype();
    // One tensor on the graph for all three, because a known value is a function of one.
    let joined = Tensor::cat(&[&queries.reshape((batch, n_heads, length, head_dim))?, keys, values], 1)?;
    let pass = Pass { joined: joined.detach(), n_heads, kv_heads, scale, window };
    let whole = pass.forward()?;
    let out = whole.out.to_dtype(dtype)?;
    let value = out.reshape((batch, n_heads, length, head_dim))?;
    with_backward(&joined, value, move |grad| {
        let grad = grad.reshape((batch, kv_heads, group, length, head_dim))?.to_dtype(wide(dtype))?;
        pass.backward(&whole, &grad)?.to_dtype(dtype)
    })
}

/// What both passes read.
struct Pass {
    /// Query heads, key heads and value heads, (B, H + 2·KH, L, hd).
    joined: Tensor,
    n_heads: usize,
    kv_heads: usize,
    scale: f32,
    window: Option<usize>,
}

impl Pass {
    fn queries(&self) -> Result<Tensor> {
        let (batch, _, length, head_dim) = self.joined.dims4()?;
        let shape = (batch, self.kv_heads, self.n_heads / self.kv_heads, length, head_dim);
        self.joined.narrow(1, 0, self.n_heads)?.reshape(shape)
    }

    fn forward(&self) -> Result<Partial> {
        let keys = self.joined.narrow(1, self.n_heads, self.kv_heads)?;
        let values = self.joined.narrow(1, self.n_heads + self.kv_heads, self.kv_heads)?;
        let stretch = Stretch { first: 0, keys: &keys, values: &values };
        Attention::new(self.scale, self.window).attend(&self.queries()?, 0, &[stretch])
    }

    /// The gradient of `joined` from that of the result, (B, KH, G, L, hd), and what the forward pass gave.
    fn backward(&self, whole: &Partial, grad: &Tensor) -> Result<Tensor> {
        let (batch, _, length, head_dim) = self.joined.dims4()?;
        let keys = self.joined.narrow(1, self.n_heads, self.kv_heads)?;
        let values = self.joined.narrow(1, self.n_heads + self.kv_heads, self.kv_heads)?;
        let stretch = Stretch { first: 0, keys: &keys, values: &values };
        let mut attention = Attention::new(self.scale, self.window);
        let queries = self.queries()?;
        let sums = || Tensor::zeros((batch, self.kv_heads, length, head_dim), grad.dtype(), grad.device());
        let (of_keys, of_values) = (sums()?, sums()?);
        let mut of_queries = Vec::new();
        for rows in blocks_of(length) {
            let block = |tensor: &Tensor| tensor.narrow(3, rows.start, rows.len())?.contiguous();
            // (B, KH, G·n, …).
            let flat = |tensor: Tensor| tensor.flatten(2, 3);
            let queries = block(&queries)?;
            let (out, grad) = (flat(block(&whole.out)?)?, flat(block(grad)?)?);
            let log_sum_exp = flat(block(&whole.log_sum_exp)?)?;
            // rowsum(g ∘ O).
            let dot = (&grad * out)?.sum_keepdim(D::Minus1)?;
            let narrow_grad = grad.to_dtype(self.joined.dtype())?;
            let mut of_block: Option<Tensor> = None;
            let mut start = first_visible(rows.start, self.window);
            for piece in attention.pieces(&queries, rows.start, &stretch)? {
                let queries = flat(queries.clone())?;
                let scores = piece.scores(&queries, self.scale, rows.len())?;
                let probs = scores.broadcast_sub(&log_sum_exp)?.exp()?;
                let of_probs = narrow_grad.matmul(&piece.values.t()?)?.to_dtype(probs.dtype())?;
                let of_scores = ((&probs * of_probs.broadcast_sub(&dot)?)? * f64::from(self.scale))?;
                let of_scores = of_scores.to_dtype(queries.dtype())?;
                let to_queries = of_scores.matmul(&piece.keys)?.to_dtype(grad.dtype())?;
                of_block = Some(match of_block {
                    None => to_queries,
                    Some(sum) => (sum + to_queries)?,
                });
                let probs = probs.to_dtype(queries.dtype())?;
                add_at(&of_keys, start, &of_scores.t()?.contiguous()?.matmul(&queries)?)?;
                add_at(&of_values, start, &probs.t()?.contiguous()?.matmul(&narrow_grad)?)?;
                start += piece.keys.dim(2)?;
            }
            let Some(of_block) = of_block else { continue };
            of_queries.push(of_block.reshape((batch, self.n_heads, rows.len(), head_dim))?);
        }
        Tensor::cat(&[Tensor::cat(&of_queries, 2)?, of_keys, of_values], 1)
    }
}

/// Adds (B, KH, n, hd) to the columns of `sums` (B, KH, L, hd) from `start` on, in place.
fn add_at(sums: &Tensor, start: usize, more: &Tensor) -> Result<()> {
    let sum = (sums.narrow(2, start, more.dim(2)?)? + more.to_dtype(sums.dtype())?)?;
    sums.slice_set(&sum, 2, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visible_position_lies_in_one_range_and_open_ranges_are_seen_by_all() {
        for window in [None, Some(1), Some(3), Some(4), Some(5), Some(9), Some(40)] {
            for rows in [0..1, 0..4, 4..8, 7..8, 20..24, 24..26] {
                let ranges = visible_ranges(&rows, window);
                let mut end = first_visible(rows.start, window);
                for (range, all_seen) in ranges {
                    assert_eq!(range.start, end);
                    end = range.end;
                    let sees =
                        |row: usize, column: usize| (first_visible(row, window)..=row).contains(&column);
                    let seen_by_all = range.clone().all(|column| rows.clone().all(|row| sees(row, column)));
                    assert_eq!(all_seen, seen_by_all, "{rows:?} see {range:?} of a window of {window:?}");
                    assert!(range.len() <= rows.len().max(1) * 2 || all_seen);
                }
                assert_eq!(end, rows.end);
            }
        }
    }
}
