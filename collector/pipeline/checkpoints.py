"""
The state of a cluster as bytes: what a restart goes on from, one piece an object.

A piece that this release cannot read is no reason to stop: its cluster starts from lists, and the break is written down.
"""

from collections.abc import Iterator

import msgspec
import zstandard

from collector.core.argo import controller
from collector.core.argo.cron import CronState
from collector.core.cluster.state import Cluster
from collector.core.facts.bills import NodeRun
from collector.core.messages import Checkpoint, Gone
from collector.core.pod.events import EventHint
from collector.core.pod.lifecycle import PodState
from collector.core.workflow import rows as workflow_rows
from collector.core.workflow.lifecycle import WorkflowState

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, zstandard.ZstdError)

WORTH_BYTES = 512
"""Of a workflow, from which on it is compressed: it is written to the spool and to the store each time it changes. One that
waits has a fifth of this, one that ended with steps whose pods are still to come has many times as much."""

LARGEST = 1 << 28
"""Bytes; of a workflow with thousands of steps it has a few millions."""

_ENCODER = msgspec.msgpack.Encoder()
_COMPRESSOR, _DECOMPRESSOR = zstandard.ZstdCompressor(level=1), zstandard.ZstdDecompressor()
"""Of the loop's own thread."""
_LIFE = msgspec.msgpack.Decoder(WorkflowState)
_POD = msgspec.msgpack.Decoder(PodState)
_HINT = msgspec.msgpack.Decoder(EventHint)
_CRON = msgspec.msgpack.Decoder(CronState)
_NODE = msgspec.msgpack.Decoder(NodeRun)


def changes(cluster: Cluster) -> Iterator[Checkpoint | Gone]:
    """The lives that changed since this was last asked, packed, and those that need no state any more."""
    touched, cluster.kept.touched = cluster.kept.touched, {}
    for (kind, uid), life in touched.items():
        live = workflow_rows.live_of(cluster.name, life) if life else None
        state = _packed(cluster, kind, uid)
        if state is None:
            yield Gone(cluster=cluster.name, kind=kind, uid=uid, live=live)
        else:
            yield Checkpoint(cluster=cluster.name, kind=kind, uid=uid, state=state, live=live)
    crons, cluster.crons.touched = cluster.crons.touched, {}
    for key in crons:
        cron = cluster.crons.life(key)
        if cron is None:
            yield Gone(cluster=cluster.name, kind="cronworkflows", uid=key)
        else:
            yield Checkpoint(cluster=cluster.name, kind="cronworkflows", uid=key, state=_ENCODER.encode(cron))
    yield from _notices(cluster)
    yield from _nodes(cluster)


def _nodes(cluster: Cluster) -> Iterator[Checkpoint | Gone]:
    machines = cluster.machines
    touched, machines.touched = machines.touched, {}
    for uid in touched:
        run = machines.runs.get(uid)
        if run is None:
            yield Gone(cluster=cluster.name, kind="nodes", uid=uid)
        else:
            yield Checkpoint(cluster=cluster.name, kind="nodes", uid=uid, state=_ENCODER.encode(run))


def _notices(cluster: Cluster) -> Iterator[Checkpoint | Gone]:
    """Notices of release whose pod has not been seen yet: a known pod keeps its own."""
    notices, cluster.hints.touched = cluster.hints.touched, {}
    for uid in notices:
        notice = cluster.hints.of(uid)
        if notice is None or uid in cluster.pods:
            yield Gone(cluster=cluster.name, kind="hints", uid=uid)
        else:
            yield Checkpoint(cluster=cluster.name, kind="hints", uid=uid, state=_ENCODER.encode(notice))


def _packed(cluster: Cluster, kind: str, uid: str) -> bytes | None:
    if kind == "workflows":
        life = cluster.workflows.get(uid)
        return _compressed(_ENCODER.encode(life)) if life else None
    if kind == "pods":
        pod = cluster.pods.get(uid)
        return _ENCODER.encode(pod) if pod else None
    return controller.pack(cluster.controllers)


def _compressed(state: bytes) -> bytes:
    return _COMPRESSOR.compress(state) if len(state) >= WORTH_BYTES else state


def adopt(cluster: Cluster, kind: str, state: bytes) -> None:
    """Take up one piece; one of UNREADABLE when another release packed it otherwise."""
    if state.startswith(zstandard.FRAME_HEADER):  # which no array begins with
        if zstandard.frame_content_size(state) > LARGEST:  # damaged, it would be given the memory that it claims
            raise zstandard.ZstdError("claims to be larger than any state")
        state = _DECOMPRESSOR.decompress(state)
    match kind:
        case "workflows":
            cluster.adopt([_LIFE.decode(state)], [])
        case "pods":
            cluster.adopt([], [_POD.decode(state)])
        case "hints":
            cluster.hints.adopt(_HINT.decode(state))
        case "nodes":
            cluster.machines.adopt(_NODE.decode(state))
        case "cronworkflows":
            cluster.crons.adopt(_CRON.decode(state))
        case _:
            cluster.controllers = controller.unpack(state)
