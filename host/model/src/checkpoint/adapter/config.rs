//! `adapter_config.json` of PEFT: what an adapter is.
//!
//! In: the file. Out: rank, alpha, and which projections. Any field that is on and not known to change nothing is refused by its
//! name: there are many variants of LoRA, and each would load and then be quietly wrong.

use std::fmt;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::CONFIG;
use crate::adapters::{Adapters, Place, Projection};
use crate::checkpoint::config::read_object;
use crate::error::{ModelError, Result};
use crate::lora::LoraConfig;

/// Largest rank that is read.
const MAX_RANK: u64 = 1 << 16;

/// Fields that are read, or change nothing of a trained adapter's function.
const KNOWN: &[&str] = &[
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "inference_mode",
    "init_lora_weights",
    "lora_alpha",
    "lora_dropout",
    "megatron_core",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "target_modules",
    "task_type",
    "use_rslora",
];

/// The model that an adapter is of: a folder, or a name on a hub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseName {
    /// `base_model_name_or_path`; empty if it does not say.
    pub name: String,
    /// `revision`: of a name on a hub, its branch, tag or commit.
    pub revision: Option<String>,
}

impl BaseName {
    /// Without a revision.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), revision: None }
    }
}

/// `name`, or `name@revision`.
impl fmt::Display for BaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.revision.iter().try_for_each(|revision| write!(f, "@{revision}"))
    }
}

/// What an adapter is.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterConfig {
    /// The model that it is of.
    pub base: BaseName,
    /// Rows of A.
    pub rank: usize,
    /// The adapter's product is multiplied by alpha / rank.
    pub alpha: f64,
    /// By alpha / √rank instead.
    pub is_rank_stabilised: bool,
    /// Share of the inputs that training dropped.
    pub dropout: f64,
    /// Which projections have an adapter.
    pub targets: Targets,
}

/// Which projections have an adapter.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Those whose names end with one of these, as PEFT compares.
    Names(Vec<String>),
    /// Those whose names a regular expression of Python's matches; the file of matrices says which these are.
    Pattern(String),
}

impl Targets {
    /// Whether a projection has an adapter; `None` for a pattern.
    pub(super) fn cover(&self, place: Place) -> Option<bool> {
        let Self::Names(names) = self else { return None };
        let module = place.module();
        let ends_with = |name: &String| {
            module
                .strip_suffix(name.as_str())
                .is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        Some(names.iter().any(ends_with))
    }
}

impl AdapterConfig {
    /// Of an adapter that was trained here.
    pub fn new(base: BaseName, lora: &LoraConfig) -> Self {
        let names = Projection::ALL.into_iter().filter(|projection| lora.target_modules.contains(projection));
        Self {
            base,
            rank: lora.rank,
            alpha: lora.alpha,
            is_rank_stabilised: false,
            dropout: lora.dropout,
            targets: Targets::Names(names.map(|projection| projection.name().to_owned()).collect()),
        }
    }

    /// Of adapters of several runs, [joined](Adapters::joined), to a model of so many layers.
    pub fn of_joined(base: BaseName, adapters: &Adapters, n_layers: usize, dropout: f64) -> Self {
        let places = |projection| {
            adapters.pairs.iter().map(|pair| pair.place).filter(move |place| place.projection == projection)
        };
        let names = Projection::ALL.into_iter().flat_map(|projection| {
            let everywhere = places(projection).count() == n_layers;
            let modules: Vec<String> = places(projection).map(Place::module).collect();
            if everywhere { vec![projection.name().to_owned()] } else { modules }
        });
        Self {
            base,
            rank: adapters.rank(),
            alpha: adapters.scaling * adapters.rank() as f64,
            is_rank_stabilised: false,
            dropout,
            targets: Targets::Names(names.collect()),
        }
    }

