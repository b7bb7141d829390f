//! What a checkpoint is, as far as its files say without its weights being read.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use ts_model::chat::ChatTemplate;
use ts_model::memory::Plan;
use ts_model::weights::Weights;
use ts_model::{ModelConfig, TextTokenizer};
use ts_recipe::Recipe;

use crate::Error;
use crate::memory::{Demand, Shape};
use crate::setup::{check_vocabulary, longest_prompt, open_folder};
use crate::stage::Stage;

/// The delimiters of reasoning that models have, to be looked for.
const DELIMITERS: [&str; 4] = ["<think>", "</think>", "<|im_start|>", "<|im_end|>"];

/// What a checkpoint is.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// The architecture, by its name in `config.json`.
    pub architecture: String,
    /// How many numbers its tensors hold.
    pub parameters: u64,
    /// Bytes of the tensors as they are stored.
    pub bytes: u64,
    /// The formats in which they are stored, and how many numbers each has.
    pub dtypes: BTreeMap<String, u64>,
    /// Decoder layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Query heads, key and value heads, and the width of one.
    pub heads: [usize; 3],
    /// Positions that the model was made for.
    pub context: usize,
    /// Whether the output head is the embedding.
    pub tied: bool,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Ids that the tokenizer has; the embedding's other rows are padding.
    pub tokenizer_ids: usize,
    /// The tokens that end a response, with their texts.
    pub end_of_text: Vec<(u32, String)>,
    /// Delimiters that are one token, with their ids.
    pub delimiters: BTreeMap<String, u32>,
    /// Whether the checkpoint has a chat template of its own.
    pub has_chat_template: bool,
    /// Bytes of keys and values of one token, at two bytes a number.
    pub cache_bytes_per_token: usize,
    /// The adapter to these weights, if the folder is one's.
    pub adapter: Option<InspectedAdapter>,
    /// Memory that a run with the recipe takes; none if its prompts cannot be made.
    pub memory: Option<Memory>,
    /// What a run would trip over, a sentence each.
    pub notes: Vec<String>,
}

/// What an adapter is.
#[derive(Debug, Serialize)]
pub struct InspectedAdapter {
    /// The base, as the adapter names it.
    pub base: String,
    /// Rows of an adapter's first matrix.
    pub rank: usize,
    /// What its product is multiplied by.
    pub scaling: f64,
    /// How many projections have one.
    pub n_adapted: usize,
    /// How many numbers its matrices hold.
    pub parameters: usize,
}

/// Memory that the stages of a run take, if every response is as long as it may be.
#[derive(Debug, Serialize)]
pub struct Memory {
    /// The recipe's name.
    pub recipe: String,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// Workers, as many as the recipe means on this machine.
    pub workers: usize,
    /// Tokens of the longest prompt of the recipe's problems.
    pub prompt_tokens: usize,
    /// Tokens of the longest step that refining is planned with.
    pub step_tokens: usize,
    /// Rank of the adapters that training with adapters is planned with.
    pub adapter_rank: usize,
    /// The projections that they are on.
    pub adapter_modules: Vec<String>,
    /// Stage 1.
    pub sampling: Planned,
    /// Stage 2.
    pub refining: Planned,
    /// Stage 3, of all weights.
    pub training: Planned,
    /// Stage 3, of low-rank adapters (LoRA).
    pub training_adapters: Planned,
}

/// What one stage takes, in bytes.
#[derive(Debug, Serialize)]
pub struct Planned {
    /// In all.
    pub bytes: u64,
    /// By what it is for.
    pub parts: BTreeMap<&'static str, u64>,
    /// For people.
    #[serde(skip)]
    pub text: String,
}

impl From<Plan> for Planned {
    fn from(plan: Plan) -> Self {
        let parts = plan.parts().iter().map(|(part, bytes)| (part.name(), *bytes)).collect();
        Self { bytes: plan.total(), parts, text: plan.to_string() }
    }
}

/// Longest step to plan refining with: steps are known once there are responses.
const STEP_TOKENS: usize = 256;

