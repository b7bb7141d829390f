"""TRL's own `GRPOTrainer`, rewarded by `reward` of docs/clients/ts_serve.py, from a real `ts-host serve`.

In: TS_HOST and TS_GRADER, the grader of tests/trainers/main.rs, which judges the first letter of a response. Out: failures of unittest.
The model is a Qwen2 of two small layers with random weights, the tokenizer knows the grader's letters, so that rewards vary and every
kind of failure comes up; what was rewarded is read from the tables of completions that TRL writes.

Learning is not tested: that the weights move is all that three steps can show.
"""

import math
import os
import tempfile
import unittest

import pandas
import torch
from datasets import Dataset
from letters import tokenizer
from serving import Server
from transformers import Qwen2Config, Qwen2ForCausalLM, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

import ts_serve

STEPS, GROUP, GROUPS = 3, 8, 3


def model(size):
    torch.manual_seed(0)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=size,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=64,
        )
    )


def train(folder, server, prompts, callbacks=(), reward=ts_serve.reward):
    """Trains for a few steps. Gives the trainer, the table of all completions, and whether every weight that may move has moved."""
    ts_serve.URL = server.url
    words = tokenizer()
    policy = model(len(words))
    before = {name: weight.detach().clone() for name, weight in policy.named_parameters()}
    trainer = GRPOTrainer(
        model=policy,
        processing_class=words,
        reward_funcs=reward,
        train_dataset=Dataset.from_dict({"prompt": prompts, "reference": [str(index) for index in range(len(prompts))]}),
        callbacks=list(callbacks),
        args=GRPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=False,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            seed=1,
            max_steps=STEPS,
            logging_steps=1,
            learning_rate=1e-2,
            per_device_train_batch_size=GROUP * GROUPS,
            num_generations=GROUP,
            max_completion_length=4,
            log_completions=True,
            num_completions_to_print=0,
        ),
    )
    trainer.train()
    tables = sorted(os.listdir(f"{folder}/completions"))
    completions = pandas.concat(pandas.read_parquet(f"{folder}/completions/{name}") for name in tables)
    moved = all(torch.isfinite(weight).all() and not torch.equal(weight, before[name]) for name, weight in policy.named_parameters())
    return trainer, completions, moved


class Trl(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        ts_serve.TIMEOUT, ts_serve.PATIENCE = 60.0, 120.0

    def check(self, trainer, completions, server):
        """Every reward that TRL had is the one that the server gives, and what has none is left out."""
        self.assertEqual(list(completions["step"].value_counts().sort_index()), [GROUP * GROUPS] * STEPS)
        texts = [ts_serve.text_of(completion) for completion in completions["completion"]]
        answers = ts_serve.grade([{"reference": "", "response": text} for text in texts], server.url)
        self.assertEqual(list(completions["ts_serve"]), [ts_serve.outcome_of(answer) for answer in answers])
        for text, answer, reward, advantage in zip(texts, answers, completions["reward"], completions["advantage"]):
            if text[:1] in tuple("ltr"):
                self.assertIsNone(ts_serve.score_of(answer), text)
                self.assertTrue(math.isnan(reward), text)
                self.assertEqual(advantage, 0.0, text)
            else:
                self.assertEqual(reward, answer["score"], text)
        # The steps' own figures: the mean of what has a reward, and the share of what has none.
        steps = [entry for entry in trainer.state.log_history if "reward" in entry]
        self.assertEqual(len(steps), STEPS)
        for step, (_, table) in zip(steps, completions.groupby("step")):
            self.assertAlmostEqual(step["rewards/reward/mean"], table["reward"].mean(), places=5)
            self.assertAlmostEqual(step["reward"], table["reward"].mean(), places=5)
            self.assertAlmostEqual(step["ts_serve/without_grade"], table["reward"].isna().mean(), places=5)
            # A group's baseline is the mean of its graded responses alone.
            for start in range(0, GROUP * GROUPS, GROUP):
                rewards = table["reward"].iloc[start : start + GROUP]
                expected = ((rewards - rewards.mean()) / (rewards.std() + 1e-4)).fillna(0.0)
                for found, wanted in zip(table["advantage"].iloc[start : start + GROUP], expected):
                    self.assertAlmostEqual(found, wanted, places=3)
        kinds = set(completions["ts_serve"])
        self.assertLessEqual({"correct", "bad_reference", "out_of_fuel", "trapped"}, kinds)

    def test_rewards_are_the_servers_and_failures_are_left_out(self):
        with Server("--set", "plugins.limits.fuel=100000000") as server:
            trainer, completions, moved = train(self.folder, server, ["a b", "c d", "e f"])
            self.check(trainer, completions, server)
            self.assertTrue(moved)

    def test_conversations_and_a_server_that_is_killed_and_starts_again(self):
        class Kill(TrainerCallback):
            def on_step_begin(self, args, state, control, **_):
                if state.global_step == 1:
                    self.thread = server.kill_in_the_middle(away_s=2.0)

        kill = Kill()
        with Server("--set", "plugins.limits.fuel=500000000") as server:
            chats = [[{"role": "user", "content": content}] for content in ("a b", "c d", "e f")]
            trainer, completions, moved = train(self.folder, server, chats, [kill])
            kill.thread.join(10)
            self.assertEqual(server.interrupted, 1)
            self.check(trainer, completions, server)
            self.assertTrue(moved)
            self.assertEqual(completions["completion"].iloc[0][0]["role"], "assistant")

    def test_a_grader_that_never_ends_does_not_hold_the_training(self):
        # No fuel ends it, only the request's time: with that each step is over, and what was not graded is left out.
        limits = ["--set", "plugins.limits.fuel=1000000000000000", "--set", "plugins.limits.processor_ms=600000"]
        with Server(*limits, "--deadline", "2", "--workers", "2") as server:
            trainer, completions, _ = train(self.folder, server, ["a b", "c d", "e f"])
            self.assertIn("deadline", set(completions["ts_serve"]))
            self.assertTrue(completions["reward"][completions["ts_serve"] == "deadline"].isna().all())
            for step in (entry for entry in trainer.state.log_history if "reward" in entry):
                self.assertGreater(step["ts_serve/without_grade"], 0.0)
                self.assertTrue(math.isfinite(step["loss"]))

    def test_a_server_that_stays_away_is_an_error_and_no_reward(self):
        ts_serve.PATIENCE = 2.0
        with Server() as server:
            pass
        with self.assertRaisesRegex(RuntimeError, "gave no answer in 2 s"):
            train(self.folder, server, ["a b", "c d", "e f"])


if __name__ == "__main__":
    unittest.main()
