//! An export for Axolotl: pairs as texts, which it hands to TRL's `DPOTrainer` as they are.

use std::fmt::Write;
use std::path::Path;

use ts_run::atomic;

use super::base;
use super::readme::Page;
use super::shared::{float, scheduler, sft_beside_dpo, warmup_steps, yaml};
use super::text_rows::{self, Tokenised};
use crate::training::training_set::Plan;
use crate::{Error, Run};
use ts_recipe::Dtype;

pub(super) fn write(run: &Run<'_>, folder: &Path) -> Result<Page, Error> {
    let (train, seed) = (&run.recipe.train, run.recipe.run.seed);
    sft_beside_dpo(train, "Axolotl's DPO")?;
    let count = text_rows::write(run, &folder.join("train.jsonl"), Tokenised::Together)?;
    let model = base::place(run, folder)?;
    let n_steps = Plan::new(count.n_pairs, train, seed).n_steps;

    let mut config = String::new();
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        // Writing to a String cannot fail.
        let _ = writeln!(config, "{key}: {value}");
    };
    line("base_model", &yaml(&model));
    line("rl", &"dpo");
    line("rl_beta", &train.beta);
    line("dpo_loss_type", &"[sigmoid, sft]");
    line("dpo_loss_weights", &format_args!("[{}, {}]", train.dpo_weight, 1.0 - train.dpo_weight));
    line(
        "datasets",
        &"\n  - path: train.jsonl\n    ds_type: json\n    split: train\n    type: passthrough.default",
    );
    line("sequence_len", &(count.longest + 1));
    line("excess_length_strategy", &"raise");
    line("sample_packing", &false);
    line("micro_batch_size", &1);
    line("gradient_accumulation_steps", &train.batch_size);
    line("max_steps", &n_steps);
    line("num_epochs", &train.epochs.ceil());
    line("optimizer", &"adamw_torch");
    line("learning_rate", &float(train.learning_rate));
    line("lr_scheduler", &scheduler(train.schedule));
    line("warmup_steps", &warmup_steps(train, n_steps));
    line("adam_beta1", &train.adam_beta1);
    line("adam_beta2", &train.adam_beta2);
    line("adam_epsilon", &float(train.adam_eps));
    line("weight_decay", &train.weight_decay);
    line("max_grad_norm", &train.max_grad_norm);
    line("gradient_checkpointing", &train.activation_checkpointing);
    line("bf16", &(run.recipe.model.dtype == Dtype::Bf16));
    line("fp16", &(run.recipe.model.dtype == Dtype::F16));
    line("tf32", &false);
    if let Some(lora) = &train.lora {
        line("adapter", &"lora");
        line("lora_r", &lora.rank);
        line("lora_alpha", &lora.alpha.round());
        line("lora_dropout", &lora.dropout);
        line("lora_target_modules", &format_args!("[{}]", lora.target_modules.names().join(", ")));
    }
    line("seed", &(seed % (1 << 32)));
    line("output_dir", &"trained");
    line("logging_steps", &1);
    line("save_strategy", &"\"no\""); // YAML 1.1 reads no as false
    atomic::write_file(&folder.join("train.yaml"), config.as_bytes())?;

    let mut page = Page {
        written_for: "Axolotl 0.19.0",
        trained: "trained",
        commands: vec!["axolotl train train.yaml".to_owned()],
        counts: count.lines(train.max_context_tokens),
        same: vec![
            format!("DPO with beta {} and weight eta {}, SFT with weight 1 - eta", train.beta, train.dpo_weight),
            "a micro-batch is one row, so that SFT is averaged over responses".to_owned(),
            "a row that were longer than sequence_len would be an error: nothing is truncated or dropped".to_owned(),
            "a beginning-of-text token that the prompt and the tokenizer both write is written once: Axolotl removes the second"
                .to_owned(),
        ],
        differences: count.differences(train.lambda),
        files: vec![("train.jsonl", "a row a pair: prompt, chosen, rejected"), ("train.yaml", "the recipe's [train]")],

    };
    page.differences.extend(count.ended());
    page.differences.push(
        "rows come in Axolotl's own order, and its warm-up begins with a learning rate of 0; with several processes divide \
         gradient_accumulation_steps by their number"
            .to_owned(),
    );
    if train.lora.is_some() {
        page.differences
            .push("adapters begin from PEFT's random numbers, and lora_alpha is a whole number".to_owned());
    }
    Ok(page)
}
