//! `[train.lora]`: low-rank adapters, with PEFT's defaults for what the section does not say.

use serde::{Deserialize, Serialize};

/// The projections of a layer, by the last part of their names.
const MODULES: [&str; 7] = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

/// PEFT's word for all of them.
const ALL_LINEAR: &str = "all-linear";

/// Largest rank: several times the width of the largest models.
const MAX_RANK: usize = 1 << 16;

/// `[train.lora]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoraSection {
    /// Rows of an adapter's first matrix.
    pub rank: usize,
    /// The adapter's product is multiplied by alpha / rank.
    pub alpha: f64,
    /// Which projections have an adapter, in every layer.
    pub target_modules: TargetModules,
    /// Share of an adapter's inputs that a training pass drops, at least 0 and below 1.
    pub dropout: f64,
}

impl Default for LoraSection {
    fn default() -> Self {
        let target_modules = TargetModules::Names(["q_proj", "v_proj"].map(str::to_owned).into());
        Self { rank: 8, alpha: 8.0, target_modules, dropout: 0.0 }
    }
}

/// Which projections have an adapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be \"all-linear\" or a list of names, such as [\"q_proj\", \"v_proj\"]")]
pub enum TargetModules {
    /// `all-linear`, and no other word.
    Word(String),
    /// Names.
    Names(Vec<String>),
}

impl TargetModules {
    /// The names that are meant.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Word(_) => MODULES.to_vec(),
            Self::Names(names) => names.iter().map(String::as_str).collect(),
        }
    }
}

impl LoraSection {
    /// Calls `check` with each condition, the key, what it must be, and what it was.
    pub(crate) fn validate(&self, check: &mut dyn FnMut(bool, &str, &str, &dyn std::fmt::Display)) {
        let rank = self.rank;
        check((1..=MAX_RANK).contains(&rank), "train.lora.rank", &format!("1 to {MAX_RANK}"), &rank);
        let alpha = self.alpha;
        check(alpha > 0.0 && alpha.is_finite(), "train.lora.alpha", "above 0", &alpha);
        let dropout = self.dropout;
        check((0.0..1.0).contains(&dropout), "train.lora.dropout", "0 or above and below 1", &dropout);
        let (key, known) = ("train.lora.target_modules", MODULES.join(", "));
        match &self.target_modules {
            TargetModules::Word(word) => {
                let must = format!("`{ALL_LINEAR}` or a list of some of {known}");
                check(word == ALL_LINEAR, key, &must, &format_args!("`{word}`"));
            }
            TargetModules::Names(names) => {
                let must = format!("a list of some of {known}, or `{ALL_LINEAR}`");
                check(!names.is_empty(), key, &must, &"empty");
                for name in names.iter().filter(|name| !MODULES.contains(&name.as_str())) {
                    check(false, key, &must, &format_args!("`{name}`"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Loader;
    use crate::testing::load;

    #[test]
    fn the_section_may_be_missing_and_what_it_does_not_say_is_as_in_peft() {
        let full = load(&[]).unwrap();
        assert_eq!(full.train.lora, None);
        assert!(!full.to_toml().unwrap().contains("lora"));
        let recipe = load(&["train.lora.rank=4", "train.lora.alpha=16"]).unwrap();
        let lora = recipe.train.lora.as_ref().unwrap();
        assert_eq!((lora.rank, lora.alpha, lora.dropout), (4, 16.0, 0.0));
        assert_eq!(lora.target_modules.names(), ["q_proj", "v_proj"]);
        assert_eq!(Loader::parse("kept", &recipe.to_toml().unwrap()).unwrap(), recipe);
        let all = load(&["train.lora.target_modules=all-linear"]).unwrap();
        assert_eq!(all.train.lora.unwrap().target_modules.names().len(), 7);
        let one = load(&["train.lora.target_modules=[\"down_proj\"]"]).unwrap();
        assert_eq!(one.train.lora.unwrap().target_modules.names(), ["down_proj"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (change, reason) in [
            ("train.lora.rank=0", "train.lora.rank must be 1 to 65536, not 0"),
            ("train.lora.alpha=0", "train.lora.alpha must be above 0, not 0"),
            ("train.lora.dropout=1.0", "train.lora.dropout must be 0 or above and below 1, not 1"),
            ("train.lora.target_modules=q_proj", "must be `all-linear` or a list of some of q_proj, k_proj"),
            ("train.lora.target_modules=[\"lm_head\"]", "or `all-linear`, not `lm_head`"),
            ("train.lora.target_modules=[]", "or `all-linear`, not empty"),
            ("train.lora.target_modules=3", "must be \"all-linear\" or a list of names"),
            ("train.lora.r=8", "a recipe has no `train.lora.r`; [train.lora] has rank, alpha"),
        ] {
            let error = load(&[change]).unwrap_err();
            assert!(error.contains(reason), "{change}: {error}");
        }
    }
}
