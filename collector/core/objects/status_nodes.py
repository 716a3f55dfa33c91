"""
Steps of a workflow: status.nodes as typed values, packed or not, and their graph.

This is separate from kubernetes.py since most events are handled without parsing a thousand nodes. Argo's nodes are steps,
not machines. `children` contains both the steps inside a node and the steps after it; build_graph() separates the two.
"""

import base64
import zlib
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

import brotli
import msgspec
import zstandard

from collector.core.model import NodeStatus
from collector.core.objects.kubernetes import Int32, WorkflowStatus, parse_time
from collector.core.objects.lenient import fit_object, parse_untyped, printable

MESSAGE_LIMIT = 4096
"""Characters kept of a message; its beginning contains the cause."""
UNPACKED_LIMIT = 64 * 1024**2
"""Bytes of unpacked steps; a workflow of a hundred thousand steps has fewer, a decompression bomb more."""
OBJECTS_LIMIT = 1_000_000
"""JSON objects in unpacked steps, ten for each of a hundred thousand: a dense bomb needs more memory than its bytes."""
MEMBERS_LIMIT = 16
"""Gzip members that are read; Argo writes one."""

GRAIN_MS = 1000
"""Argo's times are cut to whole seconds."""

NO_NODES = (b"", b"null", b"{}")
"""A status without plain steps; packed ones may stand beside it."""

GROUPS = frozenset({"Steps", "StepGroup", "DAG", "TaskGroup", "Retry"})
"""Types that contain other steps and do no work themselves."""
HOLDERS = frozenset({"StepGroup", "TaskGroup", "Retry"})
"""Types that list the steps inside them as children; steps inside other types name those as their boundary."""
FAILED = frozenset({"Failed", "Error"})
UNRUN = frozenset({"Skipped", "Omitted"})
FINISHED = FAILED | UNRUN | {"Succeeded"}


class NodeFlag(msgspec.Struct, gc=False):
    retried: bool | None = None
    hooked: bool | None = None


class NodeLock(msgspec.Struct, gc=False):
    waiting: str | None = None


class NodeTemplate(msgspec.Struct, gc=False):
    template: str | None = None


class Memoization(msgspec.Struct, gc=False):
    hit: bool | None = None


class Outputs(msgspec.Struct, gc=False):
    """Exit code of a step; its parameters and results belong to the user and are not read."""

    exitCode: str | None = None


class Node(msgspec.Struct, gc=False):
    """One entry of status.nodes: a step, not a machine."""

    id: str | None = None
    name: str | None = None
    displayName: str | None = None
    type: str | None = None
    templateName: str | None = None
    templateRef: NodeTemplate | None = None
    phase: str | None = None
    boundaryID: str | None = None
    message: str | None = None
    startedAt: str | None = None
    finishedAt: str | None = None
    children: list[str] | None = None
    nodeFlag: NodeFlag | None = None
    daemoned: bool | None = None
    hostNodeName: str | None = None
    outputs: Outputs | None = None
    memoizationStatus: Memoization | None = None
    synchronizationStatus: NodeLock | None = None
    taskResultSynced: bool | None = None
    failedPodRestarts: Int32 | None = None


class ParsedNodes(msgspec.Struct, frozen=True):
    """Steps of a workflow by node id, and the form in which they were stored."""

    nodes: dict[str, Node]
    how: NodeStatus
    """`plain`, `packed`, `offloaded` (in Argo's database only), `unreadable`; empty: there are none."""


_NODES = msgspec.json.Decoder(dict[str, Node] | None)


def raw_nodes(status: WorkflowStatus) -> bytes:
    """The steps of a workflow as JSON; packed ones are unpacked, which costs a few ms for each MB of them."""
    plain = bytes(status.nodes)
    return _unpacked(status.compressedNodes) if status.compressedNodes and plain in NO_NODES else plain


