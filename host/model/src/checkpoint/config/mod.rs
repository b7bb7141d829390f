//! The configuration of a checkpoint: Hugging Face's `config.json` and `generation_config.json`.
//!
//! In: a checkpoint folder. Out: a [`ModelConfig`] whose every number was checked, and is no larger than that of any model, so
//! that none of their products overflows and names and shapes of all tensors fit into memory. What differs between families of
//! models stands in `family`, the rest of this room reads what several fields say together: the rotary embedding in
//! `rotary`, windows in `windows`. Fields that would change results and are not implemented are refused, by `implemented`. The
//! spellings of transformers 4 and of 5 are both read. [`ModelConfig::to_json`] gives back all fields that were read, also
//! those which this crate does not use.

mod family;
mod fields;
mod implemented;
#[cfg(test)]
mod real;
mod rotary;
mod windows;

use std::path::Path;

use serde_json::{Map, Value, json};

use self::family::{AttentionBiases, RMS_NORM_EPS, ROPE_THETA};
use self::fields::{flag, number, optional_size, size, token_ids};
use crate::checkpoint::json::Bounded;
use crate::error::{ModelError, Result};
use crate::files;
use crate::ops::RotaryScaling;

pub use self::family::{Family, KNOWN_ARCHITECTURES};

/// Most layers, and the largest widths and counts that are read: each several times those of the largest
/// models.
const MAX_LAYERS: u64 = 1 << 10;
const MAX_WIDTH: u64 = 1 << 20;
const MAX_HEADS: u64 = 1 << 12;
const MAX_HEAD_DIM: u64 = 1 << 13;
const MAX_VOCAB: u64 = 1 << 24;
const MAX_POSITIONS: u64 = 1 << 32;
/// Most bytes of a JSON file of a checkpoint that is read by [`read_object`], and most values in it.
const MAX_JSON_BYTES: u64 = 32 << 20;
const MAX_JSON_VALUES: usize = 1 << 20;

/// The shape and the constants of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Which models it is like.
    pub family: Family,
    /// V: rows of the embedding; may exceed the tokenizer's vocabulary.
    pub vocab_size: usize,
    /// D: width of the residual stream.
    pub hidden_size: usize,
    /// F: width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Number of decoder layers.
    pub num_hidden_layers: usize,
    /// H: query heads.
    pub num_attention_heads: usize,
    /// KH: key and value heads; divides H.
    pub num_key_value_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// Positions that the model was made for.
    pub max_position_embeddings: usize,
    /// Base of the rotary embedding's wavelengths.
    pub rope_theta: f64,
    /// How the rotary embedding is stretched over longer contexts.
    pub rope_scaling: RotaryScaling,
    /// How many of the last tokens each layer sees; layers beyond the list's end see all of them.
    pub windows: Vec<Option<usize>>,
    /// Which projections have a bias.
    pub biases: Biases,
    /// Added to the mean square in RMS norms.
    pub rms_norm_eps: f64,
    /// Whether the output head is the embedding.
    pub tie_word_embeddings: bool,
    /// Tokens that end a response. May be empty for a checkpoint that names none.
    pub eos_token_ids: Vec<u32>,
    /// The fields as they were read; empty for a configuration made in code.
    pub source: Map<String, Value>,
}

/// Which projections have a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Biases {
    /// Those of queries, keys and values.
    pub queries_keys_values: bool,
    /// That of what attention gives.
    pub attention_output: bool,
    /// All three of the feed-forward layer.
    pub feed_forward: bool,
}

impl ModelConfig {
    /// A Qwen2 with tied embeddings, made in code: for tests and for pretraining.
    ///
    /// `heads` is (query heads, key and value heads). `eos_token_ids` is empty; set it.
    pub fn tiny(
        vocab_size: usize,
        hidden_size: usize,
        intermediate_size: usize,
        num_hidden_layers: usize,
        heads: (usize, usize),
    ) -> Self {
        Self {
            family: Family::Qwen2,
            vocab_size,
            hidden_size,
            intermediate_size,
            num_hidden_layers,
            num_attention_heads: heads.0,
            num_key_value_heads: heads.1,
            head_dim: hidden_size / heads.0.max(1),
            max_position_embeddings: 1024,
            rope_theta: ROPE_THETA,
            rope_scaling: RotaryScaling::Default,
            windows: Vec::new(),
            biases: Biases { queries_keys_values: true, attention_output: false, feed_forward: false },
            rms_norm_eps: RMS_NORM_EPS,
            tie_word_embeddings: true,
            eos_token_ids: Vec::new(),
            source: Map::new(),
        }
    }

