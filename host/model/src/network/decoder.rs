//! The decoder of Qwen2, Llama, Qwen3 and Mistral, written to be trained.
//!
//! One layer, with x of shape (N, D):
//!
//! ```text
//! x = x + o_proj( attention( q_proj n, k_proj n, v_proj n ) )     n = rms_norm(x)
//! x = x + down_proj( silu(gate_proj n) · up_proj n )              n = rms_norm(x)
//! ```
//!
//! The families differ in what the configuration says ([`crate::config::Family`]): which projections have biases; whether
//! each head of queries and keys has an RMS norm before it is turned by its position (Qwen3); which layers see a window of the
//! last tokens and which see all; and how the rotary embedding is scaled.
//!
//! In: token ids, several sequences packed one after another without padding, and the [`Segments`] that say
//! where each lies. Out: hidden states (N, D), on candle's graph. Parameters carry the checkpoint's names.
//! [`DecoderLayer`] is split at its attention, so that [`crate::prefix`] can put a key-value cache there and
//! share all the rest.
//!
//! A projection may have a low-rank adapter beside it ([`crate::adapters`]). There is no dropout but that of adapters'
//! inputs: fine-tuning at these lengths does without. The logits of a whole batch take too much memory at a
//! vocabulary of 152k; [`Weight::target_log_probs`] gives what a loss needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{DType, Device, Tensor};

use crate::adapters::{Adapter, Adapters, Place, Projection};
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use crate::ops::{self, Heads, RotaryTable, Segments, Weight};

/// Weight and bias of a projection, or its weight alone, and the adapter beside it, if any.
#[derive(Clone, Debug)]
pub struct Linear {
    /// (outputs, inputs).
    pub weight: Weight,
    /// (outputs,).
    pub bias: Option<Tensor>,
    /// What is added to the result.
    pub adapter: Option<Adapter>,
}

impl Linear {
    /// (N, inputs) to (N, outputs).
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let out = self.weight.linear(x, self.bias.as_ref())?;
        match &self.adapter {
            None => Ok(out),
            Some(adapter) => Ok((out + adapter.apply(x)?)?),
        }
    }
}

/// One decoder layer.
#[derive(Clone, Debug)]
pub struct DecoderLayer {
    input_layernorm: Tensor,
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    /// Norms of the heads of queries and of keys, (hd,) each.
    head_norms: Option<[Tensor; 2]>,
    o_proj: Linear,
    post_attention_layernorm: Tensor,
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
    rms_norm_eps: f64,
    window: Option<usize>,
}

impl DecoderLayer {
    /// Queries (N, H·hd), keys and values (N, KH·hd) of x (N, D), before the rotary embedding,
    /// their heads normalised if the family does that.
    pub fn project(&self, x: &Tensor) -> Result<[Tensor; 3]> {
        let normed = ops::rms_norm(x, &self.input_layernorm, self.rms_norm_eps)?;
        let (queries, keys) = (self.q_proj.apply(&normed)?, self.k_proj.apply(&normed)?);
        let values = self.v_proj.apply(&normed)?;
        match &self.head_norms {
            None => Ok([queries, keys, values]),
            Some([of_queries, of_keys]) => {
                Ok([self.norm_heads(&queries, of_queries)?, self.norm_heads(&keys, of_keys)?, values])
            }
        }
    }

    fn linear_mut(&mut self, projection: Projection) -> &mut Linear {
        match projection {
            Projection::Query => &mut self.q_proj,
            Projection::Key => &mut self.k_proj,
            Projection::Value => &mut self.v_proj,
            Projection::Output => &mut self.o_proj,
            Projection::Gate => &mut self.gate_proj,
            Projection::Up => &mut self.up_proj,
            Projection::Down => &mut self.down_proj,
        }
    }

    /// Normalises each head of x (N, heads·hd).
    fn norm_heads(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let rows = x.reshape(((), weight.dim(0)?))?;
        Ok(ops::rms_norm(&rows, weight, self.rms_norm_eps)?.reshape(x.shape())?)
    }

    /// Whether its matrices are packed for the CPU's bf16 kernels.
    pub(crate) fn is_packed(&self) -> bool {
        matches!(self.q_proj.weight, Weight::Packed(_))
    }

    /// How many of the last tokens this layer sees, itself included; all of them if none.
    pub fn window(&self) -> Option<usize> {
        self.window
    }

    /// The layer's output (N, D) from its input x (N, D) and what attention made of [`Self::project`], (N,
    /// H·hd).
    pub fn finish(&self, x: &Tensor, attended: &Tensor) -> Result<Tensor> {
        let x = (x + self.o_proj.apply(attended)?)?;
        let normed = ops::rms_norm(&x, &self.post_attention_layernorm, self.rms_norm_eps)?;
        let activated = ops::swiglu(&self.gate_proj.apply(&normed)?, &self.up_proj.apply(&normed)?)?;
        Ok((x + self.down_proj.apply(&activated)?)?)
    }
}

