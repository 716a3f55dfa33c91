"""The loop between watch and store: what is gathered, and what moves a counter."""

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace

from collector.catalog import metrics
from collector.core.facts.bills import Period, PodCost, PodRun, PricingRun
from collector.core.facts.watches import Quarantine, WatchGap
from collector.core.facts.workflows import ControllerIncident, StepRun, WorkflowRun
from collector.core.messages import Gone, Observation
from collector.pipeline import pipeline
from tests.builders import (
    DAY,
    ECI_2C4G,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_workflow,
    an_observation,
    ended_pod,
)
from tests.flow import (
    BEGUN,
    DONE,
    ENDED_POD,
    FAILED,
    STARTED_POD,
    SUBMITTED,
    WHOLE,
    a_pipeline,
    books,
    controller,
    counted,
    drained,
    only,
    position,
)
from tests.replay import observations

# Draining.


def test_nothing_gathered_is_nothing_to_commit() -> None:
    """An idle fleet writes nothing."""
    assert a_pipeline().drain(NOON) is None


def test_facts_cursors_and_checkpoints_leave_together() -> None:
    """What one spool transaction makes durable, all or nothing."""
    flow = a_pipeline()
    flow.take("c1", [*WHOLE, position(), position("pods", "8")])
    commit = drained(flow, NOON + HOUR)

    assert {type(fact) for fact in commit.facts} == {WorkflowRun, StepRun, PodRun, PodCost, Period}
    assert [(c.cluster, c.kind, c.resource_version, c.at) for c in commit.cursors] == [
        ("c1", "workflows", "7", NOON + HOUR),
        ("c1", "pods", "8", NOON + HOUR),
    ]
    assert [(c.kind, c.uid) for c in commit.upserts] == [("workflows", "w1"), ("pods", "p1")]
    assert flow.drain(NOON) is None


def test_a_workflows_checkpoint_has_its_live_row() -> None:
    """The store's live table follows the checkpoints."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED])
    (checkpoint,) = drained(flow).upserts

    assert checkpoint.live is not None
    assert (checkpoint.live.uid, checkpoint.live.is_deleted, checkpoint.live.waiting_reason) == ("w1", 0, "unseen")


def test_what_is_gone_needs_no_checkpoint() -> None:
    """And takes its live row away."""
    flow = a_pipeline()
    gone = an_observation(a_workflow(), "deleted", when=NOON + MINUTE)
    flow.take("c1", [SUBMITTED, an_observation(ended_pod("p9", owner="w9"), "deleted")])
    drained(flow)
    flow.take("c1", [gone, position("pods", str(NOON)), position("workflows", str(NOON))])
    deletes = {(d.kind, d.uid): d for d in drained(flow).deletes}

    assert set(deletes) == {("workflows", "w1"), ("pods", "p9")}
    assert deletes["pods", "p9"] == Gone(cluster="c1", kind="pods", uid="p9")
    live = deletes["workflows", "w1"].live
    assert live is not None
    assert live.is_deleted == 1


def test_counters_are_stored_with_every_checkpoint() -> None:
    """A crash after a commit without them would lose what its observations counted: they are not sent again."""
    flow = a_pipeline()
    flow.take("c1", [position()])
    drained(flow)
    flow.take("c1", [SUBMITTED])
    (cursor,) = drained(flow).cursors

    assert (cursor.kind, cursor.resource_version) == ("workflows", "7")
    assert cursor.totals["lynceus_workflows_submitted_total\x1fc1\x1fteam\x1fteam"] == "1"


def test_only_the_workflows_cursor_has_the_counters() -> None:
    """Once is enough."""
    flow = a_pipeline()
    flow.take("c1", [*WHOLE, position("pods"), position()])
    totals = {cursor.kind: bool(cursor.totals) for cursor in drained(flow).cursors}

    assert totals == {"workflows": True, "pods": False}


def test_the_books_in_force_are_recorded() -> None:
    """A changed price shows as a changed pricing run."""
    flow = a_pipeline()
    flow.open_pricing_run(NOON, "abc")
    (run,) = drained(flow).facts

    assert run == PricingRun(run=1, version=NOON, created_at=NOON, books=books().names(), rules="abc")


def test_the_first_charge_of_a_month_opens_it_once() -> None:
    """Readers find the active run by it."""
    flow = a_pipeline()
    flow.take("c1", [ENDED_POD, an_observation(ended_pod("p2"))])
    (month,) = only(Period, drained(flow).facts)

    assert (month.month, month.active_run, month.state) == (20_758, 1, "open")


# Counters.


def test_each_attempt_is_counted_once_at_each_stage() -> None:
    """Submitted, started and finished are counted once, also when an observation repeats."""
    flow = a_pipeline()
    flow.take("c1", [*WHOLE, DONE, ENDED_POD, DONE])

    assert counted(flow, metrics.SUBMITTED) == {("c1", "team", "team"): 1}
    assert counted(flow, metrics.STARTED) == {("c1", "team", "team"): 1}
    assert counted(flow, metrics.FINISHED) == {("c1", "team", "succeeded"): 1}


def test_queue_latency_is_observed_in_seconds() -> None:
    """From 10 ms up; only what was seen live at both ends."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, BEGUN])
    found = flow.counters.histograms[metrics.QUEUE_LATENCY.name]["c1", "team"]

    assert (found.sum, sum(found.counts)) == (0.05, 1)