    /// Reads `config.json`, and the end-of-text ids of `generation_config.json` if that file exists.
    pub fn read(folder: &Path) -> Result<Self> {
        const NAME: &str = "config.json";
        let missing = || ModelError::io(folder.join(NAME))(std::io::ErrorKind::NotFound.into());
        let mut config = Self::from_json(&read_object(folder, NAME)?.ok_or_else(missing)?)?;
        if let Some(generation) = read_object(folder, "generation_config.json")? {
            // The generation config is what transformers stops at; it is the fuller list in chat models.
            for id in token_ids(generation.get("eos_token_id"))? {
                if !config.eos_token_ids.contains(&id) {
                    config.eos_token_ids.push(id);
                }
            }
        }
        if config.eos_token_ids.is_empty() && !config.source.contains_key("eos_token_id") {
            config.eos_token_ids.extend(config.family.row().defaults.eos_token_id);
        }
        Ok(config)
    }

    /// Reads the fields of a `config.json`.
    pub fn from_json(fields: &Map<String, Value>) -> Result<Self> {
        let family = Family::read(fields)?;
        implemented::check(fields, family)?;
        let (row, defaults) = (family.row(), &family.row().defaults);
        let hidden_size = size(fields, "hidden_size", MAX_WIDTH)?;
        let num_attention_heads = size(fields, "num_attention_heads", MAX_HEADS)?;
        let num_hidden_layers = size(fields, "num_hidden_layers", MAX_LAYERS)?;
        let max_position_embeddings = optional_size(fields, "max_position_embeddings", MAX_POSITIONS)?
            .unwrap_or(defaults.max_position_embeddings);
        let num_key_value_heads = match fields.get("num_key_value_heads") {
            None => defaults.num_key_value_heads,
            Some(_) => optional_size(fields, "num_key_value_heads", MAX_HEADS)?,
        };
        let head_dim = optional_size(fields, "head_dim", MAX_HEAD_DIM)?.or(defaults.head_dim);
        let (rope_theta, rope_scaling) = rotary::read(fields, ROPE_THETA, max_position_embeddings)?;
        let attention_bias =
            row.attention_biases == AttentionBiases::Asked && flag(fields, "attention_bias")?;
        let config = Self {
            family,
            vocab_size: size(fields, "vocab_size", MAX_VOCAB)?,
            hidden_size,
            intermediate_size: size(fields, "intermediate_size", MAX_WIDTH)?,
            num_hidden_layers,
            num_attention_heads,
            num_key_value_heads: num_key_value_heads.unwrap_or(num_attention_heads),
            head_dim: head_dim.unwrap_or(hidden_size / num_attention_heads),
            max_position_embeddings,
            rope_theta,
            rope_scaling,
            windows: windows::read(fields, family, num_hidden_layers)?,
            biases: Biases {
                queries_keys_values: attention_bias || row.attention_biases == AttentionBiases::Always,
                attention_output: attention_bias,
                feed_forward: row.reads_mlp_bias && flag(fields, "mlp_bias")?,
            },
            rms_norm_eps: number(fields, "rms_norm_eps")?.unwrap_or(RMS_NORM_EPS),
            tie_word_embeddings: flag(fields, "tie_word_embeddings")?,
            eos_token_ids: token_ids(fields.get("eos_token_id"))?,
            source: fields.clone(),
        };
        config.check()?;
        Ok(config)
    }

    /// How many of the last tokens a layer sees; all of them if none.
    pub fn window(&self, layer: usize) -> Option<usize> {
        self.windows.get(layer).copied().flatten()
    }

    /// How many positions a sequence may have. Dynamic scaling and YaRN reach beyond `max_position_embeddings`, where that is
    /// the length that the model was first trained on.
    pub fn max_positions(&self) -> usize {
        let stretched = |positions: usize, factor: f64| (positions as f64 * factor) as usize;
        let scaled = match self.rope_scaling {
            RotaryScaling::Dynamic { factor, original_positions }
            | RotaryScaling::Yarn { factor, original_positions, .. } => stretched(original_positions, factor),
            RotaryScaling::Default | RotaryScaling::Linear { .. } | RotaryScaling::Llama3 { .. } => 0,
        };
        self.max_position_embeddings.max(scaled.min(MAX_POSITIONS as usize))
    }

