"""
A recording with a gap: the facts of a collector with the gap, and of one without it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from collector.backfill.importer import Archive, Work
from collector.billing.rows import read_facts, write_facts
from collector.catalog.counters import Counters
from collector.catalog.tables import TABLE_OF
from collector.core.archive.restore import ClusterContext
from collector.core.cluster.state import Cluster
from collector.core.facts.bills import PodRun
from collector.core.facts.watches import WatchGap
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Observation
from collector.core.model import Fact
from collector.pipeline.recorder import Recorder
from collector.prices import book
from collector.prices.lookup import Books
from collector.store.clickhouse import Store
from tests.replay import RULES, observations

UTC = ZoneInfo("UTC")
FOLDER = "basics"
NOW = 1_795_440_000_000
"""The day after the recording."""
F = TypeVar("F", bound=Fact)


@cache
def books() -> Books:
    return book.load(["alibaba-eci", "alibaba-acs", "plain-node"], Path())


@dataclass
class Seen:
    """A collector's state and its facts."""

    cluster: Cluster
    facts: list[Fact]

    def of(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


def record(stream: Iterable[Observation]) -> Seen:
    """All facts of a stream, charges included."""
    made = Seen(Cluster("c1", RULES), [])
    recorder = Recorder(books(), UTC, Counters())
    for one in stream:
        made.facts.extend(recorder.record(made.cluster, made.cluster.observe(one), one.at))
    return made


@cache
def undisturbed() -> Seen:
    """Without any break."""
    return record(observations(FOLDER))


@cache
def broken(share: float) -> tuple[Seen, WatchGap]:
    """The stream up to a share of it; after the gap no workflow and no pod is left."""
    stream = observations(FOLDER)
    listed = sum(not one.live for one in stream)
    before = stream[: listed + 1 + int((len(stream) - listed) * share)]
    last = {one.uid: one for one in before if one.kind in ("workflows", "pods")}
    version, begin, end = stream[-1].version + 256, before[-1].at, stream[-1].at
    gone = [
        Observation(kind=one.kind, change="vanished", uid=uid, object=None, version=version, at=end, live=False)
        for uid, one in sorted(last.items(), key=lambda item: item[1].kind)
        if one.change != "deleted"
    ]
    gap = WatchGap(
        cluster="c1", kind="workflows", from_at=begin, version=version, to_at=end, cause="gone", objects_unknown=len(gone)
    )  # fmt: skip
    made = record([*before, *gone])
    made.facts.append(gap)
    return made, gap


def keep_all(store: Store, new: Sequence[Fact]) -> None:
    """Store facts of any kinds."""
    for kind in dict.fromkeys(map(type, new)):
        write_facts(store, [fact for fact in new if type(fact) is kind])


def a_work(store: Store, archive: Archive, **changes: Any) -> Work:
    """The recording's cluster and an archive of it."""
    cluster = undisturbed().cluster
    work = Work(
        cluster="c1",
        archive=archive,
        store=store,
        in_thread=asyncio.to_thread,
        rules=RULES,
        books=books(),
        zone=UTC,
        context=ClusterContext(cluster.namespaces, cluster.plain_nodes.labels),
        now=lambda: NOW,
    )
    for name, value in changes.items():
        setattr(work, name, value)
    return work


def newest(store: Store, kind: type[F]) -> list[F]:
    """A table's rows, one a key."""
    return read_facts(store, kind, "FINAL")


def comparable_columns(fact: Fact) -> dict[str, Any]:
    """Returns the columns of a row that do not depend on the observer; the version does, because it counts observations."""
    columns = [c.name for c in TABLE_OF[type(fact)].stored if not c.observed and c.name != "version"]
    return {name: getattr(fact, name) for name in columns}


def by_uid(rows: Iterable[WorkflowRun | PodRun]) -> dict[str, Any]:
    """Returns the comparable columns of the newest row of each uid."""
    found: dict[str, Any] = {}
    for row in sorted(rows, key=lambda row: row.version):
        found[row.uid] = comparable_columns(row)
    return found


def unversioned(rows: Iterable[Fact]) -> list[str]:
    """Rows to be compared as a set."""
    return sorted(repr(msgspec.structs.replace(row, version=0)) for row in rows)
