"""A workflow from the archive: which attempt it is, and what its steps show of missed pods."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.archive.pod_estimates import (
    ESTIMATED,
    UID,
    SizedSteps,
    WorkflowRef,
    estimates,
    key_of,
    same_pod,
    steps_of,
    with_step_end,
)
from collector.core.archive.restore import ArchivedAttempt, Charged, ClusterContext, StoredRows, place_of, read, rows_of
from collector.core.cost.billed_spec import ARCHIVED
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.cost.gpu_shares import GPU_REQUESTS
from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.core.model import version_of
from collector.core.objects import kubernetes
from tests.builders import NOON, RULES, SECOND, a_pod_run
from tests.reports.stored import a_run

MiB = 1024**2
BEGUN, ENDED = "2026-11-22T12:00:00Z", "2026-11-22T12:00:30Z"
WORKFLOW = WorkflowRef(
    cluster="c1", namespace="team", uid="w-uid", name="w1", attempt=1, started_at=NOON,
    finished_at=NOON + 60 * SECOND, service_account="runner", region="cn-hangzhou",
)  # fmt: skip
ASKS = {"requests": {"cpu": "2", "memory": "4Gi"}}


def a_node(**changes: Any) -> dict[str, Any]:
    """A pod's step of half a minute."""
    node = {"id": "w1-1", "name": "w1.a", "displayName": "a", "type": "Pod", "templateName": "work", "phase": "Succeeded",
            "templateScope": "local/w1", "startedAt": BEGUN, "finishedAt": ENDED, "hostNodeName": "n1"}  # fmt: skip
    return {**node, **changes}


def a_copy(*nodes: dict[str, Any], spec: Any = None, status: Any = None, **meta: Any) -> bytes:
    """A finished workflow as the archive has it."""
    metadata = {"uid": "w-uid", "name": "w1", "namespace": "team", "creationTimestamp": BEGUN, **meta}
    ended = {"phase": "Succeeded", "startedAt": BEGUN, "finishedAt": ENDED, "nodes": {n["id"]: n for n in nodes}}
    return json.dumps({"metadata": metadata, "spec": spec or {}, "status": {**ended, **(status or {})}}).encode()


def templates(**more: Any) -> dict[str, Any]:
    return {"templates": [{"name": "work", "container": {"resources": ASKS}, **more}]}


def a_pod(*nodes: dict[str, Any], machines: Any = None, **copied: Any) -> PodRun:
    """The estimate of the only pod."""
    (run,) = estimates(steps_of(a_copy(*nodes, **copied)), WORKFLOW, [], machines or {})
    return run


def test_a_pod_is_as_large_as_its_template_requests() -> None:
    """Times are the step's; the size is the template's; the mark says where it was read."""
    run = a_pod(a_node(outputs={"exitCode": "0"}), spec=templates())

    assert (run.created_at, run.main_started_at, run.finished_at) == (NOON, NOON, NOON + 30 * SECOND)
    assert (run.cpu, run.memory_bytes, run.exit_code, run.phase) == (Decimal(2), 4096 * MiB, 0, "Succeeded")
    assert (run.pricing, run.version, run.node_name) == ({ARCHIVED: "template"}, ESTIMATED, "n1")
    assert (run.name, run.template, run.step, run.service_account) == ("w1-work-1", "work", "w1.a", "runner")


@pytest.mark.parametrize(
    ("node", "spec", "status"),
    [
        ({"templateScope": "namespaced/t"}, None, {"storedTemplates": {"namespaced/t/work": templates()["templates"][0]}}),
        ({"templateRef": {"name": "t", "template": "work"}}, None,
         {"storedTemplates": {"cluster/t/work": templates()["templates"][0], "cluster/u/work": {"name": "work"}}}),
        ({}, None, {"storedWorkflowTemplateSpec": templates()}),
        ({}, {"templates": [{"name": "work", "script": {"resources": ASKS}}]}, None),
        ({}, {"templates": [{"name": "work", "containerSet": {"containers": [{"name": "a", "resources": ASKS}]}}]}, None),
        ({}, {"templates": [{"name": "work", "container": {"resources": {"limits": ASKS["requests"]}}}]}, None),
    ],
    ids=["stored", "reference", "workflow template", "script", "container set", "limits"],
)  # fmt: skip
def test_templates_are_found_wherever_argo_keeps_them(node: Any, spec: Any, status: Any) -> None:
    """In the spec, in the template it names, in what was stored of others."""
    run = a_pod(a_node(**node), spec=spec, status=status)

    assert (run.cpu, run.pricing[ARCHIVED]) == (Decimal(2), "template")


