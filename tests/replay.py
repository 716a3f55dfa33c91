"""
Recorded watch streams as observations, without the watch package: an independent reading of the same bytes.

Every event of a recording happened after its list, so all are live. Versions are the objects' own.
"""

import io
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from collector.core.cluster.effects import Effect
from collector.core.cluster.state import Cluster
from collector.core.messages import Change, Observation
from collector.core.model import version_of
from collector.core.objects import structs
from collector.core.objects.kubernetes import Kind
from collector.core.rules import AttributionRule, Rules

RECORDED = Path(__file__).parent / "recorded"
KINDS: tuple[Kind, ...] = ("namespaces", "nodes", "workflows", "pods")
CHANGES: dict[str, Change] = {"ADDED": "added", "MODIFIED": "modified", "DELETED": "deleted"}
RULES = Rules(
    department=(
        AttributionRule("workflow_label", "department"),
        AttributionRule("namespace_label", "department"),
    ),
)


def read(folder: str, name: str) -> bytes:
    """A recorded file, unpacked."""
    with (RECORDED / folder / f"{name}.zst").open("rb") as packed:
        return zstandard.ZstdDecompressor().stream_reader(packed).read()


def raw_events(folder: str, kind: str) -> list[dict[str, Any]]:
    """The events of one kind as plain JSON: {"at", "event": {"type", "object"}}; without bookmarks."""
    lines = io.BytesIO(read(folder, f"{kind}.watch.jsonl"))
    return [e for e in map(json.loads, lines) if e["event"]["type"] != "BOOKMARK"]


@cache
def observations(folder: str) -> list[Observation]:
    """The lists, then all kinds' events in the order in which they arrived; read once, since decoding takes seconds."""
    listed = [o for kind in KINDS for o in _listed(folder, kind)]
    watched = [o for kind in KINDS for o in _watched(folder, kind)]
    return [*listed, *sorted(watched, key=lambda o: o.at)]


def play(folder: str, rules: Rules = RULES) -> tuple[Cluster, list[Effect]]:
    """A cluster that has seen a whole recording, and all that followed from it."""
    cluster = Cluster("c1", rules)
    effects = [h for observation in observations(folder) for h in cluster.observe(observation)]
    return cluster, effects


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Line(msgspec.Struct):
    at: int
    event: _Event


class _List(msgspec.Struct):
    items: list[msgspec.Raw] | None = None


def _listed(folder: str, kind: Kind) -> Iterator[Observation]:
    for item in msgspec.json.decode(read(folder, f"{kind}.list.json"), type=_List).items or ():
        yield _observation(kind, "listed", item, 0)


def _watched(folder: str, kind: Kind) -> Iterator[Observation]:
    for line in msgspec.json.Decoder(_Line).decode_lines(read(folder, f"{kind}.watch.jsonl")):
        if line.event.type != "BOOKMARK":
            yield _observation(kind, CHANGES[line.event.type], line.event.object, line.at)


def _observation(kind: Kind, change: Change, item: msgspec.Raw, at: int) -> Observation:
    obj = msgspec.json.decode(item, type=structs.OBJECT_OF[kind])
    version = version_of(0, int(obj.metadata.resourceVersion))
    return Observation(kind, change, obj.metadata.uid, obj, version=version, at=at, live=change != "listed")
