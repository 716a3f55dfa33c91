"""Shares of GPUs: what part of a card a pod has, by every way to share one."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.cost.gpu_shares import GpuShare, cards_of, gpu_share
from collector.core.cost.meters import Rate, meter_line
from collector.core.objects import kubernetes
from collector.core.pod.gpu_marks import gpu_marks, gpu_requests, node_gpu_marks
from tests.builders import decoded
from tests.gpus import HAMI_JSON, HAMI_NODE, SHARINGS, Sharing, a_gpu_node, limited

D = Decimal
A100 = {
    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB",
    "nvidia.com/mig.strategy": "mixed",
    "nvidia.com/gpu.count": "2",
}


def share(node: dict[str, str], spec: dict[str, Any], annotations: dict[str, str] | None = None) -> GpuShare | None:
    """The share of a pod on a node that shows these marks."""
    pod = decoded(spec, kubernetes.PodSpec)
    return gpu_share(gpu_marks(gpu_requests(pod), annotations or {}, node))


@pytest.mark.parametrize("sharing", SHARINGS.values(), ids=SHARINGS)
def test_a_quarter_is_a_quarter(sharing: Sharing) -> None:
    """Of the node's cards, whatever unit the pod and the node use; the node has its cards, not its slices."""
    node = node_gpu_marks(a_gpu_node(sharing))
    counted = Fraction(sharing.capacity.get("nvidia.com/gpu", "0"))
    cards = cards_of(node)

    assert share(node, limited({"cpu": "1", **sharing.quarter}), sharing.annotations) == GpuShare(
        D("0.25") * sharing.cards
    )
    assert (counted if cards is None else cards) == sharing.cards


@given(st.sampled_from(["ACK, memory", "HAMi", "Volcano vGPU", "Koordinator", "KAI, memory"]), st.data())
def test_shares_of_memory_are_never_more_than_the_cards(kind: str, data: st.DataObject) -> None:
    """However a node's memory is divided; what rounding loses is below a billionth of a card for each pod."""
    names = {
        "ACK, memory": ("aliyun.com/gpu-mem", "capacity:aliyun.com/gpu-mem", "capacity:aliyun.com/gpu-count"),
        "HAMi": ("nvidia.com/gpumem", "hami.io/node-nvidia-register:mib", "hami.io/node-nvidia-register:cards"),
        "Volcano vGPU": (
            "volcano.sh/vgpu-memory",
            "volcano.sh/node-vgpu-register:mib",
            "volcano.sh/node-vgpu-register:cards",
        ),
        "Koordinator": (
            "koordinator.sh/gpu-memory",
            "capacity:koordinator.sh/gpu-memory",
            "capacity:koordinator.sh/gpu-core",
        ),
        "KAI, memory": ("gpu-memory", "nvidia.com/gpu.memory", ""),
    }
    wanted, total, cards = names[kind]
    parts = data.draw(st.lists(st.integers(1, 99_999), min_size=1, max_size=9))
    count = 1 if not cards else data.draw(st.integers(1, 8))
    node = {total: str(sum(parts)), cards: str(count * (100 if kind == "Koordinator" else 1))}
    ask = [({}, {wanted: str(p)}) if kind.startswith("KAI") else ({wanted: str(p)}, {}) for p in parts]
    shares = [share(node, limited({"cpu": "1", **limits}), annotations) for limits, annotations in ask]
    used = sum(one.cards for one in shares if one and not one.missing)

    assert count - D("1e-9") * len(parts) < used <= count