def test_sidecars_count_and_init_containers_only_if_they_are_larger() -> None:
    """The size is the pod's, as Kubernetes sums it."""
    init = {"name": "i", "resources": {"requests": {"cpu": "8"}}}
    side = {"name": "s", "resources": {"requests": {"cpu": "1"}}}

    assert a_pod(a_node(), spec=templates(sidecars=[side])).cpu == 3
    assert a_pod(a_node(), spec=templates(sidecars=[side], initContainers=[init])).cpu == 8


PATCH = '{"containers":[{"name":"main","resources":{}}]}'
DURATION = {"cpu": 60, "memory": 1200, "nvidia.com/gpu": 30, "ephemeral-storage": 3}


@pytest.mark.parametrize(
    "spec",
    [
        None,
        templates(podSpecPatch=PATCH),
        {**templates(), "podSpecPatch": PATCH},
        {"templates": [{"name": "work", "container": {}}]},
        {"templates": [{"name": "work", "resource": {}}]},
        {
            "templates": [
                {"name": "work", "container": {"resources": {"requests": {"cpu": "{{inputs.parameters.cpu}}"}}}}
            ]
        },
        {"templates": [{"name": "work", "container": {"resources": {"requests": {"cpu": "2", "memory": "much"}}}}]},
        {"templates": [{"name": "work", "container": {"resources": {"requests": {"nvidia.com/gpu": "1"}}}}]},
    ],
    ids=["none", "patched", "all patched", "no resources", "no container", "a parameter", "half readable", "gpu alone"],
)
def test_where_no_template_shows_argo_has_counted(spec: Any) -> None:
    """resourcesDuration over the step's length; of memory a second is of 100 MiB, of storage of 10 GiB."""
    run = a_pod(a_node(resourcesDuration=DURATION), spec=spec)

    assert (run.cpu, run.gpu) == (Decimal(2), Decimal(1))
    assert (run.memory_bytes, run.ephemeral_bytes) == (4000 * MiB, 1024 * MiB)
    assert run.pricing == {ARCHIVED: "duration", GPU_REQUESTS: "nvidia.com/gpu=1"}


@pytest.mark.parametrize(
    "counted", [None, {}, {"cpu": 0}, {"cpu": -5}, {"cpu": 10**9}, {"nvidia.com/gpu": 30}], ids=str
)
def test_what_none_reported_is_unknown_and_no_size(counted: Any) -> None:
    """No durations, or implausible ones from a container start in 1970: the size is unknown, and so is the price."""
    run = a_pod(a_node(resourcesDuration=counted))

    assert (run.cpu, run.memory_bytes, run.pricing) == (Decimal(0), 0, {ARCHIVED: "nowhere"})


def test_what_was_wished_for_with_a_price_is_kept() -> None:
    """Labels and annotations of the template go before those of all pods; of each only what decides a price."""
    spot, acs = "k8s.aliyun.com/eci-spot-strategy", "alibabacloud.com/acs"
    meta = {"annotations": {spot: "SpotAsPriceGo", "secret": "x"}}
    spec = {**templates(metadata=meta), "podMetadata": {"labels": {acs: "true"}, "annotations": {spot: "NoSpot"}}}

    assert a_pod(a_node(), spec=spec).pricing == {spot: "SpotAsPriceGo", acs: "true", ARCHIVED: "template"}


def test_a_machine_that_is_known_shows_region_and_zone() -> None:
    """Labels of the machine that decide a price stand on the pod, as if it had been seen."""
    labels = {"topology.kubernetes.io/region": "cn-beijing", "topology.kubernetes.io/zone": "b", "other": "x"}
    run = a_pod(a_node(), machines={"n1": labels})

    assert (run.region, run.zone, "node:other" in run.pricing) == ("cn-beijing", "b", False)
    assert (a_pod(a_node()).region, a_pod(a_node()).zone) == ("cn-hangzhou", "")


def test_what_never_ran_has_no_start() -> None:
    """A failed step that counted nothing was bound to its machine at most; on none it costs nothing."""
    bound = a_pod(a_node(phase="Failed"))
    never = a_pod(a_node(phase="Error", hostNodeName=None, finishedAt=None))

    assert (bound.main_started_at, bound.scheduled_at, bound.phase) == (None, NOON, "Failed")
    assert (never.main_started_at, never.scheduled_at, never.finished_at) == (None, None, WORKFLOW.finished_at)


@pytest.mark.parametrize(
    "node",
    [a_node(type="DAG"), a_node(phase="Skipped"), a_node(memoizationStatus={"hit": True}), a_node(startedAt=None)],
    ids=["group", "skipped", "memoized", "no beginning"],
)
def test_steps_without_a_pod_are_none(node: Any) -> None:
    """Only a step that a pod was made for is estimated."""
    assert estimates(steps_of(a_copy(node)), WORKFLOW, [], {}) == []