def test_each_latency_names_its_workflow() -> None:
    """As an exemplar of its bucket, with the time at which it was observed."""
    flow = a_pipeline()
    flow.take("c1", [*WHOLE, DONE, ENDED_POD, DONE])
    latencies = {m.name for m in (metrics.QUEUE_LATENCY, metrics.COMPLETION_DELAY, metrics.DURATION)}

    found = {
        (name, exemplar.label, exemplar.value)
        for name, series in flow.counters.histograms.items()
        for buckets in series.values()
        for _, exemplar in buckets.exemplars.values()
        if exemplar.at >= NOON
    }

    assert found >= {(name, "workflow_uid", "w1") for name in latencies}


def test_a_duration_is_observed_by_template_and_outcome() -> None:
    """Once, at the end; a workflow of no template is under the empty name, never under its own."""
    flow = a_pipeline()
    flow.take("c1", [*WHOLE, DONE])
    found = flow.counters.histograms[metrics.DURATION.name]

    assert {labels: (b.sum, sum(b.counts)) for labels, b in found.items()} == {("c1", "", "succeeded"): (71.0, 1)}


def test_a_wait_that_was_not_seen_live_is_not_observed() -> None:
    """Whole seconds would fill buckets of milliseconds with noise."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, an_observation(a_workflow(phase="Running", started=NOON), "listed", when=NOON + HOUR)])

    assert counted(flow, metrics.STARTED) == {("c1", "team", "team"): 1}
    assert flow.counters.histograms == {}


def test_a_recording_moves_each_counter_by_what_it_holds() -> None:
    """24 submitted, 23 began, 21 ended: 1 by the platform, 2 by the users' code, 1 invalid, 2 cancelled."""
    flow = a_pipeline()
    flow.take("c1", list(observations("basics")))
    ended: dict[str, int] = {}
    for (_, _, outcome), value in counted(flow, metrics.FINISHED).items():
        ended[outcome] = ended.get(outcome, 0) + int(value)

    assert sum(counted(flow, metrics.SUBMITTED).values()) == 24
    assert sum(counted(flow, metrics.STARTED).values()) == 23
    assert ended == {"succeeded": 15, "platform": 1, "failed": 2, "invalid": 1, "cancelled": 2}
    assert sum(counted(flow, metrics.COST).values()) == Decimal("0.001619685")
    assert counted(flow, metrics.UNPRICED_PODS) == {("c1", "no_spot_price"): 10}


def test_each_object_seen_is_counted() -> None:
    """The rate of a watch."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, BEGUN, STARTED_POD])

    assert counted(flow, metrics.WATCH_EVENTS) == {("c1", "workflows"): 2, ("c1", "pods"): 1}


def test_cost_is_counted_once_however_often_it_is_charged() -> None:
    """At a pod's end, and again when its workflow's end gives it another class."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, ENDED_POD, FAILED])
    charges = only(PodCost, drained(flow).facts)

    assert [charge.class_ for charge in charges] == ["useful", "failed"]
    assert counted(flow, metrics.COST) == {("c1", "team", "alibaba-eci", "USD"): charges[-1].cost}


