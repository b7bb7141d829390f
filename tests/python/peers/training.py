"""One peer trains: steps of DPO-L + SFT on one pair, on one thread, in a process of its own.

    python training.py JOB

In: a job as JSON, `{"engine": "torch" or "trl", "dtype": "f32" or "bf16", "model", "tokens", "steps"}`. Out: its last line, JSON
with the version, `cpu_seconds_per_step` and `peak_rss_mib`.

A step is forward, backward and AdamW, on two sequences of `tokens` tokens: a prompt of a quarter of
them and two responses. Weights are f32, `bf16` is autocast. The reference's log-probabilities are known before. The median of the
steps after the first counts.
"""

import json
import math
import os
import statistics
import sys

from usage import cpu_seconds, peak_rss_mib

BETA, LAMBDA, DPO_WEIGHT, LEARNING_RATE = 0.1, 1.0, 0.5, 1e-6
REFERENCE = -2200.0  # nats of each response, near what SmolLM2 gives these tokens; any constant costs the same


def pair(tokens):
    """The prompt's ids, those of the chosen and those of the rejected response."""
    n_prompt = tokens // 4
    ids = lambda n, seed: [300 + (at * 7919 + seed) % 9000 for at in range(n)]
    return ids(n_prompt, 0), ids(tokens - n_prompt, 1), ids(tokens - n_prompt, 2)


def plain_torch(job):
    """A loop of one's own: logits of the responses' positions only, fused AdamW. Returns the seconds of each step, and what ran."""
    import torch
    import transformers

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    prompt, chosen, rejected = pair(job["tokens"])
    ids = torch.tensor([prompt + chosen, prompt + rejected])
    n_response = len(chosen)

    def log_probs():
        hidden = model.model(ids, use_cache=False).last_hidden_state[:, -n_response - 1 : -1]
        logits = model.lm_head(hidden).float()
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, -n_response:].flatten(), reduction="none")
        return -loss.view(2, n_response).sum(1)

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=job["dtype"] == "bf16"):
            of_chosen, of_rejected = log_probs()
        margin = BETA * ((of_chosen - REFERENCE) - (of_rejected - REFERENCE)) + LAMBDA * math.log(len(rejected) / len(chosen))
        dpo = -torch.nn.functional.logsigmoid(margin)
        (DPO_WEIGHT * dpo - (1 - DPO_WEIGHT) * of_chosen / n_response).backward()
        optimizer.step()
        optimizer.zero_grad()

    seconds = []
    for _ in range(job["steps"] + 1):
        started = cpu_seconds()
        step()
        seconds.append(cpu_seconds() - started)
    return seconds[1:], f"PyTorch {torch.__version__}, transformers {transformers.__version__}"


def trainer(job):
    """TRL's DPOTrainer on ids, with sigmoid and SFT losses and the reference's log-probabilities in the rows."""
    import datasets
    import tempfile

    import torch
    import transformers
    import trl

    torch.set_num_threads(1)
    model = transformers.AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32)
    prompt, chosen, rejected = pair(job["tokens"])
    row = {
        "prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected,
        "ref_chosen_logps": REFERENCE, "ref_rejected_logps": REFERENCE + LAMBDA / BETA * math.log(len(rejected) / len(chosen)),
    }

    class Prepared(trl.DPOTrainer):
        """Takes rows as they are."""

        def _prepare_dataset(self, dataset, *_, **__):
            return dataset

        def _precompute_ref_logps(self, dataset, *_, **__):
            return dataset

    class Clock(transformers.TrainerCallback):
        seconds = []

        def on_step_begin(self, *_, **__):
            self.started = cpu_seconds()

        def on_step_end(self, *_, **__):
            self.seconds.append(cpu_seconds() - self.started)

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        Prepared(
            model=model,
            args=trl.DPOConfig(
                output_dir=folder, use_cpu=True, bf16=job["dtype"] == "bf16", fp16=False, per_device_train_batch_size=1,
                max_steps=job["steps"] + 1, learning_rate=LEARNING_RATE, weight_decay=0.0, max_grad_norm=0.0, max_length=None,
                beta=BETA, loss_type=["sigmoid", "sft"], loss_weights=[DPO_WEIGHT, 1 - DPO_WEIGHT], precompute_ref_log_probs=True,
                gradient_checkpointing=False, save_strategy="no", report_to=[], disable_tqdm=True,
            ),
            train_dataset=datasets.Dataset.from_list([row] * (job["steps"] + 1)),
            processing_class=transformers.AutoTokenizer.from_pretrained(job["model"]),
            callbacks=[clock],
        ).train()
    return clock.seconds[1:], f"TRL {trl.__version__}, PyTorch {torch.__version__}"


ENGINES = {"torch": plain_torch, "trl": trainer}


def main():
    job = json.loads(sys.argv[1])
    seconds, version = ENGINES[job["engine"]](job)
    assert len(seconds) == job["steps"], seconds
    made = {"cpu_seconds_per_step": statistics.median(seconds), "peak_rss_mib": peak_rss_mib(), "version": version}
    print(json.dumps(made), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
