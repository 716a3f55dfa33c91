"""The pipeline over time: whose name it is, what a restart takes up, what accrues."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from collector.catalog import metrics
from collector.core.facts.bills import NodeRun, PodCost, PodRun
from collector.core.facts.workflows import ControllerIncident, WorkflowRun
from collector.core.messages import Commit, Cursor, Observation, Outcome, Synced
from collector.core.model import Fact
from collector.pipeline.pipeline import Pipeline
from collector.pipeline.positions import Resume
from tests.builders import (
    HOUR,
    NOON,
    a_plain_node,
    a_pod,
    a_step,
    a_workflow,
    an_observation,
    ended_pod,
    version,
)
from tests.flow import (
    HEALTHY,
    STARTED_POD,
    SUBMITTED,
    WHOLE,
    a_pipeline,
    controller,
    counted,
    drained,
    identity,
    only,
    position,
)
from tests.replay import observations
from tests.slices import whole

# Identity.


def test_a_name_is_bound_to_the_first_cluster_that_answers() -> None:
    """By the uid of its kube-system namespace."""
    flow = a_pipeline()
    flow.take("c1", [*identity("uid-1"), *identity("uid-1"), position()])

    assert (flow.identities.refused, flow.identities.uids) == ({}, {"c1": "uid-1"})
    assert drained(flow).cursors[0].cluster_uid == "uid-1"


def test_another_cluster_under_an_old_name_is_refused() -> None:
    """Rows of two clusters under one name could never be separated again."""
    refused: list[str] = []
    flow = a_pipeline()
    flow.identities.listeners.append(lambda name, _reason: refused.append(name))
    flow.take("c1", identity("uid-1"))
    flow.take("c1", [*identity("uid-2"), SUBMITTED, position()])

    assert "is bound to kube-system uid-1 but this is uid-2" in flow.identities.refused["c1"]
    assert (refused, flow.clusters["c1"].workflows, flow.drain(NOON)) == (["c1"], {}, None)


def test_one_cluster_under_two_names_is_refused() -> None:
    """Everything would be billed twice."""
    flow = a_pipeline("c1", "c2")
    flow.take("c1", identity("uid-1"))
    flow.take("c2", identity("uid-1"))

    assert list(flow.identities.refused) == ["c2"]
    assert "is the same cluster as c1: both have kube-system uid-1; remove one" in flow.identities.refused["c2"]


def test_a_refused_cluster_is_neither_charged_nor_sampled() -> None:
    """The cluster under its former name is not watched any more."""
    flow = a_pipeline()
    flow.take("c1", [*identity("uid-1"), an_observation(a_workflow("w2"), "added"), SUBMITTED, STARTED_POD])
    drained(flow)
    flow.take("c1", identity("uid-2"))
    whole(flow.accrue(NOON + HOUR))
    whole(flow.sample_queues(NOON + HOUR, flow.clusters))

    assert flow.drain(NOON) is None
    assert flow.view(NOON, {}, HEALTHY).queues == []


def test_a_name_that_is_configured_no_more_does_not_count() -> None:
    """A cluster may be given another name."""
    flow = a_pipeline("new")
    flow.identities.uids["old"] = "uid-1"
    flow.take("new", identity("uid-1"))

    assert flow.identities.refused == {}


def test_a_cluster_without_a_visible_kube_system_is_not_bound() -> None:
    """And may be bound later, when it may."""
    flow = a_pipeline()
    flow.take("c1", [Synced("namespaces", "5"), Synced("pods", "5")])
    flow.take("c1", identity("uid-1"))

    assert (flow.identities.refused, flow.identities.uids) == ({}, {"c1": "uid-1"})


def test_a_restart_before_the_cluster_was_bound_refuses_nothing() -> None:
    """A cursor without an identity binds to none."""
    flow, after = a_pipeline(), a_pipeline()
    flow.take("c1", [position(), position("pods")])
    whole(after.restore(drained(flow).cursors, []))
    after.take("c1", identity("uid-1"))

    assert (after.identities.refused, after.identities.uids) == ({}, {"c1": "uid-1"})


def test_a_restart_remembers_who_a_name_belongs_to() -> None:
    """The binding is with every cursor."""
    flow, after = a_pipeline(), a_pipeline()
    flow.take("c1", [*identity("uid-1"), position()])
    whole(after.restore(drained(flow).cursors, []))
    after.take("c1", identity("uid-2"))

    assert list(after.identities.refused) == ["c1"]


# Restarts.


def restarted(commits: Iterable[Commit], *names: str) -> Pipeline:
    """A pipeline taken up from what a spool holds after some commits."""
    cursors: dict[tuple[str, str], Cursor] = {}
    states: dict[tuple[str, str, str], bytes] = {}
    for commit in commits:
        cursors |= {(c.cluster, c.kind): c for c in commit.cursors}
        states |= {(c.cluster, c.kind, c.uid): c.state for c in commit.upserts}
        for gone in commit.deletes:
            states.pop((gone.cluster, gone.kind, gone.uid), None)
    flow = a_pipeline(*names)
    whole(flow.restore(cursors.values(), [(*key, state) for key, state in states.items()]))
    return flow


@pytest.mark.parametrize("at", range(0, 476, 53))
def test_a_restart_changes_nothing_that_is_stored(at: int) -> None:
    """Same rows and same counters as an undisturbed run, wherever it was killed."""
    seen: list[Outcome] = list(observations("basics"))
    whole, first = a_pipeline(), a_pipeline()
    whole.take("c1", seen)
    first.take("c1", [*seen[:at], position(), position("pods")])
    before = drained(first)
    second = restarted([before])
    second.take("c1", [*(o for o in seen if isinstance(o, Observation) and o.change == "listed"), *seen[at:]])
    after = drained(second).facts if at < len(seen) else ()

    assert newest([*before.facts, *after]) == newest(drained(whole).facts)
    for metric in (metrics.SUBMITTED, metrics.STARTED, metrics.FINISHED, metrics.COST, metrics.UNPRICED_PODS):
        assert counted(second, metric) == counted(whole, metric)


def newest(facts: Iterable[Fact]) -> dict[tuple[Any, ...], Fact]:
    """The rows that stay, by key."""
    rows: dict[tuple[Any, ...], Fact] = {}
    for fact in facts:
        if isinstance(fact, WorkflowRun):
            rows["run", fact.uid, fact.attempt] = fact
        elif isinstance(fact, PodRun):
            rows["pod", fact.uid] = fact
        elif isinstance(fact, PodCost):
            rows["cost", fact.pod_uid, fact.day] = fact
        elif isinstance(fact, ControllerIncident):
            rows["incident", fact.at] = fact
    return rows


def test_a_watch_resumes_with_what_it_knew() -> None:
    """Position, epoch, and the version of every living object; what is gone is not expected again."""
    flow = a_pipeline()
    gone = an_observation(a_workflow("w2"), "deleted")
    flow.take("c1", [*identity("u"), SUBMITTED, gone, STARTED_POD, position(rv="70", epoch=2), position("pods", "80")])
    after = restarted([drained(flow)])

    assert after.positions.resume("c1", "workflows") == Resume("70", 2, {"w1": SUBMITTED.version}, NOON)
    assert after.positions.resume("c1", "pods") == Resume("80", 0, {"p1": STARTED_POD.version}, NOON)


def test_events_go_on_from_where_they_were() -> None:
    """Events are sent once: one that announced a pod's end during a break must not be missed."""
    flow = a_pipeline()
    flow.take("c1", [*identity("u"), position("events", "90")])

    assert restarted([drained(flow)]).positions.resume("c1", "events") == Resume("90", 0, {}, NOON)


