"""
`python -m tests.bench.savings`: what `report savings` takes for the pods of a month, reading them included.

Pods are those of `tests.bench.queries`, made inside the engine, but each day has a peak: half of the pods arrive in the first
eighth of it. CPU seconds of our process and of the engine, since other work shares the machine, and the most memory that
our process took. A missed target is shown and is not a failure.
"""

import argparse
from dataclasses import dataclass
from datetime import UTC
from fractions import Fraction
from pathlib import Path

from collector.core.cost.billing_days import midnight
from collector.core.savings.pool import PoolNode, PoolWindow
from collector.core.savings.replay import Need
from collector.reports.past_pods import selection
from collector.reports.report import Report
from collector.reports.savings import PoolQuestion, savings
from tests.bench.__main__ import about, out, say, verdict
from tests.bench.measure import cpu_s, resident_bytes
from tests.bench.queries import BEGIN, COST, DAYS, POD, SPAN, Bench, a_store
from tests.core.cost.charged import shipped

TARGET_S, TARGET_MIB = 60, 512
NODES = {"ecs.c6.2xlarge": (8, 16), "ecs.c6.8xlarge": (32, 64)}
EVENLY = "number * {length} / {count}"
WITH_PEAKS = f"86400 * (intDiv({EVENLY}, 86400) + pow({EVENLY} / 86400 - intDiv({EVENLY}, 86400), 3))"


@dataclass(frozen=True, slots=True)
class ReportTaken:
    """What one report took."""

    report: Report
    cpu_s: float
    engine_cpu_s: float
    mib: int


def fill(bench: Bench, pods: int) -> None:
    """Stores pods with their charges."""
    for statement in (COST, POD):
        bench.fill(statement.replace(EVENLY, WITH_PEAKS), BEGIN, DAYS, pods, 5)


def report_of(bench: Bench, name: str) -> ReportTaken:
    """Reports savings with a node of one type."""
    vcpu, gib = NODES[name]
    node = PoolNode(type=name, need=Need(vcpu * 10**9, gib * 2**30), hourly=Fraction(vcpu * 3, 100))
    window = PoolWindow(midnight(SPAN.begin, UTC), midnight(SPAN.end, UTC))
    before = resident_bytes()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    begun, engine = cpu_s(), bench.cpu_s()
    made = savings(bench.query, SPAN, selection(window, "USD"), PoolQuestion(node), shipped())
    ours, of_engine = cpu_s() - begun, bench.cpu_s() - engine
    return ReportTaken(made, ours, of_engine, (_highest_bytes() - before) // 2**20)


def _highest_bytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.savings", description=__doc__)
    parser.add_argument("--pods", type=int, default=1_000_000)
    pods = parser.parse_args().pods
    say(about())
    with a_store() as bench:
        fill(bench, pods)
        for name in NODES:
            taken = report_of(bench, name)
            sizes = [row[0] for row in taken.report.rows]
            fast, small = verdict(taken.cpu_s <= TARGET_S), verdict(taken.mib <= TARGET_MIB)
            out.print(
                f"{pods:,} pods on {name}, pools of {sizes}: {taken.cpu_s:.1f} CPU s ({fast}: at most {TARGET_S}), "
                f"the engine {taken.engine_cpu_s:.1f}, {taken.mib} MiB ({small}: at most {TARGET_MIB})"
            )
            say({"pods": pods, "node": name, "sizes": sizes, "cpu_s": taken.cpu_s, "mib": taken.mib})


if __name__ == "__main__":
    main()
