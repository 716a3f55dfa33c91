"""
The state of a pod, as kept in memory and as saved in checkpoints.

Saved states are arrays: the order of fields is the layout, and a field that is added goes to the end and has a default.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from collector.core.cost.changed_charges import WrittenCharges
from collector.core.facts.bills import PodRun
from collector.core.model import Instant, PodStage, WaitReason
from collector.core.units import ZERO


class PodState(msgspec.Struct, array_like=True, gc=False):
    """What is known of a pod of a workflow."""

    run: PodRun
    stage: PodStage
    first_seen_at: Instant
    live: bool
    """Whether the first observation was live."""
    historic: bool = False
    """Whether the pod was over when a first list showed it: its row is written, but no counter moves for the past."""
    gone: bool = False
    """Whether the object is deleted; the state is kept until the attempt of the workflow ends."""
    counted_cost: Decimal | None = None
    """How much of the price the cost counter already holds; None before the end was counted."""
    guessed: bool = False
    """Whether the end is by the arrival clock, since no kubelet wrote one; so it is for an evicted pod."""
    waits: WaitReason | Literal[""] = ""
    """Why the pod cannot start: queued, quota, stock, unschedulable, image, volume; empty: no reason is known."""
    written: WrittenCharges | None = None
    """The charges that were written; newer ones go above them."""
    waits_on: str = ""
    """Which quota, image or claim; the text is shared, since thousands of pods wait for the same."""
    waits_words: str = ""
    """The message of the scheduler, the kubelet or the cloud; shared too."""
    running_at: Instant | None = None
    """When main was first seen running."""
    running_live: bool = False
    """Whether that observation was live and followed one that showed the pod not running yet."""
    hint: str = ""
    """The message of the last Kubernetes event about the pod."""
    notice_at: Instant | None = None
    """When an event announced that the spot instance is taken back; kept, since an event is sent once."""
    over_by: Instant | None = None
    """First proof, by the arrival clock, that the pod was over: a sight of its end or deletion, or a list without it."""
    counted_attempt_cost: Decimal | None = None
    """How much of the price the counter of finished attempts already holds."""
    unadmitted: bool = False
    """Whether no queue manager has let the pod in until now, or until its end."""
    group: str = ""
    """namespace/name of the PodGroup of a pod that Volcano decides about; empty: it does not, or no longer."""

    @property
    def is_counted(self) -> bool:
        """Whether the pod was counted, by its cost or as one without a price."""
        return self.counted_cost is not None

    def count_unpriced(self) -> None:
        """Notes that the pod was counted as one without a price."""
        self.counted_cost = ZERO

    def count_cost(self, cost: Decimal) -> Decimal:
        """Raises the counted cost to `cost`; returns the increase, 0 if the counter already holds as much."""
        before = self.counted_cost or ZERO
        self.counted_cost = max(cost, before)
        return self.counted_cost - before

    def count_attempt_cost(self, cost: Decimal) -> Decimal:
        """The same for the counter of finished attempts."""
        before = self.counted_attempt_cost or ZERO
        self.counted_attempt_cost = max(cost, before)
        return self.counted_attempt_cost - before
