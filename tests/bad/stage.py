"""
The path of a bad input: a watch fed with bytes, a pipeline with real price books, a spool on disk, and the rows read from it.

Its neighbours exist before and after it. The stage adds a server that opens a stream again at its position.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from collector.catalog.counters import Counters
from collector.catalog.tables import TABLE_NAMED
from collector.catalog.watches import LIVE_STATE
from collector.core.model import Instant
from collector.core.objects.kubernetes import Kind
from collector.pipeline.pipeline import Pipeline
from collector.store.spool.batches import Batch
from collector.store.spool.spool import Spool, open_spool
from collector.watch.kinds import Resource
from collector.watch.protocol import Watch
from tests.bad.cases import Case, line, sound_cron, sound_event, sound_pod, sound_workflow, versioned
from tests.builders import MINUTE, NOON, SECOND, VIRTUAL_NODE, iso
from tests.flow import a_pipeline
from tests.watch.steps import (
    CRON_WORKFLOWS,
    EVENTS,
    NAMESPACES,
    NODES,
    PODS,
    WORKFLOWS,
    bookmark,
    reopen,
    restarts,
    watching,
)

CLUSTER = "prod"
RESOURCES: tuple[Resource, ...] = (NAMESPACES, NODES, EVENTS, WORKFLOWS, PODS, CRON_WORKFLOWS)
NEIGHBOURS = ("wa", "pa", "wb", "pb")
VIRTUAL = {"topology.kubernetes.io/zone": "h", "topology.kubernetes.io/region": "cn-hangzhou"}
SLOTS = {
    "first": (500, NOON + 80 * SECOND),
    "middle": (5_000, NOON + 5 * MINUTE),
    "last": (2_000_000, NOON + 20 * MINUTE),
}
"""Where a bad object stands between its neighbours: its resource version and when it is sent."""


class WatchLine(NamedTuple):
    """One line of a watch."""

    rv: int
    at: Instant
    kind: Kind
    text: bytes


def sounds() -> list[WatchLine]:
    """Two workflows with one pod each; the first pair runs around the middle, and the namespace's department pays both."""
    team = {"metadata": {"name": "team", "uid": "ns-team", "labels": {"department": "robotics"}}}
    machine = {"metadata": {"name": VIRTUAL_NODE, "uid": "vk", "labels": VIRTUAL}}
    sent = [_sent(200, 0, "namespaces", team), _sent(210, 0, "nodes", machine)]
    sent += _lived("a", (1_100, 2 * MINUTE), (900_000, 10 * MINUTE))
    hint = sound_event("ea") | {"involvedObject": {"kind": "Pod", "uid": "pa"}}
    sent += [
        _sent(1_200, 2 * MINUTE + 5 * SECOND, "events", hint),
        _sent(1_210, 3 * MINUTE, "cronworkflows", sound_cron("ca")),
    ]
    sent += [_sent(950_000, 11 * MINUTE, "namespaces", team), _sent(950_010, 11 * MINUTE, "nodes", machine)]
    sent += _lived("b", (1_000_000, 12 * MINUTE), (1_000_100, 14 * MINUTE))
    # What is kept until another kind has come as far must not depend on who moved that kind along.
    ends: tuple[Kind, ...] = ("workflows", "pods")
    sent += [WatchLine(3_000_000, NOON + 30 * MINUTE, kind, bookmark(3_000_000)) for kind in ends]
    return sorted(sent, key=lambda one: one.rv)


def _lived(name: str, began: tuple[int, int], ended: tuple[int, int]) -> list[WatchLine]:
    """A workflow and its pod: added, running, ended."""
    (rv, at), (last_rv, last_at) = began, ended
    workflow, pod = f"w{name}", f"p{name}"
    return [
        _sent(rv, at, "workflows", _workflow(workflow, ""), "ADDED"),
        _sent(rv + 10, at + SECOND, "pods", _pod(pod, workflow, "Pending"), "ADDED"),
        _sent(rv + 20, at + 2 * SECOND, "workflows", _workflow(workflow, "Running")),
        _sent(rv + 30, at + 3 * SECOND, "pods", _pod(pod, workflow, "Running")),
        _sent(last_rv, last_at, "pods", _pod(pod, workflow, "Succeeded")),
        _sent(last_rv + 10, last_at + SECOND, "workflows", _workflow(workflow, "Succeeded")),
    ]


def _sent(rv: int, after: int, kind: Kind, obj: dict[str, Any], change: str = "MODIFIED") -> WatchLine:
    return WatchLine(rv, NOON + after, kind, line(versioned(obj, rv), change))


def _workflow(uid: str, phase: str) -> dict[str, Any]:
    obj = sound_workflow(uid)
    obj["metadata"]["labels"] = None
    if phase != "Succeeded":
        obj["status"] = {"phase": phase or None, "startedAt": iso(NOON + SECOND) if phase else None}
    return obj


