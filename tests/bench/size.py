"""
`python -m tests.bench.size`: what a month of rows takes on disk, beside what `lynceus size` predicts for it.

The month is one of 30 days whose load differs from those that the model's weights were fitted with. A missed bound is shown
and is not a failure; tests/bench/test_size.py asserts it for a small one.
"""

import argparse
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from collector.catalog.size import Load, growth
from collector.store.clickhouse import Store, connect
from collector.store.schema.migrate import migrate
from tests.bench.__main__ import about, out, say, verdict
from tests.bench.month import Month, bytes_by_table, lay
from tests.store.running import start

BOUND = 0.15
BEGIN = date(2026, 9, 1)
TIMEOUT_S = 590


def load_of(month: Month) -> Load:
    """The load that a person would give for a month."""
    return Load(
        pods_per_day=month.pods_per_day,
        workflows_per_day=month.workflows // month.days,
        steps_per_pod=month.steps_per_pod,
        templates=min(month.templates * month.clusters, month.workflows // month.days),
        queues=month.queues,
        pod_minutes=7.5,
    )


def predicted(month: Month) -> dict[str, float]:
    """Bytes by table after the month."""
    return {each.table: each.after(month.days) for each in growth(load_of(month), {})}


def measured(store: Store, month: Month) -> Mapping[str, int]:
    """Bytes by table of a month that is laid down in an empty store."""
    migrate(store)
    lay(store, month)
    return bytes_by_table(store)


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.size", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--pods-per-day", type=int, default=50_000)
    parser.add_argument("--pods-per-workflow", type=int, default=8)
    parser.add_argument("--steps-per-pod", type=float, default=1.5)
    parser.add_argument("--clusters", type=int, default=5)
    parser.add_argument("--queues", type=int, default=10)
    month = Month(begin=BEGIN, **vars(parser.parse_args()))
    say(about())
    with tempfile.TemporaryDirectory() as folder:
        running = start(Path(folder))
        store = connect(running.url, "lynceus", running.token_file, timeout_s=TIMEOUT_S)
        try:
            found = measured(store, month)
        finally:
            store.close()
            running.stop()
    expected = predicted(month)
    for table, size in expected.items():
        out.print(
            f"{table}: {found[table]:,} bytes, predicted {size:,.0f} ({size / found[table]:.2f})", highlight=False
        )
    ratio = sum(expected.values()) / sum(found.values())
    pods = month.days * month.pods_per_day
    each = sum(found.values()) / pods
    out.print(
        f"{pods:,} pods: {each:.1f} bytes each, predicted {each * ratio:.1f} ({verdict(abs(ratio - 1) <= BOUND)}: "
        f"within {BOUND:.0%})",
        highlight=False,
    )
    say({"pods": pods, "bytes_per_pod": round(each, 1), "predicted_to_measured": round(ratio, 3)})


if __name__ == "__main__":
    main()
