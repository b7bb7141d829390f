"""What a process has used: processor seconds and its largest resident memory, with the processes that it started.

Reads /proc, so Linux only. Processes that have ended and were waited for count in the seconds, not in the memory.
"""

import os
import re
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def descendants(root):
    """Ids of the live processes below `root`."""
    children = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text().rsplit(") ", 1)[1].split()
        except OSError:
            continue  # it has ended
        children.setdefault(int(after_name[1]), []).append(int(folder.name))
    found, todo = [], [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def cpu_seconds():
    """User and system time of this process, of those it has waited for, and of the live ones below it."""
    own, waited = time.process_time(), os.times()
    total = own + waited.children_user + waited.children_system
    for process in descendants(os.getpid()):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15])) / TICKS
    return total


def peak_rss_mib():
    """Sum of the largest resident memory of this process and of each live one below it; what they share counts in each."""
    total = 0
    for process in [os.getpid(), *descendants(os.getpid())]:
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:
            continue
        if peak := re.search(r"VmHWM:\s+(\d+)", status):
            total += int(peak[1])
    return total / 1024
