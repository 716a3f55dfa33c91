"""What is billed of a pod: by its product's marks, and in order of trust by annotation, wish, requests, default."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from collector.core.cost.billed_spec import (
    ARCHIVED,
    ARCHIVED_NOWHERE,
    DOUBTS,
    MALFORMED_REQUESTS,
    Spec,
    read_size,
    spec_of,
)
from collector.core.cost.product import PRODUCTS, Mark, product_of
from collector.core.objects import kubernetes
from collector.core.pod.lifecycle import observe
from tests.builders import ACS_2C8G, a_place, a_pod, a_pod_run, an_observation
from tests.core.cost.charged import ACS, ECI, acs, eci, only, pod, shipped

GIB = 1024**3
NODE_TYPE = "node:node.kubernetes.io/instance-type"
D = Decimal
NOTHING: dict[str, Any] = {"cpu": Decimal(0), "memory_bytes": 0}


def spec(otherwise: str = "", **changes: Any) -> Spec:
    """Billed spec of a pod of 2 vCPU and 4 GiB, on ECI by default."""
    run = a_pod_run(**{"region": "cn-beijing", **changes})
    return spec_of(run, shipped().products[product_of(run, shipped().products.values(), otherwise)])


def sized(found: Spec) -> tuple[str, str, str]:
    """vCPU, GiB or type, and its source."""
    size = found.instance_type or f"{found.vcpu.normalize():f}-{found.memory_gib.normalize():f}"
    return size, found.source, found.confidence


# Whose pod it is.


@pytest.mark.parametrize(
    ("changes", "product"),
    [
        ({"pricing": eci("2-4Gi")}, "alibaba-eci"),
        ({"pricing": {}, "node_name": "virtual-kubelet-cn-hangzhou-h"}, "alibaba-eci"),
        ({"pricing": {"node:type": "virtual-kubelet"}, "node_name": "x"}, "alibaba-eci"),
        ({"pricing": {"node:type": "virtual-kubelet"}, "node_name": "virtual-node-aci-linux"}, "azure-aci"),
        ({"pricing": acs()}, "alibaba-acs"),
        ({"pricing": ACS_2C8G}, "alibaba-acs"),
        ({"pricing": {ACS + "compute-qos": "best-effort"}}, "alibaba-acs"),
        ({"pricing": {ACS + "acs": "false"}, "node_name": "n1"}, "plain-node"),
        (
            {"pricing": {ACS + "compute-class": "performance", NODE_TYPE: "ecs.c7.large"}, "node_name": "n1"},
            "plain-node",
        ),
        ({"pricing": {ACS + "compute-class": "performance", NODE_TYPE: "other"}, "node_name": "n1"}, "alibaba-acs"),
        ({"pricing": {ACS + "instance-id": "acs-1"}, "node_name": "n1"}, "plain-node"),
        ({"pricing": {"CapacityProvisioned": "0.25vCPU 0.5GB"}, "node_name": "fargate-ip-1"}, "aws-fargate-eks"),
        ({"pricing": {"node:eks.amazonaws.com/compute-type": "fargate"}, "node_name": "n"}, "aws-fargate-eks"),
        ({"pricing": {"node:eks.amazonaws.com/compute-type": "ec2"}, "node_name": "n"}, "plain-node"),
        ({"pricing": {}, "node_name": "gk3-prod-pool-1"}, "gke-autopilot"),
        ({"pricing": {}, "node_name": "n1"}, "plain-node"),
    ],
)
def test_a_pods_marks_say_who_bills_it(changes: dict[str, Any], product: str) -> None:
    """ACS takes precedence over ECI, whose virtual nodes it shares; without a mark the pod is on a plain node."""
    assert spec(**changes).product == product


@pytest.mark.parametrize(
    ("otherwise", "changes", "product"),
    [
        ("alibaba-acs", {"node_name": "n1"}, "alibaba-acs"),
        ("alibaba-eci", {"node_name": "n1"}, "alibaba-eci"),
        ("", {"node_name": "n1"}, "plain-node"),
        ("alibaba-acs", {"node_name": "virtual-kubelet-x"}, "alibaba-eci"),
        ("plain-node", {"node_name": "n1"}, "plain-node"),
        ("azure-aci", {"node_name": "x", "pricing": {"node:type": "virtual-kubelet"}}, "azure-aci"),
    ],
)
def test_a_pod_without_marks_is_billed_by_the_product_of_its_cluster(
    otherwise: str, changes: dict[str, Any], product: str
) -> None:
    """A mark takes precedence over the settings, unless other products share the mark."""
    assert spec(otherwise, **{"pricing": {}, **changes}).product == product


def test_every_shipped_book_is_a_product_of_its_name() -> None:
    """Settings accept what can be billed."""
    assert set(shipped().products) == set(PRODUCTS)


def test_a_mark_without_values_takes_any() -> None:
    """Its presence is the sign."""
    run = a_pod_run(pricing={"a": "x"})

    assert [mark.on(run) for mark in (Mark("a"), Mark("a", ("y",)), Mark("b"))] == [True, False, False]


# How much of it.


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pricing": eci("2-4Gi")}, ("2-4", "annotation", "high")),
        ({"pricing": eci("2.0-4.0Gi")}, ("2-4", "annotation", "high")),
        ({"pricing": eci("ecs.c6.large")}, ("ecs.c6.large", "annotation", "high")),
        ({"pricing": acs()}, ("2-8", "annotation", "high")),
        ({"pricing": {"CapacityProvisioned": "0.25vCPU 0.5GB"}, "node_name": "f"}, ("0.25-0.5", "annotation", "high")),
        (
            {"pricing": {ECI + "instance-id": "e", ECI + "instance-cpu": "2.0", ECI + "instance-mem": "4.0"}},
            ("2-4", "annotation", "high"),
        ),
        ({"pricing": {ECI + "instance-cpu": "2.0"}}, ("2-4", "requests", "low")),
        ({"pricing": {ECI + "use-specs": "ecs.gn5i-c4g1.xlarge,8-16Gi"}}, ("ecs.gn5i-c4g1.xlarge", "asked", "low")),
        ({"pricing": {ECI + "use-specs": "4-8Gi, ecs.c6.large"}}, ("4-8", "asked", "low")),
        ({"pricing": {}}, ("2-4", "requests", "low")),
        ({"pricing": {}, "cpu": Decimal(3), "memory_bytes": 5 * GIB}, ("4-8", "requests", "low")),
        ({"pricing": {}, "cpu": Decimal("0.1"), "memory_bytes": 0}, ("0.25-0.5", "requests", "low")),
        ({"pricing": {}, "cpu": Decimal(0), "memory_bytes": 1}, ("0.25-0.5", "requests", "low")),
        ({"pricing": {}, **NOTHING}, ("2-4", "default", "low")),
        ({"pricing": {ACS + "acs": "true"}, **NOTHING}, ("2-4", "default", "low")),
        ({"pricing": {}, "node_name": "gk3-x", **NOTHING}, ("0.5-2", "default", "high")),
        ({"pricing": {}, "node_name": "gk3-x"}, ("2-4", "requests", "high")),
    ],
)
def test_the_most_trusted_word_is_billed(changes: dict[str, Any], expected: tuple[str, str, str]) -> None:
    """The provider's annotation, its pair of annotations, the user's annotation, requests through the grid, the default."""
    assert sized(spec(**changes)) == expected


@pytest.mark.parametrize(
    ("requests", "region", "billed"),
    [
        ((7, 13), "cn-hangzhou", "8-14"),
        ((7, 13), "cn-beijing", "8-16"),
        ((8, 64), "cn-hangzhou", "8-64"),
        ((1, 9), "cn-beijing", "2-16"),
    ],
)
def test_requests_are_billed_as_the_smallest_size_that_holds_them(
    requests: tuple[int, int], region: str, billed: str
) -> None:
    """In both dimensions, of the sizes that the region sells."""
    found = spec(pricing={}, cpu=Decimal(requests[0]), memory_bytes=requests[1] * GIB, region=region)

    assert sized(found)[0] == billed


def test_fargate_adds_a_quarter_gib_for_itself() -> None:
    """Its own example: 1 vCPU and 8 GB become 2 and 9."""
    fargate = {"node:eks.amazonaws.com/compute-type": "fargate"}
    found = spec(pricing=fargate, node_name="n", cpu=Decimal(1), memory_bytes=8 * GIB)

    assert sized(found)[0] == "2-9"


def test_a_request_beyond_every_size_has_no_price() -> None:
    """Such a size is not sold; the row gives the reason and the requests."""
    found = spec(pricing={}, cpu=Decimal(65))
    vast = spec(pricing={}, node_name="n1", memory_bytes=2**63 - 1)

    assert (found.missing, found.vcpu) == ("larger_than_any_size", Decimal(65))
    assert (vast.missing, vast.memory_gib) == ("larger_than_any_size", Decimal(999_999_999))


def test_a_plain_nodes_pod_that_requests_nothing_has_no_known_share() -> None:
    """It may use much of the node, so its cost is unknown, not 0."""
    assert spec(pricing={}, node_name="n1", **NOTHING).missing == "no_requests"


def test_a_pod_on_a_plain_node_is_billed_its_requests_of_that_node() -> None:
    """The spec has the node's type, since its price is split."""
    found = spec(pricing={"node:node.kubernetes.io/instance-type": "ecs.c7.large"}, node_name="n1")

    assert (found.vcpu, found.memory_gib, found.instance_type, found.by_type) == (D(2), D(4), "ecs.c7.large", False)


