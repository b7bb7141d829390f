"""Trains on this folder's rows with TRL's own DPOTrainer, and writes the model to trained/.

In: train.jsonl, order.jsonl and settings.json beside this file. The rows are token ids and reference log-probabilities, so nothing is
rendered, tokenised, truncated or scored here: the trainer's two ways of preparing rows are overridden to leave them as they are. The
length margin of DPO-L stands in ref_rejected_logps. Steps see the rows of order.jsonl, one row a micro-batch, each term of its loss
weighted by its share of the step; learning rates and what decays are those of the recipe.

One process:   python train.py
On GPUs:       accelerate launch --config_file accelerate/fsdp2.yaml --num_processes 8 train.py
On CPUs:       accelerate launch --config_file accelerate/cpu.yaml --num_processes 2 train.py
"""

import argparse
import json
import math
import os
from pathlib import Path

import torch
from datasets import Dataset, Features, Sequence, Value
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

FOLDER = Path(__file__).resolve().parent
COLUMNS = ["prompt_ids", "chosen_ids", "rejected_ids", "ref_chosen_logps", "ref_rejected_logps"]
SHARES = ["pair_share", "sft_share"]


class Steps(torch.utils.data.Dataset):
    """The rows as the steps see them, every step filled up to the batch size with rows of no weight. The shares are such that the mean
    over a step's rows is the weighted mean over its examples."""

    def __init__(self, rows, size):
        self.rows, self.places = rows, []
        weights = [rows["pair_weight"][:], rows["sft_weight"][:]]
        with open(FOLDER / "order.jsonl", encoding="utf-8") as lines:
            for step in map(json.loads, lines):
                totals = [sum(column[row] for row in step) for column in weights]
                for row in step:
                    shares = (size * column[row] / total if total > 0.0 else 0.0 for column, total in zip(weights, totals))
                    self.places.append((row, *shares))
                self.places += [(step[0], 0.0, 0.0)] * (size - len(step))

    def __len__(self):
        return len(self.places)

    def __getitem__(self, place):
        row, pair_share, sft_share = self.places[place]
        return {**self.rows[row], "pair_share": pair_share, "sft_share": sft_share}


def read_rows():
    ids, number = Sequence(Value("int32")), Value("float64")
    features = {name: ids if name.endswith("_ids") else number for name in COLUMNS + ["pair_weight", "sft_weight"]}
    return Dataset.from_json(str(FOLDER / "train.jsonl"), features=Features(id=Value("string"), **features))


def learning_rate_at(settings):
    """The learning rate of a step as a share of the peak: the step before the end of the warm-up has the peak, the last one 0."""
    warmup, n_steps = settings["warmup_steps"], settings["n_steps"]

    def share(step):
        if step < warmup:
            return (step + 1) / warmup
        progress = min((step - warmup) / max(n_steps - warmup - 1, 1), 1.0)
        if settings["schedule"] == "linear":
            return 1.0 - progress
        if settings["schedule"] == "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * progress))
        return 1.0

    return share


class Collator(DataCollatorForPreference):
    """TRL's own, with the shares of the rows."""

    def torch_call(self, examples):
        batch = super().torch_call(examples)
        for name in SHARES:
            batch[name] = torch.tensor([example[name] for example in examples])
        return batch


