"""
A workflow in one sentence: what it is, how it ended or what it waits for now, how long that took, and what it cost.
"""

from collector.web import words
from collector.web.api_workflow import Amount, PlaceInQueue, TimePart, WorkflowDetail
from collector.web.reason_texts import MEANINGS

ENDS = {
    "succeeded": "succeeded",
    "failed": "failed",
    "platform": "was ended by the platform",
    "cancelled": "was cancelled",
    "invalid": "was refused as invalid",
    "unknown": "disappeared unobserved",
}
NO_CHARGE = "nothing was charged yet: a pod is charged when it ends, and each hour"


def sentence(workflow: WorkflowDetail) -> str:
    """The sentence, with a full stop."""
    kind = f"a run of {workflow.template}" if workflow.template else "a workflow without a template"
    head = f"{workflow.name}, {kind}, "
    return f"{head}{_now(workflow) if workflow.live else _end(workflow)}; {_cost(workflow)}."


def _end(workflow: WorkflowDetail) -> str:
    why = f" ({words.reason(workflow.reason)})" if workflow.reason else ""
    step = f", decided by step {workflow.deciding_step}" if workflow.deciding_step else ""
    ended = f"{ENDS.get(workflow.outcome, 'ended')}{why} after {words.span(workflow.length_ms)}{step}"
    return f"{ended}: {_shares(workflow)}"


def _shares(workflow: WorkflowDetail) -> str:
    ran = f"{words.span(workflow.running_ms)} running, {words.span(workflow.waited_ms)} waiting"
    waits = [part for part in workflow.times if part.reason in MEANINGS]
    most = max(waits, key=lambda part: part.ms, default=None)
    return ran if most is None else f"{ran}, most of it {words.reason(most.reason)} ({words.span(most.ms)}{_on(most)})"


def _on(part: TimePart) -> str:
    return f", {part.on}" if part.on else ""


def _now(workflow: WorkflowDetail) -> str:
    since = words.span(workflow.waiting_ms)
    submitted = f"{words.span(workflow.length_ms)} after its submission"
    if workflow.waiting_reason == "running":
        return f"has run for {since}, now {submitted}"
    on = f", {workflow.waiting_on}" if workflow.waiting_on else ""
    meaning = MEANINGS.get(workflow.waiting_reason, "")
    reason = f"{words.reason(workflow.waiting_reason)}: {meaning}{on}{_place(workflow.place)}"
    return f"has waited for {since} ({reason}), now {submitted}"


def _place(place: PlaceInQueue | None) -> str:
    if place is None:
        return ""
    borrowed = f", which borrows {place.borrowed}" if place.borrowed else ""
    return f", position {place.position} of {place.waiting} in the queue {place.queue} of {place.manager}{borrowed}"


def _cost(workflow: WorkflowDetail) -> str:
    if not workflow.cost:
        return NO_CHARGE if workflow.live else "nothing was charged for it"
    cost = " and ".join(map(_amount, workflow.cost))
    return f"{'so far ' if workflow.live else ''}it cost {cost}"


def _amount(amount: Amount) -> str:
    lacking = f"{words.plural(amount.unpriced_pods, 'pod')} without a known price"
    if amount.cost is None:
        return lacking
    known = f"{words.money(amount.cost)} {amount.currency}"
    return f"{known} and {lacking}" if amount.unpriced_pods else known
