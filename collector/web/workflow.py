"""
One workflow for people: the rows of the store as figures, and one sentence that sums them up.

The page shows what is here, and so does the API; neither computes figures of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any
from urllib.parse import quote, urlencode

from collector.core.facts.workflows import WorkflowLive, WorkflowRun
from collector.core.history.waits import began_at
from collector.core.history.workflow import ClassCost, OtherRun, StoredWorkflow
from collector.core.live_view import ClusterInfo
from collector.core.model import REASONS, WAITING_REASONS, Instant
from collector.core.queue.managers.queues import QueuePosition
from collector.language.language import ENGLISH, Language, in_catalog
from collector.web.api_model import age
from collector.web.api_workflow import (
    Amount,
    AttemptChoice,
    ClassAmount,
    Comparison,
    PlaceInQueue,
    RunOfTemplate,
    TimePart,
    WorkflowDetail,
)
from collector.web.money import plain, total
from collector.web.workflow_sentence import sentence
from collector.web.workflow_steps import pods_of, steps_of

NO_STEPS = {
    "offloaded": in_catalog(
        "Its steps are unknown: Argo stores them in its own database (ALWAYS_OFFLOAD_NODE_STATUS)."
    ),
    "unreadable": in_catalog("Its steps could not be unpacked."),
    "": in_catalog("It had no step."),
}
"""Why a finished attempt has no steps, by how its status stored them."""
STEPS_LATER = in_catalog("Steps are recorded when the workflow finishes. Until then its finished pods are below.")
RUNNING, NOT_RECORDED = "running", "not_recorded"
EXACT_TO_MS = 1000
"""Objects give instants in whole seconds: less than that is not missing."""
STEPS_LOST = in_catalog("None of its steps is in the store.")
FEW = 3
"""With fewer runs there is no usual length."""


def workflow_page(
    stored: StoredWorkflow,
    infos: Iterable[ClusterInfo],
    now: Instant,
    place: QueuePosition | None = None,
    language: Language = ENGLISH,
) -> WorkflowDetail:
    """One workflow as page and API show it, at this instant; `place` is where it stands in the queue of its manager."""
    shown = stored.shown
    values = _of_run(shown) if isinstance(shown, WorkflowRun) else _of_live(shown, stored.pod_count, now)
    costs = [_class_amount(cost) for cost in stored.costs]
    steps = steps_of(stored)
    found = WorkflowDetail(
        sentence="",
        cluster=shown.cluster,
        namespace=shown.namespace,
        name=shown.name,
        uid=shown.uid,
        attempt=shown.attempt,
        attempts=_attempts(stored),
        created_at=shown.created_at,
        phase=shown.phase,
        template=shown.template,
        queue=shown.queue,
        department=shown.department,
        cost=_totals(cost for cost in stored.costs if cost.attempt == shown.attempt),
        costs=costs,
        step_count=stored.step_count,
        steps=steps,
        steps_note="" if steps else _no_steps(shown),
        pods=pods_of(stored),
        others=[_other(run) for run in stored.others],
        usual=_usual(stored.others, shown.uid, shown.attempt),
        argo_url=argo_url(infos, shown),
        place=PlaceInQueue.of(place) if place and isinstance(shown, WorkflowLive) else None,
        **values,
    )
    return found.model_copy(update={"sentence": sentence(found, language)})


def _no_steps(shown: WorkflowRun | WorkflowLive) -> str:
    return NO_STEPS.get(shown.node_status, STEPS_LOST) if isinstance(shown, WorkflowRun) else STEPS_LATER


def argo_url(infos: Iterable[ClusterInfo], place: WorkflowRun | WorkflowLive) -> str:
    """The page of a workflow in Argo's own UI; empty: the settings of its cluster name none."""
    base = next((info.argo_ui for info in infos if info.name == place.cluster), "")
    path = f"/workflows/{quote(place.namespace, safe='')}/{quote(place.name, safe='')}"
    return f"{base}{path}?{urlencode({'uid': place.uid})}" if base else ""