def test_a_pod_that_was_seen_is_not_estimated() -> None:
    """A row of the step's pod stands for it; one of an earlier attempt of the step does not."""
    steps = steps_of(a_copy(a_node()))
    seen = a_pod_run(node_id="w1-1", created_at=NOON + SECOND)

    assert estimates(steps, WORKFLOW, [seen], {}) == []
    assert len(estimates(steps, WORKFLOW, [msgspec.structs.replace(seen, created_at=NOON - 60 * SECOND)], {})) == 1


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_pod_is_of_one_step_or_of_none(begin: int, length: int, made: int) -> None:
    """A pod made within a step's record is that step's, whatever the length; long before or after it is not."""
    end = begin + length

    assert same_pod(begin + made % (length + 1), begin, end)
    assert not same_pod(end + 2001 + made, begin, end)
    assert not same_pod(begin - 2001 - made, begin, end)


def test_the_key_of_an_unseen_pod_is_its_own_and_always_the_same() -> None:
    """The key has workflow, step and begin, and differs from every uid that Kubernetes could give."""
    again = a_pod(a_node(startedAt="2026-11-22T12:00:01Z"))

    assert a_pod(a_node()).uid == key_of("w-uid", "w1-1", NOON) == f"{UID}w-uid:w1-1:{NOON // 1000}"
    assert again.uid != a_pod(a_node()).uid


def test_what_a_retry_kept_belongs_to_the_attempt_before() -> None:
    """`argo retry` keeps steps that went well, with their old times."""
    later = msgspec.structs.replace(WORKFLOW, attempt=2, started_at=NOON + 40 * SECOND)
    nodes = (a_node(), a_node(id="w1-2", startedAt="2026-11-22T12:00:50Z", finishedAt=None))

    assert [run.attempt for run in estimates(steps_of(a_copy(*nodes)), later, [], {})] == [1, 2]


def test_a_workflow_of_one_step_gives_the_pod_its_name() -> None:
    """The root's own pod is called as the workflow."""
    assert a_pod(a_node(id="w1", name="w1")).name == "w1"


def test_a_vanished_pod_gets_the_end_that_argo_shows() -> None:
    """A guessed end is replaced; an observed end stays, and so does one without a step."""
    steps = steps_of(a_copy(a_node(outputs={"exitCode": "0"}), a_node(id="w1-2", startedAt=None)))
    gone = a_pod_run(node_id="w1-1", created_at=NOON, reason="vanished", phase="Running", finished_at=NOON + 10**7,
                     main_started_at=NOON + SECOND)  # fmt: skip
    ended = with_step_end(steps, WORKFLOW, gone)

    assert ended is not None
    assert (ended.finished_at, ended.phase, ended.exit_code) == (NOON + 30 * SECOND, "Succeeded", 0)
    assert (ended.version, ended.uid, ended.reason) == (gone.version + 1, gone.uid, "vanished")
    for other in ({"reason": ""}, {"node_id": "w1-2"}, {"node_id": "x"}, {"created_at": NOON - 60 * SECOND}):
        assert with_step_end(steps, WORKFLOW, msgspec.structs.replace(gone, **other)) is None
    failed = with_step_end(steps_of(a_copy(a_node(phase="Failed"))), WORKFLOW, gone)
    assert failed is not None
    assert (failed.phase, failed.exit_code) == ("Failed", None)


def test_mutilated_copies_are_read_as_far_as_they_go() -> None:
    """A field of the wrong type is lost alone; other JSON has no steps."""
    broken = a_node(startedAt=7, resourcesDuration={"cpu": "x"})
    steps = steps_of(a_copy(broken, a_node(id="w1-2"), spec={"templates": 3}, status={"storedTemplates": {"a": 4}}))

    assert set(steps.nodes) == {"w1-1", "w1-2"}
    assert len(estimates(steps, WORKFLOW, [], {})) == 1
    assert steps_of(b"<html>") == SizedSteps({}, {}, {}, False)
    assert steps_of(b"[1]") == SizedSteps({}, {}, {}, False)


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", a_copy(uid=None), a_copy(name=None), a_copy(status={"phase": "Running"}),
     b'{"metadata": {"uid": "a", "name": "b"}}'],
    ids=["list", "empty", "no uid", "no name", "running", "no status"],
)  # fmt: skip
def test_what_is_no_finished_workflow_is_not_read(body: bytes) -> None:
    """Nothing follows from it, and nothing is raised."""
    assert read(body) is None
    assert rows_of("c1", RULES, ClusterContext(), body, held=StoredRows(), at=NOON) is None


def a_workflow() -> kubernetes.Workflow:
    workflow = read(a_copy())
    assert workflow is not None
    return workflow


