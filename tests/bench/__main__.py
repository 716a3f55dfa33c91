"""
`make bench`: CPU seconds of each client for the same bytes in one run, as ratios.

CPU and not wall time, since server and client share the cores. Every client runs in turn, as often as there are rounds,
and its cheapest round counts: other work on the machine can only make a figure worse. A missed target is
shown and is not a failure.
"""

import argparse
import json
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.clients import GO, KUBERNETES, LIST, PIPELINE, REFLECTOR, Server, build_go, run, serving
from tests.bench.fixtures import PODS_OF_WORKFLOW
from tests.bench.measure import Figures

out = Console(width=150, highlight=False)

WORKFLOWS = "small workflows"
TARGETS = {
    (WORKFLOWS, REFLECTOR, KUBERNETES): 10.0,
    (WORKFLOWS, REFLECTOR, GO): 8.0,
    (WORKFLOWS, PIPELINE, KUBERNETES): 3.5,
}
"""How many times less CPU than another client a case of ours is to use."""

LIST_CPU_S, LIST_OBJECTS, LIST_BYTES = 1.6, 40_000, 1_200.0
"""A list of so many objects: CPU seconds at most, and bytes kept for each at most."""

PACE, PACED_OBJECTS = 1_000, 2_000
"""The steady rate of design.md section 1; each event then wakes its reader by itself."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The best round of every case on one stream."""

    title: str
    server: Server
    best: dict[str, Figures]

    def per_100k(self, case: str) -> float:
        """CPU seconds per 100,000 events, the store's process included."""
        figures = self.best[case]
        return (figures.cpu_s + figures.store_cpu_s) / figures.events * 100_000

    def times_less(self, case: str, other: str) -> float | None:
        """How many times less than another case; None when that was not measured or is the same."""
        return None if other not in self.best or other == case else self.per_100k(other) / self.per_100k(case)


def measure(title: str, kind: str, cases: Iterable[str], rounds: int, **sizes: int) -> Measured:
    """All cases in turn against one server, several times over."""
    best: dict[str, Figures] = {}
    with serving(kind, **sizes) as server:
        for case in [*cases] * rounds:
            figures = run(case, server, kind)
            if case not in best or _total(figures) < _total(best[case]):
                best[case] = figures
    return Measured(title, server, best)


def _total(figures: Figures) -> float:
    return figures.cpu_s + figures.store_cpu_s


def show(measured: Measured) -> None:
    """A stream's table, then one JSON line a case."""
    server = measured.server
    sizes = f"{server.events:,} events of {server.mean_bytes:,} B in the mean"
    table = Table(title=f"{measured.title}: {sizes}", title_justify="left")
    for name in (
        "case",
        "events a CPU s",
        "CPU s per 100k",
        "of these the store",
        "less than kubernetes.watch",
        "less than client-go",
    ):
        table.add_column(name, justify="left" if name == "case" else "right")
    for case, figures in measured.best.items():
        cpu, store = measured.per_100k(case), figures.store_cpu_s / figures.events * 100_000
        ratios = [_ratio(measured, case, other) for other in (KUBERNETES, GO)]
        table.add_row(case, f"{100_000 / cpu:,.0f}", f"{cpu:.2f}", f"{store:.2f}" if store else "", *ratios)
    out.print(table)
    for case in measured.best:
        say(_line(measured, case))


def show_mix(workflows: Measured, pods: Measured) -> None:
    """The two streams as a cluster sends them together: with a workflow's events those of its four pods."""
    shares = (1 / (1 + PODS_OF_WORKFLOW), PODS_OF_WORKFLOW / (1 + PODS_OF_WORKFLOW))
    mixed = {
        case: round(shares[0] * workflows.per_100k(case) + shares[1] * pods.per_100k(case), 3)
        for case in workflows.best
    }
    out.print("a workflow's events with those of its four pods, CPU s per 100k:", mixed)
    say({"stream": "mixed", "cpu_s_per_100k": mixed})


def _ratio(measured: Measured, case: str, other: str) -> str:
    ratio, target = measured.times_less(case, other), TARGETS.get((measured.title, case, other))
    if ratio is None:
        return ""
    wanted = f" ({verdict(ratio >= target)}: at least {target:g}x)" if target else ""
    return f"{ratio:.1f}x{wanted}"


def verdict(met: bool) -> str:
    """How a target fared."""
    return "met" if met else "MISSED"


def _line(measured: Measured, case: str) -> dict[str, Any]:
    figures = measured.best[case]
    return {
        "stream": measured.title, **asdict(figures), "cpu_s_per_100k": round(measured.per_100k(case), 3),
        "mean_event_bytes": measured.server.mean_bytes,
        "less_than": {other: round(r, 2) for other in (KUBERNETES, GO) if (r := measured.times_less(case, other))},
    }  # fmt: skip


def show_list(listed: int, rounds: int) -> None:
    """The large list: CPU seconds and bytes kept for each object."""
    measured = measure("list", "workflows", [LIST], rounds, listed=listed)
    figures = measured.best[LIST]
    cpu_s = figures.cpu_s / figures.events * LIST_OBJECTS
    out.print(
        f"list of {figures.events:,} workflows of {measured.server.mean_bytes:,} B, pages of 500, through reflector and core:\n"
        f"  {cpu_s:.2f} CPU s per {LIST_OBJECTS:,} ({verdict(cpu_s <= LIST_CPU_S)}: at most {LIST_CPU_S}),"
        f" {figures.kept_bytes:,.0f} B kept an object ({verdict(figures.kept_bytes <= LIST_BYTES)}: at most {LIST_BYTES:,.0f})"
    )
    say({**asdict(figures), "mean_object_bytes": measured.server.mean_bytes})


def say(line: dict[str, Any]) -> None:
    """One JSON line."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def about() -> dict[str, str]:
    """The machine, for the record."""
    models = [t for t in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if t.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else platform.processor()
    return {"cpu": f"{len(models)} x {model}", "python": platform.python_version(), "system": platform.platform()}


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--workflows", type=int, default=20_000, help="lives of 5 events each")
    parser.add_argument("--pods", type=int, default=4_000, help="lives of 5 events each")
    parser.add_argument("--listed", type=int, default=LIST_OBJECTS)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    say(about())
    cases = [KUBERNETES, GO, REFLECTOR, PIPELINE]
    if missing := build_go():
        out.print(f"client-go is not measured: {missing}")
        cases.remove(GO)
    workflows = measure(WORKFLOWS, "workflows", cases, arguments.rounds, objects=arguments.workflows)
    pods = measure("pods", "pods", cases, arguments.rounds, objects=arguments.pods)
    show(workflows)
    show(pods)
    show_mix(workflows, pods)
    show(measure(f"{WORKFLOWS} at {PACE:,}/s", "workflows", cases, 1, objects=PACED_OBJECTS, pace=PACE))
    show_list(arguments.listed, arguments.rounds)


if __name__ == "__main__":
    main()
