//! An export for LLaMA-Factory: pairs as texts under its template `empty`, which adds nothing to them.

use std::path::Path;

use serde_json::json;
use ts_run::atomic;

use super::base;
use super::readme::Page;
use super::shared::{Yaml, dtype, float, own_order, scheduler, sft_beside_dpo, warmup_steps, yaml};
use super::text_rows::{self, Tokenised};
use crate::training::training_set::Plan;
use crate::{Error, Run};

pub(super) fn write(run: &Run<'_>, folder: &Path) -> Result<Page, Error> {
    let (train, seed) = (&run.recipe.train, run.recipe.run.seed);
    let sft = sft_beside_dpo(train, "LLaMA-Factory's DPO")?;
    let count = text_rows::write(run, &folder.join("train.jsonl"), Tokenised::Apart)?;
    let columns = json!({"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"});
    let info = json!({"tokensqueeze": {"file_name": "train.jsonl", "ranking": true, "columns": columns}});
    atomic::write_json(&folder.join("dataset_info.json"), &info)?;
    let model = base::place(run, folder)?;
    let n_steps = Plan::new(count.n_pairs, train, seed).n_steps;

    let mut config = Yaml::default();
    config.line("model_name_or_path", &yaml(&model));
    config.line("stage", &"dpo");
    config.line("do_train", &true);
    config.line("finetuning_type", &if train.lora.is_some() { "lora" } else { "full" });
    if let Some(lora) = &train.lora {
        config.line("lora_rank", &lora.rank);
        config.line("lora_alpha", &lora.alpha.round());
        config.line("lora_target", &lora.target_modules.names().join(","));
        config.line("lora_dropout", &lora.dropout);
    }
    config.line("pref_loss", &"sigmoid");
    config.line("pref_beta", &train.beta);
    config.line("pref_ftx", &sft);
    config.line("dataset_dir", &".");
    config.line("dataset", &"tokensqueeze");
    config.line("template", &"empty");
    config.line("cutoff_len", &(count.longest + 1));
    config.line("per_device_train_batch_size", &1);
    config.line("gradient_accumulation_steps", &train.batch_size);
    config.line("max_steps", &n_steps);
    config.line("learning_rate", &float(train.learning_rate));
    config.line("lr_scheduler_type", &scheduler(train.schedule));
    config.line("warmup_steps", &warmup_steps(train, n_steps));
    config.adam(train, train.dpo_weight);
    config.line("max_grad_norm", &(train.max_grad_norm / train.dpo_weight));
    config.line("disable_gradient_checkpointing", &!train.activation_checkpointing);
    config.half_precision(run.recipe.model.dtype);
    config.line("infer_dtype", &dtype(run.recipe.model.dtype));
    config.output(seed);
    config.line("report_to", &"none");
    config.write(&folder.join("train.yaml"))?;

    let mut page = Page {
        written_for: "LLaMA-Factory 0.9.5",
        trained: "trained",
        commands: vec!["llamafactory-cli train train.yaml".to_owned()],
        counts: count.lines(train.max_context_tokens),
        same: vec![
            format!(
                "DPO with beta {}, and SFT beside it with pref_ftx = (1 - eta) / eta = {sft}, a mean over responses; the loss is the \
                 recipe's divided by eta, and so max_grad_norm and adam_epsilon are too",
                train.beta
            ),
            "the template `empty` adds nothing: the prompt is rendered as the run rendered it, the responses end where they ended"
                .to_owned(),
            "cutoff_len is longer than the longest row: nothing is truncated".to_owned(),
        ],
        differences: count.differences(train.lambda),
        files: vec![
            ("train.jsonl", "a row a pair: prompt, chosen, rejected"),
            ("dataset_info.json", "what LLaMA-Factory needs to know of it"),
            ("train.yaml", "the recipe's [train]"),
        ],

    };
    if train.lora.is_none() {
        page.differences.push(
            "LLaMA-Factory computes its reference in the number format that the checkpoint's config.json names, whatever the other model \
             trains in: where these differ, the preference begins beside ln 2"
                .to_owned(),
        );
    }
    page.differences.push(
        "transformers 5.2 to 5.4 divide LLaMA-Factory's gradients by gradient_accumulation_steps twice; 5.6 does not".to_owned(),
    );
    page.differences.extend(own_order("LLaMA-Factory", train.lora.is_some()));
    Ok(page)
}
