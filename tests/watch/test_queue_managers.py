"""A fleet of each queue manager behind a real socket: each workflow has the right reason, the depth is the manager's own."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.catalog.counters import Counters
from collector.core.cluster.state import Cluster
from collector.core.messages import Observation, Outcome, Synced
from collector.core.objects.kubernetes import ADMISSION_KINDS
from collector.core.rules import Rules
from collector.kube.connection import Connection
from collector.watch.installed import installed
from collector.watch.kinds import RESOURCES, Resource
from collector.watch.protocol import Watch
from collector.watch.reflector import watch_cluster
from tests.builders import NOON, a_step, a_workflow
from tests.core.queue.managers.objects import (
    TOPOLOGY,
    a_gated,
    a_group,
    a_local_queue,
    a_managed,
    a_suspended,
    a_unit,
    a_unit_queue,
    a_volcano_pod,
    a_workload,
    waits_for_quota,
)
from tests.watch.server import (
    QUICK,
    Answer,
    ApiServer,
    Exchange,
    Impatient,
    always_room,
    body,
    discovery,
    eventually,
    kubeconfig,
)

FLEET, HELD = 200, 150
Collections = dict[str, list[Any]]


def kube_queue() -> Collections:
    """Held ones, released ones, and some that a person has suspended."""
    names = [f"w{number}" for number in range(FLEET)]
    held, free = names[:HELD], names[HELD:]
    return {
        "workflows": [
            *(a_managed(name, nodes={}) for name in held),
            *(a_managed(name, suspend=False, nodes={}) for name in free),
            *(a_suspended(f"person-{number}", nodes={}) for number in range(20)),
        ],
        "queueunits": [*(a_unit("Enqueued", name) for name in held), *(a_unit("Running", name) for name in free)],
        "queues": [a_unit_queue(*held)],
    }


def workflows_with_pods(**spec: Any) -> list[Any]:
    more: dict[str, Any] = {"phase": "Running", "started": NOON, "nodes": {"w": a_step("Pending")}, "spec": spec}
    return [a_workflow(f"w{number}", **more) for number in range(FLEET)]


def kueue() -> Collections:
    """One pod a workflow, and its Workload; Kueue counts those without quota."""
    held = range(HELD)
    return {
        "workflows": workflows_with_pods(podMetadata={"labels": {"kueue.x-k8s.io/queue-name": "team-a"}}),
        "pods": [a_gated(f"p{n}", f"w{n}", *(() if n < HELD else (TOPOLOGY,))) for n in range(FLEET)],
        "workloads": [a_workload(f"p{number}", waits_for_quota()) for number in held],
        "localqueues": [a_local_queue(pending=HELD)],
    }


def volcano() -> Collections:
    """One group a workflow."""
    return {
        "workflows": workflows_with_pods(schedulerName="volcano"),
        "pods": [a_volcano_pod(f"p{number}", f"w{number}") for number in range(FLEET)],
        "podgroups": [a_group("Pending" if n < HELD else "Inqueue", of=f"w{n}") for n in range(FLEET)],
    }


def served(collections: Collections) -> Answer:
    """Lists of these objects."""

    async def answer(exchange: Exchange) -> None:
        items = msgspec.json.encode(collections.get(exchange.request.path.rpartition("/")[2], []))
        head = {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "100"}, "items": json.loads(items)}
        await exchange.body(json.dumps(head).encode())

    return answer


async def watched(folder: Path, collections: Collections, rows: Iterable[Resource] = RESOURCES) -> Cluster:
    """The cluster after the lists of all that is installed of these rows."""
    cluster = Cluster("prod", Rules())
    synced: set[str] = set()

    def sink(outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Observation):
                cluster.observe(outcome)
            elif isinstance(outcome, Synced):
                cluster.gap_ended(outcome.kind)
                synced.add(outcome.kind)

    async with ApiServer().serving() as server, Connection(kubeconfig(folder, server.url)) as connection:
        server.otherwise |= {"list": served(collections), "/apis": body(discovery(row for row in rows if row.group))}
        found = await installed(connection, RESOURCES)
        watches = [Watch("prod", row, dice=Impatient(1), counters=Counters()) for row in found]
        task = asyncio.create_task(watch_cluster(connection, watches, sink=sink, room=always_room, patience=QUICK))
        try:
            await eventually(lambda: synced >= {row.kind for row in found})
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=5)
    return cluster


def depths(cluster: Cluster) -> dict[tuple[str, bool], int]:
    """Live workflows by reason, and whether work has begun."""
    return {(row.reason, row.begun): row.count for row in cluster.waiting()}


@pytest.mark.parametrize(
    ("fleet", "others"),
    [
        (kube_queue, {("suspended", True): 20, ("advancing", True): FLEET - HELD}),
        (kueue, {("starting", True): FLEET - HELD}),
        (volcano, {("starting", True): FLEET - HELD}),
    ],
    ids=["kube-queue", "kueue", "volcano"],
)
async def test_the_depth_is_the_managers_own_count(fleet: Any, others: dict[Any, int], tmp_path: Path) -> None:
    """And every other workflow has the reason that is its own."""
    cluster = await watched(tmp_path, fleet())

    assert depths(cluster) == {("queued", False): HELD, **others}
    assert [queue.pending for queue in cluster.admissions.queues("prod")] == [HELD]


async def test_an_older_kueue_serves_the_same_objects(tmp_path: Path) -> None:
    """Where the newest version is not served the one before is read."""
    older = [replace(row, version=row.versions[-1]) for row in RESOURCES]
    cluster = await watched(tmp_path, kueue(), older)
    words = {state.attempt.reason_words for state in cluster.workflows.values() if state.attempt.reason == "queued"}

    assert [queue.pending for queue in cluster.admissions.queues("prod")] == [HELD]
    assert len(words) == 1
    assert words.pop().startswith("WaitingForQuota: ")


@pytest.mark.parametrize("fleet", [kube_queue, kueue], ids=["kube-queue", "kueue"])
async def test_without_the_managers_objects_the_depth_is_the_same(fleet: Any, tmp_path: Path) -> None:
    """The workflows and pods themselves show that they are held; only words and position are missing."""
    cluster = await watched(tmp_path, fleet(), [row for row in RESOURCES if row.kind not in ADMISSION_KINDS])

    assert depths(cluster)["queued", False] == HELD
    assert [*cluster.admissions.queues("prod")] == []
