"""
What the demo shows arrives: real HTTP, the real collector, its tables and its live view.

The fleet's clock runs ten times as fast, from three minutes ago up to now, so that twenty seconds show three minutes and no
stamp lies ahead of the collector's clock. What stands or falls with that clock, cron runs and Leases, is in test_refusals.py.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector.core.live_view import LiveView
from collector.demo.fleet import run_fleet
from collector.settings.model import ClusterSettings
from tests.running import Running, a_service, running

SPEED, BEFORE_S = 10, 180
PATIENCE_S = 120
"""For what comes late: once the fleet has come to the present, its time is ours."""
REASONS = {
    "unseen", "throttled", "lock", "running", "suspended", "quota", "stock", "unschedulable", "image", "step_lock", "starting",
    "advancing",
}  # fmt: skip
SIGHTS = REASONS | {
    "semaphore with limit and holders", "mutex", "lock of a step", "limit by label", "limit by ConfigMap, whole cluster",
    "limit by ConfigMap, namespace", "leader by its metrics", "memory", "crash loop", "cron",
}  # fmt: skip
"""What must be in the live view at some instant."""

RUNS = "SELECT count() > 0 FROM workflow_run FINAL WHERE "
STEPS = "SELECT count() > 0 FROM step_run FINAL WHERE "
PODS = "SELECT count() > 0 FROM pod_run FINAL WHERE "
FACTS = {
    "waited for a lock": RUNS + "lock_ms > 0 AND waited_on['lock'] LIKE '%/ConfigMap/locks/gpu'",
    "packed steps": RUNS + "node_status = 'packed' AND pods > 20",
    "second attempt by argo retry": RUNS + "attempt = 2 AND template = 'firmware'",
    "a deadline spent waiting": RUNS + "reason = 'deadline_waiting' AND outcome = 'platform'",
    "a deadline of the user's": RUNS + "reason = 'deadline' AND outcome = 'failed'",
    "evicted or taken back": RUNS + "reason IN ('evicted', 'spot_reclaimed') AND outcome = 'platform'",
    "failed": RUNS + "outcome = 'failed' AND reason LIKE 'exit_%' AND deciding_step != ''",
    "retried": STEPS + "type = 'Pod' AND retried AND try_number = 1",
    "a Retry": STEPS + "type = 'Retry'",
    "memoized": STEPS + "memoized AND pod_uid = ''",
    "exit handler": STEPS + "hook AND step LIKE '%.onExit'",
    "a DAG within steps": STEPS + "type = 'DAG' AND boundary_id != ''",
    "held by a quota": STEPS + "waiting_reason = 'quota' AND waiting_on = 'gpu-quota'",
    "held by a lock": STEPS + "waiting_reason = 'step_lock' AND waiting_on = 'mapping/ConfigMap/locks/db'",
    "suspended": STEPS + "waiting_reason = 'suspended'",
    "OOM-killed": PODS + "reason = 'OOMKilled' AND exit_code = 137",
    "taken back, in its own words": PODS + "reason = 'BidExpired' AND hint LIKE 'SpotToBeReleased%'",
    "plain nodes, and no virtual one": (
        "SELECT count() > 0 AND countIf(instance_type != 'ecs.c7.8xlarge' OR cpu != 32) = 0 FROM node_run FINAL"
    ),
    "controller killed": "SELECT count() > 0 FROM controller_incident WHERE kind = 'oom_kill' AND cluster = 'prod-hz'",
    "controller loops": "SELECT count() > 0 FROM controller_incident WHERE kind = 'crash_loop'",
}


@asynccontextmanager
async def fast_fleet(folder: Path) -> AsyncIterator[list[ClusterSettings]]:
    """Three clusters whose time runs faster, until it has come to the present."""
    began = time.time()

    def clock() -> float:
        return min(time.time(), began - BEFORE_S + (time.time() - began) * SPEED)

    stop, up = asyncio.Event(), asyncio.get_running_loop().create_future()
    ready: Callable[[Path, list[str]], None] = lambda path, names: up.set_result((path, names))  # noqa: E731
    task = asyncio.create_task(run_fleet(folder, 3, 1, ready, stop, clock=clock))
    path, names = await up
    try:
        yield [ClusterSettings(name=name, kubeconfig=str(path), context=name) for name in names]
    finally:
        stop.set()
        await task


def seen_in(view: LiveView) -> Iterator[str]:
    """What of SIGHTS a live view shows."""
    yield from (row.reason for row in view.queues)
    for lock in view.locks:
        if lock.kind == "semaphore" and lock.limit == 2 and lock.held == 2 and lock.waiting and lock.holders:
            yield "lock of a step" if lock.name.endswith("/db") else "semaphore with limit and holders"
        elif lock.kind == "mutex" and lock.waiting:
            yield "mutex"
    for slots in view.slots:
        if slots.source == "namespace_label":
            yield "limit by label"
        elif slots.source == "configmap":
            yield "limit by ConfigMap, " + ("namespace" if slots.namespace else "whole cluster")
    for controller in view.controllers:
        yield (
            "leader by its metrics"
            if controller.leader and controller.metrics and controller.container == "controller"
            else ""
        )
        yield "memory" if controller.memory_bytes else ""
        yield "crash loop" if controller.crash_loop else ""
    yield "cron" if len(view.crons) == 3 else ""


async def until_seen(collector: Running, within_s: float) -> set[str]:
    """What of SIGHTS was never there, after all has been or the time is over."""
    missing = set(SIGHTS)
    ends = time.monotonic() + within_s
    while missing and time.monotonic() < ends:
        missing.difference_update(seen_in(collector.runtime.view()))
        await asyncio.sleep(0.05)
    return missing


@pytest.mark.timeout(400)
async def test_whatever_the_demo_shows_is_collected(tmp_path: Path) -> None:
    """Every waiting reason, lock, limit and controller is in the live view at some time, every end in the tables after it."""
    async with fast_fleet(tmp_path / "fleet") as clusters, running(a_service(tmp_path, *clusters)) as collector:
        missing = await until_seen(collector, PATIENCE_S)
        for sql in FACTS.values():
            await collector.until(sql, within_s=PATIENCE_S)
        unready = [health.detail for health in collector.runtime.view().clusters if not health.ready]
        quarantined = await collector.rows("SELECT kind, reason FROM quarantine")

    assert missing == set()
    assert (unready, quarantined) == ([], [])
