"""How rollups are rebuilt, on the real engine; tests/reports/test_rollup_source.py compares reports."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from collector.billing.rows import write_facts
from collector.catalog.bills import PERIOD, POD_COST
from collector.catalog.rollups import COST_DAILY, HOUSEKEEPING, ROLLUPS, WORKFLOW_HOURLY
from collector.catalog.workflows import WORKFLOW_RUN
from collector.core.facts.bills import PodCost
from collector.store.clickhouse import Store, StoreError
from collector.store.rollup import batches, roll_up, rolled_up_at
from tests.builders import DAY, NOON, a_pod_run
from tests.core.cost.charged import charge
from tests.reports.stored import a_run
from tests.store.running import Running

TODAY = date(2026, 11, 22)
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def store(writer: Store) -> Store:
    kept = [table.name for table in (POD_COST, PERIOD, WORKFLOW_RUN)]
    for name in (*kept, *(rollup.name for rollup in ROLLUPS), *(table.name for table in HOUSEKEEPING)):
        writer.command(f"TRUNCATE TABLE lynceus.{name}")
    return writer


def charges(*pods: str, day: int = 0, **changes: Any) -> list[PodCost]:
    """Charges of pods of a cluster each, of today or of days before."""
    found = []
    for pod in pods:
        at = NOON - day * DAY
        run = a_pod_run(uid=pod, cluster=pod, created_at=at, scheduled_at=at, instance_created_at=at, main_started_at=at,
                        finished_at=at + 60_000)  # fmt: skip
        found += [replace(one, **changes) for one in charge(run)]
    return found


def rebuilt(store: Store, **more: Any) -> list[date]:
    """Runs a round; returns the days that it rebuilt."""
    days: list[date] = []
    roll_up(store, COST_DAILY, rebuilt=days.append, **more)
    return days


def stored_days(store: Store) -> dict[tuple[date, str], int]:
    """The content of the rollup: pods by day and department."""
    rows = store.query_rows("SELECT day, department, sum(pods) FROM lynceus.cost_daily GROUP BY 1, 2")
    return {(day, department): pods for day, department, pods in rows}


def old(store: Store) -> None:
    """Makes all rows an hour older."""
    store.command(
        "ALTER TABLE lynceus.pod_cost UPDATE inserted_at = inserted_at - 3600 WHERE 1 SETTINGS mutations_sync = 1"
    )


def test_only_days_with_new_rows_are_rebuilt_the_newest_first(store: Store) -> None:
    """A day without new rows stays as it is; a day with late rows is rebuilt."""
    write_facts(store, charges("a", "b") + charges("c", day=1))
    assert rebuilt(store) == [TODAY, YESTERDAY]
    assert rebuilt(store) == [TODAY, YESTERDAY]  # an insert may still be under way that began before the first round

    old(store)
    assert rebuilt(store) == []
    write_facts(store, charges("late", day=1))
    assert rebuilt(store) == [YESTERDAY]
    assert stored_days(store) == {(TODAY, "unallocated"): 2, (YESTERDAY, "unallocated"): 2}


def test_a_row_with_a_new_owner_leaves_the_old_owners_sum(store: Store) -> None:
    """The day is computed again, from the newest version of each row."""
    write_facts(store, first := charges("a", "b"))
    rebuilt(store)
    write_facts(store, [replace(one, department="maps", version=one.version + 1) for one in first[:1]])
    rebuilt(store)

    assert stored_days(store) == {(TODAY, "unallocated"): 1, (TODAY, "maps"): 1}


def test_small_clusters_are_read_by_one_statement() -> None:
    """Up to so many rows together; a larger one is read alone, and each is read once."""
    counts = [("a", 2), ("b", 3), ("c", 1), ("d", 9), ("e", 1), ("f", 4)]

    assert list(batches(counts, 5)) == [["a", "b"], ["c"], ["d"], ["e", "f"]]
    assert list(batches([], 5)) == []


def test_a_day_is_the_same_in_however_many_statements(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each cluster, or one for all of them."""
    write_facts(store, charges("a", "b", "c"))
    rebuilt(store)
    together = stored_days(store)
    monkeypatch.setattr("collector.store.rollup.batches", lambda counts: ([cluster] for cluster, _ in counts))

    assert rebuilt(store) == [TODAY]
    assert stored_days(store) == together == {(TODAY, "unallocated"): 3}


