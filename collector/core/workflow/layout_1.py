"""
Reads workflow states of layout 1: one flat array, the fields of the attempt among those of the workflow.

Release 0.1.0 saved them until November 2026. Needed while an upgrade from such a build is supported: a workflow's state is
saved in today's layout when it changes, so a workflow that waits for weeks keeps the old one for as long.
"""

import msgspec

from collector.core.facts.workflows import StepRun
from collector.core.model import Instant
from collector.core.queue.locks import LockHold
from collector.core.queue.waiting import HeldPods, Reason
from collector.core.workflow.state import Attempt, Decider, WorkflowState
from collector.core.workflow.steps import StepHold


class FlatState(msgspec.Struct, array_like=True, gc=False):
    """The fields of a saved workflow in their order in layout 1. Never changed."""

    uid: str
    namespace: str
    name: str
    version: int
    created_at: Instant
    template: str
    queue: str
    priority: int
    labels: dict[str, str] | None
    department: str
    project: str
    creator: str
    service_account: str
    phase: str = ""
    attempt: int = 1
    started_at: Instant | None = None
    finished_at: Instant | None = None
    message: str = ""
    shutdown: str = ""
    first_seen_at: Instant = 0
    first_seen_live: bool = False
    picked_up_at: Instant | None = None
    picked_up_live: bool = False
    first_pod_at: Instant | None = None
    reason: str = "unseen"
    reason_on: str = ""
    reason_since: Instant = 0
    spent: list[int] | None = None
    holds: dict[str, Reason] | None = None
    running_pods: int = 0
    starting_pods: int = 0
    held_pods: dict[str, HeldPods] | None = None
    pods: int = 0
    failed_pods: int = 0
    pods_version: int = 0
    row_version: int = 0
    finished: bool = False
    deleted: bool = False
    complete: bool = True
    has_nodes: bool = False
    retries: int = 0
    outcome: str = ""
    outcome_reason: str = ""
    step_ends: dict[str, Instant] | None = None
    retried_nodes: frozenset[str] | None = None
    reason_words: str = ""
    progress: str = ""
    moved_at: Instant | None = None
    awaits_results: bool = False
    first_main_at: Instant | None = None
    first_main_live: bool = False
    last_end_at: Instant | None = None
    gone_end_at: Instant | None = None
    deciding_node: str = ""
    deciding_step: str = ""
    decider_started: bool | None = None
    decider_reason: str = ""
    held_locks: tuple[LockHold, ...] = ()
    node_status: str = ""
    nodes_mark: int = 0
    steps_mark: int = 0
    step_holds: dict[str, StepHold] | None = None
    podless_steps: dict[str, StepRun] | None = None
    waited_on: dict[str, str] | None = None
    gone_pods: dict[str, str] | None = None
    template_version: str = ""
    former: tuple["FlatState", ...] = ()


_DECODER = msgspec.msgpack.Decoder(FlatState)
_SAVED = frozenset(FlatState.__struct_fields__)
_OF_WORKFLOW = _SAVED.intersection(WorkflowState.__struct_fields__) - {"attempt", "former"}
_OF_ATTEMPT = _SAVED.intersection(Attempt.__struct_fields__) - {"number", "decider"}
"""Fields that were saved; one that was added since has its default."""


def decode(state: bytes) -> WorkflowState:
    """The workflow of a state in layout 1; raises msgspec.ValidationError where the bytes are not one."""
    flat = _DECODER.decode(state)
    former = tuple(_former(each) for each in flat.former)
    return WorkflowState(attempt=_attempt(flat), former=former, **{name: getattr(flat, name) for name in _OF_WORKFLOW})


def _attempt(flat: FlatState) -> Attempt:
    decider = Decider(flat.deciding_node, flat.deciding_step, flat.decider_started, flat.decider_reason)
    return Attempt(
        number=flat.attempt,
        decider=decider if flat.deciding_node else None,
        **{name: getattr(flat, name) for name in _OF_ATTEMPT},
    )


def _former(flat: FlatState) -> Attempt:
    attempt = _attempt(flat)
    attempt.pods_version = max(flat.pods_version, flat.version)
    return attempt
