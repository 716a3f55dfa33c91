"""A period from an argo-server over HTTP into a real store: what a break lost comes back, once, never over what was seen."""

import asyncio
import copy
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from aiohttp import web

from collector.backfill import stored
from collector.backfill.argo_server import ArchiveError, ArgoServer, Pace
from collector.backfill.importer import backfill
from collector.backfill.withdraw import WITHDRAWN, withdraw
from collector.catalog import metrics
from collector.core.archive.pod_estimates import UID
from collector.core.facts.bills import PodCost, PodRun
from collector.core.facts.watches import Backfill
from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.store.clickhouse import Store
from tests.backfill.argo import Archive, finished
from tests.backfill.broken import (
    FOLDER,
    a_work,
    broken,
    by_uid,
    comparable_columns,
    keep_all,
    newest,
    undisturbed,
)

BRISK = 10_000
"""Requests a second: what a test waits for is not the pace."""
NEVER_ENDED = {"to-terminate", "to-stop"}
"""Pods of these outlive the recording, since its kubelets hear no signal; their steps say that they failed."""
TABLES = (WorkflowRun, StepRun, PodRun, PodCost)


def an_archive(**changes: Any) -> Archive:
    return Archive(copy.deepcopy(finished(FOLDER)), **changes)


async def fill(store: Store, archive: Archive, share: float, **changes: Any) -> Backfill:
    """Ask an archive about the break of a recording."""
    gap = broken(share)[1]
    async with archive.serving(), ArgoServer(archive.settings(), Pace(BRISK)) as server:
        return await backfill(a_work(store, server, **changes), gap.from_at, gap.to_at)


@pytest.mark.parametrize("share", [0.02, 0.5])
async def test_what_a_break_lost_is_as_if_there_had_been_none(store: Store, share: float) -> None:
    """Workflows that ran within a gap, and those that vanished in it, have the rows of an undisturbed run."""
    keep_all(store, broken(share)[0].facts)
    lost = {run.uid for run in undisturbed().of(WorkflowRun)} - {
        run.uid for run in newest(store, WorkflowRun) if run.outcome != "unknown"
    }
    made = await fill(store, an_archive(), share)

    ours, truth = by_uid(newest(store, WorkflowRun)), by_uid(undisturbed().of(WorkflowRun))
    different = {
        (truth[uid]["name"], column)
        for uid in truth
        for column in truth[uid]
        if truth[uid][column] != ours[uid][column]
    }
    assert len(lost) >= 10
    assert made.taken >= len(lost)
    assert {name for name, _ in different} <= NEVER_ENDED
    assert {column for _, column in different} <= {"failed_pods", "completion_delay_ms"}


async def test_an_estimated_charge_is_marked(store: Store) -> None:
    """Each charge of an unobserved pod has low confidence and names its source, or has no price and names the cause."""
    keep_all(store, broken(0.02)[0].facts)
    await fill(store, an_archive(), 0.02)
    seen = {pod.uid for pod in broken(0.02)[0].of(PodRun)}

    charges = [charge for charge in newest(store, PodCost) if charge.pod_uid not in seen]
    assert len(charges) > 50
    assert all(charge.pod_uid.startswith(UID) for charge in charges)
    assert {charge.status for charge in charges} == {"final"}
    assert {charge.confidence for charge in charges} == {"low", "unpriced"}
    assert {charge.spec_source for charge in charges} == {
        "requests:archived_template", "requests:archived_duration", "archive",
    }  # fmt: skip
    assert all((charge.cost is None) == (charge.confidence == "unpriced") for charge in charges)
    assert sum(charge.cost or 0 for charge in charges) > Decimal("0.0005")


async def test_asking_twice_changes_nothing(store: Store) -> None:
    """The second time everything is there: nothing is fetched, and no row is another."""
    keep_all(store, broken(0.5)[0].facts)
    archive = an_archive()
    await fill(store, archive, 0.5)
    first, archive.requests = [newest(store, table) for table in TABLES], []
    again = await fill(store, archive, 0.5)

    assert [newest(store, table) for table in TABLES] == first
    assert again.taken == 0
    fetched = {path.rpartition("/")[2] for path in archive.requests if "?" not in path}
    assert fetched & archive.workflows.keys() == set()


