"""Shares of GPUs from the watch to the charge: what pods of one node cost together."""

from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from collector.billing.idle_nodes import NodeDay, NodePrice, StoredNode, prices_of, sum_idle, whole_node_pod
from collector.catalog.counters import Counters
from collector.core.cost import charge as billing
from collector.core.cost.meters import total
from collector.core.facts.bills import NodeRun, PodCost, PodRun
from collector.core.messages import Outcome
from collector.core.objects import kubernetes
from collector.pipeline.pipeline import Pipeline
from collector.prices import book
from collector.prices.lookup import Books
from collector.prices.node_split import node_sizes
from tests.builders import HOUR, NOON, RULES, SECOND, a_container, a_workflow, an_observation, decoded, pod_json
from tests.flow import UTC, drained, only
from tests.gpus import SHARINGS, Sharing, a_gpu_node, limited

OURS = """
id: ours
version: "1"
extends: plain-node
currency: USD
sources: {s: contract}
split: {vcpu: "1", memory: "0.25", gpu: "8"}
nodes:
  - {type: g.large, vcpu: "4", memory_gib: "16", gpu: "1", price: "16", from: 2026-01-01, source: s}
  - {type: g.four, vcpu: "16", memory_gib: "64", gpu: "4", price: "64", from: 2026-01-01, source: s}
"""
PRICES = {1: Decimal(16), 4: Decimal(64)}
"""An hour of a node by its cards."""
KINDS = pytest.mark.parametrize("sharing", SHARINGS.values(), ids=SHARINGS)


@cache
def books() -> Books:
    """Nodes with a card and with four, 16 USD an hour and card: half of it for the GPU."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "ours.yaml").write_text(OURS)
        return book.load(["alibaba-eci", "plain-node", "ours.yaml"], Path(folder))


def a_quarter(uid: str, sharing: Sharing, *, begin: int, end: int | None) -> kubernetes.Pod:
    """A pod with a quarter of the node: by its containers' limits, or by annotations."""
    share = {"cpu": str(sharing.cards), "memory": f"{4 * sharing.cards}Gi", **sharing.quarter}
    phase, status = ("Running", None) if end is None else ("Succeeded", end)
    made = pod_json(
        uid,
        phase=phase,
        created=begin,
        node="n1",
        annotations=sharing.annotations,
        conditions=[{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-22T12:00:00Z"}],
        containers=[a_container("c0", started=begin, ended=status)],
    )
    return decoded({**made, "spec": {"nodeName": "n1", **limited(share)}}, kubernetes.Pod)


def an_hour(sharing: Sharing, pods: int, *, node: bool = True) -> list[Any]:
    """The facts of a node whose pods run from noon for an hour."""
    machine = a_gpu_node(sharing, "g.four" if sharing.cards == 4 else "g.large")
    seen: list[Outcome] = [an_observation(machine, "listed")] if node else []
    seen += [an_observation(a_workflow(phase="Running", started=NOON), "added")]
    uids = [f"p{i}" for i in range(pods)]
    seen += [an_observation(a_quarter(uid, sharing, begin=NOON, end=None), "added", when=NOON + SECOND) for uid in uids]
    ends = NOON + HOUR
    seen += [an_observation(a_quarter(uid, sharing, begin=NOON, end=ends), when=ends + SECOND) for uid in uids]
    seen += [an_observation(a_workflow(phase="Succeeded", started=NOON, finished=ends), when=ends + 2 * SECOND)]
    flow = Pipeline({"c1": RULES}, books(), UTC, Counters())
    flow.take("c1", seen)
    return list(drained(flow).facts)


def charges(facts: list[Any]) -> list[PodCost]:
    """The last charge of each pod."""
    return list({cost.pod_uid: cost for cost in only(PodCost, facts)}.values())


@KINDS
def test_four_quarters_cost_the_node(sharing: Sharing) -> None:
    """To the last place: nothing is idle, and each pod costs a quarter."""
    found = charges(an_hour(sharing, 4))

    assert [cost.cost for cost in found] == [PRICES[sharing.cards] / 4] * 4
    assert {(cost.gpu, cost.product) for cost in found} == {(Decimal("0.25") * sharing.cards, "plain-node")}


@KINDS
def test_shares_and_idle_are_the_nodes_price(sharing: Sharing) -> None:
    """With a quarter unused, it is idle; the size of the node by its own word, not the book's, is the same."""
    facts = an_hour(sharing, 3)
    node, found = only(NodeRun, facts)[0], charges(facts)
    stored = StoredNode(
        cluster="c1",
        name="n1",
        uid=node.uid,
        begin=NOON,
        end=NOON + HOUR,
        instance_type=node.instance_type,
        region=node.region,
        zone=node.zone,
        cpu=node.cpu,
        memory_bytes=node.memory_bytes,
        gpu=node.gpu,
        pricing=node.pricing,
    )
    for sold in (None, node_sizes(layer.book for layer in books().layers["plain-node"])[node.instance_type]):
        run = whole_node_pod(stored, sold)
        prices = [NodePrice(run, *one) for one in prices_of(run, books(), UTC)]
        day = billing.EPOCH_DAY + timedelta(days=found[0].day)
        used = {NodeDay("c1", "n1", day): total(meter.cost for cost in found for meter in cost.meters)}
        (row,), _ = sum_idle(prices, used, "USD")

        assert (row.price, row.idle, row.beyond) == (PRICES[sharing.cards], PRICES[sharing.cards] / 4, Decimal(0))


@KINDS
def test_a_share_is_computed_again_from_the_stored_row(sharing: Sharing) -> None:
    """`reprice` has the row alone: its marks are enough."""
    facts = an_hour(sharing, 1)
    run, found = only(PodRun, facts)[-1], charges(facts)
    again = billing.charges(run, None, books(), UTC, NOON + 2 * HOUR)

    assert [cost.cost for cost in again] == [cost.cost for cost in found]


def test_a_share_on_a_node_that_was_never_seen_has_no_price() -> None:
    """The charge says why; it is never 0."""
    (found,) = charges(an_hour(SHARINGS["ACK, memory"], 1, node=False))

    assert (found.cost, found.rule) == (None, "unknown_gpu_share")


def test_a_reservation_pod_of_kai_is_no_workflows() -> None:
    """It holds the card for the pods that share it: those pay, and it has no row."""
    keeper = pod_json("gpu-reservation-1", owner="", namespace="kai-resource-reservation", node="n1", phase="Running")
    flow = Pipeline({"c1": RULES}, books(), UTC, Counters())
    flow.take("c1", [an_observation(decoded(keeper, kubernetes.Pod), "added")])
    commit = flow.drain(NOON + HOUR)

    assert not (only(PodRun, commit.facts) + only(PodCost, commit.facts) if commit else [])
