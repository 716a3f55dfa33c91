"""
What follows from an observation: facts to store, and effects that move a counter or need a price.

Every `uid` is the workflow's.
"""

from typing import Literal

import msgspec

from collector.core.argo.controller_counters import ControllerCounted
from collector.core.model import Fact, Instant
from collector.core.pod.state import PodState
from collector.core.workflow.state import WorkflowState

ClampedFigure = Literal["queue_latency", "start_latency", "pod_start_latency", "completion_delay", "duration"]


class NamespaceSeen(msgspec.Struct, frozen=True):
    """A namespace object was seen for the first time."""

    namespace: str


class Submitted(msgspec.Struct, frozen=True):
    """An attempt was seen for the first time; of what a first list shows there is none."""

    namespace: str
    queue: str
    at: Instant
    """By the arrival clock if it was seen live, otherwise by the object's own."""


class Began(msgspec.Struct, frozen=True):
    """Work on an attempt began; the latency is known only if both ends were live."""

    namespace: str
    queue: str
    latency_ms: int | None
    at: Instant
    uid: str


class FirstRan(msgspec.Struct, frozen=True):
    """The first main container of an attempt runs; both ends were live."""

    queue: str
    latency_ms: int
    uid: str


class PodRan(msgspec.Struct, frozen=True):
    """A pod's main container runs; both ends were live."""

    namespace: str
    latency_ms: int
    uid: str


class Ended(msgspec.Struct, frozen=True):
    """An attempt ended; emitted once."""

    namespace: str
    outcome: str
    uid: str
    template: str = ""
    """What the workflow was made from; empty: it was submitted by itself."""
    duration_ms: int | None = None
    """Begin of work to the end; None: no work was done, or the end was not seen."""
    reason: str = ""
    retries: int = 0
    delay_ms: int | None = None
    """The time that the controller took to notice the end of the last container."""
    unreadable_units: bool = False
    """Whether the annotation with the number of units is not a number."""


class EndSeen(msgspec.Struct, frozen=True):
    """An end that an object bears was seen live."""

    late_ms: int
    """From that instant, by the cluster's clock, to the arrival by ours."""


class Clamped(msgspec.Struct, frozen=True):
    """A duration was negative and was set to 0: two clocks differ, or one watch was ahead of the other."""

    figure: ClampedFigure


class PodEnded(msgspec.Struct, frozen=True):
    """A pod has ended, or what decides its charges changed: the charges are to be computed (again)."""

    pod: PodState
    workflow: WorkflowState | None
    """The pod's workflow, if it is known. Both may be forgotten when the charges are computed."""


Effect = (
    Fact
    | NamespaceSeen
    | Submitted
    | Began
    | FirstRan
    | PodRan
    | Ended
    | EndSeen
    | Clamped
    | PodEnded
    | ControllerCounted
)