    /// The content of a `config.json` for this configuration: what was read, with this crate's fields on top.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a configuration made in code that its family has no words for.
    pub fn to_json(&self) -> Result<Value> {
        let row = self.family.row();
        let mut fields = self.source.clone();
        if self.source.is_empty() {
            let no_words = |field: &'static str| fields::bad(field, "the family has no field for this");
            let Some(of_windows) = windows::write(&self.windows, self.family, self.num_hidden_layers) else {
                return no_words("windows");
            };
            let of_rotary = rotary::write(self.rope_theta, self.rope_scaling);
            fields.extend(
                of_windows.into_iter().chain(of_rotary).map(|(name, value)| (name.to_owned(), value)),
            );
            let Biases { queries_keys_values, attention_output, feed_forward } = self.biases;
            let sayable = match row.attention_biases {
                AttentionBiases::Never => !queries_keys_values && !attention_output,
                AttentionBiases::Always => queries_keys_values && !attention_output,
                AttentionBiases::Asked => queries_keys_values == attention_output,
            };
            if !sayable || (feed_forward && !row.reads_mlp_bias) {
                return no_words("biases");
            }
            if row.attention_biases == AttentionBiases::Asked {
                fields.insert("attention_bias".into(), json!(attention_output));
            }
            if row.reads_mlp_bias {
                fields.insert("mlp_bias".into(), json!(feed_forward));
            }
        }
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        set("architectures", json!([row.architecture]));
        set("model_type", json!(row.model_type));
        set("vocab_size", json!(self.vocab_size));
        set("hidden_size", json!(self.hidden_size));
        set("intermediate_size", json!(self.intermediate_size));
        set("num_hidden_layers", json!(self.num_hidden_layers));
        set("num_attention_heads", json!(self.num_attention_heads));
        set("num_key_value_heads", json!(self.num_key_value_heads));
        set("max_position_embeddings", json!(self.max_position_embeddings));
        set("rms_norm_eps", json!(self.rms_norm_eps));
        set("tie_word_embeddings", json!(self.tie_word_embeddings));
        set("hidden_act", json!("silu"));
        let is_default =
            self.head_dim == row.defaults.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads);
        if !is_default || self.source.contains_key("head_dim") {
            set("head_dim", json!(self.head_dim));
        }
        if !self.source.contains_key("eos_token_id") {
            set(
                "eos_token_id",
                match self.eos_token_ids.as_slice() {
                    [] => Value::Null,
                    [only] => json!(only),
                    several => json!(several),
                },
            );
        }
        Ok(Value::Object(fields))
    }

    /// How many numbers the model's parameters hold.
    pub fn n_parameters(&self) -> usize {
        self.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// Name and shape of every parameter, in the order of the forward pass; the head only if it is not tied.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (d, f) = (self.hidden_size, self.intermediate_size);
        let queries = self.num_attention_heads * self.head_dim;
        let keys = self.num_key_value_heads * self.head_dim;
        let Biases { queries_keys_values, attention_output, feed_forward } = self.biases;
        let mut parts = vec![
            ("input_layernorm", vec![d], false),
            ("self_attn.q_proj", vec![queries, d], queries_keys_values),
            ("self_attn.k_proj", vec![keys, d], queries_keys_values),
            ("self_attn.v_proj", vec![keys, d], queries_keys_values),
        ];
        if self.family.has_head_norms() {
            parts.push(("self_attn.q_norm", vec![self.head_dim], false));
            parts.push(("self_attn.k_norm", vec![self.head_dim], false));
        }
        parts.extend([
            ("self_attn.o_proj", vec![d, queries], attention_output),
            ("post_attention_layernorm", vec![d], false),
            ("mlp.gate_proj", vec![f, d], feed_forward),
            ("mlp.up_proj", vec![f, d], feed_forward),
            ("mlp.down_proj", vec![d, f], feed_forward),
        ]);
        let mut tensors = vec![("model.embed_tokens.weight".to_owned(), vec![self.vocab_size, d])];
        for layer in 0..self.num_hidden_layers {
            for (name, shape, biased) in &parts {
                tensors.push((format!("model.layers.{layer}.{name}.weight"), shape.clone()));
                if *biased {
                    tensors.push((format!("model.layers.{layer}.{name}.bias"), vec![shape[0]]));
                }
            }
        }
        tensors.push(("model.norm.weight".to_owned(), vec![d]));
        if !self.tie_word_embeddings {
            tensors.push(("lm_head.weight".to_owned(), vec![self.vocab_size, d]));
        }
        tensors
    }

    fn check(&self) -> Result<()> {
        let bad = fields::bad;
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            let (heads, kv) = (self.num_attention_heads, self.num_key_value_heads);
            return bad("num_key_value_heads", format!("{kv} does not divide num_attention_heads, {heads}"));
        }
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) {
            return bad("head_dim", format!("{} is not even and above 0", self.head_dim));
        }
        if self.head_dim == 2 && matches!(self.rope_scaling, RotaryScaling::Dynamic { .. }) {
            return bad("head_dim", "2 is too small for dynamic rotary embeddings".to_owned());
        }
        if !(self.rms_norm_eps.is_finite() && self.rms_norm_eps >= 0.0) {
            return bad("rms_norm_eps", format!("{} is negative", self.rms_norm_eps));
        }
        Ok(())
    }
}

