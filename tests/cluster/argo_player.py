"""
Plays Argo's controller, and the kubelets, on a real control plane, from a recording of real ones.

Argo's own controller cannot be built here, but its writes are in tests/recorded, in the order a watcher saw them. They
are made again one after another, so that another watcher sees the same again. What only a server may say (uid,
resourceVersion, creationTimestamp) is this server's; a recorded uid anywhere inside an object becomes this server's.
"""

import asyncio
import json
import math
import re
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import zstandard

from tests.cluster.testbed import ARGO, ControlPlane, Json

RECORDED = Path(__file__).resolve().parent.parent / "recorded"
# In this order within a millisecond: owners before what they own.
PREFIXES = {
    "cronworkflows": ARGO,
    "workflows": ARGO,
    "pods": "/api/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "events": "/api/v1",
}
INSTANT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?=(?:\.\d+)?Z)")
UID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OURS_TO_SAY = ("name", "namespace", "labels", "annotations", "ownerReferences", "finalizers")
ORDER_TO_KWOK = "lab/"
JSON_BODY = "application/json"
MERGE_PATCH = "application/merge-patch+json"


class PlayError(RuntimeError):
    """The server refused a write that the recorded server accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One recorded event; its object stays text until it is played, when the uids to put into it are known."""

    at_ms: int
    kind: str
    namespace: str
    event: str
    line: str


@dataclass(slots=True, kw_only=True)
class Played:
    """An object on the server: its path and version there, and its last state in the recording."""

    path: str
    version: str
    recorded: Json


@dataclass(slots=True)
class ArgoPlayer:
    """
    Plays one recording, whole or bit by bit: each `play` goes on where the last one ended.

    With `kwok`, a pod that has orders for kwok (`lab/run`) lives by them in real time, and only its creation, labels,
    annotations and deletion are played; give `speed=1`, or workflows end before their pods. Without, all statuses are
    written here, and `lab/` annotations are omitted, so that kwok ignores the object. `speed` is recorded seconds per second.
    With `ends_now`, every recorded instant is moved by as much, so that the recording ends today: the server stamps
    creations with its own clock, and a pod that ran a week before its creation is refused a price.
    """

    plane: ControlPlane
    recording: Path
    kwok: bool = False
    speed: float = math.inf
    kinds: Collection[str] = ("cronworkflows", "workflows", "pods")
    ends_now: bool = False
    server_uid: dict[str, str] = field(default_factory=dict, init=False)
    """This server's uid of each object played so far, by its recorded uid."""
    steps: list[Step] = field(init=False)
    position: int = field(default=0, init=False)
    _played: dict[str, Played] = field(default_factory=dict, init=False)
    _session: aiohttp.ClientSession = field(init=False)
    _moved_by: timedelta = field(init=False)

    def __post_init__(self) -> None:
        self.steps = recorded_steps(self.recording, self.kinds)
        self._moved_by = timedelta(seconds=round(time.time() - self.steps[-1].at_ms / 1000))

    async def play(self, limit: int | None = None) -> dict[str, str]:
        """Plays `limit` steps, or all remaining ones; returns `server_uid`. The first call prepares the cluster."""
        end = len(self.steps) if limit is None else min(self.position + limit, len(self.steps))
        # A session a call: between two calls the server may be restarted, which pooled connections would not survive.
        connector = aiohttp.TCPConnector(ssl=self.plane.ssl_context())
        headers = self.plane.headers()
        async with aiohttp.ClientSession(self.plane.url, headers=headers, connector=connector) as self._session:
            if self.position == 0:
                await self._set_the_stage()
            clock = asyncio.get_running_loop().time
            # What was listed has no instant of arrival: it is due at once.
            start_s, start_ms = clock(), next((step.at_ms for step in self.steps[self.position : end] if step.at_ms), 0)
            while self.position < end:
                step = self.steps[self.position]
                due_s = start_s + (step.at_ms - start_ms) / 1000 / self.speed
                await asyncio.sleep(max(0.0, due_s - clock()))
                await self._play(step)
                self.position += 1
        return self.server_uid

    async def _set_the_stage(self) -> None:
        """Creates the recorded nodes and namespaces, and deletes the objects of an earlier play."""
        for kind, namespace in sorted({(step.kind, step.namespace) for step in self.steps}):
            path = f"{PREFIXES[kind]}/namespaces/{namespace}/{kind}"
            await self._send("DELETE", path, {"gracePeriodSeconds": 0})
        for kind in ("namespaces", "nodes"):
            for item in json.loads(_unpacked(self.recording / f"{kind}.list.json.zst"))["items"]:
                await self._settle(f"/api/v1/{kind}", item)

    async def _settle(self, path: str, item: Json) -> None:
        """Creates a node or namespace, or sets the recorded labels and annotations on the existing one."""
        new = _creatable(item)
        if await self._send("POST", path, new, may_fail_with=409) is None:
            marks = {key: new["metadata"].get(key) for key in ("labels", "annotations")}
            await self._send("PATCH", f"{path}/{new['metadata']['name']}", {"metadata": marks}, MERGE_PATCH)

    async def _play(self, step: Step) -> None:
        line = UID.sub(lambda found: self.server_uid.get(found[0], found[0]), step.line)
        if self.ends_now:
            line = _moved(line, self._moved_by)
        recorded: Json = json.loads(line)["event"]["object"]
        uid = recorded["metadata"]["uid"]
        if step.kind == "pods" and not self._is_kwoks(recorded):
            _forget_orders(recorded)
        if step.event == "ADDED":
            await self._create(step, recorded)
        elif step.event == "DELETED":
            # kwok, or the server itself, may have finished what a deletionTimestamp began.
            await self._send("DELETE", self._played.pop(uid).path, {"gracePeriodSeconds": 0}, may_fail_with=404)
        elif step.kind == "pods":
            await self._change_pod(self._played[uid], recorded)
        else:
            await self._replace(self._played[uid], recorded)

    async def _create(self, step: Step, recorded: Json) -> None:
        path = f"{PREFIXES[step.kind]}/namespaces/{step.namespace}/{step.kind}"
        created = await self._send("POST", path, _creatable(recorded)) or {}
        metadata = created["metadata"]
        self.server_uid[recorded["metadata"]["uid"]] = metadata["uid"]
        played = Played(path=f"{path}/{metadata['name']}", version=metadata["resourceVersion"], recorded=recorded)
        self._played[metadata["uid"]] = played

    async def _replace(self, played: Played, recorded: Json) -> None:
        """Writes the whole object, status included, as Argo does."""
        new = _creatable(recorded)
        new["metadata"]["resourceVersion"] = played.version
        answer = await self._send("PUT", played.path, new) or {}
        played.version, played.recorded = answer["metadata"]["resourceVersion"], recorded

    async def _change_pod(self, played: Played, recorded: Json) -> None:
        """Makes the writes of each party at a pod: labels and annotations of Argo and the cloud, the status of the kubelet."""
        before, played.recorded = played.recorded, recorded
        if marks := _changed_marks(before["metadata"], recorded["metadata"]):
            await self._send("PATCH", played.path, {"metadata": marks}, MERGE_PATCH)
        if recorded["status"] != before["status"] and not self._is_kwoks(recorded):
            await self._send("PUT", f"{played.path}/status", _creatable(recorded))
        if "deletionTimestamp" in recorded["metadata"] and "deletionTimestamp" not in before["metadata"]:
            grace_s = recorded["metadata"]["deletionGracePeriodSeconds"]
            await self._send("DELETE", played.path, {"gracePeriodSeconds": grace_s})

    def _is_kwoks(self, pod: Json) -> bool:
        return self.kwok and f"{ORDER_TO_KWOK}run" in pod["metadata"].get("annotations", {})

    async def _send(
        self, method: str, path: str, body: Json, content: str = JSON_BODY, may_fail_with: int | None = None
    ) -> Json | None:
        """The server's answer; None for the one failure that counts as success."""
        data, headers = json.dumps(body), {"Content-Type": content}
        async with self._session.request(method, path, data=data, headers=headers) as answer:
            if answer.status == may_fail_with:
                return None
            if not answer.ok:
                raise PlayError(f"{method} {path}: {answer.status} {(await answer.text())[:1000]}")
            parsed: Json = await answer.json()
            return parsed


