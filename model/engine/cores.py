"""How many processor cores this process may use at once: what it may run on, and what a container allows it."""

import os
from pathlib import Path
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")


def cores(root: Path = CGROUPS, own: Path = OWN) -> float:
    """A container that may use one and a half has 1.5, on however many they are spread."""
    runs_on = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([float(runs_on), *_quotas(root, own)])


def _quotas(root: Path, own: Path) -> list[float]:
    """Of this process's group and those it is in, as version 2 of Linux's cgroups writes them, and version 1."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return []
    found = []
    for _, controllers, path in lines:
        base = root if not controllers else root / "cpu"
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = base / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder == root.parent:
                break
            if quota := _quota(folder):
                found.append(quota)
    return found


def _quota(group: Path) -> float | None:
    try:
        limit, period = (group / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        except OSError:
            return None
    return int(limit) / int(period) if limit.strip().isdecimal() else None  # "max", -1: as much as there is
