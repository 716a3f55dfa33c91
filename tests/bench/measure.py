"""
What every measured client says at its end, and the CPU seconds and resident bytes of its own process.
"""

import gc
import json
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """One run of one case; `case`, `kind` and counts first, then what it cost."""

    case: str
    kind: str
    events: int
    last_version: str
    cpu_s: float
    wall_s: float
    version: str
    store_cpu_s: float = 0.0
    """CPU seconds of the embedded store's process, where the case has one."""
    kept_bytes: float = 0.0
    """Resident bytes kept for each object of a list."""
    rows: int = 0
    """Facts that led to the store."""


def cpu_s() -> float:
    """CPU seconds of this process so far, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_s_of(pid: int) -> float:
    """CPU seconds of another process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes() -> int:
    """Resident memory of this process after a full collection."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Meter:
    """CPU and wall seconds since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = cpu_s(), time.perf_counter()

    def read(self) -> tuple[float, float]:
        """Both, in this order, as they stand in `Figures`."""
        return cpu_s() - self._cpu, time.perf_counter() - self._wall


def say(figures: Figures) -> None:
    """Print a run as one JSON line."""
    sys.stdout.write(json.dumps(asdict(figures)) + "\n")
