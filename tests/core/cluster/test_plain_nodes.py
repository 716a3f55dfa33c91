"""Plain nodes as evidence: when each was there, and how large."""

from decimal import Decimal
from itertools import chain
from typing import Any

import msgspec
import pytest

from collector.core.cluster import plain_nodes
from collector.core.cluster.state import Cluster
from collector.core.facts.bills import NodeRun
from collector.core.messages import Checkpoint, Gone
from collector.core.rules import Rules
from collector.core.units import MAX_AMOUNT
from collector.pipeline import checkpoints
from collector.pipeline.checkpoints import Packer
from tests.builders import DAY, HOUR, MINUTE, NOON, a_machine, a_plain_node, a_vanishing, an_observation
from tests.core.observed import a_cluster, feed, only
from tests.replay import play


def rows(cluster: Cluster, *seen: Any) -> list[NodeRun]:
    """The nodes' rows that follow from some observations."""
    return only(NodeRun, feed(cluster, *seen))


def test_a_plain_node_is_reported_when_it_is_first_seen() -> None:
    """With all that its price needs: type, place, capacity, and the marks of how it was bought."""
    node = a_plain_node("n1", capacity={"cpu": "31850m", "memory": "64Gi", "nvidia.com/gpu": "2", "pods": "110"})
    (row,) = rows(a_cluster(), an_observation(node, "added", when=NOON + MINUTE))

    assert (row.name, row.uid, row.created_at, row.first_seen_at) == ("n1", "node-n1", NOON, NOON + MINUTE)
    assert (row.last_seen_at, row.gone_at) == (NOON + MINUTE, None)
    assert (row.instance_type, row.region, row.zone) == ("ecs.c7.8xlarge", "cn-hangzhou", "cn-hangzhou-i")
    assert (row.cpu, row.memory_bytes, row.gpu) == (Decimal("31.85"), 64 * 1024**3, Decimal(2))
    assert row.pricing["node:eks.amazonaws.com/capacityType"] == "SPOT"
    assert not [key for key in row.pricing if "hostname" in key]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("virtual-kubelet-cn-hangzhou-h", {}),
        ("virtual-node-aci-linux", {}),
        ("n1", {"type": "virtual-kubelet"}),
        ("n1", {"alibabacloud.com/virtual-node": "true"}),
        ("fargate-ip-10-0-0-1", {"eks.amazonaws.com/compute-type": "fargate"}),
    ],
)
def test_a_virtual_node_is_no_node(name: str, labels: dict[str, str]) -> None:
    """It costs nothing: its pods are billed on their own."""
    assert rows(a_cluster(), an_observation(a_machine(name, labels), "listed")) == []


def test_a_heartbeat_shows_nothing() -> None:
    """Kubelets write their node's status every few minutes."""
    cluster = a_cluster()
    node = a_plain_node("n1")
    rows(cluster, an_observation(node, "listed"))

    assert rows(cluster, an_observation(node, when=NOON + HOUR)) == []
    assert [row.last_seen_at for row in cluster.plain_nodes.accrue(NOON)] == [NOON + HOUR]


def test_labels_that_come_late_are_reported_under_a_higher_version() -> None:
    """A cloud's controller writes type and zone after the kubelet registered."""
    cluster = a_cluster()
    first = an_observation(a_machine("n1", {}), "added")
    before, after = rows(cluster, first, an_observation(a_plain_node("n1"), when=NOON + MINUTE))

    assert (before.instance_type, after.instance_type) == ("", "ecs.c7.8xlarge")
    assert after.version > before.version
    assert (after.created_at, after.first_seen_at) == (before.created_at, before.first_seen_at)


