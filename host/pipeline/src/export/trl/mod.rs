//! An export for TRL's `DPOTrainer`: token ids and reference log-probabilities, and a script that gives them to it unprepared.
//!
//! The length margin of DPO-L is a constant of its pair, so it is folded into the rejected response's reference: TRL computes
//! `-ln sigmoid(beta · [(chosen − ref_chosen) − (rejected − ref_rejected)])`, and with `ref_rejected + margin / beta` that is DPO-L, in
//! value and gradient. A row has its weights in both terms, and the script reads from `order.jsonl` which rows a step sees, so that
//! a step's loss is the run's own, computed by TRL.

use std::path::Path;

use serde::Serialize;
use serde_json::json;
use ts_core::objective::length_margin;
use ts_model::adapter::{self, AdapterConfig, BaseName};
use ts_run::atomic;

use super::base;
use super::readme::Page;
use super::shared::{Lines, dtype, retokenised, warmup_steps};
use crate::training::examples::{Item, for_each_example};
use crate::training::lora::lora_config;
use crate::training::training_set::Plan;
use crate::{Error, Run};
use ts_recipe::{Dtype, Schedule, TrainSection};

/// The script, and the configurations of accelerate.
const FILES: [(&str, &str); 7] = [
    ("train.py", include_str!("train.py")),
    ("requirements.txt", include_str!("requirements.txt")),
    ("accelerate/one_gpu.yaml", include_str!("accelerate/one_gpu.yaml")),
    ("accelerate/cpu.yaml", include_str!("accelerate/cpu.yaml")),
    ("accelerate/fsdp2.yaml", include_str!("accelerate/fsdp2.yaml")),
    ("accelerate/zero2.yaml", include_str!("accelerate/zero2.yaml")),
    ("accelerate/zero3.yaml", include_str!("accelerate/zero3.yaml")),
];

/// A line of `train.jsonl`: the columns that TRL makes of its own rows, and the weights.
#[derive(Debug, PartialEq, Serialize)]
struct Row<'a> {
    id: &'a str,
    prompt_ids: &'a [u32],
    chosen_ids: &'a [u32],
    /// Of an example that is only imitated, the chosen response again.
    rejected_ids: &'a [u32],
    ref_chosen_logps: f64,
    /// With the length margin in it.
    ref_rejected_logps: f64,
    pair_weight: f64,
    sft_weight: f64,
}

impl<'a> Row<'a> {
    fn of(item: &Item<'a>, train: &TrainSection) -> Self {
        let Item { prompt, record, chosen, rejected, weights, .. } = *item;
        let (ref_chosen, ref_rejected) = match &item.reference {
            Some(reference) => (reference.chosen_logp, reference.rejected_logp),
            None => (0.0, None),
        };
        // A response beside itself: its preference has neither weight nor gradient.
        let ref_rejected = match (record.len_rejected, ref_rejected) {
            (Some(len_rejected), Some(logp)) => fold_margin(train, [record.len_chosen, len_rejected], logp),
            _ => ref_chosen,
        };
        Self {
            id: &record.id,
            prompt_ids: prompt,
            chosen_ids: chosen.tokens,
            rejected_ids: rejected.unwrap_or(chosen).tokens,
            ref_chosen_logps: ref_chosen,
            ref_rejected_logps: ref_rejected,
            pair_weight: weights.pair,
            sft_weight: weights.sft,
        }
    }
}

/// The rejected response's reference log-probability with the length margin of its pair in it. `lengths` are those of the chosen and
/// of the rejected response.
fn fold_margin(train: &TrainSection, lengths: [f64; 2], ref_rejected: f64) -> f64 {
    ref_rejected + length_margin(train.lambda, lengths[0], lengths[1], train.length_margin) / train.beta
}

