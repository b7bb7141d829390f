"""Chat templates of real models, as TRL's package carries them, rendered by `ts-host model encode` and by transformers.

In: TS_HOST and TS_TOKENIZER, a tokenizer.json. Out: failures of unittest. Each template renders four dialogues, with and without a system
message, with earlier turns, and with a value of its own. What one of the two refuses, the other must refuse too.
"""

import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path

import trl
from dialogues import DIALOGUES, encode
from transformers.utils import chat_template_utils

TEMPLATES = sorted(Path(trl.__file__).parent.glob("chat_templates/*.jinja"))

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}


def expected(template, messages, values):
    """What transformers renders, or None where the template refuses."""
    compiled = chat_template_utils._compile_jinja_template(template)
    try:
        return compiled.render(messages=messages, tools=None, documents=None, add_generation_prompt=True, **TOKENS, **values)
    except Exception:
        return None


class Templates(unittest.TestCase):
    def test_each_is_rendered_as_transformers_does(self):
        self.assertGreater(len(TEMPLATES), 40)
        rendered = 0
        for path in TEMPLATES:
            template = path.read_text()
            with tempfile.TemporaryDirectory() as folder:
                shutil.copy(os.environ["TS_TOKENIZER"], f"{folder}/tokenizer.json")
                Path(folder, "chat_template.jinja").write_text(template)
                Path(folder, "tokenizer_config.json").write_text(json.dumps(TOKENS))
                for messages, values in DIALOGUES:
                    with self.subTest(template=path.name, turns=len(messages), values=values):
                        text = expected(template, messages, values)
                        ours, told = encode(folder, messages, values)
                        self.assertEqual(ours and ours["text"], text, told)
                        rendered += text is not None
        print(f"{rendered} of {len(TEMPLATES) * len(DIALOGUES)} rendered, {len(TEMPLATES)} templates")


if __name__ == "__main__":
    unittest.main()