fn memory(config: &ModelConfig, recipe: &Recipe, prompt: usize) -> Memory {
    let on_cpu = recipe.model.device == "cpu";
    let shape = Shape { config, on_cpu };
    // As many problems as keep every worker busy.
    let many = 1 << 20;
    let response = recipe.sample.max_new_tokens;
    let text = prompt.saturating_add(response);
    let step_tokens = STEP_TOKENS.min(response);
    let rewrites = Demand::Rewrites { positives: many, prompt, text, step: step_tokens };
    let example = Demand::Examples { text, example: text.saturating_mul(2) }.under(recipe);
    // The recipe's, or PEFT's where it says nothing of them.
    let lora = recipe.train.lora.clone().unwrap_or_default();
    let modules = lora.target_modules.names();
    let mut full = recipe.clone();
    full.train.lora = None;
    Memory {
        recipe: recipe.run.name.clone(),
        device: recipe.model.device.clone(),
        workers: if on_cpu { recipe.run.n_workers() } else { 1 },
        prompt_tokens: prompt,
        step_tokens,
        adapter_rank: lora.rank,
        adapter_modules: modules.iter().map(|&name| name.to_owned()).collect(),
        sampling: shape.plan(recipe, Stage::Sample, &Demand::Draws { problems: many, prompt }).into(),
        refining: shape.plan(recipe, Stage::Refine, &rewrites).into(),
        training: shape.plan(&full, Stage::Train, &example).into(),
        training_adapters: shape.with_adapters(recipe, &example, lora.rank, &modules).into(),
    }
}

/// Reads a folder's configuration, tokenizer, template, and the headers of its weights; `recipe` is what memory is planned for.
///
/// # Errors
/// What cannot be read or is not supported, by its name.
pub fn inspect(folder: &Path, recipe: &Recipe) -> Result<Inspection, Error> {
    let open = open_folder(folder, None)?;
    let folder = open.folder.base();
    let config = open.folder.config()?;
    let weights = Weights::open(folder, &config)?;
    let tokenizer = TextTokenizer::read(open.folder.texts())?;
    let chat = ChatTemplate::read(open.folder.texts())?;
    let adapter = open.folder.adapters(&config)?.map(|(adapter, adapters)| InspectedAdapter {
        base: adapter.base.to_string(),
        rank: adapter.rank,
        scaling: adapters.scaling,
        n_adapted: adapters.pairs.len(),
        parameters: adapters.n_values(),
    });
    let text = |id: u32| {
        let bytes = tokenizer.token_bytes(id).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let mut notes = Vec::new();
    if let Err(error) = check_vocabulary(folder, &config, &tokenizer) {
        let hint = error.hint().map(|hint| format!(": {hint}")).unwrap_or_default();
        notes.push(format!("{error}{hint}"));
    }
    if chat.is_plain() {
        notes.push("no chat template: messages follow each other with a blank line between them".into());
    }
    if tokenizer.token_id("</think>").is_none() {
        notes.push(
            "`</think>` is no token: set the recipe's prompt.reasoning_end to the text that ends the reasoning".into(),
        );
    }
    let memory = match longest_prompt(open.folder.texts(), recipe, &tokenizer) {
        Ok(prompt) => Some(memory(&config, recipe, prompt)),
        Err(error) => {
            notes.push(format!("memory is not known without prompts: {error}"));
            None
        }
    };
    Ok(Inspection {
        architecture: config.family.architecture().to_owned(),
        parameters: weights.n_values(),
        bytes: weights.n_bytes(),
        dtypes: weights.stored_dtypes().into_iter().map(|(name, n)| (name.to_owned(), n)).collect(),
        layers: config.num_hidden_layers,
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        heads: [config.num_attention_heads, config.num_key_value_heads, config.head_dim],
        context: config.max_position_embeddings,
        tied: config.tie_word_embeddings,
        vocab_size: config.vocab_size,
        tokenizer_ids: tokenizer.vocab_size(),
        end_of_text: config.eos_token_ids.iter().map(|&id| (id, text(id))).collect(),
        delimiters: DELIMITERS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), tokenizer.token_id(name)?)))
            .collect(),
        has_chat_template: !chat.is_plain(),
        cache_bytes_per_token: 2
            * 2
            * config.num_hidden_layers
            * config.num_key_value_heads
            * config.head_dim,
        adapter,
        memory,
        notes,
    })
}
