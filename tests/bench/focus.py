"""
`python -m tests.bench.focus`: what a FOCUS file of a month takes, and how many rows a busy day has.

Rows are those of `tests.bench.queries`: parts that are not merged, one charge in three under a savings plan. Days are rolled
up before, as a collector does. A missed target is shown and is not a failure.
"""

import argparse
import tempfile
from datetime import date, timedelta
from pathlib import Path

from collector.store.focus import FocusFile, columns_of, pieces, write_file
from collector.store.focus_rows import Grain
from tests.bench.__main__ import about, out, say, verdict
from tests.bench.queries import BEGIN, BUSY, COST, DAYS, Bench, a_store, again

ROLLED = """
    INSERT INTO lynceus.cost_daily (day, department, cluster, namespace, project, template, product, region, purchase, class,
        currency, cost)
    SELECT day, department, cluster, namespace, project, template, product, region, purchase, class, currency, sum(cost)
    FROM lynceus.cost_current GROUP BY ALL
"""
"""Rows of the rollup, in one statement: what counts here is how many there are."""
MONTH_S, MONTH_MIB, DAY_ROWS = 60, 1024, 100_000


def measure(bench: Bench, wanted: FocusFile, what: str, target_s: float | None = None) -> None:
    """Writes a file; shows wall time, CPU of the engine, what its memory rose by, and the size."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "out.csv"
        before = bench.cpu_s()
        took, mib = bench.peak_mib(lambda: write_file(bench.reader, wanted, file))
        cpu, size = bench.cpu_s() - before, file.stat().st_size
        with file.open("rb") as written:
            rows = sum(1 for _ in written) - 1
    of = ""
    if target_s is not None:
        of = f" ({verdict(took <= target_s and mib <= MONTH_MIB)}: at most {target_s:g} s and {MONTH_MIB} MiB)"
    out.print(
        f"{what}: {rows:,} rows, {size >> 20} MiB, {took:.1f} s, {cpu:.1f} CPU s, {mib} MiB more{of}", highlight=False
    )
    say({"file": what, "rows": rows, "bytes": size, "seconds": round(took, 2), "cpu_s": round(cpu, 2), "mib": mib})


def of_days(begin: date, days: int, grain: Grain = "day") -> FocusFile:
    """A CSV file of some days with all columns."""
    columns = columns_of([], grain)
    return FocusFile(begin=begin, end=begin + timedelta(days), zone="Asia/Shanghai", grain=grain, columns=columns)


def rows_of_a_day(bench: Bench) -> None:
    """Counts the rows of the busy day."""
    counted = [
        bench.query(f"SELECT count() FROM ({piece.rows})", piece.parameters)[0][0]
        for piece in pieces(bench.reader, of_days(BUSY, 1))
    ]
    ((charges,),) = bench.query("SELECT count() FROM lynceus.cost_current WHERE day = {day:Date}", {"day": BUSY})
    rows = sum(counted)
    out.print(
        f"a day of {charges:,} charges: {rows:,} rows ({verdict(rows <= DAY_ROWS)}: at most {DAY_ROWS:,})",
        highlight=False,
    )
    say({"day_charges": charges, "rows": rows})


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.focus", description=__doc__)
    parser.add_argument("--charges", type=int, default=10_000_000)
    parser.add_argument("--day", type=int, default=5_000_000)
    arguments = parser.parse_args()
    say(about())
    with a_store() as bench:
        bench.fill(COST, BUSY, 1, arguments.day)
        bench.writer.command(ROLLED)
        rows_of_a_day(bench)
        measure(bench, of_days(BUSY, 1), f"a day of {arguments.day:,} pods")
        bench.writer.command("TRUNCATE TABLE lynceus.pod_cost")
        bench.writer.command("TRUNCATE TABLE lynceus.cost_daily")
        bench.fill(COST, BEGIN, DAYS, arguments.charges)
        bench.writer.command(again())
        bench.writer.command(ROLLED)
        measure(bench, of_days(BEGIN, DAYS), f"{DAYS} days of {arguments.charges:,} pods", MONTH_S)
        measure(bench, of_days(BEGIN, 1, "pod"), "a day with a row per pod and meter")


if __name__ == "__main__":
    main()
