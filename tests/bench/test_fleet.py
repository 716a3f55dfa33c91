"""
The bench of a fleet says what a collector lost and how late it was; a small fleet loses nothing. Nothing is timed here.
"""

from pathlib import Path

import msgspec
import pytest

from collector.core.objects.structs import OBJECT_OF
from tests.bench.fleet import Size, measure
from tests.bench.fleet_objects import FINISHED, PODS, WORKFLOWS, Thing
from tests.bench.fleet_population import FleetCluster, split
from tests.bench.fleet_scrape import Scrape, holds, lags_s, p99_of_parts, quantile, read


def test_a_small_fleet_loses_nothing(tmp_path: Path) -> None:
    """Each workflow and each pod whose end was sent has its row with an end in the store, and each end shows in a scrape."""
    result = measure(Size(clusters=2, running=100, pending=100, pods=150, events=100, seconds=5), tmp_path)

    assert result.compared > 20
    assert result.lost == []
    assert result.rows["lag p99, s"] > 0


@pytest.mark.parametrize("kind", [WORKFLOWS, PODS])
@pytest.mark.parametrize("stage", range(5))
def test_objects_are_whole(kind: str, stage: int) -> None:
    """Every stage of an object decodes as the collector decodes it, with its own names, times and version."""
    thing = Thing(kind, 12, 7, stage=stage, times=(1000, 1010, 1020, 1030, 1040), version=99)
    found = msgspec.json.decode(thing.body(), type=OBJECT_OF[kind])
    meta = found.metadata

    assert (meta.uid, meta.resourceVersion, meta.namespace) == (thing.uid, "99", "queue-7")
    assert meta.creationTimestamp == "1970-01-01T00:16:40Z"
    assert b"@" not in thing.body()
    assert (bool(found.status) and found.status.phase == "Succeeded") == (stage >= FINISHED[kind])


def test_a_cluster_keeps_its_size_and_knows_its_ends() -> None:
    """As many come as go, the truth log has each end once, and what was sent is replayed from any version of the log."""
    cluster = FleetCluster(1, running=20, pending=30, pods=40, now=1000)
    before, version = {kind: len(of) for kind, of in cluster.objects.items()}, cluster.version

    sent = [cluster.change(1_000_000 + n) for n in range(2000)]

    for kind, size in before.items():
        assert size <= len(cluster.objects[kind]) <= size + 5
        ends = [
            c.thing.number
            for c in sent
            if c.thing.kind == kind and c.change == "MODIFIED" and c.thing.stage == FINISHED[kind]
        ]
        assert [number for number, _ in cluster.finished[kind]] == ends
        assert len(set(ends)) == len(ends) > 50
        assert cluster.since(kind, version) == [c for c in sent if c.thing.kind == kind]
    assert sum(c.thing.kind == PODS for c in sent) == pytest.approx(0.78 * 2000, abs=1)
    assert cluster.since(PODS, version - 1) is None


def test_a_fleet_is_split_without_remainder() -> None:
    """The clusters together have as many objects as were asked for."""
    assert list(split(10, 4)) == [3, 3, 2, 2]


def a_scrape(at: float, **finished: int) -> Scrape:
    """A scrape with these counts."""
    return Scrape(at, finished=finished)


def test_the_lag_of_an_end_is_until_the_first_scrape_that_counts_it() -> None:
    """The n-th end is in the scrape that counts n more than before; one that is never counted has no lag."""
    begun = a_scrape(9, a=5)
    scrapes = [a_scrape(10, a=5), a_scrape(11, a=7), a_scrape(12, a=8, b=1)]

    found = lags_s(scrapes, {"a": [9.5, 10.5, 11.75, 11.9], "b": [11.5]}, begun)

    assert found == {"a": [1.5, 0.5, 0.25], "b": [0.5]}
    assert quantile(found["a"], 0.99) == 1.5
    assert quantile([], 0.99) == 0


def test_the_lags_of_a_faulty_cluster_are_not_those_of_the_others() -> None:
    """An end belongs to the part in which it was sent; one that was never counted has no lag."""
    ends = {"bad": [1.0, 2.0], "good": [1.0, 2.0, 2.5, 3.0, 3.5]}
    lags = {"bad": [50.0, 60.0], "good": [0.1, 0.2, 0.3, 0.4]}

    assert p99_of_parts(ends, lags, [1, 2, 3, 4], "bad") == {"before": 0.1, "during": 0.3, "after": 0.4}


def test_a_scrape_is_read() -> None:
    """Counts of a cluster are summed over its namespaces; what is not measured is passed over."""
    body = b"""# TYPE lynceus_cluster_up gauge
lynceus_cluster_up{cluster="a"} 1
lynceus_workflows_finished_total{cluster="a",namespace="x",outcome="succeeded"} 2
lynceus_workflows_finished_total{cluster="a",namespace="y",outcome="succeeded"} 3
lynceus_watch_events_total{cluster="a",kind="pods"} 7
lynceus_watch_events_total{cluster="a",kind="nodes"} 7
held_bucket{le="0.01"} 90
held_bucket{le="0.05"} 99
held_bucket{le="+Inf"} 100
held_sum 3
"""

    found = read(body, 1.0, "held")

    assert found == Scrape(1.0, 1, {"a": 5}, observed=7, loop={0.01: 90, 0.05: 99, float("inf"): 100})
    assert holds(Scrape(), found) == {
        "p99_s": 0.05,
        "longest_s": float("inf"),
        "over_20_ms": 10,
        "passes": 100,
    }
