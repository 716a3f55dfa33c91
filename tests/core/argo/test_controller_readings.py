"""What the answers to the few questions mean, and that none of them can do harm."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.argo import controller_readings
from collector.core.argo.controller_readings import ConfigTexts, Sample
from collector.core.messages import ControllerCounters, ControllerMetrics, ControllerSettings, Lease
from tests.builders import NOON, SECOND
from tests.replay import raw_events


def packed(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_only_limits_of_parallelism_are_read_from_the_config_map() -> None:
    """It may hold a database's address."""
    body = packed({"kind": "ConfigMap", "data": {"parallelism": "100", "persistence": "postgresql: {}"}})

    assert controller_readings.config_texts(body) == ConfigTexts(parallelism="100")


@pytest.mark.parametrize("body", [b"{}", b'{"data": null}', b'{"data": {}}'])
def test_an_empty_config_map_sets_no_limit(body: bytes) -> None:
    """Argo's quick start has one."""
    assert controller_readings.config_texts(body) == ConfigTexts()


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"data": {"parallelism": 5}}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_a_config_map_is_none(body: bytes) -> None:
    """A proxy's page, for one."""
    assert controller_readings.config_texts(body) is None


@pytest.mark.parametrize(
    ("value", "limit"),
    [("100", 100), (" 7\n", 7), (12, 12), ("0", 0), (0, 0), (-1, 0), ("-3", 0), ("+4", 4)]
    + [(value, None) for value in (None, "", "many", "1e3", "٣", True, 2.5, [1], "9" * 40)],
)
def test_a_limit_is_a_whole_number_in_any_form(value: object, limit: int | None) -> None:
    """Text in a key of its own, a number in the YAML; what is below one is unlimited, what is absent unknown."""
    values = {"parallelism": value, "namespaceParallelism": value, 5: "a key of YAML"}

    assert controller_readings.settings(values) == ControllerSettings(limit, limit)


def test_a_lease_names_the_leader_and_its_begin() -> None:
    """In microseconds, as Kubernetes writes it; counted on the recording."""
    leases = [json.dumps(e["event"]["object"]).encode() for e in raw_events("basics", "leases")]
    read = [controller_readings.lease(body) for body in leases]

    assert len(read) == 20
    assert read[0] == Lease(
        name="workflow-controller",
        holder="lab",
        renewed_at=1_795_353_761_840,
        duration_s=15,
        acquired_at=1_795_353_756_809,
    )


def test_a_lease_that_was_given_back_has_no_holder() -> None:
    """A controller that stops in order."""
    assert controller_readings.lease(b'{"spec": {"leaseTransitions": -1, "leaseDurationSeconds": -5}}') == Lease(
        "", "", None, 0
    )


@pytest.mark.parametrize("body", [b"{}", b'{"spec": null}', b'{"spec": {"leaseDurationSeconds": 1e99}}', b"nonsense"])
def test_a_body_that_is_not_a_lease_is_none(body: bytes) -> None:
    """No value is invented."""
    assert controller_readings.lease(body) is None


def test_memory_is_the_container_s_own() -> None:
    """A mesh's sidecar is not the controller."""
    used = [
        {"name": "istio-proxy", "usage": {"memory": "90Mi"}},
        {"name": "controller", "usage": {"memory": "123456Ki"}},
    ]

    assert controller_readings.memory(packed({"containers": used}), "controller") == 123456 * 1024


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"containers": null}', b'{"containers": [{"name": "main", "usage": {"memory": "5"}}]}']
    + [b'{"containers": [{"name": "controller", "usage": %s}]}' % u for u in (b"null", b"{}", b'{"memory": "lots"}')],
)
def test_memory_that_is_not_reported_is_unknown(body: bytes) -> None:
    """Never 0."""
    assert controller_readings.memory(body, "controller") is None


V35: list[Sample] = [
    ("argo_workflows_count", {"status": "Pending"}, 70),
    ("argo_workflows_count", {"status": "Running"}, 25),
    ("argo_workflows_queue_depth_count", {"queue_name": "workflow_queue"}, 3),
    ("argo_workflows_workers_busy_count", {"worker_type": "workflow_queue"}, 2),
    ("argo_workflows_error_count", {"cause": "OperationPanic"}, 1),
    ("argo_workflows_k8s_request_total", {"kind": "pods", "verb": "Create", "status_code": "201"}, 40),
    ("argo_workflows_k8s_request_total", {"kind": "pods", "verb": "Create", "status_code": "429"}, 2),
    ("argo_workflows_k8s_request_total", {"kind": "workflows", "verb": "Update", "status_code": "429"}, 1),
    ("argo_workflows_queue_latency_bucket", {"queue_name": "workflow_queue", "le": "1"}, 791),
]
V36: list[Sample] = [
    ("argo_workflows_gauge", {"status": "Pending"}, 70),
    ("argo_workflows_queue_depth_gauge", {"queue_name": "cron_wf_queue"}, 0),
    ("argo_workflows_is_leader", {}, 1),
    ("process_resident_memory_bytes", {}, 1.2e8),
    ("process_start_time_seconds", {}, 1.79e9),
    ("argo_workflows_version", {"version": "v3.6.19", "platform": "linux/amd64"}, 1),
]
V40: list[Sample] = [
    ("argo_workflows_gauge", {"phase": "Pending", "otel_scope_name": "argo-workflows"}, 70),
    ("argo_workflows_is_leader", {}, 0),
    ("process_resident_memory_bytes", {}, 1.2e8),
]