/// The tensors of a decoder, ready to compute with; cloning shares them.
#[derive(Clone, Debug)]
pub struct Decoder {
    embed_tokens: Weight,
    layers: Vec<DecoderLayer>,
    norm: Tensor,
    /// (V, D); the embedding itself if tied.
    lm_head: Weight,
    heads: Heads,
    rotary: Arc<RotaryTable>,
    rms_norm_eps: f64,
    /// How many tokens were embedded, and so read.
    tokens_read: Arc<AtomicU64>,
}

impl Decoder {
    /// Takes its weights by their names in the checkpoint.
    pub(crate) fn new(
        config: &ModelConfig,
        rotary: Arc<RotaryTable>,
        mut weight: impl FnMut(&str) -> Result<Weight>,
    ) -> Result<Self> {
        let embed_tokens = weight("model.embed_tokens.weight")?;
        let mut layers = Vec::with_capacity(config.num_hidden_layers);
        for layer in 0..config.num_hidden_layers {
            let mut of = |name: &str| weight(&format!("model.layers.{layer}.{name}"));
            let biases = config.biases;
            let mut vector = |name: &str| Ok::<_, ModelError>(of(name)?.into_tensor()?);
            let head_norms = match config.family.has_head_norms() {
                true => Some([vector("self_attn.q_norm.weight")?, vector("self_attn.k_norm.weight")?]),
                false => None,
            };
            let norms = [vector("input_layernorm.weight")?, vector("post_attention_layernorm.weight")?];
            let [input_layernorm, post_attention_layernorm] = norms;
            let mut linear = |name: &str, biased: bool| -> Result<Linear> {
                let weight = of(&format!("{name}.weight"))?;
                let bias = if biased { Some(of(&format!("{name}.bias"))?.into_tensor()?) } else { None };
                Ok(Linear { weight, bias, adapter: None })
            };
            layers.push(DecoderLayer {
                q_proj: linear("self_attn.q_proj", biases.queries_keys_values)?,
                k_proj: linear("self_attn.k_proj", biases.queries_keys_values)?,
                v_proj: linear("self_attn.v_proj", biases.queries_keys_values)?,
                head_norms,
                o_proj: linear("self_attn.o_proj", biases.attention_output)?,
                gate_proj: linear("mlp.gate_proj", biases.feed_forward)?,
                up_proj: linear("mlp.up_proj", biases.feed_forward)?,
                down_proj: linear("mlp.down_proj", biases.feed_forward)?,
                input_layernorm,
                post_attention_layernorm,
                rms_norm_eps: config.rms_norm_eps,
                window: config.window(layer),
            });
        }
        let norm = weight("model.norm.weight")?.into_tensor()?;
        let lm_head =
            if config.tie_word_embeddings { embed_tokens.clone() } else { weight("lm_head.weight")? };
        let heads = Heads {
            n_heads: config.num_attention_heads,
            n_kv_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
        };
        let (rms_norm_eps, tokens_read) = (config.rms_norm_eps, Arc::default());
        Ok(Self { embed_tokens, layers, norm, lm_head, heads, rotary, rms_norm_eps, tokens_read })
    }

    /// The same decoder, which adds the tokens that it reads to a count.
    pub(crate) fn counting(mut self, tokens_read: Arc<AtomicU64>) -> Self {
        self.tokens_read = tokens_read;
        self
    }

    /// The same decoder with adapters beside its projections.
    pub(crate) fn with_adapters(mut self, adapters: &Adapters) -> Self {
        for (place, adapter) in adapters.parts() {
            if let Some(layer) = self.layers.get_mut(place.layer) {
                layer.linear_mut(place.projection).adapter = Some(adapter);
            }
        }
        self
    }

    /// The same decoder, whose adapters drop a share of their inputs, as `seed` decides.
    pub(crate) fn with_dropout(mut self, share: f64, seed: u64) -> Self {
        for (index, layer) in self.layers.iter_mut().enumerate() {
            for projection in Projection::ALL {
                if let Some(adapter) = &mut layer.linear_mut(projection).adapter {
                    adapter.drop_inputs(Place { layer: index, projection }, share, seed);
                }
            }
        }
        self
    }

