//! Tests with the configurations of real checkpoints, field by field as they are published: all of them pass, and are the models
//! that they are known to be.

use serde_json::{Map, Value, json};

use super::{Family, ModelConfig};
use crate::ops::RotaryScaling;

fn read(fields: Value) -> ModelConfig {
    ModelConfig::from_json(fields.as_object().unwrap()).unwrap()
}

#[test]
fn deepseek_r1_distill_qwen_1_5b() {
    let config = read(json!({
        "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151_643,
        "eos_token_id": 151_643, "hidden_act": "silu", "hidden_size": 1536, "initializer_range": 0.02,
        "intermediate_size": 8960, "max_position_embeddings": 131_072, "max_window_layers": 21,
        "model_type": "qwen2", "num_attention_heads": 12, "num_hidden_layers": 28, "num_key_value_heads": 2,
        "rms_norm_eps": 1e-06, "rope_theta": 10_000, "sliding_window": 4096, "tie_word_embeddings": false,
        "torch_dtype": "bfloat16", "transformers_version": "4.44.0", "use_cache": true, "use_mrope": false,
        "use_sliding_window": false, "vocab_size": 151_936
    }));
    assert_eq!((config.family, config.n_parameters()), (Family::Qwen2, 1_777_088_000));
    assert!(config.windows.is_empty());
}

/// With the lines that its model card says to add for long texts.
#[test]
fn qwen2_5_7b_instruct_with_yarn() {
    let config = read(json!({
        "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151_643,
        "eos_token_id": 151_645, "hidden_act": "silu", "hidden_size": 3584, "initializer_range": 0.02,
        "intermediate_size": 18_944, "max_position_embeddings": 32_768, "max_window_layers": 28,
        "model_type": "qwen2", "num_attention_heads": 28, "num_hidden_layers": 28, "num_key_value_heads": 4,
        "rms_norm_eps": 1e-06, "rope_theta": 1_000_000.0, "sliding_window": 131_072,
        "tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.43.1",
        "use_cache": true, "use_sliding_window": false, "vocab_size": 152_064,
        "rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 32_768, "type": "yarn"}
    }));
    assert_eq!((config.n_parameters(), config.max_positions()), (7_615_616_512, 131_072));
    assert!(matches!(config.rope_scaling, RotaryScaling::Yarn { original_positions: 32_768, .. }));
}

#[test]
fn qwen3_0_6b() {
    let config = read(json!({
        "architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
        "bos_token_id": 151_643, "eos_token_id": 151_645, "head_dim": 128, "hidden_act": "silu",
        "hidden_size": 1024, "initializer_range": 0.02, "intermediate_size": 3072,
        "max_position_embeddings": 40_960, "max_window_layers": 28, "model_type": "qwen3",
        "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
        "rope_scaling": null, "rope_theta": 1_000_000, "sliding_window": null, "tie_word_embeddings": true,
        "torch_dtype": "bfloat16", "transformers_version": "4.51.0", "use_cache": true,
        "use_sliding_window": false, "vocab_size": 151_936
    }));
    assert_eq!((config.family, config.n_parameters()), (Family::Qwen3, 596_049_920));
    assert_eq!((config.head_dim, config.rope_theta), (128, 1e6));
}

#[test]
fn llama_2_7b() {
    let config = read(json!({
        "_name_or_path": "meta-llama/Llama-2-7b-hf", "architectures": ["LlamaForCausalLM"], "bos_token_id": 1,
        "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
        "intermediate_size": 11_008, "max_position_embeddings": 4096, "model_type": "llama",
        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32, "pretraining_tp": 1,
        "rms_norm_eps": 1e-05, "rope_scaling": null, "tie_word_embeddings": false, "torch_dtype": "float16",
        "transformers_version": "4.31.0.dev0", "use_cache": true, "vocab_size": 32_000
    }));
    assert_eq!((config.family, config.n_parameters()), (Family::Llama, 6_738_415_616));
    assert_eq!(config.rope_theta, 10_000.0);
}

#[test]
fn llama_3_2_1b_instruct() {
    let config = read(json!({
        "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
        "bos_token_id": 128_000, "eos_token_id": [128_001, 128_008, 128_009], "head_dim": 64,
        "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 8192,
        "max_position_embeddings": 131_072, "mlp_bias": false, "model_type": "llama",
        "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "pretraining_tp": 1,
        "rms_norm_eps": 1e-05, "rope_scaling": {
            "factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192, "rope_type": "llama3"
        },
        "rope_theta": 500_000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
        "transformers_version": "4.45.0.dev0", "use_cache": true, "vocab_size": 128_256
    }));
    assert_eq!((config.n_parameters(), config.max_positions()), (1_235_814_400, 131_072));
    assert!(matches!(config.rope_scaling, RotaryScaling::Llama3 { factor: 32.0, .. }));
    assert_eq!(config.eos_token_ids, [128_001, 128_008, 128_009]);
}

