"""
ack-kube-queue and koord-queue: they hold a whole workflow by `spec.suspend`, and let it in by taking that away.

A workflow is theirs only with a template of the manager's name that suspends; it is never called. A person's suspend has no
such template. A person may also suspend a managed workflow that was let in before: then its QueueUnit has a phase beyond the
queue, or, where units cannot be read, its work has begun.
Source: koord-queue pkg/jobext/handles/argoworkflow.go and pkg/apis/scheduling/v1alpha1/type.go; ACK's release writes the same
annotations with another prefix (field notes).
"""

import re
from collections.abc import Iterator

import msgspec

from collector.core.model import Instant
from collector.core.objects.kubernetes import Meta, Workflow, parse_time
from collector.core.objects.queue_managers import QueueUnit, UnitQueue
from collector.core.queue.waiting import Reason, one_line

PREFIXES = {"kube-queue-suspend": "kube-queue/", "koord-queue-suspend": "koord-queue/"}
"""Prefix of a manager's annotations, by the name of its template."""
HELD_PHASES = frozenset({"", "Enqueued", "Reserved", "SchedReady", "SchedFailed", "TimeoutBackoff"})
"""Phases of a unit that waits; a new unit has none. All others have left the queue."""
QUOTA_LABELS = (
    "quota.scheduling.alibabacloud.com/name",
    "quota.scheduling.koordinator.sh/name",
    "alibabacloud.com/quota-name",
)
"""Labels that choose the quota, and so the queue; the first that is set counts. Without one it is the namespace's."""
_SIGNS = tuple(name.encode() for name in PREFIXES)
_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?) ([+-]\d\d)(\d\d)\b")
"""Go's own text of a time, whose tail (` UTC m=+512.25`) does not count."""


class SuspendTemplate(msgspec.Struct, gc=False):
    name: str | None = None
    suspend: msgspec.Raw = msgspec.Raw(b"null")


class Marked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A suspended workflow that a manager may hold."""

    prefix: str
    """Of the manager's annotations."""
    queue: str
    since: Instant | None = None
    """When the manager took it into its queue; None: not yet."""


class Unit(msgspec.Struct, frozen=True, gc=False):
    """A QueueUnit: where a workflow stands with its manager."""

    owner: str
    """Uid of the workflow."""
    phase: str
    words: str


_Decoder = msgspec.json.Decoder[list[SuspendTemplate] | None] | msgspec.json.Decoder[dict[str, SuspendTemplate] | None]
_TEMPLATES = msgspec.json.Decoder(list[SuspendTemplate] | None)
_STORED = msgspec.json.Decoder(dict[str, SuspendTemplate] | None)


def marked(workflow: Workflow) -> Marked | None:
    """What a manager's template says of a suspended workflow; None: it is not suspended, or has no such template."""
    spec, status = workflow.spec, workflow.status
    if spec is None or not spec.suspend:
        return None
    prefix = _prefix(spec.templates, _TEMPLATES) or (_prefix(status.storedTemplates, _STORED) if status else "")
    if not prefix:
        return None
    annotations = workflow.metadata.annotations or {}
    since = _go_time(annotations.get(f"{prefix}job-enqueue-timestamp", ""))
    return Marked(prefix, _queue(workflow.metadata, prefix), since)


def _prefix(raw: msgspec.Raw, decoder: _Decoder) -> str:
    """Prefix of the manager whose template is among these; most workflows need no parsing for that."""
    text = bytes(raw)
    if not any(sign in text for sign in _SIGNS):
        return ""
    try:
        decoded = decoder.decode(text) or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    templates = decoded.values() if isinstance(decoded, dict) else decoded
    suspending = (one.name or "" for one in templates if bytes(one.suspend) != b"null")
    return next((PREFIXES[name] for name in suspending if name in PREFIXES), "")


def _queue(meta: Meta, prefix: str) -> str:
    chosen = (meta.annotations or {}).get(f"{prefix}queue-name")
    labels = meta.labels or {}
    return chosen or next((labels[key] for key in QUOTA_LABELS if labels.get(key)), meta.namespace or "")


def _go_time(text: str) -> Instant | None:
    match = _GO_TIME.match(text)
    return parse_time(f"{match[1]}T{match[2]}{match[3]}:{match[4]}") if match else None


def hold(claim: Marked | None, unit: Unit | None, *, begun: bool) -> Reason | None:
    """Wait of a suspended workflow for its manager; None: the manager does not hold it. Without a unit work decides."""
    if claim is None:
        return None
    held = not begun if unit is None else unit.phase in HELD_PHASES
    return Reason("queued", claim.queue, unit.words if unit else "") if held else None


def read_unit(unit: QueueUnit) -> tuple[str, Unit]:
    """The workflow of a unit as namespace/name, and where it stands."""
    meta, status = unit.metadata, unit.status
    consumer = unit.spec.consumerRef if unit.spec else None
    name = (consumer.name if consumer else None) or meta.name
    owner = next((one.uid for one in meta.ownerReferences or () if one.kind == "Workflow"), None)
    words = one_line(status.message) if status else ""
    return f"{meta.namespace}/{name}", Unit(owner or "", (status.phase if status else None) or "", words)


def positions(queue: UnitQueue) -> Iterator[tuple[str, int]]:
    """Position from 1 of each waiting unit of a queue, by namespace/name."""
    details = (queue.status.queueItemDetails if queue.status else None) or {}
    for item in details.get("active") or ():
        if item.position is not None:
            yield f"{item.namespace}/{item.name}", item.position