    /// Embeds tokens: (N, D).
    pub fn embed(&self, ids: Arc<[u32]>) -> Result<Tensor> {
        let (vocab_size, _) = self.embed_tokens.shape()?;
        if let Some(&token) = ids.iter().find(|&&id| id as usize >= vocab_size) {
            return Err(ModelError::UnknownToken { token, vocab_size });
        }
        self.tokens_read.fetch_add(ids.len() as u64, Ordering::Relaxed);
        Ok(self.embed_tokens.embed(ids)?)
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[DecoderLayer] {
        &self.layers
    }

    /// One layer with causal attention inside each segment: (N, D) to (N, D).
    pub fn layer(&self, layer: &DecoderLayer, x: &Tensor, segments: &Segments) -> Result<Tensor> {
        let [queries, keys, values] = layer.project(x)?;
        let (heads, rotary) = (self.heads, &self.rotary);
        let attended =
            ops::causal_attention(&queries, &keys, &values, heads, segments, rotary, layer.window)?;
        layer.finish(x, &attended)
    }

    /// The last norm: (N, D) to (N, D).
    pub fn final_norm(&self, x: &Tensor) -> Result<Tensor> {
        Ok(ops::rms_norm(x, &self.norm, self.rms_norm_eps)?)
    }

    /// Final hidden states (N, D) of packed sequences; row i predicts token i + 1 of its segment.
    pub fn hidden(&self, ids: Arc<[u32]>, segments: &Segments) -> Result<Tensor> {
        let mut x = self.embed(ids)?;
        for layer in &self.layers {
            x = self.layer(layer, &x, segments)?;
        }
        self.final_norm(&x)
    }

    /// Logits (N, V) of final hidden states (N, D). Mind the size of V.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        Ok(self.lm_head.linear(hidden, None)?)
    }

    /// The output head (V, D).
    pub fn lm_head(&self) -> &Weight {
        &self.lm_head
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.embed_tokens.device()
    }

    /// The number format of the activations.
    pub fn dtype(&self) -> DType {
        self.embed_tokens.activation_dtype()
    }

    /// How many heads, and how wide.
    pub fn heads(&self) -> Heads {
        self.heads
    }

    /// The angles of the rotary embedding.
    pub fn rotary(&self) -> &RotaryTable {
        &self.rotary
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};
    use candle_nn::VarBuilder;
    use candle_transformers::models::qwen2;

    use super::*;
    use crate::language_model::LanguageModel;
    use crate::testing::{
        assert_tensors_close, dynamic, in_all_families, logits, random_model, random_model_of, random_models,
        random_tokens, whole,
    };

    #[test]
    fn logits_are_those_of_candle_transformers() {
        let model = random_model(1);
        let config: qwen2::Config = serde_json::from_value(serde_json::json!({
            "vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
            "num_key_value_heads": 2, "max_position_embeddings": 1024, "sliding_window": 1024, "max_window_layers": 3,
            "tie_word_embeddings": true, "rope_theta": 10_000.0, "rms_norm_eps": 1e-6, "use_sliding_window": false,
            "hidden_act": "silu"
        }))
        .unwrap();
        let tensors =
            model.parameters().iter().map(|(name, p)| (name.clone(), p.as_tensor().detach())).collect();
        let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let mut oracle = qwen2::ModelForCausalLM::new(&config, builder).unwrap();
        let tokens = random_tokens(3, 70);
        let actual = logits(&model, &tokens);
        for n in [1, 2, 33, 70] {
            // The oracle gives the last position only.
            let ids = Tensor::new(&tokens[..n], &Device::Cpu).unwrap().unsqueeze(0).unwrap();
            let expected = oracle.forward(&ids, 0).unwrap().flatten_all().unwrap();
            oracle.clear_kv_cache();
            assert_tensors_close(&actual.get(n - 1).unwrap(), &expected, 2e-5);
        }
    }

    #[test]
    fn packed_sequences_do_not_see_each_other() {
        let dynamic = dynamic(random_model(2).config());
        random_models(2).iter().for_each(packed_sequences);
        packed_sequences(&random_model_of(dynamic, 2, DType::F32));
    }

    fn packed_sequences(model: &LanguageModel) {
        let (first, second) = (random_tokens(1, 30), random_tokens(2, 17));
        let both = Segments::from_lengths([30, 17]);
        let hidden = model.hidden([first.clone(), second.clone()].concat().into(), &both).unwrap();
        // Bit for bit: the CPU's operations do not look at neighbouring rows.
        assert_tensors_close(&hidden.narrow(0, 0, 30).unwrap(), &whole(model, &first), 0.0);
        assert_tensors_close(&hidden.narrow(0, 30, 17).unwrap(), &whole(model, &second), 0.0);
    }