/// Reads a JSON file of a checkpoint that holds an object; `None` if there is no such file.
pub(crate) fn read_object(folder: &Path, name: &str) -> Result<Option<Map<String, Value>>> {
    let Some(bytes) = files::read(folder, name, MAX_JSON_BYTES)? else { return Ok(None) };
    let json = || ModelError::json(folder.join(name));
    let Bounded::<MAX_JSON_VALUES>(value) = serde_json::from_slice(&bytes).map_err(json())?;
    match value {
        Value::Object(fields) => Ok(Some(fields)),
        _ => Err(json()(serde::de::Error::custom("not an object"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qwen() -> Map<String, Value> {
        let Value::Object(fields) = json!({
            "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 151_936, "hidden_size": 1536,
            "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2,
            "max_position_embeddings": 131_072, "rope_theta": 10_000, "rms_norm_eps": 1e-6, "hidden_act": "silu",
            "sliding_window": 4096, "use_sliding_window": false, "tie_word_embeddings": false, "eos_token_id": 151_643
        }) else {
            unreachable!()
        };
        fields
    }

    #[test]
    fn counts_the_parameters_of_the_1_5b_distill() {
        // The model card of DeepSeek-R1-Distill-Qwen-1.5B says 1.78 B.
        let config = ModelConfig::from_json(&qwen()).unwrap();
        assert_eq!(config.n_parameters(), 1_777_088_000);
        assert_eq!((config.head_dim, config.eos_token_ids.as_slice()), (128, [151_643].as_slice()));
    }

    #[test]
    fn reads_both_spellings() {
        let four = ModelConfig::from_json(&qwen()).unwrap();
        let mut fields = qwen();
        fields.remove("rope_theta");
        fields.insert("rope_parameters".into(), json!({"rope_theta": 10_000.0, "rope_type": "default"}));
        fields.insert("sliding_window".into(), Value::Null);
        let five = ModelConfig::from_json(&fields).unwrap();
        assert_eq!(ModelConfig { source: Map::new(), ..four }, ModelConfig { source: Map::new(), ..five });
    }

    #[test]
    fn unknown_architectures_are_refused_with_the_known_ones() {
        let mut fields = qwen();
        fields.insert("architectures".into(), json!(["MambaForCausalLM"]));
        let error = ModelConfig::from_json(&fields).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown architecture \"MambaForCausalLM\"; known are Qwen2ForCausalLM, LlamaForCausalLM, Qwen3ForCausalLM, \
             MistralForCausalLM"
        );
    }

    #[test]
    fn features_that_would_be_quietly_wrong_are_refused() {
        for (field, value) in [
            ("use_sliding_window", json!("yes")),
            ("hidden_act", json!("gelu")),
            ("rope_scaling", json!({"type": "longrope", "factor": 4.0})),
            ("quantization_config", json!({"quant_method": "awq"})),
            ("num_key_value_heads", json!(5)),
            ("hidden_size", json!(0)),
        ] {
            let mut fields = qwen();
            fields.insert(field.into(), value);
            let error = ModelConfig::from_json(&fields).unwrap_err();
            assert!(error.to_string().starts_with(&format!("config.json: {field}: ")), "{error}");
        }
    }

    #[test]
    fn what_is_written_reads_back_and_unknown_fields_survive() {
        let mut fields = qwen();
        fields.insert("my_field".into(), json!([1, 2]));
        let config = ModelConfig::from_json(&fields).unwrap();
        let Value::Object(written) = config.to_json().unwrap() else { panic!("not an object") };
        assert_eq!(written["my_field"], json!([1, 2]));
        let again = ModelConfig::from_json(&written).unwrap();
        assert_eq!(again.tensors(), config.tensors());
        assert_eq!(again.rope_theta, config.rope_theta);
    }

    #[test]
    fn end_of_text_ids_of_both_files_are_merged() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), Value::Object(qwen()).to_string()).unwrap();
        std::fs::write(folder.path().join("generation_config.json"), r#"{"eos_token_id": [151645, 151643]}"#)
            .unwrap();
        let config = ModelConfig::read(folder.path()).unwrap();
        assert_eq!(config.eos_token_ids, [151_643, 151_645]);
    }
}
