"""
`python -m tests.bench.tenants`: what a report takes with a department's token, against the same with a token for everything.

The filter, and a plan without indexes and optimizations, are the price of statements that show nothing of other departments.
Wall time, best of some rounds, in turns; the charges are those of tests/bench/queries.py, from rows and from the rollup.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from collector.access.tokens import TokenEntry, hash_of, make_token, write_tokens
from collector.catalog.rollups import COST_DAILY
from collector.connect import store_failures
from collector.reports.cost import cost
from collector.reports.filters import Filter
from collector.store.clickhouse import Store, connect
from collector.store.rollup import roll_up
from collector.store.schema.migrate import migrate
from tests.bench.__main__ import about, out, say
from tests.bench.queries import BEGIN, COST, DAYS, SPAN, TIMEOUT_S, Bench, alternately
from tests.store.running import start

DEPARTMENT = "department-3"
"""One of twenty."""


def reports(reader: Store, by: str, *filters: Filter) -> Callable[[], Any]:
    """The work of a cost report."""

    def query(sql: str, bound: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        with store_failures():  # a department's report does without what is refused
            return reader.query_rows(sql, dict(bound))

    return lambda: cost(query, SPAN, by, filters=filters)


def compare(bench: Bench, department: Store, by: str) -> None:
    """Shows what a report takes for all, for all who ask for the department, and for the department itself."""
    chosen = Filter("department", (DEPARTMENT,))
    everything, filtered, own = alternately(
        bench, reports(bench.reader, by), reports(bench.reader, by, chosen), reports(department, by), rounds=3
    )
    times = own.wall_s / everything.wall_s
    out.print(
        f"report cost --by {by}: all {everything.wall_s:.3f} s, all with --where {filtered.wall_s:.3f} s, "
        f"the department's token {own.wall_s:.3f} s: {times:.2f} times",
        highlight=False,
    )
    say(
        {"by": by, "all_s": round(everything.wall_s, 3), "department_s": round(own.wall_s, 3), "times": round(times, 2)}
    )


def measure(folder: Path, charges: int) -> None:
    """Fills a store and measures."""
    tokens = [make_token(), make_token()]
    file = folder / "tokens.yaml"
    entries = [
        TokenEntry("all", hash_of(tokens[0]), scope="all"),
        TokenEntry("own", hash_of(tokens[1]), departments=(DEPARTMENT,)),
    ]
    file.write_bytes(write_tokens(entries))
    running = start(folder, token_files=[file])
    open_store = partial(connect, running.url, timeout_s=TIMEOUT_S)
    writer = open_store("lynceus", running.token_file)
    reader, department = (open_store(token=token) for token in tokens)
    migrate(writer)
    bench = Bench(running, writer, reader)
    bench.fill(COST, BEGIN, DAYS, charges)
    out.print(f"{charges:,} charges", highlight=False)
    compare(bench, department, "department,day")
    compare(bench, department, "workflow")
    roll_up(writer, COST_DAILY)
    compare(bench, department, "department,day")
    for store in (writer, reader, department):
        store.close()
    running.stop()


def main() -> None:
    """Measures and prints everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tenants", description=__doc__)
    parser.add_argument("--charges", type=int, default=1_000_000)
    charges = parser.parse_args().charges
    say(about())
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), charges)


if __name__ == "__main__":
    main()