# What is malformed.


MALFORMED = ["2-4", "2.0-4.0gi", "-4Gi", "2-Gi", "2 - 4Gi", "２-４Gi", "ecs.", "ecs.C6.LARGE", "NaN-4Gi", "1e3-4Gi",
             "0-0Gi", "2-0Gi", "", "9" * 300 + "-1Gi", "\x00", "2-4Gi\n", "Infinity-Infinity", "1_0-4Gi"]  # fmt: skip


@pytest.mark.parametrize("text", MALFORMED)
def test_a_spec_of_another_form_gives_way_to_the_requests(text: str) -> None:
    """The pod is priced by the next source, with low confidence, and counted."""
    charged = only(pod(pricing=eci(text)))

    assert read_size(text) is None
    assert (charged.cost, charged.confidence) == (Decimal("0.069264"), "low")
    assert charged.spec_source == "requests:malformed_spec"


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"pricing": eci("two", **{"use-specs": "2-4Gi"})}, "malformed_spec"),
        ({"pricing": {ECI + "use-specs": "big"}}, "malformed_spec"),
        ({"pricing": {MALFORMED_REQUESTS: ""}}, "malformed_requests"),
        ({"pricing": {ARCHIVED: "template"}}, "archived_template"),
        ({"pricing": {ARCHIVED: "duration"}}, "archived_duration"),
        ({"pricing": eci("2-4Gi", **{"instance-compute-category": "weird"})}, "unknown_class"),
        ({"pricing": acs(qos="sometimes")}, "unknown_purchase"),
        ({"pricing": eci("2-4Gi", **{"extra-ephemeral-storage": "much"})}, "malformed_storage"),
        ({"pricing": eci("2-4Gi", **{"extra-ephemeral-storage": "8Ei"})}, "malformed_storage"),
        ({"pricing": {**acs(), ACS + "pod-ephemeral-storage": "7Ei"}}, "malformed_storage"),
        (
            {"pricing": eci("ecs.c6.large", **{"spot-strategy": "SpotAsPriceGo", "spot-duration": "long"})},
            "malformed_protection",
        ),
    ],
)
def test_an_unknown_value_lowers_the_confidence(changes: dict[str, Any], doubt: str) -> None:
    """The doubt is named, for the counter."""
    found = spec(**changes)

    assert (found.doubt, found.confidence) == (doubt, "low")
    assert doubt in DOUBTS


