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
from collector.core.model import AttemptOutcome
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

INVALID_MESSAGE = "invalid spec"
STOPPED_MESSAGE = "Stopped with strategy"
USER_WORDED = frozenset({"HTTP", "Plugin", "Suspend"})
"""Types of steps whose message is written by a user, a server or a plugin."""

_CONTAINER_END = re.compile(r"(?:[a-z0-9][-a-z0-9.]*: )?(\w*) ?\(exit code (-?\d{1,10})\)")
"""inferFailedReason of Argo's operator.go; 3.7 and later add the container's name, and the rest is the user's own text."""
_LOST = ("ContainerStatusUnknown", "Unknown")
"""Reasons of kubelet and containerd for a container whose end was not observed: the machine went away."""
_MISSING = re.compile(r"does not exist|no such file or directory", re.IGNORECASE)
_EXIT_CODE = re.compile(r"exit code (\d{1,3})\b")


Signs = tuple[tuple[str, re.Pattern[str]], ...]


def _signs(**signs: tuple[str, ...]) -> Signs:
    """Patterns of how a message begins, by reason; Argo adds the task's name in front if the controller itself failed."""
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
Beginnings of messages of kubelets, clouds and the controller for failures of the platform: pod.status.message of
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
"""Beginnings of messages for steps that the user's own limit, deadline or template ended."""

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
        return Ending("invalid", "invalid_spec")
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
    inside a succeeded node, daemons that were still running, and hooks, unless only hooks failed.
    """
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
