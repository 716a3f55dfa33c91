"""
What follows from an observation: facts to be stored, and what moves a counter or asks for a price.
"""

import msgspec

from collector.core.model import Fact
from collector.core.pod.lifecycle import PodState
from collector.core.workflow.lifecycle import WorkflowState


class Submitted(msgspec.Struct, frozen=True):
    """An attempt was seen for the first time, live."""

    namespace: str
    queue: str


class Began(msgspec.Struct, frozen=True):
    """Work on an attempt began; the latency is known only when both ends were live."""

    namespace: str
    queue: str
    latency_ms: int | None


class FirstRan(msgspec.Struct, frozen=True):
    """The first main container of an attempt runs; both ends were live."""

    queue: str
    latency_ms: int


class PodRan(msgspec.Struct, frozen=True):
    """A pod's main container runs; both ends were live."""

    namespace: str
    latency_ms: int


class Ended(msgspec.Struct, frozen=True):
    """An attempt ended, said once."""

    namespace: str
    outcome: str
    reason: str = ""
    retries: int = 0
    delay_ms: int | None = None
    """What the controller took to notice that the last container had finished."""


class Clamped(msgspec.Struct, frozen=True):
    """Two clocks, or two watches of which one was ahead, made a duration negative; it was set to 0."""

    figure: str


class PodEnded(msgspec.Struct, frozen=True):
    """A pod has an end, or what decides its charges changed: they are to be computed (again)."""

    pod: PodState
    life: WorkflowState | None
    """Its workflow, where that is known; both may be forgotten by the time somebody prices this."""


Effect = Fact | Submitted | Began | FirstRan | PodRan | Ended | Clamped | PodEnded