def _of_run(run: WorkflowRun) -> dict[str, Any]:
    """What only a finished attempt has, and its times."""
    spent: dict[str, int] = {reason: getattr(run, f"{reason}_ms") for reason in REASONS}
    begin = run.created_at if run.attempt == 1 else began_at(run)
    length = max(0, run.finished_at - begin) if run.finished_at else sum(spent.values())
    return {
        "live": False,
        "outcome": run.outcome,
        "reason": run.reason,
        "message": run.message,
        "deciding_node": run.deciding_node,
        "deciding_step": run.deciding_step,
        "waiting_reason": "",
        "waiting_on": "",
        "waiting_words": "",
        "waiting_ms": None,
        "progress": "",
        "template_version": run.template_version,
        "priority": run.priority,
        "project": run.project,
        "creator": run.creator,
        "service_account": run.service_account,
        "started_at": run.started_at,
        "picked_up_at": run.picked_up_at,
        "finished_at": run.finished_at,
        "complete": run.complete,
        "pod_count": run.pods,
        "failed_pods": run.failed_pods,
        "retries": run.retries,
        "trace_id": run.trace_id,
        **_times(spent, length, run.waited_on),
    }


def _of_live(live: WorkflowLive, finished_pods: int, now: Instant) -> dict[str, Any]:
    """What only a workflow that has not finished has, and its times until now."""
    spent: dict[str, int] = {reason: getattr(live, f"{reason}_ms") for reason in REASONS}
    waiting_ms = age(now, live.waiting_since)
    spent[live.waiting_reason] = spent.get(live.waiting_reason, 0) + waiting_ms
    begin = live.created_at if live.attempt == 1 else live.first_seen_at
    return {
        "live": True,
        "outcome": "",
        "reason": "",
        "message": "",
        "deciding_node": "",
        "deciding_step": "",
        "waiting_reason": live.waiting_reason,
        "waiting_on": live.waiting_on,
        "waiting_words": live.waiting_words,
        "waiting_ms": waiting_ms,
        "progress": live.progress,
        "template_version": "",
        "priority": None,
        "project": "",
        "creator": "",
        "service_account": "",
        "started_at": None,
        "picked_up_at": None,
        "finished_at": None,
        "complete": True,
        "pod_count": finished_pods,
        "failed_pods": None,
        "retries": None,
        "trace_id": "",
        **_times(spent, age(now, begin), {live.waiting_reason: live.waiting_on}),
    }


def _times(spent: Mapping[str, int], length_ms: int, on: Mapping[str, str]) -> dict[str, Any]:
    """The parts of a life in the usual order of reasons, what was not recorded at the end, and their sums."""
    known = sum(spent.values())
    parts = {reason: spent[reason] for reason in (*WAITING_REASONS, RUNNING) if spent[reason]}
    if length_ms - known > EXACT_TO_MS:
        parts[NOT_RECORDED] = length_ms - known
    whole = sum(parts.values()) or 1
    return {
        "length_ms": length_ms,
        "running_ms": spent[RUNNING],
        "waited_ms": known - spent[RUNNING],
        "times": [TimePart(reason=r, ms=ms, share=ms / whole, on=on.get(r, "")) for r, ms in parts.items()],
    }


def _attempts(stored: StoredWorkflow) -> list[AttemptChoice]:
    known = [AttemptChoice(attempt=a.attempt, outcome=a.outcome, reason=a.reason) for a in stored.attempts]
    live = stored.live_attempt
    return known if live is None else [*known, AttemptChoice(attempt=live, outcome="", reason="")]


def _class_amount(cost: ClassCost) -> ClassAmount:
    return ClassAmount.of(cost, use=cost.money_class, cost=plain(cost.cost))


def _totals(costs: Iterable[ClassCost]) -> list[Amount]:
    """The sums by currency; what has no price is counted beside them."""
    by_currency: dict[str, list[ClassCost]] = defaultdict(list)
    for cost in costs:
        by_currency[cost.currency].append(cost)
    return [
        Amount(
            currency=currency,
            cost=plain(total(cost.cost for cost in group)),
            unpriced_pods=sum(cost.unpriced_pods for cost in group),
            accruing=any(cost.accruing for cost in group),
        )
        for currency, group in sorted(by_currency.items())
    ]


def _other(run: OtherRun) -> RunOfTemplate:
    return RunOfTemplate.of(run, cost=plain(run.cost))


def _usual(others: Sequence[OtherRun], uid: str, attempt: int) -> Comparison | None:
    """What is usual for the template, by its other runs."""
    earlier = [run for run in others if (run.uid, run.attempt) != (uid, attempt)]
    if not earlier:
        return None
    good = [run for run in earlier if run.outcome == "succeeded"]
    lengths = [run.length_ms for run in good if run.length_ms is not None]
    enough = len(lengths) >= FEW
    return Comparison(
        runs=len(earlier),
        succeeded=len(good),
        median_ms=round(median(lengths)) if enough else None,
        shortest_ms=min(lengths) if enough else None,
        longest_ms=max(lengths) if enough else None,
    )
