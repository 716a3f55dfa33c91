"""
One workflow as the API answers it and as its page shows it. Instants are Unix milliseconds, amounts are exact, as text.
"""

from collector.core.model import Instant
from collector.web.api_model import ApiModel


class TimePart(ApiModel):
    """The time of an attempt in one waiting reason, or running."""

    reason: str
    """The waiting reason, or `running`."""
    ms: int
    """How long."""
    share: float
    """Part of all its time, 0 to 1."""
    on: str
    """The last lock, quota, image or claim that it waited for; empty: not known."""


class WaitingPart(ApiModel):
    """An interval in which a step waited."""

    reason: str
    """The waiting reason."""
    start_at: Instant
    """Begin."""
    end_at: Instant
    """End."""
    on: str
    """What it waited for; empty: not known."""


class WorkflowStep(ApiModel):
    """A finished step with its pod."""

    node_id: str
    """Argo's node id."""
    step: str
    """Display name."""
    template: str
    """Template inside the workflow."""
    type: str
    """Argo's node type, like Pod or Suspend."""
    phase: str
    """Phase as Argo reports it."""
    try_number: int
    """1, plus 1 for each retry."""
    retried: bool
    """True: a later try replaced this one."""
    hook: bool
    """True: it belongs to an exit handler or a hook."""
    memoized: bool
    """True: its result is from a cache, without a pod."""
    decided: bool
    """True: it decided the outcome of the workflow."""
    critical: bool
    """True: it is on the path that decided the length of the workflow."""
    critical_ms: int
    """Part of the workflow's length that this step alone accounts for, without its waits."""
    started_at: Instant | None
    """When the controller recorded the step."""
    finished_at: Instant | None
    """When it finished; null: not reported."""
    length_ms: int | None
    """From one to the other."""
    waits: list[WaitingPart]
    """Its waits, by evidence of step and pod."""
    waited_ms: int
    """Their sum."""
    running_from: Instant | None
    """When its main container started; null: it never ran, or it has no pod."""
    running_ms: int | None
    """How long its main container ran."""
    exit_code: int | None
    """Exit code of the main container; null: not known."""
    message: str
    """Argo's message."""
    pod_uid: str
    """uid of its pod; empty: none, or it was never seen."""


class WorkflowPod(ApiModel):
    """A finished pod with its charge."""

    uid: str
    """uid of the pod."""
    name: str
    """Name of the pod."""
    step: str
    """Display name of its step."""
    node_id: str
    """Argo's node id of its step."""
    node: str
    """Name of the node; empty: it was never bound to one."""
    zone: str
    """Zone of the node."""
    phase: str
    """Phase as Kubernetes reports it."""
    reason: str
    """Cause of its end in one word; empty: it succeeded."""
    disruption: str
    """What ended it from outside; empty: it ended by itself."""
    exit_code: int | None
    """Exit code of the main container; null: not known."""
    start_latency_ms: int | None
    """From its creation to its main container running; null: it never ran."""
    hint: str
    """The last Kubernetes event about it, in its own words; never evidence on its own."""
    product: str
    """Product of the price book; empty: it was not charged."""
    purchase: str
    """Purchase option."""
    instance_type: str
    """Instance type, where the instance is what is billed."""
    currency: str
    """Currency of the amounts."""
    cost: str | None
    """Its cost; null: no price is known."""
    cost_pending: str | None
    """Part of it before its main container started; null: not known."""
    billed_seconds: int | None
    """Billed time; null: it was not charged."""
    price_rule: str
    """Rule of the price book that applied, or why none did."""


class ClassAmount(ApiModel):
    """What an attempt's pods cost, for one use of the money."""

    attempt: int
    """Number of the attempt."""
    use: str
    """useful, failed, cancelled, retried, reclaimed, unknown."""
    currency: str
    """Currency; empty: no pod has a price."""
    cost: str | None
    """The cost; null: no price is known."""
    pods: int
    """Charged pods."""
    unpriced_pods: int
    """Pods without a price, which the amount does not include."""
    accruing: bool
    """True while one of the pods runs: the amount grows."""
    billed_seconds: int
    """Billed time of all pods."""


class Amount(ApiModel):
    """A sum in one currency."""

    currency: str
    """Currency; empty: no pod has a price."""
    cost: str | None
    """The sum; null: no price is known."""
    unpriced_pods: int
    """Pods without a price, which the sum does not include."""
    accruing: bool
    """True while one of the pods runs: the sum grows."""


class AttemptChoice(ApiModel):
    """An attempt of the workflow."""

    attempt: int
    """Number of the attempt, from 1."""
    outcome: str
    """How it ended; empty: it has not finished."""
    reason: str
    """Cause of the end in one word; empty: it succeeded, or has not finished."""


