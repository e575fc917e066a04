"""How many processors this process may use, which in a container are fewer than the machine has."""

from __future__ import annotations

import math
import os
from pathlib import Path

_OWN_GROUP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def n_processors() -> int:
    """At least 1: what the process may run on, and no more than the time it is given, rounded up (Linux's cgroup v2)."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # neither on macOS nor on Windows
        allowed = os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, _share_of_time())))


def _share_of_time() -> float:
    """Processors' worth of time of the group of this process and those around it; infinite where none is limited."""
    share = math.inf
    try:
        lines = _OWN_GROUP.read_text().splitlines()
    except OSError:
        return share
    group = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    for folder in (_GROUPS / group, *(_GROUPS / group).parents):
        try:
            quota, period = (folder / "cpu.max").read_text().split()  # microseconds, or "max"
            share = min(share, int(quota) / int(period))
        except (OSError, ValueError):
            continue
    return share