pub(super) fn write(run: &Run<'_>, folder: &Path) -> Result<Page, Error> {
    let train = &run.recipe.train;
    let mut written = Written::default();
    let mut rows = Lines::create(&folder.join("train.jsonl"))?;
    let counts = for_each_example(run, true, |item| {
        match item.rejected {
            Some(_) => written.n_pairs += 1,
            None => written.n_imitated += 1,
        }
        written.n_weighted += usize::from(item.record.weight != 1.0);
        written.n_retokenised += usize::from(item.is_retokenised());
        rows.push(&Row::of(&item, train))
    })?;
    rows.finish()?;
    written.n_too_long = counts.n_too_long;

    let plan = Plan::new(counts.n_used, train, run.recipe.run.seed);
    let mut order = Lines::create(&folder.join("order.jsonl"))?;
    (0..plan.n_steps).try_for_each(|step| order.push(&plan.batch(step).0))?;
    order.finish()?;

    let model = base::place(run, folder)?;
    let adapter = match &train.lora {
        None => None,
        Some(section) => {
            let lora = lora_config(section);
            let config = run.checkpoint_folder().config()?;
            let device = candle_core::Device::Cpu;
            let begun = lora.begin(&config, run.recipe.run.seed, candle_core::DType::F32, &device)?;
            let path = folder.join("adapter");
            std::fs::create_dir(&path).map_err(|source| Error::File { path: path.clone(), source })?;
            adapter::save(&path, &AdapterConfig::new(BaseName::new(&model), &lora), &begun)?;
            Some("adapter")
        }
    };
    let settings = json!({
        "model": model,
        "adapter": adapter,
        "dtype": dtype(run.recipe.model.dtype),
        "beta": train.beta,
        "dpo_weight": train.dpo_weight,
        "learning_rate": train.learning_rate,
        "schedule": match train.schedule {
            Schedule::Constant => "constant",
            Schedule::Linear => "linear",
            Schedule::Cosine => "cosine",
        },
        "warmup_steps": warmup_steps(train, plan.n_steps),
        "n_steps": plan.n_steps,
        "batch_size": train.batch_size,
        "max_grad_norm": train.max_grad_norm,
        "adam_beta1": train.adam_beta1,
        "adam_beta2": train.adam_beta2,
        "adam_eps": train.adam_eps,
        "weight_decay": train.weight_decay,
        "activation_checkpointing": train.activation_checkpointing,
        "lora_dropout": train.lora.as_ref().map_or(0.0, |lora| lora.dropout),
        "seed": run.recipe.run.seed,
    });
    atomic::write_json(&folder.join("settings.json"), &settings)?;
    let accelerate = folder.join("accelerate");
    std::fs::create_dir(&accelerate).map_err(|source| Error::File { path: accelerate, source })?;
    let mixed_precision = match run.recipe.model.dtype {
        Dtype::F32 => "no",
        Dtype::Bf16 => "bf16",
        Dtype::F16 => "fp16",
    };
    for (name, text) in FILES {
        atomic::write_file(
            &folder.join(name),
            text.replace("{mixed_precision}", mixed_precision).as_bytes(),
        )?;
    }
    Ok(page(run, &plan, &written))
}

/// Rows by what they are.
#[derive(Default)]
struct Written {
    n_pairs: usize,
    /// Examples that are only imitated.
    n_imitated: usize,
    /// Examples with a weight other than 1.
    n_weighted: usize,
    /// Examples with a response that came as text alone.
    n_retokenised: usize,
    /// Examples for which there is no row because they are too long.
    n_too_long: usize,
}