/// SmolLM2-135M-Instruct.
#[test]
fn smollm2_135m() {
    let config = read(json!({
        "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
        "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 576,
        "initializer_range": 0.041_666_666_666_666_664, "intermediate_size": 1536, "is_llama_config": true,
        "max_position_embeddings": 8192, "mlp_bias": false, "model_type": "llama", "num_attention_heads": 9,
        "num_hidden_layers": 30, "num_key_value_heads": 3, "pad_token_id": 2, "pretraining_tp": 1,
        "rms_norm_eps": 1e-05, "rope_interleaved": false, "rope_scaling": null, "rope_theta": 100_000,
        "tie_word_embeddings": true, "torch_dtype": "bfloat16",
        "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16", "fp16": "float16"}},
        "transformers_version": "4.42.3", "use_cache": true, "vocab_size": 49_152
    }));
    assert_eq!(config.n_parameters(), 134_515_008);
}

#[test]
fn mistral_7b_and_nemo() {
    let mut fields = json!({
        "architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
        "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 14_336,
        "max_position_embeddings": 32_768, "model_type": "mistral", "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 10_000.0,
        "sliding_window": 4096, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
        "transformers_version": "4.34.0.dev0", "use_cache": true, "vocab_size": 32_000
    });
    let first = read(fields.clone());
    assert_eq!((first.family, first.n_parameters()), (Family::Mistral, 7_241_732_096));
    assert_eq!(first.windows, [Some(4096); 32]);
    let nemo = json!({"attention_dropout": 0.0, "head_dim": 128, "hidden_size": 5120, "num_hidden_layers": 40,
        "max_position_embeddings": 131_072, "rope_theta": 1_000_000.0, "sliding_window": null, "vocab_size": 131_072});
    fields.as_object_mut().unwrap().extend(nemo.as_object().unwrap().clone());
    let nemo = read(fields);
    assert_eq!((nemo.n_parameters(), nemo.head_dim), (12_247_782_400, 128));
    assert!(nemo.windows.is_empty());
}

/// What transformers 5 writes of a Qwen2 and of a Qwen3.
#[test]
fn as_transformers_5_writes_them() {
    let mut fields = json!({
        "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": null, "dtype": "float32",
        "eos_token_id": [1, 2], "hidden_act": "silu", "hidden_size": 32, "initializer_range": 0.02,
        "intermediate_size": 48, "layer_types": ["full_attention", "full_attention"],
        "max_position_embeddings": 256, "max_window_layers": 28, "model_type": "qwen2",
        "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 2, "pad_token_id": null,
        "rms_norm_eps": 1e-06, "rope_parameters": {"rope_theta": 5000.0, "rope_type": "default"},
        "sliding_window": null, "tie_word_embeddings": false, "transformers_version": "5.23.0",
        "use_cache": true, "use_sliding_window": false, "vocab_size": 64
    });
    assert_eq!(read(fields.clone()).rope_theta, 5000.0);
    fields["architectures"] = json!(["Qwen3ForCausalLM"]);
    fields["attention_bias"] = json!(false);
    assert_eq!(read(fields).head_dim, 128);
}

/// Fields that are missing are what transformers' configuration classes take.
#[test]
fn defaults_are_those_of_transformers() {
    let of = |architecture: &str| {
        read(json!({
            "architectures": [architecture], "vocab_size": 64, "hidden_size": 512, "intermediate_size": 48,
            "num_hidden_layers": 1, "num_attention_heads": 64
        }))
    };
    let [qwen2, llama, qwen3, mistral] =
        ["Qwen2ForCausalLM", "LlamaForCausalLM", "Qwen3ForCausalLM", "MistralForCausalLM"].map(of);
    for (config, kv_heads, head_dim, positions, window) in [
        (&qwen2, 32, 8, 32_768, None),
        (&llama, 64, 8, 2048, None),
        (&qwen3, 32, 128, 32_768, None),
        (&mistral, 8, 8, 131_072, Some(4096)),
    ] {
        assert_eq!((config.num_key_value_heads, config.head_dim), (kv_heads, head_dim));
        assert_eq!((config.max_position_embeddings, config.window(0)), (positions, window));
        assert_eq!((config.rope_theta, config.rms_norm_eps), (10_000.0, 1e-6));
        assert!(!config.tie_word_embeddings && config.eos_token_ids.is_empty());
        // As a whole configuration made in code is written and read again.
        let in_code = ModelConfig { source: Map::new(), ..config.clone() };
        let again = read(in_code.to_json().unwrap());
        assert_eq!(ModelConfig { source: Map::new(), ..again }, in_code);
    }
    assert!(qwen2.biases.queries_keys_values && !qwen2.biases.attention_output);
    assert!(!llama.biases.queries_keys_values && !mistral.biases.queries_keys_values);
    let folder = tempfile::tempdir().unwrap();
    for (config, eos_token_ids) in [(&qwen2, vec![]), (&llama, vec![2]), (&mistral, vec![2])] {
        let text = Value::Object(config.source.clone()).to_string();
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        assert_eq!(ModelConfig::read(folder.path()).unwrap().eos_token_ids, eos_token_ids);
    }
}
