"""
Watch events and list items in bytes, made from recorded lives: what a real API server sent, with numbers put in.

Each life is one recorded object's events; every copy gets its own name, uid and times, and versions rise.
No clock and no dice: the same number of objects gives the same bytes in each process.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from tests import replay

Json = dict[str, Any]

FIRST_VERSION = 1_000_000
"""The version of the collection before the first event."""

IN_FLIGHT = 200
"""Lives run side by side in groups of this many, as in a cluster that works on so many at once."""

PODS_OF_WORKFLOW = 4
BEGIN = datetime(2026, 11, 2, tzinfo=UTC)

_MARK = re.compile(rb"@(NAME|UID|OWNER|VERSION|T\d+)@")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Template:
    """An event's bytes cut at the places where numbers go, and which number goes where."""

    pieces: list[bytes]
    marks: list[str]

    def filled(self, number: int, version: int) -> bytes:
        """The bytes of one object's event."""
        parts: list[bytes] = [self.pieces[0]]
        for mark, piece in zip(self.marks, self.pieces[1:], strict=True):
            parts += _value(mark, number, version), piece
        return b"".join(parts)


def _value(mark: str, number: int, version: int) -> bytes:
    match mark:
        case "NAME":
            return b"scenario-%06d" % number
        case "UID":
            return b"5eed0000-0000-4000-8000-%012x" % number
        case "OWNER":
            return b"0e1e0000-0000-4000-8000-%012x" % (number // PODS_OF_WORKFLOW)
        case "VERSION":
            return b"%d" % version
    return _stamp(number // 20 + int(mark[1:]))


@cache
def _stamp(second: int) -> bytes:
    return f"{BEGIN + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}".encode()


@cache
def life(kind: str) -> list[Template]:
    """The events of one object of a kind, first to last."""
    events = _workflow_life() if kind == "workflows" else _recorded("basics", "pods", _fanout_pod())
    meta = events[0]["object"]["metadata"]
    owners = [owner["uid"] for owner in meta.get("ownerReferences", ())]
    began = datetime.fromisoformat(meta["creationTimestamp"])
    return [_template(event, meta["name"], meta["uid"], owners, began) for event in events]


def _template(event: Json, name: str, uid: str, owners: list[str], began: datetime) -> Template:
    event["object"]["metadata"]["resourceVersion"] = "@VERSION@"
    text = json.dumps(event, separators=(",", ":"), ensure_ascii=False).replace(uid, "@UID@")
    for owner in owners:
        text = text.replace(owner, "@OWNER@")
    text = text.replace(name, "@NAME@")

    def since(match: re.Match[str]) -> str:
        seconds = (datetime.fromisoformat(match[0]) - began).total_seconds()
        return match[0] if abs(seconds) > 3600 else f"@T{max(0, int(seconds))}@"

    halves = _MARK.split(_TIME.sub(since, text).encode())
    return Template(halves[::2], [mark.decode() for mark in halves[1::2]])


def _recorded(folder: str, kind: str, name: str) -> list[Json]:
    events = [e["event"] for e in replay.raw_events(folder, kind)]
    return [e for e in events if e["object"]["metadata"]["name"] == name]


def _fanout_pod() -> str:
    names: list[str] = [e["event"]["object"]["metadata"]["name"] for e in replay.raw_events("basics", "pods")]
    return next(name for name in names if name.startswith("fanout-30-"))


def _workflow_life() -> list[Json]:
    """Submitted, postponed, running with 2 nodes, running with 4, succeeded with 5; 5.2 KB in the mean."""
    dag = _recorded("basics", "workflows", "dag-diamond")
    submitted, started, half, done = (dag[i] for i in (0, 1, 3, 7))
    events = [submitted, _postponed(started), started, half, done]
    for event in events:
        event["object"]["spec"]["arguments"] = {"parameters": _PARAMETERS}
    return events


_PARAMETERS = [
    {"name": f"input-{i:02}", "value": f"oss://scenes-cn-hangzhou/2026/11/02/vehicle-0{i:02}/drive-@NAME@.bag"}
    for i in range(14)
]
"""Arguments such as a submitting service writes; the recorded workflow has none, and its events are 3.9 KB in the mean."""


def _postponed(started: Json) -> Json:
    """The event by which the controller says that too many workflows run already, as recorded on another workflow."""
    waiting = next(
        e["event"]["object"]
        for e in replay.raw_events("throttled", "workflows")
        if (e["event"]["object"].get("status") or {}).get("phase") == "Pending"
    )
    event: Json = json.loads(json.dumps(started))
    event["object"]["status"] = waiting["status"]
    event["object"]["metadata"]["labels"]["workflows.argoproj.io/phase"] = "Pending"
    event["object"]["metadata"]["managedFields"] = waiting["metadata"]["managedFields"]
    del event["object"]["metadata"]["annotations"]
    return event


def watch_events(kind: str, objects: int) -> Iterator[bytes]:
    """Lines of a watch, all lives from first to last, their versions one apart."""
    version = FIRST_VERSION
    for group in range(0, objects, IN_FLIGHT):
        for template in life(kind):
            for number in range(group, min(group + IN_FLIGHT, objects)):
                version += 1
                yield template.filled(number, version) + b"\n"


def list_items(kind: str, objects: int) -> Iterator[bytes]:
    """Objects of a LIST: one in four still postponed, the others at work."""
    waits, works = (_bare(life(kind)[stage]) for stage in (1, 3))
    for number in range(objects):
        template = works if number % 4 else waits
        yield template.filled(number, FIRST_VERSION - objects + number)


def _bare(template: Template) -> Template:
    """The object of an event, without the event around it."""
    head, tail = template.pieces[0], template.pieces[-1]
    return Template([head[head.index(b'"object":') + 9 :], *template.pieces[1:-1], tail[:-1]], template.marks)
