"""Facts of workflows: attempts, steps, queues, cron runs, and what happened to controllers."""

from decimal import Decimal
from typing import Literal

import msgspec

from collector.core.model import AttemptOutcome, Fact, Instant, LatencySource, NodeStatus, WaitReason

CronOutcome = Literal["started", "missed", "skipped"]
"""The outcome of a due time. `missed`: no run, though none was forbidden. `skipped`: the cron's own policy forbade the run."""
SkipReason = Literal["forbid", "when", "suspended", "stopped"]
"""The policy that forbade a run."""
IncidentKind = Literal["oom_kill", "restart", "crash_loop", "leader_change"]


class WorkflowRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A finished attempt of a workflow."""

    cluster: str
    namespace: str
    created_at: Instant
    uid: str
    attempt: int
    version: int
    name: str
    template: str
    queue: str
    priority: int
    labels: dict[str, str]
    department: str
    project: str
    creator: str
    first_seen_at: Instant
    picked_up_at: Instant | None
    """First evidence that work began: by the arrival clock if live, otherwise by the object's own clock."""
    first_pod_at: Instant | None
    started_at: Instant | None
    finished_at: Instant | None
    phase: str
    outcome: AttemptOutcome | Literal[""]
    reason: str
    message: str
    queue_latency_ms: int | None
    latency_source: LatencySource
    unseen_ms: int
    throttled_ms: int
    lock_ms: int
    volume_ms: int
    suspended_ms: int
    quota_ms: int
    unschedulable_ms: int
    image_ms: int
    step_lock_ms: int
    starting_ms: int
    advancing_ms: int
    running_ms: int
    pods: int
    failed_pods: int
    retries: int
    complete: bool
    """False if something was missed: by a gap, by a restart without state, or because the object vanished."""
    start_latency_ms: int | None = None
    """First sight to the first running main container, by the same rule as `queue_latency_ms`."""
    start_latency_source: LatencySource = ""
    completion_delay_ms: int | None = None
    """End of the last container to end of the workflow, both in the cluster's whole seconds."""
    deciding_node: str = ""
    """Node id of the step that decided the outcome; empty: the attempt succeeded, or no step decided it."""
    deciding_step: str = ""
    node_status: NodeStatus = ""
    waited_on: dict[str, str] = msgspec.field(default_factory=dict)
    """By waiting reason the last thing waited for: which lock, quota, image or claim."""
    service_account: str = ""
    """Service account of the pods, unless a template names another."""
    template_version: str = ""
    """From a label, or a hash of the templates that Argo stored; empty: the workflow was made without a template."""
    units: Decimal | None = None
    """Number of the first unit that the settings name and the workflow states; None: none, or not a number."""
    trace_id: str = ""
    """The trace that Argo itself makes of the workflow, 32 hex digits; empty: it makes none."""
    stock_ms: int = 0
    made: dict[str, Decimal] = msgspec.field(default_factory=dict)
    """Numbers of what the workflow made, by the name of the unit in the settings; only of texts that are numbers."""
    queued_ms: int = 0


class WorkflowLive(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """The newest state of a workflow that has not finished; `is_deleted` removes the row."""

    cluster: str
    uid: str
    version: int
    is_deleted: int
    namespace: str
    name: str
    created_at: Instant
    attempt: int
    template: str
    queue: str
    department: str
    phase: str
    waiting_reason: WaitReason
    waiting_since: Instant
    waiting_on: str
    first_seen_at: Instant
    unseen_ms: int
    throttled_ms: int
    lock_ms: int
    volume_ms: int
    suspended_ms: int
    quota_ms: int
    unschedulable_ms: int
    image_ms: int
    step_lock_ms: int
    starting_ms: int
    advancing_ms: int
    running_ms: int
    waiting_words: str = ""
    """The message behind the reason, from the scheduler, kubelet, cloud or controller; for a lock its limit and holders."""
    progress: str = ""
    """Finished and known steps, as Argo counts them."""
    moved_at: Instant | None = None
    """Last change of progress, phase or pods."""
    stock_ms: int = 0
    queued_ms: int = 0
    picked_up_at: Instant | None = None
    """When work began; None: it has not. Some reasons hold before and after."""


class StepRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A finished step attempt of a finished workflow attempt: one entry of status.nodes."""

    cluster: str
    namespace: str
    workflow_created_at: Instant
    workflow_uid: str
    attempt: int
    node_id: str
    version: int
    workflow_name: str
    step: str
    """Display name."""
    template: str
    type: str
    """Argo's type: Pod, Container, Steps, DAG, Retry, Skipped, Suspend, HTTP, Plugin; StepGroup and TaskGroup have no row."""
    phase: str
    started_at: Instant | None
    """When the controller recorded the node, which is before its pod and its container exist."""
    finished_at: Instant | None
    pod_uid: str
    """Empty: the step had no pod, or its pod was never observed."""
    message: str
    boundary_id: str
    """The DAG or Steps node around the step."""
    try_number: int
    """1 for the first try of a step, 2 for its first retry."""
    retried: bool
    """Whether a later try replaced this one."""
    hook: bool
    """Whether the step belongs to an exit handler or a lifecycle hook."""
    memoized: bool
    """Whether the result is from a cache, without a pod."""
    exit_code: int | None
    critical: bool
    """Whether the step is on the path that decided the workflow's length."""
    critical_ms: int
    """The part of the workflow's length that this step alone accounts for, without its waits for a lock, a quota or its pod;
    the parts of a path sum to its length at most."""
    waiting_reason: WaitReason | Literal[""]
    """The longest wait of a step without a pod: step_lock, quota, suspended."""
    waiting_on: str
    waiting_ms: int


class QueueSample(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """The depth of one queue for one reason at an instant, which is on the 15 s grid unless the sample was late."""

    cluster: str
    namespace: str
    queue: str
    reason: WaitReason
    at: Instant
    version: int
    depth: int
    oldest_age_ms: int


class CronRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A due time of a cron workflow, and its outcome."""

    cluster: str
    namespace: str
    cron: str
    due_at: Instant
    version: int
    outcome: CronOutcome | Literal[""]
    """Empty while it is not decided."""
    reason: SkipReason | Literal["", "submission_error"]
    """Why the run was skipped, or missed: submission_error."""
    workflow_name: str
    started_at: Instant | None
    """Creation of the workflow that the due time led to."""
    schedule: str
    concurrency_policy: str
    message: str = ""
    """Argo's message if it could not submit the run."""


class ControllerIncident(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """An incident of an Argo controller, emitted once."""

    cluster: str
    pod_uid: str
    container: str
    at: Instant
    version: int
    namespace: str
    pod: str
    kind: IncidentKind
    reason: str
    exit_code: int | None
    memory_limit_bytes: int
