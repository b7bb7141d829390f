//! Keys and values of all layers, in room that is made before it is needed.

use candle_core::{Result, Tensor};

use super::super::room_for;
use crate::decoder::Decoder;

/// Keys and values of one layer, each (rows, n_kv_heads, capacity, head_dim).
#[derive(Debug)]
struct Layer {
    keys: Tensor,
    values: Tensor,
}

impl Layer {
    fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self { keys: f(&self.keys)?, values: f(&self.values)? })
    }
}

/// Keys and values of the same columns in all layers. Writing changes them in place, so whoever writes must own them alone.
#[derive(Debug)]
pub(super) struct Stored {
    capacity: usize,
    layers: Vec<Layer>,
}

impl Stored {
    /// Zeros for `rows` sequences, with room for at least `columns` positions.
    pub(super) fn new(decoder: &Decoder, rows: usize, columns: usize) -> Result<Self> {
        let (heads, capacity) = (decoder.heads(), room_for(columns));
        let shape = (rows, heads.n_kv_heads, capacity, heads.head_dim);
        let zeros = || Tensor::zeros(shape, decoder.dtype(), decoder.device());
        let layer = |_: &_| Ok(Layer { keys: zeros()?, values: zeros()? });
        Ok(Self { capacity, layers: decoder.layers().iter().map(layer).collect::<Result<_>>()? })
    }

    /// Positions that there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The `n` columns from `start` on, in new room for at least `columns`, as its first ones.
    pub(super) fn moved(&self, start: usize, n: usize, columns: usize) -> Result<Self> {
        let capacity = room_for(columns.max(n));
        let moved = |tensor: &Tensor| {
            let (rows, kv_heads, _, head_dim) = tensor.dims4()?;
            let room = Tensor::zeros((rows, kv_heads, capacity, head_dim), tensor.dtype(), tensor.device())?;
            if n > 0 {
                room.slice_set(&tensor.narrow(2, start, n)?.contiguous()?, 2, 0)?;
            }
            Ok(room)
        };
        self.mapped(capacity, moved)
    }

    /// The sequences of those indices.
    pub(super) fn rows(&self, rows: &[u32]) -> Result<Self> {
        self.mapped(self.capacity, |tensor| tensor.index_select(&Tensor::new(rows, tensor.device())?, 0))
    }

    /// `n` more sequences, of zeros.
    pub(super) fn with_rows(&self, n: usize) -> Result<Self> {
        self.mapped(self.capacity, |tensor| tensor.pad_with_zeros(0, 0, n))
    }

    fn mapped(&self, capacity: usize, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let layers = self.layers.iter().map(|layer| layer.map(&f)).collect::<Result<_>>()?;
        Ok(Self { capacity, layers })
    }

    /// Writes keys and values (rows, n_kv_heads, n, head_dim) of a layer into the columns from `start` on.
    pub(super) fn write(&self, layer: usize, start: usize, keys: &Tensor, values: &Tensor) -> Result<()> {
        let layer = &self.layers[layer];
        layer.keys.slice_set(&keys.contiguous()?, 2, start)?;
        layer.values.slice_set(&values.contiguous()?, 2, start)
    }

    /// Keys and values (rows, n_kv_heads, n, head_dim) of `n` columns of a layer, from `start` on.
    pub(super) fn columns(&self, layer: usize, start: usize, n: usize) -> Result<[Tensor; 2]> {
        let layer = &self.layers[layer];
        Ok([layer.keys.narrow(2, start, n)?, layer.values.narrow(2, start, n)?])
    }
}