def test_a_correction_upwards_is_counted_by_the_difference() -> None:
    """The end was rewritten by two seconds."""
    flow = a_pipeline()
    later = an_observation(ended_pod(ended=NOON + 72 * SECOND), when=NOON + 80 * SECOND)
    flow.take("c1", [ENDED_POD, later])

    assert counted(flow, metrics.COST) == {("c1", "team", "alibaba-eci", "USD"): Decimal("0.00138528")}


def test_a_correction_downwards_shows_in_tables_only() -> None:
    """A counter never falls."""
    flow = a_pipeline()
    earlier = an_observation(ended_pod(ended=NOON + 60 * SECOND), when=NOON + 80 * SECOND)
    flow.take("c1", [ENDED_POD, earlier])
    charges = only(PodCost, drained(flow).facts)

    assert [c.cost for c in charges] == [Decimal("0.0013468"), Decimal("0.0011544")]
    assert list(counted(flow, metrics.COST).values()) == [Decimal("0.0013468")]


def test_a_pod_without_a_price_is_counted_once_and_its_price_when_it_has_one() -> None:
    """The last word on a pod often comes after its end."""
    flow = a_pipeline()
    spot = {**ECI_2C4G, "k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo"}
    unknown = an_observation(ended_pod(annotations=spot), when=NOON + 75 * SECOND)
    again = an_observation(ended_pod(annotations=spot, ended=NOON + 72 * SECOND), when=NOON + 76 * SECOND)
    priced = an_observation(ended_pod(), when=NOON + 77 * SECOND)
    flow.take("c1", [unknown, again, priced])

    assert counted(flow, metrics.UNPRICED_PODS) == {("c1", "no_spot_price"): 1}
    assert list(counted(flow, metrics.COST).values()) == [Decimal("0.0013468")]


def test_a_malformed_annotation_is_counted_though_its_pod_is_priced() -> None:
    """What stood in for it is a guess that somebody should look at."""
    flow = a_pipeline()
    malformed = {**ECI_2C4G, "k8s.aliyun.com/eci-instance-spec": "two"}
    flow.take("c1", [an_observation(ended_pod(annotations=malformed), when=NOON + s * SECOND) for s in (75, 76)])

    assert counted(flow, metrics.UNPRICED_PODS) == {("c1", "malformed_spec"): 1}
    assert list(counted(flow, metrics.COST).values()) == [Decimal("0.0013468")]


def test_pods_that_ended_before_the_first_start_are_charged_and_not_counted() -> None:
    """The row is the bill's; the counter would jump by a month at each start."""
    flow = a_pipeline()
    flow.take("c1", [an_observation(ended_pod(), "listed", when=NOON + DAY)])

    assert [c.cost for c in only(PodCost, drained(flow).facts)] == [Decimal("0.0013468")]
    assert counted(flow, metrics.COST) == {}


def test_a_kill_of_the_controller_pages() -> None:
    """It counts as a kill and as a restart."""
    flow = a_pipeline()
    flow.take("c1", [controller(), controller()])

    assert counted(flow, metrics.CONTROLLER_OOM_KILLS) == {("c1", "workflow-controller"): 1}
    assert counted(flow, metrics.CONTROLLER_RESTARTS) == {("c1", "workflow-controller", "oom"): 1}


def test_a_crash_of_the_controller_is_no_kill() -> None:
    """It restarts all the same."""
    flow = a_pipeline()
    flow.take("c1", [controller(reason="Error")])

    assert counted(flow, metrics.CONTROLLER_OOM_KILLS) == {}
    assert counted(flow, metrics.CONTROLLER_RESTARTS) == {("c1", "workflow-controller", "error"): 1}


def test_an_old_kill_that_a_list_shows_is_recorded_and_pages_nobody() -> None:
    """lastState keeps it for weeks; each start of the collector would page."""
    flow = a_pipeline()
    flow.take("c1", [controller("listed"), controller()])

    assert len(only(ControllerIncident, drained(flow).facts)) == 1
    assert counted(flow, metrics.CONTROLLER_RESTARTS) == {}


