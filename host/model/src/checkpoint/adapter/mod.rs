//! Adapter folders in PEFT's layout: `adapter_config.json` and `adapter_model.safetensors`, which PEFT wrote or will load.
//!
//! In: a folder, and the configuration of the model that the adapter is of. Out: [`Adapters`](crate::adapters::Adapters), each
//! matrix checked for its shape; or a folder written. What changes the adapter's function and is not implemented, such as DoRA,
//! is refused by its name.

mod config;
mod read;
mod write;

pub use config::{AdapterConfig, BaseName, Targets};
pub use read::read;
pub use write::{copy, save};

/// The file that makes a folder an adapter's.
const CONFIG: &str = "adapter_config.json";

/// The file of its matrices.
const WEIGHTS: &str = "adapter_model.safetensors";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use candle_core::{DType, Device, Tensor};
    use serde_json::{Value, json};

    use super::*;
    use crate::adapters::{Adapters, Projection};
    use crate::config::ModelConfig;
    use crate::error::ModelError;
    use crate::lora::LoraConfig;

    fn config() -> ModelConfig {
        ModelConfig::tiny(16, 8, 12, 2, (2, 1))
    }

    fn written(folder: &Path) -> (AdapterConfig, Adapters) {
        let lora = LoraConfig {
            rank: 3,
            alpha: 12.0,
            target_modules: vec![Projection::Value, Projection::Down],
            dropout: 0.25,
        };
        let mut adapters = lora.begin(&config(), 5, DType::F32, &Device::Cpu).unwrap();
        for pair in &mut adapters.pairs {
            pair.up = (pair.up.ones_like().unwrap() * 0.5).unwrap();
        }
        let adapter =
            AdapterConfig::new(BaseName { name: "the/base".into(), revision: Some("v1".into()) }, &lora);
        save(folder, &adapter, &adapters).unwrap();
        (adapter, adapters)
    }

    fn change(folder: &Path, change: impl FnOnce(&mut Value)) {
        let path = folder.join(CONFIG);
        let mut fields: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut fields);
        std::fs::write(path, fields.to_string()).unwrap();
    }

    fn refused(folder: &Path) -> String {
        let error = read(folder, &config()).unwrap_err();
        assert!(error.hint().is_some(), "{error}");
        error.to_string()
    }

    #[test]
    fn what_is_written_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let (config_before, before) = written(folder.path());
        let (config_after, after) = read(folder.path(), &config()).unwrap();
        assert_eq!(config_after, config_before);
        assert_eq!((after.scaling, after.pairs.len()), (4.0, 4));
        let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (a, b) in before.pairs.iter().zip(&after.pairs) {
            assert_eq!(
                (a.place, numbers(&a.down), numbers(&a.up)),
                (b.place, numbers(&b.down), numbers(&b.up))
            );
        }
        let text = std::fs::read_to_string(folder.path().join(CONFIG)).unwrap();
        let fields: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(fields["target_modules"], json!(["v_proj", "down_proj"]));
        assert_eq!(
            (&fields["r"], &fields["lora_alpha"], &fields["peft_type"]),
            (&json!(3), &json!(12), &json!("LORA"))
        );
        assert!(AdapterConfig::read(&std::env::temp_dir()).unwrap().is_none());
    }

    #[test]
    fn rank_stabilised_scaling_divides_by_the_root() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path());
        change(folder.path(), |fields| fields["use_rslora"] = json!(true));
        let scaling = read(folder.path(), &config()).unwrap().1.scaling;
        assert!((scaling - 12.0 / 3.0_f64.sqrt()).abs() < 1e-12, "{scaling}");
    }

    #[test]
    fn what_is_not_implemented_is_refused_by_its_name() {
        for (field, value, reason) in [
            ("peft_type", json!("IA3"), "\"IA3\" is not implemented"),
            ("task_type", json!("SEQ_CLS"), "\"SEQ_CLS\" is not implemented"),
            ("use_dora", json!(true), "true is not implemented"),
            ("bias", json!("lora_only"), "\"lora_only\" is not implemented"),
            ("modules_to_save", json!(["lm_head"]), "a list is not implemented"),
            ("rank_pattern", json!({"q_proj": 4}), "an object is not implemented"),
            ("alpha_pattern", json!({"q_proj": 4}), "an object is not implemented"),
            ("layers_to_transform", json!([0]), "a list is not implemented"),
            ("init_lora_weights", json!("pissa"), "\"pissa\" is not implemented"),
            ("fan_in_fan_out", json!(true), "true is not implemented"),
            ("trainable_token_indices", json!([1]), "a list is not implemented"),
            ("something_new", json!(2), "2 is not implemented"),
            ("r", json!(0), "0 is not a whole number from 1 to 65536"),
            ("lora_alpha", json!("x"), "\"x\" is not a number"),
            ("target_modules", json!(null), "is missing"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            written(folder.path());
            change(folder.path(), |fields| fields[field] = value);
            let error = refused(folder.path());
            let expected = format!("adapter_config.json: {field}: {reason}");
            assert!(error.ends_with(&expected), "{expected}: {error}");
        }
    }

    #[test]
    fn an_adapter_of_another_model_and_an_incomplete_one_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path());
        let of = |config: ModelConfig| read(folder.path(), &config).unwrap_err().to_string();
        let wider = of(ModelConfig::tiny(16, 10, 12, 2, (2, 1)));
        assert!(
            wider.ends_with(
                "base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight has shape [3, 8], where the base has room for [3, 10]"
            ),
            "{wider}"
        );
        let shallower = of(ModelConfig::tiny(16, 8, 12, 1, (2, 1)));
        assert!(
            shallower.contains("layers.1.") && shallower.ends_with("is none that the base has room for"),
            "{shallower}"
        );
        let deeper = of(ModelConfig::tiny(16, 8, 12, 3, (2, 1)));
        assert!(deeper.contains("layers.2.") && deeper.ends_with("is missing"), "{deeper}");
        change(folder.path(), |fields| fields["target_modules"] = json!(["v_proj"]));
        let more = refused(folder.path());
        assert!(
            more.contains("down_proj") && more.ends_with("is none that target_modules asks for"),
            "{more}"
        );
        change(folder.path(), |fields| fields["target_modules"] = json!(["v_proj", "down_proj", "q_proj"]));
        let fewer = refused(folder.path());
        assert!(fewer.contains("q_proj.lora_A.weight") && fewer.ends_with("is missing"), "{fewer}");
        // A pattern is Python's to match: the file says where it did.
        change(folder.path(), |fields| fields["target_modules"] = json!(".*(v|down)_proj"));
        assert_eq!(read(folder.path(), &config()).unwrap().1.pairs.len(), 4);
        let path = folder.path().join(WEIGHTS);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(matches!(read(folder.path(), &config()), Err(ModelError::Truncated { .. })));
        std::fs::write(&path, [&bytes[..bytes.len() - 4], &f32::NAN.to_le_bytes()].concat()).unwrap();
        assert!(matches!(read(folder.path(), &config()), Err(ModelError::NotFinite { .. })));
        std::fs::remove_file(path).unwrap();
        let none = refused(folder.path());
        assert!(none.contains("no adapter_model.safetensors"), "{none}");
    }
}