    #[test]
    fn f64_and_f32_take_different_paths_to_the_same_numbers() {
        // The fused operations are for f32 on the CPU; f64 goes through the portable ones.
        let base = ModelConfig { tie_word_embeddings: false, ..ModelConfig::tiny(40, 32, 48, 3, (4, 2)) };
        in_all_families(&base).into_iter().for_each(f64_and_f32_agree);
        f64_and_f32_agree(dynamic(&base));
    }

    fn f64_and_f32_agree(config: ModelConfig) {
        let fused = random_model_of(config.clone(), 4, DType::F32);
        let tensors = fused
            .parameters()
            .iter()
            .map(|(name, p)| (name.clone(), p.to_dtype(DType::F64).unwrap().detach()));
        let portable = LanguageModel::from_tensors(config, tensors.collect()).unwrap();
        let tokens = random_tokens(9, 50);
        assert_tensors_close(&logits(&fused, &tokens), &logits(&portable, &tokens), 2e-5);
    }

    /// A loss that weighs every row differently, so that no gradient is zero by symmetry.
    fn loss(model: &LanguageModel, ids: &[u32], segments: &Segments) -> Tensor {
        let hidden = model.hidden(ids.into(), segments).unwrap();
        let targets: Vec<_> = ids.iter().map(|id| Some((id * 7 + 3) % 40)).collect();
        let log_probs = model.trainable().lm_head().target_log_probs(&hidden, targets.into()).unwrap();
        let weights: Vec<f64> = (0..ids.len()).map(|row| 0.2 + (row % 5) as f64).collect();
        let weights =
            Tensor::from_vec(weights, ids.len(), &Device::Cpu).unwrap().to_dtype(model.dtype()).unwrap();
        (log_probs * weights).unwrap().sum_all().unwrap()
    }

    fn gradient_of(model: &LanguageModel, ids: &[u32], segments: &Segments) -> Vec<Vec<f64>> {
        let gradients = loss(model, ids, segments).backward().unwrap();
        let numbers = |(name, p): &(String, Var)| {
            let gradient = gradients.get(p.as_tensor()).unwrap_or_else(|| panic!("{name} has no gradient"));
            gradient.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap()
        };
        model.parameters().iter().map(numbers).collect()
    }

    #[test]
    fn gradients_are_finite_differences_in_every_tensor() {
        let base = ModelConfig { tie_word_embeddings: false, ..ModelConfig::tiny(40, 16, 24, 2, (4, 2)) };
        in_all_families(&base).into_iter().for_each(gradients_are_right);
        gradients_are_right(dynamic(&base));
    }

    fn gradients_are_right(config: ModelConfig) {
        let model = random_model_of(config.clone(), 5, DType::F64);
        let (ids, segments) = (random_tokens(4, 24), Segments::from_lengths([15, 9]));
        let exact = gradient_of(&model, &ids, &segments);
        let value = |model: &LanguageModel| loss(model, &ids, &segments).to_scalar::<f64>().unwrap();
        for ((name, parameter), gradient) in model.parameters().iter().zip(&exact) {
            let before = parameter.as_tensor().detach().copy().unwrap();
            let flat = before.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            // The largest gradient and two fixed places.
            let largest =
                (0..flat.len()).max_by(|&i, &j| gradient[i].abs().total_cmp(&gradient[j].abs())).unwrap();
            assert!(gradient[largest].abs() > 1e-6, "{name} has no gradient to speak of");
            for place in [largest, 0, flat.len() / 2] {
                let moved = |step: f64| {
                    let mut values = flat.clone();
                    values[place] += step;
                    parameter.set(&Tensor::from_vec(values, before.shape(), &Device::Cpu).unwrap()).unwrap();
                    value(&model)
                };
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                parameter.set(&before).unwrap();
                let error = (difference - gradient[place]).abs();
                assert!(
                    error < 1e-5 * (1.0 + gradient[place].abs()),
                    "{name}[{place}]: {difference} vs {}",
                    gradient[place]
                );
            }
        }
        // The fused backward passes agree with what was just checked.
        let tensors = model
            .parameters()
            .iter()
            .map(|(name, p)| (name.clone(), p.to_dtype(DType::F32).unwrap().detach()));
        let fused = LanguageModel::from_tensors(config, tensors.collect()).unwrap();
        for ((name, _), (actual, expected)) in
            fused.parameters().iter().zip(gradient_of(&fused, &ids, &segments).iter().zip(&exact))
        {
            let scale = expected.iter().fold(0.0f64, |max, g| max.max(g.abs()));
            let worst = actual.iter().zip(expected).fold(0.0f64, |max, (a, b)| max.max((a - b).abs()));
            assert!(worst < 2e-5 * scale.max(1e-3), "{name}: {worst:e} of {scale:e}");
        }
    }
}