def test_a_day_that_became_empty_is_dropped(store: Store) -> None:
    """No empty partition and no old row is left."""
    write_facts(store, charges("a", run=1))
    rebuilt(store)
    store.insert(PERIOD, [(date(2026, 11, 1), 1, 2, "open", None, "", {}, 0, {}, "", {})], "turned")

    assert rebuilt(store) == [TODAY]
    assert stored_days(store) == {}
    old(store)
    assert rebuilt(store) == []


def test_a_lost_record_costs_only_work(store: Store) -> None:
    """All days are rebuilt with the same result."""
    write_facts(store, charges("a") + charges("b", day=1))
    rebuilt(store)
    before = stored_days(store)
    old(store)
    store.command("TRUNCATE TABLE lynceus.rollup_state")

    assert rolled_up_at(store) == {}
    assert rebuilt(store) == [TODAY, YESTERDAY]
    assert stored_days(store) == before


def test_an_interrupted_round_is_continued(store: Store) -> None:
    """Days that are done are skipped; the round is not recorded as done."""
    write_facts(store, charges("a") + charges("b", day=1))
    old(store)

    def cut(day: date) -> None:
        if day == YESTERDAY:
            raise StoreError("gone")

    with pytest.raises(StoreError):
        roll_up(store, COST_DAILY, rebuilt=cut)
    assert rolled_up_at(store) == {}
    assert store.query_rows("SELECT count() FROM system.tables WHERE name LIKE '%_next_%'") == [(0,)]
    assert rebuilt(store) == [YESTERDAY]
    assert set(rolled_up_at(store)) == {"cost_daily"}


def test_two_that_rebuild_at_once_do_not_mix(store: Store, running: Running) -> None:
    """Each computes in its own table, with the same result."""
    other = running.writer()
    write_facts(store, charges("a", "b", "c") + charges("d", day=1))

    def second(day: date) -> None:
        roll_up(other, COST_DAILY)

    roll_up(store, COST_DAILY, rebuilt=second)
    other.close()

    assert stored_days(store) == {(TODAY, "unallocated"): 3, (YESTERDAY, "unallocated"): 1}
    assert store.query_rows("SELECT count() FROM system.tables WHERE name LIKE '%_next_%'") == [(0,)]


def test_days_of_expired_rows_stay_as_they_were(store: Store) -> None:
    """Their sums include rows that have expired."""
    write_facts(store, charges("a") + charges("b", day=1))
    rebuilt(store)
    store.command("TRUNCATE TABLE lynceus.pod_cost")
    write_facts(store, charges("late", day=1))

    assert rebuilt(store, oldest=TODAY) == []
    assert stored_days(store) == {(TODAY, "unallocated"): 1, (YESTERDAY, "unallocated"): 1}
    old(store)
    assert rebuilt(store) == []


def test_abandoned_staging_tables_are_dropped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Staging tables of working collectors stay, and tables with other names."""
    for name in ("cost_daily_next_0123456789ab", "cost_daily_next_mine"):
        store.command(f"CREATE TABLE lynceus.{name} AS lynceus.cost_daily ENGINE = Memory")
    write_facts(store, charges("a"))
    rebuilt(store)
    found = "SELECT name FROM system.tables WHERE name LIKE 'cost_daily_next%' ORDER BY name"
    assert len(store.query_rows(found)) == 2

    monkeypatch.setattr("collector.store.rollup.ABANDONED_AFTER_S", -10)
    rebuilt(store)
    assert store.query_rows(found) == [("cost_daily_next_mine",)]
    store.command("DROP TABLE lynceus.cost_daily_next_mine SYNC")


def test_an_end_that_moves_to_another_day_moves_the_attempt(store: Store) -> None:
    """workflow_hourly is by the hour of the end, and rebuilt by the day of creation, which never changes."""
    write_facts(store, [run := a_run("w1", queue_latency_ms=2000), a_run("w2", finished_at=None)])
    roll_up(store, WORKFLOW_HOURLY)
    write_facts(store, [replace(run, finished_at=NOON + 2 * DAY, version=run.version + 1)])
    roll_up(store, WORKFLOW_HOURLY)

    rows = store.query_rows(
        "SELECT toDate(hour), sum(runs), quantilesTDigestMerge(0.5, 0.95, 0.99)(queue_latency) "
        "FROM lynceus.workflow_hourly GROUP BY 1"
    )
    assert [(day, runs, list(latency)) for day, runs, latency in rows] == [(date(2026, 11, 24), 1, [2000.0] * 3)]