fn page(run: &Run<'_>, plan: &Plan, written: &Written) -> Page {
    let train = &run.recipe.train;
    let &Written { n_pairs, n_imitated, n_weighted, n_retokenised, n_too_long } = written;
    let mut page = Page {
        written_for: "TRL 1.16 and transformers 5.10",
        trained: "trained",
        commands: vec![
            "pip install -r requirements.txt".to_owned(),
            "accelerate launch --config_file accelerate/one_gpu.yaml train.py".to_owned(),
        ],
        files: vec![
            (
                "train.jsonl",
                "a row an example: token ids, reference log-probabilities with the length margin in them, weights",
            ),
            ("order.jsonl", "a line an optimiser step: the rows that it sees, counted from 0"),
            ("settings.json", "the recipe's [train], and where the checkpoint is"),
            ("train.py", "gives the rows to TRL's DPOTrainer as they are; `python train.py --help`"),
            (
                "accelerate/",
                "configurations for one GPU, FSDP2, ZeRO-2 and ZeRO-3, and for several processes on CPUs",
            ),
            ("requirements.txt", "the versions that this was tested with"),
        ],
        ..Page::default()
    };
    page.counts.push(format!(
        "{n_pairs} pairs and {n_imitated} responses to imitate as token ids, {} steps of {} examples",
        plan.n_steps, train.batch_size
    ));
    if n_too_long > 0 {
        let limit = train.max_context_tokens;
        page.counts.push(format!("{n_too_long} examples are longer than {limit} tokens and left out"));
    }
    page.counts.extend(retokenised(n_retokenised, "examples have a response that came"));
    page.same = vec![
        format!(
            "DPO-L: the length margin (lambda {}) stands in ref_rejected_logps; beta {}; eta {} and 1 - eta are TRL's loss_weights of \
             sigmoid and sft",
            train.lambda, train.beta, train.dpo_weight
        ),
        "SFT is averaged over responses: TRL averages over the tokens of a micro-batch, and a micro-batch is one row".to_owned(),
        "every step sees the rows that ts-host's own training would, with the same weights and learning rate".to_owned(),
        "nothing is truncated".to_owned(),
    ];
    if n_weighted > 0 {
        page.same.push(format!("{n_weighted} examples have a weight other than 1, which counts"));
    }
    if train.lora.is_some() {
        let what =
            "adapters begin from adapter/, which are those that ts-host's own training would begin from";
        page.same.push(what.to_owned());
        page.files.push(("adapter/", "the adapters before training, in PEFT's layout"));
        if train.lora.as_ref().is_some_and(|lora| lora.dropout > 0.0) {
            page.differences
                .push("dropout drops others than in ts-host: its random numbers are PyTorch's".to_owned());
        }
    }
    if train.lambda != 0.0 {
        page.differences.push(
            "the reward margins that TRL logs have the length margin in them: rewards/margins is above ts-host's by it".to_owned(),
        );
    }
    if n_imitated > 0 {
        page.differences.push(format!(
            "{n_imitated} responses to imitate stand in the rows beside themselves: they have no part in the preference loss, and TRL \
             counts them in rewards/* as margins of 0"
        ));
    }
    match run.recipe.model.dtype {
        Dtype::F32 => {}
        Dtype::Bf16 => {
            page.differences.push("bf16 is PyTorch's autocast over f32 weights; rounding differs".to_owned())
        }
        Dtype::F16 => {
            page.differences.push("f16 is PyTorch's autocast with a scaled loss; rounding differs".to_owned())
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use ts_core::objective::{LengthMargin, dpo_l};
    use ts_recipe::{Loader, Override};

    fn train(margin: &str) -> TrainSection {
        let loader = Loader { shipped: ts_embedded::RECIPES };
        let set = |text: &str| text.parse::<Override>().unwrap();
        let values = vec![
            set("train.beta=0.1"),
            set("train.lambda=0.5"),
            set(&format!("train.length_margin={margin}")),
        ];
        loader.load("default", values).unwrap().train
    }

    /// lambda 0.5, beta 0.1, lengths 100 and 200: ±0.5 · ln 2 / 0.1 = ±3.4657359.
    #[test]
    fn the_length_margin_by_hand_and_its_sign() {
        let fold = |margin, lengths| fold_margin(&train(margin), lengths, -50.0);
        assert!((fold("as_printed", [100.0, 200.0]) - (-50.0 + 3.465_735_902_8)).abs() < 1e-9);
        assert!((fold("as_derived", [100.0, 200.0]) - (-50.0 - 3.465_735_902_8)).abs() < 1e-9);
        assert!((fold("as_printed", [200.0, 100.0]) - (-50.0 - 3.465_735_902_8)).abs() < 1e-9);
        assert_eq!(fold("as_printed", [7.0, 7.0]), -50.0);
        let plain = TrainSection { lambda: 0.0, ..train("as_printed") };
        assert_eq!(fold_margin(&plain, [0.0, 200.0], -50.0), -50.0);
    }

    /// Plain DPO over the folded reference is DPO-L.
    #[test]
    fn dpo_over_the_folded_reference_is_dpo_l() {
        for (name, sign) in [("as_printed", LengthMargin::AsPrinted), ("as_derived", LengthMargin::AsDerived)]
        {
            let train = train(name);
            let (chosen, rejected, ref_chosen, ref_rejected) = (-40.0, -95.0, -42.0, -90.0);
            let margin = length_margin(train.lambda, 60.0, 150.0, sign);
            let folded = fold_margin(&train, [60.0, 150.0], ref_rejected);
            let by_trl = dpo_l(train.beta, chosen, rejected, ref_chosen, folded, 0.0);
            let ours = dpo_l(train.beta, chosen, rejected, ref_chosen, ref_rejected, margin);
            assert!((by_trl - ours).abs() < 1e-12, "{by_trl} {ours}");
        }
    }
}
