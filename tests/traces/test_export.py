"""The export beside the watches: what comes out for what is committed, whatever the receiver does."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Commit
from collector.core.workflow.description import TRACE_ID
from collector.service import trace_export
from collector.service.trace_export import TraceExport
from collector.settings.model import ClusterSettings, Settings, StoreSettings
from collector.settings.traces import TraceSettings
from collector.store.clickhouse import Store
from collector.traces import feed, saved_queue, stored
from collector.traces.attempt import StoredAttempt
from collector.traces.attempt_spans import spans
from collector.traces.open_receiver import open_receiver
from collector.traces.span import TraceSpan
from tests.billing.stored import charges_of, write_all
from tests.builders import SECOND, a_pod_run, a_step, a_workflow, an_observation, ended_pod, running_pod
from tests.ports import free_port
from tests.reports.stored import a_run, a_step_run
from tests.running import a_service, running
from tests.store.running import Running
from tests.traces.receiving import as_dict, receiving


def just_ended(uid: str = "w1", **changes: Any) -> WorkflowRun:
    """An attempt that ended a moment ago."""
    now = now_ms()
    begun = dict.fromkeys(("created_at", "first_seen_at", "started_at", "picked_up_at"), now - 100 * SECOND)
    return a_run(uid, **{**begun, "finished_at": now, "running_ms": 100 * SECOND, **changes})


@dataclass
class Exporting:
    """An export that runs, and its counters."""

    export: TraceExport
    counters: Counters
    stored_until: int = 2**62
    task: asyncio.Task[None] | None = field(default=None)

    def offer(self, *runs: WorkflowRun) -> None:
        self.export.offer(Commit(at=now_ms(), facts=list(runs)))

    def counted(self) -> dict[str, Any]:
        series = self.counters.series
        dropped = {"/".join(labels): n for labels, n in series[metrics.TRACES_DROPPED.name].items() if n}
        return {"exported": series[metrics.TRACES_EXPORTED.name][()], **dropped}

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def exporting(engine: Running, folder: Path, url: str, **chosen: Any) -> AsyncIterator[Exporting]:
    """An export from the tests' store to a receiver, without delay."""
    traces = TraceSettings(**{"endpoint": url, "delay_seconds": 0, "timeout_seconds": 0.3, **chosen})
    settings, counters = Settings(store=StoreSettings(url=engine.url), traces=traces, data_dir=str(folder)), Counters()
    state = Exporting(TraceExport(settings, counters, open_receiver(traces)), counters)
    state.task = asyncio.create_task(state.export.run(lambda: state.stored_until))
    try:
        yield state
    finally:
        state.task.cancel()
        with suppress(asyncio.CancelledError):
            await state.task


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a test's length."""
    monkeypatch.setattr(trace_export, "LOOK_S", 0.02)
    monkeypatch.setattr(trace_export, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(trace_export, "LONGEST_PAUSE_S", 0.1)
    monkeypatch.setattr(feed, "LATER_MS", 50)


async def test_each_attempt_that_ended_is_a_trace(store: Store, engine: Running, tmp_path: Path) -> None:
    """With its steps and pods from the store; the resource names the cluster."""
    run = just_ended()
    begun = run.created_at + SECOND
    pod = a_pod_run(
        created_at=begun,
        scheduled_at=begun,
        instance_created_at=begun,
        main_started_at=begun + SECOND,
        finished_at=begun + 60 * SECOND,
    )
    step = a_step_run("p1", pod_uid="p1", workflow_created_at=run.created_at)
    write_all(store, [run, step, pod, *charges_of(pod, run), just_ended("w2", cluster="c2")])
    with receiving() as there:
        async with exporting(engine, tmp_path, there.url) as live:
            live.offer(run, just_ended("w2", cluster="c2", created_at=now_ms() + 10**6))
            await live.until(lambda: live.counted()["exported"] == 1)

    assert [span.name for span in there.spans][:3] == ["RUN train", "p1", "pod"]
    assert there.resources == [{"service.name": "argo-workflows", "k8s.cluster.name": "c1"}]
    assert as_dict(there.spans[0].attributes)["lynceus.cost"] > 0
    assert live.counted() == {"exported": 1}
    assert [key.uid for key in saved_queue.load(tmp_path)] == ["w2"]  # whose row was never in the store


async def test_a_receiver_that_is_away_is_waited_out(
    store: Store, engine: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """503 for longer than one request lasts, then 200: each trace arrives once, with one warning and one word of its end."""
    caplog.set_level(logging.INFO)
    runs = [just_ended(f"w{i}") for i in range(3)]
    write_all(store, runs)
    with receiving() as there:
        there.answers = [503] * 4
        async with exporting(engine, tmp_path, there.url) as live:
            live.offer(*runs)
            await live.until(lambda: live.counted()["exported"] == 3)
            errors = live.counters.series[metrics.TRACE_SEND_ERRORS.name][()]

    assert len(there.spans) == len({span.trace_id for span in there.spans}) == 3
    assert live.counted() == {"exported": 3}
    assert errors == 4
    logged = [record.message for record in caplog.records if record.name == trace_export.__name__]
    assert logged == ["traces are not exported, retrying", "traces are exported again"]


async def test_a_receiver_that_hangs_stops_nothing_else(store: Store, engine: Running, tmp_path: Path) -> None:
    """The loop goes on, the queue takes what it has room for and counts the rest, and the export recovers."""
    runs = [just_ended(f"w{i}") for i in range(40)]
    write_all(store, runs)
    with receiving() as there:
        there.hangs.set()
        async with exporting(engine, tmp_path, there.url, queue=5, timeout_seconds=0.5) as live:
            live.offer(runs[0])
            await live.until(lambda: there.tried > 0)
            longest = before = 0.0
            for run in runs[1:]:
                before = time.perf_counter()
                live.offer(run)
                await asyncio.sleep(0.01)
                longest = max(longest, time.perf_counter() - before - 0.01)
            assert live.counted() == {"exported": 0, "queue_full": 34}
            there.hangs.clear()
            await live.until(lambda: live.counted()["exported"] == 6)

    assert longest < 0.2


async def test_a_receiver_that_comes_later_gets_what_waits(store: Store, engine: Running, tmp_path: Path) -> None:
    """At first nothing listens there."""
    port, run = free_port(), just_ended()
    write_all(store, [run])
    async with exporting(engine, tmp_path, f"http://127.0.0.1:{port}/v1/traces") as live:
        live.offer(run)
        await live.until(lambda: live.counters.series[metrics.TRACE_SEND_ERRORS.name][()] > 1)
        with receiving(port) as there:
            await live.until(lambda: live.counted()["exported"] == 1)

    assert [span.name for span in there.spans] == ["RUN train"]


async def test_a_trace_that_is_refused_does_not_stop_the_next(store: Store, engine: Running, tmp_path: Path) -> None:
    """It is counted, and not sent again."""
    runs = [just_ended(f"w{i}") for i in range(3)]
    write_all(store, runs)
    with receiving() as there:
        there.answers = [200, 400]
        async with exporting(engine, tmp_path, there.url) as live:
            live.offer(*runs)
            await live.until(lambda: live.counted()["exported"] == 2)

    assert (live.counted(), there.tried) == ({"exported": 2, "refused": 1}, 3)


async def test_what_the_store_does_not_have_yet_is_awaited(store: Store, engine: Running, tmp_path: Path) -> None:
    """While rows wait in the spool nothing is read; then until the newest committed row is there."""
    run = just_ended(outcome="failed")
    write_all(store, [just_ended(created_at=run.created_at, version=1)])
    with receiving() as there:
        async with exporting(engine, tmp_path, there.url) as live:
            live.stored_until = 0
            live.offer(run)
            await asyncio.sleep(0.2)
            live.stored_until = 2**62
            await asyncio.sleep(0.2)
            assert there.tried == 0
            write_all(store, [run])
            await live.until(lambda: live.counted()["exported"] == 1)

    assert as_dict(there.spans[0].attributes)["lynceus.outcome"] == "failed"


async def test_a_store_that_is_down_is_awaited(
    engine: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is dropped for it until it is too old, and one warning names the reason."""
    with receiving() as there:
        url = f"http://127.0.0.1:{free_port()}"
        async with exporting(Running(engine.process, url, tmp_path, tmp_path), tmp_path, there.url) as live:
            live.offer(just_ended(), just_ended("old", finished_at=now_ms() - feed.OLD_MS + 2000))
            await live.until(lambda: live.counted() == {"exported": 0, "old": 1})

    assert [key.uid for key in saved_queue.load(tmp_path)] == ["w1"]
    warned = [record for record in caplog.records if record.name == trace_export.__name__]
    assert [record.message for record in warned] == ["traces are not exported, retrying"]


async def test_a_large_attempt_is_sent_on_where_it_broke_off(store: Store, engine: Running, tmp_path: Path) -> None:
    """A receiver that fails in the middle gets the rest, not all again."""
    run = just_ended(pods=1200)
    steps = [a_step_run(f"s{i:04}", workflow_created_at=run.created_at) for i in range(1200)]
    write_all(store, [run, *steps])
    with receiving() as there:
        there.answers = [200, 503, 503]
        async with exporting(engine, tmp_path, there.url) as live:
            live.offer(run)
            await live.until(lambda: live.counted()["exported"] == 1)

    assert len(there.spans) == len({span.span_id for span in there.spans}) == 1201
    assert len(there.requests) == 3


async def test_what_waits_at_the_end_is_exported_by_the_next_run(store: Store, engine: Running, tmp_path: Path) -> None:
    """A new version of the collector costs no trace: not what waits, was taken, or was half sent."""
    runs = [just_ended(f"w{i}") for i in range(3)]
    write_all(store, runs)
    with receiving() as there:
        there.answers = [503] * 99
        async with exporting(engine, tmp_path, there.url) as live:
            live.offer(*runs[:2])
            await live.until(lambda: there.tried > 0)
            live.offer(runs[2])
        assert live.counted() == {"exported": 0}
        there.answers = []
        async with exporting(engine, tmp_path, there.url) as live:
            await live.until(lambda: live.counted()["exported"] == 3)

    assert len({span.trace_id for span in there.spans}) == 3
    assert saved_queue.load(tmp_path) == {}


async def test_what_cannot_be_saved_is_counted(store: Store, engine: Running, tmp_path: Path) -> None:
    """A full disk, or one that is gone."""
    (tmp_path / f"{saved_queue.NAME}.new").mkdir()
    write_all(store, [run := just_ended()])
    with receiving() as there:
        async with exporting(engine, tmp_path, there.url) as live:
            live.offer(run, just_ended("w2"))
            await live.until(lambda: live.counted()["exported"] == 1)

    assert live.counted() == {"exported": 1, "shutdown": 1}


async def test_one_attempt_that_cannot_be_exported_does_not_stop_the_next(
    store: Store, engine: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one whose spans cannot be made, nor one whose rows cannot be read; each is counted."""
    runs = [just_ended(f"w{i}", name=f"w{i}") for i in range(3)]
    write_all(store, runs)
    read, broken = stored.read_attempts, [True]

    def fails_for_one(attempt: StoredAttempt, limit: int) -> list[TraceSpan]:
        if attempt.run.uid == "w1":
            raise ZeroDivisionError
        return spans(attempt, limit)

    def fails_once(*given: Any) -> list[StoredAttempt]:
        if broken.pop():
            broken.append(False)
            raise ZeroDivisionError
        broken.append(False)
        return read(*given)

    monkeypatch.setattr("collector.service.trace_export.spans", fails_for_one)
    monkeypatch.setattr(stored, "read_attempts", fails_once)
    with receiving() as there:
        async with exporting(engine, tmp_path, there.url) as live:
            live.offer(runs[0])
            await live.until(lambda: live.counted().get("unforeseen") == 1)
            live.offer(*runs[1:])
            await live.until(lambda: live.counted()["exported"] == 1)

    assert live.counted() == {"exported": 1, "unforeseen": 2}
    assert [as_dict(span.attributes)["lynceus.workflow"] for span in there.spans] == ["w2"]


async def test_a_collector_exports_what_it_watched(tmp_path: Path) -> None:
    """From the observation through spool and store to the receiver, into the trace that Argo made; off without an endpoint."""
    kubeconfig = tmp_path / "kube.yaml"
    kubeconfig.write_text("apiVersion: v1\nkind: Config\n", encoding="utf-8")
    begun, trace = now_ms() // 1000 * 1000 - 90 * SECOND, "0af7651916cd43dd8448eb211c80319c"

    def a_sight(after_s: int, **more: Any) -> Any:
        flow = a_workflow(created=begun, annotations={TRACE_ID: trace}, **more)
        return an_observation(flow, "modified", when=begun + after_s * SECOND)

    ended = {"phase": "Succeeded", "started": begun, "finished": begun + 71 * SECOND}
    life = [
        a_sight(0),
        a_sight(1, phase="Running", started=begun),
        an_observation(running_pod(created=begun), when=begun + 2 * SECOND),
        an_observation(ended_pod(created=begun), when=begun + 70 * SECOND),
        a_sight(72, **ended, nodes={"w1": a_step(startedAt=None)}),
    ]
    with receiving() as there:
        service = a_service(
            tmp_path,
            ClusterSettings(name="absent", kubeconfig=str(kubeconfig)),
            traces=TraceSettings(endpoint=there.url, delay_seconds=0),
        )
        async with running(service) as collector:
            collector.runtime.pipeline.take("absent", life)
            await collector.until(lambda: bool(there.spans))

    assert there.spans[0].trace_id.hex() == trace
    assert as_dict(there.spans[0].attributes)["cicd.pipeline.result"] == "success"
    assert {"RUN w1", "pod"} <= {span.name for span in there.spans}
