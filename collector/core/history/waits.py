"""
The waits of an attempt and of a pod as intervals.

A pod's own conditions give the begin and the end of its waits, in whole seconds. Of an attempt the rows keep how long each
reason held and when work began, not the intervals. The waits before work end exactly when work begins; where several reasons
held, their order is the usual one. The waits after work are put one after another in the usual order. A wait whose interval
is not known by evidence says so: `exact` is False, while its length is right in any case.
"""

from collections.abc import Iterator

import msgspec

from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import WorkflowRun
from collector.core.model import AFTER_WORK, BEFORE_AND_AFTER, BEFORE_WORK, Instant, WaitReason

LATER: tuple[WaitReason, ...] = ("suspended", "step_lock", "advancing")
"""Reasons that usually hold between steps."""
FIRST: tuple[WaitReason, ...] = tuple(reason for reason in AFTER_WORK if reason not in LATER)
"""Reasons after work began that usually hold before the first container runs."""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """One wait: why, for what, from when to when, and whether the interval is known."""

    reason: WaitReason
    on: str
    start: Instant
    end: Instant
    exact: bool
    before_work: bool = False


def attempt_waits(run: WorkflowRun) -> Iterator[Wait]:
    """The waits of an attempt, in the order of time; each has the length that the row states."""
    spent = _spent(run)
    finished = run.finished_at or run.first_seen_at + sum(spent.values())
    before = _before_work(run, spent)
    begun = finished if run.picked_up_at is None else run.picked_up_at
    yield from _one_after_another(run, before, begun - sum(before.values()), exact=len(before) == 1)
    after = {name: ms - before.get(name, 0) for name, ms in spent.items()}
    present = {name: after[name] for name in (*FIRST, "running", *LATER) if after.get(name, 0) > 0}
    yield from _one_after_another(run, present, begun, exact=len(present) == 1)


def began_at(run: WorkflowRun) -> Instant:
    """When the account of an attempt's time began: its submission, or `argo retry`."""
    own = run.created_at if run.attempt == 1 else run.started_at or run.first_seen_at
    first = next(attempt_waits(run), None)
    return min(own, run.first_seen_at, first.start if first else own)


def _spent(run: WorkflowRun) -> dict[WaitReason, int]:
    return {name: getattr(run, f"{name}_ms") for name in (*BEFORE_WORK, *FIRST, "running", *LATER)}


def _before_work(run: WorkflowRun, spent: dict[WaitReason, int]) -> dict[WaitReason, int]:
    """The part of each reason that held before work began; of those that may hold on both sides the first comes first."""
    before = {name: spent[name] for name in BEFORE_WORK if spent[name]}
    if run.picked_up_at is not None:
        whole = run.picked_up_at - min(run.first_seen_at, run.picked_up_at)
        left = max(0, whole - sum(ms for name, ms in before.items() if name not in BEFORE_AND_AFTER))
        for name in BEFORE_AND_AFTER:
            before[name] = min(before.get(name, 0), left)
            left -= before[name]
    return {name: ms for name, ms in before.items() if ms}


def _one_after_another(run: WorkflowRun, spent: dict[WaitReason, int], at: Instant, *, exact: bool) -> Iterator[Wait]:
    for name, ms in spent.items():
        if name != "running":
            yield Wait(
                reason=name,
                on=run.waited_on.get(name, ""),
                start=at,
                end=at + ms,
                exact=exact,
                before_work=name in BEFORE_WORK and at < (run.picked_up_at or at + 1),
            )
        at += ms


def pod_waits(pod: PodRun) -> Iterator[Wait]:
    """The waits of a pod: for a node, then for its image and its start."""
    over = pod.main_started_at or pod.finished_at or pod.created_at
    placed = pod.scheduled_at or (over if not pod.node_name else pod.created_at)
    if placed > pod.created_at:
        yield Wait(reason="unschedulable", on="", start=pod.created_at, end=placed, exact=True)
    if over > placed:
        pulls = "image" in f"{pod.reason} {pod.hint}".lower()
        yield Wait(reason="image" if pulls else "starting", on="", start=placed, end=over, exact=True)
