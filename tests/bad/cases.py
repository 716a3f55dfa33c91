"""
A bad input as data: the lines of a watch that contain it, and the expected outcome.

A case spoils one sound object, whose every field is known, so that what it expects is the sound row and the difference.
Secrets are planted in every object where pods and workflows carry them; no stored byte may show one.
"""

import base64
import copy
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from collector.core.objects.kubernetes import Kind
from tests.builders import ECI_2C4G, NOON, SECOND, VIRTUAL_NODE, a_step, iso, pod_json, workflow_json

CANARY = "hunter2-canary"
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
GIB = 1024**3

SEEN, UID = object(), object()
"""Stand in an expectation for the instant of the line and for the object's uid."""

Obj = dict[str, Any]
Rows = Mapping[str, Mapping[str, Any] | None]
"""By table: fields of the object's newest row, or None where it must have no row."""
Spoil = Callable[[Any], Any]


@dataclass(frozen=True)
class Expected:
    """The expected outcome of a bad input."""

    how: str
    """`accepted`, `repaired` (by the second try), `quarantined`, `ignored`, or `reopened`: the stream, at the same version."""
    rows: Rows
    reason: str = ""


@dataclass(frozen=True)
class Case:
    """One bad input."""

    name: str
    """Begins with its number in the list of bad inputs."""
    kind: Kind
    lines: Callable[[str, int], list[bytes]]
    """The lines about an object of this uid, from this resource version on."""
    expected: Expected


def accepted(*rows: Rows) -> Expected:
    """Taken by the typed decoder, with these rows."""
    return Expected("accepted", _merged(rows))


def repaired(*rows: Rows) -> Expected:
    """Taken by the second try, with these rows."""
    return Expected("repaired", _merged(rows))


def quarantined(reason: str) -> Expected:
    """Set aside for this reason, with no other row."""
    return Expected("quarantined", NOTHING, reason)


def reopened(cause: str) -> Expected:
    """The stream is opened again at its position for this cause, and the line has no effect."""
    return Expected("reopened", NOTHING, cause)


def _merged(rows: tuple[Rows, ...]) -> Rows:
    return {table: fields for some in rows for table, fields in some.items()}


NOTHING: Rows = {"workflow_run": None, "workflow_live": None, "pod_run": None, "pod_cost": None}
IGNORED = Expected("ignored", NOTHING)
NO_POD: Rows = {"pod_run": None, "pod_cost": None}


def run(**changes: Any) -> Rows:
    """The row of the sound workflow with these changes."""
    fields = {
        "name": UID, "namespace": "team", "created_at": NOON, "attempt": 1, "template": "", "queue": "team",
        "priority": 0, "labels": {"department": "autonomy"}, "department": "autonomy", "started_at": NOON + SECOND,
        "finished_at": NOON + 71 * SECOND, "phase": "Succeeded", "outcome": "succeeded", "reason": "", "message": "",
        "retries": 1, "complete": True,
    }  # fmt: skip
    obj: dict[str, Any] = fields | changes
    if obj["namespace"]:  # a rule reads its namespace's label too
        obj["labels"] = obj["labels"] | {"namespace:department": "robotics"}
    return {"workflow_run": obj}


def live(**fields: Any) -> Rows:
    """The row of a live workflow."""
    return {"workflow_run": None, "workflow_live": {"is_deleted": 0, "name": UID} | fields}


def pod(**changes: Any) -> Rows:
    """The evidence of the sound pod with these changes."""
    fields = {
        "name": UID, "namespace": "team", "created_at": NOON, "attempt": 1, "node_name": VIRTUAL_NODE,
        "region": "cn-hangzhou", "cpu": Decimal(2), "memory_bytes": 4 * GIB, "gpu": Decimal(0), "ephemeral_bytes": 0,
        "scheduled_at": NOON, "instance_created_at": NOON, "main_started_at": NOON + 10 * SECOND,
        "finished_at": NOON + 70 * SECOND, "phase": "Succeeded", "reason": "", "exit_code": 0,
    }  # fmt: skip
    return {"pod_run": fields | changes}


def cost(**changes: Any) -> Rows:
    """The charge of the sound pod, 70 s of 2 vCPU and 4 GiB, with these changes."""
    fields = {"billed_from": NOON, "billed_seconds": 70, "cost": Decimal("0.0013468"), "confidence": "high"}
    return {"pod_cost": fields | changes}


# Sound objects.


def sound_workflow(uid: str) -> Obj:
    """A workflow that succeeded with its second try."""
    obj = workflow_json(
        uid, phase="Succeeded", started=NOON + SECOND, finished=NOON + 71 * SECOND, labels={"department": "autonomy"},
        annotations={APPLIED: CANARY}, nodes=steps(uid), storedTemplates={"t": {"container": {"args": [CANARY]}}},
        outputs={"parameters": [{"name": "token", "value": CANARY}]},
    )  # fmt: skip
    obj["spec"] = {
        "arguments": {"parameters": [{"name": "token", "value": CANARY}]},
        "templates": [{"name": "t", "script": {"source": CANARY, "env": [{"name": "TOKEN", "value": CANARY}]}}],
    }
    return obj


