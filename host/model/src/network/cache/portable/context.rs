//! One growing sequence, in candle's own operations.

use std::sync::Arc;

use candle_core::Tensor;

use super::stored::Stored;
use crate::decoder::Decoder;
use crate::error::Result;
use crate::ops::blocks::{Attention, Stretch};
use crate::ops::rotation::Rotation;

/// One growing sequence. Clones share what they hold until one of them grows.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(super) len: usize,
    /// One row.
    pub(super) stored: Arc<Stored>,
}

impl Context {
    /// A context of no tokens.
    pub(crate) fn new(decoder: &Decoder) -> Result<Self> {
        Ok(Self { len: 0, stored: Arc::new(Stored::new(decoder, 1, 0)?) })
    }

    /// Appends `tokens` (n) and gives their final hidden states (n, D).
    pub(crate) fn extend(&mut self, decoder: &Decoder, tokens: &[u32]) -> Result<Tensor> {
        let (first, n) = (self.len, tokens.len());
        // Room of its own, with space for what comes.
        let fits = self.stored.capacity() >= first + n;
        if !fits || Arc::get_mut(&mut self.stored).is_none() {
            self.stored = Arc::new(self.stored.moved(0, first, first + n)?);
        }
        let heads = decoder.heads();
        let mut x = decoder.embed(tokens.into())?;
        let rotation = Rotation::new(decoder.rotary(), &[(first, n)], n, &x)?;
        let mut attention = Attention::new(heads.scale(), None);
        for (index, layer) in decoder.layers().iter().enumerate() {
            let [queries, keys, values] = layer.project(&x)?;
            let keys = rotation.apply(&keys, heads.n_kv_heads)?;
            self.stored.write(index, first, &keys, &rotation.split(&values, heads.n_kv_heads)?)?;
            let [keys, values] = self.stored.columns(index, 0, first + n)?;
            let seen = Stretch { first: 0, keys: &keys, values: &values };
            attention.window = layer.window();
            let queries = rotation.apply(&queries, heads.n_heads)?;
            x = layer.finish(&x, &attend(decoder, &mut attention, &queries, first, &[seen])?)?;
        }
        self.len += n;
        decoder.final_norm(&x)
    }

    /// Final hidden states of several continuations of this context, (tokens of all, D), one after another. They are read
    /// together, padded to the longest, and see the context, but not each other; nothing of them is kept.
    pub(crate) fn read(&self, decoder: &Decoder, continuations: &[&[u32]]) -> Result<Tensor> {
        let (first, heads) = (self.len, decoder.heads());
        let n = continuations.iter().map(|tokens| tokens.len()).max().unwrap_or(0);
        // Padding stands after the real tokens, which do not see it.
        let padded =
            continuations.iter().flat_map(|tokens| (0..n).map(|i| tokens.get(i).copied().unwrap_or(0)));
        let mut x = decoder.embed(padded.collect::<Vec<_>>().into())?;
        let lens: Vec<_> = continuations.iter().map(|tokens| (first, tokens.len())).collect();
        let rotation = Rotation::new(decoder.rotary(), &lens, n, &x)?;
        let mut attention = Attention::new(heads.scale(), None);
        for (index, layer) in decoder.layers().iter().enumerate() {
            let [queries, keys, values] = layer.project(&x)?;
            let keys = rotation.apply(&keys, heads.n_kv_heads)?;
            let values = rotation.split(&values, heads.n_kv_heads)?;
            let [known_keys, known_values] = self.stored.columns(index, 0, first)?;
            let context = Stretch { first: 0, keys: &known_keys, values: &known_values };
            let own = Stretch { first, keys: &keys, values: &values };
            attention.window = layer.window();
            let queries = rotation.apply(&queries, heads.n_heads)?;
            x = layer.finish(&x, &attend(decoder, &mut attention, &queries, first, &[context, own])?)?;
        }
        let real = continuations.iter().enumerate();
        let real: Vec<u32> = real
            .flat_map(|(i, tokens)| (0..tokens.len()).map(move |offset| (i * n + offset) as u32))
            .collect();
        let x = x.index_select(&Tensor::new(real, x.device())?, 0)?;
        decoder.final_norm(&x)
    }
}

/// Attention of queries (batch, H, n, hd) at positions from `first` on: (batch·n, H·hd).
fn attend(
    decoder: &Decoder,
    attention: &mut Attention,
    queries: &Tensor,
    first: usize,
    stretches: &[Stretch<'_>],
) -> candle_core::Result<Tensor> {
    let (heads, (batch, _, n, head_dim)) = (decoder.heads(), queries.dims4()?);
    let by_group = queries.reshape((batch, heads.n_kv_heads, heads.group_size(), n, head_dim))?;
    let out = attention.attend(&by_group, first, stretches)?.out.to_dtype(queries.dtype())?;
    let out = out.reshape((batch, heads.n_heads, n, head_dim))?;
    out.transpose(1, 2)?.reshape((batch * n, heads.query_width()))
}