def recorded_steps(recording: Path, kinds: Collection[str]) -> list[Step]:
    """The recorded events of these kinds in order of arrival, what the first list held before them; no bookmarks."""
    steps = [step for kind in PREFIXES if kind in kinds for step in _steps_of(recording, kind)]
    return sorted(steps, key=lambda step: step.at_ms)


def _steps_of(recording: Path, kind: str) -> Iterator[Step]:
    listed = json.loads(_unpacked(recording / f"{kind}.list.json.zst"))["items"]
    lines = [json.dumps({"at": 0, "event": {"type": "ADDED", "object": item}}) for item in listed]
    lines += _unpacked(recording / f"{kind}.watch.jsonl.zst").splitlines()
    for line in lines:
        arrival = json.loads(line)
        event, metadata = arrival["event"]["type"], arrival["event"]["object"]["metadata"]
        if event != "BOOKMARK":
            yield Step(at_ms=arrival["at"], kind=kind, namespace=metadata["namespace"], event=event, line=line)


def _unpacked(file: Path) -> str:
    with zstandard.open(file, "rt", encoding="utf-8") as text:
        content: str = text.read()
        return content


def _moved(line: str, by: timedelta) -> str:
    """A line of the recording with each of its instants moved."""
    return INSTANT.sub(lambda found: (datetime.fromisoformat(found[0]) + by).isoformat(), line)


def _creatable(recorded: Json) -> Json:
    """The object without fields that only a server may set, and without managedFields, which name other writers."""
    metadata = {key: recorded["metadata"][key] for key in OURS_TO_SAY if key in recorded["metadata"]}
    return recorded | {"metadata": metadata}


def _forget_orders(pod: Json) -> None:
    annotations: dict[str, str] = pod["metadata"].get("annotations", {})
    for key in [key for key in annotations if key.startswith(ORDER_TO_KWOK)]:
        del annotations[key]


def _changed_marks(before: Json, after: Json) -> Json:
    """A merge patch of the labels and annotations that differ; None removes one."""
    marks = {}
    for part in ("labels", "annotations"):
        old, new = before.get(part, {}), after.get(part, {})
        if changed := {key: new.get(key) for key in old.keys() | new.keys() if old.get(key) != new.get(key)}:
            marks[part] = changed
    return marks
