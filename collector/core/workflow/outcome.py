"""
How a finished attempt ended, and whose fault it was.

`platform` is what pages an SRE: the cloud, the cluster or the controller broke it. `failed` is the user's own code,
an OOM kill at the container's own limit included. The earliest finished leaf that failed decides, since later ones
are often its consequence. A message may quote the user: signs are looked for where Argo and the kubelets put them.
"""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction

import msgspec

from collector.core.facts.bills import PodRun
from collector.core.model import AttemptOutcome
from collector.core.objects import kubernetes
from collector.core.objects.status_nodes import (
    FAILED,
    MESSAGE_LIMIT,
    Graph,
    Node,
    build_graph,
    descendants,
    is_memoized,
)

INVALID_MESSAGE = "invalid spec"
STOPPED_MESSAGE = "Stopped with strategy"
USER_WORDED = frozenset({"HTTP", "Plugin", "Suspend"})
"""Types of steps whose message a user, a server or a plugin wrote."""

_CONTAINER_END = re.compile(r"(?:[a-z0-9][-a-z0-9.]*: )?(\w*) ?\(exit code (-?\d{1,10})\)")
"""inferFailedReason of Argo's operator.go; the container's name is there from 3.7, and what follows is the user's own text."""
_LOST = ("ContainerStatusUnknown", "Unknown")
"""Reasons of kubelet and containerd for a container whose end nobody saw: the machine went away."""
_MISSING = re.compile(r"does not exist|no such file or directory", re.IGNORECASE)
_EXIT_CODE = re.compile(r"exit code (\d{1,3})\b")


Signs = tuple[tuple[str, re.Pattern[str]], ...]


def _signs(**signs: tuple[str, ...]) -> Signs:
    """How a message begins, by reason; Argo puts the task's name before it where the controller itself failed."""
    wrapped = r"(?:(?:task|step) '[^']*' errored: |error in (?:entry|exit) template execution ?: )*"
    return tuple((reason, re.compile(f"{wrapped}(?:{'|'.join(begins)})")) for reason, begins in signs.items())


PLATFORM_SIGNS = _signs(
    evicted=(
        r"The node was low on resource", r"(?:Pod was rejected: )?The node had condition", r"(?:Pod )?Evicted\b",
    ),
    preempted=(r"Preempt(?:ed|ing)\b",),
    node_lost=(
        r"NodeLost\b", r"Node \S+ which was running pod", r"Node is shutting", r"Pod was terminated\b",
        r"Pod was rejected(?:: | as ).{0,40}(?:NodeShutdown|shutting down)",
    ),
    rejected=(r"Pod was rejected", r"Pod Node didn't have enough resource", r"Pod Predicate ", r"Pod Allocate failed"),
    spot_reclaimed=(r"Spot(?:ToBe)?Released\b", r"Bid(?:Expired|Failed)\b", r"The pod is spot instance"),
    image_pull=(
        r"Pod failed before \S+ container starts due to (?:\w*Image\w*|RegistryUnavailable)\b", r"ErrImage\w*",
        r"ImagePull\w*", r"ImageInspectError\b", r"InvalidImageName\b", r"Back-off pulling image", r"Failed to pull image",
    ),
    no_stock=(r"NoStock\b", r"(?:ProviderCreateFailed|Create ECI failed)\b.*NoStock"),
    never_started=(
        r"can't find failed message for pod", r"Pod failed before \S+ container starts due to (?!CreateContainer)",
    ),
    quota=(r'pods? "[^"]*" is forbidden: exceeded quota',),
    pod_deleted=(r"pod deleted\b", r"container deleted\b"),
    pod_lost=(r"pod failed: ",),
    too_large=(
        r"Request entity too large", r"workflow is longer than maximum allowed size",
        r"etcdserver: request is too large", r"offload node status is not supported",
    ),
)  # fmt: skip
"""
What the words of kubelets, clouds and the controller begin with where the platform failed: pod.status.message of
Kubernetes' eviction and shutdown managers, and operator.go of Argo 3.4 to 4.1.
"""

