"""verl's own reward loop, with `compute_score` of docs/clients/ts_serve.py, from a real `ts-host serve`.

In: TS_HOST and TS_GRADER, the grader of tests/trainers/main.rs: see test_trl.py. Out: failures of unittest. The configuration is verl's
own, with the keys that docs/serve.md names; Ray's workers, the managers and the batch (`DataProto`) are verl's.

The trainer around it, which needs GPUs, is not run: what it gets from the reward loop is looked at, as validation does.
"""

import os
import secrets
import tempfile
import unittest
import unittest.mock

import numpy
import ray
import torch
from hydra import compose, initialize_config_module
from letters import LETTERS, tokenizer
from serving import CLIENT, Server
from verl import DataProto
from verl.experimental.reward_loop import RewardLoopManager, RewardLoopWorker
from verl.trainer.ppo.metric_utils import process_validation_metrics
from verl.trainer.ppo.reward import extract_reward

import ts_serve

PROMPT, LENGTH = 3, 5


def config(folder, url, *more):
    """The configuration of a PPO run, as its command line makes it."""
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose(
            "ppo_trainer",
            [
                f"reward.custom_reward_function.path={CLIENT}",
                "reward.custom_reward_function.name=compute_score",
                f"+reward.custom_reward_function.reward_kwargs.url={url}",
                f"actor_rollout_ref.model.path={folder}",
                *more,
            ],
        )


def batch(words, texts):
    """A batch as rollouts leave it: prompts padded on the left, responses on the right."""
    rows = [words(text)["input_ids"] for text in texts]
    padded = [row + [words.pad_token_id] * (LENGTH - len(row)) for row in rows]
    mask = [[1] * (PROMPT + len(row)) + [0] * (LENGTH - len(row)) for row in rows]
    prompts = torch.full((len(rows), PROMPT), words.unk_token_id)
    ground_truths = ["7", 7, 0.5, ["7", "8"], numpy.int64(7)]  # what data sets have

    def column(values):
        array = numpy.empty(len(rows), dtype=object)
        array[:] = list(values)
        return array

    return DataProto.from_dict(
        tensors={"prompts": prompts, "responses": torch.tensor(padded), "attention_mask": torch.tensor(mask)},
        non_tensors={
            "data_source": column(["letters"] * len(rows)),
            "reward_model": column({"ground_truth": ground_truths[index % 5], "style": "rule"} for index in range(len(rows))),
            "extra_info": column({"index": index, "split": "train"} for index in range(len(rows))),
        },
    )


class Verl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="ray")  # a short path: Ray has its sockets there
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.words = tokenizer()
        cls.words.save_pretrained(cls.folder)
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # else Ray leaves one in the home directory
        ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, _temp_dir=cls.folder)

    @classmethod
    def tearDownClass(cls):
        ray.shutdown()

    def check(self, server, texts, *more):
        """Every response has the server's score at its last token, and `graded` says whether it has one."""
        data = batch(self.words, texts)
        loop = RewardLoopManager(config(self.folder, server.url, *more))
        scored = loop.compute_rm_score(data)
        for worker in loop.reward_loop_workers:
            ray.kill(worker)
        rewards, extra = extract_reward(scored)
        self.assertEqual(set(extra), {"score", "acc", "graded"})
        answers = ts_serve.grade([{"reference": "", "response": text} for text in texts], server.url)
        scores = [ts_serve.score_of(answer) for answer in answers]
        for index, (text, score) in enumerate(zip(texts, scores)):
            expected = torch.zeros(LENGTH)
            expected[len(text.split()) - 1] = score or 0.0
            self.assertTrue(torch.equal(rewards[index], expected), f"{text}: {rewards[index]}")
            self.assertEqual(extra["graded"][index], float(score is not None), text)
            self.assertEqual((extra["score"][index], extra["acc"][index]), (score or 0.0, score or 0.0), text)
        self.assertEqual(sum(score is None for score in scores), sum(text[0] in "ltr" for text in texts))
        return extra

    def test_every_manager_reports_the_servers_scores(self):
        texts = [f"{first} {second}" if second != first else first for first in LETTERS for second in "ach"]
        with Server("--set", "plugins.limits.fuel=100000000") as server:
            for manager in "naive", "dapo", "gdpo", "remote":
                with self.subTest(manager):
                    extra = self.check(server, texts, f"reward.reward_manager.name={manager}", "reward.num_workers=1")
            # Each manager has each response graded once, and `check` does so too.
            self.assertEqual(server.metric('ts_serve_items_total{outcome="out_of_fuel"}'), 4 * 2 * 3)
            # What validation makes of it.
            count = len(texts)
            found = process_validation_metrics(["letters"] * count, ["one"] * count, {key: list(extra[key]) for key in extra})
            self.assertAlmostEqual(found["letters"]["graded"][f"mean@{count}"], 8 / 11)

    def test_many_responses_at_once_and_a_server_that_is_killed_and_starts_again(self):
        texts = [f"{LETTERS[index % 11]} {LETTERS[index % 7]}" for index in range(220)]
        with Server("--set", "plugins.limits.fuel=300000000") as server:
            kill = server.kill_in_the_middle(away_s=2.0)
            self.check(server, texts, "reward.num_workers=2")
            kill.join(10)
            self.assertEqual(server.interrupted, 1)

    def test_a_grader_that_never_ends_does_not_hold_the_rewards(self):
        limits = ["--set", "plugins.limits.fuel=1000000000000000", "--set", "plugins.limits.processor_ms=600000"]
        with Server(*limits, "--deadline", "2", "--workers", "1") as server:
            loop = RewardLoopManager(config(self.folder, server.url, "reward.num_workers=1"))
            _, extra = extract_reward(loop.compute_rm_score(batch(self.words, ["l a"] * 8)))
            self.assertEqual(list(extra["graded"]), [0.0] * 8)
            self.assertEqual(list(extra["score"]), [0.0] * 8)

    def test_a_server_that_stays_away_is_an_error_except_to_one_manager(self):
        with Server() as server:
            pass
        with unittest.mock.patch.dict(os.environ, TS_SERVE_PATIENCE="1"):
            for manager in "naive", "dapo", "gdpo", "remote", "rate_limited":
                flags = f"reward.reward_manager.name={manager}", "reward.num_workers=1"
                worker = RewardLoopWorker(config(self.folder, server.url, *flags))
                scored = worker.compute_score_batch(batch(self.words, ["a", "b"]))
                with self.subTest(manager):
                    if manager == "rate_limited":  # why docs/serve.md says not to use it
                        for response in worker.loop.run_until_complete(scored):
                            self.assertEqual(response["reward_score"], 0.0)
                            self.assertIn("gave no answer in 1 s", response["reward_extra_info"]["error"])
                    else:
                        with self.assertRaisesRegex(RuntimeError, "gave no answer in 1 s"):
                            worker.loop.run_until_complete(scored)


if __name__ == "__main__":
    unittest.main()
