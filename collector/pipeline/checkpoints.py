"""
The state of a cluster as bytes, one piece an object: a restart continues from them.

A piece that this release cannot read does not stop the collector: its cluster starts from lists, and the gap is recorded.
"""

from typing import assert_never, cast, get_args

import msgspec
import zstandard

from collector.core.argo import controller
from collector.core.argo.cron import CronState
from collector.core.change_log import StateKind
from collector.core.cluster.state import Cluster
from collector.core.facts.bills import NodeRun
from collector.core.facts.workflows import WorkflowLive
from collector.core.messages import Checkpoint, Gone
from collector.core.pod.events import EventHint
from collector.core.pod.state import PodState
from collector.core.slices import Slices
from collector.core.workflow import layout_1
from collector.core.workflow import rows as workflow_rows
from collector.core.workflow.state import WorkflowState

STATE_KINDS = frozenset(get_args(StateKind))
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, zstandard.ZstdError)

WORTH_BYTES = 512
"""Size from which the state of a workflow is compressed, since each change writes it to the spool and to the store. A waiting
workflow has a fifth of this; one that ended with steps whose pods were not observed yet has many times as much."""

LARGEST = 1 << 28
"""Largest unpacked state in bytes; a workflow with thousands of steps has a few million."""

_ENCODER = msgspec.msgpack.Encoder()
_COMPRESSOR, _DECOMPRESSOR = zstandard.ZstdCompressor(level=1), zstandard.ZstdDecompressor()
"""Used by the thread of the event loop only."""
_WORKFLOW = msgspec.msgpack.Decoder(WorkflowState)
_POD = msgspec.msgpack.Decoder(PodState)
_HINT = msgspec.msgpack.Decoder(EventHint)
_CRON = msgspec.msgpack.Decoder(CronState)
_NODE = msgspec.msgpack.Decoder(NodeRun)


class Packer:
    """
    Packs the changed states of a cluster, many of them ahead of the commit that takes them.

    A commit has facts, positions, counters and states of one instant. A state that is packed ahead is that of this instant
    too, unless it was marked again meanwhile: then it is packed again.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._upserts: dict[tuple[StateKind, str], Checkpoint] = {}
        self._deletes: dict[tuple[StateKind, str], Gone] = {}
        self._next: list[tuple[StateKind, str]] = []
        """What was marked and is not packed yet, the first at the end."""

    def __len__(self) -> int:
        return len(self._upserts) + len(self._deletes) + self.unpacked

    @property
    def unpacked(self) -> int:
        """Number of states that a commit would have to pack now."""
        return len(self._next) + len(self._cluster.changes)

    def pack(self) -> Slices[None]:
        """Packs what is marked now, a state in each slice."""
        self._next = [*reversed(self._cluster.changes.drain()), *self._next]
        while self._next:
            one = self._next.pop()
            change = _change(self._cluster, *one)
            before = self._upserts.pop(one, None) or self._deletes.pop(one, None)
            if change.live is None and before is not None:  # the row that takes a workflow away is made once
                change = msgspec.structs.replace(change, live=before.live)
            if isinstance(change, Checkpoint):
                self._upserts[one] = change
            else:
                self._deletes[one] = change
            yield

    def take(self) -> tuple[list[Checkpoint], list[Gone]]:
        """Packs the rest; returns all states that changed since the last call, and the objects that need none any more."""
        for _ in self.pack():
            pass
        upserts, self._upserts = self._upserts, {}
        deletes, self._deletes = self._deletes, {}
        return [*upserts.values()], [*deletes.values()]


def _change(cluster: Cluster, kind: StateKind, key: str) -> Checkpoint | Gone:
    live = _live_row(cluster, key) if kind == "workflows" else None
    state = _packed(cluster, kind, key)
    if state is None:
        return Gone(cluster=cluster.name, kind=kind, uid=key, live=live)
    return Checkpoint(cluster=cluster.name, kind=kind, uid=key, state=state, live=live)


def _live_row(cluster: Cluster, uid: str) -> WorkflowLive | None:
    """The row in workflow_live of a changed workflow; of a forgotten one the row that takes it away."""
    forgotten = cluster.tracked.forgotten.pop(uid, None)
    state = cluster.workflows.get(uid) or forgotten
    return workflow_rows.live_of(cluster.name, state) if state else None


def _packed(cluster: Cluster, kind: StateKind, key: str) -> bytes | None:
    """The state of an object as bytes; None: the object needs none any more."""
    state: WorkflowState | PodState | EventHint | NodeRun | CronState | None
    match kind:
        case "workflows":
            state = cluster.workflows.get(key)
            return _compressed(_ENCODER.encode(state)) if state else None
        case "pods":
            state = cluster.pods.get(key)
        case "hints":
            state = (
                cluster.tracked.hints.of(key) if key not in cluster.pods else None
            )  # a known pod keeps its own notice
        case "nodes":
            state = cluster.plain_nodes.runs.get(key)
        case "cronworkflows":
            state = cluster.crons.state_of(key)
        case "controller":
            return controller.pack(cluster.controllers)
        case _:
            assert_never(kind)
    return None if state is None else _ENCODER.encode(state)


def _compressed(state: bytes) -> bytes:
    return _COMPRESSOR.compress(state) if len(state) >= WORTH_BYTES else state


def adopt(cluster: Cluster, kind: str, state: bytes) -> None:
    """Takes up one packed state; raises one of UNREADABLE if it is damaged or another release packed it differently."""
    if kind not in STATE_KINDS:
        raise msgspec.DecodeError(f"saved state of an unknown kind {kind!r}; it is from another release")
    _adopt(cluster, cast(StateKind, kind), _decompressed(state))


def _decompressed(state: bytes) -> bytes:
    if not state.startswith(zstandard.FRAME_HEADER):  # which no array begins with
        return state
    if zstandard.frame_content_size(state) > LARGEST:  # a damaged frame would be given the memory that it claims
        raise zstandard.ZstdError("claims to be larger than any state")
    return _DECOMPRESSOR.decompress(state)


def _workflow(state: bytes) -> WorkflowState:
    try:
        return _WORKFLOW.decode(state)
    except msgspec.ValidationError:
        return layout_1.decode(state)


def _adopt(cluster: Cluster, kind: StateKind, state: bytes) -> None:
    match kind:
        case "workflows":
            cluster.adopt([_workflow(state)], [])
        case "pods":
            cluster.adopt([], [_POD.decode(state)])
        case "hints":
            cluster.tracked.hints.adopt(_HINT.decode(state))
        case "nodes":
            cluster.plain_nodes.adopt(_NODE.decode(state))
        case "cronworkflows":
            cluster.crons.adopt(_CRON.decode(state))
        case "controller":
            cluster.controllers = controller.unpack(state)
        case _:
            assert_never(kind)
