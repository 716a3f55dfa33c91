"""When archives are asked: by hand, and by a running collector after a gap, beside its watching."""

import asyncio
import copy
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from typer.testing import CliRunner

from collector import connect
from collector.backfill import argo_server, command, importer
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.cli.main import app
from collector.clock import now_ms
from collector.core.facts.watches import Backfill
from collector.core.facts.workflows import WorkflowRun
from collector.pipeline.pipeline import Pipeline
from collector.reports.report import Report, ReportError, Span
from collector.service import gap_filler
from collector.settings.model import ClusterSettings, Settings, StoreSettings
from collector.store.clickhouse import Store
from tests.backfill.argo import Archive, finished
from tests.backfill.broken import UTC, books, broken, keep_all, newest, undisturbed
from tests.replay import RULES
from tests.store.running import Running

DAYS = Span(date(2026, 11, 22), date(2026, 11, 23))


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests wait for is not the pace."""
    monkeypatch.setattr(argo_server, "PER_SECOND", 10_000)
    monkeypatch.setattr(importer, "QUIET_MS", 0)


def an_archive(**changes: Any) -> Archive:
    return Archive(copy.deepcopy(finished("basics")), **changes)


def chosen(engine: Running, archive: Archive, *more: ClusterSettings) -> Settings:
    """One cluster with an archive, and the tests' store."""
    store = StoreSettings(url=engine.url, username="lynceus", password_file=str(engine.token_file))
    return Settings(clusters=(ClusterSettings(name="c1", archive=archive.settings()), *more), store=store)


async def by_hand(settings: Settings, only: str = "", *, dry_run: bool = False) -> Any:
    """The command's work, in the thread that a command has."""
    run = functools.partial(command.backfill_span, settings, Path(), DAYS, only, dry_run=dry_run)
    return await asyncio.to_thread(run)


async def test_by_hand_a_day_is_taken_once(engine: Running, store: Store) -> None:
    """Found, taken, absent and failed by cluster; the second time there is nothing to take."""
    archive = an_archive()
    async with archive.serving():
        first, second = [(await by_hand(chosen(engine, archive))).rows for _ in range(2)]

    number = len(archive.workflows)
    assert first == [("c1", number, number, 0, 0)]
    assert second == [("c1", number, 0, 0, 0)]
    assert {run.uid for run in newest(store, WorkflowRun)} == archive.workflows.keys()


async def test_an_archive_that_fails_costs_the_others_nothing(engine: Running, store: Store) -> None:
    """It is named below the table; where all fail it is the command's error."""
    archive, dead = an_archive(), an_archive()
    async with dead.serving():
        pass
    other = ClusterSettings(name="c2", archive=dead.settings())
    async with archive.serving():
        made = await by_hand(chosen(engine, archive, other), dry_run=True)
        with pytest.raises(connect.ExternalError, match=r"c2: .*does not answer"):
            await by_hand(chosen(engine, archive, other), "c2")

    assert [row[0] for row in made.rows] == ["c1"]
    assert made.notes[0].startswith("c2: ")
    assert newest(store, Backfill) == []


@pytest.mark.parametrize(
    ("clusters", "only", "words"),
    [
        ((), "", "no cluster has an archive; set"),
        ((ClusterSettings(name="a"),), "a", "--cluster a: has no archive"),
        ((ClusterSettings(name="a"),), "b", "--cluster b: no such cluster"),
    ],
    ids=str,
)
def test_without_an_archive_the_error_names_the_remedy(clusters: Any, only: str, words: str) -> None:
    """Nothing is asked of anybody."""
    with pytest.raises(ReportError, match=words):
        command.backfill_span(Settings(clusters=clusters), Path(), DAYS, only, dry_run=False)


def test_the_command_prints_its_report_and_its_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1 where a workflow failed or a cluster's archive did, 0 else. What changes something is recorded."""
    codes, recorded = [], list[tuple[str, str]]()

    def audited(_: Settings, action: str, target: str, __: str) -> nullcontext[None]:
        recorded.append((action, target))
        return nullcontext()

    monkeypatch.setattr("collector.cli.backfill.audited", audited)
    for row, notes, more in ((("c1", 5, 5, 0, 0), [], ()), (("c1", 5, 4, 0, 1), [], ()), (("c1", 5, 5, 0, 0), ["c2"], ()),
                             (("c1", 5, 5, 0, 0), ["dry"], ("--dry-run",))):  # fmt: skip
        made = Report("t", command.COLUMNS, [row], list(notes))
        monkeypatch.setattr(command, "backfill_span", lambda *a, made=made, **k: made)
        done = CliRunner().invoke(app, ["backfill", "--from", "2026-11-22", "--to", "2026-11-23", *more])
        codes.append(done.exit_code)

    assert codes == [0, 1, 1, 0]
    assert recorded == [("backfill", "all clusters, 2026-11-22 to 2026-11-23")] * 3


