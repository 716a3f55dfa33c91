"""
How much memory the engine may take: a share of what this process may have, by its control group or the machine.

The collector needs room beside the engine. A query beyond the engine's share ends with the engine's own error; without a
limit the kernel would end the whole pod instead.
"""

from pathlib import Path

MOST = 4 << 30
LEAST = 512 << 20
"""Below this the engine cannot open a store of some size."""

PART = 2
"""The engine has one part in so many; the rest is for the collector, for answers on their way and for the kernel's cache."""


def engine_bytes(root: Path = Path("/")) -> int:
    """The engine's share of the memory that this process may have."""
    limits = [*_group_limits(root), _machine_bytes(root)]
    return max(min([MOST, *(limit // PART for limit in limits if limit)]), LEAST)


def _group_limits(root: Path) -> list[int]:
    """The limits of this process's control group and of those around it, of version 1 and 2."""
    found = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, kinds, path = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        base, name = ("sys/fs/cgroup/memory", "memory.limit_in_bytes") if kinds else ("sys/fs/cgroup", "memory.max")
        # In a container the path may be the host's, which is not there: the group itself is at the top.
        group = Path(path.strip("/"))
        found += [_text(root / base / place / name).strip() for place in (group, *group.parents)]
    return [int(text) for text in found if text.isdecimal()]


def _machine_bytes(root: Path) -> int:
    lines = [line.split() for line in _text(root / "proc/meminfo").splitlines()]
    return next((int(line[1]) << 10 for line in lines if line[:1] == ["MemTotal:"]), 0)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""
