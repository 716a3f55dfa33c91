"""
Kubernetes events as hints, never as evidence.

Clusters drop events, merge them, delete them after an hour or write none. So a hint adds a message to what the object
itself shows and may confirm it; no conclusion rests on a hint alone, nor on the lack of one.
"""

from typing import Literal

import msgspec

from collector.core.change_log import ChangeLog
from collector.core.facts.bills import PodRun
from collector.core.messages import Observation
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.objects.owner_kinds import OWNER_KINDS

HintKind = Literal[
    "scheduling",
    "quota",
    "stock",
    "image",
    "spot",
    "preempted",
    "evicted",
    "oom",
    "node",
    "volume",
    "workflow",
    "other",
]

RELEVANT_KINDS = frozenset({"Pod", "Workflow", "CronWorkflow", "Node", *(row.kind for row in OWNER_KINDS)})
"""Kinds of workflows, of what they create, and of what they run on."""

KINDS: dict[str, HintKind] = {
    "FailedScheduling": "scheduling",
    "SpotToBeReleased": "spot", "SpotReleased": "spot",
    "Preempted": "preempted", "Preempting": "preempted",
    "Evicted": "evicted", "TaintManagerEviction": "evicted", "EvictionThresholdMet": "evicted",
    "OOMKilling": "oom", "OOMKilled": "oom", "SystemOOM": "oom",
    "NodeNotReady": "node", "NodeLost": "node", "NodeShutdown": "node",
    "FailedMount": "volume", "FailedAttachVolume": "volume", "FailedBinding": "volume", "ProvisioningFailed": "volume",
    "ErrImagePull": "image", "ImagePullBackOff": "image", "InspectFailed": "image", "ErrImageNeverPull": "image",
    "WorkflowFailed": "workflow", "WorkflowNodeFailed": "workflow", "WorkflowNodeError": "workflow",
    "WorkflowTimedOut": "workflow",
}  # fmt: skip
"""Kinds of hints by reasons that are unambiguous: of kubelet, scheduler, node problem detector, Argo, and Alibaba's ECI and
ACS, which announce the end of a spot instance 3 to 5 minutes before it (alibabacloud.com/help, "preemptible ECI")."""

SIGNS: tuple[tuple[str, HintKind], ...] = (
    ("exceeded quota", "quota"),
    ("nostock", "stock"),
    ("out of stock", "stock"),
    ("image", "image"),
)
"""Words of messages that distinguish the reasons Failed, FailedCreate and BackOff; the first match counts."""

MESSAGE_CHARACTERS = 300
MOST = 10_000

RECLAIM_MS = 600_000
"""The notice, the grace period and some delay in recording the end."""

VAGUE = frozenset({"", "Error", "Unknown", "ContainerStatusUnknown", "NodeLost", "vanished"})
"""Reasons of a pod's end that name no cause; any other reason outweighs a hint."""

KILLED = (None, 137, 143)
"""Exit codes of a container that was killed from outside, or could not report. Any other code is the program's own."""


class EventHint(msgspec.Struct, frozen=True, gc=False):
    """The content of an event about one object."""

    uid: str
    kind: HintKind
    reason: str
    message: str
    at: Instant


def hint(event: kubernetes.KubernetesEvent) -> EventHint | None:
    """The hint in an event; None if the event is not a warning, is about another kind, or lacks its object or its time."""
    about = event.involvedObject
    if about is None or not about.uid or about.kind not in RELEVANT_KINDS or event.type == "Normal":
        return None
    times = (event.lastTimestamp, event.eventTime, event.metadata.creationTimestamp)
    at = next((at for text in times if (at := kubernetes.parse_time(text))), None)
    if at is None:
        return None
    reason, message = event.reason or "", event.message or ""
    return EventHint(about.uid, _kind(reason, message), reason[:MESSAGE_CHARACTERS], message[:MESSAGE_CHARACTERS], at)


def _kind(reason: str, message: str) -> HintKind:
    text = message.lower()
    if (kind := KINDS.get(reason)) is not None:
        return kind
    return next((kind for sign, kind in SIGNS if sign in text), "other")


class EventHints:
    """The last hint of each object, up to a bound; the one that was not updated for longest is dropped first."""

    def __init__(self, changes: ChangeLog, most: int = MOST) -> None:
        self._changes = changes
        """Notices of release alone are marked: an event is sent once, and only a notice may become a pod's reason."""
        self._most = most
        self._last: dict[str, EventHint] = {}

    def __len__(self) -> int:
        return len(self._last)

    def take(self, seen: Observation) -> EventHint | None:
        """Keeps the hint in an event, if there is one; returns the hint that its object has now."""
        # A deleted event has merely become an hour old.
        event = seen.object if seen.change != "deleted" else None
        new = hint(event) if isinstance(event, kubernetes.KubernetesEvent) else None
        if new is None:
            return None
        last = self._last.pop(new.uid, None)
        # An event after a notice of release (node not ready, mount failed) is a consequence of the release.
        stays = last is not None and last.kind == "spot" and 0 <= new.at - last.at <= RECLAIM_MS
        kept = self._last[new.uid] = last if last is not None and stays else new
        if kept.kind == "spot":
            self._changes.mark("hints", kept.uid)
        if len(self._last) > self._most:
            self.forget(next(iter(self._last)))
        return kept

    def adopt(self, saved: EventHint) -> None:
        """Takes over a hint of a checkpoint."""
        self._last[saved.uid] = saved

    def of(self, uid: str) -> EventHint | None:
        """The last hint of an object."""
        return self._last.get(uid)

    def forget(self, uid: str) -> None:
        """Drops the hint of an object, which is gone or keeps the hint itself."""
        gone = self._last.pop(uid, None)
        if gone is not None and gone.kind == "spot":
            self._changes.mark("hints", uid)


def confirmed_reclaim(notice_at: Instant | None, run: PodRun) -> bool:
    """Whether a pod ended as its notice of release announced: soon after it, killed, and without a better reason of its own."""
    if notice_at is None or run.finished_at is None:
        return False
    # Both instants are by the cluster's clocks, in whole seconds.
    soon = 0 <= run.finished_at - notice_at <= RECLAIM_MS
    return soon and run.phase != "Succeeded" and run.reason in VAGUE and run.exit_code in KILLED
