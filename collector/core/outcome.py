"""
How a finished attempt ended, and whose fault it was.

`platform` is what pages an SRE: the cloud, the cluster or the controller broke it. `failed` is the user's own code,
an OOM kill at the container's own limit included. The earliest finished leaf that failed decides, since later ones
are often its consequence.
"""

import re
from collections.abc import Iterable

import msgspec

from collector.core import decode
from collector.core.nodes import Node

INVALID_MESSAGE = "invalid spec"
STOPPED_MESSAGE = "Stopped with strategy"

PLATFORM_SIGNS = (
    ("The node was low on resource", "evicted"),
    ("Evicted", "evicted"),
    ("Preempt", "preempted"),
    ("NodeLost", "node_lost"),
    ("NodeShutdown", "node_lost"),
    ("node is not ready", "node_lost"),
    ("SpotReleased", "spot_reclaimed"),
    ("SpotToBeReleased", "spot_reclaimed"),
    ("BidExpired", "spot_reclaimed"),
    ("ImagePull", "image_pull"),
    ("ErrImage", "image_pull"),
    ("exceeded quota", "quota"),
    ("NoStock", "no_stock"),
    ("pod deleted", "pod_deleted"),
)
"""Words of kubelets, clouds and the controller that mean the platform failed; matched anywhere in a reason or message."""


_EXIT_CODE = re.compile(r"exit code (\d{1,3})\b")


class Ending(msgspec.Struct, frozen=True):
    """An outcome with the reason that decided it."""

    outcome: str
    reason: str = ""


class Leaf(msgspec.Struct, frozen=True):
    """A failed step without children, as far as it decides."""

    finished_at: int
    phase: str
    text: str


def ending(phase: str, message: str, shutdown: str, leaves: Iterable[Leaf]) -> Ending:
    """The outcome of an attempt in a terminal phase."""
    if phase == "Succeeded":
        return Ending("succeeded")
    if message.startswith(INVALID_MESSAGE):
        return Ending("invalid", "invalid_spec")
    if shutdown or message.startswith(STOPPED_MESSAGE):
        return Ending("cancelled", (shutdown or message.removeprefix(STOPPED_MESSAGE).strip(" '")).lower())
    failed = sorted(leaves, key=lambda leaf: (leaf.finished_at, leaf.text))
    return fault(failed[0]) if failed else fault(Leaf(0, phase, message))


def fault(leaf: Leaf) -> Ending:
    """Whose fault one failed step was."""
    for sign, reason in PLATFORM_SIGNS:
        if sign in leaf.text:
            return Ending("platform", reason)
    if "OOMKilled" in leaf.text:
        return Ending("failed", "oom")
    if exited := _EXIT_CODE.search(leaf.text):
        return Ending("failed", f"exit_{exited[1]}")
    if "deadline" in leaf.text:
        return Ending("failed", "deadline")
    return Ending("platform", "controller_error") if leaf.phase == "Error" else Ending("failed", "step_failed")


def failed_leaves(nodes: dict[str, Node]) -> list[Leaf]:
    """The failed steps that have no failed child and were not tried again: where the failure began."""
    away = retried_away(nodes)
    bad = {key for key, node in nodes.items() if node.phase in ("Failed", "Error") and key not in away}
    return [
        Leaf(decode.instant(n.finishedAt) or 0, n.phase or "", n.message or "")
        for key in bad
        if not bad.intersection((n := nodes[key]).children or ())
    ]


def failed_ends(nodes: dict[str, Node]) -> dict[str, int]:
    """When the failed pods ended by the controller's word, by node id."""
    failed = ((key, node.finishedAt) for key, node in nodes.items() if node.type == "Pod" and node.phase != "Succeeded")
    return {key: at for key, text in failed if (at := decode.instant(text))}


def retries(nodes: dict[str, Node]) -> int:
    """Attempts beyond the first of every Retry node; the flag on the children is set on the first too."""
    return sum(
        max(0, len([c for c in node.children or () if not _hooked(nodes.get(c))]) - 1)
        for node in nodes.values()
        if node.type == "Retry"
    )


def retried_away(nodes: dict[str, Node]) -> set[str]:
    """Ids of nodes that a later attempt of the same step replaced."""
    away: set[str] = set()
    for node in nodes.values():
        if node.type == "Retry":
            attempts = [c for c in node.children or () if not _hooked(nodes.get(c))]
            away.update(attempts[:-1])
    return away


def _hooked(node: Node | None) -> bool:
    return bool(node and node.nodeFlag and node.nodeFlag.hooked)