@pytest.mark.parametrize(
    ("node", "limits", "cards"),
    [
        (A100, {"nvidia.com/mig-1g.5gb": "1"}, Fraction(1, 7)),
        (A100, {"nvidia.com/mig-1g.10gb": "1"}, Fraction(1, 4)),
        (A100, {"nvidia.com/mig-3g.20gb": "2"}, Fraction(1)),
        (A100, {"nvidia.com/mig-1g.10gb.me": "1"}, Fraction(1, 4)),
        (A100, {"nvidia.com/mig-7g.40gb": "1"}, Fraction(1)),
        (A100 | {"nvidia.com/mig-1g.5gb.replicas": "2"}, {"nvidia.com/mig-1g.5gb.shared": "1"}, Fraction(1, 14)),
        ({"nvidia.com/gpu.memory": "81559"}, {"nvidia.com/mig-3g.40gb": "1"}, Fraction(1, 2)),
        ({"nvidia.com/gpu.replicas": "4", "capacity:nvidia.com/gpu.shared": "4"}, {"nvidia.com/gpu": "1"}, Fraction(1)),
        ({}, {"nvidia.com/gpu": "2"}, Fraction(2)),
        ({}, {"amd.com/gpu": "1", "alibabacloud.com/ppu": "2"}, Fraction(3)),
        ({}, {"koordinator.sh/gpu": "200"}, Fraction(2)),
        ({}, {"volcano.sh/vgpu-number": "2"}, Fraction(2)),
        ({}, {"nvidia.com/gpu": "2", "nvidia.com/gpucores": "30"}, Fraction(2)),
        ({}, {"nvidia.com/gpu": "2", "nvidia.com/gpumem-percentage": "30"}, Fraction(3, 5)),
        ({}, {"nvidia.com/gpu": "3000000000"}, Fraction(999_999_999)),
    ],
)
def test_what_a_device_is_of_a_card(node: dict[str, str], limits: dict[str, str], cards: Fraction) -> None:
    """By its slices of seven, or by memory where that is more; a device without a limit of memory has all of it."""
    assert share(node, limited(limits)) == GpuShare(D(int(cards * 10**9)).scaleb(-9))


@pytest.mark.parametrize(
    ("node", "limits", "annotations"),
    [
        ({}, {"aliyun.com/gpu-mem": "8"}, {}),
        ({"capacity:aliyun.com/gpu-mem": "15"}, {"aliyun.com/gpu-mem": "8"}, {}),
        ({"capacity:aliyun.com/gpu-mem": "0", "capacity:aliyun.com/gpu-count": "0"}, {"aliyun.com/gpu-mem": "8"}, {}),
        ({}, {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "8192"}, {}),
        ({}, {"nvidia.com/gpu.shared": "1"}, {}),
        ({}, {"nvidia.com/mig-1g.5gb.shared": "1"}, {}),
        (A100, {"nvidia.com/mig-1c.3g.20gb": "1"}, {}),
        ({}, {"cpu": "1"}, {"gpu-memory": "1000"}),
        ({}, {"cpu": "1"}, {"gpu-fraction": "half"}),
    ],
)
def test_a_share_of_an_unknown_card_is_unknown(
    node: dict[str, str], limits: dict[str, str], annotations: dict[str, str]
) -> None:
    """It is never 0, and never a whole card by guess: the charge has no price and says why."""
    assert share(node, limited(limits), annotations) == GpuShare(D(0), missing="unknown_gpu_share")


@pytest.mark.parametrize(
    ("limits", "cards"),
    [
        ({"aliyun.com/gpu-mem": "8", "aliyun.com/gpu-core.percentage": "30"}, "0.3"),
        ({"nvidia.com/mig-1g.5gb": "7"}, "1"),
    ],
)
def test_without_the_cards_memory_the_compute_share_counts_and_is_doubted(limits: dict[str, str], cards: str) -> None:
    """It may be less than the memory share."""
    assert share({}, limited(limits)) == GpuShare(D(cards), doubt="unknown_gpu_memory")


def test_containers_sum_up_and_a_larger_init_container_counts() -> None:
    """As with cores and memory; amounts of each device belong to the devices of their own container."""
    node = {"hami.io/node-nvidia-register:mib": "1000", "hami.io/node-nvidia-register:cards": "1"}
    two = {"nvidia.com/gpu": "2", "nvidia.com/gpumem": "100"}
    one = {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "300"}
    sidecar = limited(two, init=one)
    sidecar["initContainers"][0]["restartPolicy"] = "Always"

    assert share(node, limited(two, one)) == GpuShare(D("0.5"))
    assert share(node, limited(two, init=one)) == GpuShare(D("0.3"))
    assert share(node, sidecar) == GpuShare(D("0.5"))


