#!/bin/bash
# A run on Slurm: an array job does the shards, jobs that wait for it join, train, evaluate and report.
#
#   RUN=/shared/runs/many SHARDS=64 ./submit.sh --recipe deepseek-r1-distill-qwen-1.5b --model /shared/DeepSeek-R1-Distill-Qwen-1.5B
#
# RUN is on a file system that every node sees. What follows goes to ts-host. Partition, account, time, memory and GPUs stand in the
# four .sbatch files beside this one, or in SBATCH_PARTITION and its kin. A run that failed or was cancelled goes on with the same line.
set -euo pipefail
cd "$(dirname "$0")"
: "${RUN:?the folder of the run, which every node sees}" "${SHARDS:?the number of shards}"
export RUN SHARDS

# A job whose dependency failed is removed from the queue.
after() { sbatch --parsable --kill-on-invalid-dep=yes --dependency="afterok:$1" "${@:2}"; }

before=$(sbatch --parsable --array="1-$SHARDS" shard.sbatch "$@")
train=$(after "$before" train.sbatch "$@")
evaluate=$(after "$train" --array="1-$SHARDS" shard.sbatch "$@")
report=$(after "$evaluate" report.sbatch)
echo "shards $before, training $train, evaluation $evaluate, report $report"
