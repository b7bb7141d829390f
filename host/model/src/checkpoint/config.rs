//! The configuration of a checkpoint: Hugging Face's `config.json` and `generation_config.json` of the Qwen2
//! family.
//!
//! In: a checkpoint folder. Out: a [`ModelConfig`] whose every number was checked, and is no larger than that
//! of any model, so that none of their products overflows and names and shapes of all tensors fit into
//! memory. Both spellings are read: transformers 4 writes `rope_theta` and `torch_dtype`, transformers 5
//! writes `rope_parameters` and `dtype`; `sliding_window` may be null. DeepSeek-R1-Distill-Qwen checkpoints
//! are Qwen2 and need nothing of their own. [`ModelConfig::to_json`] gives back all fields that were read,
//! also those which this crate does not use.
//!
//! A checkpoint that turns on sliding windows or scaled rotary embeddings (YaRN) is refused, because it would
//! load and then be quietly wrong.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::checkpoint::json::Bounded;
use crate::error::{ModelError, Result};
use crate::files;

/// The architectures that [`crate::decoder`] implements, by their names in `config.json`.
pub const KNOWN_ARCHITECTURES: &[&str] = &["Qwen2ForCausalLM"];

/// Most layers, and the largest widths and counts that are read: each several times those of the largest
/// models.
const MAX_LAYERS: u64 = 1 << 10;
const MAX_WIDTH: u64 = 1 << 20;
const MAX_HEADS: u64 = 1 << 12;
const MAX_HEAD_DIM: u64 = 1 << 13;
const MAX_VOCAB: u64 = 1 << 24;
const MAX_POSITIONS: u64 = 1 << 32;
/// Most tokens that end a response.
const MAX_EOS_TOKENS: usize = 1 << 10;

/// Most bytes of a JSON file of a checkpoint that is read by [`read_object`], and most values in it.
const MAX_JSON_BYTES: u64 = 32 << 20;
const MAX_JSON_VALUES: usize = 1 << 20;

/// The shape and the constants of a Qwen2 decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
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
    /// Added to the mean square in RMS norms.
    pub rms_norm_eps: f64,
    /// Whether the output head is the embedding.
    pub tie_word_embeddings: bool,
    /// Tokens that end a response. May be empty for a checkpoint that names none.
    pub eos_token_ids: Vec<u32>,
    /// The fields as they were read; empty for a configuration made in code.
    pub source: Map<String, Value>,
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
            vocab_size,
            hidden_size,
            intermediate_size,
            num_hidden_layers,
            num_attention_heads: heads.0,
            num_key_value_heads: heads.1,
            head_dim: hidden_size / heads.0.max(1),
            max_position_embeddings: 1024,
            rope_theta: 10_000.0,
            rms_norm_eps: 1e-6,
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
        Ok(config)
    }

    /// Reads the fields of a `config.json`.
    pub fn from_json(fields: &Map<String, Value>) -> Result<Self> {
        check_architecture(fields)?;
        check_unsupported(fields)?;
        let hidden_size = size(fields, "hidden_size", MAX_WIDTH)?;
        let num_attention_heads = size(fields, "num_attention_heads", MAX_HEADS)?;
        let config = Self {
            vocab_size: size(fields, "vocab_size", MAX_VOCAB)?,
            hidden_size,
            intermediate_size: size(fields, "intermediate_size", MAX_WIDTH)?,
            num_hidden_layers: size(fields, "num_hidden_layers", MAX_LAYERS)?,
            num_attention_heads,
            num_key_value_heads: size_or(fields, "num_key_value_heads", MAX_HEADS, num_attention_heads)?,
            head_dim: size_or(fields, "head_dim", MAX_HEAD_DIM, hidden_size / num_attention_heads)?,
            max_position_embeddings: size_or(fields, "max_position_embeddings", MAX_POSITIONS, 32_768)?,
            rope_theta: rope_theta(fields)?,
            rms_norm_eps: number(fields, "rms_norm_eps")?.unwrap_or(1e-6),
            tie_word_embeddings: fields.get("tie_word_embeddings").and_then(Value::as_bool).unwrap_or(false),
            eos_token_ids: token_ids(fields.get("eos_token_id"))?,
            source: fields.clone(),
        };
        config.check()?;
        Ok(config)
    }

    /// The content of a `config.json` for this configuration: what was read, with this crate's fields on top.
    pub fn to_json(&self) -> Value {
        let mut fields = self.source.clone();
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        set("architectures", json!(KNOWN_ARCHITECTURES));
        set("model_type", json!("qwen2"));
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
        set("use_sliding_window", json!(false));
        if self.head_dim * self.num_attention_heads != self.hidden_size {
            set("head_dim", json!(self.head_dim));
        }
        // One spelling of the rotary base: the one that was read, or transformers 4's, which 5 understands
        // too.
        if !self.source.contains_key("rope_parameters") {
            set("rope_theta", json!(self.rope_theta));
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
        Value::Object(fields)
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
        let mut tensors = vec![("model.embed_tokens.weight".to_owned(), vec![self.vocab_size, d])];
        for layer in 0..self.num_hidden_layers {
            let mut add =
                |name: &str, shape: Vec<usize>| tensors.push((format!("model.layers.{layer}.{name}"), shape));
            add("input_layernorm.weight", vec![d]);
            add("self_attn.q_proj.weight", vec![queries, d]);
            add("self_attn.q_proj.bias", vec![queries]);
            add("self_attn.k_proj.weight", vec![keys, d]);
            add("self_attn.k_proj.bias", vec![keys]);
            add("self_attn.v_proj.weight", vec![keys, d]);
            add("self_attn.v_proj.bias", vec![keys]);
            add("self_attn.o_proj.weight", vec![d, queries]);
            add("post_attention_layernorm.weight", vec![d]);
            add("mlp.gate_proj.weight", vec![f, d]);
            add("mlp.up_proj.weight", vec![f, d]);
            add("mlp.down_proj.weight", vec![d, f]);
        }
        tensors.push(("model.norm.weight".to_owned(), vec![d]));
        if !self.tie_word_embeddings {
            tensors.push(("lm_head.weight".to_owned(), vec![self.vocab_size, d]));
        }
        tensors
    }

    fn check(&self) -> Result<()> {
        let bad = |field, reason: String| Err(ModelError::Config { field, reason });
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            let (heads, kv) = (self.num_attention_heads, self.num_key_value_heads);
            return bad("num_key_value_heads", format!("{kv} does not divide num_attention_heads, {heads}"));
        }
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) {
            return bad("head_dim", format!("{} is not even and above 0", self.head_dim));
        }
        if !(self.rope_theta.is_finite() && self.rope_theta > 0.0) {
            return bad("rope_theta", format!("{} is not above 0", self.rope_theta));
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

fn check_architecture(fields: &Map<String, Value>) -> Result<()> {
    let named = fields.get("architectures").and_then(Value::as_array);
    let first = named.and_then(|names| names.first()).and_then(Value::as_str);
    let known = match first {
        Some(name) => KNOWN_ARCHITECTURES.contains(&name),
        None => fields.get("model_type").and_then(Value::as_str) == Some("qwen2"),
    };
    if known {
        return Ok(());
    }
    let found = first.or_else(|| fields.get("model_type").and_then(Value::as_str)).unwrap_or("none named");
    let found = found.chars().take(80).collect();
    Err(ModelError::UnknownArchitecture { found, known: KNOWN_ARCHITECTURES })
}

fn check_unsupported(fields: &Map<String, Value>) -> Result<()> {
    let bad = |field, reason: String| Err(ModelError::Config { field, reason });
    if fields.get("use_sliding_window").and_then(Value::as_bool) == Some(true) {
        return bad("use_sliding_window", "sliding-window attention is not implemented".into());
    }
    match fields.get("hidden_act").and_then(Value::as_str) {
        None | Some("silu") => {}
        Some(other) => return bad("hidden_act", format!("{other:?} is not implemented, only \"silu\" is")),
    }
    for field in ["rope_scaling", "rope_parameters"] {
        let Some(Value::Object(rope)) = fields.get(field) else { continue };
        let kind = rope.get("rope_type").or_else(|| rope.get("type")).and_then(Value::as_str);
        if let Some(kind) = kind.filter(|&kind| kind != "default") {
            return bad(field, format!("rotary embeddings of type {kind:?} are not implemented"));
        }
    }
    Ok(())
}

fn rope_theta(fields: &Map<String, Value>) -> Result<f64> {
    let nested = match fields.get("rope_parameters") {
        Some(Value::Object(rope)) => number(rope, "rope_theta")?,
        _ => None,
    };
    Ok(nested.or(number(fields, "rope_theta")?).unwrap_or(10_000.0))
}

/// An optional number; null counts as absent.
fn number(fields: &Map<String, Value>, field: &'static str) -> Result<Option<f64>> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => Err(ModelError::Config { field, reason: format!("{} is not a number", shown(value)) }),
        },
    }
}