def _pod(uid: str, workflow: str, phase: str) -> dict[str, Any]:
    obj = sound_pod(uid)
    obj["metadata"]["ownerReferences"][0]["uid"] = workflow
    obj["status"]["phase"] = phase
    if phase != "Succeeded":
        running = {"running": {"startedAt": iso(NOON + 10 * SECOND)}} if phase == "Running" else {}
        obj["status"]["containerStatuses"][0]["state"] = running
    return obj


def with_bad(bad: Case, uid: str, slot: str) -> list[WatchLine]:
    """The neighbours with a bad input among them."""
    rv, at = SLOTS[slot]
    if slot == "first" and bad.kind in ("namespaces", "nodes"):  # the others' own stand before all workflows and pods
        rv = 150
    return sorted([*sounds(), *lines_of(bad, uid, rv, at)], key=lambda sent: sent.rv)


def lines_of(bad: Case, uid: str, rv: int, at: Instant) -> list[WatchLine]:
    """The lines of a bad input, from a version on."""
    return [WatchLine(rv + i, at, bad.kind, text) for i, text in enumerate(bad.lines(uid, rv))]


@dataclass
class Played:
    """The content of the disk after a stream, and the CPU time of the stream."""

    tables: dict[str, list[dict[str, Any]]]
    states: dict[tuple[str, str], bytes]
    counters: Counters
    cpu_s: float
    """Of the whole stream, from the first byte to the spool's disk."""

    def rows(self, table: str, uid: str) -> list[dict[str, Any]]:
        """The rows of a table about one object, oldest version first."""
        found = [row for row in self.tables.get(table, ()) if row.get("uid", row.get("pod_uid")) == uid]
        return sorted(found, key=lambda row: row["version"])

    def neighbours(self) -> bytes:
        """The neighbours' rows and states, as bytes."""
        obj = {t: [r for r in rows if _about(r) in NEIGHBOURS] for t, rows in self.tables.items() if t != "quarantine"}
        states = {key: state for key, state in self.states.items() if key[1] in NEIGHBOURS}
        return msgspec.msgpack.encode([sorted((t, r) for t, r in obj.items() if r), sorted(states.items())])

    def reopenings(self) -> dict[str, int]:
        """How often a stream was opened again, by cause."""
        return restarts(self.counters)


def _about(row: dict[str, Any]) -> Any:
    return row.get("uid") or row.get("pod_uid") or row.get("workflow_uid")


def play(sent: Iterable[WatchLine], file: Path) -> Played:
    """Plays the stream, line by line, through watch, pipeline and spool."""
    counters = Counters()
    flow = a_pipeline(CLUSTER, counters=counters)
    watches = {resource.kind: _opened(resource, counters) for resource in RESOURCES}
    began, now = time.process_time(), NOON
    for rv, at, kind, text in sent:
        watch, now = watches[kind], at
        flow.take(CLUSTER, watch.feed(text, at))
        if not watch.streaming:
            reopen(watch, fence=rv, now=at)
    return _stored(flow, counters, file, now, began)


def play_in_one(sent: Iterable[WatchLine], file: Path) -> Played:
    """Plays the stream with all lines of a kind in one chunk, as after a pause."""
    counters = Counters()
    flow = a_pipeline(CLUSTER, counters=counters)
    began, now, lines = time.process_time(), NOON + 40 * MINUTE, list(sent)
    for resource in RESOURCES:
        chunk = b"".join(text for _, _, kind, text in lines if kind == resource.kind)
        flow.take(CLUSTER, _opened(resource, counters).feed(chunk, now))
    return _stored(flow, counters, file, now, began)


def _opened(resource: Resource, counters: Counters) -> Watch:
    """A watch with an empty list and an open stream; all its changes are live."""
    return watching(version=100, resource=resource, counters=counters)


def _stored(flow: Pipeline, counters: Counters, file: Path, now: Instant, began: float) -> Played:
    commit = flow.drain(now)
    assert commit is not None
    spool = open_spool(file, 2**30, now)
    try:
        spool.commit(commit)
        cpu_s = time.process_time() - began
        states = {(kind, uid): state for _, kind, uid, state in spool.load().checkpoints}
        return Played(_tables(spool, spool.seal(now)), states, counters, cpu_s)
    finally:
        spool.close()


def _tables(spool: Spool, batches: Iterable[Batch]) -> dict[str, list[dict[str, Any]]]:
    """The rows for the store, without the copy of the states, which are compared directly."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for batch in batches:
        if batch.table == LIVE_STATE.name:
            continue
        names = [column.name for column in TABLE_NAMED[batch.table].stored]
        tables.setdefault(batch.table, []).extend(dict(zip(names, row, strict=True)) for row in spool.read(batch).rows)
    return tables


def files_of(file: Path) -> Iterator[bytes]:
    """The bytes of each file of a spool."""
    for part in sorted(file.parent.glob(f"{file.name}*")):
        yield part.read_bytes()