class RunOfTemplate(ApiModel):
    """A run of the same template."""

    uid: str
    """uid of the workflow."""
    name: str
    """Name of the workflow."""
    attempt: int
    """Number of the attempt."""
    created_at: Instant
    """When the workflow was submitted."""
    outcome: str
    """How it ended."""
    reason: str
    """Cause of the end in one word; empty: it succeeded."""
    length_ms: int | None
    """From its submission, or the retry, to its end; null: no end is known."""
    running_ms: int
    """Time with a main container running."""
    cost: str | None
    """What it cost; null: no price is known, or there are several currencies."""
    currency: str
    """Currency of the cost."""


class Comparison(ApiModel):
    """Earlier finished runs of the same template, this one excluded."""

    runs: int
    """How many there are."""
    succeeded: int
    """How many of them succeeded."""
    median_ms: int | None
    """Median length of those that succeeded; null: fewer than three did."""
    shortest_ms: int | None
    """Length of the shortest of them."""
    longest_ms: int | None
    """Length of the longest of them."""


class PlaceInQueue(ApiModel):
    """Where a workflow stands that a queue manager holds."""

    manager: str
    """kueue or kube-queue."""
    queue: str
    """Name of the manager's queue."""
    position: int
    """From 1. Kueue's own order without fair sharing; kube-queue writes its own every 15 s."""
    waiting: int
    """How many wait in the queue."""
    borrowed: str
    """What the queue borrows of others' quotas; empty: nothing, or that is not known."""


class WorkflowDetail(ApiModel):
    """One attempt of a workflow: finished, or as it is now."""

    sentence: str
    """What it is, how it ended or what it waits for, how long, and how much it cost."""
    cluster: str
    """Name of the cluster in the settings."""
    namespace: str
    """Namespace."""
    name: str
    """Name."""
    uid: str
    """uid."""
    attempt: int
    """The attempt that is shown: 1, plus 1 for each `argo retry`."""
    attempts: list[AttemptChoice]
    """All attempts that are known, the first one first."""
    live: bool
    """True: it has not finished."""
    phase: str
    """Phase as Argo reports it."""
    outcome: str
    """succeeded, failed, platform, cancelled, invalid, unknown; empty: it has not finished."""
    reason: str
    """Cause of the end in one word; empty: it succeeded, or has not finished."""
    message: str
    """Message that decided the outcome."""
    deciding_node: str
    """Node id of the step that decided the outcome; empty: no step did."""
    deciding_step: str
    """Display name of that step."""
    waiting_reason: str
    """What it waits for now, or `running`; empty: it has finished."""
    waiting_on: str
    """Lock, quota, image or volume that it waits for now."""
    waiting_words: str
    """The original message behind the reason."""
    waiting_ms: int | None
    """For how long the reason has held; null: it has finished."""
    place: PlaceInQueue | None = None
    """Its place in the queue of a queue manager; null: none holds it, or the manager's objects cannot be read."""
    progress: str
    """Finished of known steps, as Argo counts them, while it has not finished."""
    template: str
    """Name of the workflow template; empty: it was made without one."""
    template_version: str
    """Version of the template; empty: not known."""
    queue: str
    """Queue."""
    priority: int | None
    """Priority; null: not known yet."""
    department: str
    """Department that pays."""
    project: str
    """Project; empty: none, or not known yet."""
    creator: str
    """Who submitted it; empty: not known, or not known yet."""
    service_account: str
    """Service account of its pods."""
    created_at: Instant
    """creationTimestamp."""
    started_at: Instant | None
    """status.startedAt."""
    picked_up_at: Instant | None
    """First evidence that work began; null: it never did, or not yet."""
    finished_at: Instant | None
    """status.finishedAt; null: it has not finished, or disappeared unobserved."""
    length_ms: int
    """From its submission, or the retry, to its end or to now."""
    waited_ms: int
    """Time in all waiting reasons."""
    running_ms: int
    """Time with a main container running."""
    times: list[TimePart]
    """Where its time went; together the parts are its length, within the second that objects are exact to."""
    complete: bool
    """False: a gap or a restart left part of it unobserved."""
    pod_count: int
    """Pods of the attempt; of a live workflow those that finished."""
    failed_pods: int | None
    """Pods that failed; null: it has not finished."""
    retries: int | None
    """Retries of steps; null: it has not finished."""
    cost: list[Amount]
    """What the shown attempt cost, by currency; empty: nothing was charged yet."""
    costs: list[ClassAmount]
    """What all attempts cost, by the use of the money."""
    step_count: int
    """All steps of the attempt; groups of steps do not count."""
    steps: list[WorkflowStep]
    """The critical path, failed steps and the longest, at most 1,000, by their start."""
    steps_note: str
    """Why there are no steps; empty: there are."""
    pods: list[WorkflowPod]
    """Pods of these steps and others, at most 1,000: failed ones first, then the dearest."""
    others: list[RunOfTemplate]
    """The last runs of the template in this namespace up to this one, at most 30, the newest first."""
    usual: Comparison | None
    """These without this one; null: there is none."""
    trace_id: str
    """The trace that Argo exports; empty: none."""
    argo_url: str
    """Address of the workflow in Argo's UI; empty: the settings of its cluster name none."""
