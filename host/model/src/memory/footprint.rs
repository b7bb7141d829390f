//! What one token, one row and one copy of a model take.
//!
//! The widths are those of the decoder: D of the residual stream, Q and K of the queries and of the keys (as of the values), F of
//! the feed-forward layer, H query heads, V the vocabulary. A count of numbers becomes bytes by the size of one.

use candle_core::DType;

use super::bytes::product;
use crate::config::ModelConfig;
use crate::ops::{Heads, blocks};

/// Query rows whose scores exist at once, as in [`crate::ops::causal_attention`].
const QUERY_BLOCK: usize = 64;

/// In which form a model's numbers are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Bytes of a number of the weights and of their gradients.
    pub weight: usize,
    /// Bytes of a number between layers, and of one in the cache.
    pub activation: usize,
    /// Whether our own operations compute (on the CPU), or candle's, which keep their steps for the backward pass.
    pub is_fused: bool,
    /// Whether matrices are packed for products in bf16: once for sampling and scoring, twice where gradients flow.
    pub is_packed: bool,
}

impl Numbers {
    /// Those of a model in `dtype`, on the CPU or elsewhere.
    pub fn of(dtype: DType, on_cpu: bool) -> Self {
        let size = dtype.size_in_bytes();
        let is_packed = on_cpu && dtype == DType::BF16;
        Self {
            weight: size,
            activation: if is_packed { 4 } else { size },
            is_fused: is_packed || on_cpu && dtype == DType::F32,
            is_packed,
        }
    }
}

/// A model, as far as memory goes.
#[derive(Clone, Copy, Debug)]
pub struct Footprint<'a> {
    pub(super) config: &'a ModelConfig,
    pub(super) numbers: Numbers,
}

impl<'a> Footprint<'a> {
    /// Of a model of this shape with its numbers in this form.
    pub fn new(config: &'a ModelConfig, numbers: Numbers) -> Self {
        Self { config, numbers }
    }

    pub(super) fn heads(&self) -> Heads {
        Heads {
            n_heads: self.config.num_attention_heads,
            n_kv_heads: self.config.num_key_value_heads,
            head_dim: self.config.head_dim,
        }
    }

    /// How many numbers the parameters are.
    pub fn n_parameters(&self) -> u64 {
        self.sizes().fold(0, u64::saturating_add)
    }

    /// Numbers of the largest tensor: the embedding, of most models.
    pub(super) fn largest_tensor(&self) -> u64 {
        self.sizes().max().unwrap_or(0)
    }

    fn sizes(&self) -> impl Iterator<Item = u64> {
        let size = |shape: Vec<usize>| shape.iter().fold(1, |size: u64, &n| size.saturating_mul(n as u64));
        self.config.tensors().into_iter().map(move |(_, shape)| size(shape))
    }

    /// Bytes of so many numbers in the weights' format.
    pub(super) fn weight_bytes(&self, n: u64) -> u64 {
        n.saturating_mul(self.numbers.weight as u64)
    }

    /// Bytes of the weights.
    pub fn weights(&self) -> u64 {
        self.weight_bytes(self.n_parameters())
    }

    /// Bytes that loading takes beside the weights: the largest tensor as it stands in the file (f32 at most), as a tensor, and in
    /// the format of the weights.
    pub(super) fn loading(&self) -> u64 {
        self.largest_tensor().saturating_mul((4 + 4 + self.numbers.weight) as u64)
    }

    /// Bytes of the keys and values of one token, in all layers.
    pub fn cache_of_token(&self) -> u64 {
        product([2, self.config.num_hidden_layers, self.heads().kv_width(), self.numbers.activation])
    }

    /// Bytes of logits of so many rows.
    pub(super) fn logits(&self, rows: usize, size: usize) -> u64 {
        product([rows, self.config.vocab_size, size])
    }

    /// Numbers of one token that exist at once where nothing is kept for a backward pass: a layer's input, the normalised input,
    /// queries, keys and values before and after they are turned by their position, what attention gives by head and together;
    /// then the residual stream twice, the normalised one, gate, up, their product, and the sum that becomes the next input.
    pub(super) fn passing_numbers(&self) -> usize {
        let (d, f, heads) = (self.config.hidden_size, self.config.intermediate_size, self.heads());
        let attending = 2 * d + 4 * heads.query_width() + 4 * heads.kv_width();
        let feeding = 4 * d + 3 * f;
        attending.max(feeding)
    }