def test_labels_of_machines_that_went_long_ago_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes of an autoscaled pool have new names each day; existing ones are observed again and stay."""
    monkeypatch.setattr(plain_nodes, "LABELS_AT_MOST", 2)
    cluster = a_cluster()
    for number, name in enumerate(["n1", "n2", "n1", "n3"]):
        feed(cluster, an_observation(a_machine(name), when=NOON + number * MINUTE))

    assert list(cluster.plain_nodes.labels) == ["n1", "n3"]


def test_a_node_that_turns_out_to_be_virtual_is_gone() -> None:
    """A label that comes late may say so."""
    cluster = a_cluster()
    *_, row = rows(
        cluster, an_observation(a_machine("n1", {}), "added"), an_observation(a_machine("n1"), when=NOON + 5)
    )

    assert (row.gone_at, cluster.plain_nodes.runs) == (NOON + 5, {})


def test_a_deleted_node_is_gone_when_we_hear_of_it() -> None:
    """And only once."""
    cluster = a_cluster()
    gone = an_observation(a_plain_node("n1"), "deleted", when=NOON + HOUR)
    _, row = rows(cluster, an_observation(a_plain_node("n1"), "added"), gone)

    assert (row.gone_at, row.last_seen_at) == (NOON + HOUR, NOON + HOUR)
    assert rows(cluster, gone, a_vanishing("nodes", "node-n1", when=NOON + DAY)) == []


def test_a_node_that_vanished_was_there_until_it_was_last_known() -> None:
    """A gap costs nothing: a node is not counted for longer than it was observed."""
    cluster = a_cluster()
    feed(cluster, an_observation(a_plain_node("n1"), "added"))
    list(cluster.plain_nodes.accrue(NOON + HOUR))

    assert [row.gone_at for row in rows(cluster, a_vanishing("nodes", "node-n1", when=NOON + DAY))] == [NOON + HOUR]


def test_a_node_that_is_deleted_while_rows_are_written_has_its_last_row_already() -> None:
    """The caller pauses between two rows, and other work goes on."""
    cluster = a_cluster()
    feed(cluster, *(an_observation(a_plain_node(name), "listed") for name in ("n1", "n2", "n3")))
    cluster.gap_ended("nodes")
    written = cluster.plain_nodes.accrue(NOON + HOUR)
    first = next(written)
    feed(cluster, an_observation(a_plain_node("n2"), "deleted", when=NOON + HOUR))

    assert [row.uid for row in (first, *written)] == ["node-n1", "node-n3"]


def test_a_node_that_shows_nothing_of_itself_is_reported_all_the_same() -> None:
    """Unknown sizes are 0, which no price fits, and absurd ones are cut to what the columns hold."""
    bare = msgspec.structs.replace(a_machine("n1", {}), status=None)
    odd = a_plain_node("n2", labels={}, capacity={"cpu": "9e17", "memory": "nonsense", "x.io/gpu": "9e17"})
    nothing, much = rows(Cluster("c1", Rules(region="cn-x")), an_observation(bare), an_observation(odd))

    assert (nothing.cpu, nothing.created_at, nothing.region) == (Decimal(0), NOON, "cn-x")
    assert nothing.pricing == {}
    assert (much.cpu, much.memory_bytes, much.gpu) == (MAX_AMOUNT, 0, MAX_AMOUNT)


def test_a_restart_goes_on_with_the_nodes_it_knew() -> None:
    """First seen as before; the labels serve pods although the list shows nothing new; a vanished node is closed."""
    before, after = a_cluster(), a_cluster()
    feed(before, an_observation(a_plain_node("n1"), "listed"), an_observation(a_plain_node("n2"), "listed"))
    for change in chain(*Packer(before).take()):
        assert isinstance(change, Checkpoint)
        checkpoints.adopt(after, change.kind, change.state)
    too_early = list(after.plain_nodes.accrue(NOON + HOUR))
    feed(after, a_vanishing("nodes", "node-n2", when=NOON + HOUR))
    after.gap_ended("nodes")

    assert too_early == []
    assert after.plain_nodes.labels == before.plain_nodes.labels
    assert after.plain_nodes.runs == {"node-n1": before.plain_nodes.runs["node-n1"]}
    assert Packer(after).take()[1] == [Gone(cluster="c1", kind="nodes", uid="node-n2")]
    assert [row.last_seen_at for row in after.plain_nodes.accrue(NOON + DAY)] == [NOON + DAY]


def test_recorded_nodes() -> None:
    """A real API server's: virtual ones make no row, plain ones one each."""
    cluster, effects = play("basics")
    reported = only(NodeRun, effects)

    assert {row.name for row in reported} == {
        name for name in cluster.plain_nodes.labels if not name.startswith("virtual")
    }
    assert {(row.cpu, row.memory_bytes // 1024**3, row.instance_type) for row in reported} >= {
        (32, 512, "ecs.c7.8xlarge")
    }
