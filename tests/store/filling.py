"""Facts of a recording, and how they get into a store."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from collector.catalog.counters import Counters
from collector.catalog.tables import TABLE_OF
from collector.core.messages import Outcome
from collector.core.model import Fact
from collector.pipeline.pipeline import Pipeline
from collector.prices import book
from collector.store.clickhouse import Store
from tests import replay


@cache
def recorded_facts(recording: str = "basics") -> tuple[Fact, ...]:
    """All that follows from a recording of one cluster."""
    books = book.load(["alibaba-eci", "alibaba-acs"], Path())
    pipeline = Pipeline({"c1": replay.RULES}, books, ZoneInfo("UTC"), Counters())
    seen: list[Outcome] = list(replay.observations(recording))
    pipeline.take("c1", seen)
    commit = pipeline.drain(0)
    assert commit
    return tuple(commit.facts)


def insert_facts(writer: Store, facts: Iterable[Fact], attempt: str) -> None:
    """Inserts facts as a collector does; the same `attempt` again changes nothing."""
    rows: dict[type[Fact], list[Fact]] = defaultdict(list)
    for fact in facts:
        rows[type(fact)].append(fact)
    encoder = msgspec.msgpack.Encoder(decimal_format="string")
    for kind, some in rows.items():
        writer.insert(TABLE_OF[kind], msgspec.msgpack.decode(encoder.encode(some)), f"{attempt}-{kind.__name__}")