USER_SIGNS = _signs(
    ephemeral_storage=(
        r"Pod ephemeral local storage usage exceeds", r"Container \S+ exceeded its local ephemeral storage",
        r"Usage of EmptyDir volume",
    ),
    deadline=(
        r"(?:Step|step|Template) exceeded (?:its|workflow) deadline", r"Pod was active on the node longer than",
        r"Deadline ?[Ee]xceeded", r"Max duration limit exceeded", r"timeout$",
    ),
    template_error=(
        r"failed to resolve \{\{", r"Maximum recursion depth exceeded", r"withParam value could not be parsed",
        r"Invalid 'when' expression", r"displayName must match",
    ),
    container_config=(r"Pod failed before \S+ container starts due to CreateContainer",),
)  # fmt: skip
"""What they begin with where the user's own limit, deadline or template ended the step."""

PLATFORM_REASONS = frozenset({*dict(PLATFORM_SIGNS), "executor_error", "controller_error", "deadline_waiting"})
"""Every reason an outcome `platform` can have: a label of a metric, thus few."""

POD_REASONS = {
    "Evicted": "evicted", "Preempting": "preempted", "NodeLost": "node_lost", "NodeShutdown": "node_lost",
    "Shutdown": "node_lost", "Terminated": "node_lost", "BidExpired": "spot_reclaimed", "BidFailed": "spot_reclaimed",
    "SpotReleased": "spot_reclaimed", "SpotToBeReleased": "spot_reclaimed", "NoStock": "no_stock",
    "OutOfcpu": "rejected", "OutOfmemory": "rejected", "OutOfpods": "rejected", "NodeAffinity": "rejected",
    "UnexpectedAdmissionError": "rejected", "ContainerStatusUnknown": "node_lost",
}  # fmt: skip
"""What a pod's own status.reason means; Argo's message carries status.message alone."""


class Ending(msgspec.Struct, frozen=True):
    """An outcome with the reason that decided it, and the step that did; without a step nobody knows or none did."""

    outcome: AttemptOutcome
    reason: str = ""
    node_id: str = ""
    step: str = ""


class Leaf(msgspec.Struct, frozen=True):
    """A failed step in which nothing else failed, as far as it decides."""

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
        return Ending("invalid", "invalid_spec")
    if shutdown or message.startswith(STOPPED_MESSAGE):
        return Ending("cancelled", (shutdown or message.removeprefix(STOPPED_MESSAGE).strip(" '")).lower())
    earliest = min(leaves, key=lambda leaf: (leaf.finished_at, leaf.node_id), default=None)
    return fault(earliest or Leaf(0, phase, message))


def fault(leaf: Leaf) -> Ending:
    """Whose fault one failed step was."""
    outcome, reason = _judged(leaf.type, leaf.phase, leaf.text[:MESSAGE_LIMIT])
    return Ending(outcome, reason, leaf.node_id, leaf.step)


def _judged(kind: str, phase: str, text: str) -> tuple[AttemptOutcome, str]:
    if kind not in USER_WORDED:
        if ended := _CONTAINER_END.match(text):
            return _container_end(phase, ended[1], ended[2], text[ended.end() :])
        if reason := _read(PLATFORM_SIGNS, text):
            return "platform", reason
    if reason := _read(USER_SIGNS, text):
        return "failed", reason
    if exited := _EXIT_CODE.search(text):
        return "failed", f"exit_{exited[1]}"
    return ("platform", "controller_error") if phase == "Error" else ("failed", "step_failed")


def _read(signs: Signs, text: str) -> str:
    return next((reason for reason, sign in signs if sign.match(text)), "")


def _container_end(phase: str, why: str, code: str, rest: str) -> tuple[AttemptOutcome, str]:
    """A container's end by the reason that its kubelet gave; Argo calls it an Error where its own container failed."""
    if why in _LOST:
        return "platform", "node_lost"
    if phase == "Error":
        return ("failed", "missing_artifact") if _MISSING.search(rest) else ("platform", "executor_error")
    return "failed", "oom" if why == "OOMKilled" else f"exit_{code}"


def waits_out(ended: Ending, pod_started: bool | None, node: Node | None) -> Ending:
    """A deadline that was spent waiting is the platform's: whether the deciding step's main container ever ran."""
    if ended.reason != "deadline" or ended.outcome != "failed":
        return ended
    never = not pod_started if pod_started is not None else _never_ran(node)
    return msgspec.structs.replace(ended, outcome="platform", reason="deadline_waiting") if never else ended


def not_waited_out(ended: Ending) -> Ending:
    """The same before anybody asked whether its deadline was spent waiting."""
    waited = ended.reason == "deadline_waiting"
    return msgspec.structs.replace(ended, outcome="failed", reason="deadline") if waited else ended