def parse_nodes(status: WorkflowStatus | None) -> ParsedNodes:
    """Parse the steps of a workflow. Plain steps take precedence over packed ones, as in Argo's own packer.go."""
    if status is None:
        return ParsedNodes({}, "")
    if plain := decode_nodes(status.nodes):
        return ParsedNodes(plain, "plain")
    if status.compressedNodes:
        packed = decode_nodes(_unpacked(status.compressedNodes))
        return ParsedNodes(packed, "packed" if packed else "unreadable")
    if status.offloadNodeStatusVersion:
        return ParsedNodes({}, "offloaded")
    return ParsedNodes({}, "" if bytes(status.nodes) in NO_NODES else "unreadable")


def decode_nodes(raw: bytes | msgspec.Raw) -> dict[str, Node]:
    """Parse steps from JSON, repaired where needed; none, if there is nothing to repair."""
    try:
        return _NODES.decode(raw) or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        entries = (parse_untyped(bytes(raw)) or {}).items()
        fitted = {printable(k): fit_object(v, Node).object for k, v in entries}
        return {k: v for k, v in fitted.items() if v is not None}


def _unpacked(text: str) -> bytes:
    """Unpack steps to JSON, by their magic bytes as in Argo 4.1; empty: truncated, a bomb, or followed by garbage."""
    try:
        # Go's base64 skips line ends and nothing else.
        packed = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
        raw = next((unpack for magic, unpack in _CODECS if packed.startswith(magic)), _brotli)(packed)
    except (ValueError, zlib.error, zstandard.ZstdError, brotli.error):
        return b""
    return raw if len(raw) <= UNPACKED_LIMIT and raw.count(b"{") <= OBJECTS_LIMIT else b""


def _gzip(packed: bytes) -> bytes:
    raw, rest = b"", packed
    for _ in range(MEMBERS_LIMIT):
        unpacker = zlib.decompressobj(wbits=31)
        raw += unpacker.decompress(rest, UNPACKED_LIMIT + 1 - len(raw))
        rest = unpacker.unused_data
        if not unpacker.eof:
            break
        if not rest:
            return raw
    return b""


def _zstd(packed: bytes) -> bytes:
    unpacker = zstandard.ZstdDecompressor(max_window_size=UNPACKED_LIMIT)
    return unpacker.stream_reader(packed, read_across_frames=True).read(UNPACKED_LIMIT + 1)


def _brotli(packed: bytes) -> bytes:
    unpacker = brotli.Decompressor()
    raw: bytes = unpacker.process(packed, output_buffer_limit=UNPACKED_LIMIT + 1)
    return raw if unpacker.is_finished() else b""


_CODECS: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = ((b"\x1f\x8b", _gzip), (b"\x28\xb5\x2f\xfd", _zstd))


def template_of(node: Node) -> str:
    """Name of a step's template, in its own workflow or in another template; empty: unknown."""
    return (node.templateRef and node.templateRef.template) or node.templateName or ""


def is_memoized(node: Node) -> bool:
    """Whether a step's result was read from a cache."""
    return bool(node.memoizationStatus and node.memoizationStatus.hit)


def has_pod(node: Node) -> bool:
    """Whether a pod is created for a step; a cache hit has the type Pod too, but no pod."""
    return node.type == "Pod" and node.phase not in UNRUN and not is_memoized(node)


def has_worked(node: Node) -> bool:
    """Whether a step worked: a machine took its pod, it has an exit code, or it went well and is not from a cache.

    Argo writes a node of type Pod, with an end, also where it never made a pod."""
    went_well = node.phase == "Succeeded" and node.type not in GROUPS and not is_memoized(node)
    return bool(node.hostNodeName or (node.outputs and node.outputs.exitCode) or went_well)


def has_lasted(node: Node) -> bool:
    """Whether a step's record outlived the pass of the controller that made it; its times are whole seconds."""
    started_at, finished_at = parse_time(node.startedAt), parse_time(node.finishedAt)
    return bool(started_at and finished_at and finished_at - started_at > GRAIN_MS)


