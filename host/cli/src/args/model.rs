//! `ts-host model`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;
use ts_model::chat::Date;
use ts_recipe::{Dtype, Override};

use super::values::{at_least_one, date, device, draws, dtype, key_value, threads};

/// What to do with a checkpoint.
#[derive(Subcommand, Debug)]
pub(crate) enum ModelCommand {
    /// Say what a checkpoint is: family, parameters, vocabulary, end of text, template, the memory that a run takes, and what it
    /// would trip over
    Inspect(ModelInspectArgs),
    /// Show prompts as the model sees them: lines with `prompt` or `messages` in, text and tokens out
    Encode(ModelEncodeArgs),
    /// Answer prompts: lines with `tokens`, `prompt` or `messages` in, a line a draw out
    Generate(ModelGenerateArgs),
    /// Score texts: lines with `tokens` in; the log-probability of each token after the first out, in nats
    Score(ModelScoreArgs),
    /// Merge an adapter into the weights of its base: a whole checkpoint, in the base's number format
    Merge {
        /// An adapter's folder, in PEFT's layout
        adapter: PathBuf,
        /// The folder to write, which must not exist
        out: PathBuf,
        /// The base's folder; by default the one that adapter_config.json names
        #[arg(long, value_name = "FOLDER")]
        base: Option<PathBuf>,
    },
    /// Average the weights of two models of one architecture: a whole checkpoint, in the first's number format
    Average {
        /// The first model's folder, or an adapter's; tokenizer and template are taken from here
        first: PathBuf,
        /// The second's
        second: PathBuf,
        /// The share of the first, above 0 and at most 1; the second has the rest
        #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share)]
        weight: f64,
        /// The folder to write, which must not exist
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
}

/// Flags of `model inspect`.
#[derive(Args, Debug)]
pub(crate) struct ModelInspectArgs {
    /// A Hugging Face folder, a name of the hub, org/name@revision, or `embedded`
    pub(crate) folder: PathBuf,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The recipe whose memory is planned: the name of a shipped one or a TOML file
    #[arg(long, default_value = "default")]
    pub(crate) recipe: String,
    /// Any value of the recipe, such as sample.max_batch_rows=16; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Override>,
}

/// A checkpoint and what it is asked with.
#[derive(Args, Debug, Clone)]
pub(crate) struct ModelEncodeArgs {
    /// A Hugging Face folder, a name of the hub, org/name@revision, or `embedded`
    pub(crate) folder: PathBuf,
    /// The input, JSON lines; `-` is standard input
    #[arg(long, default_value = "-", value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// The date that a chat template that asks for one is told, such as 2026-03-07
    #[arg(long, value_parser = date)]
    pub(crate) date: Option<Date>,
    /// A value that the chat template may read, such as enable_thinking=false; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) template: Vec<(String, Value)>,
}

/// A checkpoint, and how to compute with it.
#[derive(Args, Debug, Clone)]
pub(crate) struct OpenedArgs {
    /// What is asked
    #[command(flatten)]
    pub(crate) asked: ModelEncodeArgs,
    /// `cpu` or `cuda:N`
    #[arg(long, default_value = "cpu", value_parser = device)]
    pub(crate) device: String,
    /// Number format to compute in: f32, bf16 or f16
    #[arg(long, default_value = "f32", value_parser = dtype)]
    pub(crate) dtype: Dtype,
    /// Threads; 0 is one a core. Changes no result
    #[arg(long, default_value_t = 0, value_parser = threads)]
    pub(crate) workers: usize,
}

/// Flags of `model generate`.
#[derive(Args, Debug)]
pub(crate) struct ModelGenerateArgs {
    /// The checkpoint
    #[command(flatten)]
    pub(crate) opened: OpenedArgs,
    /// 0 takes the likeliest token
    #[arg(long, default_value_t = 0.0, value_parser = temperature)]
    pub(crate) temperature: f64,
    /// Only the likeliest tokens, as many as have this share of the probability together
    #[arg(long, default_value_t = 1.0, value_parser = share)]
    pub(crate) top_p: f64,
    /// Responses to each prompt
    #[arg(long, default_value_t = 1, value_parser = draws)]
    pub(crate) draws: u32,
    /// Most tokens of a response
    #[arg(long, default_value_t = 256, value_parser = at_least_one)]
    pub(crate) max_new_tokens: usize,
    /// With a prompt's id and a draw's number it decides the draw
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Rows decoded together. Changes no result
    #[arg(long, default_value_t = 64, value_parser = at_least_one)]
    pub(crate) max_batch_rows: usize,
}

/// Flags of `model score`.
#[derive(Args, Debug)]
pub(crate) struct ModelScoreArgs {
    /// The checkpoint
    #[command(flatten)]
    pub(crate) opened: OpenedArgs,
}

fn temperature(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.0..=1000.0).contains(&number) => Ok(number),
        _ => Err("must be a number from 0 to 1000".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && number <= 1.0 => Ok(number),
        _ => Err("must be above 0 and at most 1".to_owned()),
    }
}
