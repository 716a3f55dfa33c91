"""
Totals that are written again only where they changed are the same as totals that are written in full.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.catalog import idle_series
from collector.catalog.counters import Counters
from collector.catalog.metrics import LABEL_OVERFLOW, QUEUE_LATENCY, SUBMITTED, TRACES_EXPORTED
from collector.catalog.metrics.metric import MAX_SERIES

CLUSTERS = ("c1", "c2")

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(CLUSTERS), st.sampled_from("abcdefgh"), st.integers(0, 3)),
        st.tuples(st.sampled_from(["look", "forget", "restore", "totals"]), st.sampled_from(CLUSTERS)),
    ),
    max_size=60,
)


def take(counts: Counters, step: tuple[object, ...]) -> None:
    what, cluster = str(step[0]), str(step[1])
    match what:
        case "add":
            queue, amount = str(step[2]), step[3]
            assert isinstance(amount, int)
            counts.add(SUBMITTED, amount, cluster=cluster, namespace="team", queue=queue)
            counts.observe(QUEUE_LATENCY, amount, cluster=cluster, queue=queue)
            counts.add(LABEL_OVERFLOW, family=queue)
        case "look":
            list(counts.look_for_idle())
        case "forget":
            counts.forget_cluster(cluster)
        case "restore":
            counts.restore({f"{SUBMITTED.name}\x1f{cluster}\x1fteam\x1fa": "7"})
        case _:
            counts.totals([cluster])


@given(STEPS, st.booleans())
def test_the_totals_are_those_of_all_series(steps: list[tuple[object, ...]], at_once: bool) -> None:
    """Whatever was added, folded, forgotten or restored since they were last asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MAX_SERIES, "counter", 4)
        patch.setitem(MAX_SERIES, "histogram", 4)
        patch.setattr(idle_series, "LOOKS", 1)
        counts = Counters()
        if at_once:
            counts.totals(CLUSTERS)
        for step in steps:
            take(counts, step)
        assert counts.totals(CLUSTERS) == counts.copy().totals(CLUSTERS)


def test_a_commit_keeps_the_totals_that_it_was_given() -> None:
    """The spool writes them in a thread of its own, while the next ones are counted."""
    counts = Counters()
    counts.add(SUBMITTED, cluster="c1", namespace="team", queue="a")
    counts.add(TRACES_EXPORTED)
    before = counts.totals(["c1"])["c1"]
    counts.add(SUBMITTED, cluster="c1", namespace="team", queue="a")

    counts.add(TRACES_EXPORTED)

    assert list(before.values()) == ["1"]
    assert list(counts.totals(["c1"])["c1"].values()) == ["2"]


def test_a_folded_series_leaves_the_totals(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an idle series had counted is in the total of those that were forgotten, and once."""
    monkeypatch.setitem(MAX_SERIES, "counter", 4)
    monkeypatch.setattr(idle_series, "LOOKS", 1)
    counts = Counters()
    for round_ in ("", "1", "2"):
        for queue in "abcd":
            counts.add(SUBMITTED, cluster="c1", namespace="team", queue=queue + round_)
        list(counts.look_for_idle())
        list(counts.look_for_idle())
        totals = counts.totals(["c1"])["c1"]
    assert totals == counts.copy().totals(["c1"])["c1"]
    assert sum(map(int, totals.values())) == 12