async def test_what_was_seen_stands_whenever_it_arrives(store: Store) -> None:
    """Rows of those who watched win over the archive's, written before them or after; an estimate beside a pod is withdrawn."""
    gap = broken(0.02)[1]
    await fill(store, an_archive(), 0.02)
    keep_all(store, undisturbed().facts)
    withdrawn = withdraw(store, "c1", gap.from_at, gap.to_at)

    assert by_uid(newest(store, WorkflowRun)) == by_uid(undisturbed().of(WorkflowRun))
    pods = {run.uid: run for run in newest(store, PodRun)}
    seen = by_uid(undisturbed().of(PodRun))
    assert {uid: comparable_columns(run) for uid, run in pods.items() if uid in seen} == seen
    assert withdrawn > 50
    assert withdraw(store, "c1", gap.from_at, gap.to_at) == 0
    # What is left are pods that the recording never showed the end of.
    left = {run.workflow_name for uid, run in pods.items() if uid.startswith(UID) and run.reason != WITHDRAWN}
    assert left <= NEVER_ENDED | {"daemon-sidecar"}
    # Nor is any money counted twice.
    charges = newest(store, PodCost)
    theirs = {(c.pod_uid, c.day): c.cost for c in sorted(undisturbed().of(PodCost), key=lambda c: c.version)}
    assert {(c.pod_uid, c.day): c.cost for c in charges if not c.pod_uid.startswith(UID)} == theirs
    assert {c.cost for c in charges if c.pod_uid.startswith(UID) and c.rule == WITHDRAWN} == {Decimal(0)}


async def test_nothing_is_taken_that_was_watched_to_its_end(store: Store) -> None:
    """With all rows there, the archive gives none and every table stays as it is."""
    keep_all(store, undisturbed().facts)
    before = [newest(store, table) for table in TABLES]
    made = await fill(store, an_archive(), 0.02)

    assert (made.taken, made.absent, made.failed) == (0, 0, 0)
    assert made.found >= 15
    assert [newest(store, table) for table in TABLES] == before


async def test_a_pod_that_was_charged_while_it_ran_is_not_charged_twice(store: Store) -> None:
    """Where only its hourly charge was stored, the estimate takes the pod's own key and replaces it."""
    share = 0.02
    seen = {run.workflow_uid for run in broken(share)[0].of(PodRun)}
    truth = next(c for c in undisturbed().of(PodCost) if c.cost and c.workflow_uid not in seen)
    accruing = msgspec.structs.replace(truth, status="accruing", cost=Decimal("0.000000000000000001"))
    keep_all(store, [*broken(share)[0].facts, accruing])
    await fill(store, an_archive(), share)

    charges = [c for c in newest(store, PodCost) if c.workflow_uid == truth.workflow_uid]
    runs = {run.uid for run in newest(store, PodRun) if run.workflow_uid == truth.workflow_uid}
    assert [c.status for c in charges if c.pod_uid == truth.pod_uid] == ["final"]
    assert truth.pod_uid in runs
    assert len(charges) == len(runs)


async def test_a_retry_in_the_break_is_the_next_attempt(store: Store) -> None:
    """An attempt that was seen keeps its row; what the archive shows started later and is the second."""
    archive = an_archive()
    uid = next(u for u, w in archive.workflows.items() if w["metadata"]["name"] == "retry-exhausted-oom")
    first = max((r for r in undisturbed().of(WorkflowRun) if r.uid == uid), key=lambda run: run.version)
    earlier = msgspec.structs.replace(first, started_at=(first.started_at or 0) - 60_000)
    keep_all(store, [earlier])
    archive.workflows = {uid: archive.workflows[uid]}
    await fill(store, archive, 0.02)

    runs = {run.attempt: run for run in newest(store, WorkflowRun) if run.uid == uid}
    assert runs[1] == earlier
    assert (runs[2].started_at, runs[2].outcome, runs[2].failed_pods) == (first.started_at, first.outcome, 3)
    assert {run.attempt for run in newest(store, PodRun)} == {2}


async def test_one_bad_workflow_costs_its_neighbours_nothing(store: Store) -> None:
    """What cannot be read, is refused or is not there is counted; the others are taken."""
    archive = an_archive()
    (bad, refused, missing), others = list(archive.workflows)[:3], list(archive.workflows)[3:]

    def refuse(request: web.Request) -> web.Response | None:
        if request.path.endswith(refused):
            return web.json_response({"message": "permission denied"}, status=403)
        if request.path.endswith(missing):
            return web.json_response({"message": "not found"}, status=404)
        return web.json_response([1, 2]) if request.path.endswith(bad) else None

    archive.refuse = refuse
    work = a_work(store, None)  # type: ignore[arg-type]  # for its counters
    made = await fill(store, archive, 0.02, counters=work.counters)

    assert (made.absent, made.failed) == (1, 2)
    assert {run.uid for run in newest(store, WorkflowRun)} == set(others)
    assert work.counters.series[metrics.BACKFILLED.name] == {("c1",): len(others)}
    assert work.counters.series[metrics.BACKFILL_FAILURES.name] == {("c1", "forbidden"): 1, ("c1", "unreadable"): 1}


