"""Whenever the disk is lost, what the store was sent of the last whole round is enough to go on from."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.catalog import metrics
from collector.catalog.tables import TABLE_NAMED
from collector.core.messages import WORKLOAD_KINDS, Observation, Outcome, Position
from collector.core.model import version_of
from collector.pipeline.pipeline import Pipeline
from collector.store.spool.file import connect
from collector.store.spool.packing import decode_cursor
from collector.store.spool.snapshot import CURSOR
from collector.store.spool.spool import Spool
from tests.builders import NOON
from tests.examples import examples
from tests.flow import a_pipeline, counted
from tests.replay import observations
from tests.slices import whole

COUNTED = (metrics.SUBMITTED, metrics.STARTED, metrics.FINISHED, metrics.COST, metrics.UNPRICED_PODS)
ENDS = ("workflow_run", "step_run", "pod_run", "pod_cost")

Tables = dict[str, dict[tuple[Any, ...], list[Any]]]
"""A store as its readers see it: of each key the newest version."""


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests run in a folder of their own: a spool in memory leaves an empty file of that name where it is opened."""
    with contextlib.chdir(tmp_path_factory.mktemp("spools")):
        yield


def insert(tables: Tables, name: str, rows: Iterable[list[Any]]) -> None:
    table = TABLE_NAMED[name]
    names = [column.name for column in table.stored]
    key, version = [names.index(name) for name in table.order_by], names.index("version")
    there = tables.setdefault(name, {})
    for row in rows:
        row_key = tuple(row[i] for i in key)
        if row_key not in there or there[row_key][version] <= row[version]:
            there[row_key] = row


class Disk:
    """A collector's spool and the pipeline before it, which end together."""

    def __init__(self, tables: Tables) -> None:
        self.tables, self.flow, self.spool = tables, a_pipeline(), Spool(connect(Path(":memory:")), 1 << 30)
        copy = [row for row in tables.get("live_state", {}).values() if not row[5]]
        cursors = [decode_cursor(row[6]) for row in copy if row[2] == CURSOR]
        whole(self.flow.restore(cursors, [(row[0], row[2], row[3], row[6]) for row in copy if row[2] != CURSOR]))

    def see(self, outcomes: list[Outcome], number: int) -> None:
        """Observe, and make it durable here."""
        self.flow.take("c1", [*outcomes, Position("workflows", str(number), 0), Position("pods", str(number), 0)])
        if (commit := self.flow.drain(NOON)) is not None:
            self.spool.commit(commit)

    def send(self) -> None:
        """A round to the store."""
        while batches := self.spool.seal(NOON):
            for batch in batches:
                insert(self.tables, batch.table, self.spool.read(batch).rows)
                self.spool.acknowledge(batch)


def ends(tables: Tables) -> dict[str, dict[tuple[Any, ...], list[Any]]]:
    """The rows that stay, without the columns that say who looked when."""
    kept: dict[str, dict[tuple[Any, ...], list[Any]]] = {}
    for name in ENDS:
        seen = [i for i, column in enumerate(TABLE_NAMED[name].stored) if not column.observed]
        kept[name] = {key: [row[i] for i in seen] for key, row in tables.get(name, {}).items()}
    return kept


def watched(cuts: list[tuple[int, str]]) -> tuple[Tables, Pipeline]:
    """The recording, seen through to its end; at each cut a round goes to the store, or the disk is lost."""
    seen: list[Outcome] = list(observations("basics"))
    tables: Tables = {}
    disk, at, sent = Disk(tables), 0, 0
    for cut, what in [*sorted(cuts), (len(seen), "send")]:
        disk.see(seen[at:cut], version_of(0, cut))
        at = cut
        if what == "send":
            disk.send()
            sent = cut
        elif sent:
            disk.spool.close()
            disk, at = Disk(tables), sent
            # Namespaces and nodes have no state: every start lists them first.
            disk.flow.take(
                "c1", [o for o in seen[:sent] if isinstance(o, Observation) and o.kind not in WORKLOAD_KINDS]
            )
    disk.see(seen[at:], version_of(0, len(seen)))
    disk.send()
    disk.spool.close()
    return tables, disk.flow


@settings(max_examples=examples(15), deadline=None)
@given(st.lists(st.tuples(st.integers(1, 475), st.sampled_from(["send", "lose"])), min_size=2, max_size=6))
def test_a_lost_disk_changes_nothing_that_is_stored(cuts: list[tuple[int, str]]) -> None:
    """Same rows in every column but the observed ones, and the same counters, wherever disks were lost between rounds."""
    calm, whole = watched([])
    tables, flow = watched(cuts)

    assert ends(tables) == ends(calm)
    assert [counted(flow, metric) for metric in COUNTED] == [counted(whole, metric) for metric in COUNTED]


def newest_rows(tables: Tables, name: str) -> dict[tuple[Any, ...], list[Any]]:
    """What a reader sees of a table, without the columns that say who looked when."""
    seen = [i for i, column in enumerate(TABLE_NAMED[name].stored) if not column.observed]
    return {key: [row[i] for i in seen] for key, row in tables.get(name, {}).items()}


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(1, 474), st.integers(0, 200))
def test_a_replica_that_wakes_up_after_another_took_over_moves_nothing_back(cut: int, more: int) -> None:
    """It sees what waited in its sockets, and sends it last: facts, live rows and positions stay those of the newer one."""
    seen: list[Outcome] = list(observations("basics"))
    calm, _ = watched([])
    tables: Tables = {}
    stopped = Disk(tables)
    stopped.see(seen[:cut], version_of(0, cut))
    stopped.send()
    newer = Disk(tables)
    newer.flow.take("c1", [o for o in seen[:cut] if isinstance(o, Observation) and o.kind not in WORKLOAD_KINDS])
    newer.see(seen[cut:], version_of(0, len(seen)))
    newer.send()
    late = seen[cut : cut + more]
    stopped.see(late, version_of(0, cut + len(late)))
    stopped.send()
    for disk in (stopped, newer):
        disk.spool.close()

    assert ends(tables) == ends(calm)
    assert newest_rows(tables, "workflow_live") == newest_rows(calm, "workflow_live")
    assert newest_rows(tables, "watch_cursor") == newest_rows(calm, "watch_cursor")
