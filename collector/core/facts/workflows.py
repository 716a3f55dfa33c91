"""Facts of workflows: attempts, steps, queues, cron runs, and what happened to controllers."""

from typing import Literal

import msgspec

from collector.core.model import AttemptOutcome, Fact, Instant, LatencySource, NodeStatus, WaitReason

CronOutcome = Literal["started", "missed", "skipped"]
"""What became of a due time. `missed`: nothing ran and nothing forbade it. `skipped`: the cron's own policy forbade it."""
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
    """First evidence that work began, on the arrival clock when live, else the object's own."""
    first_pod_at: Instant | None
    started_at: Instant | None
    finished_at: Instant | None
    phase: str
    outcome: AttemptOutcome | Literal[""]
    reason: str
    message: str
    queue_latency_ms: int | None
    latency_source: LatencySource
    """`watch`: both ends live on our clock. `object`: startedAt - creationTimestamp, whole seconds. Empty: none."""
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
    """False when a gap, a restart without state or a vanished object left something unseen."""
    start_latency_ms: int | None = None
    """First seen to the first main container running, by the rule of `queue_latency_ms`."""
    start_latency_source: LatencySource = ""
    completion_delay_ms: int | None = None
    """Last container finished to workflow finished, both in the cluster's whole seconds."""
    deciding_node: str = ""
    """Node id of the step that decided the outcome; empty: it succeeded, or no step decided it."""
    deciding_step: str = ""
    node_status: NodeStatus = ""
    """How its steps were told: `plain`, `packed`, `offloaded` (in Argo's database only), `unreadable`, or none at all."""
    waited_on: dict[str, str] = msgspec.field(default_factory=dict)
    """By waiting reason what it waited for last: which lock, quota, image or claim."""
    service_account: str = ""
    """What its pods run as unless a template says otherwise."""
    template_version: str = ""
    """As a label says, or a hash of the templates that Argo stored; empty: it was made from no template."""


class WorkflowLive(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """The newest state of a workflow that has not finished; `is_deleted` takes the row away."""

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
    """The reason in the words of who said it: scheduler, kubelet, cloud or controller; for a lock its limit and holders."""
    progress: str = ""
    """Steps done of steps known, as Argo counts them."""
    moved_at: Instant | None = None
    """When its progress, phase or pods last changed."""


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
    """Its display name."""
    template: str
    type: str
    """Argo's word: Pod, Container, Steps, StepGroup, DAG, TaskGroup, Retry, Skipped, Suspend, HTTP, Plugin."""
    phase: str
    started_at: Instant | None
    """When the controller made the node's record, which is before its pod and its container."""
    finished_at: Instant | None
    pod_uid: str
    """Empty: it never had a pod, or the pod was never seen."""
    message: str
    boundary_id: str
    """The DAG or Steps node it runs in."""
    try_number: int
    """1 for the first try of a step, 2 for its first retry."""
    retried: bool
    """A later try took its place."""
    hook: bool
    """An exit handler's or a lifecycle hook's."""
    memoized: bool
    """Its result came from a cache: no pod."""
    exit_code: int | None
    critical: bool
    """On the path that made the workflow as long as it was."""
    critical_ms: int
    """How much of the workflow's length this step alone accounts for; the path's parts sum to its length at most."""
    waiting_reason: WaitReason | Literal[""]
    """What a step without a pod waited for longest: step_lock, quota, suspended."""
    waiting_on: str
    waiting_ms: int


class QueueSample(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """The depth of one queue for one reason at an instant of the 15 s grid."""

    cluster: str
    namespace: str
    queue: str
    reason: WaitReason
    at: Instant
    version: int
    depth: int
    oldest_age_ms: int


class CronRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A due time of a cron workflow, and what became of it."""

    cluster: str
    namespace: str
    cron: str
    due_at: Instant
    version: int
    outcome: CronOutcome | Literal[""]
    """Empty while it is not decided."""
    reason: str
    """Why it was skipped: forbid, suspended, stopped, when; or missed: submission_error."""
    workflow_name: str
    started_at: Instant | None
    """When the run it led to was created."""
    schedule: str
    concurrency_policy: str
    message: str = ""
    """What Argo said when it could not submit the run."""


class ControllerIncident(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """Something that happened to an Argo controller, emitted once."""

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
