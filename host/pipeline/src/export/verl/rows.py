"""sft.jsonl as a dataset of verl's SFT: token ids as they are, since a chat template would drop thoughts.

In: the files that verl names, and its [data] configuration. Out: verl's items, padded or not as it asks. As a program,
`python rows.py --flags` prints sft.json as flags of verl.trainer.sft_trainer.
"""

import json
import sys
from pathlib import Path


def _flags(settings, before=""):
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flags(value, f"{before}{name}.")
        else:
            yield f"{before}{name}={json.dumps(value) if not isinstance(value, str) else value}".replace(" ", "")


class Rows:
    def __init__(self, parquet_files, tokenizer, config, processor=None, max_samples=-1):
        paths = [parquet_files] if isinstance(parquet_files, str) else list(parquet_files)
        self.rows = [json.loads(line) for path in paths for line in Path(path).read_text(encoding="utf-8").splitlines()]
        if max_samples > 0:
            self.rows = self.rows[:max_samples]
        self.pads = config.get("pad_mode", "right") == "right"
        self.max_length = config.get("max_length", 1024)
        self.pad_token = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        import torch

        prompt, response = self.rows[index]["prompt_ids"], self.rows[index]["response_ids"]
        ids = prompt + response
        room = self.max_length - len(ids)
        if room < 0:
            raise ValueError(f"row {self.rows[index]['id']} has {len(ids)} tokens, data.max_length is {self.max_length}")
        pad = room if self.pads else 0
        item = {
            "input_ids": torch.tensor(ids + [self.pad_token] * pad),
            "position_ids": torch.tensor(list(range(len(ids))) + [0] * pad),
            "loss_mask": torch.tensor([0] * len(prompt) + [1] * len(response) + [0] * pad),
        }
        if self.pads:
            item["attention_mask"] = torch.tensor([1] * len(ids) + [0] * pad)
        return item


if __name__ == "__main__" and sys.argv[1:] == ["--flags"]:
    print(" ".join(_flags(json.loads(Path(__file__).with_name("sft.json").read_text(encoding="utf-8")))))
