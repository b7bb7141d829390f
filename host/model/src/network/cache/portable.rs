//! The key-value caches in candle's own operations, for any device and dtype.
//!
//! In and out: as [`super`] says. A layer's keys and values are tensors (rows, n_kv_heads, T, head_dim), keys
//! already rotated. Rows of a batch have different lengths and are aligned at their right end: column T - 1
//! is every row's newest token, shorter rows are padded on the left, and a mask hides the padding and what lies before a
//! layer's window. Scores and softmax are f32.
//!
//! Each step copies the cache once, about as much memory traffic as attention itself.

use std::ops::Range;

use candle_core::{D, DType, Device, Tensor};
use candle_nn::ops::softmax;

use crate::decoder::Decoder;
use crate::error::Result;
use crate::ops::{Heads, RotaryTable, first_visible};

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
        let (len, columns) = (self.len, self.len + n);
        let device = x.device().clone();
        let mask = |window: Option<usize>| {
            // The query at row i is at position len + i.
            let visible = |row: usize| first_visible(len + row, window)..=len + row;
            let entry = |row: usize, column: usize| {
                if visible(row).contains(&column) { 0.0 } else { f32::NEG_INFINITY }
            };
            let mask = (0..n).flat_map(|row| (0..columns).map(move |column| entry(row, column)));
            Tensor::from_vec(mask.collect(), (1, 1, 1, n, columns), &device)
        };
        let positions = len..columns;
        let hidden = forward(decoder, x, &mut self.layers, std::slice::from_ref(&positions), mask)?;
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
        let (lens, device) = (&self.lens, x.device().clone());
        let mask = |window: Option<usize>| {
            let mut mask = vec![0.0f32; rows * columns];
            for (mask, &len) in mask.chunks_exact_mut(columns).zip(lens) {
                let n_visible = len + 1 - first_visible(len, window);
                mask[..columns - n_visible].fill(f32::NEG_INFINITY);
            }
            Tensor::from_vec(mask, (rows, 1, 1, 1, columns), &device)
        };
        let positions: Vec<Range<usize>> = lens.iter().map(|&len| len..len + 1).collect();
        let hidden = forward(decoder, x, &mut self.layers, &positions, mask)?;
        self.lens.iter_mut().for_each(|len| *len += 1);
        Ok(hidden)
    }
}

/// The decoder over new tokens of several sequences, equally many at the `positions` of each, x (batch·n, D); appends their
/// keys and values to `layers`. `mask` gives what layers with that window see, (batch, 1, 1, n, T).
fn forward(
    decoder: &Decoder,
    mut x: Tensor,
    layers: &mut Vec<LayerKeyValues>,
    positions: &[Range<usize>],
    mask: impl Fn(Option<usize>) -> candle_core::Result<Tensor>,
) -> Result<Tensor> {
    let heads = decoder.heads();
    let (batch, n) = (positions.len(), positions.first().map_or(0, Range::len));
    let rotation = Rotation::new(decoder.rotary(), positions, &x)?;
    let mut masks: Vec<(Option<usize>, Tensor)> = Vec::new();
    for (index, layer) in decoder.layers().iter().enumerate() {
        let window = layer.window();
        let known = match masks.iter().position(|(of, _)| *of == window) {
            Some(known) => known,
            None => {
                masks.push((window, mask(window)?));
                masks.len() - 1
            }
        };
        let mask = &masks[known].1;
        let [queries, keys, values] = layer.project(&x)?;
        let split = |tensor: &Tensor, n_heads: usize| {
            let shape = (batch, n, n_heads, heads.head_dim);
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
    fn new(rotary: &RotaryTable, positions: &[Range<usize>], like: &Tensor) -> Result<Self> {
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for positions in positions {
            let angles = rotary.angles(positions.clone());
            for position in positions.clone() {
                let (of_cos, of_sin) = angles.of(position);
                cos.extend_from_slice(of_cos);
                sin.extend_from_slice(of_sin);
            }
        }
        let n = positions.first().map_or(0, Range::len);
        let shape = (positions.len(), 1, n, rotary.head_dim() / 2);
        let table = |entries: Vec<f32>| -> candle_core::Result<Tensor> {
            Tensor::from_vec(entries, shape, &Device::Cpu)?.to_device(like.device())?.to_dtype(like.dtype())
        };
        Ok(Self { cos: table(cos)?, sin: table(sin)? })
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