def test_a_grant_that_cannot_be_read_leaves_the_request() -> None:
    """A scheduler's text is not trusted to be one."""
    node, grant = node_gpu_marks(a_gpu_node(SHARINGS["HAMi"])), "hami.io/vgpu-devices-allocated"
    half = limited({"nvidia.com/gpu": "1", "nvidia.com/gpumem": "16384"})

    for text in ("", ";", "GPU-0fc3,NVIDIA,many,30:;", "x" * 100_000):
        assert share(node, half, {grant: text}) == GpuShare(D("0.5"))


@pytest.mark.parametrize("text", ["", ":", "a,b", "a,b,c,d", "[", "[{}]", '[{"devmem": -1}]', "a,1,0,x:", "9" * 9999])
def test_a_register_that_is_none_names_no_card(text: str) -> None:
    """Any program may write an annotation of a node."""
    odd = SHARINGS["HAMi"]._replace(node_annotations={"hami.io/node-nvidia-register": text})

    assert not [key for key in node_gpu_marks(a_gpu_node(odd)) if key.startswith("hami.io/")]


def test_both_forms_of_a_register_name_the_same_cards() -> None:
    """A text, and since HAMi 2.6 JSON."""
    old, new = (
        node_gpu_marks(a_gpu_node(SHARINGS["HAMi"]._replace(node_annotations={"hami.io/node-nvidia-register": text})))
        for text in (HAMI_NODE, HAMI_JSON)
    )

    assert old == new
    assert old["hami.io/node-nvidia-register:mib"] == "32768"


@pytest.mark.parametrize(
    ("node", "cards"),
    [
        ({}, None),
        ({"capacity:nvidia.com/gpu": "2"}, None),
        ({"capacity:nvidia.com/gpu": "0", "capacity:nvidia.com/mig-1g.5gb": "7"}, None),
        ({"capacity:nvidia.com/mig-1g.5gb": "7", "nvidia.com/gpu.count": "1"}, 1),
        ({"capacity:nvidia.com/gpu": "1", "capacity:nvidia.com/gpu.shared": "8", "nvidia.com/gpu.replicas": "4"}, 3),
        (
            A100
            | {
                "nvidia.com/mig.strategy": "single",
                "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-2g.10gb",
                "capacity:nvidia.com/gpu": "24",
            },
            8,
        ),
    ],
)
def test_the_cards_of_a_node(node: dict[str, str], cards: int | None) -> None:
    """Its capacity counts devices: three slices of two sevenths are a card."""
    assert cards_of(node) == cards


def test_a_pod_without_gpus_has_no_marks() -> None:
    """Of a node with GPUs neither: most pods are such, and each mark is stored with each of them."""
    node = node_gpu_marks(a_gpu_node(SHARINGS["HAMi"]))

    assert gpu_marks("", {}, node) == {}
    assert (
        gpu_requests(decoded(limited({"cpu": "1"}, {"cpu": "1", "example.com/dongle": "1"}), kubernetes.PodSpec)) == ""
    )
    assert gpu_requests(kubernetes.PodSpec()) == ""
    assert gpu_share({}) is None


@given(st.integers(1, 10**9), st.integers(1, 10**7))
def test_four_quarters_cost_one_gpu(micros: int, seconds: int) -> None:
    """Exactly, where the amount of a quarter ends within 18 places; else each line rounds by half of the last place."""
    hour = Rate("gpu", "Hours", D(micros).scaleb(-6), per_seconds=3600)
    quarter, whole = (meter_line(cards, hour, seconds).cost for cards in (D("0.25"), D(1)))
    ends = micros * seconds % 9 == 0

    assert abs(quarter * 4 - whole) <= (0 if ends else D("2.5e-18"))
