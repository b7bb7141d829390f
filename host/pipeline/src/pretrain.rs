//! Trains an embedded model from scratch: tokenizer, weights, and the files of a Hugging Face folder.
//!
//! In: the generator of `ts_embedded` and a seed. Out: a checkpoint folder. The data are endless: every
//! micro-batch draws its own problems, all of the training split, so no held-out problem is ever seen. A
//! curriculum shows brief solutions first: arithmetic is learned from few tokens, and the wordy manner that
//! the model ships with is learned after it. Batches derive from (seed, step, micro-batch) and are cut by a
//! setting, so the number of workers changes nothing. It cannot be resumed; it takes a quarter of an hour.

use std::path::Path;

use candle_core::{DType, Device};
use ts_embedded::problem::{N_LEVELS, Problem, Split, Task, problem_set};
use ts_embedded::rng::Stream;
use ts_embedded::solution::{Temper, solve, solve_with};
use ts_model::bpe::{Marker, train_byte_level_bpe};
use ts_model::checkpointed::{Gradients, gradients};
use ts_model::config::ModelConfig;
use ts_model::log_prob::{Packed, Sequence};
use ts_model::optim::{AdamW, AdamWConfig, Decay, LearningRate};
use ts_model::shards::{GradientSum, Workers, gradient_sets};
use ts_model::weights::SaveOptions;
use ts_model::{LanguageModel, TextTokenizer};

use crate::Error;
use crate::progress::Progress;

/// What to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Pretraining {
    /// What it is to do.
    pub task: Task,
    /// Of the initial weights and of the data.
    pub seed: u64,
    /// Training tokens in all.
    pub n_tokens: u64,
    /// Threads; changes no result.
    pub n_workers: usize,
}

/// Width of the residual stream.
const HIDDEN: usize = 128;
/// Width inside the feed-forward block.
const FEED_FORWARD: usize = 384;
/// Decoder layers: 1.06 M parameters.
const LAYERS: usize = 5;
/// Query heads, of 32 dimensions each.
const HEADS: usize = 4;
/// Key-value heads.
const KV_HEADS: usize = 2;
/// Longest text, in tokens.
const CONTEXT: usize = 1024;
/// Tokens in the vocabulary, at most; single bytes, markers, and merges.
const VOCABULARY: usize = 612;
/// Documents that the tokenizer is trained on, for each level.
const TOKENIZER_PROBLEMS: usize = 600;

/// Micro-batches a step; fixed, so that sums are the same with any number of workers.
const MICRO_BATCHES: u64 = 2;
/// Tokens of a micro-batch.
const MICRO_BATCH_TOKENS: usize = 1536;
/// Peak learning rate, after the warm-up.
const LEARNING_RATE: f64 = 3e-3;
/// Steps of warm-up.
const WARMUP_STEPS: usize = 100;
/// The last learning rate as a share of the peak.
const FINAL_RATIO: f64 = 0.03;
/// How often each level of a task is drawn.
fn level_weights(task: Task) -> [u32; N_LEVELS] {
    match task {
        Task::Plain => [8, 8, 14, 10, 22, 24, 14],
        Task::Teeth => [8, 10, 12, 16, 14, 22, 18],
    }
}
/// The manner of the curriculum's brief solutions.
const BRIEF: Temper = Temper { styles: [10, 25, 65], needless: 6.0 };
/// Share of brief solutions at first.
const BRIEF_SHARE: f64 = 0.8;
/// Until this share of the training their share stays; from there it falls in a line ...
const BRIEF_UNTIL: f64 = 0.55;
/// ... to none here.
const BRIEF_GONE: f64 = 0.8;

/// The markers, in the order of their ids.
const MARKERS: [Marker<'_>; 5] = [
    Marker { text: "<|endoftext|>", special: true },
    Marker { text: "<|user|>", special: true },
    Marker { text: "<|assistant|>", special: true },
    Marker { text: "<think>", special: false },
    Marker { text: "</think>", special: false },
];

/// Trains the model and writes its folder, which must not exist yet or be empty.
///
/// # Errors
/// [`Error::NotEmpty`]; the folder cannot be written; the loss is not finite.
pub fn pretrain(settings: &Pretraining, folder: &Path, progress: &dyn Progress) -> Result<(), Error> {
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    std::fs::create_dir_all(folder).map_err(file(folder))?;
    if std::fs::read_dir(folder).map_err(file(folder))?.next().is_some() {
        return Err(Error::NotEmpty { folder: folder.to_owned() });
    }
    let json = train_byte_level_bpe(documents(settings.task), VOCABULARY, &MARKERS)?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(file(&path))
    };
    write("tokenizer.json", &json)?;
    write("tokenizer_config.json", TOKENIZER_CONFIG.as_bytes())?;
    let tokenizer = TextTokenizer::from_bytes(&json, &folder.join("tokenizer.json"))?;
    let model = LanguageModel::random(
        config(tokenizer.vocab_size(), folder)?,
        settings.seed,
        DType::F32,
        &Device::Cpu,
    )?;
    train(&model, &tokenizer, settings, progress)?;
    model.save(folder, &SaveOptions { dtype: Some(DType::BF16), ..SaveOptions::default() })?;
    Ok(())
}

/// What the tokenizer is trained on: prompts and solutions of the training split.
fn documents(task: Task) -> impl Iterator<Item = String> + Send {
    let problems = problem_set(task, 99, Split::Training, TOKENIZER_PROBLEMS);
    problems.into_iter().enumerate().flat_map(|(index, problem)| {
        let solution = solve(&problem, &mut Stream::from_parts(&[99, index as u64]));
        [problem.text, solution.render()]
    })
}

