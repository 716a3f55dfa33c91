"""
`python -m tests.bench.statement`: what the collectors' round of statements takes, over a month of many charges.

The charges are those of queries.py: rolled up, old enough that no day is stale, in parts that are not merged. Then a day gets
a new charge, as the current day does at any time. Wall time, best of some rounds. A missed target is shown and is not a
failure.
"""

import argparse
import time
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from collector.billing.shared import StatementTerms
from collector.billing.statement import SLOW_MS, write_due
from collector.catalog.rollups import COST_DAILY
from collector.clock import now_ms
from collector.prices import book
from collector.settings.model import Settings
from collector.store.rollup import roll_up
from tests.bench.__main__ import about, out, say
from tests.bench.queries import BEGIN, COST, Bench, a_store, seconds, show

DAYS = 27
"""The rest of the month that queries.BEGIN is in."""
TODAY = date(2026, 10, 31)
TARGET_S = 1.0
NEW_CHARGE = """
    INSERT INTO lynceus.pod_cost
    SELECT * REPLACE (version + 1 AS version, now64(3) AS inserted_at) FROM lynceus.pod_cost
    WHERE day = {day:Date} LIMIT 1
"""


def a_month(bench: Bench, charges: int) -> None:
    """Charges of a month, rolled up."""
    bench.fill(COST, BEGIN, DAYS, charges)
    out.print(f"{charges:,} charges; waiting until their days are not stale", highlight=False)
    time.sleep(SLOW_MS / 1000 + 1)
    roll_up(bench.writer, COST_DAILY)
    ((rows,),) = bench.query("SELECT count() FROM lynceus.cost_daily", {})
    out.print(f"rolled up to {rows:,} rows", highlight=False)
    say({"charges": charges, "rolled_up": rows})


def one_round(bench: Bench, terms: StatementTerms) -> int:
    """What a collector does each minute after the rollups."""
    return len(list(write_due(bench.writer, terms, TODAY, now_ms())))


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.statement", description=__doc__)
    parser.add_argument("--charges", type=int, default=10_000_000)
    arguments = parser.parse_args()
    books = book.load([*Settings().prices, "deploy/examples/alibaba-shared.yaml"], Path(), "USD")
    terms = StatementTerms(books=books, zone=ZoneInfo("UTC"), rules="")
    say(about())
    with a_store() as bench:
        a_month(bench, arguments.charges)
        show("the first round", seconds(lambda: one_round(bench, terms), 1))
        ((lines,),) = bench.query("SELECT count() FROM lynceus.statement_line FINAL", {})
        out.print(f"{lines:,} lines", highlight=False)
        show("a round in which nothing arrived", seconds(lambda: one_round(bench, terms)), TARGET_S)
        bench.writer.command(NEW_CHARGE, {"day": date(2026, 10, 30)})
        show("a round while one day is stale", seconds(lambda: one_round(bench, terms)), TARGET_S)


if __name__ == "__main__":
    main()
