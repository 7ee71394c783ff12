"""How many processor cores this process may use."""

from __future__ import annotations

import functools
import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


@functools.cache
def usable_cores() -> float:
    """Those that the scheduler allows (sched_getaffinity(2)), or the container's quota if that is less; a
    quota may be a fraction. Read once: both are set before a process starts."""
    return min(float(_allowed()), quota(_CGROUP))


def _allowed() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota(folder: Path) -> float:
    """CPU time for each unit of time, of a control group; infinite where there is no limit.

    Version 2 has `cpu.max` (cgroup-v2.rst, "CPU Interface Files"), version 1 two files in `cpu/`.
    """
    try:
        limit, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (folder / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu" / "cpu.cfs_period_us").read_text()
        except OSError:
            return math.inf
    try:
        return int(limit) / int(period) if int(limit) > 0 else math.inf
    except (ValueError, ZeroDivisionError):  # "max"
        return math.inf