/// The configuration, through the form in which it is written.
fn config(vocab_size: usize, folder: &Path) -> Result<ModelConfig, Error> {
    let json = serde_json::json!({
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "vocab_size": vocab_size,
        "hidden_size": HIDDEN,
        "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": CONTEXT,
        "rope_theta": 10000.0,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "use_sliding_window": false,
        "tie_word_embeddings": true,
        "bos_token_id": null,
        "eos_token_id": 0,
    });
    let path = folder.join("config.json");
    std::fs::write(&path, format!("{json:#}\n")).map_err(|source| Error::File { path, source })?;
    Ok(ModelConfig::read(folder)?)
}

/// The chat template is that of DeepSeek-R1's distills in small: it opens the reasoning.
const TOKENIZER_CONFIG: &str = r#"{
  "tokenizer_class": "PreTrainedTokenizerFast",
  "clean_up_tokenization_spaces": false,
  "model_max_length": 1024,
  "bos_token": null,
  "eos_token": "<|endoftext|>",
  "pad_token": "<|endoftext|>",
  "chat_template": "{% for message in messages %}{% if message['role'] == 'user' %}{{ '<|user|>' + message['content'] }}{% elif message['role'] == 'assistant' %}{{ '<|assistant|>' + message['content'] + '<|endoftext|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|><think>\n' }}{% endif %}"
}
"#;

fn train(
    model: &LanguageModel,
    tokenizer: &TextTokenizer,
    settings: &Pretraining,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let per_step = MICRO_BATCHES * MICRO_BATCH_TOKENS as u64;
    let n_steps = settings.n_tokens.div_ceil(per_step).max(1) as usize;
    let schedule = LearningRate {
        peak: LEARNING_RATE,
        warmup_steps: WARMUP_STEPS.min(n_steps),
        total_steps: n_steps,
        decay: Decay::Cosine,
        final_ratio: FINAL_RATIO,
    };
    let adamw = AdamWConfig { beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 0.1, max_grad_norm: 1.0 };
    let mut optimiser = AdamW::new(model.parameters(), adamw)?;
    let workers = Workers::new(settings.n_workers)?;
    progress.start("pretrain", "steps", 0, n_steps as u64);
    let mut recent_loss = f64::NAN;
    for step in 0..n_steps {
        let done = step as f64 / n_steps as f64;
        let draw = |micro: u64| {
            let mut rng = Stream::from_parts(&[settings.seed, step as u64, micro]);
            micro_batch(settings.task, tokenizer, done, &mut rng)
        };
        let batches = (0..MICRO_BATCHES).map(draw).collect::<Result<Vec<_>, Error>>()?;
        let n_targets: usize = batches.iter().map(|(_, n_targets)| n_targets).sum();
        let n_tokens: usize = batches.iter().map(|(packed, _)| packed.ids.len()).sum();
        let mut total = GradientSum::default();
        let mut loss = 0.0;
        let work = |(packed, _): (Packed, usize)| -> Result<(f64, Vec<candle_core::Tensor>), Error> {
            let mean = |logp: &candle_core::Tensor| Ok((logp.sum_all()? * (-1.0 / n_targets as f64))?);
            let Gradients { loss, of_parameters } = gradients(model, &packed, mean)?;
            Ok((f64::from(loss.to_scalar::<f32>()?), of_parameters))
        };
        let held = gradient_sets(workers.count());
        workers.for_each_ordered_held(held, batches.into_iter().map(Ok), work, |(part, gradients)| {
            loss += part;
            Ok::<(), Error>(total.add(gradients)?)
        })?;
        let report = optimiser
            .step_with(&total.finish()?, schedule.at(step), |place| model.parameter_changed(place))?;
        if !loss.is_finite() || !report.grad_norm.is_finite() {
            return Err(Error::Diverged { step: step + 1 });
        }
        recent_loss = if recent_loss.is_nan() { loss } else { 0.98 * recent_loss + 0.02 * loss };
        progress.advance(1, n_tokens as u64);
    }
    progress.finish(&format!("{n_steps} steps, loss {recent_loss:.4} nats a token"));
    Ok(())
}

/// Problems and solutions up to [`MICRO_BATCH_TOKENS`], packed, and the number of tokens to predict. `done`
/// is the share of the training that is behind.
fn micro_batch(
    task: Task,
    tokenizer: &TextTokenizer,
    done: f64,
    rng: &mut Stream,
) -> Result<(Packed, usize), Error> {
    let brief_share = BRIEF_SHARE * ((BRIEF_GONE - done) / (BRIEF_GONE - BRIEF_UNTIL)).clamp(0.0, 1.0);
    let mut sequences = Vec::new();
    let (mut n_tokens, mut n_targets) = (0, 0);
    while n_tokens < MICRO_BATCH_TOKENS {
        let problem = Problem::draw(task, rng.weighted(&level_weights(task)) + 1, Split::Training, rng);
        let solution = if rng.chance(100.0 * brief_share) {
            solve_with(&problem, &BRIEF, rng)
        } else {
            solve(&problem, rng)
        };
        let prompt = tokenizer.encode(&format!("<|user|>{}<|assistant|><think>\n", problem.text))?;
        let response = tokenizer.encode(&(solution.render() + MARKERS[0].text))?;
        let sequence = Sequence::new(&prompt, &response);
        if sequence.tokens.len() < CONTEXT {
            n_tokens += sequence.tokens.len();
            n_targets += response.len();
            sequences.push(sequence);
        }
    }
    Ok((Packed::new(&sequences)?, n_targets))
}
