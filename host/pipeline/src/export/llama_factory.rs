//! An export for LLaMA-Factory: pairs as texts under its template `empty`, which adds nothing to them.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;
use ts_run::atomic;

use super::base;
use super::readme::Page;
use super::shared::{dtype, float, scheduler, sft_beside_dpo, warmup_steps, yaml};
use super::text_rows::{self, Tokenised};
use crate::training::training_set::Plan;
use crate::{Error, Run};
use ts_recipe::Dtype;

pub(super) fn write(run: &Run<'_>, folder: &Path) -> Result<Page, Error> {
    let (train, seed) = (&run.recipe.train, run.recipe.run.seed);
    let sft = sft_beside_dpo(train, "LLaMA-Factory's DPO")?;
    let count = text_rows::write(run, &folder.join("train.jsonl"), Tokenised::Apart)?;
    let columns = json!({"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"});
    let info = json!({"tokensqueeze": {"file_name": "train.jsonl", "ranking": true, "columns": columns}});
    atomic::write_json(&folder.join("dataset_info.json"), &info)?;
    let model = base::place(run, folder)?;
    let n_steps = Plan::new(count.n_pairs, train, seed).n_steps;

    let mut config = String::new();
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        // Writing to a String cannot fail.
        let _ = writeln!(config, "{key}: {value}");
    };
    line("model_name_or_path", &yaml(&model));
    line("stage", &"dpo");
    line("do_train", &true);
    line("finetuning_type", &if train.lora.is_some() { "lora" } else { "full" });
    if let Some(lora) = &train.lora {
        line("lora_rank", &lora.rank);
        line("lora_alpha", &lora.alpha.round());
        line("lora_target", &lora.target_modules.names().join(","));
        line("lora_dropout", &lora.dropout);
    }
    line("pref_loss", &"sigmoid");
    line("pref_beta", &train.beta);
    line("pref_ftx", &sft);
    line("dataset_dir", &".");
    line("dataset", &"tokensqueeze");
    line("template", &"empty");
    line("cutoff_len", &(count.longest + 1));
    line("per_device_train_batch_size", &1);
    line("gradient_accumulation_steps", &train.batch_size);
    line("max_steps", &n_steps);
    line("learning_rate", &float(train.learning_rate));
    line("lr_scheduler_type", &scheduler(train.schedule));
    line("warmup_steps", &warmup_steps(train, n_steps));
    line("adam_beta1", &train.adam_beta1);
    line("adam_beta2", &train.adam_beta2);
    line("adam_epsilon", &float(train.adam_eps));
    line("weight_decay", &train.weight_decay);
    line("max_grad_norm", &(train.max_grad_norm / train.dpo_weight));
    line("disable_gradient_checkpointing", &!train.activation_checkpointing);
    line("bf16", &(run.recipe.model.dtype == Dtype::Bf16));
    line("fp16", &(run.recipe.model.dtype == Dtype::F16));
    line("infer_dtype", &dtype(run.recipe.model.dtype));
    line("seed", &(seed % (1 << 32)));
    line("output_dir", &"trained");
    line("logging_steps", &1);
    line("save_strategy", &"\"no\""); // YAML 1.1 reads no as false
    line("report_to", &"none");
    atomic::write_file(&folder.join("train.yaml"), config.as_bytes())?;

    let mut page = Page {
        written_for: "LLaMA-Factory 0.9.5",
        trained: "trained",
        commands: vec!["llamafactory-cli train train.yaml".to_owned()],
        counts: count.lines(train.max_context_tokens),
        same: vec![
            format!(
                "DPO with beta {}, and SFT beside it with pref_ftx = (1 - eta) / eta = {sft}, a mean over responses; the loss is the \
                 recipe's divided by eta, and so max_grad_norm is too",
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
    page.differences.push(
        "rows come in LLaMA-Factory's own order, and its warm-up begins with a learning rate of 0; with several processes divide \
         gradient_accumulation_steps by their number"
            .to_owned(),
    );
    if train.lora.is_some() {
        page.differences
            .push("adapters begin from PEFT's random numbers, and lora_alpha is a whole number".to_owned());
    }
    Ok(page)
}
