"""What `lynceus size` predicts, beside rows on the disk of a real store; the bench does it for a month of a fleet."""

from pathlib import Path

from tests.bench.month import Month
from tests.bench.size import BEGIN, BOUND, measured, predicted
from tests.store.running import start

MONTH = Month(begin=BEGIN, days=3, pods_per_day=8_000, pods_per_workflow=10, steps_per_pod=1.4, clusters=2, queues=2)


def test_the_disk_is_predicted(tmp_path: Path) -> None:
    """Within 15 %, for a load that no weight was fitted with."""
    running = start(tmp_path)
    store = running.writer()
    try:
        found = measured(store, MONTH)
    finally:
        store.close()
        running.stop()

    expected = predicted(MONTH)
    assert abs(sum(expected.values()) / sum(found[table] for table in expected) - 1) <= BOUND
