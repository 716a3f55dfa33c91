"""Clusters that are added to a pipeline and removed from it while it runs."""

from collector.catalog import metrics
from collector.core.facts.watches import WatchGap
from collector.core.messages import Commit, Cursor
from collector.pipeline.pipeline import Pipeline
from tests.builders import HOUR, NOON, RULES, SECOND
from tests.flow import (
    BEGUN,
    DONE,
    HEALTHY,
    STARTED_POD,
    SUBMITTED,
    WHOLE,
    a_pipeline,
    counted,
    drained,
    identity,
    position,
)
from tests.slices import whole


def taken_up(flow: Pipeline, *commits: Commit) -> None:
    """What a spool would give back of these commits."""
    cursors = {(cursor.cluster, cursor.kind): cursor for commit in commits for cursor in commit.cursors}
    states = {(u.cluster, u.kind, u.uid): u.state for commit in commits for u in commit.upserts}
    whole(flow.restore([*cursors.values()], [(*key, state) for key, state in states.items()]))


def test_a_removed_cluster_leaves_its_last_state_and_nothing_else() -> None:
    """What was gathered and not committed is in the next commit, with the counters; no gap is made of the removal."""
    flow = a_pipeline("c1", "c2")
    flow.take("c2", [SUBMITTED, position("workflows", "4")])
    flow.take("c1", [*identity("k1"), SUBMITTED, BEGUN, STARTED_POD, position(), position("pods", "8")])
    whole(flow.tick(NOON, {"c1", "c2"}))
    flow.remove_cluster("c1", NOON + SECOND)
    commit = drained(flow, NOON + SECOND)

    assert {(c.cluster, c.kind, c.resource_version) for c in commit.cursors} == {
        ("c1", "workflows", "7"),
        ("c1", "pods", "8"),
        ("c2", "workflows", "4"),
    }
    assert {(u.cluster, u.uid) for u in commit.upserts} == {("c1", "w1"), ("c1", "p1"), ("c2", "w1")}
    (totals,) = [c.totals for c in commit.cursors if c.cluster == "c1" and c.totals]
    assert totals["lynceus_workflows_submitted_total\x1fc1\x1fteam\x1fteam"] == "1"
    assert not [fact for fact in commit.facts if isinstance(fact, WatchGap)]
    view = flow.view(NOON + SECOND, {}, HEALTHY)
    assert {cluster.name for cluster in view.clusters} == {"c2"}
    assert {row.cluster for row in view.queues} == {"c2"}
    assert {labels[0] for labels in flow.counters.series[metrics.SUBMITTED.name]} == {"c2"}
    flow.take("c1", [DONE, position("workflows", "9")])
    assert flow.drain(NOON + SECOND) is None


def test_a_cluster_that_is_added_again_goes_on() -> None:
    """Its objects, positions, identity and counters are those of its last commit."""
    flow = a_pipeline("c1", "c2")
    flow.take("c1", [*identity("k1"), *WHOLE[:3], position(), position("pods", "8")])
    first = drained(flow)
    counted_before = counted(flow, metrics.SUBMITTED)
    flow.remove_cluster("c1", NOON + SECOND)
    assert flow.positions.clusters_without_position() == ["c2"]
    assert flow.drain(NOON + HOUR) is None, "all was committed already"
    flow.add_cluster("c1", RULES)
    assert flow.positions.resume("c1", "workflows") is None
    taken_up(flow, first)

    resumed = flow.positions.resume("c1", "workflows")
    assert resumed is not None
    assert (resumed.resource_version, resumed.at, [*resumed.known]) == ("7", NOON, ["w1"])
    assert flow.identities.uids["c1"] == "k1"
    assert counted(flow, metrics.SUBMITTED) == counted_before
    flow.take("c1", [*WHOLE[3:], position("workflows", "9")])
    assert {(u.kind, u.uid) for u in drained(flow, NOON + HOUR).upserts} == {("workflows", "w1"), ("pods", "p1")}


def test_a_gap_after_a_removal_begins_at_the_last_position() -> None:
    """An unwatched hour is a gap only if the API server cannot replay it, and then it has its whole length."""
    flow = a_pipeline("c1")
    flow.take("c1", [SUBMITTED, position()])
    first = drained(flow, NOON)
    flow.remove_cluster("c1", NOON + HOUR)
    flow.add_cluster("c1", RULES)
    taken_up(flow, first)
    resumed = flow.positions.resume("c1", "workflows")

    assert resumed is not None
    assert resumed.at == NOON


def test_a_name_that_was_removed_frees_its_cluster_for_another_name() -> None:
    """A rename is a removal and an addition: the same cluster, other rows."""
    flow = a_pipeline("c1")
    flow.take("c1", identity("k1"))
    flow.remove_cluster("c1", NOON)
    flow.add_cluster("c2", RULES)
    flow.take("c2", identity("k1"))

    assert (flow.identities.uids, flow.identities.refused) == ({"c2": "k1"}, {})


def test_a_refused_cluster_that_was_removed_may_come_back() -> None:
    """The name is bound as before; only the refusal is forgotten."""
    flow = a_pipeline("c1", "c2")
    flow.take("c1", identity("k1"))
    flow.take("c2", identity("k1"))
    assert [*flow.identities.refused] == ["c2"]
    flow.remove_cluster("c1", NOON)
    flow.remove_cluster("c2", NOON)
    flow.add_cluster("c2", RULES)
    cursor = Cursor(cluster="c2", kind="workflows", resource_version="1", epoch=0, cluster_uid="k1", at=NOON, totals={})
    whole(flow.restore([cursor], []))
    flow.take("c2", identity("k1"))

    assert flow.identities.refused == {}
