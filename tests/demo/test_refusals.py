"""
The pure core on the demo's objects, on the demo's own clock: cron runs, the leader, each end once.

Expected values are read off the raw objects, not off the code under test.
"""

from collections import Counter
from functools import cache
from itertools import chain

import msgspec

from collector.core.argo import controller_readings
from collector.core.cluster.effects import Effect
from collector.core.cluster.state import Cluster
from collector.core.facts.workflows import ControllerIncident, CronRun, StepRun, WorkflowRun
from collector.core.messages import Change, Observation, Reading
from collector.core.objects import structs
from collector.pipeline import argo_schedule
from tests.demo.simulated import NOON, SPAN_S, Sight, of, watched
from tests.replay import RULES

CHANGES: dict[str, Change] = {"ADDED": "added", "MODIFIED": "modified", "DELETED": "deleted"}
TICK_S = 15
NOON_MS = int(NOON * 1000)
MINUTE_MS = 60_000


@cache
def effects(name: str) -> tuple[Effect, ...]:
    """The effects of five minutes of a cluster, and of more in which its last cron runs are decided."""
    cluster = Cluster(name, RULES, argo_schedule)
    found: list[Effect] = []
    ticked = NOON
    for sight in watched(name):
        while sight.at >= ticked + TICK_S:
            ticked += TICK_S
            found += chain.from_iterable(cluster.tick(int(ticked * 1000)))
        found += observed(cluster, sight)
    return (*found, *chain.from_iterable(cluster.tick(int((NOON + SPAN_S + 70) * 1000))))


def observed(cluster: Cluster, sight: Sight) -> list[Effect]:
    """The effects of one event; a Lease is read and not watched."""
    kind, at = sight.write.kind, int(sight.at * 1000)
    if kind == "leases":
        return cluster.read(Reading("lease", "", at, controller_readings.lease(sight.write.body)))
    if kind == "configmaps":
        return []
    obj = msgspec.json.decode(sight.write.body, type=structs.OBJECT_OF[kind])
    uid = sight.obj["metadata"]["uid"]
    change = CHANGES[sight.write.verb]
    return cluster.observe(Observation(kind, change, uid, obj, version=sight.write.version, at=at, live=True))  # type: ignore[arg-type]


def cron_outcomes(name: str, cron: str) -> list[str]:
    """The last outcome of each due time of the first four minutes, in order."""
    last = {run.due_at: run.outcome for run in effects(name) if isinstance(run, CronRun) and run.cron == cron}
    return [last.get(NOON_MS + minute * MINUTE_MS, "") for minute in range(1, 5)]


def test_a_run_that_is_due_without_a_leader_is_missed() -> None:
    """The leader dies just before 12:01 and the other takes over after it; the runs after that are started."""
    lease = next(sight for sight in of(watched("prod-hz"), "leases") if sight.obj["spec"]["leaseTransitions"] == 1)
    runs = {
        sight.obj["metadata"]["name"]
        for sight in of(watched("prod-hz"), "workflows")
        if "cron" in str(sight.obj["metadata"])
    }

    assert NOON + 60 < lease.at < NOON + 120
    assert runs == {f"every-minute-{int(NOON) + minute * 60}" for minute in (2, 3, 4)}
    assert cron_outcomes("prod-hz", "every-minute") == ["missed", "started", "started", "started"]


def test_a_run_that_its_own_policy_forbids_is_skipped() -> None:
    """While a run is under way that takes longer than a minute the next one is skipped, not missed."""
    outcomes = cron_outcomes("prod-sh", "bucket-sync")
    names = {
        sight.obj["metadata"]["name"]
        for sight in of(watched("prod-sh"), "workflows")
        if sight.write.key.startswith("sim")
    }
    due = [f"bucket-sync-{int(NOON) + minute * 60}" for minute in range(1, 5)]

    assert outcomes == ["started" if name in names else "skipped" for name in due]
    assert outcomes[0] == "skipped"
    assert "started" in outcomes


def test_a_submission_that_fails_is_a_miss() -> None:
    """Its WorkflowTemplate is gone: each due time is missed, the only sign of it is a condition."""
    assert cron_outcomes("prod-sh", "weekly-report") == ["missed"] * 4


def test_the_leaders_death_and_the_change_are_incidents() -> None:
    """One OOM kill, one crash loop and one change of the leader in the first cluster, nothing in the others."""
    incidents = {
        name: [sight for sight in effects(name) if isinstance(sight, ControllerIncident)]
        for name in ("prod-hz", "prod-sh", "gpu-bj")
    }
    killed_at = next(
        sight.at
        for sight in of(watched("prod-hz"), "pods")
        if b'"state":{"terminated"' in sight.write.body and b"OOMKilled" in sight.write.body
    )
    led = next(sight for sight in of(watched("prod-hz"), "leases") if sight.obj["spec"]["leaseTransitions"] == 1)

    assert sorted(sight.kind for sight in incidents["prod-hz"]) == ["crash_loop", "leader_change", "oom_kill"]
    assert [sight.at for sight in incidents["prod-hz"] if sight.kind == "oom_kill"] == [int(killed_at) * 1000]
    assert [sight.reason for sight in incidents["prod-hz"] if sight.kind == "leader_change"] == [
        led.obj["spec"]["holderIdentity"]
    ]
    assert incidents["prod-sh"] == incidents["gpu-bj"] == []


def test_every_attempt_that_ended_is_recorded_with_its_phase() -> None:
    """One row for each uid and start, the reopened ones included; no outcome contradicts the phase."""
    for name in ("prod-hz", "prod-sh", "gpu-bj"):
        ended = {
            (sight.obj["metadata"]["uid"], sight.obj["status"]["startedAt"]): sight.phase
            for sight in of(watched(name), "workflows")
            if sight.phase in ("Succeeded", "Failed")
        }
        runs = {(sight.uid, sight.attempt): sight for sight in effects(name) if isinstance(sight, WorkflowRun)}

        assert Counter(uid for uid, _ in ended) == Counter(uid for uid, _ in runs)
        assert Counter(ended.values()) == Counter(sight.phase for sight in runs.values())
        assert {sight.outcome for sight in runs.values() if sight.phase == "Succeeded"} == {"succeeded"}
        assert {sight.outcome for sight in runs.values() if sight.phase == "Failed"} == {"failed", "platform"}


def test_packed_steps_are_recorded() -> None:
    """A workflow whose nodes are packed has a row for each of its pods' steps."""
    packed = {
        sight.obj["metadata"]["uid"]: sight
        for sight in of(watched("prod-sh"), "workflows")
        if "compressedNodes" in sight.obj.get("status", {})
    }
    ended = {uid: sight for uid, sight in packed.items() if sight.phase == "Succeeded"}
    steps = {
        (sight.workflow_uid, sight.node_id)
        for sight in effects("prod-sh")
        if isinstance(sight, StepRun) and sight.type == "Pod"
    }

    assert ended
    for uid, sight in ended.items():
        pods = {node["id"] for node in sight.nodes.values() if node["type"] == "Pod"}
        assert {node_id for owner, node_id in steps if owner == uid} == pods