def test_plain_nodes_are_written_hourly_and_known_after_a_restart() -> None:
    """After a restart nodes are listed again, and those that vanished meanwhile are noticed."""
    flow = a_pipeline()
    seen = an_observation(a_plain_node("n1"), "listed")
    flow.take("c1", [seen, position("nodes", "70", epoch=2)])
    first = drained(flow)
    whole(flow.accrue(NOON + HOUR))
    second = drained(flow)

    assert [node.last_seen_at for c in (first, second) for node in only(NodeRun, c.facts)] == [NOON, NOON + HOUR]
    assert restarted([first, second]).positions.resume("c1", "nodes") == Resume("", 2, {"node-n1": seen.version}, None)


def test_virtual_nodes_and_namespaces_are_listed_again() -> None:
    """They are not checkpointed."""
    flow = a_pipeline()
    flow.take("c1", [position("namespaces"), position("nodes")])
    after = restarted([drained(flow)])

    assert [after.positions.resume("c1", kind) for kind in ("namespaces", "nodes", "workflows", "pods")] == [None] * 4


def test_a_cluster_that_is_configured_no_more_is_left_alone() -> None:
    """Its checkpoints stay in the spool."""
    flow = a_pipeline("old")
    flow.take("old", [*WHOLE, position()])
    after = restarted([drained(flow)], "new")

    assert (after.clusters["new"].workflows, after.identities.uids, counted(after, metrics.SUBMITTED)) == ({}, {}, {})


def test_attempts_are_numbered_on() -> None:
    """The number of the attempt is in the checkpoint."""
    flow = a_pipeline()
    flow.take("c1", [*WHOLE, position()])
    after = restarted([drained(flow)])
    again = NOON + HOUR
    after.take("c1", [an_observation(a_workflow(started=again), when=again)])

    assert after.clusters["c1"].workflows["w1"].attempt.number == 2


