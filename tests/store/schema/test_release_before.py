"""A store that the release before wrote, as this release takes it up: rows, reports, counters and live state."""

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard
from typer.testing import CliRunner

from collector.catalog import metrics
from collector.cli.main import app
from collector.pipeline.pipeline import Pipeline
from collector.store.clickhouse import Store
from collector.store.schema.migrate import load, migrate
from collector.store.spool import snapshot
from tests.builders import NOON
from tests.flow import HEALTHY, a_pipeline
from tests.slices import whole
from tests.store.running import Running, ask, start

NOW = {"cost": "exact"}
"""Columns of reports that have another name now."""
RECORDED = Path(__file__).resolve().parents[2] / "recorded" / "store-0.1"
ITS_MIGRATIONS = 12
"""Migrations that the release before had."""
CLUSTER = "gpu-bj"
"""The cluster whose live state is recorded."""


STORED_AT = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.000").encode()
"""Rows of live state expire a week after they were stored: the recording counts as stored today."""
_STORED = re.compile(rb'"inserted_at":"[^"]*"')


def recorded(table: str) -> bytes:
    """The rows of a table, one JSON object a line."""
    rows = zstandard.ZstdDecompressor().decompressobj().decompress((RECORDED / f"{table}.jsonl.zst").read_bytes())
    return _STORED.sub(b'"inserted_at":"' + STORED_AT + b'"', rows)


TABLES = sorted(path.name.removesuffix(".jsonl.zst") for path in RECORDED.glob("*.jsonl.zst"))


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A store with the schema and the rows of the release before, then migrated by this release."""
    running = start(tmp_path_factory.mktemp("upgraded"))
    store = running.writer()
    migrate(store, migrations=load()[:ITS_MIGRATIONS])
    token = running.token_file.read_text(encoding="utf-8").strip()
    for table in TABLES:
        statement = f"INSERT INTO lynceus.{table} FORMAT JSONEachRow\n".encode() + recorded(table)
        reply = ask(running, statement, user="lynceus", key=token)
        assert reply.status == 200, reply.text
    migrate(store)
    store.close()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def store(upgraded: Running) -> Iterator[Store]:
    store = upgraded.reader()
    yield store
    store.close()


@pytest.mark.parametrize("table", sorted(set(TABLES) - {"rollup_state"}))
def test_every_row_is_still_there(upgraded: Running, store: Store, table: str) -> None:
    """
    The migrations of this release change no value of any column that the release before wrote.

    rollup_state forgets the days of cost_daily, which are computed again with a new column.
    """
    before = [json.loads(line) for line in recorded(table).decode("utf-8", "replace").splitlines()]
    names = ", ".join(f"`{name}`" for name in before[0])
    reply = ask(upgraded, f"SELECT {names} FROM lynceus.{table} FINAL FORMAT JSONEachRow")

    after = [json.loads(line) for line in reply.body.decode("utf-8", "replace").splitlines()]
    assert sorted(map(str, after)) == sorted(map(str, before))


@pytest.mark.parametrize(("kind", "by"), [("cost", "cluster,department"), ("queue", "cluster,queue")])
def test_reports_are_those_of_the_release_before(upgraded: Running, kind: str, by: str) -> None:
    """
    The same question has the same answer to the last digit.

    What was `cost` is `exact` now, and pending cost stands in another table.
    """
    period = ("--from", "2026-11-28", "--to", "2026-11-30")
    made = CliRunner().invoke(app, ["report", kind, *period, "--by", by, "--format", "csv", "--url", upgraded.url])

    assert made.exit_code == 0, made.output
    before = list(csv.DictReader((RECORDED / f"{kind}.csv").read_text(encoding="utf-8").splitlines()))
    names = [name for name in before[0] if name != "of which pending"]
    after = list(csv.DictReader(made.stdout.splitlines()))
    assert [[row[NOW.get(name, name)] for name in names] for row in after] == [
        [row[name] for name in names] for row in before
    ]


def taken_up(store: Store) -> tuple[Pipeline, list[str]]:
    """A pipeline that resumed from the store, and the clusters whose state was unreadable."""
    copy = snapshot.newest(store, CLUSTER)
    assert copy is not None
    flow = a_pipeline(CLUSTER)
    return flow, whole(flow.restore(copy.cursors, copy.states))


def test_the_live_state_is_taken_up_whole(store: Store) -> None:
    """Each recorded object that still has a state is read; no cluster starts from lists."""
    flow, unreadable = taken_up(store)

    assert unreadable == []
    rows = store.query_rows(
        f"SELECT kind, count() FROM lynceus.live_state FINAL WHERE cluster = '{CLUSTER}' GROUP BY kind"
    )
    states = dict(rows)
    cluster = flow.clusters[CLUSTER]
    assert len(cluster.workflows) == states["workflows"]
    assert len(cluster.pods) == states["pods"]


def test_watches_resume_where_they_were(store: Store) -> None:
    """Every position is known, so that no gap is opened."""
    flow, _ = taken_up(store)
    rows = store.query_rows(
        f"SELECT kind, resource_version FROM lynceus.watch_cursor FINAL WHERE cluster = '{CLUSTER}'"
    )

    assert {"workflows", "pods"} <= {kind for kind, _ in rows}
    for kind, _ in rows:
        assert flow.positions.pending_gap(CLUSTER, kind) is None
    for kind in ("workflows", "pods"):
        assert flow.positions.resume(CLUSTER, kind) is not None


def test_counters_go_on(store: Store) -> None:
    """From the totals of the last acknowledged position; a total of 0 needs no place."""
    flow, _ = taken_up(store)
    ((totals,),) = store.query_rows(
        f"SELECT totals FROM lynceus.watch_cursor FINAL WHERE cluster = '{CLUSTER}' AND kind = 'workflows'"
    )

    assert sum(flow.counters.values(metrics.FINISHED, cluster=CLUSTER)) > 0
    restored = flow.counters.totals([CLUSTER])[CLUSTER]
    assert {key: restored.get(key, "0") for key in totals} == totals


def test_what_waits_is_shown_at_once(store: Store) -> None:
    """The live view has the workflows that had not finished, before the first event."""
    flow, _ = taken_up(store)
    rows = store.query_rows(f"SELECT count() FROM lynceus.workflow_live FINAL WHERE cluster = '{CLUSTER}'")
    view = flow.view(NOON, {}, HEALTHY)

    assert [(sum(row.count for row in view.queues),)] == rows
