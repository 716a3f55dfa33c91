"""
`python -m tests.bench.reports`: how soon the server answers with the whole page of a month's bill, over 10 million pods.

The charges are those of queries.py, rolled up, with the statement of the month as collectors write it. The pages are the real
server's, over HTTP, from the request to the last byte. Wall time, best of some rounds, and the CPU seconds of the engine
against a sum over all charges by hand. A missed target is shown and is not a failure.
"""

import argparse
import asyncio
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from collector.access.entrance import OPEN_ENTRANCE
from collector.billing.shared import StatementTerms
from collector.billing.statement import write_due
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.prices import book
from collector.service.http_server import serving
from collector.settings.model import HttpSettings, Settings, StoreSettings
from tests.bench.__main__ import about, out, say
from tests.bench.queries import Bench, Took, a_store, show
from tests.bench.statement import TODAY, a_month
from tests.ports import free_port
from tests.web.fleet import a_view

TARGET_S = 1.0
IDLE_CPU_S = 0.1
"""An engine that takes less in a second rests."""
MONTH = f"{TODAY:%Y-%m}"
PAGES = {
    "/reports": f"/reports?month={MONTH}",
    "/reports/{department}": f"/reports/department-7?month={MONTH}",
}
BY_HAND = """
    SELECT department, project, template, product, purchase, class, day, sum(cost) FROM lynceus.pod_cost FINAL
    WHERE day >= '2026-10-01' AND day < '2026-11-01' GROUP BY ALL
"""
"""What a reader of charges would ask for the same page."""


def open_page(address: str) -> None:
    """Reads a page to its last byte."""
    with urllib.request.urlopen(address, timeout=100) as answer:
        assert answer.status == 200
        assert b"</html>" in answer.read()


def when_idle(bench: Bench, work: Callable[[], object], rounds: int = 3) -> Took:
    """
    The best of some rounds, each once the engine rests.

    What a page reads beside itself, why and how the month will end, goes on for seconds after it.
    """
    took = list[Took]()
    for _ in range(rounds):
        before = bench.cpu_s() - 1
        while bench.cpu_s() - before > IDLE_CPU_S:
            before = bench.cpu_s()
            time.sleep(1)
        begun, before = time.perf_counter(), bench.cpu_s()
        work()
        took.append(Took(time.perf_counter() - begun, bench.cpu_s() - before))
    return Took(min(one.wall_s for one in took), min(one.cpu_s for one in took))


async def measure(bench: Bench) -> None:
    """Opens each page a few times, as somebody who is the first to do so, and asks for the sum by hand."""
    port = free_port()
    settings = Settings(store=StoreSettings(url=bench.running.url), http=HttpSettings(listen=f"127.0.0.1:{port}"))
    async with serving(settings, a_view, Counters(), entrance=OPEN_ENTRANCE):
        for name, path in PAGES.items():
            ask = partial(open_page, f"http://127.0.0.1:{port}{path}")
            page = await asyncio.to_thread(when_idle, bench, ask)
            hand = await asyncio.to_thread(when_idle, bench, partial(bench.query, BY_HAND, {}))
            show(f"{name}, whole page", page.wall_s, TARGET_S)
            times = page.cpu_s / hand.cpu_s
            out.print(f"  {page.cpu_s:.2f} CPU seconds of the engine against {hand.cpu_s:.2f} by hand", highlight=False)
            say(
                {
                    "page": name,
                    "page_cpu_s": round(page.cpu_s, 2),
                    "by_hand_cpu_s": round(hand.cpu_s, 2),
                    "times": times,
                }
            )


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reports", description=__doc__)
    parser.add_argument("--pods", type=int, default=10_000_000)
    arguments = parser.parse_args()
    books = book.load([*Settings().prices, "deploy/examples/alibaba-shared.yaml"], Path(), "USD")
    terms = StatementTerms(books=books, zone=ZoneInfo("UTC"), rules="")
    say(about())
    with a_store() as bench:
        a_month(bench, arguments.pods)
        list(write_due(bench.writer, terms, TODAY, now_ms()))
        asyncio.run(measure(bench))


if __name__ == "__main__":
    main()
