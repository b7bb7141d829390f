"""Dialogues that chat templates are tried on, and what `ts-host model encode` makes of them.

In: TS_HOST, the program. Out: text and tokens of a prompt, or what the program said instead.
"""

import datetime
import json
import os
import subprocess

ASK = {"role": "user", "content": "What is 2 < 3 & 'x'?\nSay it in \"words\", naïvely. 12345 + x² = 你好 🙂 \t  end "}
# With and without a system message, with earlier turns, and with a value of its own.
DIALOGUES = [
    ([ASK], {}),
    ([{"role": "system", "content": " Be brief. "}, ASK], {}),
    ([ASK, {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nTrue."}, {"role": "user", "content": "Why? "}], {}),
    ([ASK], {"enable_thinking": False}),
]


def encode(folder, messages, values):
    """The prompt, with `text` and `tokens`, or None; and what was told on standard error."""
    date = datetime.date.today().isoformat()
    options = [option for key, value in values.items() for option in ("--template", f"{key}={json.dumps(value)}")]
    command = [os.environ["TS_HOST"], "model", "encode", folder, "--date", date, *options]
    done = subprocess.run(command, input=json.dumps({"messages": messages}), capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None, done.stderr