@pytest.mark.parametrize(
    ("runs", "place"),
    [
        ([], ArchivedAttempt()),
        ([a_run(started_at=NOON)], None),
        ([a_run(started_at=NOON), a_run(attempt=2, started_at=NOON + 1)], None),
        ([a_run(started_at=NOON + 1)], ArchivedAttempt(2, before=a_run(started_at=NOON + 1))),
        ([gone := a_run(started_at=NOON, outcome="unknown")], ArchivedAttempt(1, version_of(0, 100) + 1, unknown=gone)),
        ([gone := a_run(started_at=None, outcome="unknown")], ArchivedAttempt(1, version_of(0, 100) + 1, unknown=gone)),
        ([gone := a_run(started_at=NOON + 1, outcome="unknown")], ArchivedAttempt(2, before=gone)),
    ],
    ids=["unknown workflow", "seen", "seen earlier", "next", "vanished", "vanished pending", "vanished, then retried"],
)
def test_a_copy_is_the_attempt_that_started_when_it_did(runs: list[WorkflowRun], place: ArchivedAttempt | None) -> None:
    """An attempt that was seen is not taken again; a vanished one gets its end; another start is the next attempt."""
    assert place_of(a_workflow(), runs) == place


def rows(held: StoredRows, *nodes: dict[str, Any]) -> list[Any]:
    found = rows_of("c1", RULES, ClusterContext(), a_copy(*(nodes or (a_node(),))), held=held, at=NOON + 10**8)
    assert found is not None
    return found[1]


def the_run(effects: list[Any]) -> WorkflowRun:
    (run,) = [h for h in effects if isinstance(h, WorkflowRun)]
    return run


def test_a_workflow_that_none_saw_has_whole_seconds() -> None:
    """The row rests on the object: latency of the object, not complete, nothing that only a watch could observe."""
    effects = rows(StoredRows())
    run, (pod,), (step,) = (
        the_run(effects),
        [h for h in effects if isinstance(h, PodRun)],
        [h for h in effects if isinstance(h, StepRun)],
    )

    assert (run.outcome, run.attempt, run.version, run.complete) == ("succeeded", 1, ESTIMATED, False)
    assert (run.latency_source, run.queue_latency_ms, run.start_latency_source) == ("object", 0, "")
    assert (run.pods, run.completion_delay_ms) == (1, 0)
    assert (step.pod_uid, step.version) == (pod.uid, ESTIMATED)


def test_a_vanished_workflow_keeps_what_was_seen_of_it() -> None:
    """The measured queue latency stays; the end is the archive's, above the row with `unknown`."""
    gone = a_run("w-uid", outcome="unknown", started_at=NOON, queue_latency_ms=43, latency_source="watch")
    run = the_run(rows(StoredRows([gone])))
    pending = the_run(rows(StoredRows([msgspec.structs.replace(gone, picked_up_at=None)])))

    assert (run.queue_latency_ms, run.latency_source, run.start_latency_ms) == (43, "watch", 5000)
    assert (run.outcome, run.version) == ("succeeded", gone.version + 1)
    assert pending.latency_source == "object"


def test_seen_pods_do_not_lift_the_workflows_row() -> None:
    """Otherwise the row would outrank later observations of a watch."""
    seen = a_pod_run(node_id="w1-1", created_at=NOON, workflow_uid="w-uid")
    effects = rows(StoredRows(pods=[seen]))

    assert the_run(effects).version == ESTIMATED
    assert [h for h in effects if isinstance(h, PodRun)] == []


def test_an_open_charge_lends_its_key() -> None:
    """A pod that was charged while it ran is the same pod; a charge of another step or time is not."""
    own = Charged("real", NOON + SECOND, "w1.a", WrittenCharges(5, 1, 1))
    others = [
        Charged("x", NOON, "w1.b", WrittenCharges(5, 1, 1)),
        Charged("y", NOON - 10**6, "w1.a", WrittenCharges(5, 1, 1)),
    ]
    keyed = [h for h in rows(StoredRows(charged=[*others, own])) if isinstance(h, PodRun)]
    unkeyed = [h for h in rows(StoredRows(charged=others)) if isinstance(h, PodRun)]

    assert [(run.uid, run.created_at) for run in keyed] == [("real", NOON + SECOND)]
    assert unkeyed[0].uid.startswith(UID)


def test_the_next_attempt_follows_the_one_that_was_seen() -> None:
    """It is the second attempt, and has no latency since its reopening was missed."""
    run = the_run(rows(StoredRows([a_run("w-uid", started_at=NOON - 10**6)])))

    assert (run.attempt, run.queue_latency_ms, run.outcome) == (2, None, "succeeded")
