//! The key-value caches in candle's own operations, for any device and dtype.
//!
//! In and out: as [`super`] says. A layer's keys and values are tensors (rows, n_kv_heads, T, head_dim), keys
//! already rotated. Rows of a batch have different lengths and are aligned at their right end: column T - 1
//! is every row's newest token, shorter rows are padded on the left, and a mask hides the padding. Scores and
//! softmax are f32.
//!
//! Each step copies the cache once, about as much memory traffic as attention itself.

use candle_core::{D, DType, Device, Tensor};
use candle_nn::ops::softmax;

use crate::decoder::Decoder;
use crate::error::Result;
use crate::ops::{Heads, RotaryTable};

/// Keys and values of one layer, each (rows, n_kv_heads, T, head_dim).
#[derive(Clone, Debug)]
struct LayerKeyValues {
    keys: Tensor,
    values: Tensor,
}

impl LayerKeyValues {
    fn map(&self, f: impl Fn(&Tensor) -> candle_core::Result<Tensor>) -> Result<Self> {
        Ok(Self { keys: f(&self.keys)?, values: f(&self.values)? })
    }

    fn cat(parts: &[&Self], dim: usize) -> Result<Self> {
        let keys: Vec<&Tensor> = parts.iter().map(|part| &part.keys).collect();
        let values: Vec<&Tensor> = parts.iter().map(|part| &part.values).collect();
        Ok(Self { keys: Tensor::cat(&keys, dim)?, values: Tensor::cat(&values, dim)? })
    }
}

/// One growing sequence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    len: usize,
    layers: Vec<LayerKeyValues>,
}

impl Context {
    /// Appends `tokens` (n) and gives their final hidden states (n, D).
    pub(crate) fn extend(&mut self, decoder: &Decoder, tokens: &[u32]) -> Result<Tensor> {
        let n = tokens.len();
        let x = decoder.embed(tokens.into())?;
        let positions: Vec<usize> = (self.len..self.len + n).collect();
        // The query at row i sees the columns 0 to len + i.
        let entry = |row: usize, column: usize| if column > self.len + row { f32::NEG_INFINITY } else { 0.0 };
        let mask = (0..n).flat_map(|row| (0..self.len + n).map(move |column| entry(row, column))).collect();
        let mask = Tensor::from_vec(mask, (1, 1, 1, n, self.len + n), x.device())?;
        let hidden = forward(decoder, x, &mut self.layers, 1, &positions, &mask)?;
        self.len += n;
        Ok(hidden)
    }
}

/// Sequences that grow by a token each at every step.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    lens: Vec<usize>,
    layers: Vec<LayerKeyValues>,
}

impl Batch {
    fn longest(&self) -> usize {
        self.lens.iter().copied().max().unwrap_or(0)
    }

    /// Adds a row for each context.
    pub(crate) fn push(&mut self, contexts: &[&Context]) -> Result<()> {
        let columns = contexts.iter().map(|context| context.len).max().unwrap_or(0).max(self.longest());
        let n_layers = contexts.first().map_or(0, |context| context.layers.len());
        let mut layers = Vec::with_capacity(n_layers);
        for index in 0..n_layers {
            let old = if self.lens.is_empty() { None } else { self.layers.get(index) };
            let new = contexts.iter().map(|context| &context.layers[index]);
            let padded = old
                .into_iter()
                .chain(new)
                .map(|layer| layer.map(|tensor| tensor.pad_with_zeros(2, columns - tensor.dim(2)?, 0)));
            let padded = padded.collect::<Result<Vec<_>>>()?;
            layers.push(LayerKeyValues::cat(&padded.iter().collect::<Vec<_>>(), 0)?);
        }
        if n_layers > 0 {
            self.layers = layers;
        }
        self.lens.extend(contexts.iter().map(|context| context.len));
        Ok(())
    }

    /// Keeps the rows for which `keep` holds, and drops columns that only the others needed.
    pub(crate) fn retain(&mut self, keep: &[bool]) -> Result<()> {
        let kept: Vec<u32> = (0u32..).zip(keep).filter_map(|(row, &keep)| keep.then_some(row)).collect();
        if kept.len() == self.lens.len() {
            return Ok(());
        }
        self.lens = kept.iter().map(|&row| self.lens[row as usize]).collect();
        if kept.is_empty() {
            self.layers.clear();
            return Ok(());
        }
        let columns = self.longest();
        for layer in &mut self.layers {
            let rows = Tensor::new(kept.as_slice(), layer.keys.device())?;
            *layer = layer.map(|tensor| {
                let unused = tensor.dim(2)? - columns;
                tensor.narrow(2, unused, columns)?.contiguous()?.index_select(&rows, 0)
            })?;
        }
        Ok(())
    }

