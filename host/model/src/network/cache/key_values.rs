//! Keys and values on the CPU, as one vector each a layer.
//!
//! In: rotated keys and values, position by position. Out: slices that attention reads. Keys lie transposed,
//! (n_kv_heads, head_dim, capacity), so that the scores of one query vectorise over positions; values lie
//! (n_kv_heads, capacity, head_dim).

use crate::ops::Heads;

/// Positions that a cache begins with; it doubles.
const FIRST_CAPACITY: usize = 32;

/// Positions that a cache has room for, once it holds `n`.
pub(crate) fn room_for(n: usize) -> usize {
    n.checked_next_power_of_two().unwrap_or(usize::MAX).max(FIRST_CAPACITY)
}

/// Keys and values of one run of tokens, all layers.
#[derive(Clone, Debug)]
pub(super) struct KeyValues {
    pub(super) heads: Heads,
    /// Positions that are filled.
    pub(super) len: usize,
    /// Positions that there is room for.
    pub(super) capacity: usize,
    layers: Vec<LayerKeyValues>,
}

#[derive(Clone, Debug, Default)]
struct LayerKeyValues {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl KeyValues {
    /// No positions yet.
    pub(super) fn new(n_layers: usize, heads: Heads) -> Self {
        Self { heads, len: 0, capacity: 0, layers: vec![LayerKeyValues::default(); n_layers] }
    }

    /// No positions yet, for the same model as `other`.
    pub(super) fn like(other: &Self) -> Self {
        Self::new(other.layers.len(), other.heads)
    }

    /// Makes room for `additional` more positions.
    pub(super) fn reserve(&mut self, additional: usize) {
        let needed = self.len + additional;
        if needed <= self.capacity {
            return;
        }
        let (old, new) = (self.capacity, room_for(needed));
        let Heads { n_kv_heads, head_dim, .. } = self.heads;
        for layer in &mut self.layers {
            let mut keys = vec![0.0; n_kv_heads * head_dim * new];
            let mut values = vec![0.0; n_kv_heads * head_dim * new];
            if old > 0 {
                for (to, from) in keys.chunks_exact_mut(new).zip(layer.keys.chunks_exact(old)) {
                    to[..self.len].copy_from_slice(&from[..self.len]);
                }
                let heads =
                    values.chunks_exact_mut(new * head_dim).zip(layer.values.chunks_exact(old * head_dim));
                for (to, from) in heads {
                    to[..self.len * head_dim].copy_from_slice(&from[..self.len * head_dim]);
                }
            }
            *layer = LayerKeyValues { keys, values };
        }
        self.capacity = new;
    }

    /// Stores the rotated key and the value of all heads at `position`, which was reserved.
    pub(super) fn write(&mut self, layer: usize, position: usize, key: &[f32], value: &[f32]) {
        let (capacity, head_dim) = (self.capacity, self.heads.head_dim);
        let LayerKeyValues { keys, values } = &mut self.layers[layer];
        for (column, &entry) in keys.chunks_exact_mut(capacity).zip(key) {
            column[position] = entry;
        }
        for (head, value) in values.chunks_exact_mut(capacity * head_dim).zip(value.chunks_exact(head_dim)) {
            head[position * head_dim..][..head_dim].copy_from_slice(value);
        }
    }

    /// Keys of one head, (head_dim, capacity).
    pub(super) fn keys(&self, layer: usize, kv_head: usize) -> &[f32] {
        let size = self.heads.head_dim * self.capacity;
        &self.layers[layer].keys[kv_head * size..][..size]
    }

    /// Values of one head, (capacity, head_dim).
    pub(super) fn values(&self, layer: usize, kv_head: usize) -> &[f32] {
        let size = self.heads.head_dim * self.capacity;
        &self.layers[layer].values[kv_head * size..][..size]
    }
}
