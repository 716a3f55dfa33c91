"""
The base of every fact, and the values that facts and states share. facts/ has a struct for each table.

An instant is an int: Unix milliseconds, UTC. It has no missing zone, costs nothing to compare, and is what ClickHouse's
DateTime64(3) stores; zones matter in billing only, which names its own. Money and quantities are Decimal, since floats lose
cents. A fact is a frozen struct whose fields are, in this order, the columns of its table (catalog/ binds the two).
A field that a later release adds stands at the end and has a default, so that facts in the spool of an older one are read.
No I/O happens here, and nothing here imports another module of this project.
"""

from typing import Literal, get_args

import msgspec

Instant = int
"""Unix milliseconds, UTC."""

WaitReason = Literal[
    "unseen", "throttled", "lock", "volume", "suspended", "quota", "unschedulable", "image", "step_lock", "starting",
    "advancing", "running", "stock", "queued",
]  # fmt: skip
"""What a live workflow waits for; `running`: at least one main container runs."""

BEFORE_WORK: tuple[WaitReason, ...] = ("unseen", "queued", "throttled", "lock", "volume")
"""Reasons of a workflow whose work has not begun; only these count as queue depth."""

AFTER_WORK: tuple[WaitReason, ...] = (
    "suspended", "queued", "quota", "stock", "unschedulable", "image", "volume", "step_lock", "starting", "advancing",
)  # fmt: skip
"""Reasons of a workflow that began but runs no main container; the first that holds wins."""

BEFORE_AND_AFTER = tuple(reason for reason in BEFORE_WORK if reason in AFTER_WORK)
"""Reasons that may hold on both sides: only the instant at which work began decides which."""
WAITING_REASONS: tuple[WaitReason, ...] = (*BEFORE_WORK, *(r for r in AFTER_WORK if r not in BEFORE_WORK))
ADDED_REASONS: tuple[WaitReason, ...] = ("stock", "queued")
"""Reasons of later releases: saved states and rows have their milliseconds at the end."""
FIRST_REASONS: tuple[WaitReason, ...] = (*(r for r in WAITING_REASONS if r not in ADDED_REASONS), "running")
"""Those of the first release."""
REASONS: tuple[WaitReason, ...] = (*FIRST_REASONS, *ADDED_REASONS)
"""Each has a column of milliseconds; together these sum to finished - created within the clock's resolution."""

AttemptOutcome = Literal["succeeded", "failed", "platform", "cancelled", "invalid", "unknown"]
"""How an attempt ended. `unknown`: the object vanished in a watch gap."""
OUTCOMES: tuple[AttemptOutcome, ...] = get_args(AttemptOutcome)

PodStage = Literal["starting", "running", "finished"]
"""`running`: a main container runs."""

NodeStatus = Literal["", "plain", "packed", "offloaded", "unreadable"]
"""How the steps of a workflow were stored: in its object, compressed, in Argo's database only. Empty: there are none."""

LatencySource = Literal["", "watch", "object"]
"""Whose clock measured a latency. `watch`: the arrival clock, both ends were live. `object`: whole seconds of the object."""

TERMINAL_PHASES = frozenset({"Succeeded", "Failed", "Error"})


def version_of(epoch: int, resource_version: int, revision: int = 0) -> int:
    """The version column of a fact: it grows with the object, with a cluster that was restored, and with a re-computation."""
    return epoch << 56 | resource_version << 8 | revision


class Fact(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """A row: packed as an array in column order, so that spool and insert need no code for each table."""
