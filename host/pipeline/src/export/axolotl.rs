//! An export for Axolotl: pairs as texts, which it hands to TRL's `DPOTrainer` as they are.

use std::path::Path;

use super::base;
use super::readme::Page;
use super::shared::{Yaml, float, own_order, scheduler, sft_beside_dpo, warmup_steps, yaml};
use super::text_rows::{self, Tokenised};
use crate::training::training_set::Plan;
use crate::{Error, Run};

pub(super) fn write(run: &Run<'_>, folder: &Path) -> Result<Page, Error> {
    let (train, seed) = (&run.recipe.train, run.recipe.run.seed);
    sft_beside_dpo(train, "Axolotl's DPO")?;
    let count = text_rows::write(run, &folder.join("train.jsonl"), Tokenised::Together)?;
    let model = base::place(run, folder)?;
    let n_steps = Plan::new(count.n_pairs, train, seed).n_steps;

    let mut config = Yaml::default();
    config.line("base_model", &yaml(&model));
    config.line("rl", &"dpo");
    config.line("rl_beta", &train.beta);
    config.line("dpo_loss_type", &"[sigmoid, sft]");
    config.line("dpo_loss_weights", &format_args!("[{}, {}]", train.dpo_weight, 1.0 - train.dpo_weight));
    config.line(
        "datasets",
        &"\n  - path: train.jsonl\n    ds_type: json\n    split: train\n    type: passthrough.default",
    );
    config.line("sequence_len", &(count.longest + 1));
    config.line("excess_length_strategy", &"raise");
    config.line("sample_packing", &false);
    config.line("micro_batch_size", &1);
    config.line("gradient_accumulation_steps", &train.batch_size);
    config.line("max_steps", &n_steps);
    config.line("num_epochs", &train.epochs.ceil());
    config.line("optimizer", &"adamw_torch");
    config.line("learning_rate", &float(train.learning_rate));
    config.line("lr_scheduler", &scheduler(train.schedule));
    config.line("warmup_steps", &warmup_steps(train, n_steps));
    config.adam(train, 1.0);
    config.line("max_grad_norm", &train.max_grad_norm);
    config.line("gradient_checkpointing", &train.activation_checkpointing);
    config.half_precision(run.recipe.model.dtype);
    config.line("tf32", &false);
    if let Some(lora) = &train.lora {
        config.line("adapter", &"lora");
        config.line("lora_r", &lora.rank);
        config.line("lora_alpha", &lora.alpha.round());
        config.line("lora_dropout", &lora.dropout);
        config.line("lora_target_modules", &format_args!("[{}]", lora.target_modules.names().join(", ")));
    }
    config.output(seed);
    config.write(&folder.join("train.yaml"))?;

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
    if warmup_steps(train, n_steps) == 1 {
        page.differences.push("Axolotl makes two steps of a warm-up of one".to_owned());
    }
    page.differences.extend(own_order("Axolotl", train.lora.is_some()));
    Ok(page)
}
