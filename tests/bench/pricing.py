"""
`python -m tests.bench.pricing`: pods priced a second on one core, and what samplers make of short pods.

CPU time, best of some rounds. A sampler looks every so many seconds and charges that long for each time it saw the pod run,
as tools that scrape do; the bill is the product's own formula in exact fractions. A missed target is
shown and is not a failure.
"""

import argparse
import gc
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from zoneinfo import ZoneInfo

from rich.table import Table

from collector.core.cost import charge as billing
from collector.core.facts.bills import PodRun
from tests.bench.__main__ import about, out, say, verdict
from tests.builders import DAY, NOON, SECOND
from tests.core.cost.charged import acs, eci, pod, shipped

TARGET = 20_000
"""Pods priced a second, at least."""
SHORT_S = (1, 5, 10, 30, 45)
SAMPLERS_S = (15, 60, 300)
A_SECOND = Fraction("0.0000154") + Fraction("0.00000384")
"""2 vCPU and 4 GiB on ECI, in USD."""

SPECS: tuple[dict[str, str], ...] = (
    eci("2.0-4.0Gi"), eci("0.25-0.5Gi"), eci("8-16Gi"), eci("ecs.c6.large"), acs(), acs("performance", "best-effort"),
    eci("2-4Gi", **{"instance-compute-category": "economy"}), {"CapacityProvisioned": "0.25vCPU 0.5GB"}, {},
)  # fmt: skip


def pods(count: int, seed: int = 1) -> list[PodRun]:
    """A month of pods of all kinds, minutes long; one of a hundred crosses midnight."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        marks = chance.choice(SPECS)
        node = "fargate-1" if "CapacityProvisioned" in marks else "virtual-kubelet-cn-hangzhou-i"
        begin = NOON + chance.randrange(0, 30 * DAY)
        seconds = chance.randrange(10, 1200)
        region = "us-east-1" if "CapacityProvisioned" in marks else "cn-hangzhou"
        made.append(pod(seconds, begin, 5, pricing=dict(marks), node_name=node, region=region))
    return made


def priced_a_second(runs: Sequence[PodRun], rounds: int = 3) -> float:
    """Pods whose charges one core makes in a CPU second: product, spec, interval, prices, lines, row."""
    books, zone, until = shipped(), ZoneInfo("Asia/Shanghai"), NOON + 40 * DAY
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        begun = time.process_time()
        for run in runs:
            billing.charges(run, None, books, zone, until)
        best = min(best, time.process_time() - begun)
    return len(runs) / best


@dataclass(frozen=True, slots=True)
class Compared:
    """What several ways to measure make of the same pods, as parts of their bill."""

    total: Fraction
    """What all are charged, of what they cost; 1 is right."""
    error: Fraction
    """The mean difference of a pod's charge from its bill, as a part of the mean bill."""
    unseen: Fraction
    """The part of the pods that are charged nothing."""


def by_lynceus(begin_ms: int, seconds: int) -> Fraction:
    """The charge of a pod of 2 vCPU and 4 GiB."""
    (charge,) = billing.charges(pod(seconds, begin_ms), None, shipped(), ZoneInfo("UTC"), NOON + 40 * DAY) or (None,)
    return Fraction(0) if charge is None or charge.cost is None else Fraction(charge.cost)


def by_sampler(every_s: int) -> Callable[[int, int], Fraction]:
    """The charge of one that looks at the clock's every so many seconds."""

    def charge(begin_ms: int, seconds: int) -> Fraction:
        every = every_s * SECOND
        seen = (begin_ms + seconds * SECOND - 1) // every - (begin_ms - 1) // every
        return A_SECOND * every_s * seen

    return charge


def compare(charge: Callable[[int, int], Fraction], lengths: Sequence[int], seed: int = 1) -> Compared:
    """One way to measure against the bill, over pods that begin at random within a day, none at midnight."""
    chance = random.Random(seed)
    bills, charges = [], []
    for seconds in lengths:
        begin = NOON + chance.randrange(0, 11 * 3600) * SECOND + chance.randrange(0, 1000)
        bills.append(A_SECOND * seconds)
        charges.append(charge(begin, seconds))
    whole = sum(bills, Fraction(0))
    return Compared(
        sum(charges, Fraction(0)) / whole,
        sum((abs(c - b) for c, b in zip(charges, bills, strict=True)), Fraction(0)) / whole,
        Fraction(sum(1 for c in charges if not c), len(charges)),
    )


def kinds(count: int) -> dict[str, list[int]]:
    """Pods of each short length, and of random ones: most a minute, some an hour."""
    chance = random.Random(7)
    lengths = [max(1, int(chance.lognormvariate(4, 1))) for _ in range(count)]
    return {**{f"{s} s": [s] * 1000 for s in SHORT_S}, f"{count:,} random": [min(s, 3600) for s in lengths]}


WAYS: dict[str, Callable[[int, int], Fraction]] = {
    "lynceus": by_lynceus, **{f"sampler of {s} s": by_sampler(s) for s in SAMPLERS_S}
}  # fmt: skip


def show_samplers(count: int) -> None:
    """A line for each length: the mean error of a pod, and how many are charged nothing."""
    table = Table(title="mean error of a pod's charge, of the mean bill (pods charged nothing)", title_justify="left")
    for name in ("pods of", *WAYS):
        table.add_column(name, justify="right")
    for kind, lengths in kinds(count).items():
        found = {way: compare(charge, lengths) for way, charge in WAYS.items()}
        table.add_row(kind, *(f"{float(c.error):.0%} ({float(c.unseen):.0%})" for c in found.values()))
        say({"pods": kind, **{w: {"error": float(c.error), "total": float(c.total)} for w, c in found.items()}})
    out.print(table)


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pricing", description=__doc__)
    parser.add_argument("--pods", type=int, default=50_000)
    arguments = parser.parse_args()
    say(about())
    rate = priced_a_second(pods(arguments.pods))
    out.print(f"{rate:,.0f} pods priced a CPU second ({verdict(rate >= TARGET)}: at least {TARGET:,})")
    say({"pods_priced_a_second": round(rate)})
    show_samplers(10_000)


if __name__ == "__main__":
    main()