V41: list[Sample] = [
    *V40,
    ("argo_workflows_client_rate_limiter_latency_sum", {}, 12.5),
    ("argo_workflows_client_rate_limiter_latency_bucket", {"le": "0.01"}, 3),
    ("argo_workflows_resource_rate_limiter_latency_sum", {}, 99),
    ("argo_workflows_error_count", {"cause": "OperationPanic"}, -1),
    ("argo_workflows_error_count", {"cause": "CronWorkflowSpecError"}, 1e300),
]


def test_each_release_s_names_mean_the_same() -> None:
    """3.6 renamed the metrics, 4.0 a label, and memory exists from 3.6 on."""
    assert controller_readings.metrics(V35) == ControllerMetrics(
        queue_depth={"workflow_queue": 3},
        workflows={"Pending": 70, "Running": 25},
        scheme="3.5",
        workers_busy={"workflow_queue": 2},
        counters=ControllerCounters(errors={"OperationPanic": 1}, requests={"201": 40, "429": 3}),
    )
    assert controller_readings.metrics(V36) == ControllerMetrics(
        is_leader=True,
        memory_bytes=120_000_000,
        queue_depth={"cron_wf_queue": 0},
        workflows={"Pending": 70},
        scheme="3.6",
        version="v3.6.19",
        counters=ControllerCounters(started_at=1.79e9),
    )
    assert controller_readings.metrics(V40) == ControllerMetrics(
        is_leader=False, memory_bytes=120_000_000, workflows={"Pending": 70}, scheme="4.0"
    )


def test_waits_for_the_rate_limit_of_requests_are_read() -> None:
    """From 4.1 on; the limit of new pods is another one, and what no counter can be is ignored."""
    read = controller_readings.metrics(V41)

    assert read
    assert read.counters == ControllerCounters(api_wait_s=12.5)


def test_a_controller_without_its_gauge_has_no_scheme() -> None:
    """It can be switched off."""
    assert controller_readings.metrics([("argo_workflows_is_leader", {}, 1)]) == ControllerMetrics(is_leader=True)


def test_the_metrics_of_something_else_are_none() -> None:
    """Something else may listen on that port."""
    assert controller_readings.metrics([("go_goroutines", {}, 5)]) is None


def test_series_that_differ_in_other_labels_are_added_up() -> None:
    """Values that are not finite are ignored."""
    name = "argo_workflows_queue_depth_count"
    samples = [(name, {"queue_name": "a", "x": "1"}, 1.0), (name, {"queue_name": "a", "x": "2"}, 2.0), (name, {}, 4.0)]
    read = controller_readings.metrics(
        [*samples, (name, {"queue_name": "b"}, float("nan")), (controller_readings.MEMORY, {}, float("inf"))]
    )

    assert read == ControllerMetrics(queue_depth={"a": 3, "": 4})


def test_series_are_bounded() -> None:
    """Another program chooses the label values."""
    read = controller_readings.metrics(
        ("argo_workflows_queue_depth_count", {"queue_name": str(n)}, 1.0) for n in range(1000)
    )

    assert read
    assert len(read.queue_depth) == controller_readings.MOST_SERIES


@given(st.binary(max_size=300))
def test_no_bytes_raise(body: bytes) -> None:
    """Any program may answer on that port."""
    controller_readings.config_texts(body)
    controller_readings.lease(body)
    controller_readings.memory(body, "controller")


def test_the_recorded_controller_leads_all_the_time() -> None:
    """Renewals never go back."""
    read = [
        controller_readings.lease(json.dumps(e["event"]["object"]).encode()) for e in raw_events("throttled", "leases")
    ]
    renewed = [lease.renewed_at or 0 for lease in read if lease]

    assert len(renewed) == 30
    assert renewed == sorted(renewed)
    assert renewed[0] > NOON + SECOND
