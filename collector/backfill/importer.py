"""
Imports a period of one cluster from the archive: list, compare with the store, fetch what is missing, write its rows.

A workflow's own row is written last, because it marks the workflow as stored; the row of the imported period follows
after all of them. After an interruption the next import does the rest, and repeated work changes nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Protocol

from collector.backfill import stored
from collector.backfill.argo_server import AT_ONCE, ArchiveError, FailureReason, ListedWorkflow, slices
from collector.billing import runs
from collector.billing.rows import write_facts
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.core.archive import restore
from collector.core.archive.restore import ClusterContext, StoredRows
from collector.core.cost.pricing_runs import Runs
from collector.core.facts.bills import Period, PodCost, PodRun
from collector.core.facts.watches import Backfill
from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.core.model import Fact, Instant
from collector.core.rules import Rules
from collector.core.units import DAY_MS, MINUTE_MS
from collector.pipeline.recorder import Recorder
from collector.prices.lookup import Books
from collector.store.clickhouse import Store

log = logging.getLogger(__name__)

REACH_MS = DAY_MS
"""
How long before the period a workflow of the period may have started, because the archive lists by start only. A workflow
that ran longer is found if it was watched before the gap: its row has the outcome `unknown` and names its uid.
"""
MARGIN_MS = MINUTE_MS
"""Around the period, because clocks differ; what the store already has is not imported again."""
CHUNK = 100
"""Workflows that are compared with the store in one query."""
ORDER: tuple[type[Fact], ...] = (StepRun, PodRun, PodCost, Period, WorkflowRun)
"""The order in which rows are written; all other kinds are written before them."""
UNREADABLE = "unreadable"
"""The label under which unreadable workflows are counted."""
QUIET_MS = 2 * MINUTE_MS
"""After the end of a gap: by then the store has the relist, and Argo has archived what ended in the gap."""
FAILS_FOR_ALL: tuple[FailureReason, ...] = ("connection", "unauthorized", "settings")
"""Failures that the next workflow would meet as well."""


class Archive(Protocol):
    """The archive of one cluster; argo_server.py implements it."""

    async def finished(self, begin: Instant, end: Instant) -> list[ListedWorkflow]: ...
    async def workflow(self, uid: str) -> bytes | None: ...


@dataclass(slots=True, kw_only=True)
class Work:
    """An import from the archive of one cluster into the store."""

    cluster: str
    archive: Archive
    store: Store
    in_thread: Callable[..., Awaitable[Any]]
    """Runs a blocking function in a thread."""
    rules: Rules
    books: Books
    zone: tzinfo
    context: ClusterContext
    now: Callable[[], Instant]
    is_watched: Callable[[str], bool] = frozenset[str]().__contains__
    """Returns whether we watch a workflow now, by its uid: then its rows arrive by themselves."""
    counters: Counters = field(default_factory=Counters)
    dry_run: bool = False
    progress: Callable[[int, int], object] = lambda done, total: None  # noqa: ARG005 - the default ignores both
    """Called with the number of listed hours, and with their total."""


def settled_before(now: Instant) -> Instant:
    """Returns the instant up to which the archive and the store are complete."""
    return now - QUIET_MS


@dataclass(slots=True)
class Tally:
    """Counts of one import so far."""

    found: int = 0
    taken: int = 0
    absent: int = 0
    failed: int = 0


async def backfill(work: Work, begin: Instant, end: Instant) -> Backfill:
    """Imports what ended in a period and returns its row, which is written unless it is a dry run; or ArchiveError."""
    tally, pricing_runs = Tally(), await work.in_thread(runs.current_runs, work.store)
    vanished = set(await work.in_thread(stored.unknown_runs, work.store, work.cluster, begin, end))
    before: set[str] = set()
    hours = list(slices(begin - REACH_MS, end + MARGIN_MS))
    for number, (first, after) in enumerate(hours, 1):
        listed = {workflow.uid: workflow for workflow in await work.archive.finished(first, after)}
        chosen = {uid: one for uid, one in listed.items() if uid not in before and _has_ended(one, begin, end)}
        before = set(listed)
        vanished -= chosen.keys()
        tally.found += len(chosen)
        await _import_missing(work, chosen, pricing_runs, tally)
        work.progress(number, len(hours))
    # Those that started too long ago to be listed, or that are not in the archive.
    await _import_missing(work, dict.fromkeys(sorted(vanished)), pricing_runs, tally)
    row = _row(work, begin, end, tally)
    if not work.dry_run:
        await work.in_thread(write_facts, work.store, [row])
    return row


def _row(work: Work, begin: Instant, end: Instant, tally: Tally) -> Backfill:
    at = work.now()
    return Backfill(
        cluster=work.cluster,
        from_at=begin,
        to_at=end,
        version=at,
        at=at,
        found=tally.found,
        taken=tally.taken,
        absent=tally.absent,
        failed=tally.failed,
    )


def _has_ended(workflow: ListedWorkflow, begin: Instant, end: Instant) -> bool:
    return begin - MARGIN_MS <= workflow.finished_at < end + MARGIN_MS


async def _import_missing(
    work: Work, chosen: dict[str, ListedWorkflow] | dict[str, None], pricing_runs: Runs, tally: Tally
) -> None:
    """Fetches and writes the workflows that the store does not have."""
    for uids in _chunks([uid for uid in chosen if not work.is_watched(uid)], CHUNK):
        rows = await work.in_thread(stored.finished_runs, work.store, work.cluster, uids)
        missing = [uid for uid in uids if not _is_stored(chosen[uid], rows.get(uid, ()))]
        if work.dry_run:
            tally.taken += len(missing)
            continue
        for group in _chunks(missing, AT_ONCE):
            fetched = await asyncio.gather(*(_fetch(work, uid, tally) for uid in group))
            bodies = {uid: body for uid, body in zip(group, fetched, strict=True) if body}
            taken, unreadable = await work.in_thread(_write, work, bodies, rows, pricing_runs)
            tally.taken += taken
            tally.failed += unreadable
            work.counters.add(metrics.BACKFILLED, taken, cluster=work.cluster)
            if unreadable:
                work.counters.add(metrics.BACKFILL_FAILURES, unreadable, cluster=work.cluster, reason=UNREADABLE)


def _chunks(uids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (uids[at : at + size] for at in range(0, len(uids), size))


def _is_stored(workflow: ListedWorkflow | None, rows: Iterable[WorkflowRun]) -> bool:
    """Returns whether the store has the listed attempt; for an unlisted workflow, whether every end is known."""
    if workflow is None:
        return all(run.outcome != "unknown" for run in rows)
    return any(run.outcome != "unknown" and run.started_at == workflow.started_at for run in rows)


async def _fetch(work: Work, uid: str, tally: Tally) -> bytes | None:
    try:
        body = await work.archive.workflow(uid)
    except ArchiveError as error:
        if error.reason in FAILS_FOR_ALL:
            raise
        log.warning(
            "fetching a workflow from the archive failed",
            extra={"cluster": work.cluster, "uid": uid, "reason": str(error)},
        )
        work.counters.add(metrics.BACKFILL_FAILURES, cluster=work.cluster, reason=error.reason)
        tally.failed += 1
        return None
    tally.absent += body is None
    return body


def _write(
    work: Work, bodies: dict[str, bytes], rows: dict[str, list[WorkflowRun]], pricing_runs: Runs
) -> tuple[int, int]:
    """Writes the rows of workflows; returns how many were imported and how many are unreadable. Runs in a thread."""
    known = stored.rows_of(work.store, work.cluster, rows, list(bodies))
    made = [_facts_or_none(work, uid, body, known[uid], pricing_runs) for uid, body in bodies.items()]
    facts = [fact for of_workflow in made for fact in of_workflow or ()]
    kinds = {type(fact): None for fact in facts if type(fact) not in ORDER}
    for kind in (*kinds, *ORDER):
        write_facts(work.store, [fact for fact in facts if type(fact) is kind])
    return sum(bool(of_workflow) for of_workflow in made), made.count(None)


def _facts_or_none(work: Work, uid: str, body: bytes, known: StoredRows, pricing_runs: Runs) -> list[Fact] | None:
    """Returns the rows of a workflow, or None: an unreadable workflow must not stop the others."""
    try:
        if restore.read(body) is not None:
            return facts_of(work, body, known, pricing_runs)
        log.warning("the archive returned an unfinished workflow", extra={"cluster": work.cluster, "uid": uid})
    except Exception:
        log.exception("an archived workflow is unreadable and was skipped", extra={"cluster": work.cluster, "uid": uid})
    return None


def facts_of(work: Work, body: bytes, known: StoredRows, pricing_runs: Runs) -> list[Fact]:
    """Returns the rows of an archived workflow, charges included; none if the store has it already."""
    at = work.now()
    restored = restore.rows_of(work.cluster, work.rules, work.context, body, known, at=at)
    if restored is None:
        return []
    cluster, effects = restored
    # Counters cover only what was watched, so the recorder's are dropped.
    recorder = Recorder(work.books, work.zone, Counters(), runs=pricing_runs)
    return list(recorder.record(cluster, effects, at))
