//! An export for OpenRLHF: pairs as texts, and a shell script with the flags of its DPO.

use std::fmt::{Display, Write};
use std::path::Path;

use ts_run::atomic;

use super::base;
use super::readme::Page;
use super::shared::{scheduler, seed_of_32_bits, sft_beside_dpo, whole_alpha};
use super::text_rows::{self, Tokenised};
use crate::{Error, Run};
use ts_recipe::Dtype;

pub(super) fn write(run: &Run<'_>, folder: &Path) -> Result<Page, Error> {
    let (train, seed) = (&run.recipe.train, run.recipe.run.seed);
    let sft = sft_beside_dpo(train, "OpenRLHF's DPO")?;
    let count = text_rows::write(run, &folder.join("train.jsonl"), Tokenised::Together)?;
    if count.n_pairs < train.batch_size {
        let reason = format!(
            "OpenRLHF takes no rows that are fewer than a step: train.batch_size is {}",
            train.batch_size
        );
        return Err(Error::Export { what: format!("there are {} pairs", count.n_pairs), reason });
    }
    let model = base::place(run, folder)?;
    let epochs = match train.steps {
        0 => train.epochs,
        steps => (steps * train.batch_size) as f64 / count.n_pairs as f64,
    };

    let mut script =
        "#!/bin/sh\n# In this folder: sh train.sh\nexec deepspeed --module openrlhf.cli.train_dpo".to_owned();
    let mut flag = |name: &str, value: &dyn Display| {
        // Writing to a String cannot fail.
        let _ = write!(script, " \\\n  --{name} {value}");
    };
    flag("model.model_name_or_path", &quoted(&model));
    flag("data.dataset", &"train.jsonl");
    flag("data.prompt_key", &"prompt");
    flag("data.chosen_key", &"chosen");
    flag("data.rejected_key", &"rejected");
    flag("data.max_len", &(count.longest + 3));
    flag("model.beta", &train.beta);
    flag("model.nll_loss_coef", &sft);
    flag("train.batch_size", &train.batch_size);
    flag("train.micro_batch_size", &1);
    flag("train.max_epochs", &epochs.ceil().max(1.0));
    flag("train.seed", &seed_of_32_bits(seed));
    flag("adam.lr", &train.learning_rate);
    flag("adam.betas", &format_args!("{} {}", train.adam_beta1, train.adam_beta2));
    flag("adam.eps", &(train.adam_eps / train.dpo_weight));
    flag("adam.weight_decay", &train.weight_decay);
    flag("lr_scheduler", &scheduler(train.schedule));
    flag("lr_warmup_ratio", &train.warmup_share);
    flag("max_norm", &(train.max_grad_norm / train.dpo_weight));
    flag("ds.param_dtype", &if run.recipe.model.dtype == Dtype::F16 { "fp16" } else { "bf16" });
    flag("ds.zero_stage", &3);
    if let Some(lora) = &train.lora {
        flag("ds.lora.rank", &lora.rank);
        flag("ds.lora.alpha", &lora.alpha.round());
        flag("ds.lora.dropout", &lora.dropout);
        flag("ds.lora.target_modules", &lora.target_modules.names().join(" "));
    }
    if train.activation_checkpointing {
        flag("model.gradient_checkpointing_enable", &"");
    }
    flag("ckpt.output_dir", &"trained");
    let script = script.trim_end().to_owned() + "\n";
    atomic::write_file(&folder.join("train.sh"), script.as_bytes())?;

    let mut page = Page {
        written_for: "OpenRLHF 0.11.2",
        trained: "trained",
        commands: vec!["sh train.sh".to_owned()],
        counts: count.lines(train.max_context_tokens),
        same: vec![
            format!(
                "DPO with beta {}, and SFT beside it with nll_loss_coef = (1 - eta) / eta = {sft}; the loss is the recipe's divided by \
                 eta, and so max_norm and adam.eps are too",
                train.beta
            ),
            "data.max_len is longer than the longest row: nothing is truncated".to_owned(),
        ],
        differences: count.differences(train.lambda),
        files: vec![
            ("train.jsonl", "a row a pair: prompt, chosen, rejected"),
            ("train.sh", "the recipe's [train] as flags"),
        ],
    };
    page.differences.extend(count.ended().map(|line| line + "; OpenRLHF writes a space before it"));
    page.differences
        .push("rows come in OpenRLHF's own order; line feeds at the end of a text are removed".to_owned());
    if epochs != epochs.ceil().max(1.0) {
        page.differences
            .push(format!("{epochs:.3} passes over the rows are rounded up: OpenRLHF takes whole ones"));
    }
    if run.recipe.model.dtype == Dtype::F32 {
        page.differences.push("OpenRLHF trains in bf16 or fp16, and the recipe asks for f32".to_owned());
    }
    if train.lora.is_some() {
        page.differences.push(whole_alpha("ds.lora.alpha"));
    }
    Ok(page)
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_whatever_is_in_it() {
        assert_eq!(quoted("/a b/$(c)'d"), r"'/a b/$(c)'\''d'");
    }
}
