"""
A cluster's life in simulated time, and what a watcher of it would know. No clock, no network.
"""

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from collector.demo.load import ClusterLoad
from collector.demo.objects import Saved, StepWrites, Write
from collector.demo.scenario import SimulatedCluster, clusters

NOON = 1_795_262_400.0
"""2026-11-21 12:00:00 UTC."""
SHORTEST_S = 0.02
LONGEST_S = 0.5
"""Steps come when something is due, but neither closer nor further apart: as in the real fleet."""
SPAN_S = 300
"""Long enough for everything in the story to happen."""
Obj = dict[str, Any]


def cluster(name: str) -> SimulatedCluster:
    """A cluster of the fleet by name."""
    return next(simulated for simulated in clusters(3) if simulated.name == name)


def batches(load: ClusterLoad, seconds: float, begin: float = NOON) -> Iterator[tuple[float, StepWrites]]:
    """Steps a load through so many seconds."""
    now = begin
    while now < begin + seconds:
        yield now, load.step(now)
        now = max(now + SHORTEST_S, min(load.next_due(), now + LONGEST_S))


@dataclass(frozen=True, slots=True)
class Sight:
    """One event as a watcher of all kinds sees it."""

    at: float
    write: Write
    obj: Obj

    @property
    def phase(self) -> str:
        """status.phase, or nothing."""
        return str((self.obj.get("status") or {}).get("phase") or "")

    @property
    def nodes(self) -> dict[str, Obj]:
        """status.nodes, unpacked if need be: another reading than the demo's own."""
        status = self.obj.get("status") or {}
        if packed := status.get("compressedNodes"):
            found: dict[str, Obj] = msgspec.json.decode(zlib.decompress(base64.b64decode(packed), wbits=31))
            return found
        return status.get("nodes") or {}

    @property
    def message(self) -> str:
        """status.message, or nothing."""
        return str((self.obj.get("status") or {}).get("message") or "")


@cache
def watched(name: str, seconds: int = SPAN_S, seed: int = 1) -> tuple[Sight, ...]:
    """Everything that happened in a cluster; computed once a test run."""
    load = ClusterLoad(cluster(name), seed)
    return tuple(
        Sight(at, write, msgspec.json.decode(write.body))
        for at, batch in batches(load, seconds)
        for write in batch.writes
    )


def of(sights: tuple[Sight, ...], kind: str) -> list[Sight]:
    """The events of one kind."""
    return [sight for sight in sights if sight.write.kind == kind]


def is_argos(sight: Sight) -> bool:
    """Whether it is a pod of the controller itself, and not of a workflow."""
    return sight.write.key.startswith("argo/")


def fleet(kind: str) -> list[Sight]:
    """The events of one kind in all clusters."""
    return [sight for simulated in clusters(3) for sight in of(watched(simulated.name), kind)]


@dataclass(slots=True)
class Held:
    """What is durable after some batches: the stand-in for a Store."""

    version: int = 0
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    records: dict[str, bytes] = field(default_factory=dict)

    def apply(self, batch: StepWrites) -> None:
        """Takes a step in."""
        for write in batch.writes:
            self.version = write.version
            self.objects[write.kind, write.key] = write.body
            if write.verb == "DELETED":
                del self.objects[write.kind, write.key]
        for name, body in batch.records.items():
            self.records.pop(name, None)
            if body is not None:
                self.records[name] = body

    def saved(self) -> Saved:
        """What a restart begins with."""
        objects = tuple((kind, key, body) for (kind, key), body in self.objects.items())
        return Saved(self.version, objects, dict(self.records))
