"""What a pod asked for."""

from decimal import Decimal
from typing import Any

import pytest

from collector.core.facts.bills import PodRun
from collector.core.objects import kubernetes
from collector.core.pod import lifecycle as pod_lifecycle
from tests.builders import (
    a_place,
    an_observation,
    decoded,
    pod_json,
)

PLACE = a_place()
GIB = 1024**3


def requested(containers: list[dict[str, Any]], inits: list[dict[str, Any]] | None = None) -> PodRun:
    """The evidence of a pod with these containers."""
    reported = pod_json()
    reported["spec"] = {"containers": containers, "initContainers": inits}
    return pod_lifecycle.observe(None, an_observation(decoded(reported, kubernetes.Pod)), PLACE).run


def asking(cpu: str, memory: str = "0", **more: Any) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}, **more}


def test_containers_are_summed() -> None:
    """They run together."""
    run = requested([asking("500m", "1Gi"), asking("250m", "512Mi")])

    assert (run.cpu, run.memory_bytes) == (Decimal("0.75"), GIB * 3 // 2)


def test_the_largest_init_container_counts_if_it_is_more() -> None:
    """Init containers run one after another, before the rest."""
    run = requested([asking("1", "1Gi")], [asking("4", "512Mi"), asking("2", "8Gi")])

    assert (run.cpu, run.memory_bytes) == (Decimal(4), 8 * GIB)


def test_an_init_container_that_stays_is_summed() -> None:
    """A sidecar of Kubernetes 1.29 is an init container that is always restarted."""
    run = requested([asking("1")], [asking("0.5", restartPolicy="Always"), asking("1.2")])

    assert run.cpu == Decimal("1.5")


def test_a_limit_stands_for_a_missing_request() -> None:
    """Kubernetes sets the request from it."""
    run = requested([{"name": "c", "resources": {"limits": {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "1Gi"}}}])

    assert (run.cpu, run.memory_bytes, run.ephemeral_bytes) == (Decimal(2), 4 * GIB, GIB)


def test_gpus_of_any_vendor_are_counted_once() -> None:
    """They stand in requests and limits alike."""
    run = requested(
        [{"name": "c", "resources": {"requests": {"nvidia.com/gpu": "2"}, "limits": {"nvidia.com/gpu": "2"}}}]
    )

    assert run.gpu == Decimal(2)


@pytest.mark.parametrize("resources", [None, {}, {"requests": None}, {"requests": {"cpu": "NaN", "memory": "-1"}}])
def test_nothing_requested_for_is_nothing(resources: Any) -> None:
    """An invalid quantity requests nothing."""
    run = requested([{"name": "c", "resources": resources}])

    assert (run.cpu, run.memory_bytes, run.gpu, run.ephemeral_bytes) == (Decimal(0), 0, Decimal(0), 0)


def test_an_amount_beyond_any_machine_fits_its_column() -> None:
    """A request of 10^18 cores is legal, stays pending for ever, and must not stop an insert."""
    assert requested([asking("1E")]).cpu == Decimal(999_999_999)


def test_half_a_gpu_is_half_a_gpu() -> None:
    """Clouds that slice cards take fractions."""
    assert requested([{"name": "c", "resources": {"limits": {"nvidia.com/gpu": "0.5"}}}]).gpu == Decimal("0.5")
