//! The families of models that the decoder implements, and the table of what differs between them.
//!
//! In: `architectures` and `model_type` of a `config.json`. Out: a [`Family`], whose row says which fields of the configuration
//! it reads and what they are when they are missing. Names and defaults are those of transformers' configuration classes.
//! DeepSeek-R1-Distill checkpoints are Qwen2 or Llama and need nothing of their own.

use serde_json::{Map, Value};

use crate::error::{ModelError, Result};

/// A family of decoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Qwen2 and Qwen2.5.
    Qwen2,
    /// Llama 2 and 3, and what is built like it, such as SmolLM2.
    Llama,
    /// Qwen3 without experts.
    Qwen3,
    /// Mistral without experts.
    Mistral,
}

/// A row of the table.
pub(super) struct Row {
    /// In `architectures`.
    pub(super) architecture: &'static str,
    pub(super) model_type: &'static str,
    pub(super) attention_biases: AttentionBiases,
    /// Whether `mlp_bias` is read.
    pub(super) reads_mlp_bias: bool,
    /// Whether heads of queries and keys are normalised.
    pub(super) head_norms: bool,
    pub(super) windows: Windows,
    pub(super) defaults: Defaults,
}

/// Which projections of attention have a bias.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AttentionBiases {
    /// None.
    Never,
    /// Those of queries, keys and values.
    Always,
    /// All four if `attention_bias` is true.
    Asked,
}

/// Which layers see a window.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Windows {
    /// None.
    Never,
    /// All, unless `sliding_window` is null.
    All,
    /// With `use_sliding_window`, those that `layer_types` or `max_window_layers` says.
    Asked,
}

/// What fields are that a `config.json` does not have.
pub(super) struct Defaults {
    /// `None` is as many as there are heads of queries.
    pub(super) num_key_value_heads: Option<usize>,
    /// `None` is hidden_size / num_attention_heads.
    pub(super) head_dim: Option<usize>,
    pub(super) max_position_embeddings: usize,
    pub(super) eos_token_id: Option<u32>,
}

/// `rope_theta`, `rms_norm_eps`, `sliding_window` and `max_window_layers`, the same in every family.
pub(super) const ROPE_THETA: f64 = 10_000.0;
pub(super) const RMS_NORM_EPS: f64 = 1e-6;
pub(super) const SLIDING_WINDOW: usize = 4096;
pub(super) const MAX_WINDOW_LAYERS: usize = 28;

const QWEN2: Row = Row {
    architecture: "Qwen2ForCausalLM",
    model_type: "qwen2",
    attention_biases: AttentionBiases::Always,
    reads_mlp_bias: false,
    head_norms: false,
    windows: Windows::Asked,
    defaults: Defaults {
        num_key_value_heads: Some(32),
        head_dim: None,
        max_position_embeddings: 32_768,
        eos_token_id: None,
    },
};

const LLAMA: Row = Row {
    architecture: "LlamaForCausalLM",
    model_type: "llama",
    attention_biases: AttentionBiases::Asked,
    reads_mlp_bias: true,
    head_norms: false,
    windows: Windows::Never,
    defaults: Defaults {
        num_key_value_heads: None,
        head_dim: None,
        max_position_embeddings: 2048,
        eos_token_id: Some(2),
    },
};

const QWEN3: Row = Row {
    architecture: "Qwen3ForCausalLM",
    model_type: "qwen3",
    attention_biases: AttentionBiases::Asked,
    reads_mlp_bias: false,
    head_norms: true,
    windows: Windows::Asked,
    defaults: Defaults {
        num_key_value_heads: Some(32),
        head_dim: Some(128),
        max_position_embeddings: 32_768,
        eos_token_id: None,
    },
};

const MISTRAL: Row = Row {
    architecture: "MistralForCausalLM",
    model_type: "mistral",
    attention_biases: AttentionBiases::Never,
    reads_mlp_bias: false,
    head_norms: false,
    windows: Windows::All,
    defaults: Defaults {
        num_key_value_heads: Some(8),
        head_dim: None,
        max_position_embeddings: 131_072,
        eos_token_id: Some(2),
    },
};

/// The architectures that [`crate::decoder`] implements, by their names in `config.json`.
pub const KNOWN_ARCHITECTURES: &[&str] =
    &[QWEN2.architecture, LLAMA.architecture, QWEN3.architecture, MISTRAL.architecture];

impl Family {
    const ALL: [Self; 4] = [Self::Qwen2, Self::Llama, Self::Qwen3, Self::Mistral];

    pub(super) fn row(self) -> &'static Row {
        match self {
            Self::Qwen2 => &QWEN2,
            Self::Llama => &LLAMA,
            Self::Qwen3 => &QWEN3,
            Self::Mistral => &MISTRAL,
        }
    }

    /// The architecture, by its name in `config.json`.
    pub fn architecture(self) -> &'static str {
        self.row().architecture
    }

    /// Whether the heads of queries and keys are normalised before they are turned by their positions.
    pub fn has_head_norms(self) -> bool {
        self.row().head_norms
    }

    /// The family that `architectures` names, or, where that is missing, `model_type`.
    pub(super) fn read(fields: &Map<String, Value>) -> Result<Self> {
        let named = fields.get("architectures").and_then(Value::as_array);
        let architecture = named.and_then(|names| names.first()).and_then(Value::as_str);
        let model_type = fields.get("model_type").and_then(Value::as_str);
        let is_named = |family: &Self| match architecture {
            Some(architecture) => family.row().architecture == architecture,
            None => model_type == Some(family.row().model_type),
        };
        Self::ALL.into_iter().find(is_named).ok_or_else(|| {
            let found = architecture.or(model_type).unwrap_or("none named").chars().take(80).collect();
            ModelError::UnknownArchitecture { found, known: KNOWN_ARCHITECTURES }
        })
    }
}