def _never_ran(node: Node | None) -> bool:
    """By the node alone: a pod without a machine; a step that waits for a person is none."""
    return bool(node and node.type == "Pod" and not node.hostNodeName and not node.outputs)


def with_pod(ended: Ending, pod_reason: str) -> Ending:
    """Where Argo saw a killed container or no pod at all, the pod's own status.reason may say who did it."""
    reason = POD_REASONS.get(pod_reason)
    vague = ("exit_137", "exit_143", "step_failed", "executor_error", "never_started", "pod_deleted", "pod_lost")
    if reason is None or ended.reason not in vague:
        return ended
    return msgspec.structs.replace(ended, outcome="platform", reason=reason)


def by_pod(run: PodRun) -> Ending:
    """Whose fault a failed pod was, by its own words alone."""
    if reason := POD_REASONS.get(run.reason):
        return Ending("platform", reason, run.node_id, run.step)
    why = "oom" if run.reason == "OOMKilled" else "step_failed" if run.exit_code is None else f"exit_{run.exit_code}"
    return Ending("failed", why, run.node_id, run.step)


def failed_leaves(nodes: Mapping[str, Node], how: Graph | None = None) -> list[Leaf]:
    """
    The failed steps in which no other failed and whose failure went all the way up: where the end began.

    Not those that were tried again, that something followed (continueOn, depends on a failure), that a succeeded node
    holds, daemons that were still up, nor hooks, unless only they failed.
    """
    how = how or build_graph(nodes)
    well = [key for key, node in nodes.items() if node.phase == "Succeeded"]
    spared = retried_away(nodes, how) | how.followed | descendants(how.held, well)
    bad = {k for k, n in nodes.items() if n.phase in FAILED and n.type != "Container" and not n.daemoned} - spared
    begun = bad - _above(how.holder, bad)
    return [_leaf(key, nodes[key]) for key in sorted(begun - how.hooks or begun)]


def _leaf(key: str, node: Node) -> Leaf:
    # A pod whose containers never wrote an end has none either; it ended after it began.
    at = kubernetes.parse_time(node.finishedAt) or kubernetes.parse_time(node.startedAt) or 0
    step = (node.displayName or key)[:MESSAGE_LIMIT]
    return Leaf(at, node.phase or "", (node.message or "")[:MESSAGE_LIMIT], node.type or "", key, step)


def _above(holder: Mapping[str, str], keys: Iterable[str]) -> set[str]:
    """All nodes that hold one of the given, at any depth."""
    found: set[str] = set()
    for key in keys:
        outer = holder.get(key)
        while outer is not None and outer not in found:
            found.add(outer)
            outer = holder.get(outer)
    return found


def failed_ends(nodes: Mapping[str, Node]) -> dict[str, int]:
    """When the failed pods ended by the controller's word, by node id."""
    failed = ((key, node.finishedAt) for key, node in nodes.items() if node.type == "Pod" and node.phase != "Succeeded")
    return {key: at for key, text in failed if (at := kubernetes.parse_time(text))}


def retries(nodes: Mapping[str, Node], how: Graph | None = None) -> int:
    """Tries beyond the first of every Retry node; a hook is no try, nor is a result from a cache."""
    tries = (how or build_graph(nodes)).tries.values()
    return sum(max(0, len([t for t in mine if t not in nodes or not is_memoized(nodes[t])]) - 1) for mine in tries)


def retried_away(nodes: Mapping[str, Node], how: Graph | None = None) -> set[str]:
    """Ids of nodes that a later try of the same step replaced, and of all that ran in them."""
    how = how or build_graph(nodes)
    away = {key for mine in how.tries.values() for key in mine[:-1]}
    return away | descendants(how.held, away)


def success_rate(runs: Mapping[str, int]) -> Fraction | None:
    """Succeeded of succeeded, failed and platform, by outcome; cancelled and invalid count nowhere. None: nothing counted."""
    counted = _counted(runs)
    return Fraction(runs.get("succeeded", 0), counted) if counted else None


def platform_success_rate(runs: Mapping[str, int]) -> Fraction | None:
    """1 - platform of succeeded, failed and platform: what the users' own failures leave to the platform."""
    counted = _counted(runs)
    return 1 - Fraction(runs.get("platform", 0), counted) if counted else None


def _counted(runs: Mapping[str, int]) -> int:
    return sum(runs.get(outcome, 0) for outcome in ("succeeded", "failed", "platform"))
