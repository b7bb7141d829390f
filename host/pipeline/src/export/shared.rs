//! What several exports say alike: the plan of the training, numbers in configurations, names of examples.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use ts_run::atomic;

use crate::Error;
use ts_recipe::{Dtype, Schedule, TrainSection};

/// Most names that a message lists.
const MAX_NAMES: usize = 5;

/// Things to be named in a message: the first few, and how many.
#[derive(Debug, Default)]
pub(super) struct Names {
    first: Vec<String>,
    pub(super) count: usize,
}

impl Names {
    pub(super) fn push(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < MAX_NAMES {
            self.first.push(name.to_owned());
        }
    }

    /// The names, as a list in brackets.
    pub(super) fn list(&self) -> String {
        let more = if self.count > self.first.len() { ", …" } else { "" };
        format!("({}{more})", self.first.join(", "))
    }
}

/// A file of JSON lines.
pub(super) struct Lines {
    out: BufWriter<File>,
    path: PathBuf,
}

impl Lines {
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let file = File::options().write(true).create_new(true).open(path);
        let file = file.map_err(|source| Error::File { path: path.to_owned(), source })?;
        Ok(Self { out: BufWriter::new(file), path: path.to_owned() })
    }

    pub(super) fn push<T: Serialize>(&mut self, row: &T) -> Result<(), Error> {
        let write = || -> std::io::Result<()> {
            serde_json::to_writer(&mut self.out, row)?;
            self.out.write_all(b"\n")
        };
        let mut write = write;
        write().map_err(|source| Error::File { path: self.path.clone(), source })
    }

    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.out.flush().map_err(|source| Error::File { path: self.path.clone(), source })
    }
}

/// The name of a schedule in transformers.
pub(super) fn scheduler(schedule: Schedule) -> &'static str {
    match schedule {
        Schedule::Constant => "constant_with_warmup",
        Schedule::Linear => "linear",
        Schedule::Cosine => "cosine",
    }
}

/// The name of a number format in transformers and PyTorch.
pub(super) fn dtype(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F32 => "float32",
        Dtype::Bf16 => "bfloat16",
        Dtype::F16 => "float16",
    }
}

/// (1 − eta) / eta, the weight of SFT beside a preference term whose weight is 1.
///
/// # Errors
/// [`Error::Export`] where eta is 0: there is nothing to prefer.
pub(super) fn sft_beside_dpo(train: &TrainSection, trainer: &str) -> Result<f64, Error> {
    if train.dpo_weight <= 0.0 {
        let reason = format!("{trainer} is given preferences, and train.dpo_weight is 0");
        return Err(Error::Export { what: "the recipe trains by SFT alone".to_owned(), reason });
    }
    Ok((1.0 - train.dpo_weight) / train.dpo_weight)
}

/// Optimiser steps over which the learning rate rises.
pub(super) fn warmup_steps(train: &TrainSection, n_steps: usize) -> usize {
    (train.warmup_share * n_steps as f64).ceil() as usize
}

/// A configuration in YAML, a key a line.
#[derive(Default)]
pub(super) struct Yaml(String);

impl Yaml {
    pub(super) fn line(&mut self, key: &str, value: &dyn Display) {
        self.0 += &format!("{key}: {value}\n");
    }

    /// The optimiser but for its learning rate, under the names of transformers. A trainer whose loss is the recipe's divided by
    /// `divisor` takes the same steps with an epsilon that is divided too.
    pub(super) fn adam(&mut self, train: &TrainSection, divisor: f64) {
        self.line("adam_beta1", &train.adam_beta1);
        self.line("adam_beta2", &train.adam_beta2);
        self.line("adam_epsilon", &float(train.adam_eps / divisor));
        self.line("weight_decay", &train.weight_decay);
    }

    /// Whether it trains in half precision, under the names of transformers.
    pub(super) fn half_precision(&mut self, dtype: Dtype) {
        self.line("bf16", &(dtype == Dtype::Bf16));
        self.line("fp16", &(dtype == Dtype::F16));
    }

    /// The seed, and what is written where.
    pub(super) fn output(&mut self, seed: u64) {
        self.line("seed", &seed_of_32_bits(seed));
        self.line("output_dir", &"trained");
        self.line("logging_steps", &1);
        self.line("save_strategy", &"\"no\""); // YAML 1.1 reads no as false
    }

    pub(super) fn write(self, path: &Path) -> Result<(), Error> {
        Ok(atomic::write_file(path, self.0.as_bytes())?)
    }
}

/// A run's seed as trainers take one.
pub(super) fn seed_of_32_bits(seed: u64) -> u64 {
    seed % (1 << 32)
}

/// That responses came as text alone, if any did. `what` they are: `pairs have a response that came`.
pub(super) fn retokenised(count: usize, what: &str) -> Option<String> {
    (count > 0).then(|| {
        format!("{count} {what} as text alone, tokenised here: the tokens may be others than were drawn")
    })
}

/// What is otherwise with rows and warm-up where transformers' own trainer goes over them, and with adapters.
pub(super) fn own_order(trainer: &str, has_lora: bool) -> Vec<String> {
    let mut lines = vec![format!(
        "rows come in {trainer}'s own order, and its warm-up begins with a learning rate of 0; with several processes divide \
         gradient_accumulation_steps by their number"
    )];
    lines.extend(has_lora.then(|| whole_alpha("lora_alpha")));
    lines
}

/// What is otherwise with adapters, of which the trainer calls alpha so.
pub(super) fn whole_alpha(key: &str) -> String {
    format!("adapters begin from PEFT's random numbers, and {key} is a whole number")
}

/// A text as a scalar of YAML, which takes JSON's.
pub(super) fn yaml(text: &str) -> String {
    ts_text::json(&serde_json::Value::from(text).to_string()).into_owned()
}

/// A number that YAML 1.1 takes for one: it reads `1e-8` as a text.
pub(super) fn float(value: f64) -> String {
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_names_and_how_many() {
        let mut names = Names::default();
        names.push("a/0>1");
        assert_eq!((names.list().as_str(), names.count), ("(a/0>1)", 1));
        (0..6).for_each(|n| names.push(&n.to_string()));
        assert_eq!((names.list().as_str(), names.count), ("(a/0>1, 0, 1, 2, 3, …)", 7));
    }

    #[test]
    fn numbers_that_yaml_reads_as_numbers() {
        assert_eq!([1e-8, 4e-5, 1.5e-6, 2.0].map(float), ["1.0e-8", "4.0e-5", "1.5e-6", "2.0e0"]);
    }

    #[test]
    fn what_is_written_into_yaml_is_a_text() {
        assert_eq!(yaml("a: b #\n\u{202e}"), r#""a: b #\n\u202e""#);
    }
}
