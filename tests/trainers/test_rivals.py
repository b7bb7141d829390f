"""The losses that TRL's trainers have of pairs, against the numbers in tests/data/rival_losses.json, which the tests of ts-model hold ts-host's
own losses to.

In: that file: mean log-probabilities of pairs, in nats a token. Out: failures of unittest. SimPO is that of `CPOTrainer`; LCPO is ORPO's term of
odds, which `ORPOTrainer` has beside its term of likelihood. Nothing is trained: the functions of the losses are called.
"""

import json
import os
import types
import unittest

import torch
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer

FILE = os.path.join(os.path.dirname(__file__), "../data/rival_losses.json")


class Rivals(unittest.TestCase):
    def setUp(self):
        with open(FILE, encoding="utf-8") as file:
            self.expected = json.load(file)
        self.chosen, self.rejected = torch.tensor(self.expected["pairs"], dtype=torch.float64).T

    def trainer(self, beta):
        """What the losses read of a trainer."""
        accelerator = types.SimpleNamespace(device="cpu")
        gamma = self.expected["gamma"]
        return types.SimpleNamespace(accelerator=accelerator, loss_type="simpo", beta=beta, simpo_gamma=gamma, label_smoothing=0.0, alpha=0.0)

    def assert_close(self, values, name, tolerance):
        expected = torch.tensor(self.expected[name], dtype=torch.float64)
        torch.testing.assert_close(values.double(), expected, rtol=0, atol=tolerance)

    def test_simpo(self):
        losses, chosen, rejected = CPOTrainer.cpo_loss(self.trainer(self.expected["beta"]), self.chosen, self.rejected)
        self.assert_close(losses, "simpo", 1e-10)
        self.assert_close(torch.stack([chosen, rejected], dim=1), "simpo_rewards", 1e-10)

    def test_lcpo(self):
        # The trainer adds beta times this to its loss with the opposite sign, in f32.
        ratio = ORPOTrainer.odds_ratio_loss(self.trainer(1.0), self.chosen, self.rejected)[0]
        self.assert_close(-ratio, "lcpo", 2e-6)


if __name__ == "__main__":
    unittest.main()
