"""Counters and histograms as plain dicts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.catalog.counters import Counters, Exemplar
from collector.catalog.idle_series import LOOKS
from collector.catalog.metrics import CONTROLLER_RESTARTS, COST, LABEL_OVERFLOW, QUEUE_LATENCY, SUBMITTED
from collector.catalog.metrics.metric import MAX_SERIES

TEAM = {"cluster": "c1", "namespace": "team", "queue": "night"}
PAID = {"cluster": "c1", "namespace": "team", "product": "eci", "currency": "USD"}
DAY = {**TEAM, "queue": "day"}


def test_a_counter_adds_up() -> None:
    """From 0, by label values."""
    counts = Counters()
    counts.add(SUBMITTED, **TEAM)
    counts.add(SUBMITTED, 2, **TEAM)
    counts.add(SUBMITTED, **DAY)

    assert counts.series == {SUBMITTED.name: {("c1", "team", "night"): 3, ("c1", "team", "day"): 1}}


def test_money_is_added_exactly() -> None:
    """A float counter would drift by cents a day."""
    counts = Counters()
    for _ in range(10):
        counts.add(COST, Decimal("0.1"), **PAID)

    assert counts.series[COST.name] == {("c1", "team", "eci", "USD"): Decimal("1.0")}


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0, 0), (0.01, 0), (0.011, 1), (86400, len(QUEUE_LATENCY.buckets) - 1), (99999, -1)]
)
def test_an_observation_falls_into_the_first_bucket_that_holds_it(seconds: float, bucket: int) -> None:
    """A bound belongs to its bucket; values above the last bound belong to +Inf."""
    counts = Counters()
    counts.observe(QUEUE_LATENCY, seconds, cluster="c1", queue="night")
    found = counts.histograms[QUEUE_LATENCY.name]["c1", "night"]

    assert (found.counts[bucket], sum(found.counts), found.sum) == (1, 1, seconds)


def test_a_histogram_adds_up() -> None:
    """One series per set of label values."""
    counts = Counters()
    for seconds in (0.02, 0.02, 7):
        counts.observe(QUEUE_LATENCY, seconds, cluster="c1", queue="night")

    assert counts.histograms[QUEUE_LATENCY.name]["c1", "night"].sum == pytest.approx(7.04)


def test_a_bucket_keeps_the_exemplar_of_its_last_observation() -> None:
    """One for each bucket, so that their number is bounded; an observation without one leaves it."""
    counts = Counters()
    for seconds, uid in ((0.005, "a"), (7, "b"), (6, "c"), (8, "")):
        exemplar = Exemplar("workflow_uid", uid, 1) if uid else None
        counts.observe(QUEUE_LATENCY, seconds, exemplar, cluster="c1", queue="night")
    [buckets] = counts.histograms[QUEUE_LATENCY.name].values()

    assert [(value, of.value) for _, (value, of) in sorted(buckets.exemplars.items())] == [(0.005, "a"), (6, "c")]


def test_a_copy_stays_as_it_is() -> None:
    """What is added later is in the original alone."""
    counts = Counters()
    for _ in range(2):
        counts.add(SUBMITTED, **TEAM)
        counts.observe(QUEUE_LATENCY, 7, Exemplar("workflow_uid", "a", 1), cluster="c1", queue="night")
        copied = counts.copy()
        before = repr((copied.series, copied.histograms))
        counts.add(SUBMITTED, **TEAM)
        counts.add(SUBMITTED, **DAY)
        counts.observe(QUEUE_LATENCY, 700, Exemplar("workflow_uid", "b", 1), cluster="c1", queue="night")

        assert repr((copied.series, copied.histograms)) == before != repr((counts.series, counts.histograms))


def test_labels_are_bound_by_name() -> None:
    """The order in which a caller writes them does not matter."""
    counts = Counters()
    counts.add(SUBMITTED, **TEAM)
    counts.add(SUBMITTED, **dict(reversed(TEAM.items())))
    counts.observe(QUEUE_LATENCY, 1, queue="night", cluster="c1")

    assert counts.series == {SUBMITTED.name: {("c1", "team", "night"): 2}}
    assert set(counts.histograms[QUEUE_LATENCY.name]) == {("c1", "night")}


@pytest.mark.parametrize("labels", [{}, {"cluster": "c1"}, {**TEAM, "pod": "p"}, {**TEAM, "queues": TEAM["queue"]}])
def test_a_missing_or_undeclared_label_is_an_error(labels: dict[str, str]) -> None:
    """A value under a wrong name would be counted for something else."""
    with pytest.raises(TypeError, match="lynceus_workflows_submitted_total has the labels cluster, namespace, queue"):
        Counters().add(SUBMITTED, **labels)


def test_a_counter_is_read_by_label() -> None:
    """By some labels, or summed by the values of one."""
    counts = Counters()
    counts.add(SUBMITTED, 3, **TEAM)
    counts.add(SUBMITTED, 4, **DAY)
    counts.add(SUBMITTED, 5, cluster="c2", namespace="team", queue="night")

    assert counts.values(SUBMITTED) == [3, 4, 5]
    assert counts.values(SUBMITTED, cluster="c1", queue="night") == [3]
    assert counts.values(COST, cluster="c1") == []
    assert counts.by_label(SUBMITTED, "queue") == {"night": 8, "day": 4}


def test_an_initialised_counter_is_0() -> None:
    """`increase()` does not see a first increase that creates its series."""
    counts = Counters()
    counts.initialise(SUBMITTED, **TEAM)

    assert counts.series == {SUBMITTED.name: {("c1", "team", "night"): 0}}


def test_initialising_changes_no_value() -> None:
    """Restored totals stay."""
    counts = Counters()
    counts.add(SUBMITTED, 5, **TEAM)
    counts.initialise(SUBMITTED, **TEAM)

    assert counts.series[SUBMITTED.name]["c1", "team", "night"] == 5


def test_counters_at_0_leave_room_for_those_that_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """They fill half a family at most, take no series' place and do not count as overflow."""
    monkeypatch.setitem(MAX_SERIES, "counter", 4)
    counts = Counters()
    for queue in ("a", "b", "c", "d", "e"):
        counts.initialise(SUBMITTED, cluster="c1", namespace="team", queue=queue)

    assert counts.series == {SUBMITTED.name: {("c1", "team", "a"): 0, ("c1", "team", "b"): 0}}


