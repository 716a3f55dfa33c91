"""
Bytes of the Kubernetes API to typed objects that hold an allow-list of fields and nothing else.

Env values, arguments, parameters and secrets have no field here, so they can reach neither disk nor a log.
Everything is optional: real clusters send null for lists, and a strict decoder that raises on one pod stops a fleet.
What the typed decoder refuses gets an untyped second try that mends single fields; what then has no identity is refused.
"""

import base64
import json
import re
import types
import typing
import zlib
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Annotated, Any, cast

import msgspec

from collector.core.model import Instant

INT32 = 2**31
Int32 = Annotated[int, msgspec.Meta(ge=-INT32, lt=INT32)]
"""The CRD of a workflow has no schema: a priority of any size is accepted, and would stop a whole insert."""


class Owner(msgspec.Struct, gc=False):
    apiVersion: str | None = None
    kind: str | None = None
    name: str | None = None
    uid: str | None = None
    controller: bool | None = None


class Meta(msgspec.Struct, gc=False):
    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resourceVersion: str | None = None
    creationTimestamp: str | None = None
    deletionTimestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    ownerReferences: list[Owner] | None = None


class TemplateRef(msgspec.Struct, gc=False):
    name: str | None = None
    clusterScope: bool | None = None


class WorkflowSpec(msgspec.Struct, gc=False):
    priority: Int32 | None = None
    suspend: bool | None = None
    shutdown: str | None = None
    serviceAccountName: str | None = None
    workflowTemplateRef: TemplateRef | None = None


class SemaphoreLock(msgspec.Struct, gc=False):
    semaphore: str | None = None
    holders: list[str] | None = None


class MutexLock(msgspec.Struct, gc=False):
    mutex: str | None = None
    holder: str | None = None


class Semaphores(msgspec.Struct, gc=False):
    holding: list[SemaphoreLock] | None = None
    waiting: list[SemaphoreLock] | None = None


class Mutexes(msgspec.Struct, gc=False):
    holding: list[MutexLock] | None = None
    waiting: list[MutexLock] | None = None


class Synchronization(msgspec.Struct, gc=False):
    semaphore: Semaphores | None = None
    mutex: Mutexes | None = None


class WorkflowStatus(msgspec.Struct, gc=False):
    phase: str | None = None
    startedAt: str | None = None
    finishedAt: str | None = None
    message: str | None = None
    nodes: msgspec.Raw = msgspec.Raw(b"")
    """Kept as bytes: most events are judged without looking into a thousand nodes. See `nodes`."""
    compressedNodes: str | None = None
    offloadNodeStatusVersion: str | None = None
    synchronization: Synchronization | None = None


class Workflow(msgspec.Struct, gc=False):
    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: WorkflowSpec | None = None
    status: WorkflowStatus | None = None


class NodeFlag(msgspec.Struct, gc=False):
    retried: bool | None = None
    hooked: bool | None = None


class NodeLock(msgspec.Struct, gc=False):
    waiting: str | None = None


class Node(msgspec.Struct, gc=False):
    """One entry of status.nodes: a step, not a machine."""

    id: str | None = None
    displayName: str | None = None
    type: str | None = None
    templateName: str | None = None
    phase: str | None = None
    message: str | None = None
    startedAt: str | None = None
    finishedAt: str | None = None
    children: list[str] | None = None
    nodeFlag: NodeFlag | None = None
    synchronizationStatus: NodeLock | None = None


class Resources(msgspec.Struct, gc=False):
    requests: dict[str, str] | None = None
    limits: dict[str, str] | None = None


class Container(msgspec.Struct, gc=False):
    name: str | None = None
    resources: Resources | None = None
    restartPolicy: str | None = None


class PodSpec(msgspec.Struct, gc=False):
    nodeName: str | None = None
    serviceAccountName: str | None = None
    containers: list[Container] | None = None
    initContainers: list[Container] | None = None


class Condition(msgspec.Struct, gc=False):
    type: str | None = None
    status: str | None = None
    reason: str | None = None
    message: str | None = None
    lastTransitionTime: str | None = None


class Running(msgspec.Struct, gc=False):
    startedAt: str | None = None


class Waiting(msgspec.Struct, gc=False):
    reason: str | None = None
    message: str | None = None


class Terminated(msgspec.Struct, gc=False):
    exitCode: Int32 | None = None
    reason: str | None = None
    startedAt: str | None = None
    finishedAt: str | None = None


class ContainerState(msgspec.Struct, gc=False):
    running: Running | None = None
    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, gc=False):
    name: str | None = None
    restartCount: int | None = None
    state: ContainerState | None = None
    lastState: ContainerState | None = None


class PodStatus(msgspec.Struct, gc=False):
    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    startTime: str | None = None
    conditions: list[Condition] | None = None
    initContainerStatuses: list[ContainerStatus] | None = None
    containerStatuses: list[ContainerStatus] | None = None


class Pod(msgspec.Struct, gc=False):
    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: PodSpec | None = None
    status: PodStatus | None = None


class ApiNode(msgspec.Struct, gc=False):
    """A machine. Only its labels matter: product, region, zone, instance type."""

    metadata: Meta = msgspec.field(default_factory=Meta)


class Namespace(msgspec.Struct, gc=False):
    metadata: Meta = msgspec.field(default_factory=Meta)


class Status(msgspec.Struct, gc=False):
    """The API server's word for a failure, and the object of an ERROR event."""

    code: int | None = None
    reason: str | None = None
    message: str | None = None


