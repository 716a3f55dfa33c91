"""
How a finished attempt ended, and whose fault a failure was.

`platform` pages an SRE: the cloud, the cluster or the controller caused the failure. `failed` is the user's own code, which
includes an OOM kill at the container's own limit. The failed leaf that finished first decides, since later failures are
often its consequence. A message may quote the user: signs are matched only where Argo and the kubelets write them.
"""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction

import msgspec

from collector.core.facts.bills import PodRun
from collector.core.model import AttemptOutcome, Instant
from collector.core.objects import kubernetes
from collector.core.objects.pod_ends import DISRUPTIONS, POD_REASONS
from collector.core.objects.status_nodes import (
    FAILED,
    MESSAGE_LIMIT,
    Graph,
    Node,
    build_graph,
    descendants,
    is_memoized,
)
from collector.core.workflow.signs import (
    NOT_THE_SPEC,
    PLATFORM_SIGNS,
    SPEC_SIGNS,
    TEMPLATE_SIGNS,
    USER_SIGNS,
    links,
    read,
)

INVALID_MESSAGE = "invalid spec"
STOPPED_MESSAGE = "Stopped with strategy"
OPERATION_ERROR = "Workflow operation error"
"""The controller's words on the root node of a workflow that it gave up as a whole; status.message has the cause."""
USER_WORDED = frozenset({"HTTP", "Plugin", "Suspend"})
"""Types of steps whose message is written by a user, a server or a plugin."""

_CONTAINER_END = re.compile(r"(?:[a-z0-9][-a-z0-9.]*: )?(\w*) ?\(exit code (-?\d{1,10})\)")
"""inferFailedReason of Argo's operator.go; 3.7 and later add the container's name, and the rest is the user's own text."""
_LOST = ("ContainerStatusUnknown", "Unknown")
"""Reasons of kubelet and containerd for a container whose end was not observed: the machine went away."""
_MISSING = re.compile(r"does not exist|no such file or directory", re.IGNORECASE)
_EXIT_CODE = re.compile(r"exit code (\d{1,3})\b")


PLATFORM_REASONS = frozenset(
    {*dict(PLATFORM_SIGNS), *DISRUPTIONS.values(), "executor_error", "controller_error", "deadline_waiting"}
)
"""All reasons of the outcome `platform`: a label of a metric, so they are few."""


class Ending(msgspec.Struct, frozen=True):
    """An outcome, its reason and the step that decided it; without a step, none did or it is unknown."""

    outcome: AttemptOutcome
    reason: str = ""
    node_id: str = ""
    step: str = ""


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """A failed step in which no other step failed: what the outcome needs of it."""

    finished_at: int
    phase: str
    text: str
    type: str = ""
    node_id: str = ""
    step: str = ""


def ending(phase: str, message: str, shutdown: str, leaves: Iterable[Leaf]) -> Ending:
    """The outcome of an attempt in a terminal phase."""
    if phase == "Succeeded":
        return Ending("succeeded")
    if message.startswith(INVALID_MESSAGE):
        refused = NOT_THE_SPEC.search(message)
        return Ending("platform", "controller_error") if refused else Ending("invalid", "invalid_spec")
    if shutdown or message.startswith(STOPPED_MESSAGE):
        return Ending("cancelled", (shutdown or message.removeprefix(STOPPED_MESSAGE).strip(" '")).lower())
    earliest = min(leaves, key=lambda leaf: (leaf.finished_at, leaf.node_id), default=None)
    return fault(earliest or Leaf(finished_at=0, phase=phase, text=message))


def fault(leaf: Leaf) -> Ending:
    """The outcome of one failed step: whose fault it was."""
    outcome, reason = _outcome_of(leaf.type, leaf.phase, leaf.text[:MESSAGE_LIMIT])
    return Ending(outcome, reason, leaf.node_id, leaf.step)


def _outcome_of(kind: str, phase: str, text: str) -> tuple[AttemptOutcome, str]:
    if kind not in USER_WORDED:
        if ended := _CONTAINER_END.match(text):
            return _container_end(phase, ended[1], ended[2], text[ended.end() :])
        if reason := read(PLATFORM_SIGNS, text):
            return "platform", reason
    if reason := read(USER_SIGNS, text):
        return "failed", reason
    if broken := _broken_spec(kind, phase, text):
        return broken
    if exited := _EXIT_CODE.search(text):
        return "failed", f"exit_{exited[1]}"
    return ("platform", "controller_error") if phase == "Error" else ("failed", "step_failed")


def _broken_spec(kind: str, phase: str, text: str) -> tuple[AttemptOutcome, str] | None:
    """What is wrong with the user's spec: an Error is the controller's own chain of words, a Failed may quote anybody."""
    if NOT_THE_SPEC.search(text):
        return None
    for part in links(text) if phase == "Error" else (text,):
        if kind not in USER_WORDED and (reason := read(SPEC_SIGNS, part)):
            return "invalid", reason
        if reason := read(TEMPLATE_SIGNS, part):
            return "failed", reason
    return None


def _container_end(phase: str, why: str, code: str, rest: str) -> tuple[AttemptOutcome, str]:
    """The outcome of a container's end by its kubelet's reason; the phase is Error if Argo's own container failed."""
    if why in _LOST:
        return "platform", "node_lost"
    if phase == "Error":
        return ("failed", "missing_artifact") if _MISSING.search(rest) else ("platform", "executor_error")
    return "failed", "oom" if why == "OOMKilled" else f"exit_{code}"


def waits_out(ended: Ending, pod_started: bool | None, node: Node | None) -> Ending:
    """Blames the platform for a deadline that passed while the step waited, which is so if its main container never ran."""
    if ended.reason != "deadline" or ended.outcome != "failed":
        return ended
    never = not pod_started if pod_started is not None else _never_ran(node)
    return msgspec.structs.replace(ended, outcome="platform", reason="deadline_waiting") if never else ended