    /// Numbers of one token that a layer keeps for the backward pass: the two normalised inputs,
    /// the two sums of the residual stream and what is added (6 D), queries and what attention gives (2 Q), keys and values
    /// (2 K), gate, up and their product (3 F), and a number a head from which attention is computed again.
    pub(super) fn kept_numbers(&self) -> usize {
        let (d, f, heads) = (self.config.hidden_size, self.config.intermediate_size, self.heads());
        let (q, k) = (heads.query_width(), heads.kv_width());
        let normalised_heads = if self.config.family.has_head_norms() { q + k } else { 0 };
        let fused = 6 * d + 2 * q + 2 * k + 3 * f + heads.n_heads + normalised_heads;
        if self.numbers.is_fused {
            return fused;
        }
        // candle keeps every step: of a norm its f32 input, square and quotient and the quotient again in the model's format
        // (about seven more for the two, in the sizes of the formats); of the activation its sigmoid; of the rotation the halves,
        // their products and sums; and of attention queries, keys and values by sequence, by head and side by side, and what it gives,
        // in f32 too, with a number a head.
        let wide = 4_usize.div_ceil(self.numbers.activation);
        let rotation = 6 * (q + k) + k;
        let attention = 3 * (q + 2 * k) + q * (1 + wide) + heads.n_heads * wide;
        fused + 2 * d * (3 * wide + 1) + f + rotation + normalised_heads * (3 * wide + 1) + attention
    }

    /// Numbers of one token that the backward pass of a layer takes beside what was kept: the gradients of gate, up and their
    /// product with candle's sums of them, or those of queries, keys and values with their turned copies, and in both cases those
    /// of the residual stream.
    pub(super) fn backward_numbers(&self) -> usize {
        let (d, f, heads) = (self.config.hidden_size, self.config.intermediate_size, self.heads());
        (5 * f + 2 * d).max(5 * heads.query_width() + 4 * heads.kv_width() + 2 * d)
    }

    /// Bytes of attention's scores over texts of `length` tokens together, a block of queries at a time; `copies` of them.
    pub(super) fn score_block(&self, length: usize, copies: usize) -> u64 {
        let block = if self.numbers.is_fused { QUERY_BLOCK } else { blocks::QUERY_BLOCK };
        self.scores(product([copies, block.min(length), length]))
    }

    /// Bytes of so many scores of a head: a worker has one head at a time on the CPU, and candle all of them, masked and as
    /// probabilities too.
    pub(super) fn scores(&self, n: u64) -> u64 {
        let at_once = if self.numbers.is_fused { 1 } else { 3 * self.config.num_attention_heads };
        product([at_once, 4]).saturating_mul(n)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// V 40, D 8, F 12, 2 layers, 2 heads and 1 key head of 4: Q 8, K 4.
    pub(in crate::memory) fn config() -> ModelConfig {
        ModelConfig::tiny(40, 8, 12, 2, (2, 1))
    }

    pub(in crate::memory) const F32: Numbers =
        Numbers { weight: 4, activation: 4, is_fused: true, is_packed: false };

    #[test]
    fn one_copy_and_one_token_by_hand() {
        let config = config();
        let model = Footprint::new(&config, F32);
        // The embedding; a layer: q 8·8 + 8, k and v 4·8 + 4 each, o 8·8, gate, up and down 12·8 each, two norms of 8; a norm.
        let layer = (64 + 8) + 2 * (32 + 4) + 64 + 3 * 96 + 2 * 8;
        assert_eq!(model.n_parameters(), 40 * 8 + 2 * layer + 8);
        assert_eq!(model.weights(), 4 * model.n_parameters());
        assert_eq!((model.largest_tensor(), model.loading()), (320, 320 * 12));
        // Keys and values of 4 numbers in 2 layers.
        assert_eq!(model.cache_of_token(), 2 * 2 * 4 * 4);
        assert_eq!(model.logits(3, 4), 3 * 40 * 4);
        // 2·8 + 4·8 + 4·4 = 64 against 4·8 + 3·12 = 68.
        assert_eq!(model.passing_numbers(), 68);
        // 6·8 + 2·8 + 2·4 + 3·12 + 2.
        assert_eq!(model.kept_numbers(), 110);
        // 5·12 + 2·8 = 76 against 5·8 + 4·4 + 2·8 = 72.
        assert_eq!(model.backward_numbers(), 76);
        assert_eq!((model.score_block(10, 2), model.score_block(100, 1)), (2 * 10 * 10 * 4, 64 * 100 * 4));
    }

    #[test]
    fn half_precision_halves_weights_and_cache() {
        let config = config();
        let [wide, half] =
            [DType::F32, DType::F16].map(|dtype| Footprint::new(&config, Numbers::of(dtype, true)));
        assert!(wide.numbers.is_fused && !half.numbers.is_fused);
        assert!(!Numbers::of(DType::F32, false).is_fused);
        assert_eq!((wide.weights(), wide.cache_of_token()), (2 * half.weights(), 2 * half.cache_of_token()));
    }

    #[test]
    fn the_largest_configuration_does_not_overflow() {
        let config = ModelConfig {
            vocab_size: 1 << 24,
            hidden_size: 1 << 20,
            intermediate_size: 1 << 20,
            num_hidden_layers: 2,
            num_attention_heads: 1 << 12,
            num_key_value_heads: 1 << 12,
            head_dim: 1 << 13,
            ..config()
        };
        let model = Footprint::new(&config, Numbers::of(DType::BF16, false));
        assert!(model.kept_numbers() >= 1 << 24 && model.weights() > 1 << 40);
    }
}
