//! An export for verl, which has no DPO in its core: problems for its reinforcement learning, and responses for its SFT.
//!
//! A problem is a conversation, since verl renders prompts itself. A response is never one: verl's own SFT dataset renders messages by
//! the chat template, which drops thoughts, so the export brings a dataset of token ids.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use ts_run::atomic;

use super::base;
use super::readme::Page;
use super::shared::{Lines, retokenised};
use crate::training::examples::for_each_example;
use crate::{Error, Run};
use ts_recipe::SftExamples;

/// The dataset, a class of Python.
const ROWS_PY: &str = include_str!("rows.py");

/// A line of `sft.jsonl`.
#[derive(Serialize)]
struct Imitated<'a> {
    id: &'a str,
    prompt_ids: &'a [u32],
    response_ids: &'a [u32],
}

pub(super) fn write(run: &Run<'_>, folder: &Path) -> Result<Page, Error> {
    let train = &run.recipe.train;
    let mut rl = Lines::create(&folder.join("rl.jsonl"))?;
    let mut n_problems = 0;
    for (index, problem) in run.train.problems()?.enumerate() {
        let problem = problem?;
        n_problems += 1;
        let messages = run.prompt_messages(&problem).into_iter();
        let messages: Vec<Value> = messages.map(|m| json!({"role": m.role, "content": m.content})).collect();
        rl.push(&json!({
            "data_source": "tokensqueeze",
            "prompt": messages,
            "ability": "reasoning",
            "reward_model": {"style": "rule", "ground_truth": problem.reference},
            "extra_info": {"split": "train", "index": index, "id": problem.id},
        }))?;
    }
    rl.finish()?;

    let mut sft = Lines::create(&folder.join("sft.jsonl"))?;
    let (mut n_imitated, mut n_pairs, mut n_weighted, mut n_retokenised, mut longest) = (0_usize, 0, 0, 0, 0);
    let counts = for_each_example(run, false, |item| {
        n_pairs += usize::from(item.rejected.is_some());
        if item.weights.sft == 0.0 {
            return Ok(());
        }
        n_imitated += 1;
        n_weighted += usize::from(item.weights.sft != 1.0);
        n_retokenised += usize::from(item.chosen.retokenised);
        longest = longest.max(item.prompt.len() + item.chosen.tokens.len());
        sft.push(&Imitated { id: &item.record.id, prompt_ids: item.prompt, response_ids: item.chosen.tokens })
    })?;
    sft.finish()?;
    let model = base::place(run, folder)?;
    atomic::write_file(&folder.join("rows.py"), ROWS_PY.as_bytes())?;
    let config = json!({
        "data": {
            "train_files": "sft.jsonl",
            "custom_cls": {"path": "rows.py", "name": "Rows"},
            "max_length": longest,
            "train_batch_size": train.batch_size,
            "micro_batch_size_per_gpu": 1,
        },
        "model": {"path": model},
        "optim": {"lr": train.learning_rate, "betas": [train.adam_beta1, train.adam_beta2], "weight_decay": train.weight_decay,
            "lr_warmup_steps_ratio": train.warmup_share, "clip_grad": train.max_grad_norm},
        "trainer": {"total_epochs": train.epochs.ceil().max(1.0), "default_local_dir": "trained"},
    });
    atomic::write_json(&folder.join("sft.json"), &config)?;

    let mut page = Page {
        written_for: "verl 0.9.1",
        counts: vec![
            format!("{n_problems} problems for reinforcement learning, with their reference answers"),
            format!(
                "{n_imitated} responses to imitate as token ids, of up to {longest} tokens with their prompts"
            ),
        ],
        commands: vec![format!(
            "torchrun --standalone --nproc_per_node=1 -m verl.trainer.sft_trainer $(python rows.py --flags)"
        )],
        same: vec![
            "a response is the token ids that were sampled or refined, and nothing is truncated".to_owned(),
        ],
        files: vec![
            ("rl.jsonl", "a row a problem: data_source, prompt, ability, reward_model, extra_info"),
            ("sft.jsonl", "a row a response to imitate: token ids of its prompt and of itself"),
            ("sft.json", "settings for verl's SFT"),
            (
                "rows.py",
                "sft.jsonl as a dataset for verl's SFT; `python rows.py --flags` prints sft.json as verl takes it",
            ),
        ],
        ..Page::default()
    };
    if counts.n_too_long > 0 {
        let (n, limit) = (counts.n_too_long, train.max_context_tokens);
        page.counts.push(format!("{n} examples are longer than {limit} tokens and left out"));
    }
    page.counts.extend(retokenised(n_retokenised, "of them came"));
    page.differences.push(format!(
        "verl has no DPO in its core: the preferences of {n_pairs} pairs are not carried, and their chosen responses are imitated where \
         the recipe imitates them (train.sft_examples = {})",
        match train.sft_examples {
            SftExamples::Pairs => "pairs",
            SftExamples::Positives => "positives",
        }
    ));
    if n_weighted > 0 {
        page.differences
            .push(format!("{n_weighted} responses have a weight other than 1, which is not carried"));
    }
    page.differences.push(
        "reinforcement learning takes rl.jsonl as data.train_files, with the run's own verifier as its reward: see docs/serve.md"
            .to_owned(),
    );
    if !run.recipe.prompt.template_kwargs.is_empty() || !run.recipe.prompt.date.is_empty() {
        page.differences.push(
            "verl renders the prompts of rl.jsonl itself: give prompt.template_kwargs to data.apply_chat_template_kwargs; a date \
             cannot be given"
                .to_owned(),
        );
    }
    Ok(page)
}