class Trainer(DPOTrainer):
    """TRL's own, over rows that are prepared."""

    def __init__(self, settings, rows, **arguments):
        self.settings = settings
        super().__init__(train_dataset=rows, **arguments)
        self.train_dataset = Steps(rows, settings["batch_size"])

    def _prepare_dataset(self, dataset, *_, **__):
        return dataset

    def _precompute_ref_logps(self, dataset, *_, **__):
        return dataset

    def _set_signature_columns_if_needed(self):
        self._signature_columns = COLUMNS + SHARES

    def _get_train_sampler(self, train_dataset=None):
        return torch.utils.data.SequentialSampler(self.train_dataset if train_dataset is None else train_dataset)

    def get_decay_parameter_names(self, model):
        return [name for name, weight in model.named_parameters() if weight.ndim > 1]

    def create_scheduler(self, num_training_steps, optimizer=None):
        if self.lr_scheduler is None:
            optimizer = self.optimizer if optimizer is None else optimizer
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, learning_rate_at(self.settings))
        return self.lr_scheduler

    def _save(self, output_dir=None, state_dict=None):
        # Gathered from several processes, weights that are tied come once for each of their names.
        tied = getattr(self.accelerator.unwrap_model(self.model), "all_tied_weights_keys", None) or {}
        super()._save(output_dir, state_dict and {name: weight for name, weight in state_dict.items() if name not in tied})

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        # TRL multiplies each term by one weight for all rows of a micro-batch, which is one row.
        pair, sft = (inputs.pop(name).item() for name in SHARES)
        eta = self.settings["dpo_weight"]
        self.loss_weights = [eta * pair, (1.0 - eta) * sft]
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="the checkpoint to start from, if it lies elsewhere now")
    parser.add_argument("--out", default=str(FOLDER / "trained"), help="folder for the trained model [default: trained]")
    parser.add_argument("--report-to", default="none", help="trackers that transformers knows, such as tensorboard or wandb")
    parser.add_argument("--max-steps", type=int, default=0, help="stop after so many steps; 0 takes all of them")
    arguments = parser.parse_args()

    settings = json.loads((FOLDER / "settings.json").read_text(encoding="utf-8"))
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if settings["batch_size"] % processes:
        parser.error(f"{processes} processes cannot share steps of {settings['batch_size']} rows evenly; take a divisor of that")
    if settings["adapter"] and os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == "3":
        parser.error("adapters do not begin under ZeRO-3 as they stand in adapter/; take accelerate/fsdp2.yaml or zero2.yaml")
    model_path = arguments.model or settings["model"]
    # What is beside this file is found from everywhere.
    model_path = str(FOLDER / model_path) if (FOLDER / model_path).is_dir() else model_path
    config = DPOConfig(
        output_dir=arguments.out,
        use_cpu=not torch.cuda.is_available(),
        bf16=settings["dtype"] == "bfloat16",
        fp16=settings["dtype"] == "float16",
        gradient_checkpointing=settings["activation_checkpointing"],
        disable_dropout=settings["lora_dropout"] == 0.0,
        max_length=None,
        precompute_ref_log_probs=True,
        loss_type=["sigmoid", "sft"],
        loss_weights=[settings["dpo_weight"], 1.0 - settings["dpo_weight"]],
        beta=settings["beta"],
        per_device_train_batch_size=1,
        gradient_accumulation_steps=settings["batch_size"] // processes,
        max_steps=arguments.max_steps or settings["n_steps"],
        learning_rate=settings["learning_rate"],
        optim="adamw_torch",
        adam_beta1=settings["adam_beta1"],
        adam_beta2=settings["adam_beta2"],
        adam_epsilon=settings["adam_eps"],
        weight_decay=settings["weight_decay"],
        max_grad_norm=settings["max_grad_norm"],
        seed=settings["seed"] % 2**32,
        logging_steps=1,
        save_strategy="no",
        report_to=arguments.report_to,
    )
    model = AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32)
    if settings["adapter"]:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, FOLDER / settings["adapter"], is_trainable=True)
    tokenizer = AutoTokenizer.from_pretrained(model_path)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    trainer = Trainer(
        settings,
        read_rows(),
        model=model,
        args=config,
        data_collator=Collator(pad_token_id=pad, max_length=None),
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.save_model(arguments.out)
    if trainer.is_world_process_zero():
        log = [entry for entry in trainer.state.log_history if "loss" in entry]
        print(f"{trainer.state.global_step} steps in {trainer.args.world_size} processes: {arguments.out}")
        Path(arguments.out, "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log), encoding="utf-8")
    # A process that ends by itself while the first one still writes would have that one ended too.
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


if __name__ == "__main__":
    main()