@asynccontextmanager
async def filling(settings: Settings, counters: Counters, caught_up: Any = lambda: True) -> AsyncIterator[None]:
    """The loop of a running collector, for as long as the block lasts."""
    pipeline = Pipeline({"c1": RULES}, books(), UTC, counters)
    live = pipeline.clusters["c1"]
    live.namespaces.update(undisturbed().cluster.namespaces)
    live.plain_nodes.labels.update(undisturbed().cluster.plain_nodes.labels)
    filler = gap_filler.GapFiller(settings, settings.clusters[0], pipeline, counters, caught_up)
    async with gap_filler.filling(filler, look_s=0.02):
        yield


def a_gap(store: Store) -> None:
    """What a collector stored that missed nearly all of the recording."""
    made, gap = broken(0.02)
    recent = msgspec.structs.replace(gap, to_at=now_ms(), from_at=gap.from_at)
    keep_all(store, [*(fact for fact in made.facts if fact is not gap), recent])


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_running_collector_asks_after_each_gap(engine: Running, store: Store) -> None:
    """Once, and counts what it took; a server that is down at first is asked again."""
    counters, failing = Counters(), [web.json_response({"message": "starting"}, status=503) for _ in range(2)]
    archive = an_archive(refuse=lambda request: failing.pop() if failing else None)
    a_gap(store)
    async with archive.serving(), filling(chosen(engine, archive), counters):
        await eventually(lambda: newest(store, Backfill))

    (made,) = newest(store, Backfill)
    assert made.taken == len(archive.workflows)
    assert counters.series[metrics.BACKFILLED.name] == {("c1",): made.taken}
    failures = counters.series[metrics.BACKFILL_FAILURES.name]
    assert failures == {labels: labels == ("c1", "server") for labels in failures}


async def test_what_nobody_foresaw_ends_one_look_and_not_the_loop(
    engine: Running, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next look fills the gap."""
    monkeypatch.setattr(gap_filler, "LONGEST_PAUSE_S", 0.02)
    archive, looks = an_archive(), [ZeroDivisionError(), None]
    a_gap(store)

    def caught_up() -> bool:
        if looks and (error := looks.pop(0)):
            raise error
        return True

    async with archive.serving(), filling(chosen(engine, archive), Counters(), caught_up):
        await eventually(lambda: newest(store, Backfill))

    assert looks == []


async def test_nothing_is_requested_while_rows_wait_for_the_store(engine: Running, store: Store) -> None:
    """What is in the spool would be taken for missing."""
    archive, looks = an_archive(), []
    a_gap(store)

    def caught_up() -> bool:
        looks.append(1)
        return False

    async with archive.serving(), filling(chosen(engine, archive), Counters(), caught_up):
        await eventually(lambda: len(looks) > 2)

    assert archive.requests == []


async def test_where_a_cluster_names_no_archive_nothing_runs() -> None:
    """No task, no counters."""
    counters, before = Counters(), len(asyncio.all_tasks())
    pipeline = Pipeline({"c1": RULES}, books(), UTC, Counters())
    filler = gap_filler.GapFiller(Settings(), ClusterSettings(name="c1"), pipeline, counters, lambda: True)

    async with gap_filler.filling(filler):
        assert (len(asyncio.all_tasks()), counters.series) == (before, {})


def test_what_vanished_is_not_watched() -> None:
    """A workflow that the cluster still knows is left to its watch, unless it is gone with an unknown end."""
    live = broken(0.5)[0].cluster
    unknown = {uid for uid, life in live.workflows.items() if life.attempt.outcome == "unknown"}
    whole = undisturbed().cluster

    assert not any(gap_filler._is_watched(live, uid) for uid in (*unknown, "never"))
    assert all(gap_filler._is_watched(whole, uid) for uid in whole.workflows)


def test_days_that_the_store_would_delete_again_are_refused() -> None:
    """An import that is gone after the next merge looks like one that worked."""
    kept, today = {"workflow_run": 400, "step_run": 500}, date(2026, 11, 30)
    command.refuse_expired({"workflow_run": 0, "step_run": 0}, date(2020, 1, 1), today)
    command.refuse_expired(kept, today - timedelta(399), today)

    with pytest.raises(ReportError, match="--from 2025-10-26: the store keeps rows for 400 days and would delete"):
        command.refuse_expired(kept, today - timedelta(400), today)
