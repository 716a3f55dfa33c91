"""
Messages between a watch, the pipeline and the spool: observations and positions in, commits out.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from collector.core.facts.watches import Quarantine, Reconciled, WatchGap
from collector.core.facts.workflows import WorkflowLive
from collector.core.model import Fact, Instant
from collector.core.objects.kubernetes import Kind

WORKLOAD_KINDS: tuple[Kind, ...] = ("workflows", "pods")
"""The kinds whose changes make up a run; without them a period is not complete."""
Change = Literal["listed", "added", "modified", "deleted", "vanished"]
"""`listed`: seen by a LIST. `vanished`: known before a relist and absent from it; the object is its last known one or None."""


class Observation(msgspec.Struct, frozen=True, gc=False):
    """One object as the API server showed it, after the version guard."""

    kind: Kind
    change: Change
    uid: str
    object: object
    """The typed object of core/objects/kubernetes.py; None for `vanished`."""
    version: int
    at: Instant
    live: bool
    """True when the change happened after this watch opened, so that its arrival instant means something."""


class Synced(msgspec.Struct, frozen=True):
    """A LIST is complete: everything that existed at this position has been observed."""

    kind: Kind
    resource_version: str


class Position(msgspec.Struct, frozen=True):
    """Everything up to this resource version has been observed; the next watch may resume from here."""

    kind: Kind
    resource_version: str
    epoch: int


class ControllerSettings(msgspec.Struct, frozen=True):
    """What the controller's ConfigMap says of parallelism; None: it says nothing, 0: unlimited."""

    parallelism: int | None = None
    namespace_parallelism: int | None = None


class Lease(msgspec.Struct, frozen=True):
    """Who leads: the controller's Lease."""

    name: str
    holder: str
    renewed_at: Instant | None
    duration_s: int
    acquired_at: Instant | None = None


class ControllerCounters(msgspec.Struct, frozen=True):
    """Counters of one controller process since its start."""

    started_at: float | None = None
    """Start of the process, as its metrics give it; None: Argo 3.5 does not."""
    errors: dict[str, float] = {}
    """Errors by cause."""
    requests: dict[str, float] = {}
    """Requests to the API server by status code."""
    api_wait_s: float | None = None
    """Time that requests waited for the controller's own rate limit; None: before Argo 4.1."""


class ControllerMetrics(msgspec.Struct, frozen=True):
    """The metrics of one controller pod under one set of names for all Argo versions; None: the pod does not report it."""

    is_leader: bool | None = None
    memory_bytes: int | None = None
    queue_depth: dict[str, float] = {}
    """Keys ready in each work queue of the controller: not the depth of a queue of workflows."""
    workflows: dict[str, float] = {}
    """Workflow objects by phase."""
    scheme: str = ""
    workers_busy: dict[str, float] = {}
    """Busy workers by type."""
    version: str = ""
    """Release of Argo; empty: before 3.6."""
    counters: ControllerCounters = ControllerCounters()
    """Of a standby, whose answer is empty, all are 0."""


ReadingKind = Literal["settings", "lease", "memory", "metrics"]


class Reading(msgspec.Struct, frozen=True):
    """A value of the controller that is polled and not watched."""

    kind: ReadingKind
    subject: str
    """The pod that was read; empty: the installation."""
    at: Instant
    value: ControllerSettings | Lease | ControllerMetrics | int | None
    """Memory in bytes is an int; None: the reading failed, `detail` has the reason."""
    detail: str = ""


Outcome = Observation | Synced | Position | WatchGap | Reconciled | Quarantine | Reading
"""What a watch hands to the pipeline, in order."""


class Cursor(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """The position of one watch, durable together with the facts up to it."""

    cluster: str
    kind: str
    resource_version: str
    epoch: int
    cluster_uid: str
    at: Instant
    totals: dict[str, str]
    """The cluster's counters; only in the cursor of workflows."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The packed state of one live object, and its row in workflow_live if it has one."""

    cluster: str
    kind: str
    uid: str
    state: bytes
    live: WorkflowLive | None = None


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """An object whose saved state is deleted; `live` is its last row, with is_deleted = 1."""

    cluster: str
    kind: str
    uid: str
    live: WorkflowLive | None = None


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """The content of one spool transaction, which is durable as a whole or not at all."""

    at: Instant
    facts: Sequence[Fact] = ()
    cursors: Sequence[Cursor] = ()
    upserts: Sequence[Checkpoint] = ()
    deletes: Sequence[Gone] = ()
