"""
What Kubernetes events say about our objects: hints, never evidence.

Clusters drop events, merge them, delete them after an hour or write none. So a hint gives words to what the object itself
shows and may confirm it; nothing is concluded from a hint alone, nor from the lack of one.
"""

import msgspec

from collector.core.change_log import ChangeLog
from collector.core.facts.bills import PodRun
from collector.core.messages import Observation
from collector.core.model import Instant
from collector.core.objects import kubernetes

OURS = frozenset({"Pod", "Workflow", "CronWorkflow", "Node", "Job", "RayJob", "RayCluster", "SparkApplication"})
"""What workflows are made of, what these make, and what they run on."""

KINDS = {
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
"""Reasons that say by themselves what they are about: kubelet, scheduler, node problem detector, Argo, and Alibaba's ECI
and ACS, which tell of a spot instance's end 3 to 5 minutes before it (alibabacloud.com/help, "preemptible ECI")."""

SIGNS = (("exceeded quota", "quota"), ("nostock", "quota"), ("out of stock", "quota"), ("image", "image"))
"""Words that tell apart what is merely called Failed, FailedCreate or BackOff; the first that is found counts."""

MESSAGE_CHARACTERS = 300
MOST = 10_000

RECLAIM_MS = 600_000
"""The notice, the grace period and some delay in writing it down."""

VAGUE = frozenset({"", "Error", "Unknown", "ContainerStatusUnknown", "NodeLost", "vanished"})
"""Reasons of a pod's end that name no cause; beside any other a hint has nothing to say."""

KILLED = (None, 137, 143)
"""Exit codes of what was killed from outside, or could not report. Any other is the program's own word."""


class EventHint(msgspec.Struct, frozen=True, gc=False):
    """What an event says of one object."""

    uid: str
    kind: str
    """scheduling, quota, image, spot, preempted, evicted, oom, node, volume, workflow or other."""
    reason: str
    message: str
    at: Instant


def hint(event: kubernetes.KubernetesEvent) -> EventHint | None:
    """The hint in an event; None when it is no warning, not about what is ours, or says not of what or when."""
    about = event.involvedObject
    if about is None or not about.uid or about.kind not in OURS or event.type == "Normal":
        return None
    times = (event.lastTimestamp, event.eventTime, event.metadata.creationTimestamp)
    at = next((at for text in times if (at := kubernetes.parse_time(text))), None)
    if at is None:
        return None
    reason, message = event.reason or "", event.message or ""
    return EventHint(about.uid, _kind(reason, message), reason[:MESSAGE_CHARACTERS], message[:MESSAGE_CHARACTERS], at)


def _kind(reason: str, message: str) -> str:
    said = message.lower()
    return KINDS.get(reason) or next((kind for sign, kind in SIGNS if sign in said), "other")


class EventHints:
    """The last hint of each object, as many as fit; the longest untouched goes first."""

    def __init__(self, changes: ChangeLog, most: int = MOST) -> None:
        self._changes = changes
        """Notices of release alone are marked: an event is sent once, and only a notice may become a pod's reason."""
        self._most = most
        self._last: dict[str, EventHint] = {}

    def __len__(self) -> int:
        return len(self._last)

    def take(self, seen: Observation) -> EventHint | None:
        """Keep an event's hint, if there is one in it, and return what is now known of its object."""
        # An event that is deleted has merely grown an hour old.
        event = seen.object if seen.change != "deleted" else None
        new = hint(event) if isinstance(event, kubernetes.KubernetesEvent) else None
        if new is None:
            return None
        last = self._last.pop(new.uid, None)
        # What follows on a notice of release (a node not ready, a mount that fails) is its consequence.
        stays = last is not None and last.kind == "spot" and 0 <= new.at - last.at <= RECLAIM_MS
        kept = self._last[new.uid] = last if last is not None and stays else new
        if kept.kind == "spot":
            self._changes.mark("hints", kept.uid)
        if len(self._last) > self._most:
            self.forget(next(iter(self._last)))
        return kept

    def adopt(self, kept: EventHint) -> None:
        """Take up a hint of a checkpoint."""
        self._last[kept.uid] = kept

    def of(self, uid: str) -> EventHint | None:
        """The last hint of an object."""
        return self._last.get(uid)

    def forget(self, uid: str) -> None:
        """An object is gone and its words are used up."""
        gone = self._last.pop(uid, None)
        if gone is not None and gone.kind == "spot":
            self._changes.mark("hints", uid)


def confirmed_reclaim(notice_at: Instant | None, run: PodRun) -> bool:
    """Whether a pod ended as a spot release foretold: soon after the notice, killed, and with no better reason of its own."""
    if notice_at is None or run.finished_at is None:
        return False
    # Both instants are the cluster's, in whole seconds.
    soon = 0 <= run.finished_at - notice_at <= RECLAIM_MS
    return soon and run.phase != "Succeeded" and run.reason in VAGUE and run.exit_code in KILLED
