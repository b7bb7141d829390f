//! What a checkpoint is, as far as its files say without its weights being read.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use ts_model::TextTokenizer;
use ts_model::chat::ChatTemplate;
use ts_model::weights::Weights;

use crate::Error;
use crate::setup::{check_vocabulary, open_folder};

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

/// Reads a folder's configuration, tokenizer, template, and the headers of its weights.
///
/// # Errors
/// What cannot be read or is not supported, by its name.
pub fn inspect(folder: &Path) -> Result<Inspection, Error> {
    let open = open_folder(folder, None)?;
    let folder = open.folder.base();
    let config = open.folder.config()?;
    let weights = Weights::open(folder, &config)?;
    let tokenizer = TextTokenizer::read(open.folder.texts())?;
    let chat = ChatTemplate::read(open.folder.texts())?;
    let adapter = open.folder.adapters(&config)?.map(|(adapter, adapters)| InspectedAdapter {
        base: adapter.base,
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
        notes,
    })
}