async def test_a_dry_run_writes_nothing(store: Store) -> None:
    """It counts what would be imported, and fetches nothing."""
    archive = an_archive()
    made = await fill(store, archive, 0.02, dry_run=True)

    assert made.taken == made.found > 15
    assert all("?" in path for path in archive.requests)
    assert [newest(store, table) for table in (*TABLES, Backfill)] == [[]] * 5


async def test_what_is_watched_is_left_to_those_who_watch(store: Store) -> None:
    """A workflow whose rows are on their way is not asked for."""
    archive = an_archive()
    await fill(store, archive, 0.02, is_watched=lambda uid: True)

    assert newest(store, WorkflowRun) == []


async def test_a_gap_is_imported_again_until_the_archive_gave_everything(store: Store) -> None:
    """A gap is open until a row says that its period was asked about; where something failed it is open again in an hour."""
    gap = broken(0.02)[1]
    keep_all(store, broken(0.02)[0].facts)
    made = await fill(store, an_archive(), 0.02)
    ask = [stored.open_gaps(store, "c1", at) for at in (made.at, made.at + stored.AGAIN_MS + 1)]
    keep_all(store, [msgspec.structs.replace(made, version=made.version + 1, failed=1)])
    after = [stored.open_gaps(store, "c1", at) for at in (made.at, made.at + stored.AGAIN_MS + 1)]
    old = stored.open_gaps(store, "c1", made.at + stored.GIVE_UP_MS)

    assert ask == [[], []]
    assert after == [[], [(gap.from_at, gap.to_at)]]
    assert old == []


async def test_the_time_before_the_first_start_is_not_imported(store: Store) -> None:
    """It would be everything that ever ran, which users import by hand. Of a long gap only the end is imported."""
    _, gap = broken(0.02)
    keep_all(store, [msgspec.structs.replace(gap, from_at=0, cause="first start")])
    first = stored.open_gaps(store, "c1", gap.to_at)
    long = msgspec.structs.replace(gap, from_at=gap.to_at - 2 * stored.LONGEST_MS)
    keep_all(store, [long])

    assert first == []
    assert stored.open_gaps(store, "c1", gap.to_at) == [(gap.to_at - stored.LONGEST_MS, gap.to_at)]


async def test_labels_of_an_unwatched_cluster_come_from_rows(store: Store) -> None:
    """What rules read of namespaces, and what decides prices of machines, is in the rows of the last days."""
    keep_all(store, undisturbed().facts)
    store.command("ALTER TABLE lynceus.workflow_run UPDATE labels = mapConcat(labels, map('namespace:department', 'maps')) "
                  "WHERE namespace = 'mapping' SETTINGS mutations_sync = 1")  # fmt: skip
    known = stored.cluster_context(store, "c1")

    assert known.namespaces["mapping"] == {"department": "maps"}
    assert known.node_labels["virtual-kubelet-cn-hangzhou-h"]["type"] == "virtual-kubelet"


async def test_a_dead_archive_leaves_no_row_behind(store: Store) -> None:
    """The period is not marked as asked about, so that it will be again."""
    archive = an_archive()
    async with archive.serving():
        pass
    async with ArgoServer(archive.settings(), Pace(BRISK)) as server:
        with pytest.raises(ArchiveError, match="does not answer"):
            await backfill(a_work(store, server), 0, 3_600_000)

    assert newest(store, Backfill) == []
    assert Counter(type(x) for x in newest(store, WorkflowRun)) == Counter()
    await asyncio.sleep(0)


async def test_what_began_long_before_a_break_is_found(store: Store) -> None:
    """Up to a day before it by the list; earlier where it was watched and vanished, by its uid."""
    archive = an_archive()
    ours = list(archive.workflows)[:3]
    for uid, began in zip(ours, ("2026-11-22T00:00:00Z", "2026-11-19T00:00:00Z", "2026-11-18T00:00:00Z"), strict=True):
        archive.workflows[uid]["status"]["startedAt"] = began
    archive.workflows = {uid: archive.workflows[uid] for uid in ours}
    gone = next(run for run in undisturbed().of(WorkflowRun) if run.uid == ours[1])
    unknown = msgspec.structs.replace(gone, outcome="unknown", started_at=None, finished_at=broken(0.02)[1].to_at)
    keep_all(store, [unknown])
    made = await fill(store, archive, 0.02)

    assert (made.found, made.taken) == (1, 2)
    assert {run.uid for run in newest(store, WorkflowRun)} == set(ours[:2])
    assert "unknown" not in {run.outcome for run in newest(store, WorkflowRun)}
