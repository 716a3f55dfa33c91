"""
The workflows and pods of a simulated fleet: small states in memory, and the bytes that an API server would send of each.

Bytes come from the recorded lives of fixtures.py; a state is a tuple of numbers, so that 300,000 fit beside a collector.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from tests.bench import fixtures

WORKFLOWS, PODS = "workflows", "pods"
QUEUES = 10
"""Namespaces of a cluster that have workflows."""
RUNNING, FINISHED = 2, {WORKFLOWS: 4, PODS: 3}
"""Stages of the recorded lives: where work begins, and where it is over."""
OF_A_CLUSTER = 10_000_000
"""Numbers of a cluster's objects; the next cluster's follow."""

_MARK = re.compile(rb"@(NAME|UID|OWNER|WORKFLOW|SPACE|VERSION|E\d)@")
_SECONDS = re.compile(r"@T(\d+)@")
_SLOTS = ("NAME", "UID", "OWNER", "WORKFLOW", "SPACE", "VERSION", "E0", "E1", "E2", "E3", "E4")


class Thing(NamedTuple):
    """An object at one version."""

    kind: str
    number: int
    owner: int
    """The workflow of a pod; of a workflow its own number."""
    stage: int
    times: tuple[int, ...]
    """When it reached each of its stages, in seconds; a stage that is still ahead has the last instant."""
    version: int

    @property
    def uid(self) -> str:
        """As in metadata.uid."""
        return uid(self.kind, self.number)

    def body(self) -> bytes:
        """The object as JSON."""
        owner = self.owner
        values = (
            b"fleet-%09d" % self.number,
            uid(self.kind, self.number).encode(),
            uid(WORKFLOWS, owner).encode(),
            b"fleet-%09d" % owner,
            b"queue-%d" % (owner % QUEUES),
            b"%d" % self.version,
            *map(_stamp, self.times),
        )
        pieces, slots = _templates(self.kind)[self.stage]
        filled = list(pieces)
        for at, slot in slots:
            filled[at] = values[slot]
        return b"".join(filled)

    def event(self, change: str) -> bytes:
        """A line of a watch."""
        return b'{"type":"%s","object":%s}\n' % (change.encode(), self.body())

    def at_stage(self, stage: int, second: int, version: int) -> "Thing":
        """The same object later on."""
        times = self.times[:stage] + (second,) * (5 - stage)
        return self._replace(stage=stage, times=times, version=version)


def uid(kind: str, number: int) -> str:
    """The uid of the object with this number."""
    return f"{'5eed' if kind == WORKFLOWS else 'b0d0'}0000-0000-4000-8000-{number:012x}"


@lru_cache(100_000)
def _stamp(second: int) -> bytes:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}".encode()


Cut = tuple[list[bytes], list[tuple[int, int]]]
"""Pieces of an object's bytes, and which of them are filled with which value."""


@cache
def _templates(kind: str) -> list[Cut]:
    """The objects of a life, cut at their marks."""
    stages = [_marked(template) for template in fixtures.life(kind)]
    last = [max(map(int, _SECONDS.findall(text)), default=0) for text in stages]
    # One stage comes from another workflow, whose seconds say nothing about the later ones.
    last = [min(last[stage:]) for stage in range(len(last))]
    return [_cut(_timed(kind, stage, text, last)) for stage, text in enumerate(stages)]


def _marked(template: fixtures.Template) -> str:
    marks = [f"@{mark}@".encode() for mark in template.marks]
    pieces = [template.pieces[0], *(p for pair in zip(marks, template.pieces[1:], strict=True) for p in pair)]
    made: dict[str, Any] = json.loads(b"".join(pieces))["object"]
    space = made["metadata"]["namespace"]
    text = json.dumps(made, separators=(",", ":")).replace(f'"{space}"', '"@SPACE@"')
    return text.replace('"fanout-30"', '"@WORKFLOW@"')


def _timed(kind: str, stage: int, text: str, last: list[int]) -> str:
    """Each recorded second becomes the instant of the stage that first showed it; a workflow starts when it runs."""
    made: dict[str, Any] = json.loads(text)
    if kind == WORKFLOWS and stage >= RUNNING:
        status = json.dumps(made["status"]).replace("@T0@", f"@E{RUNNING}@")
        made["status"] = json.loads(status)

    def of_stage(match: re.Match[str]) -> str:
        return f"@E{next(n for n, most in enumerate(last) if n == stage or most >= int(match[1]))}@"

    return _SECONDS.sub(of_stage, json.dumps(made, separators=(",", ":")))


def _cut(text: str) -> Cut:
    halves = _MARK.split(text.encode())
    return halves, [(at, _SLOTS.index(halves[at].decode())) for at in range(1, len(halves), 2)]


def cluster_objects(cluster: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a cluster has before its first workflow: kind and object."""
    names = ("default", "kube-system", "argo", *(f"queue-{n}" for n in range(QUEUES)))
    for number, name in enumerate(names):
        labels = {"department": ("driving", "maps", "platform")[number % 3]}
        meta = {"name": name, "uid": f"0a0e{cluster:04x}-0000-4000-8000-{number:012x}", "labels": labels}
        yield "namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
    labels = {"type": "virtual-kubelet", "topology.kubernetes.io/region": "cn-hangzhou"}
    meta = {"name": "virtual-kubelet-cn-hangzhou-h", "uid": f"0a0d{cluster:04x}-0000-4000-8000-0", "labels": labels}
    yield "nodes", {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": {"capacity": {"cpu": "1000"}}}
