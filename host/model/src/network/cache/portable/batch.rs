//! Sequences that grow by one token each, in candle's own operations.
//!
//! A row is a context that it may share with others and a tail of its own. Rows that share a context meet it in one product; the
//! tails of all rows lie in one tensor, aligned at their right end: its newest column is every row's newest token, and a mask of
//! one row of numbers a sequence hides what stands before a shorter tail.

use std::ops::Range;
use std::sync::Arc;

use candle_core::Tensor;

use super::super::runs;
use super::context::Context;
use super::stored::Stored;
use crate::decoder::Decoder;
use crate::error::Result;
use crate::ops::partial::{Partial, mask, scores};
use crate::ops::rotation::Rotation;
use crate::ops::{Heads, first_visible};

/// Sequences that grow by a token each at every step.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    rows: Vec<Row>,
    /// Of as many sequences as there are rows; none before their first token.
    tails: Option<Stored>,
    /// Columns of the tails that are written.
    end: usize,
}

#[derive(Clone, Debug)]
struct Row {
    context: Context,
    tail_len: usize,
}

impl Row {
    /// Positions that are filled, the newest token's not included.
    fn len(&self) -> usize {
        self.context.len + self.tail_len
    }

    /// Positions of its tail that its newest token sees, itself included.
    fn n_visible_tail(&self, window: Option<usize>) -> usize {
        self.tail_len + 1 - first_visible(self.len(), window).saturating_sub(self.context.len)
    }

    /// The first position of the context that its newest token sees; the context's length if none.
    fn oldest(&self, window: Option<usize>) -> usize {
        first_visible(self.len(), window).min(self.context.len)
    }
}

/// What the layers of one window see in a step.
struct View {
    window: Option<usize>,
    /// Columns of the tails.
    tail: Range<usize>,
    /// (rows, 1, 1, columns of the tails), unless every row sees all of them.
    tail_mask: Option<Tensor>,
    families: Vec<Family>,
}

/// Rows that share their context, and what they see of it.
struct Family {
    rows: Range<usize>,
    /// Columns of the context; none if it lies before the windows of all rows.
    columns: Range<usize>,
    /// (rows, 1, columns), unless every row sees all of them.
    mask: Option<Tensor>,
}

impl Batch {
    /// Adds a row for each context.
    pub(crate) fn push(&mut self, contexts: &[&Context]) -> Result<()> {
        if let Some(tails) = &self.tails {
            self.tails = Some(tails.with_rows(contexts.len())?);
        }
        self.rows.extend(contexts.iter().map(|context| Row { context: (*context).clone(), tail_len: 0 }));
        Ok(())
    }

    /// Makes the rows copies of those at `places`.
    pub(crate) fn select(&mut self, places: &[usize]) -> Result<()> {
        if places.iter().copied().eq(0..self.rows.len()) {
            return Ok(());
        }
        self.rows = places.iter().map(|&place| self.rows[place].clone()).collect();
        let places: Vec<u32> = places.iter().map(|&place| place as u32).collect();
        self.tails = match self.tails.take() {
            Some(tails) if !places.is_empty() => Some(tails.rows(&places)?),
            _ => None,
        };
        if self.tails.is_none() {
            self.end = 0;
        }
        Ok(())
    }

    /// Appends one token to each row and gives their final hidden states (rows, D).
    pub(crate) fn step(&mut self, decoder: &Decoder, tokens: &[u32]) -> Result<Tensor> {
        let heads = decoder.heads();
        let mut x = decoder.embed(tokens.into())?;
        let positions: Vec<_> = self.rows.iter().map(|row| (row.len(), 1)).collect();
        let rotation = Rotation::new(decoder.rotary(), &positions, 1, &x)?;
        let tails = self.tails_with_room(decoder)?;
        let mut views: Vec<View> = Vec::new();
        for (index, layer) in decoder.layers().iter().enumerate() {
            let known = match views.iter().position(|view| view.window == layer.window()) {
                Some(known) => known,
                None => {
                    views.push(self.view(layer.window(), &x)?);
                    views.len() - 1
                }
            };
            let [queries, keys, values] = layer.project(&x)?;
            let keys = rotation.apply(&keys, heads.n_kv_heads)?;
            tails.write(index, self.end, &keys, &rotation.split(&values, heads.n_kv_heads)?)?;
            let queries = rotation.apply(&queries, heads.n_heads)?;
            x = layer.finish(&x, &self.attend(&views[known], &tails, index, &queries, heads)?)?;
        }
        self.tails = Some(tails);
        self.end += 1;
        self.rows.iter_mut().for_each(|row| row.tail_len += 1);
        decoder.final_norm(&x)
    }