def not_waited_out(ended: Ending) -> Ending:
    """The ending as it was before waits_out."""
    waited = ended.reason == "deadline_waiting"
    return msgspec.structs.replace(ended, outcome="failed", reason="deadline") if waited else ended


def _never_ran(node: Node | None) -> bool:
    """Whether a pod has no node, as far as the step shows it; a step that waits for a person has no pod."""
    return bool(node and node.type == "Pod" and not node.hostNodeName and not node.outputs)


def with_pod(ended: Ending, pod_reason: str, disruption: str) -> Ending:
    """Takes the cause from the pod itself, if Argo saw a killed container or no pod at all.

    A pod that was taken away may end with any exit code, since a program may handle the signal."""
    vague = ("exit_137", "exit_143", "step_failed", "executor_error", "never_started", "pod_deleted", "pod_lost")
    if ended.reason in vague and (reason := POD_REASONS.get(pod_reason)):
        return msgspec.structs.replace(ended, outcome="platform", reason=reason)
    if disruption and (ended.reason in vague or ended.reason.startswith("exit_")):
        return msgspec.structs.replace(ended, outcome="platform", reason=DISRUPTIONS[disruption])
    return ended


def by_pod(run: PodRun) -> Ending:
    """The ending by a failed pod alone: whose fault it was by its own status."""
    if reason := POD_REASONS.get(run.reason) or DISRUPTIONS.get(run.disruption):
        return Ending("platform", reason, run.node_id, run.step)
    why = "oom" if run.reason == "OOMKilled" else "step_failed" if run.exit_code is None else f"exit_{run.exit_code}"
    return Ending("failed", why, run.node_id, run.step)


def failed_leaves(nodes: Mapping[str, Node], how: Graph | None = None) -> list[Leaf]:
    """
    The failed steps without a failed step inside whose failure reached the workflow: where the end began.

    These do not count: steps that were tried again, steps that others followed (continueOn, depends on a failure), steps
    inside a succeeded node, daemons that were still running, and hooks, unless only hooks failed. No step decided it if the
    controller gave up the whole workflow.
    """
    if any(node.message == OPERATION_ERROR and not node.boundaryID for node in nodes.values()):
        return []
    how = how or build_graph(nodes)
    well = [key for key, node in nodes.items() if node.phase == "Succeeded"]
    spared = retried_away(nodes, how) | how.followed | descendants(how.held, well)
    bad = {k for k, n in nodes.items() if n.phase in FAILED and n.type != "Container" and not n.daemoned} - spared
    begun = bad - _above(how.holder, bad)
    return [_leaf(key, nodes[key]) for key in sorted(begun - how.hooks or begun)]


def _leaf(key: str, node: Node) -> Leaf:
    # A pod whose containers recorded no end has none either; it ended after its start.
    at = kubernetes.parse_time(node.finishedAt) or kubernetes.parse_time(node.startedAt) or 0
    step = (node.displayName or key)[:MESSAGE_LIMIT]
    text = (node.message or "")[:MESSAGE_LIMIT]
    return Leaf(finished_at=at, phase=node.phase or "", text=text, type=node.type or "", node_id=key, step=step)


def _above(holder: Mapping[str, str], keys: Iterable[str]) -> set[str]:
    """All nodes around the given ones, at any depth."""
    found: set[str] = set()
    for key in keys:
        outer = holder.get(key)
        while outer is not None and outer not in found:
            found.add(outer)
            outer = holder.get(outer)
    return found


def failed_ends(nodes: Mapping[str, Node]) -> dict[str, int]:
    """Ends of failed pods in the controller's record, by node id."""
    failed = ((key, node.finishedAt) for key, node in nodes.items() if node.type == "Pod" and node.phase != "Succeeded")
    return {key: at for key, text in failed if (at := kubernetes.parse_time(text))}


def retries(nodes: Mapping[str, Node], how: Graph | None = None) -> int:
    """Tries beyond the first of every Retry node; hooks and results from a cache do not count."""
    tries = (how or build_graph(nodes)).tries.values()
    return sum(max(0, len([t for t in keys if t not in nodes or not is_memoized(nodes[t])]) - 1) for keys in tries)


def retried_away(nodes: Mapping[str, Node], how: Graph | None = None) -> set[str]:
    """Ids of nodes that a later try of the same step replaced, and of all nodes inside these."""
    how = how or build_graph(nodes)
    away = {key for keys in how.tries.values() for key in keys[:-1]}
    return away | descendants(how.held, away)


def begun_since(nodes: Mapping[str, Node], since: Instant) -> list[str]:
    """Ids of the nodes that began at an instant or later; nodes that `argo retry` keeps began before it."""
    begun = ((key, kubernetes.parse_time(node.startedAt)) for key, node in nodes.items())
    return [key for key, at in begun if at and at >= since]


def success_rate(runs: Mapping[str, int]) -> Fraction | None:
    """Share of succeeded in succeeded, failed and platform, from counts by outcome; cancelled and invalid do not count.

    None: no attempt counts."""
    counted = _counted(runs)
    return Fraction(runs.get("succeeded", 0), counted) if counted else None


def platform_success_rate(runs: Mapping[str, int]) -> Fraction | None:
    """1 minus the share of platform in succeeded, failed and platform: failures of users do not lower it."""
    counted = _counted(runs)
    return 1 - Fraction(runs.get("platform", 0), counted) if counted else None


def _counted(runs: Mapping[str, int]) -> int:
    return sum(runs.get(outcome, 0) for outcome in ("succeeded", "failed", "platform"))
