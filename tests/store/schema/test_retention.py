"""How long rows are kept, on the real engine."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from collector.billing.rows import write_facts
from collector.catalog.retention import RETENTION, retention_days
from collector.catalog.rollups import WORKFLOW_HOURLY
from collector.catalog.watches import QUARANTINE
from collector.catalog.workflows import QUEUE_SAMPLE
from collector.store.clickhouse import Store
from collector.store.rollup import roll_up
from collector.store.schema.retention import apply_retention, kept_days
from tests.reports.stored import a_run
from tests.store.facts import a_sample

FOR_EVER = dict.fromkeys(RETENTION, 0)


@pytest.fixture
def store(writer: Store) -> Any:
    for table in (QUEUE_SAMPLE, QUARANTINE, WORKFLOW_HOURLY):
        writer.command(f"TRUNCATE TABLE lynceus.{table.name}")
    apply_retention(writer, FOR_EVER)  # other tests share the store
    yield writer
    apply_retention(writer, FOR_EVER)


def test_a_table_is_changed_where_it_differs(store: Store) -> None:
    """A start with the same settings changes nothing; a table without a setting keeps its rows for ever again."""
    days = retention_days({"queue_sample": "7d"})

    assert set(apply_retention(store, days)) == {name for name, kept in days.items() if kept}
    assert apply_retention(store, days) == []
    assert apply_retention(store, retention_days({"queue_sample": "8d"})) == ["queue_sample"]
    assert set(apply_retention(store, FOR_EVER)) == {name for name, kept in days.items() if kept}
    assert apply_retention(store, FOR_EVER) == []


def test_old_rows_go_and_others_stay(store: Store) -> None:
    """A month's part is dropped when all of its rows are too old, even if the part is older than the setting."""
    now = int(datetime.now(UTC).timestamp() * 1000)
    at = a_sample(1).at
    write_facts(store, [a_sample(1)])
    recent = (now - at) // 15_000
    write_facts(store, [a_sample(recent), a_sample(2)])
    left = "SELECT count() FROM lynceus.queue_sample"
    store.command("OPTIMIZE TABLE lynceus.queue_sample FINAL")
    assert store.query_rows(left) == [(3,)]

    apply_retention(store, FOR_EVER | {"queue_sample": 90})
    store.command("ALTER TABLE lynceus.queue_sample MATERIALIZE TTL SETTINGS mutations_sync = 1")
    store.command("OPTIMIZE TABLE lynceus.queue_sample FINAL")

    assert store.query_rows(f"{left} WHERE at > now() - 100") == [(1,)]
    assert store.query_rows(left) == [(1,)]


def test_a_default_deletes_nothing_that_a_store_holds(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """An upgrade to a shorter default keeps rows of years ago, and says so; only a setting shortens it for them."""
    store.command("TRUNCATE TABLE lynceus.pod_run")
    write_facts(store, [a_sample(1)])
    days = FOR_EVER | {"queue_sample": 1, "pod_run": 400}

    changed = apply_retention(store, days, by_default=days.keys())
    again = apply_retention(store, days, by_default=days.keys())

    assert (changed, again) == (["pod_run"], [])
    assert (kept_days(store)["pod_run"], kept_days(store)["queue_sample"]) == (400, 0)
    warned = [getattr(record, "setting", "") for record in caplog.records if record.levelname == "WARNING"]
    assert warned == ["retention.queue_sample"] * 2
    assert apply_retention(store, days, by_default={"pod_run"}) == ["queue_sample"]
    assert kept_days(store)["queue_sample"] == 1


def test_a_longer_or_endless_default_is_applied(store: Store) -> None:
    """It deletes nothing, whatever rows there are."""
    write_facts(store, [a_sample(1)])
    apply_retention(store, FOR_EVER | {"queue_sample": 7})

    assert apply_retention(store, FOR_EVER, by_default=FOR_EVER.keys()) == ["queue_sample"]
    assert set(kept_days(store).values()) == {0}


def test_a_rollup_that_ages_can_be_rebuilt(store: Store) -> None:
    """The table in which a day is computed has no TTL, and its partitions fit nevertheless."""
    apply_retention(store, FOR_EVER | {"workflow_hourly": 4000})
    write_facts(store, [a_run("aged", cluster="aged")])
    roll_up(store, WORKFLOW_HOURLY)

    assert store.query_rows("SELECT sum(runs) FROM lynceus.workflow_hourly WHERE cluster = 'aged'") == [(1,)]


class WithOneTable:
    """A store whose migrations are still under way."""

    def query_rows(self, *_: object) -> list[tuple[str, str]]:
        return [("queue_sample", "MergeTree TTL at + toIntervalDay(7) SETTINGS ttl_only_drop_parts = 1")]


def test_a_table_that_is_not_made_yet_holds_up_no_other() -> None:
    """A rollup whose tables are there goes on; retention is set when all are."""
    early = cast(Store, WithOneTable())

    assert kept_days(early) == {"queue_sample": 7}
    with pytest.raises(KeyError):
        apply_retention(early, FOR_EVER)
