"""
Answers of API servers as bytes, and a watch to give them to. No sockets and no assertions of rules: these are in the tests.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from collector.catalog.counters import Counters
from collector.catalog.metrics import DECODE_FALLBACKS, WATCH_RESTARTS
from collector.core.messages import Observation, Outcome, Position
from collector.core.model import Instant, version_of
from collector.watch.kinds import BY_KIND, Resource
from collector.watch.protocol import Watch
from collector.watch.requests import Pause, Request

NOON = 1_795_348_800_000
SECOND = 1000
JSON = {"Content-Type": "application/json"}

NAMESPACES, NODES, WORKFLOWS = BY_KIND["namespaces"], BY_KIND["nodes"], BY_KIND["workflows"]
PODS, CRON_WORKFLOWS, EVENTS = BY_KIND["pods"], BY_KIND["cronworkflows"], BY_KIND["events"]


@dataclass
class Stored:
    """The stored position and versions after a restart."""

    resource_version: str
    epoch: int = 0
    known: dict[str, int] = field(default_factory=dict)


def an_object(uid: str, version: int | str, name: str = "", **more: Any) -> dict[str, Any]:
    """A workflow as small as can be."""
    meta = {"name": name or uid, "namespace": "ci", "uid": uid, "resourceVersion": str(version)}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": meta, **more}


def event(kind: str, about: Any) -> bytes:
    return json.dumps({"type": kind, "object": about}).encode() + b"\n"


def added(uid: str, version: int, **more: Any) -> bytes:
    return event("ADDED", an_object(uid, version, **more))


def modified(uid: str, version: int, **more: Any) -> bytes:
    return event("MODIFIED", an_object(uid, version, **more))


def deleted(uid: str, version: int, **more: Any) -> bytes:
    return event("DELETED", an_object(uid, version, **more))


def bookmark(version: int | str, annotations: Mapping[str, str] | None = None) -> bytes:
    meta: dict[str, Any] = {"resourceVersion": str(version)}
    if annotations:
        meta["annotations"] = annotations
    return event("BOOKMARK", {"kind": "Workflow", "metadata": meta})


def page(*objects: Any, version: int | str, token: str = "") -> bytes:
    meta = {"resourceVersion": str(version), **({"continue": token} if token else {})}
    return json.dumps({"kind": "WorkflowList", "metadata": meta, "items": list(objects)}).encode()


def status(code: int, reason: str | None = None, message: str | None = None, **details: Any) -> dict[str, Any]:
    fields = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code}
    optional = {"reason": reason, "message": message, "details": details or None}
    return fields | {key: value for key, value in optional.items() if value is not None}


def refusal(code: int, reason: str | None = None, message: str | None = None, **details: Any) -> bytes:
    return json.dumps(status(code, reason, message, **details)).encode()


def a_watch(resource: Resource = WORKFLOWS, *, counters: Counters | None = None, seed: int = 1, **more: Any) -> Watch:
    return Watch("prod", resource, dice=Random(seed), counters=counters or Counters(), **more)


def next_request(watch: Watch) -> Request:
    """The next request, after any wait."""
    for _ in range(5):
        step = watch.step()
        if isinstance(step, Request):
            return step
    raise AssertionError("five steps and no request")


def request_at_once(watch: Watch) -> Request:
    """The next request, which must not need a wait."""
    step = watch.step()
    assert isinstance(step, Request), step
    return step


def a_pause(watch: Watch) -> Pause:
    step = watch.step()
    assert isinstance(step, Pause), step
    return step


def listed(*objects: Any, version: int = 100, now: Instant = NOON, **more: Any) -> Watch:
    """A watch whose first list showed these objects."""
    watch = a_watch(**more)
    assert next_request(watch).verb == "list"
    watch.answered(200, JSON, page(*objects, version=version), now)
    return watch


def watching(*objects: Any, version: int = 100, fence: int | None = None, now: Instant = NOON, **more: Any) -> Watch:
    """A watch with an open stream behind its first list, and its fence known."""
    watch = listed(*objects, version=version, now=now, **more)
    reopen(watch, fence=version if fence is None else fence, now=now)
    return watch


def reopen(watch: Watch, *, fence: int | None = None, now: Instant = NOON) -> Request:
    """Open the stream that the watch asks for."""
    request = next_request(watch)
    assert request.verb == "watch", request
    assert watch.opened(200, JSON, now)
    if fence is not None:
        assert next_side_request(watch).verb == "fence"
        watch.side_request_answered(200, JSON, page(version=fence), now)
    return request


def changes_of(outcomes: list[Outcome]) -> list[tuple[str, str, int]]:
    """Observations as change, uid and resource version."""
    return [(o.change, o.uid, (o.version & (1 << 56) - 1) >> 8) for o in outcomes if isinstance(o, Observation)]


def positions(outcomes: list[Outcome]) -> list[str]:
    return [o.resource_version for o in outcomes if isinstance(o, Position)]


def observed(outcomes: list[Outcome]) -> list[Any]:
    """The observations, as they may be looked into."""
    return of_type(outcomes, Observation)


def next_side_request(watch: Watch) -> Request:
    """The next request beside the open stream."""
    step = watch.side_request()
    assert isinstance(step, Request), step
    return step


def of_type(outcomes: list[Outcome], wanted: type[Any]) -> list[Any]:
    return [o for o in outcomes if isinstance(o, wanted)]


def restarts(counters: Counters) -> dict[str, int]:
    """How often a watch was opened again, by cause; without causes that did not happen."""
    return {cause: int(count) for cause, count in counters.by_label(WATCH_RESTARTS, "cause").items() if count}


def fallbacks(counters: Counters) -> int:
    return int(sum(counters.values(DECODE_FALLBACKS)))


def v(resource_version: int, epoch: int = 0) -> int:
    return version_of(epoch, resource_version)