def is_hook(node: Node) -> bool:
    """Whether a step is an exit handler or a lifecycle hook; before Argo 3.5 only the name of an exit handler shows it."""
    return bool(node.nodeFlag and node.nodeFlag.hooked) or (node.displayName or "").endswith(".onExit")


class Graph(msgspec.Struct, frozen=True):
    """Relations between the steps of a workflow. Ids of missing nodes appear only in `tries`."""

    holder: dict[str, str]
    """Node in which a node runs: its Retry or group, else its boundary."""
    held: dict[str, list[str]]
    """Nodes that run in a node: the inverse of `holder`."""
    tries: dict[str, list[str]]
    """Tries of each Retry node, in order, without its hooks."""
    before: dict[str, list[str]]
    """Nodes that a node follows directly, including its previous try."""
    followed: set[str]
    """Nodes after which another node ran: if they failed, the failure was tolerated."""
    hooks: set[str]
    """Exit handlers and lifecycle hooks, and all nodes inside them."""


def build_graph(nodes: Mapping[str, Node]) -> Graph:
    """Build the graph of steps, in time linear in nodes and edges; cycles are cut."""
    inner = {key: _inner(nodes, key) for key, node in nodes.items() if node.type in HOLDERS}
    tries = {key: children for key, children in inner.items() if nodes[key].type == "Retry"}
    holder = {k: n.boundaryID for k, n in nodes.items() if n.boundaryID and n.boundaryID in nodes and n.boundaryID != k}
    holder |= {child: key for key, children in inner.items() for child in children if child in nodes}
    held: dict[str, list[str]] = {}
    for key, outer in holder.items():
        held.setdefault(outer, []).append(key)
    before, followed = _follow_edges(nodes, holder)
    for attempts in tries.values():
        for earlier, later in pairwise(attempts):
            before.setdefault(later, []).append(earlier)
    hooks = {key for key, node in nodes.items() if is_hook(node)}
    return Graph(
        holder=holder,
        held=held,
        tries=tries,
        before=before,
        followed=followed,
        hooks=hooks | descendants(held, hooks),
    )


def descendants(held: Mapping[str, list[str]], outer: Iterable[str]) -> set[str]:
    """All nodes inside the given nodes, at any depth."""
    found: set[str] = set()
    stack = list(outer)
    while stack:
        for inner in held.get(stack.pop(), ()):
            if inner not in found:
                found.add(inner)
                stack.append(inner)
    return found


def _inner(nodes: Mapping[str, Node], key: str) -> list[str]:
    """Children that run in a group; the tries of a hook are hooks themselves, all other hooks run beside the group."""
    outer = nodes[key]
    children = [child for child in dict.fromkeys(outer.children or ()) if child != key]
    return [
        c for c in children if c not in nodes or ((is_hook(outer) or not is_hook(nodes[c])) and _holds(outer, nodes[c]))
    ]


def _holds(outer: Node, inner: Node) -> bool:
    """Whether a child of a group runs in it: a step after an empty group is its child too, but has another name."""
    if inner.type == "StepGroup":
        return False
    return not (outer.name and inner.name) or inner.name.startswith((f"{outer.name}(", f"{outer.name}."))


def _follow_edges(nodes: Mapping[str, Node], holder: Mapping[str, str]) -> tuple[dict[str, list[str]], set[str]]:
    """Nodes before each node, and nodes that others follow: the last node of a group stands for the whole group."""
    before: dict[str, list[str]] = {}
    followed: set[str] = set()
    for key, node in nodes.items():
        for child in node.children or ():
            if child not in nodes or child == key or holder.get(child) == key:
                continue
            before.setdefault(child, []).append(key)
            ended: str | None = key
            ran = nodes[child].phase != "Omitted" and not is_hook(nodes[child])
            while ran and ended and ended != holder.get(child) and ended not in followed:
                followed.add(ended)
                ended = holder.get(ended)
    return before, followed