@pytest.mark.parametrize("text", ["1e3Ki?", "m", "NaN", "-1", "1_000", "１", " 5", "1K", "9" * 50])
def test_a_malformed_request_is_passed_to_pricing(text: str) -> None:
    """The pod's row has a mark, since its readable requests are incomplete."""
    place = a_place()
    seen = a_pod(requests={"cpu": text, "memory": "4Gi"}, annotations={})

    run = observe(None, an_observation(seen), place).run
    assert MALFORMED_REQUESTS in run.pricing


def test_an_unknown_size_is_not_a_products_default() -> None:
    """An archived pod with unknown requests has no price, while a pod without requests has one."""
    silent = spec("alibaba-eci", pricing={}, **NOTHING)
    unknown = spec("alibaba-eci", pricing={ARCHIVED: ARCHIVED_NOWHERE}, **NOTHING)

    assert (silent.missing, silent.source) == ("", "default")
    assert (unknown.missing, unknown.source, unknown.confidence) == ("no_requests", "archive", "low")


def test_sound_requests_leave_no_mark() -> None:
    """Nor does a pod without any."""
    place = a_place()
    bare = kubernetes.PodSpec(containers=[kubernetes.Container()])
    pods = [a_pod(), msgspec.structs.replace(a_pod(), spec=bare), msgspec.structs.replace(a_pod(), spec=None)]

    assert all(MALFORMED_REQUESTS not in observe(None, an_observation(p), place).run.pricing for p in pods)