    /// The tails, with room for one more column.
    fn tails_with_room(&mut self, decoder: &Decoder) -> Result<Stored> {
        match self.tails.take() {
            None => {
                self.end = 0;
                Ok(Stored::new(decoder, self.rows.len(), 1)?)
            }
            Some(tails) if self.end < tails.capacity() => Ok(tails),
            Some(tails) => {
                // Columns that only rows needed which have left are dropped.
                let longest = self.rows.iter().map(|row| row.tail_len).max().unwrap_or(0);
                let moved = tails.moved(self.end - longest, longest, longest + 1)?;
                self.end = longest;
                Ok(moved)
            }
        }
    }

    fn view(&self, window: Option<usize>, like: &Tensor) -> candle_core::Result<View> {
        let of_tail: Vec<usize> = self.rows.iter().map(|row| row.n_visible_tail(window)).collect();
        let longest = of_tail.iter().copied().max().unwrap_or(1);
        let tail = self.end + 1 - longest..self.end + 1;
        let tail_mask = if of_tail.iter().all(|&n| n == longest) {
            None
        } else {
            let sees = |row: usize, column: usize| column + of_tail[row] >= longest;
            Some(mask((of_tail.len(), longest), sees, like)?.reshape((of_tail.len(), 1, 1, longest))?)
        };
        let shares = |a: &Row, b: &Row| {
            a.context.len == b.context.len && Arc::ptr_eq(&a.context.stored, &b.context.stored)
        };
        let families = runs(&self.rows, shares).into_iter().map(|rows| self.family(rows, window, like));
        Ok(View { window, tail, tail_mask, families: families.collect::<candle_core::Result<_>>()? })
    }

    fn family(
        &self,
        rows: Range<usize>,
        window: Option<usize>,
        like: &Tensor,
    ) -> candle_core::Result<Family> {
        let members = &self.rows[rows.clone()];
        let oldest: Vec<usize> = members.iter().map(|row| row.oldest(window)).collect();
        let len = members.first().map_or(0, |row| row.context.len);
        let columns = oldest.iter().copied().min().unwrap_or(len)..len;
        let mask = if columns.is_empty() || oldest.iter().all(|&oldest| oldest == columns.start) {
            None
        } else {
            let sees = |row: usize, column: usize| columns.start + column >= oldest[row];
            let shape = (oldest.len(), columns.len());
            Some(mask(shape, sees, like)?.reshape((oldest.len(), 1, columns.len()))?)
        };
        Ok(Family { rows, columns, mask })
    }

    /// Attention of every row's newest token in a layer, (rows, H·hd); `queries` are (rows, H, 1, hd).
    fn attend(
        &self,
        view: &View,
        tails: &Stored,
        layer: usize,
        queries: &Tensor,
        heads: Heads,
    ) -> candle_core::Result<Tensor> {
        let (n_rows, kv_heads, group) = (self.rows.len(), heads.n_kv_heads, heads.group_size());
        let queries = queries.reshape((n_rows, kv_heads, group, heads.head_dim))?;
        let [keys, values] = tails.columns(layer, view.tail.start, view.tail.len())?;
        let mut of_tails = scores(&queries, &keys.contiguous()?, heads.scale())?;
        if let Some(mask) = &view.tail_mask {
            of_tails = of_tails.broadcast_add(mask)?;
        }
        let of_tails = Partial::new(&of_tails, &values.contiguous()?)?;
        let mut parts = Vec::with_capacity(view.families.len());
        for family in &view.families {
            let rows = &family.rows;
            let part = of_tails.map(|tensor| tensor.narrow(0, rows.start, rows.len()))?;
            if family.columns.is_empty() {
                parts.push(part);
                continue;
            }
            // The rows lie one below the other, so that they meet their context in one product.
            let queries = queries.narrow(0, rows.start, rows.len())?.transpose(0, 1)?.contiguous()?;
            let queries = queries.reshape((1, kv_heads, rows.len() * group, heads.head_dim))?;
            let context = &self.rows[rows.start].context.stored;
            let [keys, values] = context.columns(layer, family.columns.start, family.columns.len())?;
            let mut scores = scores(&queries, &keys.contiguous()?, heads.scale())?;
            if let Some(mask) = &family.mask {
                let shape = scores.shape().clone();
                let by_row = (kv_heads, rows.len(), group, family.columns.len());
                scores = scores.reshape(by_row)?.broadcast_add(mask)?.reshape(shape)?;
            }
            let of_context = Partial::new(&scores, &values.contiguous()?)?;
            let of_context = of_context
                .map(|tensor| tensor.reshape((kv_heads, rows.len(), group, ()))?.transpose(0, 1))?;
            parts.push(part.and(&of_context)?);
        }
        Partial::cat(&parts, 0)?.out.to_dtype(queries.dtype())?.reshape((n_rows, heads.query_width()))
    }
}
