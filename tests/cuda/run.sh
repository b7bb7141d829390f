#!/usr/bin/env bash
# What needs a GPU, in one go: builds ts-host for it, then runs its tests there, the whole method in short, greedy responses beside the
# CPU's, and benchmarks. At the end a table says what came out. About ten minutes after the build.
#
#     tests/cuda/run.sh                  builds and runs
#     tests/cuda/run.sh --build FOLDER   builds into FOLDER and stops; needs no GPU
#     tests/cuda/run.sh --built FOLDER   runs what was built, on a machine without Rust
#
# Building needs CUDA's compiler; where there is none, tests/cuda/toolkit.sh gets it. Running needs a GPU, its driver, python3, and the
# libraries of CUDA, which are also found in the packages that PyTorch brings (nvidia-cublas, nvidia-curand, nvidia-cuda-runtime).
# shellcheck disable=SC2329  # `step` calls the functions
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
  printf 'tests/cuda/run.sh: %s\n' "$*" >&2
  exit 1
}

usage() {
  printf 'usage: tests/cuda/run.sh [--build FOLDER | --built FOLDER]\n' >&2
  exit 2
}

# --- What was asked for

build=yes run=yes folder=
case "$#:${1-}" in
  0:) ;;
  2:--build) run=no folder=$2 ;;
  2:--built) build=no folder=$2 ;;
  *) usage ;;
esac

if [ $run = yes ]; then
  gpus=$(nvidia-smi --list-gpus 2>/dev/null) && [ -n "$gpus" ] ||
    fail "there is no NVIDIA GPU here, or no driver (nvidia-smi --list-gpus finds none). Without one, --build FOLDER builds all the same."
fi

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
[ -n "$folder" ] || folder="$results/built"

# --- Build: the program, the tests and the benchmark, each a file in FOLDER

if [ $build = yes ]; then
  command -v nvcc >/dev/null ||
    fail "there is no CUDA compiler (nvcc). Install CUDA's toolkit, or: tests/cuda/toolkit.sh TOOLKIT && . TOOLKIT/environment"
  mkdir -p "$folder"
  # Paths of what was built, from cargo's messages, one JSON object a line.
  cargo build --release --workspace --locked --bin ts-host --test cuda --example bench_device \
    --features ts-host/cuda,ts-model/cuda --message-format json-render-diagnostics >"$results/messages"
  python3 - "$results/messages" "$folder" <<'END'
import json, shutil, sys

messages, folder = sys.argv[1:]
wanted = {"ts-host": "bin", "cuda": "test", "bench_device": "example"}
for line in open(messages):
    message = json.loads(line)
    target = message.get("target", {})
    if message.get("executable") and target["kind"] == [wanted.pop(target["name"], None)]:
        shutil.copy(message["executable"], f"{folder}/{target['name']}")
if wanted:
    sys.exit(f"cargo built no {', '.join(wanted)}")
END
  strip "$folder"/ts-host "$folder"/cuda "$folder"/bench_device
  ls -l "$folder"
fi
[ $run = yes ] || exit 0

# --- Libraries: where the system has none, those of Python's packages

for name in ts-host cuda bench_device; do
  [ -x "$folder/$name" ] || fail "$folder/$name is not there: build first, with --build $folder"
done
if ldd "$folder/ts-host" | grep -q 'not found'; then
  packages=$(python3 -c 'import glob, site; print(":".join(f for p in site.getsitepackages() for f in glob.glob(p + "/nvidia/*/lib")))')
  export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$packages"
fi
missing=$(ldd "$folder/ts-host" | grep 'not found' || true)
[ -z "$missing" ] || fail "libraries are missing; see docs/gpu.md: $missing"

# --- Run: every step is tried, whatever became of the one before

summary="$results/summary"
failed=0
step() { # step NAME COMMAND…: prints what the command prints, and notes how it ended
  local name=$1 start=$SECONDS outcome=passed
  shift
  printf '\n== %s\n' "$name"
  "$@" || { outcome="FAILED ($?)" failed=1; }
  printf '| %-42s | %-12s | %5d s |\n' "$name" "$outcome" $((SECONDS - start)) >>"$summary"
}

ts_host="$folder/ts-host"
checkpoint=host/embedded/checkpoints/plain
prompts="$results/prompts.jsonl"
for n in 1 2 3 4 5 6 7 8; do
  printf '{"id": %d, "messages": [{"role": "user", "content": "What is %d + %d - %d?"}]}\n' $n $((17 * n)) $((5 * n + 3)) $((2 * n))
done >"$prompts"

tests() {
  # Where the tests find their data, on another machine than the one they were built on.
  CARGO_MANIFEST_DIR="$PWD/host/model" "$folder/cuda" --nocapture
}

generate() { # generate DEVICE DTYPE OUT
  "$ts_host" model generate "$checkpoint" --input "$prompts" --max-new-tokens 256 --device "$1" --dtype "$2" >"$3"
}

greedy() {
  generate cpu f32 "$results/cpu" && generate cuda:0 f32 "$results/gpu" && generate cuda:0 bf16 "$results/bf16" || return
  for of in gpu bf16; do
    printf '%s: %d of %d responses are those of the CPU in f32\n' "$of" \
      "$(diff --unchanged-line-format=. --old-line-format= --new-line-format= "$results/cpu" "$results/$of" | wc -c)" \
      "$(wc -l <"$results/cpu")"
  done
  cmp "$results/cpu" "$results/gpu"
}

method() { # method DTYPE: the default recipe on a quarter of its problems, a quarter of its samples
  "$ts_host" run --plugin plugins/math_grader.wasm --out "$results/run-$1" --set model.device=cuda:0 --set "model.dtype=$1" \
    --set problems.max_train=48 --set problems.max_heldout=48 --set sample.n_samples=8 --set sample.max_batch_rows=384 \
    --set refine.n_rewrites=16 --set eval.n_runs=2 --set eval.max_batch_rows=384
}

refused() { # A stage that takes more than the GPU has is refused, with settings that fit.
  local code=0
  "$ts_host" run --plugin plugins/math_grader.wasm --out "$results/refused" --set model.device=cuda:0 \
    --set run.memory_gib=0.001 || code=$?
  [ "$code" = 4 ] || { printf 'the exit code is %d, not 4\n' "$code"; return 1; }
}

benchmark() { # benchmark DTYPE SHAPE
  "$folder/bench_device" cuda:0 "$1" "$2" | tee -a "$results/speed"
}

printf '%s\n' "$gpus"
step "tests beside the CPU" tests
step "greedy responses beside the CPU's" greedy
step "the method in short, f32" method f32
step "the method in short, bf16" method bf16
step "a stage that does not fit is refused" refused
step "speed, embedded model, f32" benchmark f32 embedded
step "speed, SmolLM2-135M's shape, f32" benchmark f32 smollm2
step "speed, SmolLM2-135M's shape, bf16" benchmark bf16 smollm2
step "speed, Qwen2.5-1.5B's shape, bf16" benchmark bf16 qwen-1.5b

printf '\n%s\n\n' "$gpus"
cat "$summary"
printf '\n'
cat "$results/speed" 2>/dev/null || true
exit $failed
