"""All facts that follow from observations, and the rows that stay in the store of them."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from collector.catalog.tables import TABLE_OF
from collector.core.cluster.effects import PodEnded
from collector.core.cluster.state import Cluster
from collector.core.cost import changed_charges, charge
from collector.core.cost.pricing_runs import Runs
from collector.core.facts.bills import PodCost
from collector.core.messages import Observation
from collector.core.model import Fact
from collector.core.workflow.payer import payer_of
from collector.prices import book
from collector.prices.lookup import Books

UTC = ZoneInfo("UTC")
Settled = dict[tuple[Any, ...], tuple[Any, ...]]


@cache
def books() -> Books:
    return book.load(["alibaba-eci", "alibaba-acs"], Path())


def facts_of(cluster: Cluster, seen: Iterable[Observation]) -> Iterator[Fact]:
    """All facts that follow, charges included."""
    for one in seen:
        for effect in cluster.observe(one):
            if isinstance(effect, Fact):
                yield effect
            elif isinstance(effect, PodEnded):
                yield from charges_of(effect)
        if one.change != "listed":  # a list has come as far when it is whole
            cluster.tracked.release_until(one.kind, one.version)


def charges_of(ended: PodEnded) -> list[PodCost]:
    pod = ended.pod
    charges = charge.charges(
        pod.run, payer_of(ended.workflow), books(), UTC, pod.run.finished_at or 0, written=pod.written
    )
    new, pod.written = changed_charges.changed_charges(charges, Runs().of, pod.written)
    return new


def settled(facts: Iterable[Fact]) -> Settled:
    """The rows that stay in the store: of each key the highest version, without what may differ."""
    versions: dict[tuple[Any, ...], int] = {}
    rows: Settled = {}
    for fact in facts:
        table = TABLE_OF[type(fact)]
        values = [getattr(fact, field) for field in fact.__struct_fields__]
        named = dict(zip((column.name for column in table.stored), values, strict=True))
        key = (table.name, *(named[column] for column in table.order_by))
        assert named["version"] > versions.get(key, -1), f"{key} was written twice under one version"
        versions[key] = named["version"]
        rows[key] = tuple(named[c.name] for c in table.stored if not c.observed and c.name != "version")
    return rows
