#!/bin/sh
# A run on Kubernetes: four jobs, one after the other. Set the image, RUN, SHARDS (and `completions`, the same number) and FLAGS in the
# files first. A run that failed or was interrupted goes on with the same line.
set -eu
cd "$(dirname "$0")"

kubectl apply -f volume.yaml
for job in shards train evaluate report; do
  # A job that ended, of an earlier start, cannot be started again.
  kubectl delete --ignore-not-found -f "$job.yaml"
  kubectl apply -f "$job.yaml"
  until kubectl wait --for=condition=Complete --timeout=30s "job/ts-host-$job" 2>/dev/null; do
    if kubectl wait --for=condition=Failed --timeout=0s "job/ts-host-$job" 2>/dev/null; then
      kubectl logs --prefix --tail=20 -l "batch.kubernetes.io/job-name=ts-host-$job"
      exit 1
    fi
  done
done
kubectl logs job/ts-host-report
