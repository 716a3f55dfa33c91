"""
A gap in a watch at any point, then a list: the rows of objects that did not vanish in the gap stay the same.

An object that was created and deleted inside the gap is missed, and one that was deleted inside it has an unknown end; every
row that depends on neither is as if there had been no gap.
"""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.cluster.state import Cluster
from collector.core.facts.bills import PodCost, PodRun
from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.core.messages import Observation
from collector.core.model import Fact
from tests.core.cluster.test_laws import BIAS, MOVING, merged, recorded, reported_in_order
from tests.core.settled import facts_of, settled
from tests.examples import examples
from tests.replay import RULES


def with_a_break(stream: list[Observation], begin: int, end: int) -> Iterator[Observation]:
    """The stream without a stretch of it; what exists after the stretch is listed, what does not has vanished."""
    yield from stream[:begin]
    known = _standing(stream[:begin])
    after = _standing(stream[:end])
    at, version = stream[end - 1].at, stream[end - 1].version
    for uid, seen in sorted(after.items(), key=lambda item: item[1].version):
        if uid not in known or seen.version > known[uid].version:
            yield msgspec.structs.replace(seen, change="listed", at=at, live=False)
    for uid, seen in known.items():
        if uid not in after:
            yield Observation(seen.kind, "vanished", uid, None, version=version, at=at, live=False)
    yield from stream[end:]


def _standing(seen: list[Observation]) -> dict[str, Observation]:
    """What a list would show: the last sight of each object that was not deleted."""
    last = {one.uid: one for one in seen}
    return {uid: one for uid, one in last.items() if one.change != "deleted"}


def lost(stream: list[Observation], begin: int, end: int) -> set[str]:
    """Uids of the objects that were deleted, or created and deleted, inside the gap."""
    gone = {one.uid for one in stream[begin:end] if one.change == "deleted"}
    owners = {
        owner.uid
        for one in stream[begin:end]
        if one.uid in gone
        for owner in one.object.metadata.ownerReferences or ()  # type: ignore[attr-defined]
    }
    return gone | owners


def uids_of(fact: Fact) -> set[str]:
    match fact:
        case WorkflowRun():
            return {fact.uid}
        case StepRun():
            return {fact.workflow_uid}
        case PodRun():
            return {fact.uid, fact.workflow_uid}
        case PodCost():
            return {fact.pod_uid, fact.workflow_uid}
    return set()


@settings(max_examples=examples(40))
@given(st.sampled_from(MOVING), st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 2**32), BIAS)
def test_a_relist_changes_nothing_of_what_was_not_lost(
    kind: str, begin: int, length: int, seed: int, bias: float
) -> None:
    """Whatever a break hid, later sights of the same objects make up for."""
    streams = recorded("basics")
    stream = streams[kind]
    begin %= len(stream)
    end = begin + 1 + length % (len(stream) - begin)
    broken = streams | {kind: list(with_a_break(stream, begin, end))}
    facts = list(facts_of(Cluster("c1", RULES), merged(broken, random.Random(seed), bias)))
    missing = lost(stream, begin, end)
    kept: dict[tuple[Any, ...], Any] = settled(fact for fact in facts if not uids_of(fact) & missing)
    expected = reported_in_order("basics")

    assert {key: row for key, row in kept.items() if expected.get(key) != row} == {}


@pytest.mark.parametrize("kind", MOVING)
def test_what_went_inside_a_break_has_an_unknown_end(kind: str) -> None:
    """The pod is reported as ended and marked, and nothing stays in memory."""
    stream = recorded("basics")[kind]
    deleted = next(i for i, one in enumerate(stream) if one.change == "deleted")
    uid = stream[deleted].uid
    last = max(i for i, one in enumerate(stream[:deleted]) if one.uid == uid)
    first = min(i for i, one in enumerate(stream) if one.uid == uid)
    seen = list(with_a_break(stream, first + 1, max(last, deleted) + 1))
    streams = recorded("basics") | {kind: seen}
    cluster = Cluster("c1", RULES)
    facts = list(facts_of(cluster, merged(streams, random.Random(1), 0.5)))
    rows = [f for f in facts if isinstance(f, (WorkflowRun, PodRun)) and f.uid == uid]

    assert rows
    if isinstance(rows[-1], WorkflowRun):
        assert (rows[-1].outcome, rows[-1].complete) == ("unknown", False)
    else:
        assert rows[-1].reason == "vanished"