def steps(uid: str) -> dict[str, Obj]:
    """A step with two attempts; only the steps show the retry."""
    secret = {"parameters": [{"name": "token", "value": CANARY}]}
    span: Obj = {
        "startedAt": iso(NOON + SECOND),
        "finishedAt": iso(NOON + 71 * SECOND),
        "inputs": secret,
        "outputs": secret,
    }
    tries = [f"{uid}-1", f"{uid}-2"]
    return {
        uid: a_step(kind="Retry", id=uid, displayName="step", children=tries, **span),
        tries[0]: a_step("Failed", id=tries[0], displayName="step(0)", message="exit code 1", boundaryID=uid, **span),
        tries[1]: a_step(id=tries[1], displayName="step(1)", boundaryID=uid, **span),
    }


def sound_pod(uid: str) -> Obj:
    """A pod whose main container ran from 10 s to 70 s after noon."""
    obj = pod_json(
        uid, owner=f"w-{uid}", phase="Succeeded", started=NOON + 10 * SECOND, ended=NOON + 70 * SECOND,
        labels={"a": "b"}, annotations=ECI_2C4G | {APPLIED: CANARY, "workflows.argoproj.io/template": CANARY},
    )  # fmt: skip
    obj["spec"]["containers"][0] |= {
        "command": [CANARY], "args": [f"--password={CANARY}"], "env": [{"name": "TOKEN", "value": CANARY}],
    }  # fmt: skip
    return obj


def sound_machine(uid: str) -> Obj:
    """A node of the cluster."""
    return {"metadata": {"name": uid, "uid": uid, "labels": {"type": "virtual-kubelet"}, "annotations": {"a": CANARY}}}


def sound_cron(uid: str) -> Obj:
    """A cron workflow that runs every minute, with a secret in its workflow spec."""
    return {
        "metadata": {"name": uid, "namespace": "team", "uid": uid, "creationTimestamp": iso(NOON)},
        "spec": {"schedules": ["* * * * *"], "concurrencyPolicy": "Forbid", "workflowSpec": {"arguments": [CANARY]}},
        "status": {"active": [], "lastScheduledTime": iso(NOON)},
    }


def sound_event(uid: str) -> Obj:
    """A scheduler's event about a pod."""
    return {
        "metadata": {"name": uid, "namespace": "team", "uid": uid, "managedFields": [CANARY]},
        "involvedObject": {"kind": "Pod", "namespace": "team", "name": f"p-{uid}", "uid": f"p-{uid}"},
        "type": "Warning", "reason": "FailedScheduling", "message": "0/1 nodes", "lastTimestamp": iso(NOON),
    }  # fmt: skip


SOUND: dict[Kind, Callable[[str], Obj]] = {
    "workflows": sound_workflow, "pods": sound_pod, "nodes": sound_machine, "namespaces": sound_machine,
    "cronworkflows": sound_cron, "events": sound_event,
}  # fmt: skip


# How a case is made.


def line(obj: Any, change: Any = "MODIFIED") -> bytes:
    """One event as the API server writes it."""
    return json.dumps({"type": change, "object": obj}).encode() + b"\n"


def versioned(obj: Obj, rv: int) -> Obj:
    """The object at this version."""
    obj["metadata"]["resourceVersion"] = str(rv)
    return obj


def case(name: str, kind: Kind, spoil: Spoil, expected: Expected, *more: Spoil, change: Any = "MODIFIED") -> Case:
    """A sound object spoiled once; with more spoils it is sent once for each, spoiled in another way each time."""

    def lines(uid: str, rv: int) -> list[bytes]:
        obj = (versioned(SOUND[kind](uid), rv + i) for i in range(1 + len(more)))
        return [line(by(object_), change) for by, object_ in zip((spoil, *more), obj, strict=True)]

    return Case(name, kind, lines, expected)


def twisted(name: str, kind: Kind, twist: Callable[[bytes], bytes], expected: Expected) -> Case:
    """The line of a sound object whose bytes are spoiled."""
    return Case(name, kind, lambda uid, rv: [twist(line(versioned(SOUND[kind](uid), rv)))], expected)


def sound(obj: Obj) -> Obj:
    """The object as it is."""
    return obj


def any_of(*values: Any) -> tuple[Any, ...]:
    """Values of every type."""
    return values


def put(value: Any, *path: str | int) -> Spoil:
    """Puts a value at a path."""

    def spoil(obj: Obj) -> Obj:
        inner: Any = obj
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = copy.deepcopy(value)
        return obj

    return spoil


def drop(*path: str | int) -> Spoil:
    """Removes the value at a path."""

    def spoil(obj: Obj) -> Obj:
        inner: Any = obj
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        return obj

    return spoil


def all_of(*spoils: Spoil) -> Spoil:
    """Applies several spoils, one after another."""

    def spoil(obj: Any) -> Any:
        for one in spoils:
            obj = one(obj)
        return obj

    return spoil


def instead(value: Any) -> Spoil:
    """Replaces the object by a value."""
    return lambda _: value


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Replaces bytes by others, once."""

    def twist(text: bytes) -> bytes:
        assert old in text, old
        return text.replace(old, new, 1)

    return twist


def packed(pack: Callable[[bytes], str], *, keep_open: bool = False) -> Spoil:
    """The steps as compressedNodes, packed in this way."""

    def spoil(obj: Obj) -> Obj:
        nodes = obj["status"]["nodes"] if keep_open else obj["status"].pop("nodes")
        obj["status"]["compressedNodes"] = pack(json.dumps(nodes).encode())
        return obj

    return spoil


def as_argo_packs(raw: bytes) -> str:
    """gzip in base64."""
    return base64.b64encode(gzip.compress(raw, 1)).decode()
