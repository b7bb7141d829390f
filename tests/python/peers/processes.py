"""A measured process: what it printed, its processor time and its largest resident memory; and the machine that it ran on."""

import json
import os
import platform
import re
import subprocess
import tempfile
import time
from pathlib import Path

ENVIRONMENT = os.environ | {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1",
}


class Skipped(Exception):
    """A process that cannot run here or does not end in time, why, and what it had said until then."""

    def __init__(self, why, said=""):
        super().__init__(why)
        self.said = said


def run(command, limit_s, environment={}):
    """The standard output of a process, its processor seconds and its largest resident memory in MiB."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        try:
            child = subprocess.Popen(list(map(str, command)), stdout=out, stderr=said, env=ENVIRONMENT | environment, start_new_session=True)
        except OSError as error:
            raise Skipped(f"{command[0]}: {error.strerror}") from error
        deadline = time.monotonic() + limit_s
        while not (ended := os.wait4(child.pid, os.WNOHANG))[0]:
            if time.monotonic() > deadline:
                os.killpg(child.pid, 9)
                os.wait4(child.pid, 0)
                out.seek(0)
                raise Skipped(f"not done after {limit_s} s", out.read().decode())
            time.sleep(0.05)
        _, status, usage = ended
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said.seek(0)
        if child.returncode != 0:
            lines = said.read().decode(errors="replace").strip().splitlines()
            told = [line for line in lines if line.startswith("error")] or lines[-1:] or [f"ended with {child.returncode}"]
            raise Skipped(told[0][:200])
        return out.read().decode(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def last_line(text):
    return json.loads(text.strip().splitlines()[-1])


def machine():
    """The processor, how many, and which of its units count here."""
    about = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", about)
    units = [unit for unit in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if re.search(rf"\b{unit}\b", about)]
    return f"{name[1] if name else platform.machine()}, {os.cpu_count()} processors, {', '.join(units)}"
