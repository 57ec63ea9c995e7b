"""How many processors this process may use at once."""

import os

_ROOT = "/sys/fs/cgroup"


def processors() -> int:
    """The processors that the scheduler allows, at most as many as a container's quota pays for."""
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([n, *(max(1, -(-quota // period)) for quota, period in _quotas(_ROOT))])


def _quotas(root: str) -> list[tuple[int, int]]:
    """(microseconds, of so many) of each control group that we are in, outer ones included."""
    found = []
    for line in (_read("/proc/self/cgroup") or "0::/").splitlines():
        if line.count(":") < 2:
            continue
        _, controllers, group = line.split(":", 2)
        names = controllers.split(",")
        for folder in _upwards(group):
            if not controllers:  # version 2
                quota = _read(f"{root}{folder}/cpu.max")
            elif "cpu" in names:
                quota = _first(f"{root}/{controllers}{folder}", f"{root}/cpu{folder}")
            else:
                continue
            told = (quota or "").split()
            if len(told) >= 2 and told[0].isdigit() and told[1].isdigit() and int(told[1]):
                found.append((int(told[0]), int(told[1])))
    return found


def _upwards(group: str) -> list[str]:
    """A group's folder and those above it; a container sees its own at the root."""
    parts = [p for p in group.split("/") if p and p != ".."]
    return ["".join(f"/{p}" for p in parts[:n]) for n in range(len(parts), -1, -1)]


def _first(*folders: str) -> str | None:
    for folder in folders:
        quota, period = _read(f"{folder}/cpu.cfs_quota_us"), _read(f"{folder}/cpu.cfs_period_us")
        if quota and period:
            return f"{quota} {period}"
    return None


def _read(path: str) -> str | None:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None