/// A whole number from 1 to `most`.
fn size(fields: &Map<String, Value>, field: &'static str, most: u64) -> Result<usize> {
    let reason = match fields.get(field) {
        None | Some(Value::Null) => "is missing".to_owned(),
        Some(value) => match value.as_u64() {
            Some(n @ 1..) if n <= most => return Ok(n as usize),
            _ => format!("{} is not a whole number from 1 to {most}", shown(value)),
        },
    };
    Err(ModelError::Config { field, reason })
}

fn size_or(fields: &Map<String, Value>, field: &'static str, most: u64, default: usize) -> Result<usize> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(default),
        Some(_) => size(fields, field, most),
    }
}

/// The beginning of a value, for messages.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        value => value.to_string().chars().take(80).collect(),
    }
}

/// One id, a list of ids, or none.
fn token_ids(value: Option<&Value>) -> Result<Vec<u32>> {
    let one = |value: &Value| {
        value.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(|| ModelError::Config {
            field: "eos_token_id",
            reason: format!("{} is not a token id", shown(value)),
        })
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(ids)) if ids.len() > MAX_EOS_TOKENS => {
            let reason = format!("has {} ids, {MAX_EOS_TOKENS} at most are read", ids.len());
            Err(ModelError::Config { field: "eos_token_id", reason })
        }
        Some(Value::Array(ids)) => ids.iter().map(one).collect(),
        Some(id) => Ok(vec![one(id)?]),
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
        fields.insert("architectures".into(), json!(["LlamaForCausalLM"]));
        let error = ModelConfig::from_json(&fields).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown architecture \"LlamaForCausalLM\"; known are Qwen2ForCausalLM"
        );
    }

    #[test]
    fn features_that_would_be_quietly_wrong_are_refused() {
        for (field, value) in [
            ("use_sliding_window", json!(true)),
            ("hidden_act", json!("gelu")),
            ("rope_scaling", json!({"type": "yarn", "factor": 4.0})),
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
        let Value::Object(written) = config.to_json() else { panic!("not an object") };
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