def test_a_bomb_of_labels_is_added_up_in_one_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and a metric shows the overflow; existing series continue."""
    for kind in ("counter", "histogram"):
        monkeypatch.setitem(MAX_SERIES, kind, 2)
    counts = Counters()
    for queue in ("a", "b", "c", "d", "a"):
        counts.add(SUBMITTED, cluster="c1", namespace="team", queue=queue)
        counts.observe(QUEUE_LATENCY, 1, cluster="c1", queue=queue)

    assert counts.series[SUBMITTED.name] == {
        ("c1", "team", "a"): 2, ("c1", "team", "b"): 1, ("c1", "_other", "_other"): 2,
    }  # fmt: skip
    assert set(counts.histograms[QUEUE_LATENCY.name]) == {("c1", "a"), ("c1", "b"), ("c1", "_other")}
    assert counts.series[LABEL_OVERFLOW.name] == {(SUBMITTED.name,): 2, (QUEUE_LATENCY.name,): 2}


def test_totals_are_those_of_one_cluster() -> None:
    """Totals are stored with the cluster's cursor."""
    counts = Counters()
    counts.add(SUBMITTED, 5, **TEAM)
    counts.add(SUBMITTED, 7, cluster="c2", namespace="team", queue="night")
    counts.add(LABEL_OVERFLOW, family="some_family")

    assert counts.totals(["c1"])["c1"] == {f"{SUBMITTED.name}\x1fc1\x1fteam\x1fnight": "5"}


def test_totals_have_nothing_that_is_0() -> None:
    """Thousands of series are 0, and totals are written with every commit."""
    counts = Counters()
    counts.initialise(SUBMITTED, **TEAM)
    counts.add(COST, 1, **PAID)

    assert counts.totals(["c1", "c2"]) == {"c1": {f"{COST.name}\x1fc1\x1fteam\x1feci\x1fUSD": "1"}, "c2": {}}


@given(
    st.integers(0, 2**63)
    | st.decimals(min_value=0, max_value=10**9, places=18)
    | st.sampled_from([Decimal("1E-18"), Decimal("0E-18"), Decimal("1E+3"), Decimal(12)])
)
def test_a_counter_continues_from_its_total(amount: int | Decimal) -> None:
    """Any amount survives as text."""
    before, after = Counters(), Counters()
    before.add(COST, amount, **PAID)
    after.restore(before.totals(["c1"])["c1"])
    after.add(COST, 1, **PAID)

    assert after.series[COST.name]["c1", "team", "eci", "USD"] == amount + 1


def test_a_total_of_a_release_with_fewer_labels_goes_on() -> None:
    """What the new label would say of it is unknown; the sum of the family is the same, also after the next restart."""
    later = Counters()
    later.restore({f"{CONTROLLER_RESTARTS.name}\x1fc1\x1fcontroller": "5", "gone_total\x1fc1": "1"})
    later.add(CONTROLLER_RESTARTS, cluster="c1", container="controller", reason="oom")
    last = Counters()
    last.restore(later.totals(["c1"])["c1"])

    expected = {("c1", "controller", "unknown"): 5, ("c1", "controller", "oom"): 1}
    assert later.series[CONTROLLER_RESTARTS.name] == last.series[CONTROLLER_RESTARTS.name] == expected


def test_the_series_of_a_removed_cluster_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its own, folded ones too, and no other's; its totals continue it later."""
    monkeypatch.setitem(MAX_SERIES, "counter", 2)
    counts = Counters()
    counts.add(SUBMITTED, 5, **TEAM)
    counts.add(SUBMITTED, 1, **DAY)
    for _ in range(LOOKS + 1):
        [*counts.look_for_idle()]
    counts.add(SUBMITTED, 7, cluster="c2", namespace="team", queue="night")  # folds an idle one
    counts.observe(QUEUE_LATENCY, 1, cluster="c1", queue="night")
    counts.add(LABEL_OVERFLOW, family="some_family")
    before = counts.totals(["c1"])["c1"]
    counts.forget_cluster("c1")

    assert counts.series[SUBMITTED.name] == {("c2", "team", "night"): 7}
    assert counts.histograms[QUEUE_LATENCY.name] == {}
    assert counts.series[LABEL_OVERFLOW.name] == {("some_family",): 1}
    counts.restore(before)
    assert counts.totals(["c1"])["c1"] == before
    assert len(before) == 2