def test_the_controllers_counters_stand_at_nothing_from_the_start() -> None:
    """One that appears with its first increase hides it from `increase()`."""
    flow = a_pipeline("c1", "c2")
    series = flow.counters.series[metrics.CONTROLLER_OOM_KILLS.name]

    assert series == {(c, n): 0 for c in ("c1", "c2") for n in ("workflow-controller", "controller")}


# Breaks and bad objects.


def a_gap(kind: str = "workflows") -> WatchGap:
    return WatchGap(
        cluster="c1", kind=kind, from_at=NOON, version=9, to_at=NOON + HOUR, cause="expired", objects_unknown=2
    )


@pytest.mark.parametrize(
    ("kind", "complete"), [("workflows", False), ("pods", False), ("nodes", True), ("namespaces", True)]
)
def test_a_gap_is_a_row_and_makes_living_workflows_incomplete(kind: str, complete: bool) -> None:
    """Of the kinds whose changes a run is made of."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, BEGUN, a_gap(kind), DONE])
    facts = drained(flow).facts

    assert only(WatchGap, facts) == [a_gap(kind)]
    assert [run.complete for run in only(WorkflowRun, facts)] == [complete]
    assert counted(flow, metrics.WATCH_GAPS) == {("c1", kind): 1}


def test_a_first_start_is_a_row_and_no_break_that_is_counted() -> None:
    """Before the first start there is nothing to miss: else each new installation would cause an alert."""
    flow = a_pipeline()
    first = replace(a_gap(), from_at=0, cause="first start")
    flow.take("c1", [first])

    assert only(WatchGap, drained(flow).facts) == [first]
    assert counted(flow, metrics.WATCH_GAPS) == {}


def test_counters_that_page_exist_before_they_count() -> None:
    """A series that appears at 1 shows no increase."""
    counters = a_pipeline().counters.series

    assert counters[metrics.WATCH_GAPS.name]["c1", "workflows"] == 0
    assert counters[metrics.RECONCILE_DIFFERENCES.name]["c1", "pods", "stale"] == 0


def test_a_lost_spool_is_a_gap_of_every_cluster() -> None:
    """What the lost spool held cannot be replayed."""
    flow = a_pipeline("c1", "c2")
    flow.positions.mark_state_lost(NOON, "not a database", ["c1", "c2"])

    assert {
        flow.positions.pending_gap(cluster, kind) for cluster in ("c1", "c2") for kind in ("workflows", "pods")
    } == {(NOON, "not a database")}
    assert flow.positions.pending_gap("c1", "nodes") is None


def test_an_object_set_aside_is_a_row_and_counted() -> None:
    """Its neighbours go on."""
    flow = a_pipeline()
    bad = Quarantine(cluster="c1", kind="pods", uid="", at=NOON, version=1, reason="no_uid", sample="{}")
    flow.take("c1", [bad, SUBMITTED])

    assert only(Quarantine, drained(flow).facts) == [bad]
    assert counted(flow, metrics.QUARANTINED) == {("c1", "pods", "no_uid"): 1}
    assert "w1" in flow.clusters["c1"].workflows


def test_an_object_that_core_does_not_understand_is_set_aside() -> None:
    """A defect of ours on one object must not stop a fleet; it is logged with the object's identity."""
    flow = a_pipeline()
    wrong = Observation("pods", "modified", "p1", None, version=5, at=NOON, live=True)
    flow.take("c1", [wrong, SUBMITTED])
    (row,) = only(Quarantine, drained(flow).facts)

    assert (row.kind, row.uid, row.reason, row.sample, row.version) == ("pods", "p1", "unforeseen", "AttributeError", 5)
    assert "w1" in flow.clusters["c1"].workflows


# Back-pressure.


async def test_a_full_pipeline_has_no_room_until_it_is_drained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watches are stopped cleanly; what was taken is kept."""
    monkeypatch.setattr(pipeline, "PENDING_LIMIT", 2)
    flow = a_pipeline()
    await asyncio.wait_for(flow.room.wait(), 1)
    flow.take("c1", [an_observation(a_workflow(f"w{i}"), "added") for i in range(3)])
    waiting = asyncio.ensure_future(flow.room.wait())
    await asyncio.sleep(0)
    stopped = not waiting.done()
    drained(flow)
    await asyncio.wait_for(waiting, 1)

    assert stopped
