"""
`python -m tests.bench.scrape`: what a scrape costs, beside prometheus-client's own writer on the same samples.

CPU time of the whole process, and how much of it passes while the event loop wakes no timer; the best of some rounds of each,
in turn. prometheus-client runs as it would in a collector: families are gathered in the loop, the text is written in a
thread. A missed target is shown and is not a failure.
"""

import argparse
import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

from prometheus_client.openmetrics.exposition import generate_latest
from rich.table import Table

from collector.exposition.prometheus import Scrapes, families
from tests.bench.__main__ import about, out, say, verdict
from tests.exposition import large
from tests.exposition.test_lines import Source

CPU_S, HOLD_S, AT = 0.2, 0.02, 100_000
"""The targets, for so many samples."""
CLIENT = "prometheus-client, OpenMetrics"

Case = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one case took in its best round."""

    case: str
    samples: int
    size: int
    """Bytes of the answer."""
    cpu_s: float
    hold_s: float
    """The longest time, in CPU seconds, in which the loop woke no timer of a millisecond."""


def cases(samples: int) -> dict[str, Case]:
    """Ways to answer a scrape of about so many samples."""
    view, counters = large.view(samples), large.counters(samples)
    endpoint = Scrapes(lambda: view, counters)

    def ours(accept: str, encoding: str) -> Case:
        async def answer() -> bytes:
            return (await endpoint.answer(accept, encoding)).body

        return answer

    async def client() -> bytes:
        body: bytes = await asyncio.to_thread(generate_latest, Source(families(view, counters, {})))
        return body

    return {
        "plain text": ours("", ""),
        "OpenMetrics": ours("application/openmetrics-text", ""),
        "OpenMetrics, gzip": ours("application/openmetrics-text", "gzip"),
        CLIENT: client,
    }


async def cost(case: str, answer: Case) -> Cost:
    """One round: a scrape for its CPU, and one for the loop's timers."""
    gc.collect()
    begun = time.process_time()
    body = await answer()
    cpu_s = time.process_time() - begun
    async with large.holds() as held:
        await asyncio.sleep(0.01)
        await answer()
        await asyncio.sleep(0.01)
    return Cost(case, 0, len(body), cpu_s, max(held))


async def measure(samples: int, rounds: int) -> list[Cost]:
    """All cases in turn, as often as there are rounds. The first scrape of all, which escapes every label, is not counted."""
    made = cases(samples)
    found = len((await made["plain text"]()).splitlines())
    every: dict[str, list[Cost]] = {case: [] for case in made}
    for _ in range(rounds):
        for case, answer in made.items():
            every[case].append(await cost(case, answer))
    return [
        Cost(case, found, costs[0].size, min(c.cpu_s for c in costs), min(c.hold_s for c in costs))
        for case, costs in every.items()
    ]


def show(costs: list[Cost]) -> None:
    """A table, then one JSON line a case."""
    table = Table(title=f"{costs[0].samples:,} lines", title_justify="left")
    for name in ("case", "CPU ms", "less than prometheus-client", "longest hold, CPU ms", "size, KB"):
        table.add_column(name, justify="left" if name == "case" else "right")
    [client] = [cost for cost in costs if cost.case == CLIENT]
    for case in costs:
        judged = case.samples >= AT and case is not client
        table.add_row(
            case.case,
            f"{1000 * case.cpu_s:.1f}"
            + (f" ({verdict(case.cpu_s <= CPU_S)}: at most {1000 * CPU_S:g})" if judged else ""),
            "" if case is client else f"{client.cpu_s / case.cpu_s:.0f}x",
            f"{1000 * case.hold_s:.1f}"
            + (f" ({verdict(case.hold_s <= HOLD_S)}: at most {1000 * HOLD_S:g})" if judged else ""),
            f"{case.size / 1000:,.0f}",
        )
    out.print(table)
    for case in costs:
        say({**asdict(case), "less_than_client": round(client.cpu_s / case.cpu_s, 1)})


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scrape", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    say(about())
    for samples in (10_000, AT):
        show(asyncio.run(measure(samples, rounds)))


if __name__ == "__main__":
    main()