    /// Appends one token to each row and gives their final hidden states (rows, D).
    pub(crate) fn step(&mut self, decoder: &Decoder, tokens: &[u32]) -> Result<Tensor> {
        let x = decoder.embed(tokens.into())?;
        let (rows, columns) = (self.lens.len(), self.longest() + 1);
        let mut mask = vec![0.0f32; rows * columns];
        for (mask, len) in mask.chunks_exact_mut(columns).zip(&self.lens) {
            mask[..columns - 1 - len].fill(f32::NEG_INFINITY);
        }
        let mask = Tensor::from_vec(mask, (rows, 1, 1, 1, columns), x.device())?;
        let positions = self.lens.clone();
        let hidden = forward(decoder, x, &mut self.layers, rows, &positions, &mask)?;
        self.lens.iter_mut().for_each(|len| *len += 1);
        Ok(hidden)
    }
}

/// The decoder over `batch` sequences of n new tokens each, x (batch·n, D); appends their keys and values to
/// `layers`.
fn forward(
    decoder: &Decoder,
    mut x: Tensor,
    layers: &mut Vec<LayerKeyValues>,
    batch: usize,
    positions: &[usize],
    mask: &Tensor,
) -> Result<Tensor> {
    let heads = decoder.heads();
    let rotation = Rotation::new(decoder.rotary(), positions, batch, &x)?;
    for (index, layer) in decoder.layers().iter().enumerate() {
        let [queries, keys, values] = layer.project(&x)?;
        let split = |tensor: &Tensor, n_heads: usize| {
            let shape = (batch, positions.len() / batch, n_heads, heads.head_dim);
            tensor.reshape(shape)?.transpose(1, 2)?.contiguous()
        };
        let queries = rotation.apply(&split(&queries, heads.n_heads)?)?;
        let new = LayerKeyValues {
            keys: rotation.apply(&split(&keys, heads.n_kv_heads)?)?,
            values: split(&values, heads.n_kv_heads)?,
        };
        let all = match layers.get(index) {
            Some(old) => LayerKeyValues::cat(&[old, &new], 2)?,
            None => new,
        };
        x = layer.finish(&x, &attend(&queries, &all, heads, mask)?)?;
        match layers.get_mut(index) {
            Some(old) => *old = all,
            None => layers.push(all),
        }
    }
    decoder.final_norm(&x)
}

/// Attention of queries (batch, H, n, hd) under a mask (batch, 1, 1, n, T): (batch·n, H·hd).
fn attend(
    queries: &Tensor,
    cache: &LayerKeyValues,
    heads: Heads,
    mask: &Tensor,
) -> candle_core::Result<Tensor> {
    let (batch, _, n, head_dim) = queries.dims4()?;
    let (kv_heads, group, columns) = (heads.n_kv_heads, heads.group_size(), cache.keys.dim(2)?);
    // The query heads of a group lie one below the other, so that they meet their key-value head in one
    // product.
    let queries = queries.reshape((batch, kv_heads, group * n, head_dim))?;
    let scores = (queries.matmul(&cache.keys.transpose(2, 3)?)? * f64::from(heads.scale()))?;
    let scores =
        scores.to_dtype(DType::F32)?.reshape((batch, kv_heads, group, n, columns))?.broadcast_add(mask)?;
    let weights = softmax(&scores, D::Minus1)?.to_dtype(queries.dtype())?;
    let out = weights.reshape((batch, kv_heads, group * n, columns))?.matmul(&cache.values)?;
    out.reshape((batch, heads.n_heads, n, head_dim))?
        .transpose(1, 2)?
        .reshape((batch * n, heads.query_width()))
}

/// Cosines and sines of the rows' positions, each (batch, 1, n, head_dim/2).
struct Rotation {
    cos: Tensor,
    sin: Tensor,
}

impl Rotation {
    fn new(rotary: &RotaryTable, positions: &[usize], batch: usize, like: &Tensor) -> Result<Self> {
        let angles = rotary.angles(positions.iter().max().map_or(0, |last| last + 1));
        let half = rotary.head_dim() / 2;
        let rows = |table: &[f32]| -> candle_core::Result<Tensor> {
            let rows: Vec<f32> =
                positions.iter().flat_map(|position| &table[position * half..][..half]).copied().collect();
            Tensor::from_vec(rows, (batch, 1, positions.len() / batch, half), &Device::Cpu)?
                .to_device(like.device())?
                .to_dtype(like.dtype())
        };
        Ok(Self { cos: rows(&angles.cos)?, sin: rows(&angles.sin)? })
    }

    /// Rotates heads (batch, heads, n, head_dim).
    fn apply(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let half = x.dim(3)? / 2;
        let (first, second) = (x.narrow(3, 0, half)?, x.narrow(3, half, half)?);
        let turned_first = (first.broadcast_mul(&self.cos)? - second.broadcast_mul(&self.sin)?)?;
        let turned_second = (second.broadcast_mul(&self.cos)? + first.broadcast_mul(&self.sin)?)?;
        Tensor::cat(&[turned_first, turned_second], 3)
    }
}