def test_a_large_piece_of_state_is_compressed_and_taken_up_again() -> None:
    """A workflow that ended before its pods were seen keeps the rows of all its steps."""
    flow = a_pipeline()
    nodes = {f"w1-{n}": a_step(id=f"w1-{n}") for n in range(50)}
    ended = a_workflow(phase="Succeeded", started=NOON, finished=NOON + HOUR, nodes=nodes)
    flow.take("c1", [an_observation(ended, when=NOON + HOUR), position()])
    commit = drained(flow)
    (piece,) = (c.state for c in commit.upserts if c.kind == "workflows")
    before, after = (f.clusters["c1"].workflows["w1"] for f in (flow, restarted([commit])))

    assert len(piece) < 2000
    assert after == before
    assert len(after.attempt.podless_steps or ()) == 50


@pytest.mark.parametrize("piece", [b"\xc1", b"\x28\xb5\x2f\xfd no frame"], ids=["no array", "no frame"])
def test_a_piece_that_cannot_be_read_starts_its_cluster_from_lists(piece: bytes) -> None:
    """Whatever the spool held under that name."""
    flow = a_pipeline("c1", "c2")

    assert whole(flow.restore([], [("c1", "workflows", "w1", piece)])) == ["c1"]
    assert flow.clusters["c1"].workflows == {}


def test_an_incident_is_not_recorded_again_after_a_restart() -> None:
    """It would page twice."""
    flow = a_pipeline()
    flow.take("c1", [controller(), position()])
    after = restarted([drained(flow)])
    after.take("c1", [controller()])

    assert counted(after, metrics.CONTROLLER_OOM_KILLS) == {("c1", "workflow-controller"): 1}
    assert drained(after).facts == []


def test_what_waits_for_another_kind_is_let_go_by_its_position() -> None:
    """A deleted workflow goes when the pods have come as far."""
    flow = a_pipeline()
    gone = an_observation(a_workflow(), "deleted")
    flow.take("c1", [gone, position("pods", str((gone.version >> 8) - 1))])
    kept = set(flow.clusters["c1"].workflows)
    flow.take("c1", [position("pods", str(gone.version >> 8))])

    assert (kept, set(flow.clusters["c1"].workflows)) == ({"w1"}, set())
    assert gone.version == version(gone.version >> 8)


# Accrual.


def test_a_pod_that_has_no_instance_yet_accrues_nothing() -> None:
    """Nor opens a month."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, an_observation(a_pod(conditions=[], annotations={}))])
    drained(flow)
    whole(flow.accrue(NOON + HOUR))

    assert flow.drain(NOON) is None


def test_a_running_pods_charge_of_the_day_is_written_again() -> None:
    """Its key is the same, its version higher, its status accruing; it moves no counter."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, STARTED_POD, an_observation(ended_pod("p2"))])
    drained(flow)
    whole(flow.accrue(NOON + HOUR))
    (first,) = only(PodCost, drained(flow).facts)
    whole(flow.accrue(NOON + 2 * HOUR))
    (second,) = only(PodCost, drained(flow).facts)

    assert (first.pod_uid, first.cost, first.status) == ("p1", Decimal("0.069264"), "accruing")
    assert (second.cost, second.day == first.day, second.version > first.version) == (Decimal("0.138528"), True, True)
    assert list(counted(flow, metrics.COST).values()) == [Decimal("0.0013468")]


def test_days_that_are_over_are_not_written_again() -> None:
    """Else their rollups would be rebuilt each hour; a restart remembers what was written."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, STARTED_POD, position(), position("pods")])
    whole(flow.accrue(NOON + 61 * HOUR))
    commit = drained(flow)
    after = restarted([commit])
    whole(after.accrue(NOON + 62 * HOUR))
    before, now = only(PodCost, commit.facts), only(PodCost, drained(after).facts)

    assert [charge.day - before[0].day for charge in before] == [0, 1, 2, 3]
    assert [charge.day - before[0].day for charge in now] == [3]


def test_the_last_charge_of_a_pod_replaces_what_it_accrued() -> None:
    """Also on a day on which nothing is left of it."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, STARTED_POD])
    whole(flow.accrue(NOON + 13 * HOUR))
    flow.take("c1", [an_observation(ended_pod(), when=NOON + 13 * HOUR)])
    rows = {c.day: c for c in only(PodCost, drained(flow).facts)}

    assert [(c.billed_seconds, c.cost, c.status) for _, c in sorted(rows.items())] == [
        (70, Decimal("0.0013468"), "final"),
        (0, 0, "final"),
    ]


def test_an_accruing_charge_survives_a_restart() -> None:
    """Its version goes on, or the row of an hour ago would stay."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, STARTED_POD, position(), position("pods")])
    whole(flow.accrue(NOON + HOUR))
    commit = drained(flow)
    after = restarted([commit])
    whole(after.accrue(NOON + 2 * HOUR))
    (first,), (second,) = only(PodCost, commit.facts), only(PodCost, drained(after).facts)

    assert second.version > first.version