    /// Reads `adapter_config.json`; `None` if the folder has none, and so is not an adapter's.
    ///
    /// # Errors
    /// [`ModelError::AdapterConfig`] for the first field that is wrong or not implemented.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let Some(fields) = read_object(folder, CONFIG)? else { return Ok(None) };
        let fields = Fields { path: &folder.join(CONFIG), fields: &fields };
        fields.only("peft_type", &["LORA"])?;
        fields.only("task_type", &["CAUSAL_LM"])?;
        fields.only("bias", &["none"])?;
        // Others change the base's weights, of which the adapter then is.
        if !matches!(fields.get("init_lora_weights"), Some(Value::Bool(_))) {
            fields.only("init_lora_weights", &["gaussian"])?;
        }
        for (name, value) in fields.fields {
            let is_pattern = name == "rank_pattern" || name == "alpha_pattern";
            if (is_pattern || !KNOWN.contains(&name.as_str())) && !is_off(value) {
                return fields.not_implemented(name, value);
            }
        }
        let targets = match fields.get("target_modules") {
            Some(Value::String(pattern)) => Targets::Pattern(pattern.clone()),
            Some(Value::Array(names)) => {
                let names = names.iter().map(|name| name.as_str().map(str::to_owned));
                match names.collect::<Option<Vec<_>>>() {
                    Some(names) => Targets::Names(names),
                    None => return fields.bad("target_modules", "is not a list of names"),
                }
            }
            _ => return fields.bad("target_modules", "is missing"),
        };
        let rank = match fields.get("r") {
            None => LoraConfig::DEFAULT_RANK,
            Some(value) => match value.as_u64() {
                Some(rank @ 1..=MAX_RANK) => rank as usize,
                _ => {
                    let reason = format!("{} is not a whole number from 1 to {MAX_RANK}", shown(value));
                    return fields.bad("r", reason);
                }
            },
        };
        let text = |name| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let name = text("base_model_name_or_path").unwrap_or_default();
        Ok(Some(Self {
            base: BaseName { name, revision: text("revision") },
            rank,
            alpha: fields.number("lora_alpha", LoraConfig::DEFAULT_ALPHA)?,
            is_rank_stabilised: fields.get("use_rslora") == Some(&Value::Bool(true)),
            dropout: fields.number("lora_dropout", 0.0)?,
            targets,
        }))
    }

    /// What the adapter's product is multiplied by.
    pub fn scaling(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha / if self.is_rank_stabilised { rank.sqrt() } else { rank }
    }

    /// The content of the file, with the fields that every version of PEFT knows.
    pub(super) fn to_json(&self) -> Value {
        let whole = self.alpha.fract() == 0.0 && self.alpha.abs() < 1e15;
        json!({
            "alpha_pattern": {},
            "auto_mapping": null,
            "base_model_name_or_path": self.base.name,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "layers_pattern": null,
            "layers_to_transform": null,
            "lora_alpha": if whole { json!(self.alpha as i64) } else { json!(self.alpha) },
            "lora_dropout": self.dropout,
            "modules_to_save": null,
            "peft_type": "LORA",
            "r": self.rank,
            "rank_pattern": {},
            "revision": self.base.revision,
            "target_modules": match &self.targets {
                Targets::Names(names) => json!(names),
                Targets::Pattern(pattern) => json!(pattern),
            },
            "task_type": "CAUSAL_LM",
            "use_dora": false,
            "use_rslora": self.is_rank_stabilised,
        })
    }
}

/// The fields of a file.
struct Fields<'a> {
    path: &'a Path,
    fields: &'a Map<String, Value>,
}

impl Fields<'_> {
    /// A field; null counts as absent.
    fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn bad<T>(&self, field: &str, reason: impl Into<String>) -> Result<T> {
        let field = field.chars().take(80).collect();
        Err(ModelError::AdapterConfig { path: self.path.to_owned(), field, reason: reason.into() })
    }

    fn not_implemented<T>(&self, field: &str, value: &Value) -> Result<T> {
        self.bad(field, format!("{} is not implemented", shown(value)))
    }

    /// Refuses a text that is none of `known`.
    fn only(&self, field: &str, known: &[&str]) -> Result<()> {
        match self.get(field) {
            Some(value) if !value.as_str().is_some_and(|text| known.contains(&text)) => {
                self.not_implemented(field, value)
            }
            _ => Ok(()),
        }
    }

    fn number(&self, field: &str, default: f64) -> Result<f64> {
        match self.get(field) {
            None => Ok(default),
            Some(value) => match value.as_f64().filter(|number| number.is_finite()) {
                Some(number) => Ok(number),
                None => self.bad(field, format!("{} is not a number", shown(value))),
            },
        }
    }
}

/// Whether a value says that something is not there.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// A value as a message shows it: no longer than a line.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        value => value.to_string().chars().take(80).collect(),
    }
}
