"""Loads a checkpoint that this crate wrote in `transformers` and compares the logits.

Run from the repository's root, with torch and transformers 5 installed:

    cargo run --release -p ts-model --example write_checkpoint -- FOLDER
    python host/model/tests/python/check_export.py FOLDER

The example writes a sharded checkpoint and `logits.json`. Exits with 1 if a key is missing or unexpected, or if a logit differs
by more than 5e-5.
"""

import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM


def main(folder):
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    problems = {key: value for key, value in info.items() if value}
    written = json.loads((pathlib.Path(folder) / "logits.json").read_text())
    with torch.no_grad():
        logits = model(torch.tensor([written["tokens"]])).logits[0]
    difference = (logits - torch.tensor(written["logits"])).abs().max().item()
    print(f"{type(model).__name__}: largest difference {difference:.1e}, problems {problems}")
    return 1 if problems or difference > 5e-5 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
