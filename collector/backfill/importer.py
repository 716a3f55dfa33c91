"""
A period of one cluster from the archive into the store: list, compare, fetch what is missing, make rows, write them.

The workflow's own row is written last, for it is what says that the workflow is there; the row that says that the period
was asked about comes after all of them. Cut short anywhere, the next try does the rest, and what it does twice changes nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Protocol

from collector.backfill import stored
from collector.backfill.argo_server import AT_ONCE, ArchiveError, Listed, slices
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
from collector.settings.model import ClusterSettings, Settings
from collector.store.clickhouse import Store

log = logging.getLogger(__name__)

REACH_MS = DAY_MS
"""How long before a period a workflow may have started that ended in it, for the archive lists by start alone. One that
runs longer is found all the same where it was watched before the break: its row says `unknown`, and names its uid."""
MARGIN_MS = MINUTE_MS
"""Around a period; clocks differ, and what the store has is not taken twice."""
CHUNK = 100
"""Workflows that the store is asked about at once."""
ORDER: tuple[type[Fact], ...] = (StepRun, PodRun, PodCost, Period, WorkflowRun)
"""In which rows are written; whatever else a workflow leads to comes before them."""
UNREADABLE = "unreadable"
"""What a copy that cannot be read is counted under."""
QUIET_MS = 2 * MINUTE_MS
"""After the end of a gap: by then the store has what the relist showed, and Argo has archived what ended in the gap."""
ALL_ALIKE = ("connection", "unauthorized", "settings")
"""Failures that the next workflow would meet as well."""


class Archive(Protocol):
    """What is asked of an archive; argo_server.py is one."""

    async def finished(self, begin: Instant, end: Instant) -> list[Listed]: ...
    async def workflow(self, uid: str) -> bytes | None: ...


@dataclass(slots=True)
class Work:
    """A cluster, its archive, and where to."""

    cluster: str
    archive: Archive
    store: Store
    ask: Callable[..., Awaitable[Any]]
    """Runs what blocks in a thread."""
    rules: Rules
    books: Books
    zone: tzinfo
    around: ClusterContext
    now: Callable[[], Instant]
    known: Callable[[str], bool] = frozenset[str]().__contains__
    """Whether a workflow is watched by us now, by its uid: then its rows are on their way."""
    counters: Counters = field(default_factory=Counters)
    dry_run: bool = False
    progress: Callable[[int, int], object] = lambda done, total: None  # noqa: ARG005 - nobody looks
    """Hours listed, and how many there are."""


def clusters_with_archive(settings: Settings) -> list[ClusterSettings]:
    """The clusters that name an argo-server."""
    return [cluster for cluster in settings.clusters if cluster.archive.url]


def settled_before(now: Instant) -> Instant:
    """The instant up to which the archive and the store are complete."""
    return now - QUIET_MS


@dataclass(slots=True)
class Sums:
    """What a period has come to so far."""

    found: int = 0
    taken: int = 0
    absent: int = 0
    failed: int = 0


async def backfill(work: Work, begin: Instant, end: Instant) -> Backfill:
    """Take what ended in a period; its row, written unless it is a dry run. ArchiveError: the archive does not give."""
    sums, heard = Sums(), await work.ask(runs.current_runs, work.store)
    vanished = set(await work.ask(stored.unknown_runs, work.store, work.cluster, begin, end))
    before: set[str] = set()
    hours = list(slices(begin - REACH_MS, end + MARGIN_MS))
    for number, (first, after) in enumerate(hours, 1):
        listed = {one.uid: one for one in await work.archive.finished(first, after)}
        chosen = {uid: one for uid, one in listed.items() if uid not in before and _ended(one, begin, end)}
        before = set(listed)
        vanished -= chosen.keys()
        sums.found += len(chosen)
        await _take(work, chosen, heard, sums)
        work.progress(number, len(hours))
    # What started too long ago to be listed, or is not there.
    await _take(work, dict.fromkeys(sorted(vanished)), heard, sums)
    at = work.now()
    made = Backfill(
        cluster=work.cluster, from_at=begin, to_at=end, version=at, at=at, found=sums.found, taken=sums.taken,
        absent=sums.absent, failed=sums.failed,
    )  # fmt: skip
    if not work.dry_run:
        await work.ask(write_facts, work.store, [made])
    return made


def _ended(one: Listed, begin: Instant, end: Instant) -> bool:
    return begin - MARGIN_MS <= one.finished_at < end + MARGIN_MS


async def _take(work: Work, chosen: dict[str, Listed] | dict[str, None], heard: Runs, sums: Sums) -> None:
    """Fetch and write those that the store has no row of."""
    for uids in _chunks([uid for uid in chosen if not work.known(uid)], CHUNK):
        rows = await work.ask(stored.finished_runs, work.store, work.cluster, uids)
        missing = [uid for uid in uids if not _there(chosen[uid], rows.get(uid, ()))]
        if work.dry_run:
            sums.taken += len(missing)
            continue
        for group in _chunks(missing, AT_ONCE):
            bodies = await asyncio.gather(*(_fetch(work, uid, sums) for uid in group))
            got = {uid: body for uid, body in zip(group, bodies, strict=True) if body}
            taken, bad = await work.ask(_write, work, got, rows, heard)
            sums.taken += taken
            sums.failed += bad
            work.counters.add(metrics.BACKFILLED, taken, cluster=work.cluster)
            if bad:
                work.counters.add(metrics.BACKFILL_FAILURES, bad, cluster=work.cluster, reason=UNREADABLE)


def _chunks(uids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (uids[at : at + size] for at in range(0, len(uids), size))


def _there(one: Listed | None, rows: Iterable[WorkflowRun]) -> bool:
    """Whether the store has the attempt that the archive lists; of what is not listed, whether no end is unknown."""
    if one is None:
        return all(run.outcome != "unknown" for run in rows)
    return any(run.outcome != "unknown" and run.started_at == one.started_at for run in rows)


async def _fetch(work: Work, uid: str, sums: Sums) -> bytes | None:
    try:
        body = await work.archive.workflow(uid)
    except ArchiveError as error:
        if error.reason in ALL_ALIKE:
            raise
        log.warning(
            "the archive did not give a workflow", extra={"cluster": work.cluster, "uid": uid, "reason": str(error)}
        )
        work.counters.add(metrics.BACKFILL_FAILURES, cluster=work.cluster, reason=error.reason)
        sums.failed += 1
        return None
    sums.absent += body is None
    return body


def _write(work: Work, bodies: dict[str, bytes], rows: dict[str, list[WorkflowRun]], heard: Runs) -> tuple[int, int]:
    """Make rows of workflows and store them; how many those are, and how many could not be read. Runs in a thread."""
    there = stored.rows_of(work.store, work.cluster, rows, list(bodies))
    made = [_facts_or_none(work, uid, body, there[uid], heard) for uid, body in bodies.items()]
    facts = [fact for one in made for fact in one or ()]
    kinds = {type(fact): None for fact in facts if type(fact) not in ORDER}
    for kind in (*kinds, *ORDER):
        write_facts(work.store, [fact for fact in facts if type(fact) is kind])
    return sum(bool(one) for one in made), made.count(None)


def _facts_or_none(work: Work, uid: str, body: bytes, there: StoredRows, heard: Runs) -> list[Fact] | None:
    """What core did not foresee costs its neighbours nothing."""
    try:
        if restore.read(body) is not None:
            return facts_of(work, body, there, heard)
        log.warning(
            "the archive gave something that is no finished workflow", extra={"cluster": work.cluster, "uid": uid}
        )
    except Exception:
        log.exception("a workflow of the archive was set aside", extra={"cluster": work.cluster, "uid": uid})
    return None


def facts_of(work: Work, body: bytes, there: StoredRows, heard: Runs) -> list[Fact]:
    """The rows that a copy of a workflow leads to, charges included; none where the store has it already."""
    at = work.now()
    found = restore.rows_of(work.cluster, work.rules, work.around, body, there, at)
    if found is None:
        return []
    cluster, effects = found
    # Counters cover only what was watched, so the recorder's are dropped.
    recorder = Recorder(work.books, work.zone, Counters(), runs=heard)
    return list(recorder.record(cluster, effects, at, listed=True))
