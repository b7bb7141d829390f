//! Refusing what the decoder does not implement: a checkpoint would load, and then be quietly wrong.
//!
//! In: the fields of a `config.json`. Out: nothing, or an error that names the first field that may change what the model
//! computes and is not read.
//!
//! A configuration has many fields that change nothing (where it came from, what wrote it, how it was initialised), and new
//! ones appear. So a field that is not known is let through, unless its name speaks of something that a decoder computes and
//! its value turns that on. Tensors are a second check: a checkpoint must hold exactly those of [`super::ModelConfig::tensors`].

use serde_json::{Map, Value};

use super::Family;
use super::family::{AttentionBiases, Windows};
use super::fields::{bad, shown};
use crate::error::Result;

/// Fields whose names speak of what a decoder computes, and that are read, or change nothing in inference and fine-tuning.
const KNOWN: &[&str] = &[
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "hidden_act",
    "max_position_embeddings",
    "original_max_position_embeddings",
    "rms_norm_eps",
    "tie_word_embeddings",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "partial_rotary_factor",
    "layer_types",
    // How it is computed, not what.
    "attn_implementation",
    "use_flash_attn",
    "use_flash_attention_2",
    "output_attentions",
    "pretraining_tp",
    // Read by nobody when windows are off.
    "max_window_layers",
];

/// Parts of names that speak of what a decoder computes.
const WORDS: &[&str] = &[
    "activation",
    "alibi",
    "attention",
    "attn",
    "bias",
    "clip",
    "compress",
    "dense",
    "embed",
    "expert",
    "head",
    "interleav",
    "logit",
    "lora",
    "moe",
    "multiplier",
    "mup",
    "norm",
    "parallel",
    "partial",
    "quant",
    "residual",
    "rope",
    "rotary",
    "scal",
    "sink",
    "softcap",
    "sparse",
    "window",
];

/// Refuses the first field that is on and not implemented.
pub(super) fn check(fields: &Map<String, Value>, family: Family) -> Result<()> {
    match fields.get("hidden_act") {
        None | Some(Value::Null) => {}
        Some(Value::String(name)) if name == "silu" || name == "swish" => {}
        Some(other) => {
            return bad("hidden_act", format!("{} is not implemented, only \"silu\" is", shown(other)));
        }
    }
    for (name, value) in fields {
        if speaks_of_computing(name) && !is_read(name, family) && !is_off(name, value) {
            let name: String = name.chars().take(80).collect();
            return bad(name, format!("{} is not implemented", shown(value)));
        }
    }
    Ok(())
}

/// Dropout is not among it: it acts in training alone, and this trainer does without. Names that begin with an underscore are
/// transformers' notes on its own work.
fn speaks_of_computing(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_note = name.starts_with('_') || name.ends_with("dropout");
    !is_note && WORDS.iter().any(|word| name.contains(word))
}

fn is_read(name: &str, family: Family) -> bool {
    let row = family.row();
    match name {
        // Qwen2 has its biases whatever this says.
        "attention_bias" => row.attention_biases != AttentionBiases::Never,
        "mlp_bias" => row.reads_mlp_bias,
        "sliding_window" => row.windows != Windows::Never,
        "use_sliding_window" => row.windows == Windows::Asked,
        _ => KNOWN.contains(&name),
    }
}

/// Whether a value says that something is not there: null, false, 0, nothing; and 1 for what is multiplied.
pub(super) fn is_off(name: &str, value: &Value) -> bool {
    let multiplies = || ["factor", "multiplier", "scal"].iter().any(|word| name.contains(word));
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => {
            number.as_f64() == Some(0.0) || (number.as_f64() == Some(1.0) && multiplies())
        }
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(family: Family, fields: &Value) -> Result<()> {
        check(fields.as_object().unwrap(), family)
    }

    #[test]
    fn what_changes_results_is_refused_by_its_name() {
        for (field, value) in [
            ("quantization_config", json!({"quant_method": "awq", "bits": 4})),
            ("compression_config", json!({"format": "pack"})),
            ("hidden_act", json!("gelu")),
            ("final_logit_softcapping", json!(30.0)),
            ("attn_logit_softcapping", json!(50.0)),
            ("num_experts", json!(128)),
            ("num_local_experts", json!(8)),
            ("moe_intermediate_size", json!(768)),
            ("decoder_sparse_step", json!(2)),
            ("use_attention_sinks", json!(true)),
            ("rope_interleaved", json!(true)),
            ("use_mrope", json!(true)),
            ("no_rope_layers", json!([1, 1, 1, 0])),
            ("embedding_multiplier", json!(12.0)),
            ("logits_scaling", json!(8.0)),
            ("use_qk_norm", json!(true)),
            ("qk_layernorm", json!(true)),
            ("kv_lora_rank", json!(512)),
            ("clip_qkv", json!(8.0)),
            ("dual_chunk_attention_config", json!({"chunk_size": 262_144})),
            ("sliding_window_pattern", json!(6)),
        ] {
            for family in [Family::Qwen2, Family::Llama, Family::Qwen3, Family::Mistral] {
                let error = checked(family, &json!({field: value})).unwrap_err().to_string();
                assert!(error.starts_with(&format!("config.json: {field}: ")), "{error}");
            }
        }
        assert!(checked(Family::Llama, &json!({"sliding_window": 4096})).is_err());
        assert!(checked(Family::Mistral, &json!({"attention_bias": true})).is_err());
        assert!(checked(Family::Qwen3, &json!({"mlp_bias": true})).is_err());
    }

    #[test]
    fn what_is_off_or_speaks_of_something_else_passes() {
        let fields = json!({
            "quantization_config": null, "rope_interleaved": false, "use_mrope": false, "num_experts": 0,
            "logits_scaling": 1.0, "embedding_multiplier": 1, "hidden_act": "swish", "my_field": [1, 2],
            "attention_dropout": 0.1, "_attn_implementation": "sdpa", "_attn_implementation_autoset": true
        });
        for family in [Family::Qwen2, Family::Llama, Family::Qwen3, Family::Mistral] {
            checked(family, &fields).unwrap();
        }
    }
}