# Class, purchase, region, GPUs, storage.


def test_the_providers_words_choose_class_and_purchase() -> None:
    """In our terms; without a value the default."""
    found = [
        spec(pricing=eci("2-4Gi")),
        spec(pricing=eci("2-4Gi", **{"instance-compute-category": "economy"})),
        spec(pricing=eci("ecs.c6.large", **{"spot-strategy": "SpotWithPriceLimit"})),
        spec(pricing=eci("2-4Gi", **{"spot-strategy": "NoSpot"})),
        spec(pricing=acs("performance", "best-effort")),
        spec(pricing={"node:cloud.google.com/gke-spot": "true"}, node_name="gk3-x"),
    ]

    assert [(s.price_class, s.purchase) for s in found] == [
        ("general-purpose", "on_demand"), ("economy", "on_demand"), ("general-purpose", "spot"),
        ("general-purpose", "on_demand"), ("performance", "best_effort"), ("general-purpose", "spot"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("compute_class", "arch", "price_class"),
    [
        ("Scale-Out", "amd64", "scale-out"),
        ("Scale-Out", "arm64", "scale-out-arm"),
        ("Scale-Out", "", "scale-out"),
        ("Balanced", "arm64", "balanced"),
        ("", "arm64", "general-purpose-arm"),
    ],
)
def test_a_pod_on_arm_has_the_class_of_arm_where_prices_differ(compute_class: str, arch: str, price_class: str) -> None:
    """Autopilot sells Scale-Out on x86 and on Arm; a price of one is not used for the other."""
    marks = {"node:cloud.google.com/compute-class": compute_class, "node:kubernetes.io/arch": arch}
    found = spec(pricing={key: value for key, value in marks.items() if value}, node_name="gk3-x")

    assert (found.price_class, found.doubt) == (price_class, "")


def test_a_spot_pod_without_a_machine_type_may_have_been_bought_on_demand() -> None:
    """Only if it allowed the fallback; the spec shows the actual purchase, not the requested one."""
    wish = {"spot-strategy": "SpotAsPriceGo", "spot-fallback": "true"}
    bought = [spec(pricing=eci(text, **wish)) for text in ("2-4Gi", "ecs.c6.large")]

    assert [(s.purchase, s.confidence) for s in bought] == [("on_demand", "low"), ("spot", "high")]


@pytest.mark.parametrize(("text", "seconds"), [(None, 3600), ("0", 0), ("6", 21600), ("x", 3600), ("9999", 3600)])
def test_the_protection_is_the_annotations_or_an_hour(text: str | None, seconds: int) -> None:
    """In hours; 0 is none."""
    marks = {"spot-strategy": "SpotAsPriceGo"} | ({} if text is None else {"spot-duration": text})

    assert spec(pricing=eci("ecs.c6.large", **marks)).frozen_s == seconds


def test_a_pod_of_no_known_region_is_priced_as_in_the_products_own() -> None:
    """With low confidence."""
    found = spec(region="")

    assert (found.region, found.confidence) == ("cn-hangzhou", "low")


def test_gpus_are_billed_beside_or_with_their_machine() -> None:
    """ECI sells GPUs by machine type, so a size of vCPU and memory cannot price them."""
    two: dict[str, Any] = {"gpu": D(2)}
    found = [
        spec(pricing={**acs("gpu"), ACS + "gpu-model-series": "T4"}, **two),
        spec(pricing=eci("ecs.gn5i-c4g1.xlarge"), **two),
        spec(pricing={}, **two),
    ]

    assert [(s.gpu, s.gpu_model, s.missing) for s in found] == [
        (D(2), "T4", ""),
        (D(0), "", ""),
        (D(0), "", "no_instance_type"),
    ]


@pytest.mark.parametrize(
    ("stated", "requested", "billed", "doubt"),
    [
        ("1", 2, 1, ""), ("2", 0, 2, ""), ("0", 0, 0, ""), ("0.5", 1, D("0.5"), ""),
        ("0", 2, 2, "malformed_spec"), ("many", 2, 2, "malformed_spec"), ("-1", 2, 2, "malformed_spec"),
        ("１", 2, 2, "malformed_spec"), ("9" * 300, 2, 2, "malformed_spec"), ("", 2, 2, "malformed_spec"),
    ],
)  # fmt: skip
def test_the_providers_count_of_gpus_is_billed(stated: str, requested: int, billed: int | Decimal, doubt: str) -> None:
    """A malformed count gives way to the requests; no count makes a pod that requests GPUs free of them."""
    marks = {**acs("gpu"), ACS + "gpu-model-series": "T4", ACS + "pod-gpu-use-spec": stated}
    found = spec(pricing=marks, gpu=D(requested))

    assert (found.gpu, found.doubt) == (D(billed), doubt)
    assert only(pod(pricing=marks, gpu=D(requested))).gpu == billed


@pytest.mark.parametrize(
    ("changes", "extra"),
    [
        ({"pricing": eci("2-4Gi", **{"extra-ephemeral-storage": "20Gi"})}, 20),
        ({"pricing": eci("2-4Gi"), "ephemeral_bytes": 50 * GIB}, 0),
        ({"pricing": acs(), "ephemeral_bytes": 50 * GIB}, 20),
        ({"pricing": acs(), "ephemeral_bytes": 30 * GIB}, 0),
        ({"pricing": {**acs(), ACS + "pod-ephemeral-storage": "30Gi"}, "ephemeral_bytes": 40 * GIB}, 0),
        ({"pricing": {**acs(), ACS + "pod-ephemeral-storage": "100Gi"}}, 70),
        ({"pricing": {**acs(), ACS + "pod-ephemeral-storage": "much"}, "ephemeral_bytes": 50 * GIB}, 20),
        ({"pricing": {}, "node_name": "n1", "ephemeral_bytes": 500 * GIB}, 0),
    ],
)
def test_storage_beyond_the_free_part_is_billed(changes: dict[str, Any], extra: int) -> None:
    """ECI by an annotation for more, ACS by the stated total or by requests; a plain node's is the node's."""
    assert spec(**changes).ephemeral_gib == extra


@pytest.mark.parametrize(
    ("requested", "extra", "missing"),
    [(0, 0, ""), (10, 0, ""), (20, 7, ""), (100, 95, ""), (150, 150, ""), (160, 161, "larger_than_any_size")],
)
def test_fargate_provisions_a_tenth_and_5_gib_more_than_is_requested(requested: int, extra: int, missing: str) -> None:
    """20 GiB of it are free, and more than 175 GiB are not sold: EKS does not start such a pod."""
    fargate: dict[str, Any] = {"pricing": {"node:eks.amazonaws.com/compute-type": "fargate"}, "node_name": "n"}
    found = spec(**fargate, region="us-east-1", ephemeral_bytes=requested * GIB)

    assert (found.ephemeral_gib, found.missing) == (D(extra), missing)


def test_the_last_word_wins() -> None:
    """An annotation may come after the end: the same pod, charged again."""
    charged = [only(pod(pricing=pricing)) for pricing in ({}, eci("8-16Gi"))]

    assert [(c.spec_source, c.billed_vcpu) for c in charged] == [("requests", D(2)), ("annotation", D(8))]
