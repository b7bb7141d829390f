//! The files for Slurm and Kubernetes in `clients/`, run as they stand: `sbatch` and `kubectl` are scripts here that do at once what the
//! scheduler would do on its machines. What comes of them has the bytes of one machine's run.

use std::os::unix::fs::PermissionsExt;

use super::integrity::TINY;
use crate::{ARTEFACTS, Host, read, repository};

/// Runs the tasks of a job, the last first, if the job that it depends on was done without an error.
const SBATCH: &str = r#"#!/bin/bash
set -u
array=0 needed=
while [[ $1 == --* ]]; do
  case $1 in
    --array=1-*) array=${1#--array=1-} ;;
    --dependency=afterok:*) needed=${1#--dependency=afterok:} ;;
    --parsable | --kill-on-invalid-dep=yes) ;;
    *) echo "sbatch: $1?" >&2; exit 1 ;;
  esac
  shift
done
script=$1; shift
id=$(($(ls "$STATE" | wc -l) + 1))
echo "$id"
if [[ -n $needed && $(cat "$STATE/$needed") != COMPLETED ]]; then
  echo CANCELLED >"$STATE/$id"; exit
fi
export SLURM_CPUS_PER_TASK=$(sed -n 's/^#SBATCH --cpus-per-task=//p' "$script")
echo COMPLETED >"$STATE/$id"
for ((task = array; task >= (array > 0); task--)); do
  [[ $array = 0 ]] || export SLURM_ARRAY_TASK_ID=$task
  bash "$script" "$@" >>"$STATE.log" 2>&1 || echo FAILED >"$STATE/$id"
done
"#;

/// Runs the pods of a job, the last first.
const KUBECTL: &str = r#"#!/bin/sh
set -u
field() { sed -n "/name: $1\$/{n;s/^ *value: \"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p;}" "$2"; }
case "$1 $2" in
  "apply -f")
    grep -q '^kind: Job$' "$3" || exit 0
    name=$(sed -n 's/^  name: //p' "$3")
    pods=$(sed -n 's/^  completions: \([0-9]*\).*/\1/p' "$3")
    script=$(sed -n '/^ *- |$/,/^ *env:$/p' "$3" | sed '1d;$d')
    SHARDS=$(field SHARDS "$3"); export SHARDS
    echo Complete >"$STATE/$name"
    index=${pods:-1}
    while [ "$index" -gt 0 ]; do
      index=$((index - 1))
      JOB_COMPLETION_INDEX=$index /bin/sh -euc "$script" >>"$STATE.log" 2>&1 || echo Failed >"$STATE/$name"
    done ;;
  "delete --ignore-not-found") ;;
  "wait --for=condition="*) [ "condition=$(cat "$STATE/${4#job/}")" = "${2#--for=}" ] ;;
  "logs "*) cat "$STATE.log" ;;
  *) echo "kubectl: $*?" >&2; exit 1 ;;
esac
"#;

/// Runs a script of `clients/` with a scheduler's command in its place; gives whether it was successful, and its output.
fn submit(
    host: &Host,
    script: &str,
    (name, scheduler): (&str, &str),
    args: &[&str],
    env: &[(&str, &str)],
) -> (bool, String) {
    let bin = host.path("bin");
    let program = host.command(&[]).get_program().to_owned();
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(host.path("state-of-jobs")).unwrap();
    std::fs::write(bin.join(name), scheduler).unwrap();
    std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!(
        "{}:{}:{}",
        bin.display(),
        std::path::Path::new(&program).parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut command = std::process::Command::new(repository(script));
    command.args(args).current_dir(host.path("")).env("PATH", path).env("STATE", host.path("state-of-jobs"));
    host.keeps(&mut command);
    let output = command.envs(env.iter().copied()).output().unwrap();
    let log = std::fs::read_to_string(host.path("state-of-jobs.log")).unwrap_or_default();
    let text =
        [&*String::from_utf8_lossy(&output.stdout), &*String::from_utf8_lossy(&output.stderr), &log].concat();
    (output.status.success(), text)
}

/// That a run has the bytes of one on one machine.
fn assert_whole(host: &Host, log: &str) {
    host.run(&[&["run", "--out", "whole"], TINY].concat());
    for file in ARTEFACTS {
        assert!(read(host.path("whole").join(file)) == read(host.path("many").join(file)), "{file}\n{log}");
    }
    assert!(log.contains("| Acc, %"), "{log}");
}

#[test]
fn slurm_does_what_one_machine_does() {
    let host = Host::new();
    let run = host.path("many").display().to_string();
    let env = [("RUN", run.as_str()), ("SHARDS", "3")];
    let (is_done, log) = submit(&host, "clients/slurm/submit.sh", ("sbatch", SBATCH), TINY, &env);
    assert!(is_done && log.contains("shards 1, training 2, evaluation 3, report 4"), "{log}");
    assert_whole(&host, &log);
    // A job that fails takes those behind it with it.
    let host = Host::new();
    let (_, log) = submit(&host, "clients/slurm/submit.sh", ("sbatch", SBATCH), &["--bogus"], &env);
    let states: Vec<String> = (1..=4)
        .map(|job| String::from_utf8(read(host.path(&format!("state-of-jobs/{job}")))).unwrap())
        .collect();
    assert_eq!(states, ["FAILED\n", "CANCELLED\n", "CANCELLED\n", "CANCELLED\n"], "{log}");
}

#[test]
fn kubernetes_does_what_one_machine_does() {
    let host = Host::new();
    let run = host.path("many").display().to_string();
    let flags = TINY.join(" ");
    let env = [("RUN", run.as_str()), ("FLAGS", flags.as_str())];
    let (is_done, log) = submit(&host, "clients/kubernetes/run.sh", ("kubectl", KUBECTL), &[], &env);
    assert!(is_done, "{log}");
    assert_whole(&host, &log);
    let host = Host::new();
    let env = [("RUN", run.as_str()), ("FLAGS", "--bogus")];
    let (is_done, log) = submit(&host, "clients/kubernetes/run.sh", ("kubectl", KUBECTL), &[], &env);
    assert!(!is_done && log.contains("--bogus"), "{log}");
    assert!(!host.path("state-of-jobs/ts-host-train").exists());
}
