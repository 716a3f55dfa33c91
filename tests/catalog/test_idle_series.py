"""A full family of counters forgets what has not changed for a while, and keeps its sum."""

from collections import deque
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.catalog.counters import Counters
from collector.catalog.idle_series import LOOKS
from collector.catalog.metrics import LABEL_OVERFLOW, QUEUE_LATENCY, STORE_INSERT_ERRORS, SUBMITTED
from collector.catalog.metrics.metric import MAX_SERIES

MANY = 6


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("counter", "histogram"):
        monkeypatch.setitem(MAX_SERIES, kind, MANY)


def submit(counts: Counters, names: Iterable[str], cluster: str = "c1") -> None:
    for name in names:
        counts.add(SUBMITTED, cluster=cluster, namespace=name, queue=name)
        counts.observe(QUEUE_LATENCY, 1, cluster=cluster, queue=name)


def wait(counts: Counters, looks: int = LOOKS + 1) -> None:
    for _ in range(looks):
        deque(counts.look_for_idle())


def values(counts: Counters) -> dict[str, int]:
    return {f"{key[0]}/{key[1]}": int(value) for key, value in counts.series[SUBMITTED.name].items()}


def test_a_new_namespace_is_counted_under_its_name_after_a_bomb() -> None:
    """The bomb's series have been idle for five minutes; one that was not keeps its place."""
    counts = Counters()
    submit(counts, (f"bomb{n}" for n in range(MANY + 3)))
    for _ in range(LOOKS + 1):
        submit(counts, ["bomb5"])
        deque(counts.look_for_idle())
    submit(counts, ["new", "new"])

    assert values(counts)["c1/new"] == 2
    assert values(counts)["c1/bomb5"] == LOOKS + 2
    assert values(counts)["c1/_gone 1"] == 1
    assert counts.series[LABEL_OVERFLOW.name][SUBMITTED.name,] == 3
    assert sum(counts.histograms[QUEUE_LATENCY.name]["c1", "new"].counts) == 2


def test_what_is_forgotten_is_a_new_series_each_time() -> None:
    """`increase()` takes a series that begins for no increase; added to an old one, it would raise an alert."""
    counts = Counters()
    submit(counts, (f"n{n}" for n in range(MANY)))
    wait(counts)
    submit(counts, ["a"])
    first = values(counts)
    submit(counts, ["b", "c"])

    assert {key: value for key, value in first.items() if "gone" in key} == {"c1/_gone 1": 1}
    assert {key: value for key, value in values(counts).items() if "gone" in key} == {"c1/_gone 3": 3}
    assert sum(counts.histograms[QUEUE_LATENCY.name]["c1", "_gone 3"].counts) == 3


def test_a_bomb_that_goes_on_is_bounded() -> None:
    """Nothing is idle, so what goes over is added up; a namespace of before is known until it is idle itself."""
    counts = Counters()
    for n in range(5 * MANY):
        submit(counts, [f"n{n}", "known"])
        deque(counts.look_for_idle())

    assert len(counts.series[SUBMITTED.name]) <= MANY + 2
    assert values(counts)["c1/known"] == 5 * MANY
    assert sum(values(counts).values()) == 10 * MANY


def test_a_series_that_changed_since_the_last_look_is_not_forgotten() -> None:
    """It was idle then."""
    counts = Counters()
    submit(counts, (f"n{n}" for n in range(MANY)))
    wait(counts)
    submit(counts, [f"n{n}" for n in range(MANY - 1)])
    submit(counts, ["new", "newer"])

    assert values(counts) == {**{f"c1/n{n}": 2 for n in range(MANY - 1)}, "c1/_gone 1": 1, "c1/new": 1, "c1/_other": 1}


def test_a_family_with_room_forgets_nothing() -> None:
    """Nor one that has room again, as when a cluster is removed."""
    counts = Counters()
    submit(counts, (f"n{n}" for n in range(MANY // 2)))
    wait(counts, 2 * LOOKS)
    submit(counts, (f"m{n}" for n in range(MANY // 2)))

    assert "gone" not in str(values(counts))


def test_others_may_run_after_a_look_at_each_large_family() -> None:
    """A look at a full family takes milliseconds; a small family is not looked at."""
    counts = Counters()
    submit(counts, (f"n{n}" for n in range(MANY)))
    counts.add(STORE_INSERT_ERRORS, table="t")

    assert len([*counts.look_for_idle()]) == len({SUBMITTED.name, QUEUE_LATENCY.name})


def test_each_cluster_keeps_its_own_sum() -> None:
    """Totals are stored by cluster."""
    counts = Counters()
    submit(counts, ("a", "b"), "c1")
    submit(counts, ("a", "b", "c", "d"), "c2")
    wait(counts)
    submit(counts, (f"n{n}" for n in range(MANY)), "c1")

    assert values(counts)["c1/_gone 2"] == 2
    assert values(counts)["c2/_gone 4"] == 4


def test_a_family_without_a_cluster_is_bounded_too() -> None:
    """It has one label."""
    counts = Counters()
    for n in range(MANY):
        counts.add(STORE_INSERT_ERRORS, table=f"t{n}")
    wait(counts)
    counts.add(STORE_INSERT_ERRORS, table="new")

    assert counts.series[STORE_INSERT_ERRORS.name]["_gone 1",] == 1


def test_a_restart_forgets_what_was_restored_and_is_idle() -> None:
    """And goes on with the sum of what was forgotten before it."""
    before, after = Counters(), Counters()
    submit(before, (f"n{n}" for n in range(MANY)))
    wait(before)
    submit(before, ["a", "b"])
    after.restore(before.totals(["c1"])["c1"])
    wait(after)
    submit(after, ["c"])

    assert values(before)["c1/_gone 2"] == 2
    assert values(after)["c1/_gone 3"] == 3
    assert "c1/_gone 2" not in values(after)
    assert sum(values(after).values()) == MANY + 3


@given(st.lists(st.integers(0, 20), max_size=200))
def test_no_total_ever_falls(steps: list[int]) -> None:
    """Neither the sum of the family nor any series that stays; 20 stands for a quarter of a minute."""
    counts, before = Counters(), dict[str, int]()
    for number, step in enumerate(steps, 1):
        if step == 20:
            wait(counts)
        submit(counts, [f"n{step}"])
        now = values(counts)
        assert sum(now.values()) == number
        assert all(now[key] >= value for key, value in before.items() if key in now)
        before = now
