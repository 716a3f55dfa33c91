"""
A workflow in one sentence: what it is, how it ended or what it waits for now, how long that took, and what it cost.
"""

from collector.language.language import Language, in_catalog
from collector.web.api_workflow import Amount, PlaceInQueue, TimePart, WorkflowDetail
from collector.web.names import name_of
from collector.web.reason_texts import MEANINGS
from collector.web.template_sentence import unpriced

ENDS = {
    "succeeded": in_catalog("succeeded{why} after {span}{step}"),
    "failed": in_catalog("failed{why} after {span}{step}"),
    "platform": in_catalog("was ended by the platform{why} after {span}{step}"),
    "cancelled": in_catalog("was cancelled{why} after {span}{step}"),
    "invalid": in_catalog("was refused as invalid{why} after {span}{step}"),
    "unknown": in_catalog("disappeared unobserved{why} after {span}{step}"),
}
ENDED = in_catalog("ended{why} after {span}{step}")


def sentence(workflow: WorkflowDetail, language: Language) -> str:
    """The sentence, with a full stop."""
    end = _now(workflow, language) if workflow.live else _end(workflow, language)
    parts = {"name": workflow.name, "end": end, "cost": _cost(workflow, language)}
    if not workflow.template:
        return language.text("{name}, a workflow without a template, {end}; {cost}.", **parts)
    return language.text("{name}, a run of {template}, {end}; {cost}.", template=workflow.template, **parts)


def _end(workflow: WorkflowDetail, language: Language) -> str:
    why = language.text(" ({detail})", detail=name_of(workflow.reason, language)) if workflow.reason else ""
    step = workflow.deciding_step and language.text(", decided by step {step}", step=workflow.deciding_step)
    ended = language.text(ENDS.get(workflow.outcome, ENDED), why=why, span=language.span(workflow.length_ms), step=step)
    return language.text("{subject}: {what}", subject=ended, what=_shares(workflow, language))


def _shares(workflow: WorkflowDetail, language: Language) -> str:
    spans = {"running": language.span(workflow.running_ms), "waiting": language.span(workflow.waited_ms)}
    waits = [part for part in workflow.times if part.reason in MEANINGS]
    most = max(waits, key=lambda part: part.ms, default=None)
    if most is None:
        return language.text("{running} running, {waiting} waiting", **spans)
    return language.text(
        "{running} running, {waiting} waiting, most of it {reason} ({detail})",
        reason=name_of(most.reason, language),
        detail=_detail(most, language),
        **spans,
    )


def _detail(part: TimePart, language: Language) -> str:
    span = language.span(part.ms)
    return f"{span}{language.text(', ')}{part.on}" if part.on else span


def _now(workflow: WorkflowDetail, language: Language) -> str:
    since, life = language.span(workflow.waiting_ms), language.span(workflow.length_ms)
    if workflow.waiting_reason == "running":
        return language.text("has run for {since}, now {life} after its submission", since=since, life=life)
    meaning = language.text(MEANINGS.get(workflow.waiting_reason, ""))
    comma = language.text(", ")
    details = comma.join(filter(None, (meaning, workflow.waiting_on, _place(workflow.place, language))))
    reason = language.text("{subject}: {what}", subject=name_of(workflow.waiting_reason, language), what=details)
    return language.text(
        "has waited for {since} ({reason}), now {life} after its submission", since=since, reason=reason, life=life
    )


def _place(place: PlaceInQueue | None, language: Language) -> str:
    if place is None:
        return ""
    where = language.text(
        "position {position} of {waiting} in the queue {queue} of {manager}",
        position=place.position,
        waiting=place.waiting,
        queue=place.queue,
        manager=place.manager,
    )
    return (
        language.text("{queue}, which borrows {borrowed}", queue=where, borrowed=place.borrowed)
        if place.borrowed
        else where
    )


def _cost(workflow: WorkflowDetail, language: Language) -> str:
    if not workflow.cost:
        return (
            language.text("nothing was charged yet: a pod is charged when it ends, and each hour")
            if workflow.live
            else language.text("nothing was charged for it")
        )
    cost = language.text(" and ").join(_amount(amount, language) for amount in workflow.cost)
    return (
        language.text("so far it cost {cost}", cost=cost)
        if workflow.live
        else language.text("it cost {cost}", cost=cost)
    )


def _amount(amount: Amount, language: Language) -> str:
    lacking = unpriced(amount.unpriced_pods, language)
    if amount.cost is None:
        return lacking
    known = language.cost(amount.cost, amount.currency)
    return language.text("{one} and {other}", one=known, other=lacking) if amount.unpriced_pods else known
