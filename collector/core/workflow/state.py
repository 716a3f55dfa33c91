"""
The state of a workflow and of its present attempt, as kept in memory and as saved in checkpoints.

Saved states are arrays: the order of fields is the layout, and a field that is added goes to the end and has a default.
A change of any other kind needs a new tag, and a decoder of the layout before (layout_1.py is one).
"""

from typing import Literal

import msgspec

from collector.core.facts.workflows import StepRun
from collector.core.model import REASONS, AttemptOutcome, Instant, NodeStatus, WaitReason
from collector.core.queue.locks import LockHold
from collector.core.queue.managers.kube_queue import Marked
from collector.core.queue.waiting import HeldPods, Reason
from collector.core.workflow.steps import StepHold


class Decider(msgspec.Struct, array_like=True, gc=False):
    """The step that decided the outcome of an attempt, and what its pod shows of it."""

    node_id: str
    step: str
    main_started: bool | None = None
    """Whether the main container of the pod ever started; None: no such pod is known."""
    pod_reason: str = ""
    """The reason that the pod itself gives for its end."""
    disruption: str = ""
    """Who took the pod away; empty: it ended by itself."""


class Attempt(msgspec.Struct, array_like=True, gc=False):
    """
    One run of a workflow, from its submission or from `argo retry` to its end.

    All that must not pass from one attempt to the next stands here: reopening replaces the whole.
    """

    number: int = 1
    first_seen_at: Instant = 0
    first_seen_live: bool = False
    complete: bool = True
    """Whether nothing of the attempt was missed."""

    phase: str = ""
    message: str = ""
    shutdown: str = ""
    started_at: Instant | None = None
    has_nodes: bool = False

    picked_up_at: Instant | None = None
    picked_up_live: bool = False
    first_pod_at: Instant | None = None
    first_main_at: Instant | None = None
    first_main_live: bool = False

    reason: WaitReason = "unseen"
    reason_on: str = ""
    reason_words: str = ""
    reason_since: Instant = 0
    spent: list[int] | None = None
    """Milliseconds by reason, in the order of model.REASONS; None until something was spent."""
    waited_on: dict[str, str] | None = None
    """By reason the last thing that the attempt waited for."""
    holds: dict[WaitReason, Reason] | None = None
    """What the object waits for after work began, by the reason's name."""
    step_holds: dict[str, StepHold] | None = None
    """What steps waited for without a pod, by node id."""
    held_locks: tuple[LockHold, ...] = ()
    awaits_results: bool = False
    """Whether all steps are done but for results that did not arrive."""

    pods: int = 0
    """All pods of the attempt, deleted ones included."""
    failed_pods: int = 0
    pods_version: int = 0
    """Version of the newest pod; of a former attempt no lower than the workflow's at its end."""
    row_version: int = 0
    """Version of the newest row that was written; a newer row goes above it."""

    finished: bool = False
    finished_at: Instant | None = None
    outcome: AttemptOutcome | Literal[""] = ""
    outcome_reason: str = ""
    retries: int = 0
    last_end_at: Instant | None = None
    """End of the last container that ended no later than the workflow."""
    gone_end_at: Instant | None = None
    """The same of the pods that were forgotten."""
    decider: Decider | None = None
    """None: no step decided the outcome. An attempt that runs or waits keeps no room for it."""
    node_status: NodeStatus = ""
    nodes_mark: int = 0
    """Checksum of the steps' bytes at the last sight of an end."""
    steps_mark: int = 0
    """Checksum of the bytes that step rows were made from: the same rows are not written twice."""
    step_ends: dict[str, Instant] | None = None
    """Ends of failed pods by the controller's record: a second source where no kubelet wrote one."""
    podless_steps: dict[str, StepRun] | None = None
    """Rows of steps whose pod has not been seen yet, by node id."""
    gone_pods: dict[str, str] | None = None
    """Uids of pods that were forgotten after the end, by node id."""
    uncounted: bool = False
    """Whether no counter holds the submission: a first list showed the attempt."""
    clock_stepped: bool = False
    """Whether our clock was set before main was seen running: latencies that end later are the object's."""
    held_since: dict[str, Instant] | None = None
    """First sight of each hold of a lock, see core/queue/locks.py."""
    marked: Marked | None = None
    """Set while the workflow is suspended and has the template of a queue manager."""
    unadmitted: int = 0
    """Pods of the attempt that no queue manager has let in."""


class WorkflowState(msgspec.Struct, array_like=True, tag=2, gc=False):
    """What is known of a workflow. The tag is the number of the layout and stands first in the saved array."""

    uid: str
    namespace: str
    name: str
    created_at: Instant
    attempt: Attempt
    """The present attempt."""
    former: tuple[Attempt, ...] = ()
    """Finished attempts, the latest first, while the watch of pods may still add to their rows."""
    version: int = 0
    """Version of the newest observation; 0 before the first."""
    deleted: bool = False

    template: str = ""
    template_version: str = ""
    queue: str = ""
    priority: int = 0
    labels: dict[str, str] | None = None
    department: str = ""
    project: str = ""
    creator: str = ""
    service_account: str = ""

    progress: str = ""
    moved_at: Instant | None = None
    """Last change of progress, phase or pods."""
    running_pods: int = 0
    starting_pods: int = 0
    held_pods: dict[WaitReason, HeldPods] | None = None
    """Starting pods by the name of the reason that they wait for."""
    retried_nodes: frozenset[str] | None = None
    """Nodes that a later try replaced, as of the last end; steps that `argo retry` keeps stay what they were."""
    units: str = ""
    """What an earlier release saved as the number of the only unit; `restored` moves it to `stated_units`."""
    repeated: dict[str, int] | None = None
    """By node id the newest attempt that ran a step again; only of workflows that were retried."""
    trace_id: str = ""
    """The trace that the controller itself makes of the workflow, as its annotation states it."""
    stated_units: dict[str, str] | None = None
    """Numbers of what the workflow made by name of the unit, as annotations state them; read when a row is made."""


def with_added_reasons(spent: list[int] | None) -> list[int] | None:
    """The account of an attempt that an earlier release saved, with a place for each reason that was added since."""
    return spent and [*spent, *[0] * (len(REASONS) - len(spent))]