KubernetesObject = Workflow | Pod | ApiNode | Namespace

OBJECT_OF: dict[str, type[Any]] = {"workflows": Workflow, "pods": Pod, "nodes": ApiNode, "namespaces": Namespace}
"""The struct that each watched kind decodes to."""


class Mended(msgspec.Struct):
    """An object that the untyped second try could save, and the paths it had to drop or turn into text."""

    object: Any
    paths: list[str]


def mend(untyped: Any, wanted: type[Any]) -> Mended:
    """Fit a parsed JSON value into a struct, field by field; a field of the wrong type becomes its default."""
    paths: list[str] = []
    return Mended(_fit(untyped, wanted, "", paths), paths)


def _fit(value: Any, wanted: Any, path: str, paths: list[str]) -> Any:
    """The value as the wanted type, or None with its path noted."""
    if value is None:
        return None
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        wanted = next(t for t in typing.get_args(wanted) if t is not type(None))
    if wanted is msgspec.Raw:
        return _fit_raw(value, path, paths)
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return _fit_struct(value, wanted, path, paths)
    if typing.get_origin(wanted) is list and isinstance(value, list):
        (item,) = typing.get_args(wanted)
        fitted = (_fit(v, item, f"{path}[{i}]", paths) for i, v in enumerate(value))
        return [v for v in fitted if v is not None]
    if typing.get_origin(wanted) is dict and isinstance(value, dict):
        entries = {str(_printable(k)): _fit(v, str, f"{path}.{k}", paths) for k, v in value.items()}
        return {k: v for k, v in entries.items() if v is not None}
    return _fit_scalar(value, wanted, path, paths)


def _fit_struct(value: Any, wanted: type[Any], path: str, paths: list[str]) -> Any:
    if not isinstance(value, dict):
        paths.append(path)
        return None
    hints = _hints(wanted)  # type: ignore[arg-type]  # mypy does not see that a class is hashable
    fitted = {f: _fit(value[f], t, f"{path}.{f}" if path else f, paths) for f, t in hints.items() if f in value}
    return wanted(**{f: v for f, v in fitted.items() if v is not None})


def _fit_raw(value: Any, path: str, paths: list[str]) -> msgspec.Raw | None:
    try:
        return msgspec.Raw(json.dumps(_printable(value)).encode())
    except RecursionError:
        paths.append(path)
        return None


def _fit_scalar(value: Any, wanted: type[Any], path: str, paths: list[str]) -> Any:
    if wanted is str and isinstance(value, str):
        clean = _printable(value)
        if clean != value:
            paths.append(path)
        return clean
    if wanted is int and isinstance(value, float) and value.is_integer():
        paths.append(path)
        value = int(value)
    if type(value) is wanted and (wanted is bool or -INT32 <= value < INT32):
        return value
    paths.append(path)
    return json.dumps(value) if wanted is str and isinstance(value, (bool, int, float)) else None


def _printable(value: Any) -> Any:
    """Lone surrogates are legal in JSON and in no UTF-8; one of them in a label would break a whole scrape."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_printable(v) for v in value]
    if isinstance(value, dict):
        return {_printable(k): _printable(v) for k, v in value.items()}
    return value


@cache
def _hints(struct: type) -> dict[str, Any]:
    return typing.get_type_hints(struct)


_NODES = msgspec.json.Decoder(dict[str, Node] | None)


UNPACKED_LIMIT = 64 * 1024**2
"""Bytes of unpacked steps; a workflow of a hundred thousand has less, a bomb more."""


def nodes(status: WorkflowStatus | None) -> dict[str, Node]:
    """The steps of a workflow by node id; empty when there are none, or when they are offloaded or cannot be read."""
    if status is None:
        return {}
    found = _nodes(status.nodes)
    return found or _nodes(_unpacked(status.compressedNodes)) if status.compressedNodes else found


def _nodes(raw: bytes | msgspec.Raw) -> dict[str, Node]:
    try:
        return _NODES.decode(raw) or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        entries = (untyped(bytes(raw)) or {}).items()
        mended = {_printable(k): mend(v, Node).object for k, v in entries}
        return {k: v for k, v in mended.items() if v is not None}


def _unpacked(text: str) -> bytes:
    """The JSON of packed steps; empty when it is no whole gzip. Argo 4.1 can be told to pack otherwise; that is not read."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        raw = unpacker.decompress(base64.b64decode(text, validate=True), UNPACKED_LIMIT)
    except (ValueError, zlib.error):
        return b""
    return raw if unpacker.eof else b""


_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:)(\d\d)(\.\d{1,9})?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)")
_EARLIEST, _LATEST = 1_000_000_000_000, 4_102_444_800_000
"""September 2001 and the year 2100. containerd writes 1970 for a container that never started; ClickHouse's dates end."""


@lru_cache(maxsize=65536)
def instant(text: str | None) -> Instant | None:
    """An RFC 3339 time as Unix ms; None for null, for nonsense, and for the 1970 that means `never`."""
    match = _RFC3339.fullmatch(text) if text else None
    if match is None:
        return None
    head, second, fraction, zone = match.groups()
    # A leap second is smeared onto :59; Python refuses :60.
    text = f"{head}{'59' if second == '60' else second}{(fraction or '')[:7]}{'+00:00' if zone == 'Z' else zone}"
    try:
        ms = round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return ms if _EARLIEST <= ms < _LATEST else None


def untyped(line: bytes) -> dict[str, Any] | None:
    """The parsed line for a second try; None when it is not a JSON object at all."""
    try:
        value = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None
